"""A condition in SQL as words and signs: read no further than to know what stands within which parentheses."""

import re
from collections.abc import Iterator, Sequence

_SIGN = re.compile(r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|::|:\w+|\w+|\|\||<=|>=|<>|!=|\s+|.', re.DOTALL)
_CONSTANT = re.compile(r"true|false|null|not|and|or|xor|is|in|like|between|[0-9]\w*", re.IGNORECASE)

# Words that are functions without parentheses, in one database or another, and never a column as they stand.
_FUNCTIONS = re.compile(
    r"current_\w+|session_user|system_user|local(time|timestamp)|utc_(date|time|timestamp)|sysdate|rownum",
    re.IGNORECASE,
)


def read(text: str) -> list[str]:
    """All of it, blanks included."""
    return _SIGN.findall(text)


def is_parameter(sign: str) -> bool:
    return len(sign) > 1 and sign[0] == ":" and sign[1] != ":"


def is_word(sign: str) -> bool:
    """Whether it may name a column."""
    return (sign[0] in '"`' and len(sign) > 1) or (bool(re.match(r"\w", sign)) and not _CONSTANT.fullmatch(sign))


def is_column(signs: Sequence[str]) -> bool:
    """A name, or several with dots between them; what the name is of, only the database knows."""
    names, dots = signs[::2], signs[1::2]
    if len(names) != len(dots) + 1 or not all(is_word(one) for one in names) or not all(one == "." for one in dots):
        return False
    return not _FUNCTIONS.fullmatch(names[0])


def name(sign: str) -> str:
    """The name in a word, without its quotes."""
    return sign[1:-1].replace(sign[0] * 2, sign[0]) if sign[0] in '"`' else sign


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
