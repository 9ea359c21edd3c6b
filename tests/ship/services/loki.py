"""Grafana Loki, as a test plays it."""

import collections
import json
import re
from urllib.parse import urlsplit

from .intake import DAY, KB, MB, NANO, Intake, Reply, media_type, rfc3339, strict_json


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
