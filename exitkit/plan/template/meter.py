"""What a template may cost: sizes are told before they are computed, and work is counted while it is done."""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exitkit.text.units import human_size

LIMIT = 1 << 20
"""Characters of a text: a message, a path, a body; nothing that a plan makes is near this."""

WORK = 10_000_000
"""Units of work of a step's templates, of which one is about a character that is looked at; a second or two."""

BITS = 1024
"""Of an integer; a float has no larger one, and no reader of JSON takes it."""

_HEAVIEST = 4 * LIMIT
_NODE = 8  # what a list, a mapping or a number weighs, in characters
_SIMPLE = frozenset({int, float, bool, type(None)})
_local = threading.local()


class TooMuch(ValueError):
    """A template would take more time or memory than any template should."""


@contextlib.contextmanager
def metered() -> Iterator[None]:
    """Everything inside has one allowance of work, in this thread."""
    before = getattr(_local, "left", None)
    _local.left = WORK
    try:
        yield
    finally:
        _local.left = before


def charge(units: int) -> None:
    """Take it from the allowance. Raises TooMuch where that is used up."""
    left = getattr(_local, "left", None)
    if left is None:
        return
    _local.left = left = left - units
    if left < 0:
        raise TooMuch("does too much; make it shorter, or its loops")


def fits(length: int) -> None:
    """Raises TooMuch for a text of so many characters, before it is made."""
    if length > LIMIT:
        raise TooMuch(f"makes more than {human_size(LIMIT)}")
    charge(length)


def fits_integer(bits: int) -> None:
    """Raises TooMuch for an integer of so many bits, before it is made."""
    if bits > BITS:
        raise TooMuch(f"makes a number of more than {BITS} bits")


def count(number: object) -> int:
    """A number of characters, lines or columns, as a filter takes it. Raises TooMuch, TypeError."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"needs a whole number, not {type(number).__name__}")
    if abs(number) > LIMIT:
        raise TooMuch(f"makes more than {human_size(LIMIT)}")
    return number


def breadth(value: object) -> int:
    """Of what looks at each character or each member once."""
    return len(value) if isinstance(value, str | Mapping | list | tuple | set | frozenset) else 1


def weigh(*values: object) -> int:
    """Of what looks at everything inside as well; what stands there twice weighs twice. Raises TooMuch."""
    weight, nodes, ahead = 0, 0, list[Any](values)
    while ahead:
        value = ahead.pop()
        nodes += 1
        kind = type(value)
        if kind is str:
            weight += len(value)
            continue
        weight += _NODE
        if kind is dict or (kind not in _SIMPLE and isinstance(value, Mapping)):
            ahead += value.keys()
            ahead += value.values()
        elif kind is list or (kind not in _SIMPLE and isinstance(value, list | tuple | set | frozenset)):
            ahead += value
        if weight + len(ahead) > _HEAVIEST:
            raise TooMuch("makes too large a value")
    charge(10 * nodes)
    return weight


def fits_weight(weight: int) -> None:
    """Raises TooMuch for a value of this weight, before it is made."""
    if weight > _HEAVIEST:
        raise TooMuch("makes too large a value")
    charge(weight // _NODE)


def settled(value: Any) -> Any:
    """The same, with what can be gone through only once as a list."""
    if isinstance(value, Iterator) or type(value).__name__ in ("dict_items", "dict_keys", "dict_values"):
        return list(each(value, _NODE))
    return value


def each(values: Iterable[Any], units: int) -> Iterator[Any]:
    """The values, each of which costs so many units."""
    for value in values:
        charge(units)
        yield value
