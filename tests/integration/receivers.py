"""Receivers of every kind that tell what has arrived: each keeps what comes as the real one does, and forgets it when asked.

A channel's `words` are its command with its settings. `take` gives how many copies there are of each message or record
that the receiver holds; one that knows a second arrival holds it once.
"""

import gzip
import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from exitkit.testing.smtp import ScriptedSMTP, Session

LINES = 20
TITLE = "train-x7k2p failed"
SECOND = "this may be a second copy"


class Channel(NamedTuple):
    """`keyed` is one that knows a second arrival, or can be asked; `units` is how many pieces one delivery has."""

    name: str
    words: tuple[str, ...]
    keyed: bool
    units: int = 1


class Mailbox(ScriptedSMTP):
    """Takes whatever comes."""

    def next_step(self, asked):
        return Session(starttls=False)


class Receivers:
    """All of them at once, on loopback."""

    def __init__(self, folder):
        self.folder, self.lock = folder, threading.Lock()
        (folder / "lines").write_text("".join(f"line {number}\n" for number in range(LINES)))
        self.mail = Mailbox()
        self.mail.__enter__()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.receivers = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        self.forget()
        self.channels = {channel.name: channel for channel in self._channels()}

    def _channels(self):
        resend, lines = ("--retry", "{resend: true}"), ("--from", str(self.folder / "lines"), "--dead-letter", "")
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        yield Channel("webhook", ("notify", "webhook", "--url", f"{self.url}/hook", *resend), False)
        yield Channel("webhook-signed", ("notify", "webhook", "--url", f"{self.url}/signed", "--secret", secret), True)
        yield Channel("slack", ("notify", "slack", "--webhook-url", f"{self.url}/services/T0/B0/x"), False)
        bot = ("--token", "xoxb-of-the-tests", "--channel", "C0123456789", "--api-url", f"{self.url}/api/")
        yield Channel("slack-bot", ("notify", "slack", *bot), True)
        mail = ("--host", "127.0.0.1", "--port", str(self.mail.port), "--tls", "none")
        yield Channel("email", ("notify", "email", *mail, "--sender", "a@example.com", "--to", "b@example.com"), False)
        yield Channel("console", ("notify", "console"), False)
        yield Channel("http", ("ship", "http", "--url", f"{self.url}/lines", *lines), False, LINES)
        yield Channel("loki", ("ship", "loki", "--url", self.url, *lines), False, LINES)
        yield Channel("elasticsearch", ("ship", "elasticsearch", "--url", self.url, *lines), True, LINES)

    def forget(self):
        self.came, self.posts, self.held = [], [], set()
        self.mail.envelopes.clear()

    def take(self, runs=()):
        """How many copies there are of each piece, and the bodies of whatever came, the console's from the runs; then all is forgotten."""
        with self.lock:
            bodies = [*self.came, *(envelope.message.decode() for envelope in self.mail.envelopes)]
            bodies += [text for run in runs for text in re.split(f"(?m)^(?={TITLE})", run.stderr)[1:]]
            copies = Counter(self.held)
            for body in bodies:
                copies.update(re.findall(r'"(line \d+)"', body) or [TITLE])
            copies.update(post["metadata"]["event_payload"]["id"] for post in self.posts)
            bodies += map(json.dumps, self.posts)
            self.forget()
        return copies, bodies

    def close(self):
        self._http.shutdown()
        self._http.server_close()
        self.mail.__exit__(ValueError, ValueError(), None)  # it has no script to come to the end of


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that was killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it was killed before all had left
            self.close_connection = True
            return
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        receivers, path = self.server.receivers, self.path.partition("?")[0]
        with receivers.lock:
            self.answer(*self.taken(receivers, path, body.decode()))

    def taken(self, receivers, path, body):
        """The status and body of the answer, once what came is kept."""
        if path == "/signed":
            receivers.held.add(self.headers["webhook-id"])
        elif path == "/api/chat.postMessage":
            receivers.posts.append(json.loads(body))
            return 200, {"ok": True, "ts": f"1790000000.{len(receivers.posts):06}", "channel": "C0123456789"}
        elif path == "/api/conversations.history":
            messages = [{**post, "ts": f"1790000000.{at:06}"} for at, post in enumerate(receivers.posts, 1)]
            return 200, {"ok": True, "messages": messages}
        elif path == "/loki/api/v1/push":
            receivers.came.append(body)
            return 204, None
        elif path.endswith("/_bulk"):
            return 200, self.bulk(receivers, body)
        else:
            receivers.came.append(body)
        return 200, "ok"

    def bulk(self, receivers, body):
        ids = [json.loads(line)["create"]["_id"] for line in body.splitlines()[::2]]
        conflict = {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
        items = [{"create": conflict if identity in receivers.held else {"status": 201}} for identity in ids]
        receivers.held.update(ids)
        return {"errors": any("error" in item["create"] for item in items), "items": items}

    do_GET = do_POST  # noqa: N815 - so it is called by its base

    def answer(self, status, body):
        text = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass
