"""Grafana Loki, and what takes its pushes."""

import json
import re
from collections.abc import Hashable, Sequence
from typing import ClassVar

from pydantic import Field, field_validator

from exitkit.clients import http
from exitkit.clients.http.response import not_understood
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.ship.loki import refusals
from exitkit.ship.pipeline.batch import Answer, Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPShip, refused

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,99}")
# https://grafana.com/docs/loki/latest/configure/#limits_config: max_label_names_per_series is 15 by default.
_MOST_LABELS = 15
# Attributes that are few in a cluster. Loki keeps a stream for each combination of labels, so that of what is
# many, as pods are, only that is a label which keeps two writers out of one stream.
_LABELS = ("namespace", "workflow", "container", "pod", "file")


class Loki(HTTPShip):
    """Push records to Grafana Loki.

    A second run pushes the same lines with the same times to the same streams. Loki keeps one of each only where it does
    not shard its streams, which it does by default: then receipts, in the store of `--state`, keep a second run from
    pushing again. Loki refuses lines older than a week, lines over 256 KB, and lines an hour older than the newest of
    their stream; what it refuses goes to `dead_letter`.
    """

    name: ClassVar[str] = "Loki"
    path: ClassVar[str] = "/loki/api/v1/push"
    separator: ClassVar[str] = ","
    # A push over the burst limit, 6 MB by default, is answered with 429 for ever.
    most_bytes: ClassVar[int] = 1 << 20
    most_records: ClassVar[int] = 10_000
    tenant: str = Field("", description="The tenant, for X-Scope-OrgID.")
    stream_labels: dict[str, str] = Field(
        {}, description="More labels of the streams, the same for all records, such as cluster=prod."
    )
    stream_sharding: bool = Field(
        True,
        description="Whether Loki shards its streams, as it does by default; it then keeps twice what comes twice. With "
        "no, what may have arrived is pushed again.",
    )
    structured_metadata: bool = Field(
        True, description="Send ids and attributes along as structured metadata; no for Loki before 3.0."
    )

    @field_validator("stream_labels")
    @classmethod
    def _are_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for name in labels:
            if not _LABEL.fullmatch(name):
                raise ValueError(f"{name!r} is no label: letters, digits and underscores")
        if len(labels) > _MOST_LABELS - len(_LABELS) - 3:
            raise ValueError(f"are too many: Loki takes {_MOST_LABELS} with ours")
        return labels

    def is_safe_to_resend(self) -> bool:
        return not self.stream_sharding

    def together(self, chunk: Chunk) -> Hashable:
        """A push is of one stream, because of several Loki's ingester tells what became of one."""
        return chunk.source, self._stream(chunk)

    def credentials(self) -> dict[str, str]:
        return super().credentials() | ({"X-Scope-OrgID": self.tenant} if self.tenant else {})

    def encode(self, chunk: Chunk) -> Sequence[str]:
        if not self.structured_metadata:
            return [f'["{time}",{line}]' for time, line in zip(chunk.times, chunk.quoted, strict=True)]
        # What is the same for all lines of a workflow is told with its status, and not with each of a million lines.
        told = {"part", "parts"} if chunk.kind == "log" else chunk.attributes.keys() - set(_LABELS)
        rest = {_name(key): _text(value) for key, value in chunk.attributes.items() if key in told}
        shared = json.dumps(rest, ensure_ascii=False, separators=(",", ":"))[1:]
        comma = "," if rest else ""
        return [
            f'["{time}",{line},{{"id":"{identity}"{comma}{shared}]'
            for time, line, identity in zip(chunk.times, chunk.quoted, chunk.ids, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        streams: dict[str, list[bytes]] = {}
        for part in batch.parts:
            streams.setdefault(self._stream(part.chunk), []).append(part.blob)
        each = (b'{"stream":%s,"values":[%s]}' % (key.encode(), b",".join(some)) for key, some in streams.items())
        return b'{"streams":[%s]}' % b",".join(each)

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        if response.status == 204:
            return Answer()
        if response.status == 260:  # a success by its class, that stores nothing
            told = f"{self.target()} has ingestion blocked: {response.excerpt}"
            raise ActionError(told, reason="client")
        if response.status in (400, 422):
            return _refused(response, batch)
        if 200 <= response.status <= 299:
            raise not_understood(response, f"{self.target()} answered {response.status}, where Loki says 204")
        if response.status == 429 and refusals.is_part(response.text, len(batch)):
            told = f"{self.target()} took a part and does not say which: {response.excerpt}"
            raise Unknown(told, reason="rate")
        http.check(response, f"shipping to {self.target()}", ok=(), idempotent=self.is_safe_to_resend())
        raise Retryable(f"{self.target()}: {response.status}", reason="server")

    def _stream(self, chunk: Chunk) -> str:
        """The labels. A stream has one writer, so that its lines come in the order of their times."""
        found = {"job": "exitkit", "kind": chunk.kind}
        if chunk.kind != "log":
            found["level"] = chunk.level
        found |= {key: str(chunk.attributes[key]) for key in _LABELS if chunk.attributes.get(key)}
        return json.dumps(found | self.stream_labels, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _refused(response: http.Response, batch: Batch) -> Answer:
    """What is good of the push is stored, also then."""
    times = [time for chunk in batch.chunks for time in chunk.times]
    lengths = [len(text.encode("utf-8", "replace")) for chunk in batch.chunks for text in chunk.messages]
    known = refusals.read(response.text, times, lengths)
    if known is None:
        raise refused(response)
    why = f"{response.status}: {response.excerpt}"
    return Answer(rejected=dict.fromkeys(known.places, why), unplaced=known.more, unknown=known.unsaid, why=why)


def _name(key: str) -> str:
    """As Loki would write it: https://grafana.com/docs/loki/latest/get-started/labels/structured-metadata/."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
