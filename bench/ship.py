"""How fast exitkit ships a log, and with how much of the machine, beside Python's clients and a shipper of Debian's.

A million lines of some 200 bytes go from a file to a server on loopback, which counts them afterwards. The commands take turns.
A missed aim, and a peer that loses lines, are reported and are no failure; exitkit losing one is.
"""

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import PYTHON, environment, taken, versions

SINK = str(Path(__file__).with_name("logsink.py"))
EXITKIT = [PYTHON, "-I", "-m", "exitkit", "ship"]
FACTS = ["--name", "bench", "--uid", "7d5bd0b6-0000-4000-8000-000000000000", "--namespace", "ml"]
ELASTICSEARCH = """
import sys
from elasticsearch import Elasticsearch, helpers
client = Elasticsearch(sys.argv[1])
with open(sys.argv[2]) as file:
    docs = (
        {"_op_type": "create", "_index": "logs", "_id": f"bench-{n}", "message": line.rstrip("\\n"), "workflow": "bench"}
        for n, line in enumerate(file)
    )
    helpers.bulk(client, docs, chunk_size=5000)
"""
OTEL = """
import logging, sys, warnings
warnings.simplefilter("ignore")
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint=sys.argv[1] + "/v1/logs")))
log = logging.getLogger("bench")
log.setLevel("INFO")
log.addHandler(LoggingHandler(logger_provider=provider))
with open(sys.argv[2]) as file:
    for line in file:
        log.info(line.rstrip("\\n"))
provider.shutdown()
"""
LOKI = """
import logging, sys
import logging_loki
log = logging.getLogger("bench")
log.setLevel("INFO")
log.addHandler(logging_loki.LokiHandler(url=sys.argv[1] + "/loki/api/v1/push", version="1", tags={"job": "bench"}))
with open(sys.argv[2]) as file:
    for line in file:
        log.info(line.rstrip("\\n"))
"""

# A daemon, which is told to end when all has come, or when nothing more does.
RSYSLOG = """
import subprocess, sys, time, urllib.request
url, path, folder, lines = sys.argv[1:5]
conf = f'''
global(workDirectory="{folder}")
module(load="imfile" mode="inotify")
module(load="omelasticsearch")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="5000" queue.timeoutshutdown="10000")
template(name="doc" type="list" option.jsonf="on") {{
  property(outname="message" name="msg" format="jsonf") property(outname="workflow" name="programname" format="jsonf")
}}
input(type="imfile" File="{path}" Tag="bench" freshStartTail="off" reopenOnTruncate="off")
action(type="omelasticsearch" server="{url}" searchIndex="logs" searchType="" bulkmode="on" template="doc")
'''
open(f"{folder}/rsyslog.conf", "w").write(conf)
daemon = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-f", f"{folder}/rsyslog.conf", "-i", f"{folder}/rsyslog.pid"])
last, since = -1, time.monotonic()
while time.monotonic() - since < 10:
    with urllib.request.urlopen(f"{url}/count") as answer:
        count = int(answer.read())
    if count != last:
        last, since = count, time.monotonic()
    elif count >= int(lines) and time.monotonic() - since > 1:
        break
    time.sleep(0.05)
daemon.terminate()
daemon.wait()
"""


