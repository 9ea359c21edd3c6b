"""How long exitkit takes to start and to send, beside its peers, in one run on one machine.

The commands take turns, so that whatever else the machine does falls on all of them alike. Figures are
medians; a ratio says more than its milliseconds. A missed aim is reported and is no failure.
"""

import argparse
import http.server
import statistics
import sys
import tempfile
import threading
from typing import NamedTuple

from measure import BIN, PYTHON, environment, taken, versions

# By the interpreter, because the first line of a script cannot hold a path with a space.
EXITKIT, APPRISE, AWS = ([PYTHON, str(BIN / name)] for name in ("exitkit", "apprise", "aws"))
TITLE, TEXT = "train-x7k2p Failed", "main: Error (exit code 137)"


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


def rounds(lines, number, environ, folder, received):
    """What all commands took, run in turn; the first turn warms the disk's cache and does not count."""
    found = {name: [] for name in lines}
    for turn in range(number + 1):
        for name, command in lines.items():
            before = len(received)
            one = taken(command, environ, folder)
            if turn:
                found[name].append(one)
            sends = name in SENDING
            if len(received) - before != sends:
                sys.exit(f"{name}: the server got {len(received) - before} messages, not {int(sends)}")
    return found


def table(found):
    """The figures as Markdown."""
    medians = {name: statistics.median(one.wall for one in many) for name, many in found.items()}
    bare, peer = medians["python -I -c pass"], medians["apprise json://"]
    yield "| command | median ms | fastest ms | x bare python | x apprise sending | peak MiB |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, many in found.items():
        median, fastest, peak = medians[name], min(one.wall for one in many), max(one.peak for one in many)
        yield (
            f"| `{name}` | {median * 1e3:.0f} | {fastest * 1e3:.0f} | {median / bare:.1f} "
            f"| {median / peer:.2f} | {peak / 2**20:.0f} |"
        )
    yield ""
    for aim in AIMS:
        ratio = medians[aim.name] / medians[aim.beside]
        verdict = "met" if ratio <= aim.most else "missed"
        yield f"- `{aim.name}` is {ratio:.2f} x `{aim.beside}`; the aim is at most {aim.most:g} x: {verdict}."


def main():
    parser = argparse.ArgumentParser(description="Measure exitkit's start and a whole notification beside its peers.")
    parser.add_argument("--rounds", type=int, default=15, help="how often each command runs")
    wanted = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        lines = commands(server.server_port)
        found = rounds(lines, max(1, wanted.rounds), environment(home), home, server.received)
    server.shutdown()
    print(f"{versions('argo-exitkit', 'apprise', 'awscli')}; {wanted.rounds} rounds, commands by turns\n")
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
