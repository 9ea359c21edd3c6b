"""Attributes as all signals have them, and what an answer says of what was not taken."""

import json
from collections.abc import Mapping

from exitkit.clients.http import Response
from exitkit.clients.otlp import protobuf
from exitkit.errors import ActionError
from exitkit.text.redact import printable, redact


def attributes(field: int, values: Mapping[str, object]) -> bytes:
    """Each as a field of a message: a KeyValue, with the key as its first and an AnyValue as its second."""
    return b"".join(
        protobuf.nested(field, protobuf.text(1, name) + protobuf.nested(2, any_value(value)))
        for name, value in values.items()
    )


def any_value(value: object) -> bytes:
    """An AnyValue."""
    if isinstance(value, bool):
        return protobuf.number(2, value)
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return protobuf.number(3, value)
    if isinstance(value, float):
        return protobuf.double(4, value)
    return protobuf.text(1, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def check(response: Response, what: str) -> None:
    """Raises ActionError where a success says that some of it was not taken, or is no answer of the protocol.

    https://opentelemetry.io/docs/specs/otlp/#otlphttp-response: 200 with a partial_success, in protobuf or JSON.
    """
    try:
        count, said = partial_success(response)
    except ValueError:
        raise ActionError(f"{what}: the answer is none of OTLP: {response.excerpt}", reason="server") from None
    if count:
        raise ActionError(f"{what}: {count} were refused: {printable(redact(said), 200)}", reason="client")


def partial_success(response: Response) -> tuple[int, str]:
    """How many were refused, and why. Raises ValueError for what is no such answer."""
    if not response.body:
        return 0, ""
    if response.headers.get("content-type", "").startswith("application/json"):
        whole = json.loads(response.body)
        told = whole.get("partialSuccess") or {} if isinstance(whole, dict) else None
        if not isinstance(told, dict):
            raise ValueError("no object")
        counts = [int(value) for key, value in told.items() if key.startswith("rejected")]
        return (counts[0] if counts else 0), str(told.get("errorMessage", ""))
    for number, value in protobuf.fields(response.body):
        if number == 1 and isinstance(value, bytes):
            inner = dict(protobuf.fields(value))
            count, said = inner.get(1, 0), inner.get(2, b"")
            return (count if isinstance(count, int) else 0), said.decode("utf-8", "replace") if isinstance(
                said, bytes
            ) else ""
    return 0, ""
