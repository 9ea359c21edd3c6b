"""The services that logs are shipped to, on loopback: each holds its documented limits, keeps what it takes, and fails to order.

    def test_it(loki, clock, tmp_path):
        loki.next(429, {"Retry-After": "3"})
        Loki(url=loki.url, ...).run(context(clock=clock))
        assert [one["message"] for one in loki.records] == ["a", "b"]

They live on `clock`, so that what waits with the same clock is what a service sees pass.
"""
# ruff: noqa: TRY301 - a service raises its answer from wherever it is known

import base64
import collections
import contextlib
import fnmatch
import gzip
import json
import re
import uuid
import zlib
from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from exitkit.testing import FakeClock
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
    value = json.loads(data.decode("utf-8") if isinstance(data, bytes) else data, parse_constant=_no_constant)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"lone surrogate: {error}") from None
    return value


def _no_constant(name):
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


@contextlib.contextmanager
def running(server):
    with server:
        yield server
    assert server.complaints == [], "a service would take this, and nobody should send it"


@pytest.fixture
def clock():
    """The time of all services of a test."""
    return FakeClock()


# Grafana Loki


class LokiServer(Intake):
    """POST /loki/api/v1/push, JSON only, with the limits of pkg/validation/limits.go at their defaults.

    Its texts are Loki's own, and what it counts in them is what Loki counts: the distributor groups errors by their
    text ("3 errors like: ..."), the ingester tells of one stream only ("total ignored: 1 out of 3 for stream").
    """

    encodings = ("gzip", "deflate", "identity")
    most_bytes = 100 * MB  # Loki's limit of what it receives; of what is unpacked it has another, of 5000 MB
    line = 256 * KB
    labels = 15
    label_name, label_value = 1024, 2048
    metadata_bytes, metadata_entries = 64 * KB, 128
    streams = 5000
    oldest, newest = 7 * DAY, 600  # seconds before and after now
    behind = 3600  # seconds behind the newest line of its stream
    burst = 6 * MB
    rate = None  # bytes a second over all requests; Loki's own is 4 * MB, and needs the client's clock to be ours
    tenant = None  # where it is a name, auth_enabled: the header has to be there
    credentials = None  # of a gateway before it: what Authorization has to say
    blocked = None  # the status of blocked ingestion, 260 by default in Loki, while it is blocked
    allow_metadata = True

    def __init__(self, clock):
        super().__init__(clock)
        self.duplicates = []
        """(labels, time, line) of what was there already."""
        self._newest = {}
        self._seen = set()
        self._tokens, self._filled = float(self.burst), None

    def take(self, got):
        user = self._admit(got)
        streams = self._parse(got)
        self._gate(user)
        errors = collections.Counter()  # grouped by their text
        valid = [(labels, kept) for labels, entries in streams if (kept := self._validate(labels, entries, errors))]
        grouped = "; ".join(
            f"{count} errors like: {text}" if len(errors) > 1 or count > 1 else text for text, count in errors.items()
        )
        if not valid:
            if not errors:
                raise Reply(422, b"error at least one valid stream is required for ingestion\n")
            raise Reply(400, f"{grouped}\n".encode())
        self._spend(user, valid)
        last = None
        for labels, entries in valid:
            last = self._append(user, labels, entries) or last
        if last:
            raise last
        if errors:
            raise Reply(400, f"{grouped}\n".encode())
        return Reply(204)

    def _admit(self, got):
        path = urlsplit(got.path).path
        if path != "/loki/api/v1/push":
            raise Reply(404, b"404 page not found\n")
        if got.method != "POST":
            raise Reply(405)
        if self.credentials is not None and got.headers.get("authorization") != self.credentials:
            raise Reply(401, b"Unauthorized", {"WWW-Authenticate": "Basic"})
        user = got.headers.get("x-scope-orgid", "")
        if self.tenant is not None and user != self.tenant:
            raise Reply(401, b"no org id\n")
        return user or "fake"

    def _gate(self, user):
        if self.blocked is not None:
            said = f"ingestion blocked for user {user} until '2027-01-01T00:00:00Z' with status code '{self.blocked}'\n"
            raise Reply(self.blocked, said.encode())

    def _parse(self, got):
        if media_type(got) != "application/json":  # protobuf is the default, and this body is none
            raise Reply(400, b"snappy: corrupt input\n")
        try:
            body = strict_json(got.body)
            return [_loki_stream(one) for one in body["streams"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Reply(400, f"loghttp.PushRequest: {error}\n".encode()) from None

    def _validate(self, labels, entries, errors):
        name = _loki_name(labels)
        if wrong := self._bad_labels(name, labels):
            errors[wrong] += 1  # once for all of its lines
            return []
        kept = []
        for time, line, metadata in entries:
            if wrong := self._bad_entry(name, time, line, metadata):
                errors[wrong] += 1
            else:
                kept.append((time, line, metadata))
        return kept

    def _bad_labels(self, name, labels):
        if not labels:
            return "error at least one label pair is required per stream"
        for key in labels:
            if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", key):
                return f"Error parsing labels '{name}' with error: 1:2: parse error: unexpected character inside braces"
        if len(labels) > self.labels:
            return f"entry for stream '{name}' has {len(labels)} label names; limit {self.labels}"
        for key, value in labels.items():
            if len(key) > self.label_name:
                return f"stream '{name}' has label name too long: '{key}'"
            if len(value.encode()) > self.label_value:
                return f"stream '{name}' has label value too long: '{value}'"
        return None

    def _bad_entry(self, name, time, line, metadata):
        size, room = len(line.encode()), self.line
        if time < self.now() - self.oldest * NANO:
            edge = rfc3339(self.now() - self.oldest * NANO)
            return f"entry for stream '{name}' has timestamp too old: {rfc3339(time)}, oldest acceptable timestamp is: {edge}"
        if time > self.now() + self.newest * NANO:
            return f"entry for stream '{name}' has timestamp too new: {rfc3339(time)}"
        if size > room:
            return f"Max entry size '{room}' bytes exceeded for stream '{name}' while adding an entry with length '{size}' bytes"
        if metadata and not self.allow_metadata:
            return f"stream '{name}' includes structured metadata, but this feature is disallowed. Please see `limits_config.allow_structured_metadata` or contact your Loki administrator to enable it."
        total = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
        if total > self.metadata_bytes:
            return f"stream '{name}' has structured metadata too large: '{total}' bytes, limit: '{self.metadata_bytes}' bytes."
        if len(metadata) > self.metadata_entries:
            return f"stream '{name}' has too many structured metadata labels: '{len(metadata)}', limit: '{self.metadata_entries}'."
        return f"entry for stream '{name}' is one that the test has refused" if self.is_refused(line) else None

    def _spend(self, user, valid):
        """The limiter takes a request as a whole, and one over the burst never."""
        size = sum(_loki_size(line, metadata) for _, entries in valid for _, line, metadata in entries)
        lines = sum(len(entries) for _, entries in valid)
        if self.rate is None:
            fits = size <= self.burst
        else:
            passed = 0.0 if self._filled is None else self.clock.time() - self._filled
            self._tokens = min(float(self.burst), self._tokens + passed * self.rate)
            self._filled = self.clock.time()
            fits = size <= self._tokens
            self._tokens -= size if fits else 0
        if not fits:
            said = f"Ingestion rate limit exceeded for user {user} (limit: {self.rate or 4 * MB} bytes/sec) while attempting to ingest '{lines}' lines totaling '{size}' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased\n"
            raise Reply(429, said.encode())

    def _append(self, user, labels, entries):
        """Into one stream; the Reply for those that it would not take, while the others are stored."""
        name = _loki_name(labels)
        if name not in self._newest and len(self._newest) >= self.streams:
            return Reply(
                429,
                f"Maximum active stream limit exceeded when trying to create stream {name}, reduce the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be increased, user: '{user}'\n".encode(),
            )
        behind = []
        for time, line, metadata in entries:
            edge = self._newest.get(name, time) - self.behind * NANO
            if time < edge:
                behind.append(
                    f"entry with timestamp {rfc3339(time)} ignored, reason: 'entry too far behind, entry timestamp is: {rfc3339(time)}, oldest acceptable timestamp is: {rfc3339(edge)}',\n"
                )
                continue
            self._newest[name] = max(time, self._newest.get(name, time))
            if (name, time, line) in self._seen:
                self.duplicates.append((labels, time, line))
                continue
            self._seen.add((name, time, line))
            self.keep(metadata.get("id"), time, line, labels, metadata)
        if not behind:
            return None
        said = "".join(behind[:10])
        return Reply(
            400,
            f"{said}user '{user}', total ignored: {len(behind)} out of {len(entries)} for stream: {name}\n".encode(),
        )


def _loki_stream(one):
    labels = one["stream"]
    if not all(isinstance(value, str) for value in labels.values()):
        raise TypeError("Value is not a string")
    entries = []
    for value in one["values"]:
        time, line, *rest = value
        if not isinstance(time, str) or not isinstance(line, str):
            raise TypeError("Value looks like Number/Object, but is no string: timestamps and lines are strings")
        if len(rest) > 1:
            raise TypeError("an entry has a time, a line and metadata")
        metadata = rest[0] if rest else {}
        if not all(isinstance(held, str) for held in metadata.values()):
            raise TypeError("Value is not a string: structured metadata is flat, and of strings")
        if not re.fullmatch(r"\d{1,19}", time):
            raise TypeError(f"{time!r} is no time in nanoseconds")
        entries.append((int(time), line, metadata))
    return labels, entries


def _loki_name(labels):
    return "{" + ", ".join(f"{key}={json.dumps(labels[key], ensure_ascii=False)}" for key in sorted(labels)) + "}"


def _loki_size(line, metadata):
    return len(line.encode()) + sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())


@pytest.fixture
def loki(clock):
    """Grafana Loki: see LokiServer."""
    with running(LokiServer(clock)) as server:
        yield server


# Elasticsearch and OpenSearch


class ElasticsearchServer(Intake):
    """POST /_bulk and /{index}/_bulk.

    What an index holds is in `records`, with `index` and `version`; a data stream is what matches `data_streams`.
    """

    most_bytes = 100 * MB  # http.max_content_length
    data_streams = ("logs-*-*", "metrics-*-*", "traces-*-*")  # the templates that come with it
    most_fields = 1000  # index.mapping.total_fields.limit
    longest_id = 512
    custom_ids = True  # no on OpenSearch Serverless, for collections of time series
    product = True  # X-Elastic-Product; no on OpenSearch
    credentials = None  # what Authorization has to say: a text or several
    parameters = frozenset(
        {"filter_path", "refresh", "routing", "timeout", "pipeline", "pretty", "human", "error_trace", "_source"}
        | {"require_alias", "require_data_stream", "wait_for_active_shards", "list_executed_pipelines"}
    )

    def __init__(self, clock):
        super().__init__(clock)
        self._held = {}  # (index, id) to the record
        self._fields = {}  # index to path to what it holds
        self._numbers = iter(range(1 << 60))

    def rollover(self):
        """Data streams begin a new index, which knows nothing of the ids of the last."""
        self._held = {key: one for key, one in self._held.items() if not self._is_stream(key[0])}

    def basic(self, username, password):
        self.credentials = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def api_key(self, identity, key):
        self.credentials = "ApiKey " + base64.b64encode(f"{identity}:{key}".encode()).decode()

    def too_large(self, got):
        return Reply(413, b"", {"Connection": "close"})

    def take(self, got):
        index = self._admit(got)
        actions = self._parse(got.body, index)
        items = [{op: self._write(op, found, source)} for op, found, source in actions]
        wrong = any("error" in item for one in items for item in one.values())
        answer = {"errors": wrong, "took": 3, "items": items}
        if "filter_path" in got.query:
            answer = filtered(answer, got.query["filter_path"].split(","))
        return Reply(200, answer, {"X-Elastic-Product": "Elasticsearch"} if self.product else {})

    def _admit(self, got):
        path = [unquote(part) for part in urlsplit(got.path).path.strip("/").split("/")]
        if path[-1] != "_bulk" or len(path) > 2 or got.method not in ("POST", "PUT"):
            raise self._error(405, "illegal_argument_exception", f"Incorrect HTTP method for uri [{got.path}]")
        known = (self.credentials,) if isinstance(self.credentials, str) else self.credentials
        if known is not None and got.headers.get("authorization") not in known:
            said = f"unable to authenticate with provided credentials and anonymous access is not allowed for this request [{got.path}]"
            raise self._error(401, "security_exception", said, {"WWW-Authenticate": 'Basic realm="security", ApiKey'})
        if media_type(got) not in ("application/x-ndjson", "application/json"):
            kind = got.headers.get("content-type", "")
            raise Reply(406, {"error": f"Content-Type header [{kind}] is not supported", "status": 406})
        if unknown := sorted(set(got.query) - self.parameters):
            said = f"request [{got.path}] contains unrecognized parameter: [{unknown[0]}]"
            raise self._error(400, "illegal_argument_exception", said)
        return path[0] if len(path) == 2 else None

    def _parse(self, body, index):
        if not body:
            raise self._error(400, "parse_exception", "request body is required")
        if not body.endswith(b"\n"):
            said = "The bulk request must be terminated by a newline [\\n]"
            raise self._error(400, "illegal_argument_exception", said)
        lines, actions, place = body[:-1].split(b"\n"), [], 0
        while place < len(lines):
            if not lines[place]:
                place += 1
                continue
            op, found = self._action(lines[place], place + 1, index)
            if op == "delete":
                actions.append((op, found, None))
                place += 1
                continue
            if place + 1 >= len(lines):
                raise self._error(
                    400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]"
                )
            actions.append((op, found, lines[place + 1]))
            place += 2
        if not actions:
            raise self._error(400, "action_request_validation_exception", "Validation Failed: 1: no requests added;")
        return actions

    def _action(self, line, number, index):
        malformed = f"Malformed action/metadata line [{number}], "
        try:
            ((op, found),) = strict_json(line).items()
        except (ValueError, AttributeError):
            raise self._error(400, "illegal_argument_exception", malformed + "expected one action in it") from None
        if op not in ("create", "index", "update", "delete"):
            said = f"{malformed}expected field [create], [delete], [index] or [update] but found [{op}]"
            raise self._error(400, "illegal_argument_exception", said)
        known = {"_index", "_id", "routing", "version", "version_type", "if_seq_no", "if_primary_term", "pipeline"}
        known |= {"require_alias", "require_data_stream", "dynamic_templates", "retry_on_conflict"}
        if unknown := sorted(set(found) - known):
            said = f"Action/metadata line [{number}] contains an unknown parameter [{unknown[0]}]"
            raise self._error(400, "illegal_argument_exception", said)
        target = found.get("_index", index)
        if target is None:
            said = "Validation Failed: 1: index is missing;"
            raise self._error(400, "action_request_validation_exception", said)
        if found.get("_id") is not None and len(str(found["_id"]).encode()) > self.longest_id:
            size = len(str(found["_id"]).encode())
            said = f"Validation Failed: 1: id [{found['_id']}] is too long, must be no longer than {self.longest_id} bytes but was: {size};"
            raise self._error(400, "action_request_validation_exception", said)
        return op, {**found, "_index": target}

    def _write(self, op, found, line):
        index, identity = found["_index"], found.get("_id")
        about = {"_index": f".ds-{index}-000001" if self._is_stream(index) else index, "_id": identity}
        try:
            if op not in ("create", "index"):
                raise _Item(400, "illegal_argument_exception", f"{op} is not played by this server of the tests")
            if re.search(r'[A-Z\\/*?"<>| ,#:]', index) or index[:1] in "-_+" or index in (".", ".."):
                raise _Item(400, "invalid_index_name_exception", f"Invalid index name [{index}]")
            if self._is_stream(index) and op != "create":
                said = "only write ops with an op_type of create are allowed in data streams"
                raise _Item(400, "illegal_argument_exception", said)
            if identity is not None and not self.custom_ids:
                said = "Document ID is not supported in create/index operation request"
                raise _Item(400, "illegal_argument_exception", said)
            return self._index(op, about, index, identity, line)
        except _Item as error:
            return {**about, "status": error.status, "error": error.told}

    def _index(self, op, about, index, identity, line):
        source = self._source(index, identity, line)
        message = said_by(source)
        if status := self.is_busy(message):
            kind = "es_rejected_execution_exception" if status == 429 else "unavailable_shards_exception"
            raise _Item(status, kind, "rejected execution of coordinating operation")
        identity = identity if identity is not None else f"auto{next(self._numbers)}"
        held = self._held.get((index, identity))
        if held and op == "create":
            version = held["version"]
            said = f"[{identity}]: version conflict, document already exists (current version [{version}])"
            raise _Item(409, "version_conflict_engine_exception", said)
        if held:
            held |= {"version": held["version"] + 1, "message": message, "attributes": source}
            done = {"_version": held["version"], "result": "updated", "status": 200}
        else:
            time = _stamp(source.get("@timestamp"))
            self.keep(identity, time, message, {}, source, index=index, version=1)
            self._held[index, identity] = self.records[-1]
            done = {"_version": 1, "result": "created", "status": 201}
        shards = {"total": 2, "successful": 1, "failed": 0}
        return {**about, "_id": identity, **done, "_shards": shards, "_seq_no": len(self.records), "_primary_term": 1}

    def _source(self, index, identity, line):
        """The document, if the mapping takes it."""
        kind = "mapper_parsing_exception"
        try:
            source = strict_json(line)
            if not isinstance(source, dict):
                raise ValueError("not an object")  # noqa: TRY004 - a text that is wrong
        except ValueError as error:
            raise _Item(400, kind, "failed to parse", ("json_parse_exception", str(error))) from None
        if self._is_stream(index) and "@timestamp" not in source:
            raise _Item(400, kind, "data stream timestamp field [@timestamp] is missing")
        if "@timestamp" in source and _stamp(source["@timestamp"]) is None:
            said = f"failed to parse field [@timestamp] of type [date] in document with id '{identity}'. Preview of field's value: '{source['@timestamp']}'"
            raise _Item(400, kind, said, ("illegal_argument_exception", "failed to parse date field"))
        if self.is_refused(said_by(source)):
            said = f"failed to parse field [refused] of type [long] in document with id '{identity}'. Preview of field's value: 'x'"
            raise _Item(400, kind, said, ("illegal_argument_exception", 'For input string: "x"'))
        self._map(index, identity, source)
        return source

    def _map(self, index, identity, source):
        """Dynamic mapping: what a field held first it holds for ever."""
        known = self._fields.setdefault(index, {})
        found = {}
        for path, value in _leaves(source):
            kind = "object" if value is _OBJECT else _es_type(value)
            if kind is None or path == "@timestamp":  # which is a date, and looked at already
                continue
            old = known.get(path, found.get(path, kind))
            if (old == "object") != (kind == "object"):
                said = f"object mapping for [{path}] tried to parse field [{path.rpartition('.')[2]}] as object, but found a concrete value"
                raise _Item(400, "mapper_parsing_exception", said)
            if old != kind and not _es_fits(old, value):
                said = f"failed to parse field [{path}] of type [{old}] in document with id '{identity}'. Preview of field's value: '{value}'"
                raise _Item(
                    400,
                    "mapper_parsing_exception",
                    said,
                    ("illegal_argument_exception", f'For input string: "{value}"'),
                )
            found[path] = old
        if len(known.keys() | found.keys()) > self.most_fields:
            said = f"Limit of total fields [{self.most_fields}] has been exceeded while adding new fields"
            raise _Item(400, "illegal_argument_exception", said)
        known |= found

    def _is_stream(self, index):
        return any(fnmatch.fnmatchcase(index, pattern) for pattern in self.data_streams)

    def _error(self, status, kind, reason, headers=None):
        error = {"type": kind, "reason": reason}
        return Reply(status, {"error": {"root_cause": [error], **error}, "status": status}, headers or {})


