"""How close exitkit comes to what a server with a limit allows: buckets of tokens and windows, as the targets document them.

The ideal is the time in which the limit lets all of it pass, and exitkit's start is not taken off. What is refused is told
in requests that change something. A missed aim is reported and is no failure; what does not arrive is.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from measure import PYTHON, environment, taken, versions
from ship import FACTS, write_log

HERE = Path(__file__).parent
EXITKIT = [PYTHON, "-I", "-m", "exitkit"]
WALL, REFUSED = 1.1, 0.1  # the aims
SHIPPING = {"loki", "es", "es-items", "datadog", "cloudwatch"}
KUBECONFIG = """{"apiVersion": "v1", "kind": "Config", "current-context": "bench",
"clusters": [{"name": "bench", "cluster": {"server": "%s"}}], "users": [{"name": "bench", "user": {"token": "0123456789abcdef"}}],
"contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": "bench"}}]}"""


class Case(NamedTuple):
    """A server's words, what exitkit is told for its URL, and how much of what it is to get at which rate."""

    title: str
    server: list[str]
    command: list[str]
    amount: float
    rate: float
    burst: float
    period: float = 0

    def least(self, counts):
        """Seconds in which the limit lets all of it pass; of what was shipped, by what the server counted."""
        if self.period:  # a window may just have begun, and the last one need not end
            return ((counts["taken"] - 1) // self.rate) * self.period
        through = counts.get("raw") or counts.get("taken") or self.amount  # Loki counts the push before it was packed
        return (through - self.burst) / self.rate


def deleting(title, kind, objects, rate, burst, *more):
    words = [f"{kind}server.py", "--objects", str(objects), "--rate", str(rate), "--burst", str(burst), *more]
    command = ["cleanup", kind, "--bucket", "bench", "--prefixes", "run/", "--anything", "--limit", "10000000"]
    command += ["--endpoint-url", "{url}", *(["--anonymous"] if kind == "gcs" else [])]
    return Case(title, words, command, objects, rate, burst)


def intake(title, kind, command, amount, rate, burst, *more):  # noqa: PLR0913, PLR0917 - a row of the table
    words = ["intakes.py", "--kind", kind, "--rate", str(rate), "--burst", str(burst), *more]
    return Case(title, words, ["ship", kind, *command, *FACTS], amount, rate, burst)


def kubernetes(objects, rate):
    words = ["kubeserver.py", "--objects", str(objects), "--rate", str(rate), "--burst", str(rate)]
    command = ["cleanup", "kubernetes", "--kinds", "configmaps", "--selector", "workflows.argoproj.io/workflow=bench"]
    return Case(f"Kubernetes, {rate} deletions a second, Retry-After 1", words, [*command, *FACTS], objects, rate, rate)


def cases(log, size, lines):
    words = ["logsink.py", "--rate", "4000000", "--burst", "6000000"]
    shipping = ["ship", "loki", "--url", "{url}", "--from", str(log), *FACTS]
    own, key = ["--url", "{url}", "--from", str(log)], ["--api-key", "0123456789abcdef"]
    group = ["--group", "bench", "--endpoint-url", "{url}", "--from", str(log)]
    slow = ("--list-ms", "80", "--delete-ms", "300")
    return {
        "s3": deleting("S3, 3,500 keys a second, a request refused as a whole", "s3", 100_000, 3500, 3500, "--whole"),
        "s3-keys": deleting("S3, 3,500 keys a second, refused key by key", "s3", 100_000, 3500, 3500),
        "s3-slow": deleting("S3, the same, with latencies", "s3", 100_000, 3500, 3500, "--whole", *slow),
        "gcs": deleting("Google Cloud Storage, 1,000 deletions a second", "gcs", 20_000, 1000, 1000),
        "loki": Case("Loki, 4 MB a second, burst 6 MB", words, shipping, size, 4e6, 6e6),
        "es": intake("Elasticsearch, 5,000 records a second, all of a request", "elasticsearch", own, lines, 5e3, 1e4),
        "es-items": intake(
            "Elasticsearch, 5,000 records a second, single ones", "elasticsearch", own, lines, 5e3, 1e4, "--items"
        ),
        "datadog": intake(
            "Datadog, 25 requests in 10 s", "datadog", [*own, *key], lines, 25, 0, "--period", "10"
        )._replace(period=10),
        "cloudwatch": intake("CloudWatch, 5 requests a second", "cloudwatch", group, 0, 5, 5),
        "kubernetes": kubernetes(2000, 100),
    }


@contextlib.contextmanager
def running(words, counts):
    with subprocess.Popen(
        [PYTHON, str(HERE / words[0]), *words[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()
            counts.update(json.loads(server.stdout.readline()))


def main():
    parser = argparse.ArgumentParser(description="Measure exitkit against servers with limits.")
    parser.add_argument("--cases", nargs="+", default=None)
    parser.add_argument("--lines", type=int, default=100_000, help="of the log that is shipped, some 260 bytes each")
    wanted = parser.parse_args()
    print(f"{versions('argo-exitkit')}\n")
    print("| limit | amount | ideal s | wall s | wall, ideal = 1 | cpu s | refused | peak MiB | |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        log, config = Path(folder) / "main.log", Path(folder) / "kubeconfig"
        needs_log = wanted.cases is None or not SHIPPING.isdisjoint(wanted.cases)
        size = write_log(log, wanted.lines) if needs_log else 0
        environ = environment(folder) | {
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench-secret",
            "AWS_REGION": "us-east-1",
            "KUBECONFIG": str(config),
            "EXITKIT_TIMEOUT": "15m",
        }
        for name, case in cases(log, size, wanted.lines).items():
            if wanted.cases is not None and name not in wanted.cases:
                continue
            counts = {}
            with running(case.server, counts) as url:
                command = [*EXITKIT, *(word.replace("{url}", url) for word in case.command)]
                config.write_text(KUBECONFIG % url)
                one = taken(command, environ, folder)
            requests = counts.get("delete", 0) or counts.get("requests", 0) + counts.get("refused", 0)
            amount, done = case.amount, counts.get("deleted")
            if name in SHIPPING:
                amount, done = wanted.lines, counts["different"]
            if done != amount or counts.get("records", done) != done:
                sys.exit(f"{case.title}: {done} of {amount}: {counts}")
            ideal = case.least(counts)
            wall, refused = one.wall / ideal, counts["refused"] / requests
            verdict = "met" if wall <= WALL and refused <= REFUSED else "missed"
            print(
                f"| {case.title} | {amount:,} | {ideal:.1f} | {one.wall:.1f} | {wall:.2f} | {one.cpu:.1f} | {refused:.1%} "
                f"| {one.peak / 2**20:.0f} | {verdict} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
