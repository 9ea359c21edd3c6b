"""How long exitkit takes to start and to send, beside its peers, in one run on one machine.

The commands take turns, so that whatever else the machine does falls on all of them alike. Figures are
medians; a ratio says more than its milliseconds. A missed aim is reported and is no failure.
"""

import argparse
import http.server
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.prefix) / "bin"
PYTHON = str(BIN / "python")
# By the interpreter, because the first line of a script cannot hold a path with a space.
EXITKIT, APPRISE, AWS = ([PYTHON, str(BIN / name)] for name in ("exitkit", "apprise", "aws"))
TITLE, TEXT = "train-x7k2p Failed", "main: Error (exit code 137)"


# Prints the peak memory of a command. A process starts its count with the size of the one that made it, so
# the maker must be small; this one imports nothing.
PEAK = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Aim(NamedTuple):
    name: str
    beside: str
    most: float


AIMS = (
    Aim("exitkit --help", "python -I -c pass", 6.0),
    Aim("exitkit notify webhook", "apprise json://", 0.5),
)
SENDING = {"exitkit notify webhook", "apprise json://"}


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes every message, and says so at once."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append(len(body))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def commands(port):
    """What is measured: name and command line."""
    url = f"127.0.0.1:{port}/"
    facts = ["--status", "Failed", "--name", "train-x7k2p", "--namespace", "ml"]
    return {
        "python -I -c pass": [PYTHON, "-I", "-c", "pass"],
        "exitkit --help": [*EXITKIT, "--help"],
        "aws --version": [*AWS, "--version"],
        "apprise --help": [*APPRISE, "--help"],
        "apprise --version": [*APPRISE, "--version"],
        "exitkit notify webhook": [*EXITKIT, "notify", "webhook", "--url", f"http://{url}", *facts],
        "apprise json://": [*APPRISE, "-t", TITLE, "-b", TEXT, f"json://{url}"],
    }


def environment(home):
    """As in a container: no configuration, no cache to write to, and no network but loopback."""
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def run(command, environ, folder):
    """The seconds from start to end, and what was printed. Exits if the command fails."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        print(done.stderr.decode("utf-8", "replace"), file=sys.stderr)
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}")
    return seconds, done.stdout


def peak(command, environ, folder):
    """The largest resident set in bytes. Linux counts in KiB, macOS in bytes."""
    _, printed = run([PYTHON, "-I", "-S", "-c", PEAK, *command], environ, folder)
    return int(printed) * (1 if sys.platform == "darwin" else 1024)


def rounds(lines, number, environ, folder, received):
    """Peak bytes and seconds of all commands, run in turn; the turn for the memory also warms the disk's cache."""
    peaks, times = {}, {name: [] for name in lines}
    for turn in range(number + 1):
        for name, command in lines.items():
            before = len(received)
            if turn:
                times[name].append(run(command, environ, folder)[0])
            else:
                peaks[name] = peak(command, environ, folder)
            sends = name in SENDING
            if len(received) - before != sends:
                sys.exit(f"{name}: the server got {len(received) - before} messages, not {int(sends)}")
    return peaks, times


def table(peaks, times):
    """The figures as Markdown."""
    medians = {name: statistics.median(many) for name, many in times.items()}
    bare, peer = medians["python -I -c pass"], medians["apprise json://"]
    yield "| command | median ms | fastest ms | x bare python | x apprise sending | peak MiB |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, many in times.items():
        median = medians[name]
        yield (
            f"| `{name}` | {median * 1e3:.0f} | {min(many) * 1e3:.0f} | {median / bare:.1f} "
            f"| {median / peer:.2f} | {peaks[name] / 2**20:.0f} |"
        )
    yield ""
    for aim in AIMS:
        ratio = medians[aim.name] / medians[aim.beside]
        verdict = "met" if ratio <= aim.most else "missed"
        yield f"- `{aim.name}` is {ratio:.2f} x `{aim.beside}`; the aim is at most {aim.most:g} x: {verdict}."


def versions():
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("exitkit", "apprise", "awscli"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {packages}; {os.cpu_count()} cores, {platform.machine()}"


def main():
    parser = argparse.ArgumentParser(description="Measure exitkit's start and a whole notification beside its peers.")
    parser.add_argument("--rounds", type=int, default=15, help="how often each command runs")
    wanted = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        lines = commands(server.server_port)
        peaks, times = rounds(lines, max(1, wanted.rounds), environment(home), home, server.received)
    server.shutdown()
    print(f"{versions()}; {wanted.rounds} rounds, commands by turns\n")
    print("\n".join(table(peaks, times)))


if __name__ == "__main__":
    main()
