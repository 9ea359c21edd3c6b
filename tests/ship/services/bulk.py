"""Any endpoint that takes JSON, as a test plays it."""
# ruff: noqa: TRY301 - a service raises its answer from wherever it is known

import json
from urllib.parse import urlsplit

from .intake import MB, NANO, Intake, Reply, media_type, nanoseconds, strict_json


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
