"""How a value is written in a text: nothing for what is not there, JSON for what has members, never Python's form."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from exitkit.plan.template import meter

Gaps = Literal["shown", "told", "refused", "filled"]
"""What becomes of what a template names and nobody gave: it is shown; it is an error, and a fact that is merely not
known is nothing; both are errors; so they are, and what is put in is marked."""

_DEPTH = 30  # deeper is no fact but a circle


def written(value: Any) -> str:
    """The text of a value. Raises TooMuch, and what an undefined name raises."""
    if isinstance(value, str):
        meter.charge(len(value))
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        meter.fits_integer(value.bit_length())
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if _has_members(value):
        return as_json(value)
    return str(value)


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON as people write it. Raises TooMuch."""
    text = json.dumps(_members(value, 0), ensure_ascii=False, allow_nan=False, indent=indent)
    meter.fits(len(text))
    return text


def _has_members(value: object) -> bool:
    return isinstance(value, Mapping | list | tuple | set | frozenset | Iterator) or (
        type(value).__name__ in ("dict_items", "dict_keys", "dict_values")
    )


def _members(value: Any, depth: int) -> Any:
    """The value in what JSON has; what is no such thing is written."""
    meter.charge(4)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        meter.fits_integer(value.bit_length())
        return value
    if depth < _DEPTH and isinstance(value, Mapping):
        return {written(key): _members(inner, depth + 1) for key, inner in value.items()}
    if depth < _DEPTH and _has_members(value):
        return [_members(inner, depth + 1) for inner in value]
    return f"({type(value).__name__})" if _has_members(value) else written(value)