class _Item(Exception):
    def __init__(self, status, kind, reason, cause=None):
        super().__init__(reason)
        self.status = status
        self.told = {"type": kind, "reason": reason}
        if cause:
            self.told["caused_by"] = {"type": cause[0], "reason": cause[1]}


_OBJECT = object()


def _leaves(value, path=""):
    """The path of each field, and what it holds; of a list what is in it."""
    for key, held in value.items():
        name = f"{path}.{key}" if path else key
        for one in held if isinstance(held, list) else [held]:
            if isinstance(one, dict):
                yield name, _OBJECT
                yield from _leaves(one, name)
            else:
                yield name, one


def _es_type(value):
    """What dynamic mapping makes of it; None of null."""
    kinds = {bool: "boolean", int: "long", float: "float", str: "text"}
    return kinds.get(type(value))


def _es_fits(kind, value):
    """Whether a field of this type takes the value of another."""
    if kind == "text":
        return True
    try:
        return kind in ("long", "float") and not isinstance(value, bool) and float(value) is not None
    except (TypeError, ValueError):
        return False


def _stamp(value):
    """A date as strict_date_optional_time||epoch_millis reads it, in nanoseconds; None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1_000_000
    if isinstance(value, str):
        if re.fullmatch(r"-?\d{5,}", value):
            return int(value) * 1_000_000
        try:
            return nanoseconds(value)
        except ValueError:
            return None
    return None


def filtered(value, patterns):
    """What filter_path leaves: https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options."""
    without = [one[1:].split(".") for one in patterns if one.startswith("-")]
    wanted = [one.split(".") for one in patterns if not one.startswith("-")] or [["**"]]
    kept = _only(value, wanted)
    if without:
        kept = _except(kept, without)
    return {} if kept is None else kept


def _only(value, patterns):
    if any(not pattern or pattern == ["**"] for pattern in patterns):
        return value
    if isinstance(value, list):  # passed through; what nothing is left of goes, and with it its place
        return [kept for one in value if (kept := _only(one, patterns)) is not None] or None
    if not isinstance(value, dict):
        return None
    found = {}
    for key, held in value.items():
        rest = [step for pattern in patterns for step in _steps(pattern, key)]
        if rest and (kept := _only(held, rest)) is not None:
            found[key] = kept
    return found or None


def _except(value, patterns):
    if isinstance(value, list):
        return [_except(one, patterns) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, held in value.items():
        rest = [step for pattern in patterns for step in _steps(pattern, key)]
        if [] not in rest:
            found[key] = _except(held, rest) if rest else held
    return found


def _steps(pattern, key):
    """What is left of a pattern behind this key; nothing if it does not match."""
    if pattern[0] == "**":
        return [pattern, *_steps(pattern[1:], key)] if len(pattern) > 1 else [pattern]
    return [pattern[1:]] if fnmatch.fnmatchcase(key, pattern[0]) else []


@pytest.fixture
def elasticsearch(clock):
    """Elasticsearch: see ElasticsearchServer."""
    with running(ElasticsearchServer(clock)) as server:
        yield server


# Splunk's HTTP Event Collector

# https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector
SPLUNK_CODES = {
    0: (200, "Success"),
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    10: (400, "Data channel is missing"),
    11: (400, "Invalid data channel"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    14: (400, "ACK is disabled"),
    15: (400, "Error in handling indexed fields"),
    17: (200, "HEC is healthy"),
    18: (503, "HEC is unhealthy, queues are full"),
    19: (503, "HEC is unhealthy, ack service unavailable"),
    20: (503, "HEC is unhealthy, queues are full, ack service unavailable"),
    23: (503, "Server is shutting down"),
    26: (429, "Queue at capacity"),
    27: (429, "ACK channel at capacity"),
}


class SplunkServer(Intake):
    """POST /services/collector/event, /raw and /ack, as https://help.splunk.com describes the HTTP Event Collector."""

    token = "made-up-token-for-this-test"
    disabled = False
    indexes = None  # those the token may write to; None is any
    acks = False  # indexer acknowledgement, which is on or off for a token
    polls = 0  # how often it is asked before an acknowledgement is there; None is never
    most_bytes = 838_860_800  # max_content_length of [http_input]

    def __init__(self, clock):
        super().__init__(clock)
        self._channels = {}  # to what is not told yet: ackId to the number of questions
        self._given = collections.Counter()

    def say(self, code, times=1, *, stored=False):
        """The next requests get this code, with the status and the text that belong to it."""
        status, text = SPLUNK_CODES[code]
        self.next(status, None, {"text": text, "code": code}, times=times, stored=stored)

    def too_large(self, got):
        said = f"Content-Length of {got.packed} too large (maximum is {self.most_bytes})"
        return Reply(413, f'<response><messages><msg type="ERROR">{said}</msg></messages></response>'.encode())

    def take(self, got):
        path = urlsplit(got.path).path.rstrip("/").removesuffix("/1.0")
        if path == "/services/collector/health":
            return self._code(17)
        paths = {"/services/collector": "event", "/services/collector/event": "event"}
        paths |= {"/services/collector/raw": "raw", "/services/collector/ack": "ack"}
        if path not in paths:
            raise Reply(404, {"text": "The requested URL was not found on this server.", "code": 404})
        if got.method != "POST":
            raise Reply(405, {"text": "Method Not Allowed", "code": 405})
        self._admit(got)
        channel = got.headers.get("x-splunk-request-channel") or got.query.get("channel")
        if channel is None and (self.acks or paths[path] != "event"):
            raise self._code(10)
        if channel is not None and not _is_guid(channel):
            raise self._code(11)
        if paths[path] == "ack":
            return self._acknowledge(got, channel)
        if not got.body.strip():
            raise self._code(5)
        begin = len(self.records)
        if paths[path] == "raw":
            for line in got.body.decode("utf-8", "replace").splitlines():
                self.keep(None, self.now(), line, dict(got.query), {}, acked=None)
        else:
            self._events(got.body)
        return self._taken(channel, begin)

    def _admit(self, got):
        said = got.headers.get("authorization")
        if not said:
            raise self._code(2)
        if not said.startswith("Splunk "):
            raise self._code(3)
        if said.removeprefix("Splunk ") != self.token:
            raise self._code(4)
        if self.disabled:
            raise self._code(1)

    def _events(self, body):
        """One after the other; at the first bad one it ends, and what came before it is taken."""
        decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=_Exact)
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            raise self._code(6, **{"invalid-event-number": 0}) from None
        place, number = 0, 0
        while place < len(text):
            if text[place] in " \t\r\n":
                place += 1
                continue
            try:
                event, place = decoder.raw_decode(text, place)
                strict_json(json.dumps(event))
            except ValueError:
                raise self._code(6, **{"invalid-event-number": number}) from None
            self._event(event, number)
            number += 1

    def _event(self, one, number):
        where = {"invalid-event-number": number}
        if not isinstance(one, dict):
            raise self._code(6, **where)
        if one.get("event") is None:
            raise self._code(12, **where)
        if one["event"] == "":
            raise self._code(13, **where)
        fields = one.get("fields", {})
        if not isinstance(fields, dict) or not all(_is_indexable(value) for value in fields.values()):
            raise self._code(15, **where)
        if self.indexes is not None and one.get("index") not in (None, *self.indexes):
            raise self._code(7, **where)
        message = said_by(one["event"])
        time = _splunk_time(one.get("time"), self.now())
        if time is None or self.is_refused(message):
            raise self._code(6, **where)
        labels = {key: one[key] for key in ("host", "source", "sourcetype", "index") if key in one}
        self.keep(fields.get("exitkit_id"), time, message, labels, fields, acked=None)
        if unknown := one.keys() - {"time", "host", "source", "sourcetype", "index", "event", "fields"}:
            self.complaints.append(f"Splunk ignores {sorted(unknown)} of an event")

    def _taken(self, channel, begin):
        if not self.acks:
            return self._code(0)
        number = self._given[channel]
        self._given[channel] += 1
        self._channels.setdefault(channel, {})[number] = [0, self.records[begin:]]
        for one in self.records[begin:]:
            one["acked"] = False
        return self._code(0, ackId=number)

    def _acknowledge(self, got, channel):
        """True once, for what is indexed; false for what is not yet, what was told, and what nobody knows."""
        if not self.acks:
            raise self._code(14)
        try:
            asked = strict_json(got.body)["acks"]
            if not all(isinstance(number, int) for number in asked):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise self._code(6) from None
        waiting, told = self._channels.get(channel, {}), {}
        for number in asked:
            told[str(number)] = False
            if number not in waiting:
                continue
            waiting[number][0] += 1
            if self.polls is not None and waiting[number][0] > self.polls:
                told[str(number)] = True
                for one in waiting.pop(number)[1]:
                    one["acked"] = True
        return Reply(200, {"acks": told})

    def _code(self, code, **more):
        status, text = SPLUNK_CODES[code]
        return Reply(status, {"text": text, "code": code, **more})


