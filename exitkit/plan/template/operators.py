"""The filters that operators, literals and loops of a template have been turned into, and how large a number may be."""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from exitkit.plan.template import meter, rewrite
from exitkit.plan.template.values import written

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


@pass_context
def _each(_: Context, values: Any, units: int) -> Any:
    return values if isinstance(values, Undefined) else meter.each(values, units)


@pass_context
def _spend(_: Context, value: Any, units: int) -> Any:
    meter.charge(units)
    return value


@pass_context
def _compare(_: Context, value: Any, *operands: Any) -> bool:
    for name, other in zip(operands[::2], operands[1::2], strict=True):
        meter.weigh(value, other)
        meter.charge(8 + min(meter.breadth(value), meter.breadth(other)))
        if name in ("in", "notin"):
            meter.charge(meter.breadth(other))
        if name not in ("eq", "ne", "in", "notin") and (value is None or other is None):
            raise TypeError("cannot compare: a value is not known")
        if not _OPERATORS[name](value, other):
            return False
        value = other
    return True


@pass_context
def _concatenate(_: Context, *values: Any) -> str:
    texts = [str(value) if isinstance(value, Undefined) else written(value) for value in values]
    meter.fits(sum(map(len, texts)))
    return "".join(texts)


@pass_context
def _slice(context: Context, value: Any, start: Any, stop: Any, step: Any) -> Any:
    meter.charge(8 + meter.breadth(value))
    return context.environment.getitem(value, slice(start, stop, step))


@pass_context
def _literal(_: Context, value: Any) -> Any:
    meter.weigh(value)
    return value


def check_number(operator: str, left: Any, right: Any) -> None:
    """Raises TooMuch before an integer is made that is too large."""
    if not (isinstance(left, int) and isinstance(right, int)):
        return
    bits = max(left.bit_length(), right.bit_length())
    if operator == "**":
        bits = left.bit_length() * max(0, right) if abs(left) > 1 else 1
    elif operator == "*":
        bits = left.bit_length() + right.bit_length()
    meter.fits_integer(bits - 1)  # at least so many


def fitting(value: Any) -> Any:
    if isinstance(value, complex):
        raise TypeError("makes no real number")
    if isinstance(value, str):
        meter.fits(len(value))
        return str(value)
    if isinstance(value, int):
        meter.fits_integer(value.bit_length())
    elif isinstance(value, list | tuple):
        meter.charge(len(value))
    return value


FILTERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        rewrite.EACH: _each,
        rewrite.SPEND: _spend,
        rewrite.LITERAL: _literal,
        rewrite.COMPARE: _compare,
        rewrite.CONCAT: _concatenate,
        rewrite.SLICE: _slice,
    }
)
