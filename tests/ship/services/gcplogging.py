"""Google Cloud Logging, as a test plays it."""

import json
import re
from urllib.parse import unquote, urlsplit

from .intake import DAY, KB, MB, NANO, Intake, Reply, media_type, nanoseconds, said_by, strict_json

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
