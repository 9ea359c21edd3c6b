"""Datadog's intake for logs, as a test plays it."""

import json
from http import HTTPStatus
from urllib.parse import urlsplit

from .intake import NANO, Intake, Reply, media_type, nanoseconds, strict_json


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
