"""Real servers for the integration tests: each a program that is here or whose tests skip, on a port of loopback."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

# The modules beside this one are the tests' own; tests are folders and no packages.
sys.path.insert(0, str(Path(__file__).parent))

from exitkit.testing.certificates import certificate_file


@pytest.fixture(scope="session")
def program():
    """Gives the path of a program, from Go's own folder or the search path, or skips."""

    def find(name):
        own = Path(os.environ.get("GOPATH", "/nowhere")) / "bin" / name
        found = str(own) if own.is_file() else shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed: nothing to test against")
        return found

    return find


@pytest.fixture(scope="session")
def free_port():
    """Gives a port that nobody listens on."""

    def find():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Starts a program that listens on a port, and waits until it does; all of them end with the session."""
    running = []

    def start(words, port, *, seconds=30, **more):
        log = tmp_path_factory.mktemp("log") / Path(words[0]).name
        with log.open("wb") as out:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        running.append(process)
        for _ in range(20 * seconds):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    return process
            if process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"{words[0]} does not listen on {port}: {log.read_text(errors='replace')[-2000:]}")

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class VictoriaLogs:
    """A running one. `url` is its address; the ways in are below /insert/, and syslog's is `syslog_port`."""

    def __init__(self, url, syslog_port):
        self.url, self.syslog_port = url, syslog_port

    def query(self, logsql, count=0):
        """The rows of a LogsQL query, in the order of their times, with all that was sent before it.

        What comes by syslog is not answered, so a test tells the count that it waits for.
        """
        for _ in range(200):
            self._get("/internal/force_flush")  # or they would be there a second later
            rows = self._get("/select/logsql/query", query=logsql, limit=1_000_000).splitlines()
            if len(rows) >= count:
                break
            time.sleep(0.05)
        # Its times end with the last digit that is no zero, so that the dot and the Z have to go before they compare.
        return sorted(map(json.loads, rows), key=lambda row: row["_time"].rstrip("Z").replace(".", ""))

    def _get(self, path, **asked):
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(asked)}") as answer:
            return answer.read().decode()


@pytest.fixture(scope="session")
def victorialogs(program, serve, free_port, tmp_path_factory):
    """VictoriaLogs, with nothing in it at first; tests tell their rows apart by a label of their own."""
    port, syslog, data = free_port(), free_port(), tmp_path_factory.mktemp("victorialogs")
    words = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={data}", "-retentionPeriod=100y"]
    words += [f"-syslog.listenAddr.tcp=127.0.0.1:{syslog}"]
    serve([program("victoria-logs"), *words, "-loggerLevel=ERROR"], port)
    return VictoriaLogs(f"http://127.0.0.1:{port}", syslog)