def _is_guid(text):
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _is_indexable(value):
    """Indexed fields are flat: a value, or several texts."""
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    return not isinstance(value, dict)


class _Exact(float):
    """A number that keeps the digits which a float has no room for."""

    def __new__(cls, text):
        made = super().__new__(cls, text)
        made.text = text
        return made


def _splunk_time(value, now):
    """Seconds since the epoch, as a number or as text; what is missing is now. None if it is neither."""
    if value is None:
        return now
    found = re.fullmatch(r"(\d{1,10})(?:\.(\d{1,9}))?", getattr(value, "text", str(value)))
    return int(found[1]) * NANO + int((found[2] or "0").ljust(9, "0")) if found else None


@pytest.fixture
def splunk(clock):
    """Splunk's HTTP Event Collector: see SplunkServer."""
    with running(SplunkServer(clock)) as server:
        yield server


# OpenTelemetry's collector


class OTLPServer(Intake):
    """POST /v1/logs with protobuf, as https://opentelemetry.io/docs/specs/otlp/ has it, read by OpenTelemetry's own classes.

    What a reader has to ignore, such as a field whose number it does not know, is a complaint, and so are bytes that
    no other writer would have made of the same.
    """

    most_bytes = 20 * MB  # max_request_body_size of the collector's confighttp
    warning = ""  # told beside a success that lacks nothing
    credentials = None

    def take(self, got):
        if urlsplit(got.path).path != "/v1/logs":
            raise Reply(404, b"404 page not found\n")
        if got.method != "POST":
            raise Reply(405, b"405 method not allowed, supported: [POST]")
        if self.credentials is not None and got.headers.get("authorization") != self.credentials:
            raise Reply(401, b"401 Unauthorized")
        if media_type(got) != "application/x-protobuf":  # a collector takes JSON too, and others do not
            raise Reply(415, b"415 unsupported media type, supported: [application/x-protobuf]")
        try:
            request = ExportLogsServiceRequest.FromString(got.body)
            rejected = self._resources(request)
        except (DecodeError, ValueError) as error:
            raise self._said(400, Status(code=3, message=f"{error}")) from None
        if request.SerializeToString() != got.body:
            self.complaints.append("the same is written otherwise by others")
        answer = ExportLogsServiceResponse()
        if rejected:
            answer.partial_success.rejected_log_records = rejected
            answer.partial_success.error_message = "the test has refused some of them"
        elif self.warning:
            answer.partial_success.error_message = self.warning
        return self._said(200, answer)

    def apology(self, status):
        code = {429: 8, 503: 14, 504: 4, 400: 3, 401: 16}.get(status, 2)
        return Status(code=code, message=f"ordered {status}").SerializeToString()

    def _said(self, status, message):
        return Reply(status, message.SerializeToString(), {"Content-Type": "application/x-protobuf"})

    def _resources(self, request):
        """Read all of it, and then store; the number of those that are refused."""
        known = ExportLogsServiceRequest()
        known.CopyFrom(request)
        known.DiscardUnknownFields()
        if known != request:
            self.complaints.append("OTLP has no field of some number that was there")
        found = []
        for resource in request.resource_logs:
            labels = self._attributes(resource.resource.attributes)
            for scope in resource.scope_logs:
                found += [(labels, scope.scope.name, *self._record(one)) for one in scope.log_records]
        rejected = 0
        for labels, scope, time, body, attributes, more in found:
            if self.is_refused(said_by(body)):
                rejected += 1
            else:
                uid = attributes.get("log.record.uid")
                self.keep(uid, time, said_by(body), labels, attributes, scope=scope, **more)
        return rejected

    def _record(self, one):
        if not 0 <= one.severity_number <= 24:
            raise ValueError(f"no severity has the number {one.severity_number}")
        for name, length in (("trace_id", 16), ("span_id", 8)):
            if len(getattr(one, name)) not in (0, length):
                raise ValueError(f"{name} has {length} bytes")
        more = {"severity": one.severity_number, "severity_text": one.severity_text}
        body, attributes = self._value(one.body), self._attributes(one.attributes)
        return one.time_unix_nano or one.observed_time_unix_nano, body, attributes, more

    def _attributes(self, pairs):
        found = {}
        for one in pairs:
            if one.key in found:
                self.complaints.append(f"the attribute {one.key} is there twice, which OTLP forbids")
            found[one.key] = self._value(one.value)
        return found

    def _value(self, value):
        kind = value.WhichOneof("value")
        if kind == "array_value":
            return [self._value(one) for one in value.array_value.values]
        if kind == "kvlist_value":
            return self._attributes(value.kvlist_value.values)
        return getattr(value, kind) if kind else None


