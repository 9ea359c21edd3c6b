"""Amazon CloudWatch Logs, as a test plays it."""

import json
import re
import uuid

from .intake import DAY, Intake, Reply, strict_json


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
