"""Splunk, by its HTTP Event Collector."""

import json
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from exitkit.clients import http
from exitkit.clients.http.response import not_understood
from exitkit.context import Context
from exitkit.errors import ActionError, Reason, Retryable, Unknown
from exitkit.ship.pipeline.batch import Answer, Batch, BatchRefused, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPPosting, HTTPShip, refused
from exitkit.text.redact import printable, redact
from exitkit.text.units import Seconds

# https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector: what a busy server says.
_BUSY = frozenset({8, 9, 18, 19, 20, 23, 26, 27})
_INTERNAL = 8  # of them, an error, of which nobody knows whether it passes
_DENIED = frozenset({1, 2, 3, 4, 7, 10, 11, 14})
_BAD_EVENT = frozenset({6, 12, 13, 15})
_LOOK, _LONGEST_LOOK = 1.0, 10.0  # seconds between two questions whether a batch is indexed


class Splunk(HTTPShip):
    """Send records to Splunk's HTTP Event Collector.

    A success says that Splunk has taken the events; with `acks`, for a token that has indexer acknowledgement on, they
    count as accepted only once they are indexed. What comes twice is kept twice: `| dedup exitkit_id` leaves one of each.
    """

    name: ClassVar[str] = "Splunk"
    path: ClassVar[str] = "/services/collector/event"
    # 800 MB by max_content_length, and 1 MB by the advice for Splunk Cloud.
    most_bytes: ClassVar[int] = 1_000_000
    most_records: ClassVar[int] = 5000

    token: SecretStr = Field(description="The token of the collector.")
    index: str = Field("", description="The index; by default that of the token.")
    source: str = Field("exitkit", description="The source.")
    sourcetype: str = Field("argo:workflow", description="The sourcetype.")
    acks: bool = Field(False, description="Wait until the events are indexed, by indexer acknowledgement.")
    ack_wait: Seconds = Field(300.0, gt=0, description="How long; the last events may take two minutes.")

    def credentials(self) -> dict[str, str]:
        return {"Authorization": f"Splunk {self.token.get_secret_value()}"}

    def encode(self, chunk: Chunk) -> Sequence[str]:
        told = {key: value for key, value in chunk.attributes.items() if not isinstance(value, Mapping)}
        head = {"source": self.source, "sourcetype": self.sourcetype} | ({"index": self.index} if self.index else {})
        head["host"] = str(told.get("pod") or told.get("workflow") or "exitkit")
        shared = json.dumps(head, ensure_ascii=False, separators=(",", ":"))[1:-1]
        fields = {key: str(value) for key, value in told.items()} | {"kind": chunk.kind, "level": chunk.level}
        rest = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[1:]
        return [
            f'{{"time":{time // 10**9}.{time % 10**9:09d},{shared},"event":{line},"fields":{{"exitkit_id":"{one}",{rest}}}\n'
            for one, time, line in zip(chunk.ids, chunk.times, chunk.quoted, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        return b"".join(part.blob for part in batch.parts)

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        found = _object(response)
        code = found.get("code")
        if response.status == 200 and code == 0:
            number = found.get("ackId")
            if self.acks:
                if not isinstance(number, int):
                    raise ActionError(
                        f"{self.target()} gives no acknowledgements: turn them on for the token, or acks off"
                    )
                return Answer(ack=number)
            return Answer()
        what = f"shipping to {self.target()}"
        text = printable(redact(str(found.get("text") or response.excerpt)), 200)
        if code in _BUSY:
            reason: Reason = "rate" if response.status == 429 else "server"
            raise Retryable(f"{what}: {text}", reason=reason, later=code != _INTERNAL)
        if code in _DENIED:
            raise ActionError(f"{what}: {text} (code {code})", reason="auth" if code in (1, 2, 3, 4) else "client")
        if code in _BAD_EVENT:
            return _before(found.get("invalid-event-number"), batch, f"{response.status}: {text}")
        if response.status == 400:
            raise refused(response)
        if 200 <= response.status <= 299:
            raise not_understood(response, f"{what}: {response.status} is no answer of Splunk's: {response.excerpt}")
        http.check(response, what, ok=())
        raise ActionError(f"{what}: {response.status} is no answer of Splunk's: {response.excerpt}", reason="server")

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        with self.client(context) as client:
            yield _Collector(self, client, context)


class _Collector(HTTPPosting):
    """One run's: with acknowledgements it has a channel, the same for all requests, to which they belong."""

    def __init__(self, target: Splunk, client: http.Client, context: Context) -> None:
        super().__init__(target, client)
        self.context, self.wait = context, target.ack_wait
        if target.acks:
            self._headers["X-Splunk-Request-Channel"] = str(uuid.uuid4())

    def acknowledged(self, acks: Collection[int]) -> Iterator[int]:
        """Ask until all is indexed. An acknowledgement is told once, and then forgotten."""
        deadline = self.context.deadline
        waiting, seconds, end = set(acks), _LOOK, deadline.within(self.wait)
        while True:
            indexed = self._indexed(waiting)
            waiting -= indexed
            yield from sorted(indexed)
            if not waiting:
                return
            if end.remaining() <= 0 or not deadline.pause(min(seconds, end.remaining())):
                what = "1 request that it is" if len(waiting) == 1 else f"{len(waiting)} requests that they are"
                raise Unknown(f"{self.target.target()} took it, and has not said of {what} indexed", reason="timeout")
            seconds = min(_LONGEST_LOOK, seconds * 1.5)

    def _indexed(self, waiting: set[int]) -> set[int]:
        url, what = f"{self.url.removesuffix('/event')}/ack", f"asking {self.target.target()} what is indexed"
        headers = {**self._headers, "Content-Type": "application/json"}
        body = json.dumps({"acks": sorted(waiting)}).encode()

        def ask() -> http.Response:
            response = self.client.request(
                "POST", url, what=what, headers=headers, body=body, idempotent=True, reads=True
            )
            return http.check(response, what, idempotent=True)

        acks = _object(self.context.retry(ask, safe=True)).get("acks")
        return {ack for ack in waiting if acks.get(str(ack)) is True} if isinstance(acks, Mapping) else set()


def _before(number: object, batch: Batch, why: str) -> Answer:
    """Splunk takes the events before the first bad one, and nothing of it and what follows."""
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(batch):
        raise BatchRefused(why, reason="client")  # which it is, and whether any was taken, is not told
    return Answer(rejected={number: why}, again=dict.fromkeys(range(number + 1, len(batch)), why))


def _object(response: http.Response) -> Mapping[str, Any]:
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