@pytest.fixture
def otlp(clock):
    """An OpenTelemetry collector: see OTLPServer."""
    with running(OTLPServer(clock)) as server:
        yield server


# Datadog's intake for logs


class DatadogServer(Intake):
    """POST /api/v2/logs, as https://docs.datadoghq.com/api/latest/logs/#send-logs has it.

    It answers 202 before it looks: what is too old is in `dropped`, what was too long is cut and has `truncated`.
    """

    key = "made-up-key-for-this-test"
    most_bytes = 5_000_000
    most_records = 1000
    longest = 1_000_000  # bytes of a log
    oldest = 18 * 3600  # seconds

    def __init__(self, clock):
        super().__init__(clock)
        self.dropped = []
        """(message, why) of what was answered with 202 and is nowhere."""

    def apology(self, status):
        phrase = HTTPStatus(status).phrase
        return {"errors": [{"status": str(status), "title": phrase, "detail": phrase}]}

    def take(self, got):
        if urlsplit(got.path).path not in ("/api/v2/logs", "/v1/input"):
            raise Reply(404, self.apology(404))
        if got.method != "POST":
            raise Reply(405, self.apology(405))
        key = got.headers.get("dd-api-key", got.query.get("dd-api-key"))
        if key is None:
            raise Reply(401, self.apology(401))
        if key != self.key:
            raise Reply(403, self.apology(403))
        if media_type(got) != "application/json":
            raise Reply(415, self.apology(415))
        try:
            found = strict_json(got.body)
        except ValueError:
            raise Reply(400, self.apology(400)) from None
        logs = found if isinstance(found, list) else [found]
        if not all(isinstance(one, dict) for one in logs):
            raise Reply(400, self.apology(400))
        if len(logs) > self.most_records:
            raise Reply(413, self.apology(413))
        for one in logs:
            self._log(one)
        return Reply(202, {})

    def _log(self, one):
        message = one.get("message", "")
        if not isinstance(message, str):
            message = json.dumps(message, ensure_ascii=False)
        time = _datadog_time(one.get("timestamp", one.get("date")), self.now())
        if self.is_refused(message):
            return self.dropped.append((message, "the test has refused it"))
        if time is None:
            self.complaints.append(f"Datadog reads no time in {one.get('timestamp', one.get('date'))!r}, and takes now")
            time = self.now()
        if time < self.now() - self.oldest * NANO:
            return self.dropped.append((message, "older than 18 hours"))
        size = len(json.dumps(one, ensure_ascii=False).encode())
        truncated = size > self.longest
        if truncated:
            room = max(0, len(message.encode()) - (size - self.longest))
            message = message.encode()[:room].decode("utf-8", "ignore")
        tags = [tag for tag in one.get("ddtags", "").split(",") if tag]
        labels = {name: value for name, _, value in (tag.partition(":") for tag in tags)}
        labels |= {key: one[key] for key in ("ddsource", "service", "hostname") if key in one}
        rest = {key: value for key, value in one.items() if key not in ("message", "ddtags", *labels)}
        return self.keep(one.get("exitkit_id"), time, message, labels, rest, truncated=truncated)


