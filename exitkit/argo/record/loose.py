"""Values out of JSON that somebody else wrote: each of the type that is wanted, or nothing."""

import re
from collections.abc import Mapping
from typing import Any

from exitkit.argo.argument import encodable

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")


def mapping(value: object) -> Mapping[str, Any]:
    """An object of JSON, which is a dict; to ask for any Mapping takes ten times as long, a hundred thousand times."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> tuple[Mapping[str, Any], ...]:
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def text(holder: Mapping[str, Any], key: str) -> str:
    """The text under the key; "" where there is none, or something else."""
    value = holder.get(key)
    if not isinstance(value, str):
        return ""
    return value if value.isascii() and "\0" not in value else encodable(value)  # a call less, a hundred thousand times


def texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def integer(value: object) -> int | None:
    """A whole number, or text that is one, as Argo writes exit codes."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and abs(value) < 10**18 else None


def flag(value: object) -> bool:
    """Whether it is true; from YAML it may come as a word."""
    return value is True or value == "true"


def numbers(value: object) -> dict[str, float]:
    """The members that are numbers from 0 on."""
    kept: dict[str, float] = {}
    for key, item in mapping(value).items():
        kind = type(item)
        is_number = 0 <= item < 10**18 if kind is int or kind is float else kind is str and _NUMBER.fullmatch(item)
        if is_number:
            kept[key] = float(item)
    return kept


def pairs(value: object) -> dict[str, str]:
    """Argo's list of parameters, `[{"name": …, "value": …}]`, as names and values; one without a value is left out."""
    kept: dict[str, str] = {}
    for item in mappings(value):
        name = item.get("name")
        if isinstance(name, str) and item.get("value") is not None:
            kept[encodable(name)] = as_text(item["value"])
    return kept


def words(value: object) -> dict[str, str]:
    """The members whose value is text, such as labels."""
    return {encodable(str(key)): encodable(item) for key, item in mapping(value).items() if isinstance(item, str)}


def as_text(value: object) -> str:
    """A parameter's value: text, or what a user wrote without quotes."""
    from exitkit.argo import loosejson

    return encodable(loosejson.as_text(value))