# Control characters stay as they are, so that a message reads back as it was sent.
_RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off" {files})
module(load="imtcp" {driver})
input(type="imtcp" port="{port}" address="127.0.0.1" SupportOctetCountedFraming="on")
template(name="rows" type="list") {{
    constant(value="{{")
    property(name="timereported" dateFormat="rfc3339" outname="time" format="jsonf") constant(value=",")
    property(name="pri" outname="pri" format="jsonf") constant(value=",")
    property(name="hostname" outname="host" format="jsonf") constant(value=",")
    property(name="app-name" outname="app" format="jsonf") constant(value=",")
    property(name="procid" outname="procid" format="jsonf") constant(value=",")
    property(name="msgid" outname="msgid" format="jsonf") constant(value=",")
    property(name="structured-data" outname="sd" format="jsonf") constant(value=",")
    property(name="msg" outname="message" format="jsonf")
    constant(value="}}\\n")
}}
action(type="omfile" file="{out}" template="rows")
"""


class Rsyslog:
    """A running one, on `host` and `port`; with TLS its certificate is in `ca_file`."""

    host = "localhost"

    def __init__(self, port, ca_file, out):
        self.port, self.ca_file, self.out = port, ca_file, out

    def rows(self, count):
        """What it wrote, once it is so many: time, pri, host, app, procid, msgid, sd and message, all of them text."""
        for _ in range(400):
            rows = self.out.read_bytes().split(b"\n")[:-1] if self.out.exists() else []
            if len(rows) >= count:
                break
            time.sleep(0.05)
        found = [json.loads(row) for row in rows]
        # The space that ends the head is the message's first character to rsyslog.
        return [{**row, "message": row["message"].removeprefix(" ")} for row in found]


@pytest.fixture
def start_rsyslog(program, serve, free_port, tmp_path_factory):
    """Starts an rsyslog that takes RFC 5424 messages with octet counting, by TCP or with `tls`, for one test."""

    def start(*, tls=False):
        path, port, folder = program("rsyslogd"), free_port(), tmp_path_factory.mktemp("rsyslog")
        if tls and not list(Path("/usr/lib").glob("**/rsyslog/lmnsd_ossl.so")):
            pytest.skip("rsyslog has no TLS here: the package rsyslog-openssl is not installed")
        pem = certificate_file()
        names = [f"DefaultNetstreamDriver{one}File" for one in ("CA", "Cert", "Key")]
        files = " ".join(['DefaultNetstreamDriver="ossl"', *(f'{name}="{pem}"' for name in names)])
        driver = 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"'
        told = {"files": files, "driver": driver} if tls else {"files": "", "driver": ""}
        (folder / "conf").write_text(_RSYSLOG.format(folder=folder, port=port, out=folder / "out", **told))
        serve([path, "-n", "-f", str(folder / "conf"), "-i", str(folder / "pid")], port)
        return Rsyslog(port, pem if tls else None, folder / "out")

    return start


@pytest.fixture(scope="session")
def gateway(program, serve, free_port, tmp_path_factory):
    """The URL of a versitygw, and the folder that its buckets are in."""
    port, top = free_port(), tmp_path_factory.mktemp("buckets")
    versions = tmp_path_factory.mktemp("versions")
    words = ["--port", f"127.0.0.1:{port}", "--access", "root", "--secret", "secret-of-the-gateway", "--quiet"]
    serve([program("versitygw"), *words, "--keep-alive", "posix", "--versioning-dir", str(versions), str(top)], port)
    return f"http://127.0.0.1:{port}", top


@pytest.fixture(scope="session")
def fake_gcs(program, serve, free_port):
    """The URL of a fake-gcs-server."""
    port = free_port()
    words = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory", "-log-level", "error"]
    serve([program("fake-gcs-server"), *words, "-public-host", f"127.0.0.1:{port}"], port)
    return f"http://127.0.0.1:{port}"


_COLLECTOR = """
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{otlp}"}}}}}}
  otlp/small: {{protocols: {{http: {{endpoint: "127.0.0.1:{small}", max_request_body_size: 40000}}}}}}
  otlp/full: {{protocols: {{http: {{endpoint: "127.0.0.1:{full}"}}}}}}
  syslog/octets: {{protocol: rfc5424, enable_octet_counting: true, tcp: {{listen_address: "127.0.0.1:{octets}"}}}}
  syslog/lines: {{protocol: rfc5424, tcp: {{listen_address: "127.0.0.1:{lines}"}}}}
exporters: {{file: {{path: "{out}", flush_interval: 50ms}}}}
processors: {{memory_limiter: {{check_interval: 50ms, limit_mib: 1, spike_limit_mib: 0}}}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: error}}}}
  pipelines:
    logs: {{receivers: [otlp, otlp/small, syslog/octets, syslog/lines], exporters: [file]}}
    logs/full: {{receivers: [otlp/full], processors: [memory_limiter], exporters: [file]}}
"""


class Collector:
    """A running OpenTelemetry collector. `ports` are those of its receivers: OTLP's otlp, small (40,000 bytes at a time)
    and full (with no memory left), syslog's octets and lines.
    """

    def __init__(self, ports, out):
        self.ports, self.out = ports, out

    def url(self, case):
        return f"http://127.0.0.1:{self.ports[case.get('door', 'otlp')]}"

    def records(self):
        """All that it has written, each as OTLP's JSON with its resource's attributes; a moment after the last came."""
        size = -1
        while size != (size := self.out.stat().st_size if self.out.exists() else 0):
            time.sleep(0.15)  # three times as long as it keeps what it writes
        lines = self.out.read_text().splitlines() if size else []
        return [
            {**record, "resource": resource["resource"].get("attributes", [])}
            for line in lines
            for resource in json.loads(line)["resourceLogs"]
            for scope in resource["scopeLogs"]
            for record in scope["logRecords"]
        ]

    def messages(self, case):
        from .recording import workflow_of

        own = {"key": "cicd.pipeline.name", "value": {"stringValue": workflow_of(case)}}
        return [record["body"].get("stringValue", "") for record in self.records() if own in record["resource"]]


@pytest.fixture(scope="session")
def collector(program, serve, free_port, tmp_path_factory):
    """An OpenTelemetry collector that writes what it takes to a file."""
    folder = tmp_path_factory.mktemp("collector")
    ports = {name: free_port() for name in ("otlp", "small", "full", "octets", "lines")}
    (folder / "yaml").write_text(_COLLECTOR.format(**ports, out=folder / "out"))
    serve([program("collector"), "--config", f"file:{folder}/yaml"], ports["lines"])
    return Collector(ports, folder / "out")
