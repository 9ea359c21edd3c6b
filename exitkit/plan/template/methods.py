"""The methods that templates may call; all others, and all that are not called, are not there."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from exitkit.plan.template import meter
from exitkit.plan.template.formats import padded, replaced
from exitkit.plan.template.values import written

_SHORT = """
capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit isidentifier islower isnumeric
isprintable isspace istitle isupper lower lstrip partition removeprefix removesuffix rfind rindex rpartition rstrip
startswith strip swapcase title upper
"""


def _split(way: Callable[..., list[str]]) -> Callable[..., list[str]]:
    def split(text: str, *args: Any, **named: Any) -> list[str]:
        meter.charge(8 * len(text))
        return way(text, *args, **named)

    return split


def _pad(way: Callable[..., str]) -> Callable[..., str]:
    return lambda text, width, *fill: padded(way, text, width, *fill)


def _expandtabs(text: str, tabsize: int = 8) -> str:
    meter.fits(len(text) + text.count("\t") * max(0, meter.count(tabsize)))
    return text.expandtabs(tabsize)


def _join(text: str, values: Any) -> str:
    texts = [written(member) for member in meter.each(values, 8)]
    meter.fits(sum(map(len, texts)) + len(text) * len(texts))
    return text.join(texts)


def _short(way: Callable[..., Any]) -> Callable[..., Any]:
    def method(text: str, *args: Any) -> Any:
        meter.charge(2 * len(text))
        return way(text, *args)

    return method


OF_TEXT: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {name: _short(getattr(str, name)) for name in _SHORT.split()}
    | {name: _pad(getattr(str, name)) for name in ("center", "ljust", "rjust", "zfill")}
    | {name: _split(getattr(str, name)) for name in ("split", "rsplit", "splitlines")}
    | {"expandtabs": _expandtabs, "join": _join, "replace": replaced}
)

OF_MAPPING: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "get": lambda mapping, key, default=None: mapping.get(key, default),
        "items": lambda mapping: list(mapping.items()),
        "keys": lambda mapping: list(mapping.keys()),
        "values": lambda mapping: list(mapping.values()),
    }
)

OF_LIST: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"count": lambda values, value: list(values).count(value), "index": lambda values, value: list(values).index(value)}
)


def methods_of(value: object) -> Mapping[str, Callable[..., Any]]:
    """Those of a text, a mapping or a list, by name."""
    if isinstance(value, str):
        return OF_TEXT
    if isinstance(value, Mapping):
        return OF_MAPPING
    return OF_LIST if isinstance(value, list | tuple) else MappingProxyType({})
