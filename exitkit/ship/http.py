"""Any HTTP endpoint that takes JSON: lines, an array, or objects one after the other."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from exitkit.clients import http
from exitkit.clients.http.response import is_page, not_understood
from exitkit.errors import Unknown
from exitkit.ship.pipeline.batch import Answer, Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPShip, refused

_EACH_BY_ITSELF = 207  # RFC 4918, 11.1: the body says what became of each, in a form of its own
_TYPES = {"ndjson": "application/x-ndjson", "array": "application/json", "concatenated": "application/json"}


class HTTP(HTTPShip):
    """Post records as JSON to any HTTP endpoint.

    As to VictoriaLogs (`/insert/jsonline?_time_field=time&_msg_field=message&_stream_fields=workflow,pod`), ClickHouse
    (`?query=INSERT INTO logs FORMAT JSONEachRow`), Axiom, Quickwit or a proxy of your own. The header Idempotency-Key
    holds the same value whenever the same records are sent together. What such an endpoint drops after a success is
    unknown to everybody: VictoriaLogs drops a line over 256 KiB with all that comes after it in the request, so
    `line_bytes` stays below, and what is older than its retention, a week by default.
    """

    name: ClassVar[str] = "HTTP"

    format: Literal["ndjson", "array", "concatenated"] = Field(
        "ndjson", description="A line for each record, one array, or objects with nothing between them."
    )
    time_field: str = Field("time", description="What the time is called.")
    message_field: str = Field("message", description="What the message is called.")
    id_field: str = Field("id", description="What the id is called.")
    time_format: Literal["rfc3339", "unix_ns", "unix_ms"] = Field("rfc3339", description="How the time is written.")
    ok: list[int] = Field([], description="The statuses that are a success; by default 200 to 299.")
    idempotent: bool = Field(False, description="Whether the endpoint takes a second arrival of an id for the first.")

    @field_validator("ok")
    @classmethod
    def _statuses(cls, values: list[int]) -> list[int]:
        if not all(100 <= value <= 599 for value in values):
            raise ValueError("a status is a number from 100 to 599")
        return values

    def limits(self) -> tuple[int, int]:
        most_bytes, most_records = super().limits()
        return most_bytes - 2, most_records  # with the brackets around an array

    @property
    def separator(self) -> str:  # type: ignore[override]
        return "," if self.format == "array" else ""

    @property
    def content_type(self) -> str:  # type: ignore[override]
        return _TYPES[self.format]

    def is_safe_to_resend(self) -> bool:
        return self.idempotent

    def encode(self, chunk: Chunk) -> Sequence[str]:
        identity, time, message = (json.dumps(one) for one in (self.id_field, self.time_field, self.message_field))
        rest = f'"kind":"{chunk.kind}","level":"{chunk.level}",{chunk.shared}'
        end = "\n" if self.format == "ndjson" else ""
        return [
            f"{{{identity}:{json.dumps(one)},{time}:{when},{rest}{message}:{line}}}{end}"
            for one, when, line in zip(chunk.ids, self._times(chunk), chunk.quoted, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        if self.format == "array":
            return b"[%s]" % b",".join(part.blob for part in batch.parts)
        return b"".join(part.blob for part in batch.parts)

    def headers_of(self, batch: Batch) -> dict[str, str]:
        ids = "\n".join(identity for chunk in batch.chunks for identity in chunk.ids)
        return {"Idempotency-Key": sha256(ids.encode()).hexdigest()}

    def answer(self, response: http.Response, batch: Batch) -> Answer:  # noqa: ARG002 - it tells of no record
        if response.status in (self.ok or range(200, 300)):
            if is_page(response):
                raise not_understood(response, f"{self.target()} answered {response.status}")
            if response.status == _EACH_BY_ITSELF and not self.ok:
                told = f"{self.target()} answered 207, which says of each record what became of it; list it in ok if all are in"
                raise Unknown(told, reason="server")
            return Answer()
        if response.status in (400, 422):
            raise refused(response)
        http.check(response, f"shipping to {self.target()}", ok=(), idempotent=self.idempotent)
        raise AssertionError(response.status)

    def _times(self, chunk: Chunk) -> Sequence[str | int]:
        if self.time_format == "rfc3339":
            return [f'"{one}"' for one in chunk.stamps]
        return chunk.times if self.time_format == "unix_ns" else [one // 1_000_000 for one in chunk.times]
