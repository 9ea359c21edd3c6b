"""Cases of what a target refuses, run against its real server, whose answers `tests/ship/answers` keeps.

Each file there is of one server: its `action`, and cases. A case has `prepare`, requests that go before it;
`lines`, as [how many, text, how often the text is in a line]; `again`, whether they were shipped before; the server's
`door`, if it has several; `settings`; the `seconds` until the deadline; and what was seen: the `answers` that exitkit had, each as [status, headers, body], and of each kind of line how many the server `had`
before and has in the end (`kept`). With RECORD_ANSWERS=1 what is seen is written there; else it has to be as it is there.
"""

import contextlib
import http.client
import json
import os
import re
import threading
import urllib.request
from base64 import b64encode
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from exitkit.errors import ActionError
from exitkit.plan import registry
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.settings import load
from exitkit.testing import context, failed_workflow

FOLDER = Path(__file__).parents[1] / "ship" / "answers"
_TOLD = ("Content-Type", "Retry-After", "Connection")


def cases(name):
    """The file's cases, to be given to a test one by one."""
    recorded = json.loads((FOLDER / f"{name}.json").read_text())
    return [{"action": recorded.get("action"), "settings": {}, **case, "server": name} for case in recorded["cases"]]


def name_of(case):
    """What a test of it is called."""
    return f"{case['server']}: {case['what']}"


def workflow_of(case):
    """The name of the workflow whose records the case ships."""
    return re.sub(r"[^a-z]+", "-", case["what"].lower())


class Between:
    """A server that hands on to another what it gets, and keeps what that one answers."""

    def __init__(self, host, port):
        self.answers = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                link = http.client.HTTPConnection(host, port, timeout=60)
                sent = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
                with contextlib.suppress(ConnectionError):  # it may answer before it has read all
                    link.request("POST", self.path, body, sent)
                answer = link.getresponse()
                data = answer.read()
                headers = {key: answer.headers[key] for key in _TOLD if answer.headers[key]}
                outer.answers.append([answer.status, headers, _text(data)])
                self.send_response(answer.status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                link.close()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def _text(data):
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(data).decode()}


def send(url, method, path, body=None):
    """One request of `prepare`; its answer, whatever its status is."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def check(case, server, tmp_path):
    """Ship the case's lines; what the report counts is what the server has, which it says itself.

    The server says of the case its `url`, and `messages`, all that it has of that case's workflow; and has `send` for
    what is to be prepared.
    """
    texts = [text * often for _, text, often in case["lines"]]
    (tmp_path / "log").write_text(
        "".join(f"{text}\n" * lines[0] for lines, text in zip(case["lines"], texts, strict=True))
    )
    for request in case.get("prepare", []):
        server.send(*request)
    host, _, port = server.url(case).removeprefix("http://").partition(":")
    with Between(host, int(port)) as between:
        for _ in range(1 + case.get("again", False)):
            before = Counter(server.messages(case))
            between.answers.clear()
            facts = ship(case, between.url, tmp_path)
    after = Counter(server.messages(case))
    seen = {
        "answers": between.answers,
        "had": [before[text] for text in texts],
        "kept": [after[text] for text in texts],
    }
    if os.environ.get("RECORD_ANSWERS"):
        _write(case, seen)
    else:
        # How often is asked until the time is over differs.
        statuses = [[status for status, *_ in each["answers"]] for each in (seen, case)]
        assert statuses[0] == statuses[1] or ("seconds" in case and set(statuses[0]) == set(statuses[1]))
        assert (seen["had"], seen["kept"]) == (case["had"], case["kept"])
    assert facts["accepted"] == sum(seen["kept"]) - sum(seen["had"])


def ship(case, url, tmp_path):
    """The report's facts, whether it is a success or not."""
    settings = {"from": [str(tmp_path / "log")], "dead_letter": str(tmp_path / "dead"), "concurrency": 1}
    settings |= {"url": url + case["settings"].get("url", "")} | {
        k: v for k, v in case["settings"].items() if k != "url"
    }
    workflow = failed_workflow(name=workflow_of(case))
    ctx = context(
        clock=Clock(), seconds=case.get("seconds", 30), terms=RetryPolicy(attempts=3, wait=0.1), workflow=workflow
    )
    try:
        return load(registry.find(case["action"]), settings, {}, "X_").run(ctx).facts
    except ActionError as error:
        return error.facts


def _write(case, seen):
    path = FOLDER / f"{case['server']}.json"
    recorded = json.loads(path.read_text())
    next(each for each in recorded["cases"] if each["what"] == case["what"]).update(seen)
    path.write_text(json.dumps(recorded, ensure_ascii=False, indent=1) + "\n")
