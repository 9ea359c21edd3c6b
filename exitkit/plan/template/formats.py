"""Padding, replacing and formatting, of which the length of the text is known before the text is made."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from exitkit.plan.template import meter
from exitkit.plan.template.values import written

# Of so many characters may a number be padded, and so many columns has a line.
_WIDEST = 10_000
_PRINTF = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?[a-zA-Z%]")
_DIGITS = re.compile(r"[0-9]+")


def replaced(text: str, old: str, new: str, most: int = -1) -> str:
    places = text.count(old) if most < 0 else min(most, text.count(old))
    meter.fits(len(text) + places * len(new))
    return text.replace(old, new, most)


def padded(pad: Callable[..., str], text: str, width: int, *fill: str) -> str:
    meter.fits(max(len(text), meter.count(width)))
    return pad(text, width, *fill)


def formatted(text: str, values: Any) -> str:
    """`%` as Python has it, with what is no number written as everywhere."""
    members = values if isinstance(values, tuple) else (values,)
    meter.weigh(values)
    widths = [width for found in _PRINTF.finditer(text) for width in found.groups() if width]
    given = [abs(member) for member in members if isinstance(member, int)]
    wide = [max(given, default=0) if width == "*" else int(width[:9]) for width in widths]
    if any(width > _WIDEST for width in wide):
        raise meter.TooMuch(f"pads to more than {_WIDEST} characters")
    if isinstance(values, Mapping):
        told: Any = {key: _written_unless_number(value) for key, value in values.items()}
        longest = max((len(str(value)) for value in told.values()), default=0) * text.count("%(")
    else:
        told = tuple(_written_unless_number(value) for value in members)
        longest = sum(len(str(value)) for value in told)
    meter.fits(len(text) + longest + sum(wide) + 400 * text.count("%"))
    return str(text % told)


def check_spec(spec: str) -> None:
    """Raises TooMuch for a width or precision in the spec of `{:…}`."""
    if any(int(digits[:9]) > _WIDEST for digits in _DIGITS.findall(spec)):
        raise meter.TooMuch(f"pads to more than {_WIDEST} characters")


def _written_unless_number(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        meter.fits_integer(value.bit_length())
        return value
    return value if isinstance(value, float) else written(value)
