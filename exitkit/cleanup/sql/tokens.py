"""A condition in SQL as words and signs: read no further than to know what stands within which parentheses."""

import re
from collections.abc import Iterator, Sequence

_SIGN = re.compile(r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|::|:\w+|\w+|\|\||<=|>=|<>|!=|\s+|.', re.DOTALL)
_CONSTANT = re.compile(r"true|false|null|not|and|or|xor|is|in|like|between|[0-9]\w*", re.IGNORECASE)


def read(text: str) -> list[str]:
    """All of it, blanks included."""
    return _SIGN.findall(text)


def is_parameter(sign: str) -> bool:
    return len(sign) > 1 and sign[0] == ":" and sign[1] != ":"


def is_word(sign: str) -> bool:
    """Whether it may name a column."""
    return (sign[0] in '"`' and len(sign) > 1) or (bool(re.match(r"\w", sign)) and not _CONSTANT.fullmatch(sign))


def is_column(signs: Sequence[str]) -> bool:
    """A name, or several with dots between them."""
    names, dots = signs[::2], signs[1::2]
    return len(names) == len(dots) + 1 and all(is_word(one) for one in names) and all(one == "." for one in dots)


def is_closed(signs: Sequence[str]) -> bool:
    depth = 0
    for one in signs:
        depth += (one == "(") - (one == ")")
        if depth < 0:
            return False
    return depth == 0


def bare(signs: Sequence[str]) -> Sequence[str]:
    """Without the parentheses around the whole."""
    while len(signs) > 1 and signs[0] == "(" and signs[-1] == ")" and is_closed(signs[1:-1]):
        signs = signs[1:-1]
    return signs


def words(signs: Sequence[str]) -> list[str]:
    """Each in lower case, and nothing for those that stand within parentheses."""
    found, depth = [], 0
    for one in signs:
        depth -= one == ")"
        found.append(one.lower() if depth == 0 else "")
        depth += one == "("
    return found


def split(signs: Sequence[str], at: set[str]) -> Iterator[Sequence[str]]:
    """What stands between some words."""
    begin = 0
    for n, word in enumerate(words(signs)):
        if word in at:
            yield signs[begin:n]
            begin = n + 1
    yield signs[begin:]


def joined(signs: Sequence[str]) -> Iterator[Sequence[str]]:
    """What AND joins, where it is not that of a BETWEEN."""
    begin, between = 0, False
    for n, word in enumerate(words(signs)):
        if word == "and" and not between:
            yield signs[begin:n]
            begin = n + 1
        between = word == "between" or (between and word != "and")
    yield signs[begin:]
