"""A run that is cut tells what the other side has, as far as it can be known: against servers that are slow to answer."""

import bisect
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

EMPTY = b'<?xml version="1.0"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></DeleteResult>'
SOME = 5  # requests that are answered at once; the others wait until the test is over
KEYS = [f"run/train-x7k2p/k-{number:06d}" for number in range(60_000)]
LINES = 200_000


class Slow(ThreadingHTTPServer):
    """Counts what comes, and answers the first few requests that change something."""

    daemon_threads = False  # so that each connection is closed with the server

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Talk)
        self.came, self.requests, self.over, self.enough = 0, 0, threading.Event(), threading.Event()
        self.lock, self.gone, self.there = threading.Lock(), set(), KEYS
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Clients that go are what this is about."""


class _Talk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        """A listing of S3, from behind the key that is named on."""
        query = dict(pair.partition("=")[::2] for pair in self.path.partition("?")[2].split("&"))
        if "list-type" not in query:
            self.answer(b"", 404)
            return
        after = unquote(query.get("continuation-token") or query.get("start-after", ""))
        there, prefix = self.server.there, unquote(query["prefix"])
        first = bisect.bisect_right(there, after) if after else bisect.bisect_left(there, prefix)
        keys = [key for key in there[first : first + 1000] if key.startswith(prefix)]
        more = len(keys) == 1000 and first + 1000 < len(there)
        parts = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-08-21T12:40:11.000Z</LastModified>"
            f"<ETag>e</ETag><Size>1</Size></Contents>"
            for key in keys
        )
        token = f"<NextContinuationToken>{keys[-1]}</NextContinuationToken>" if more else ""
        head = "<?xml version='1.0'?><ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'><Name>b</Name>"
        truncated = f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        self.answer(f"{head}{truncated}{token}{parts}</ListBucketResult>".encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        loki = "loki" in self.path
        count = sum(len(one["values"]) for one in json.loads(body)["streams"]) if loki else body.count(b"<Key>")
        with self.server.lock:
            self.server.came += count
            self.server.requests += 1
            number = self.server.requests
        if number > SOME:
            self.server.enough.set()
            self.server.over.wait(60)
        elif not loki:
            with self.server.lock:
                self.server.gone.update(re.findall(r"<Key>(.*?)</Key>", body.decode()))
                self.server.there = [key for key in KEYS if key not in self.server.gone]
        self.answer(b"" if loki else EMPTY, 204 if loki else 200)

    def answer(self, body, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    slow = Slow()
    yield slow
    slow.over.set()
    slow.shutdown()
    slow.server_close()


def cut(tmp_path, server, step, *, by, outcome="unknown"):
    """The facts of a step that was cut, by a signal or by its deadline, while the server held some of it."""
    (tmp_path / "plan.yaml").write_text(json.dumps({"steps": [step]}))
    timeout = "60" if by == "signal" else "5"
    process = subprocess.Popen(
        [sys.executable, "-m", "exitkit", "run", "plan.yaml", "--timeout", timeout, "--name", "train-x7k2p"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret-of-test", "AWS_REGION": "eu"},
    )
    if by == "signal":
        assert server.enough.wait(30)
        time.sleep(0.3)  # until as much is under way as there can be
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (143 if by == "signal" else 3), out + err
    (entry,) = json.loads(out)["steps"]
    assert entry["outcome"] == outcome, entry
    return entry["facts"]


@pytest.mark.parametrize("by", ["signal", "deadline"])
def test_a_shipment_that_is_cut_counts_what_the_server_may_have(server, tmp_path, by):
    """Accepted is what was answered, unknown what was not; the server has no more than both, and all adds up."""
    (tmp_path / "log").write_text("".join(f"line {number} of a log\n" for number in range(LINES)))
    given = {"url": f"http://127.0.0.1:{server.server_port}", "from": [str(tmp_path / "log")], "dead_letter": ""}
    facts = cut(tmp_path, server, {"uses": "ship.loki", "with": given}, by=by)
    assert facts["unknown"] > 0
    assert facts["accepted"] <= server.came <= facts["accepted"] + facts["unknown"]
    assert facts["read"] == facts["accepted"] + facts["unknown"] + facts["left"]


def remove(tmp_path, server, **more):
    given = {
        "bucket": "bucket",
        "prefixes": ["run/{{ workflow.name }}/"],
        "endpoint_url": f"http://127.0.0.1:{server.server_port}",
        "limit": 1_000_000,
    }
    return cut(tmp_path, server, {"uses": "cleanup.s3", "with": given}, **more)


def test_a_cleanup_that_a_signal_cuts_counts_what_may_have_gone(server, tmp_path):
    """What went is counted, and what was asked to go without an answer; there is no time for a second look."""
    facts = remove(tmp_path, server, by="signal")
    assert facts["unknown"] > 0
    assert facts["deleted"] <= len(server.gone) == SOME * 1000 <= facts["deleted"] + facts["unknown"]
    assert facts["found"] >= facts["deleted"] + facts["unknown"]


def test_a_cleanup_that_its_deadline_cuts_looks_what_has_gone(server, tmp_path):
    """What got no answer is looked at again in the time kept for that, and is there still."""
    facts = remove(tmp_path, server, by="deadline", outcome="failed")
    assert (facts["deleted"], facts["unknown"]) == (SOME * 1000, 0)
    assert list(facts["refused"]) == ["no answer, and still there"]
    assert facts["found"] >= facts["deleted"] + facts["refused"]["no answer, and still there"]
