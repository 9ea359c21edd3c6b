"""Splunk's HTTP Event Collector, as a test plays it."""
# ruff: noqa: TRY301 - a service raises its answer from wherever it is known

import collections
import json
import re
import uuid
from urllib.parse import urlsplit

from .intake import NANO, Intake, Reply, no_constant, said_by, strict_json

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
        decoder = json.JSONDecoder(parse_constant=no_constant, parse_float=_Exact)
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