def _datadog_time(value, now):
    """Milliseconds, or a date; what is missing is now. None if it is neither."""
    if value is None:
        return now
    if isinstance(value, int) and not isinstance(value, bool) and 10**11 < value < 10**14:
        return value * 1_000_000
    try:
        return nanoseconds(value) if isinstance(value, str) else None
    except ValueError:
        return None


@pytest.fixture
def datadog(clock):
    """Datadog's intake: see DatadogServer."""
    with running(DatadogServer(clock)) as server:
        yield server


# Amazon CloudWatch Logs


class CloudWatchServer(Intake):
    """The JSON 1.1 protocol of Logs_20140328: PutLogEvents, CreateLogGroup, CreateLogStream, PutRetentionPolicy.

    The limits are those of PutLogEvents' page in the API reference; errors are 400, throttling is one of them.
    """

    encodings = ("identity",)
    most_upload = 1_048_576  # bytes; each event counts 26 more than its message
    most_events = 10_000
    longest = 1_048_576  # bytes of an event
    span = DAY  # seconds, among events that are neither too old nor too new
    too_new, too_old = 2 * 3600, 14 * DAY  # seconds
    overhead = 26

    def __init__(self, clock):
        super().__init__(clock)
        self.groups = {}
        """Name of a log group to the names of its streams."""
        self.retention = {}
        """Name of a log group to its days, where there are any."""
        self.lost = []
        """Messages of events that PutLogEvents answered 200 to and rejected."""

    @property
    def calls(self):
        """The names of the operations, in the order in which they came."""
        return [one.headers.get("x-amz-target", "").rpartition(".")[2] for one in self.requests]

    def fail(self, kind, message="ordered by the test", *, status=400, times=1, stored=False):
        """The next requests get this exception, such as ThrottlingException."""
        self.next(status, *_aws_error(kind, message), times=times, stored=stored)

    def take(self, got):
        said = got.headers.get("authorization", "")
        if not said:
            raise self._error("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        scope = r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/[a-z0-9-]+/logs/aws4_request, ?SignedHeaders=[^,]*host[^,]*, ?Signature=[0-9a-f]{64}"
        if not re.fullmatch(scope, said):
            raise self._error("IncompleteSignatureException", "the signature does not conform to AWS standards", 403)
        if not got.headers.get("content-type", "").startswith("application/x-amz-json-1.1"):
            raise self._error("UnknownOperationException", "")
        prefix, _, name = got.headers.get("x-amz-target", "").partition(".")
        known = {"PutLogEvents", "CreateLogGroup", "CreateLogStream", "PutRetentionPolicy"}
        if prefix != "Logs_20140328" or name not in known or got.method != "POST":
            raise self._error("UnknownOperationException", "")
        try:
            asked = strict_json(got.body)
        except ValueError:
            raise self._error("SerializationException", "") from None
        group = asked.get("logGroupName")
        if not isinstance(group, str) or not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", group):
            raise self._invalid(f"Value '{group}' at 'logGroupName' failed to satisfy constraint")
        return getattr(self, f"_{name}")(group, asked)

    def _CreateLogGroup(self, group, asked):  # noqa: N802 - named as the operation is
        if group in self.groups:
            raise self._error("ResourceAlreadyExistsException", "The specified log group already exists")
        self.groups[group] = []
        return self._done()

    def _CreateLogStream(self, group, asked):  # noqa: N802
        streams, name = self._streams(group), self._stream_name(asked)
        if name in streams:
            raise self._error("ResourceAlreadyExistsException", "The specified log stream already exists")
        streams.append(name)
        return self._done()

    def _PutRetentionPolicy(self, group, asked):  # noqa: N802
        self._streams(group)
        days = asked.get("retentionInDays")
        if days not in (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922):
            raise self._invalid(f"Value '{days}' at 'retentionInDays' failed to satisfy constraint")
        self.retention[group] = days
        return self._done()

    def _PutLogEvents(self, group, asked):  # noqa: N802
        stream, events = self._stream_name(asked), self._events(asked)
        if stream not in self._streams(group):
            raise self._error("ResourceNotFoundException", "The specified log stream does not exist.")
        times = [one["timestamp"] for one in events]
        if times != sorted(times):
            raise self._invalid("Log events in a single PutLogEvents request must be in chronological order.")
        now = self.now() // 1_000_000
        old = sum(time < now - self.too_old * 1000 for time in times)
        expired = sum(time < now - self.retention.get(group, 1 << 30) * DAY * 1000 for time in times)
        new = sum(time <= now + self.too_new * 1000 for time in times)  # the place of the first that is too new
        begin = max(old, expired)
        good = events[begin:new]
        if good and good[-1]["timestamp"] - good[0]["timestamp"] > self.span * 1000:
            raise self._invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
            )
        for one in good:
            labels = {"group": group, "stream": stream}
            identity, attributes = _inside(one["message"])
            self.keep(identity, one["timestamp"] * 1_000_000, one["message"], labels, attributes)
        self.lost += [one["message"] for one in (*events[:begin], *events[max(begin, new) :])]
        rejected = {"tooNewLogEventStartIndex": new} if new < len(events) else {}  # the first of them
        rejected |= {"tooOldLogEventEndIndex": old} if old else {}  # the first that is none
        rejected |= {"expiredLogEventEndIndex": expired} if expired else {}
        told = {"nextSequenceToken": f"{len(self.records):056d}"}
        return self._done({**told, "rejectedLogEventsInfo": rejected} if rejected else told)

    def _events(self, asked):
        events = asked.get("logEvents")
        if not isinstance(events, list) or not events:
            raise self._invalid(
                "Value at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1"
            )
        if len(events) > self.most_events:
            raise self._invalid(
                f"Value at 'logEvents' failed to satisfy constraint: Member must have length less than or equal to {self.most_events}"
            )
        total = 0
        for number, one in enumerate(events, 1):
            if not isinstance(one, dict) or not isinstance(one.get("timestamp"), int) or one["timestamp"] < 0:
                raise self._invalid(
                    f"Value at 'logEvents.{number}.member.timestamp' failed to satisfy constraint: milliseconds from 0"
                )
            if not isinstance(one.get("message"), str) or not one["message"]:
                raise self._invalid(
                    f"Value '' at 'logEvents.{number}.member.message' failed to satisfy constraint: Member must have length greater than or equal to 1"
                )
            size = len(one["message"].encode()) + self.overhead
            if size > self.longest:
                raise self._invalid(f"Log event too large: {size} bytes exceeds limit of {self.longest}")
            total += size
        if total > self.most_upload:
            raise self._invalid(f"Upload too large: {total} bytes exceeds limit of {self.most_upload}")
        return events

    def _streams(self, group):
        if group not in self.groups:
            raise self._error("ResourceNotFoundException", "The specified log group does not exist.")
        return self.groups[group]

    def _stream_name(self, asked):
        name = asked.get("logStreamName")
        if not isinstance(name, str) or not re.fullmatch(r"[^:*]{1,512}", name):
            raise self._invalid(
                f"Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"
            )
        return name

    def _invalid(self, text):
        return self._error("InvalidParameterException", text)

    def _error(self, kind, text, status=400):
        headers, body = _aws_error(kind, text)
        return Reply(status, body, headers)

    def _done(self, told=None):
        body = json.dumps(told).encode() if told else b""
        return Reply(
            200, body, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.UUID(int=1))}
        )


