"""An OpenTelemetry collector, or whatever takes logs by OTLP/HTTP, in the encoding that all of them take: protobuf's."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field

from exitkit.clients import http
from exitkit.clients.http.response import not_understood
from exitkit.clients.otlp import protobuf
from exitkit.clients.otlp.attributes import attributes, is_json, partial_success
from exitkit.errors import ActionError, Retryable
from exitkit.ship.pipeline.batch import Answer, Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPShip, refused
from exitkit.text.redact import printable, redact

# https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes: these and no others.
_AGAIN = frozenset({429, 502, 503, 504})
# https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
_SEVERITY = {"info": 9, "warning": 13, "error": 17}
# https://opentelemetry.io/docs/specs/semconv/: what our attributes are called there; the rest are `argo.*`.
_RESOURCE = {"namespace": "k8s.namespace.name", "pod": "k8s.pod.name", "container": "k8s.container.name"}
_OWN = {"workflow": "cicd.pipeline.name", "uid": "cicd.pipeline.run.id", "step": "cicd.pipeline.task.name"}


class OTLP(HTTPShip):
    """Export records to an OpenTelemetry collector by OTLP/HTTP in protobuf.

    The protocol has no way to tell that a record came twice; each has its id as `log.record.uid`, by which they can be
    told apart. Of what a collector refuses it tells how many and not which, so all of such a batch is kept.
    """

    name: ClassVar[str] = "OTLP"
    path: ClassVar[str] = "/v1/logs"
    content_type: ClassVar[str] = "application/x-protobuf"
    # The collector takes 20 MiB by default (max_request_body_size), and 4 MiB is what most put before it.
    most_bytes: ClassVar[int] = 3 << 20
    most_records: ClassVar[int] = 5000
    by_source: ClassVar[bool] = True

    service_name: str = Field("argo-workflows", description="What the records say they are from: service.name.")
    resource_attributes: dict[str, str] = Field({}, description="More attributes of the resource, for all records.")

    def encode(self, chunk: Chunk) -> Sequence[bytes]:
        """Each as a field `log_records` of ScopeLogs; the numbers are those of opentelemetry/proto/logs/v1/logs.proto."""
        level = b""
        if chunk.kind != "log":
            level = protobuf.number(2, _SEVERITY[chunk.level]) + protobuf.text(3, chunk.level.upper())
        own = {**{key: value for key, value in chunk.attributes.items() if key not in _RESOURCE}, "kind": chunk.kind}
        if chunk.kind == "log":  # what is the same for all lines is told with the status
            own = {key: own[key] for key in ("part", "parts", "file", "kind") if key in own}
        shared = attributes(6, _named(own))
        size, fixed = protobuf.varint, 9 + len(level) + len(shared)  # 9: the time with its tag
        stamps = chunk.times if min(chunk.times, default=0) >= 0 else [max(one, 0) for one in chunk.times]
        times = struct.pack(f"<{len(stamps)}Q", *stamps)
        found = []
        for place, message, identity in zip(range(0, len(times), 8), chunk.messages, chunk.ids, strict=True):
            said, uid = message.encode("utf-8", "backslashreplace"), identity.encode()
            inner, before = size(len(said)), _before_uid(len(uid))
            value = 1 + len(inner) + len(said)  # of string_value in an AnyValue
            outer = size(value)
            whole = size(fixed + 1 + len(outer) + value + len(before) + len(uid))
            # Put together once: the lengths first, and not a message in a message.
            parts = (whole, times[place : place + 8], level, outer, inner, said, before, uid, shared)
            found.append(b"\x12%b\x09%b%b\x2a%b\x0a%b%b%b%b%b" % parts)
        return found

    def body(self, batch: Batch) -> bytes:
        each: dict[bytes, list[bytes]] = {}
        for part in batch.parts:
            each.setdefault(self._resource(part.chunk), []).append(part.blob)
        scope = protobuf.nested(1, protobuf.text(1, "exitkit"))
        return b"".join(
            protobuf.nested(1, protobuf.nested(1, key) + protobuf.nested(2, scope + b"".join(some)))
            for key, some in each.items()
        )

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        if response.status == 200:
            return self._partly(response, len(batch))
        if response.status == 204:  # as Loki answers, which has nothing to say of a part
            return Answer()
        response = _readable(response)
        if 200 <= response.status <= 299:
            raise not_understood(response, f"{self.target()}: {response.status} is no answer of OTLP")
        if response.status == 400:  # never to be sent again as it is, the protocol says
            raise refused(response)
        what = f"shipping to {self.target()}"
        try:
            http.check(response, what, ok=(), idempotent=response.status in _AGAIN)
        except Retryable as error:
            if response.status in _AGAIN:
                raise
            raise ActionError(str(error), reason=error.reason) from None
        raise ActionError(f"{what}: {response.status} is no answer of OTLP", reason="server")

    def _partly(self, response: http.Response, sent: int) -> Answer:
        """What a success says of those that it is none for."""
        try:
            count, told = partial_success(response)
        except ValueError:
            raise not_understood(response, f"{self.target()} said nothing that is OTLP: {response.excerpt}") from None
        said = printable(redact(told), 200)
        if count >= sent:
            return Answer(rejected=dict.fromkeys(range(sent), said or "no reason was given"))
        if count > 0:
            return Answer(unplaced=count, why=said or "no reason was given")
        return Answer(notes=(f"{self.target()} says: {said}",) if said else ())

    def _resource(self, chunk: Chunk) -> bytes:
        told = {"service.name": self.service_name, **self.resource_attributes}
        told |= {name: str(chunk.attributes[key]) for key, name in _RESOURCE.items() if chunk.attributes.get(key)}
        if chunk.kind == "log":
            told |= {_OWN[key]: str(chunk.attributes[key]) for key in ("workflow", "uid") if chunk.attributes.get(key)}
        return attributes(1, told)


def _named(own: Mapping[str, Any]) -> dict[str, Any]:
    """Under their names in OpenTelemetry; the rest are `argo.*`."""
    return {_OWN.get(key, key if "." in key else f"argo.{key}"): value for key, value in own.items()}


@lru_cache(maxsize=64)
def _before_uid(size: int) -> bytes:
    """The attribute log.record.uid of a record, but for its value of so many bytes."""
    return attributes(6, {"log.record.uid": "0" * size})[:-size]


def _readable(response: http.Response) -> http.Response:
    """The message of a google.rpc.Status in place of its bytes."""
    if is_json(response):
        return response
    try:
        said = [value for field, value in protobuf.fields(response.body) if field == 2 and isinstance(value, bytes)]
    except ValueError:  # the text of something in between
        return response
    return replace(response, body=b" ".join(said)) if said else response
