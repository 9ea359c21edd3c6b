"""Every figure of exitkit's own beside another commit's, in one run on one machine, by turns.

`git worktree add ../before COMMIT && make -C ../before .venv-bench/.ready`, then
`make bench BENCH=before ARGS=../before/.venv-bench/bin/python`. What is told is the median of the ratios of pairs, one
command right after the other, so that what else the machine does falls on both. More than the tolerance is told as
worse, and is no failure.
"""

import argparse
import http.server
import statistics
import sys
import tempfile
import threading
from pathlib import Path

import cleanup
import ship
import startup
from measure import PYTHON, environment, taken, versions

TOLERANCE = 1.03  # what two runs of one and the same commit differ by at most, seen in pairs of 20
FILES, LINES = 50_000, 300_000


def starts(folder):
    """Commands that only start, or send one message: name, and what is called for an interpreter."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), startup.Receiver)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    facts = ["--status", "Failed", "--name", "train-x7k2p", "--namespace", "ml"]
    url = f"http://127.0.0.1:{server.server_port}/"
    lines = {
        "--version": ["--version"],
        "--help": ["--help"],
        "notify console": ["notify", "console", *facts],
        "notify webhook": ["notify", "webhook", "--url", url, *facts],
    }

    def measured(python, words, environ):
        return taken([python, "-I", "-m", "exitkit", *words], environ, folder)

    return {
        name: lambda python, environ, words=words: measured(python, words, environ) for name, words in lines.items()
    }


def objects(case):
    def measured(python, environ):
        with cleanup.canned(case, case.objects) as url:
            return taken([python, *cleanup.command("exitkit", url)[1:]], environ, environ["HOME"])

    return measured


def files(python, environ):
    top = Path(environ["HOME"]) / "bench-run"
    cleanup.plant(top, FILES)
    words = ["cleanup", "files", "--anything", "--limit", "100000000", "--roots", str(top.parent), "--paths", str(top)]
    found = taken([python, "-I", "-m", "exitkit", *words], environ, environ["HOME"])
    if top.exists():
        sys.exit(f"{python} left files")
    return found


def shipped(target, log):
    def measured(python, environ):
        counts = {}
        with ship.sink(counts) as port:
            words = [target, "--url", f"http://127.0.0.1:{port}", "--from", str(log), *ship.FACTS]
            found = taken([python, *ship.EXITKIT[1:], *words], environ, environ["HOME"])
        if counts["different"] != LINES:
            sys.exit(f"{python} ship {target}: {counts} of {LINES} lines")
        return found

    return measured


def commands(folder):
    log = Path(folder) / "main.log"
    ship.write_log(log, LINES)
    known = cleanup.cases()
    return {
        **{name: (measured, 1) for name, measured in starts(folder).items()},
        "cleanup s3, 100,000": (objects(known["client"]), 4),
        "cleanup s3, latencies": (objects(known["flat"]), 4),
        f"cleanup files, {FILES:,}": (files, 4),
        **{f"ship {target}, {LINES:,}": (shipped(target, log), 4) for target in ("loki", "elasticsearch", "otlp")},
    }


def row(name, pairs):
    """The medians of now, and of the ratios of now to before."""
    cells = [f"`exitkit {name}`"]
    worse = False
    for what, unit in (("wall", 1e3), ("cpu", 1e3), ("peak", 2**-20)):
        now = statistics.median(getattr(one, what) for one, _ in pairs)
        ratio = statistics.median(getattr(one, what) / getattr(other, what) for one, other in pairs)
        worse |= ratio > TOLERANCE
        cells.append(f"{now * unit:.0f} | {ratio:.2f}")
    return f"| {' | '.join(cells)} | {'worse' if worse else 'no worse'} |"


def main():
    parser = argparse.ArgumentParser(description="Measure exitkit beside another commit of its own.")
    parser.add_argument("before", help="the Python of the other commit's .venv-bench")
    parser.add_argument("--rounds", type=int, default=20, help="pairs of the short commands; a fourth for the others")
    parser.add_argument("--only", default="", help="only commands that begin so")
    wanted = parser.parse_args()
    print(f"{versions('argo-exitkit')}; {wanted.rounds} pairs, by turns\n")
    print("| command | wall ms | x before | CPU ms | x before | peak MiB | x before | |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(folder) | {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_REGION": "us-east-1",
        }
        for name, (measured, share) in commands(folder).items():
            if not name.startswith(wanted.only):
                continue
            pairs = []
            for turn in range(1 + max(2, wanted.rounds // share)):  # the first warms the disk's cache
                order = (PYTHON, wanted.before) if turn % 2 else (wanted.before, PYTHON)
                both = {python: measured(python, environ) for python in order}
                if turn:
                    pairs.append((both[PYTHON], both[wanted.before]))
            print(row(name, pairs), flush=True)


if __name__ == "__main__":
    main()
