"""What the services of the ship tests share: requests read, answers sent, orders for one of them kept."""
# ruff: noqa: TRY301 - a service raises its answer from wherever it is known

import gzip
import json
import re
import zlib
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from exitkit.testing.server import Scripted

KB, MB, DAY = 1 << 10, 1 << 20, 86_400
NANO = 10**9


@dataclass(frozen=True)
class Got:
    """A request as it came; `body` is unpacked, `size` its length then, and `packed` its length before."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes
    packed: int

    @property
    def size(self):
        return len(self.body)

    def json(self):
        return json.loads(self.body)


@dataclass(eq=False)
class Reply(Exception):
    """What is answered; raised from wherever it is known."""

    status: int
    body: object = b""
    headers: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.status} {self.body!r}"


@dataclass
class _Order:
    """What is to happen to one request in place of what would."""

    status: int | None
    headers: dict
    body: object
    drop: bool
    stored: bool


class Intake(Scripted):
    """One service. A subclass has `take`, which stores what is good and raises or returns the Reply."""

    most_bytes = None  # of a request, unpacked; None is no limit
    encodings = ("gzip", "deflate", "identity")

    def __init__(self, clock):
        super().__init__([], tls=False, certificate="localhost")
        self.clock = clock
        self.records = []
        """What was accepted, in its order: dicts of id, time (ns), message, labels, attributes and what more there is."""
        self.requests = []
        """Each request, as `Got`, also those that were refused."""
        self.replies = []
        """The status of each answer, in its order; 0 for a connection that was broken."""
        self.complaints = []
        """What a service would take and nobody should send; the fixture fails the test if there is one at its end."""
        self._orders = []
        self._refused = []
        self._busy = []

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def now(self):
        """In Unix nanoseconds."""
        return int(self.clock.time() * NANO)

    @property
    def messages(self):
        return [one["message"] for one in self.records]

    @property
    def ids(self):
        return [one["id"] for one in self.records]

    def next(self, status=None, headers=None, body=None, *, drop=False, stored=False, times=1):
        """What the next request (or so many) gets: a status with headers and a body (bytes, text, or JSON), or a broken connection.

        With `stored` the service does its work first, and the answer to it is lost or replaced.
        """
        body = self.apology(status) if body is None and status is not None else body
        with self._lock:
            self._orders += [_Order(status, dict(headers or {}), body, drop, stored) for _ in range(times)]

    def refuse(self, *texts):
        """From now on what has one of these in its message is refused for good, alone, as this service does it."""
        self._refused += texts

    def busy(self, *texts, times=1, status=429):
        """What has one of these in its message is put off so many times, alone, where this service can do that."""
        self._busy += [[text, times, status] for text in texts]

    def is_refused(self, message):
        return any(text in message for text in self._refused)

    def is_busy(self, message):
        """The status to put it off with, or None."""
        for one in self._busy:
            if one[0] in message and one[1] > 0:
                one[1] -= 1
                return one[2]
        return None

    @abstractmethod
    def take(self, got):
        """Store what is good, and give or raise the Reply."""

    def apology(self, status):
        """The body of an answer that a test orders and does not spell out."""
        return f"{status} {HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else ''}".encode()

    def too_large(self, got):
        return Reply(413, self.apology(413))

    def keep(self, identity, time, message, labels, attributes, **more):
        one = {"id": identity, "time": time, "message": message, "labels": labels, "attributes": attributes, **more}
        self.records.append(one)

    # How a request comes in and its answer goes out.

    def serve(self, connection):
        while connection.reader.peek(1):
            if not self._exchange(connection):
                return

    def _exchange(self, connection):
        method, path, headers, packed = _read(connection)
        with self._lock:  # one at a time: what a service holds is changed by one request after the other
            order = self._orders.pop(0) if self._orders else None
            reply = self._answer(method, path, headers, packed, order)
            self.replies.append(reply.status if reply else 0)
        if reply is None:
            connection.reset()
            return False
        data = reply.body
        if not isinstance(data, bytes):
            data = data.encode() if isinstance(data, str) else json.dumps(data).encode()
            reply.headers.setdefault("Content-Type", "application/json")
        bare = reply.status == 204
        lines = [f"HTTP/1.1 {reply.status} Whatever", *(f"{name}: {value}" for name, value in reply.headers.items())]
        lines += [] if bare else [f"Content-Length: {len(data)}"]
        connection.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if bare else data))
        return "close" not in (headers.get("connection", ""), reply.headers.get("Connection", ""))

    def _answer(self, method, path, headers, packed, order):
        split = urlsplit(path)
        query = {name: values[-1] for name, values in parse_qs(split.query, keep_blank_values=True).items()}
        body, wrong = _unpack(packed, headers.get("content-encoding", "identity"), self.encodings)
        got = Got(method, path, query, headers, body, len(packed))
        self.requests.append(got)
        if order and not order.stored:
            return None if order.drop else Reply(order.status, order.body, order.headers)
        try:
            if wrong:
                raise wrong
            if self.most_bytes is not None and got.size > self.most_bytes:
                raise self.too_large(got)
            reply = self.take(got)
        except Reply as raised:
            reply = Reply(raised.status, raised.body, dict(raised.headers))
        except Exception as error:  # no service does this: the test is to see it
            self.complaints.append(f"the service of the test broke: {error!r}")
            reply = Reply(500, repr(error))
        if order:
            return None if order.drop else Reply(order.status, order.body, order.headers)
        return reply


def _read(connection):
    method, path, _ = connection.reader.readline().decode("latin-1").split(" ", 2)
    headers = {}
    while line := connection.reader.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return method, path, headers, connection.reader.read(int(headers.get("content-length", "0")))


def _unpack(packed, encoding, known):
    """The body, and the Reply where it cannot be unpacked."""
    if encoding not in known:
        return packed, Reply(415, f"unsupported Content-Encoding {encoding!r}".encode())
    try:
        if encoding == "gzip":
            return gzip.decompress(packed), None
        if encoding == "deflate":
            return zlib.decompress(packed), None
    except (OSError, EOFError, zlib.error) as error:
        return packed, Reply(400, f"{encoding}: {error}".encode())
    return packed, None


def media_type(got):
    return got.headers.get("content-type", "").partition(";")[0].strip().lower()


def said_by(message):
    """The text of a message that may be an object."""
    if isinstance(message, str):
        return message
    if isinstance(message, dict) and isinstance(message.get("message"), str):
        return message["message"]
    return json.dumps(message, ensure_ascii=False)


def strict_json(data):
    """As parsers outside Python read it: UTF-8, no NaN, no lone surrogate. Raises ValueError."""
    value = json.loads(data.decode("utf-8") if isinstance(data, bytes) else data, parse_constant=no_constant)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"lone surrogate: {error}") from None
    return value


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def nanoseconds(text):
    """RFC 3339 with up to nine digits of a second, to the last of them. Raises ValueError."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", text)
    if not found:
        raise ValueError(f"{text!r} is no time")
    zone = "+00:00" if found[4] in "Zz" else found[4]
    whole = datetime.fromisoformat(f"{found[1]}T{found[2]}{zone}")
    return int(whole.timestamp()) * NANO + int((found[3] or "0").ljust(9, "0"))


def rfc3339(time):
    return datetime.fromtimestamp(time // NANO, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