def write_log(path, lines):
    """Words of an English-like look, so that gzip has something to do; the same each time."""
    rng = random.Random(1)
    words = ["".join(rng.choices("etaoinshrdlucmfw", k=rng.randint(2, 9))) for _ in range(800)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(lines):
            text = " ".join(rng.choices(words, k=20))
            second, nano = divmod(number * 25_000, 10**9)
            file.write(
                f"2026-11-23T07:57:{second:02d}.{nano:09d}Z INFO bench line {number} loss={rng.random():.6f} {text}\n"
            )
    return path.stat().st_size


@contextlib.contextmanager
def sink(counts):
    with subprocess.Popen([PYTHON, SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()
            counts.update(json.loads(server.stdout.readline()))


def commands(path, few, folder, lines):
    """Name, how it is called for a URL, and the log that it gets: a short one for who would take hours."""
    found = {
        "exitkit ship loki": (lambda url: [*EXITKIT, "loki", "--url", url, "--from", str(path), *FACTS], path),
        "exitkit ship elasticsearch": (
            lambda url: [*EXITKIT, "elasticsearch", "--url", url, "--from", str(path), *FACTS],
            path,
        ),
        "exitkit ship otlp": (lambda url: [*EXITKIT, "otlp", "--url", url, "--from", str(path), *FACTS], path),
        "elasticsearch-py helpers.bulk": (lambda url: [PYTHON, "-c", ELASTICSEARCH, url, str(path)], path),
        "opentelemetry-sdk": (lambda url: [PYTHON, "-c", OTEL, url, str(path)], path),
        "python-logging-loki": (lambda url: [PYTHON, "-c", LOKI, url, str(few)], few),
    }
    if any(Path("/usr/lib").glob("*/rsyslog/omelasticsearch.so")):  # Debian's package rsyslog-elasticsearch
        own = str(folder)
        found["rsyslog (omelasticsearch)"] = (
            lambda url: [PYTHON, "-c", RSYSLOG, url, str(path), tempfile.mkdtemp(dir=own), str(lines)],
            path,
        )
    return found


def table(found, sizes):
    yield "| command | lines | arrived | wall s | cpu s | MB/s | MB/s a core | peak MiB |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    speeds = {}
    for name, (many, counts, path) in found.items():
        lines, size = sizes[path]
        wall, cpu = (statistics.median(getattr(one, what) for one in many) for what in ("wall", "cpu"))
        speeds[name] = size / 1e6 / cpu
        arrived = min(one["different"] for one in counts)
        yield (
            f"| `{name}` | {lines:,} | {arrived / lines:.1%} | {wall:.2f} | {cpu:.2f} | {size / 1e6 / wall:.1f} "
            f"| {speeds[name]:.1f} | {max(one.peak for one in many) / 2**20:.0f} |"
        )
    yield ""
    best = max(speed for name, speed in speeds.items() if not name.startswith(("exitkit", "rsyslog")))
    for name, speed in speeds.items():
        if name.startswith("exitkit"):
            yield f"- `{name}`: {speed:.0f} MB/s a core; the aim is 40: {'met' if speed >= 40 else 'missed'}."
            ratio = speed / best
            yield f"- {ratio:.1f} x the best Python client; the aim is 4 x: {'met' if ratio >= 4 else 'missed'}."


def main():
    parser = argparse.ArgumentParser(description="Measure how exitkit ships logs beside its peers.")
    parser.add_argument("--rounds", type=int, default=3, help="how often each command runs")
    parser.add_argument("--lines", type=int, default=1_000_000)
    wanted = parser.parse_args()
    print(
        versions("argo-exitkit", "elasticsearch", "opentelemetry-sdk", "python-logging-loki")
        + f"; {wanted.rounds} rounds, commands by turns\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, few = folder / "main.log", folder / "few.log"
        sizes = {path: (wanted.lines, write_log(path, wanted.lines)), few: (5_000, write_log(few, 5_000))}
        environ, found = environment(name), {}
        for _ in range(max(1, wanted.rounds)):
            for command, (words, log) in commands(path, few, folder, wanted.lines).items():
                counts = {}
                with sink(counts) as port:
                    one = taken(words(f"http://127.0.0.1:{port}"), environ, name)
                many, each, _ = found.setdefault(command, ([], [], log))
                many.append(one)
                each.append(counts)
                if command.startswith("exitkit") and counts["different"] != sizes[log][0]:
                    sys.exit(f"{command}: {counts} of {sizes[log][0]} lines")
        print("\n".join(table(found, sizes)))


if __name__ == "__main__":
    main()