def _aws_error(kind, text):
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.UUID(int=1))}
    return headers, json.dumps({"__type": kind, "message": text}).encode()


def _inside(message):
    """The id and the rest of a message that is a JSON object."""
    try:
        found = json.loads(message)
    except ValueError:
        return None, {}
    return (found.get("id"), found) if isinstance(found, dict) else (None, {})


@pytest.fixture
def cloudwatch(clock):
    """Amazon CloudWatch Logs: see CloudWatchServer."""
    with running(CloudWatchServer(clock)) as server:
        yield server


# Google Cloud Logging

# https://cloud.google.com/apis/design/errors#handling_errors
_GOOGLE_CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GCPLoggingServer(Intake):
    """POST /v2/entries:write, as https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/write has it."""

    token = "ya29.made-up-token-for-this-test"
    most_bytes = 10 * MB
    longest = 256 * KB  # of an entry
    most_labels, label_key, label_value = 64, 512, 64 * KB
    retention, newest = 30 * DAY, DAY  # seconds; what is outside is dropped, and answered with 200
    severities = frozenset(
        ["DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"],
    )
    names = frozenset(
        {"logName", "resource", "timestamp", "receiveTimestamp", "severity", "insertId", "httpRequest", "labels"}
        | {"metadata", "operation", "trace", "spanId", "traceSampled", "sourceLocation", "split", "errorGroups"}
        | {"textPayload", "jsonPayload", "protoPayload", "otel", "apphubDestination"}
    )

    def __init__(self, clock):
        super().__init__(clock)
        self.duplicates = []
        """insertIds that were there already, with the same log and time."""
        self.dropped = []
        """(message, why) of what was answered with 200 and is not kept."""
        self._seen = set()

    def apology(self, status):
        return self._error(status, f"ordered {status}").body

    def too_large(self, got):
        return self._error(400, f"Request payload size exceeds the limit: {self.most_bytes} bytes.")

    def take(self, got):
        if urlsplit(got.path).path != "/v2/entries:write" or got.method != "POST":
            raise self._error(404, "Method not found.")
        if got.headers.get("authorization") != f"Bearer {self.token}":
            said = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential."
            raise self._error(401, said)
        if media_type(got) != "application/json":
            raise self._error(400, "Invalid JSON payload received.")
        try:
            asked = strict_json(got.body)
        except ValueError as error:
            raise self._error(400, f"Invalid JSON payload received. {error}") from None
        entries = self._read(asked)
        wrong = {place: why for place, one in enumerate(entries) if (why := self._bad(one))}
        if not entries:
            raise self._error(400, "Request has no log entries")
        good = [one for place, one in enumerate(entries) if place not in wrong]
        for one in good if (not wrong or asked.get("partialSuccess")) and not asked.get("dryRun") else []:
            self._store(one)
        if not wrong:
            return Reply(200, {})
        first = next(iter(wrong.values()))
        details = []
        if asked.get("partialSuccess") and len(wrong) < len(entries):
            # "Failed requests for which no entries are written will not include per-entry errors."
            told = {str(place): {"code": code, "message": text} for place, (code, text) in wrong.items()}
            kind = "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"
            details = [{"@type": kind, "logEntryErrors": told}]
        raise self._error({3: 400, 7: 403, 8: 429, 14: 503}[first[0]], first[1], details)

    def _read(self, asked):
        """The entries, each with what the request says for all; a field that is not known ends the request."""
        if not isinstance(asked, dict):
            raise self._error(400, 'Invalid JSON payload received. Unknown name "": Root element must be a message.')
        if unknown := sorted(asked.keys() - {"logName", "resource", "labels", "entries", "partialSuccess", "dryRun"}):
            raise self._error(400, f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
        found = []
        for place, one in enumerate(asked.get("entries", [])):
            where = f"'entries[{place}]'"
            if unknown := sorted(one.keys() - self.names):
                said = f'Invalid JSON payload received. Unknown name "{unknown[0]}" at {where}: Cannot find field.'
                raise self._error(400, said)
            labels = {**asked.get("labels", {}), **one.get("labels", {})}
            if not all(isinstance(value, str) for value in labels.values()):
                raise self._error(400, f"Invalid value at {where}.labels (TYPE_STRING)")
            try:
                time = nanoseconds(one["timestamp"]) if "timestamp" in one else self.now()
            except (ValueError, TypeError):
                raise self._error(
                    400, f"Invalid value at {where}.timestamp (type.googleapis.com/google.protobuf.Timestamp)"
                ) from None
            if one.get("severity", "DEFAULT") not in self.severities:
                raise self._error(
                    400,
                    f'Invalid value at {where}.severity (type.googleapis.com/google.logging.type.LogSeverity), "{one["severity"]}"',
                )
            if not isinstance(one.get("jsonPayload", {}), dict) or not isinstance(one.get("textPayload", ""), str):
                raise self._error(400, f"Invalid value at {where}: a payload is of another type")
            if not all(isinstance(one.get(name, ""), str) for name in ("insertId", "trace", "spanId", "logName")):
                raise self._error(400, f"Invalid value at {where} (TYPE_STRING)")
            held = {"logName": asked.get("logName"), "resource": asked.get("resource"), **one}
            found.append({**held, "labels": labels, "time": time})
        return found

    def _bad(self, one):
        """The code of google.rpc and the text of what is wrong with an entry."""
        named = re.fullmatch(
            r"(?:projects|folders|organizations|billingAccounts)/[^/]+/logs/([^/]+)", one["logName"] or ""
        )
        if not named or not re.fullmatch(r"[A-Za-z0-9/_.\-]{1,511}", unquote(named[1])):
            return 3, f"Illegal character in log name {one['logName']!r}" if one[
                "logName"
            ] else "Log entry has no log name"
        if not isinstance(one["resource"], dict) or not one["resource"].get("type"):
            return 3, "A monitored resource must be specified for each log entry."
        payloads = [name for name in ("textPayload", "jsonPayload", "protoPayload") if name in one]
        if len(payloads) > 1:
            return 3, f"Log entry has several payloads: {', '.join(payloads)}"
        size = len(json.dumps({key: value for key, value in one.items() if key != "time"}, ensure_ascii=False).encode())
        if size > self.longest:
            return 3, f"Log entry with size {size / KB:.1f}K exceeds maximum size of {self.longest / KB:.1f}K"
        if len(one["labels"]) > self.most_labels:
            return 3, f"Log entry has {len(one['labels'])} labels, which exceeds the maximum of {self.most_labels}"
        message = self._message(one)
        if status := self.is_busy(message):
            return (8 if status == 429 else 14), "the test has put it off"
        return (3, "the test has refused it") if self.is_refused(message) else None

    def _message(self, one):
        return one["textPayload"] if "textPayload" in one else said_by(one.get("jsonPayload", {}))

    def _store(self, one):
        message, time = self._message(one), one["time"]
        identity = one.get("insertId") or f"given{len(self.records)}"
        if not self.now() - self.retention * NANO <= time <= self.now() + self.newest * NANO:
            return self.dropped.append((message, "outside of the bucket's retention"))
        if (one["logName"].split("/logs/")[0], time, identity) in self._seen:
            return self.duplicates.append(identity)
        self._seen.add((one["logName"].split("/logs/")[0], time, identity))
        labels = {_cut(key, self.label_key): _cut(value, self.label_value) for key, value in one["labels"].items()}
        more = {key: one.get(key) for key in ("resource", "trace", "severity")}
        more |= {"log": one["logName"], "span": one.get("spanId")}
        return self.keep(identity, time, message, labels, one.get("jsonPayload", {}), **more)

    def _error(self, status, message, details=()):
        error = {"code": status, "message": message, "status": _GOOGLE_CODES.get(status, "UNKNOWN")}
        return Reply(status, {"error": {**error, "details": list(details)} if details else error})


def _cut(text, size):
    return text.encode()[:size].decode("utf-8", "ignore")


@pytest.fixture
def gcplogging(clock):
    """Google Cloud Logging: see GCPLoggingServer."""
    with running(GCPLoggingServer(clock)) as server:
        yield server


# Any endpoint that takes JSON


class BulkServer(Intake):
    """POST or PUT to `path`: lines of JSON, an array, or objects one after the other, as `format` says."""

    format = "ndjson"  # or array, or concatenated
    path = None  # the one that is served; None is any
    headers = None  # a dict of those that have to be there, with their values
    ok = 200
    most_bytes = 16 * MB
    most_records = None
    dedupe = False  # whether what comes twice by its id is kept once
    keyed = False  # whether a second request with the same Idempotency-Key is done once
    fields = ("id", "time", "message")  # how these are called

    def __init__(self, clock):
        super().__init__(clock)
        self.duplicates = []
        self._keys = set()

    def take(self, got):
        if got.method not in ("POST", "PUT"):
            raise Reply(405)
        if self.path is not None and urlsplit(got.path).path != self.path:
            raise Reply(404)
        for name, value in (self.headers or {}).items():
            if got.headers.get(name.lower()) != value:
                raise Reply(401, b"unauthorized")
        kinds = {"ndjson": ("application/x-ndjson", "application/jsonl", "application/stream+json")}
        if media_type(got) not in kinds.get(self.format, ("application/json",)):
            raise Reply(415, f"no {self.format}: {media_type(got)}".encode())
        try:
            found = self._parse(got.body)
            if not found or not all(isinstance(one, dict) for one in found):
                raise ValueError("records are objects, and there is one at least")
            times = [_any_time(one.get(self.fields[1])) for one in found]
        except ValueError as error:
            raise Reply(400, f"{error}".encode()) from None
        if self.most_records is not None and len(found) > self.most_records:
            raise Reply(413, b"too many records")
        key = got.headers.get("idempotency-key")
        if self.keyed and key is not None and key in self._keys:
            return Reply(self.ok)
        self._keys.add(key)
        wrong = [one for one in found if self.is_refused(str(one.get(self.fields[2])))]
        if wrong:
            raise Reply(400, b"refused by the test")
        for one, time in zip(found, times, strict=True):
            self._store(one, time)
        return Reply(self.ok)

    def _parse(self, body):
        if self.format == "array":
            found = strict_json(body)
            if not isinstance(found, list):
                raise ValueError("no array")
            return found
        if self.format == "ndjson":
            if not body.endswith(b"\n"):
                raise ValueError("the last line has no end")
            return [strict_json(line) for line in body[:-1].split(b"\n")]
        text, place, found = body.decode("utf-8"), 0, []
        while place < len(text):
            one, place = json.JSONDecoder().raw_decode(text, place)
            found.append(one)
            place += len(text[place:]) - len(text[place:].lstrip())
        return found

    def _store(self, one, time):
        identity, message = one.get(self.fields[0]), one.get(self.fields[2])
        if self.dedupe and identity in self.ids:
            self.duplicates.append(identity)
            return
        rest = {key: value for key, value in one.items() if key not in self.fields}
        self.keep(identity, time, message, {}, rest)


def _any_time(value):
    """RFC 3339, or a number whose size tells seconds, milliseconds and nanoseconds apart."""
    if isinstance(value, str) and not value.isdecimal():
        return nanoseconds(value)
    if value is None:
        return None
    number = int(value)
    return number * next(
        (factor for most, factor in ((10**11, NANO), (10**14, 10**6), (10**17, 10**3)) if number < most), 1
    )


@pytest.fixture
def bulk_http(clock):
    """An endpoint that takes JSON: see BulkServer."""
    with running(BulkServer(clock)) as server:
        yield server
