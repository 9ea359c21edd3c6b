"""What kind of value stands where another is wanted, in YAML's words: pydantic's own are Python's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_WANTED: Mapping[str, str] = MappingProxyType(
    {
        "dict": "a mapping (key: value)",
        "mapping": "a mapping (key: value)",
        "model": "a mapping (key: value)",
        "model_attributes": "a mapping (key: value)",
        "list": "a list",
        "tuple": "a list",
        "set": "a list",
        "string": "a text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
    }
)
_BOUNDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "greater_than": ("more than", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("less than", "lt"),
        "less_than_equal": ("at most", "le"),
    }
)


def words(kind: str, value: Any, limits: Mapping[str, Any]) -> str:
    """For a kind of pydantic's errors, such as `int_parsing`, or "" where it is about something else."""
    if kind in _BOUNDS:
        how, name = _BOUNDS[kind]
        return f"must be {how} {_plain(limits[name])}"
    if kind == "finite_number":
        return "must be a finite number"
    if kind == "string_too_long":
        return f"must have at most {limits['max_length']} characters"
    if kind == "string_too_short":
        return f"must have at least {limits['min_length']} characters"
    wanted = _WANTED.get(kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_float"))
    if not wanted:
        return ""
    is_of = of(value)
    return (
        f"is not {wanted}" if is_of in (wanted, "a text") and kind.endswith("_parsing") else f"is {is_of}, not {wanted}"
    )


def of(value: Any) -> str:
    """What a value is, without showing it."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return (
        "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list | tuple) else "something else"
    )


def _plain(number: Any) -> str:
    return f"{number:g}" if isinstance(number, float) else str(number)
