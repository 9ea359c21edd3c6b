"""How fast exitkit deletes, and with how much of the machine, beside what people use for it, in one run.

Objects: against a server that answers from what it is told and does nothing, so that the client is measured; with
S3's latencies put in; and against a real server, versitygw, where it is installed. Files: on this disk. The
commands take turns. A missed aim is reported and is no failure; one that deletes too little is.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from measure import BIN, PYTHON, environment, taken, versions

SERVER = str(Path(__file__).with_name("s3server.py"))
EXITKIT = [PYTHON, "-I", "-m", "exitkit"]
BOTO3 = (
    "import boto3, sys; bucket = boto3.resource('s3', endpoint_url=sys.argv[1]).Bucket('bench');"
    "bucket.objects.filter(Prefix='run/').delete()"
)
OBSTORE = (
    "import sys, obstore, obstore.store as stores;"
    "store = stores.S3Store('bench', endpoint=sys.argv[1], client_options={'allow_http': True}, region='us-east-1');"
    "[obstore.delete(store, [one['path'] for one in page]) for page in obstore.list(store, 'run/', chunk_size=1000)]"
)
RMTREE = "import shutil, sys; shutil.rmtree(sys.argv[1])"
LIST_MS, DELETE_MS = 80, 300  # of S3 in one region: a listing, and a deletion of 1000 keys


class Aim(NamedTuple):
    """One command beside another: at most so many times of its wall time, or of its `cpu`."""

    beside: str
    most: float
    what: str = "wall"


class Case(NamedTuple):
    """What is deleted, by whom, and what exitkit is to reach. `fewer` objects for who would take minutes."""

    title: str
    objects: int
    peers: tuple[str, ...]
    aims: tuple[Aim, ...]
    layout: str = "flat"
    latencies: tuple[int, int] = (0, 0)
    fewer: tuple[tuple[str, int], ...] = ()


def cases():
    slow, quarter = (LIST_MS, DELETE_MS), (Aim("s5cmd", 0.25),)
    fifth = (Aim("s5cmd", 0.2), Aim("s5cmd", 0.1, "cpu"))
    everybody = ("s5cmd", "aws s3 rm", "boto3", "obstore")
    few = (("aws s3 rm", 5_000),)
    latencies = f"{LIST_MS} ms a listing and {DELETE_MS} ms a deletion"
    return {
        "client": Case("The client's own limit", 100_000, everybody, (*fifth, Aim("boto3", 0.04)), fewer=few),
        "million": Case("The client's own limit, ten times as many", 1_000_000, ("s5cmd",), fifth),
        "prefixes": Case(f"{latencies}, 256 prefixes", 100_000, ("s5cmd",), quarter, "prefixes", slow),
        "flat": Case(f"{latencies}, one flat prefix", 100_000, ("s5cmd",), quarter, "flat", slow),
    }


def command(name, url):
    """How a peer deletes everything below run/ in the bucket."""
    return {
        "exitkit": [
            *(*EXITKIT, "cleanup", "s3", "--bucket", "bench", "--prefixes", "run/", "--anything"),
            *("--endpoint-url", url, "--limit", "100000000"),
        ],
        "s5cmd": [str(BIN / "s5cmd"), "--endpoint-url", url, "--log", "error", "rm", "s3://bench/run/*"],
        "aws s3 rm": [
            *(PYTHON, str(BIN / "aws"), "s3", "rm", "s3://bench/run/", "--recursive", "--only-show-errors"),
            *("--endpoint-url", url),
        ],
        "boto3": [PYTHON, "-c", BOTO3, url],
        "obstore": [PYTHON, "-c", OBSTORE, url],
    }[name]


@contextlib.contextmanager
def canned(case, objects):
    """A canned server for one run; all that it had must have been deleted."""
    words = ["--objects", str(objects), "--layout", case.layout]
    words += ["--list-ms", str(case.latencies[0]), "--delete-ms", str(case.latencies[1])]
    with subprocess.Popen([PYTHON, SERVER, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()
            counts = json.loads(server.stdout.readline())
    if counts["deleted"] != objects:
        sys.exit(f"{case.title}: {counts['deleted']} of {objects} objects were deleted")


def measured_canned(case, rounds, environ, folder):
    found = {}
    for _ in range(rounds):
        for name in ("exitkit", *case.peers):
            objects = dict(case.fewer).get(name, case.objects)
            with canned(case, objects) as url:
                found.setdefault(name, (objects, []))[1].append(taken(command(name, url), environ, folder))
    return found


def measured_real(objects, rounds, environ, folder):
    """versitygw with its files in memory where /dev/shm is, made anew for each run."""
    gateway = gateway_program()
    if gateway is None:
        return None
    shm = Path("/dev/shm")
    found = {}
    for _ in range(rounds):
        for name in ("exitkit", "s5cmd", "obstore"):
            with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else folder) as top:
                for number in range(objects):
                    if number % 1000 == 0:
                        part = Path(top) / "bench" / "run" / f"{number // 1000:04d}"
                        part.mkdir(parents=True)
                    (part / f"part-{number:07d}").write_bytes(b"x")
                with real(gateway, top) as url:
                    found.setdefault(name, (objects, []))[1].append(taken(command(name, url), environ, folder))
                if left := sum(len(files) for _, _, files in os.walk(Path(top) / "bench" / "run")):
                    sys.exit(f"{name} left {left} of {objects} objects")
    return found


def gateway_program():
    own = Path(os.environ.get("GOPATH", "/nowhere")) / "bin" / "versitygw"
    return str(own) if own.is_file() else shutil.which("versitygw")


@contextlib.contextmanager
def real(gateway, top):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    words = [gateway, "--port", f"127.0.0.1:{port}", "--access", "bench", "--secret", "bench-secret"]
    words += ["--keep-alive", "posix", "--nometa", top]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            while True:
                with socket.socket() as one:
                    if one.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def plant(top, files):
    """Empty files below a directory, 200 in each of its own."""
    for number in range(-(-files // 200)):
        part = top / f"{number % 16:02d}" / f"{number:05d}"
        part.mkdir(parents=True)
        for one in range(200):
            os.close(os.open(part / f"{one:03d}", os.O_CREAT | os.O_WRONLY, 0o644))


def measured_files(files, rounds, environ, folder):
    """A tree of 200 files a directory, made anew for each run."""
    top = Path(folder) / "bench-run"
    lines = {
        "exitkit": [*EXITKIT, *["cleanup", "files", "--anything", "--limit", "100000000"]],
        "exitkit, measure: false": [
            *EXITKIT,
            *["cleanup", "files", "--anything", "--limit", "100000000", "--no-measure"],
        ],
        "rm -rf": ["/bin/rm", "-rf", str(top)],
        "shutil.rmtree": [PYTHON, "-I", "-c", RMTREE, str(top)],
    }
    for name in lines:
        if name.startswith("exitkit"):
            lines[name] += ["--roots", folder, "--paths", str(top)]
    found = {}
    for _ in range(rounds):
        for name, line in lines.items():
            plant(top, files)
            found.setdefault(name, (files, []))[1].append(taken(line, environ, folder))
            if top.exists():
                sys.exit(f"{name} left files")
    return found


def table(title, found, aims):
    """The figures as Markdown, medians of the rounds."""
    own = found["exitkit"]
    yield f"### {title}\n"
    yield "| command | number | wall s | cpu s | a second | peak MiB | wall, exitkit = 1 |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    each = {}
    for name, (number, many) in found.items():
        wall, cpu = (statistics.median(getattr(one, what) for one in many) for what in ("wall", "cpu"))
        peak = max(one.peak for one in many)
        each[name] = {"wall": wall / number, "cpu": cpu / number}
        yield (
            f"| `{name}` | {number:,} | {wall:.2f} | {cpu:.2f} | {number / wall:,.0f} | {peak / 2**20:.0f} "
            f"| {each[name]['wall'] / each['exitkit']['wall']:.2f} |"
        )
    yield ""
    for aim in aims:
        ratio = each["exitkit"][aim.what] / each[aim.beside][aim.what]
        verdict = "met" if ratio <= aim.most else "missed"
        yield f"- {ratio:.2f} x the {aim.what} time of `{aim.beside}`; the aim is at most {aim.most:g} x: {verdict}."
    peak = max(one.peak for one in own[1]) / 2**20
    yield f"- {peak:.0f} MiB at most; the aim is 64 MiB: {'met' if peak <= 64 else 'missed'}.\n"


def main():
    known = cases()
    parser = argparse.ArgumentParser(description="Measure how exitkit deletes beside its peers.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each command runs")
    parser.add_argument("--cases", nargs="+", choices=[*known, "real", "files"], default=[*known, "real", "files"])
    wanted = parser.parse_args()
    rounds = max(1, wanted.rounds)
    print(f"{versions('argo-exitkit', 's5cmd', 'awscli', 'boto3', 'obstore')}; {rounds} rounds, commands by turns\n")
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(folder) | {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_REGION": "us-east-1",
        }
        for name in wanted.cases:
            if name == "files":
                found, title = measured_files(200_000, rounds, environ, folder), "Files on this disk"
                aims = (Aim("rm -rf", 1.5), Aim("shutil.rmtree", 1.0))
            elif name == "real":
                found, title = measured_real(20_000, rounds, environ, folder), "A real server (versitygw)"
                aims = (Aim("s5cmd", 1.0),)
            else:
                case = known[name]
                found, title, aims = measured_canned(case, rounds, environ, folder), case.title, case.aims
            if found is None:
                print("### A real server\n\nversitygw is not installed (`make test-integration` brings it).\n")
            else:
                print("\n".join(table(title, found, aims)), flush=True)


if __name__ == "__main__":
    main()
