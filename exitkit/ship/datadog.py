"""Datadog, by its intake for logs."""

import json
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from exitkit.clients import http
from exitkit.clients.http.response import is_page, not_understood
from exitkit.context import Context
from exitkit.errors import ActionError, Retryable
from exitkit.retry import parse_retry_after
from exitkit.ship.pipeline.batch import Answer, Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.target import Encode
from exitkit.ship.posting import HTTPShip, refused

# https://docs.datadoghq.com/api/latest/logs/#send-logs: what may be sent again.
_AGAIN = frozenset({408, 429, 500, 503})
_STATUS = {"info": "info", "warning": "warn", "error": "error"}
_SHORT = 5  # seconds of a period, below which a rounding of one is too much
_OLDEST = 18 * 3600 - 300  # seconds, with five minutes for the way


class Datadog(HTTPShip):
    """Send records to Datadog's log intake.

    Datadog answers before it reads, and tells nothing of single records: an event older than 18 hours is dropped without
    a word, so an older one is sent as one of 18 hours, with its own time in `event_time`. What comes twice is kept
    twice; `exitkit_id` tells them apart.
    """

    name: ClassVar[str] = "Datadog"
    path: ClassVar[str] = "/api/v2/logs"
    separator: ClassVar[str] = ","
    # 5 MB uncompressed and 1000 entries a request, 1 MB an entry: our lines have 64 KiB at most.
    most_bytes: ClassVar[int] = 4_500_000
    most_records: ClassVar[int] = 1000

    api_key: SecretStr = Field(description="The API key.")
    url: str = Field("https://http-intake.logs.datadoghq.com", description="The intake of your site.")
    source: str = Field("argo-workflows", description="ddsource, which chooses the pipeline.")
    service: str = Field("exitkit", description="The service.")
    tags: dict[str, str] = Field({}, description="More tags, such as env=prod.")

    @field_validator("tags")
    @classmethod
    def _are_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        if any("," in f"{name}{value}" or ":" in name for name, value in tags.items()):
            raise ValueError("a tag holds a comma, or its name a colon")
        return tags

    def encoder(self, context: Context) -> Encode:
        return partial(self.encode, oldest=int(context.deadline.clock.time() - _OLDEST) * 1_000_000_000)

    def credentials(self) -> dict[str, str]:
        return {"DD-API-KEY": self.api_key.get_secret_value()}

    def encode(self, chunk: Chunk, oldest: int = 0) -> Sequence[str]:
        """Each in Datadog's form, none with a time before the oldest, in Unix nanoseconds."""
        told = chunk.attributes
        tags = {
            **self.tags,
            **{key: told[key] for key in ("workflow", "namespace", "pod", "container") if told.get(key)},
        }
        shared = {
            "ddsource": self.source,
            "service": self.service,
            "ddtags": ",".join(f"{name}:{value}" for name, value in tags.items()),
            "hostname": told.get("pod") or told.get("workflow") or "",
            "status": _STATUS[chunk.level],
            "kind": chunk.kind,
            **{f"argo.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in told.items()},
        }
        head = json.dumps(shared, ensure_ascii=False, separators=(",", ":"), default=str)[:-1]
        return [
            f'{head},"exitkit_id":"{identity}","timestamp":{max(time, oldest) // 1_000_000},"event_time":"{stamp}","message":{line}}}'
            for identity, time, stamp, line in zip(chunk.ids, chunk.times, chunk.stamps, chunk.quoted, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        return b"[%s]" % b",".join(part.blob for part in batch.parts)

    def answer(self, response: http.Response, batch: Batch) -> Answer:  # noqa: ARG002 - it tells of no record
        reset = _reset(response)
        # Version 1 of the intake, and what stands in for Datadog, as its Observability Pipelines, say it with 200.
        if response.status == 202 or (response.status == 200 and response.body.strip() in (b"", b"{}")):
            if is_page(response):
                raise not_understood(response, f"{self.target()} answered {response.status}")
            return Answer(after=reset)
        if 200 <= response.status <= 299:
            raise not_understood(response, f"{self.target()} answered {response.status}: {response.excerpt}")
        if response.status == 400:
            raise refused(response)
        what = f"shipping to {self.target()}"
        try:
            http.check(response, what, ok=())
        except Retryable as error:
            if response.status in _AGAIN:
                error.resets = reset is not None and not error.after
                error.after = error.after or reset
                raise
            raise ActionError(str(error), reason=error.reason) from None
        raise ActionError(f"{what}: {response.status} is no answer of Datadog's", reason="server")


def _reset(response: http.Response) -> float | None:
    """Seconds until more is taken, where nothing is left of a period: https://docs.datadoghq.com/api/latest/rate-limits/.

    None for a period so short that the whole seconds in which its end is told say little: its rate is learnt.
    """
    headers = response.headers
    if response.status != 429 and headers.get("x-ratelimit-remaining", "").strip() != "0":
        return None
    period = parse_retry_after(headers.get("x-ratelimit-period"), 0.0)
    if period is not None and period < _SHORT:
        return None
    return parse_retry_after(headers.get("x-ratelimit-reset"), 0.0)
