"""Attributes as all signals have them, and what an answer says of what was not taken."""

import json
from collections.abc import Mapping

from exitkit.clients.http import Response
from exitkit.clients.http.response import is_page
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


_FAULTS = frozenset({"error", "errors", "code"})
"""Keys of a google.rpc.Status, and of what gateways answer; a success of OTLP has none of them."""


def partial_success(response: Response) -> tuple[int, str]:
    """How many were refused, and why; some answer with JSON whatever they are sent. Raises ValueError for no such answer."""
    if is_page(response):
        raise ValueError("a page for people")
    if is_json(response):
        whole = json.loads(response.body or b"{}")
        if isinstance(whole, Mapping) and _FAULTS.intersection(whole):
            raise ValueError("what other protocols say where something went wrong")
        partial = whole.get("partialSuccess") if isinstance(whole, Mapping) else None
        if not isinstance(partial, Mapping):
            return 0, ""
        # rejectedLogRecords, rejectedSpans or rejectedDataPoints, of which an answer has one
        count = next((value for key, value in partial.items() if key.startswith("rejected")), 0)
        return int(count or 0), str(partial.get("errorMessage") or "")
    count, said = 0, b""
    for _, inner in (field for field in protobuf.fields(response.body) if field[0] == 1):
        if not isinstance(inner, bytes):
            raise ValueError("partial_success is a message")  # noqa: TRY004 - told as what it is: no answer
        for number, value in protobuf.fields(inner):
            if number == 1 and isinstance(value, int):
                count = value
            elif number == 2 and isinstance(value, bytes):
                said = value
    return count, said.decode("utf-8", "replace")


def is_json(response: Response) -> bool:
    return "json" in (response.headers.get("Content-Type") or "")
