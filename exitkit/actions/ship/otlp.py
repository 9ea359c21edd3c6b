"""An OpenTelemetry collector, or whatever takes logs by OTLP/HTTP with JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from exitkit.actions.ship import Answer, Batch, HTTPShip, refused
from exitkit.chunk import Chunk
from exitkit.clients import http
from exitkit.errors import ActionError, Retryable
from exitkit.redact import printable, redact

# https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes: these and no others.
_AGAIN = frozenset({429, 502, 503, 504})
# https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
_SEVERITY = {"info": 9, "warning": 13, "error": 17}
# https://opentelemetry.io/docs/specs/semconv/: what our attributes are called there; the rest are `argo.*`.
_RESOURCE = {"namespace": "k8s.namespace.name", "pod": "k8s.pod.name", "container": "k8s.container.name"}
_OWN = {"workflow": "cicd.pipeline.name", "uid": "cicd.pipeline.run.id", "step": "cicd.pipeline.task.name"}


class OTLP(HTTPShip):
    """Export records to an OpenTelemetry collector by OTLP/HTTP.

    The protocol has no way to tell that a record came twice; each has its id as `log.record.uid`, by which they can be
    told apart. Of what a collector refuses it tells how many and not which, so all of such a batch is kept.
    """

    name: ClassVar[str] = "OTLP"
    path: ClassVar[str] = "/v1/logs"
    separator: ClassVar[str] = ","
    # The collector takes 20 MiB by default (max_request_body_size), and 4 MiB is what most put before it.
    most_bytes: ClassVar[int] = 3 << 20
    most_records: ClassVar[int] = 5000
    by_source: ClassVar[bool] = True

    service_name: str = Field("argo-workflows", description="What the records say they are from: service.name.")
    resource_attributes: dict[str, str] = Field({}, description="More attributes of the resource, for all records.")

    def encode(self, chunk: Chunk) -> Sequence[str]:
        number = _SEVERITY[chunk.level]
        level = "" if chunk.kind == "log" else f'"severityNumber":{number},"severityText":"{chunk.level.upper()}",'
        own = {**{key: value for key, value in chunk.attributes.items() if key not in _RESOURCE}, "kind": chunk.kind}
        if chunk.kind == "log":  # what is the same for all lines is told with the status
            own = {key: own[key] for key in ("part", "parts", "file", "kind") if key in own}
        shared = ",".join(_attributes(own))
        return [
            f'{{"timeUnixNano":"{time}",{level}"body":{{"stringValue":{line}}},"attributes":['
            f'{{"key":"log.record.uid","value":{{"stringValue":"{identity}"}}}},{shared}]}}'
            for time, line, identity in zip(chunk.times, chunk.quoted, chunk.ids, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        each: dict[str, list[bytes]] = {}
        for part in batch.parts:
            each.setdefault(self._resource(part.chunk), []).append(part.blob)
        made = (
            b'{"resource":{"attributes":[%s]},"scopeLogs":[{"scope":{"name":"exitkit"},"logRecords":[%s]}]}'
            % (key.encode(), b",".join(some))
            for key, some in each.items()
        )
        return b'{"resourceLogs":[%s]}' % b",".join(made)

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        if response.status == 400:  # never to be sent again, the protocol says
            return refused(response, batch)
        if response.status != 200:
            what = f"shipping to {self.target()}"
            try:
                http.check(response, what, ok=())
            except Retryable as error:
                if response.status in _AGAIN:
                    raise
                raise ActionError(str(error), reason=error.reason) from None
            raise ActionError(f"{what}: {response.status} is no answer of OTLP", reason="server")
        return self._partly(response)

    def _partly(self, response: http.Response) -> Answer:
        """What a success says of those that it is none for."""
        found = response.json() if response.body.strip() else {}
        partial = found.get("partialSuccess") if isinstance(found, Mapping) else None
        if not isinstance(partial, Mapping):
            return Answer()
        try:
            count = int(partial.get("rejectedLogRecords") or 0)
        except (TypeError, ValueError):
            raise ActionError(f"{self.target()} told no number of those it refused", reason="server") from None
        said = printable(redact(str(partial.get("errorMessage") or "")), 200)
        if count > 0:
            return Answer(unplaced=count, why=said or "no reason was given")
        return Answer(notes=(f"{self.target()} says: {said}",) if said else ())

    def _resource(self, chunk: Chunk) -> str:
        told = {"service.name": self.service_name, **self.resource_attributes}
        told |= {name: str(chunk.attributes[key]) for key, name in _RESOURCE.items() if chunk.attributes.get(key)}
        if chunk.kind == "log":
            told |= {_OWN[key]: str(chunk.attributes[key]) for key in ("workflow", "uid") if chunk.attributes.get(key)}
        return ",".join(_attributes(told, names={}))


def _attributes(found: Mapping[str, Any], names: Mapping[str, str] = _OWN) -> Iterator[str]:
    for key, value in found.items():
        name = names.get(key, key if "." in key or not names else f"argo.{key}")
        yield f'{{"key":{json.dumps(name)},"value":{_value(value)}}}'


def _value(value: object) -> str:
    """64-bit integers are text in OTLP's JSON."""
    if isinstance(value, bool):
        return f'{{"boolValue":{json.dumps(value)}}}'
    if isinstance(value, int):
        return f'{{"intValue":"{value}"}}'
    if isinstance(value, float):
        return f'{{"doubleValue":{json.dumps(value)}}}'
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return f'{{"stringValue":{json.dumps(text, ensure_ascii=False)}}}'
