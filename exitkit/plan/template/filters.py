"""The filters, tests and methods that templates have, each told what it would make before it makes it.

Those of Jinja2 are kept, under names that no template can write, and called by what stands here.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from exitkit.plan.template import meter
from exitkit.plan.template.formats import formatted, padded, replaced
from exitkit.plan.template.values import as_json, written

ORIGINAL = "Jinja2's "
"""What stands before the name of a filter or test as Jinja2 has it."""


@pass_context
def join(_: Context, values: Any, separator: Any = "", attribute: Any = None) -> str:
    members = meter.settled(values)
    if attribute is not None:
        members = [_.environment.getitem(member, attribute) for member in meter.each(members, 8)]
    between, texts, length = written(separator), [], 0
    for member in members:
        texts.append(text := written(member))
        length += len(text) + len(between)
        meter.fits(length if length > meter.LIMIT else 8)
    return between.join(texts)


@pass_context
def center(_: Context, value: Any, width: int = 80) -> str:
    return padded(str.center, written(value), width)


@pass_context
def indent(context: Context, value: Any, width: int | str = 4, *flags: bool, **named: bool) -> str:
    text = written(value)
    columns = len(width) if isinstance(width, str) else meter.count(width)
    meter.fits(len(text) + (text.count("\n") + 2) * max(0, columns))
    return str(_original(context, "indent", text, width, *flags, **named))


@pass_context
def wordwrap(  # noqa: PLR0913, PLR0917 - Jinja2's own
    context: Context,
    value: Any,
    width: int = 79,
    break_long_words: bool = True,  # noqa: FBT001, FBT002 - as above
    wrapstring: str | None = None,
    break_on_hyphens: bool = True,  # noqa: FBT001, FBT002 - as above
) -> str:
    text = written(value)
    # Two lines that follow one another are longer than one, or they would be one.
    lines = text.count("\n") + 2 * len(text) // max(1, meter.count(width)) + 2
    meter.fits(len(text) + lines * len(wrapstring or "\n"))
    meter.charge(10 * len(text))  # which is how much slower it is than others
    return str(_original(context, "wordwrap", text, width, break_long_words, wrapstring, break_on_hyphens))


@pass_context
def replace(_: Context, value: Any, old: Any, new: Any, count: int | None = None) -> str:
    return replaced(written(value), written(old), written(new), -1 if count is None else count)


@pass_context
def batch(context: Context, value: Any, linecount: int, fill_with: Any = None) -> list[Any]:
    return _filled(context, "batch", value, linecount, fill_with)


@pass_context
def slices(context: Context, value: Any, slices: int, fill_with: Any = None) -> list[Any]:
    return _filled(context, "slice", value, slices, fill_with)


@pass_context
def printf(_: Context, value: Any, *args: Any, **named: Any) -> str:
    if args and named:
        raise TypeError("can't handle positional and keyword arguments at the same time")
    return formatted(written(value), named or args)


@pass_context
def total(context: Context, values: Any, attribute: Any = None, start: Any = 0) -> Any:
    result, environment = start, context.environment
    for member in meter.each(meter.settled(values), 8):
        number = member if attribute is None else environment.getitem(member, attribute)
        result = environment.call_binop(context, "+", result, number)  # type: ignore[attr-defined]  # the sandbox's
    return result


@pass_context
def rounded(context: Context, value: Any, precision: int = 0, method: str = "common") -> Any:
    if abs(meter.count(precision)) > 300:  # more digits than a float has
        raise meter.TooMuch("rounds to more than 300 digits")
    return _original(context, "round", value, precision, method)


@pass_context
def integer(context: Context, value: Any, default: Any = 0, base: int = 10) -> Any:
    if isinstance(value, str):
        meter.fits_integer(3 * len(value))
    return _original(context, "int", value, default, base)


@pass_context
def urlize(context: Context, value: Any, *args: Any, **named: Any) -> str:
    text = written(value)
    added = sum(meter.breadth(extra) for extra in (*args, *named.values())) + 60
    meter.fits(6 * len(text) + len(text.split()) * added)
    meter.charge(20 * len(text))
    return str(_original(context, "urlize", text, *args, **named))


@pass_context
def tojson(_: Context, value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= meter.count(indent) <= 16:
        raise meter.TooMuch("indents JSON by more than 16")
    return as_json(value, indent)


@pass_context
def pretty(_: Context, value: Any) -> str:
    return as_json(value, 2)


@pass_context
def string(_: Context, value: Any) -> Any:
    return value if isinstance(value, Undefined) else written(value)


OWN: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "join": join,
        "center": center,
        "indent": indent,
        "wordwrap": wordwrap,
        "replace": replace,
        "batch": batch,
        "slice": slices,
        "format": printf,
        "sum": total,
        "round": rounded,
        "int": integer,
        "urlize": urlize,
        "tojson": tojson,
        "pprint": pretty,
        "string": string,
        "safe": string,
    }
)
"""Filters that can make much of little."""

_OF_TEXTS = frozenset(
    "capitalize e escape forceescape lower striptags title trim truncate upper wordcount".split()  # noqa: SIM905 - words
)
_OF_MEMBERS = frozenset(
    "count d default first items last length list map random reject rejectattr reverse select selectattr".split()  # noqa: SIM905 - words
)


def bounded(name: str) -> Callable[..., Any]:
    """Jinja2's filter, which makes no more than it is given, and is not begun where that is too much."""

    @pass_context
    def filtered(context: Context, value: Any, *args: Any, **named: Any) -> Any:
        value = meter.settled(value)
        if name in _OF_TEXTS and not isinstance(value, Undefined):
            value = written(value)
        if name in _OF_TEXTS or name in _OF_MEMBERS:
            meter.charge(16 + 2 * meter.breadth(value))
            meter.weigh(*args, *named.values())
        else:  # which compare or write what is inside
            meter.charge(16 + meter.weigh(value, *args, *named.values()))
        return _made(_original(context, name, value, *args, **named))

    return filtered


def bounded_test(name: str) -> Callable[..., bool]:
    """Jinja2's test, which may compare all that is inside."""

    @pass_context
    def tested(context: Context, value: Any, *args: Any, **named: Any) -> bool:
        meter.charge(8)
        if args or named:
            meter.weigh(value, *args, *named.values())
        return bool(context.environment.call_test(ORIGINAL + name, value, args, named, context=context))

    return tested


def _filled(context: Context, name: str, value: Any, columns: int, fill: Any) -> list[Any]:
    members = meter.settled(value)
    if fill is not None:
        meter.fits_weight(meter.count(columns) * meter.weigh(fill))
    meter.charge(16 * meter.count(columns) + 16 * meter.breadth(members))
    return list(_original(context, name, members, columns, fill))


def _original(context: Context, name: str, value: Any, *args: Any, **named: Any) -> Any:
    return context.environment.call_filter(ORIGINAL + name, value, args, named, context=context)


def _made(value: Any) -> Any:
    value = meter.settled(value)
    if isinstance(value, str):
        meter.fits(len(value))
        return str(value)  # nothing is escaped here, so that nothing is marked as such
    if isinstance(value, int):
        meter.fits_integer(value.bit_length())
    return value
