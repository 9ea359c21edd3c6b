"""A predicate that says which rows go: read far enough to know that it ends where it seems to, and whose rows it means."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from exitkit.cleanup.sql import tokens
from exitkit.cleanup.sql.tautology import is_always
from exitkit.cleanup.sql.tokens import bare, is_closed, is_column, is_parameter, is_word, joined, split, words
from exitkit.clients.sql.dialect import Comparison
from exitkit.clients.sql.names import LIKE_ESCAPE, bears, is_text, like_of, signs_of_like
from exitkit.clients.sql.url import Kind

Value = str | int | float | bool

# What could begin a text, a comment, a second statement or a template: with none of them in it, all that
# it can do stands between its own parentheses.
_REFUSED = re.compile(r"--|/\*|\*/|[';\\#$\[\]{}\x00]")
_PREFIX = "exitkit_"  # so that no parameter has the name of one that SQLAlchemy or exitkit adds
_LIKES = ("like", "ilike")
# Operators whose right side is a pattern in a language of its own.
_PATTERNS = ("glob", "regexp", "rlike", "match", "to", "~", "*")
_ENDS = ("", ")", "and", "or", "xor")  # what can stand behind a whole condition


@dataclass(frozen=True)
class Predicate:
    """SQL text with `:named` parameters, and their values."""

    text: str
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def check(self) -> None:
        """Raises ValueError for what may mean more than it seems to."""
        if not self.text.strip():
            raise ValueError("where is empty, which is every row: was a template filled in with nothing?")
        if found := _REFUSED.search(self.text):
            raise ValueError(
                f"where has {found[0]!r} in it: give texts as parameters, and leave out comments, "
                "second statements, brackets and templates"
            )
        if not is_text(self.text):
            raise ValueError("where has a part that is no text")
        if any(sign in '"`' for sign in self._signs):
            raise ValueError("where has a quote that is not closed")
        if not is_closed(self._signs):
            raise ValueError("where has parentheses that do not match")
        if not any(is_word(sign) for sign in self._signs):
            raise ValueError("where names no column, so that it is for every row or for none")
        self._check_parameters()
        everything = {f":{key}".lower() for key, value in self.parameters.items() if not str(value).strip("%")}
        if is_always(self._signs, everything):
            raise ValueError("where holds for every row: write a condition that is not always true")

    def owned(self, own: str) -> tuple[Comparison, ...]:
        """What every row has one of for which it holds, each of which bears the name; nothing if that cannot be told.

        That is read off its form alone: `column = :p`, `column LIKE :p`, or `column IN (:p, :q)`, joined to
        whatever else by AND; and so on either side of an OR.
        """
        texts = {
            f":{key}": str(value)
            for key, value in self.parameters.items()
            if isinstance(value, str | int) and not isinstance(value, bool)
        }
        equal = {key: text for key, text in texts.items() if bears(text, own)}
        like = {key: text for key, text in texts.items() if bears("".join(signs_of_like(text)), own)}
        return tuple(_owned(self._signs, equal, like))

    def bound(self, kind: Kind) -> tuple[str, dict[str, Value]]:
        """The text for SQLAlchemy, in parentheses, and the values by the names in it.

        Names are quoted as that database does, since what one takes for a name another takes for a text. In the
        pattern of a LIKE, a backslash makes the next sign a plain one, whatever the database makes of it.
        """
        parts: list[str] = []
        values: dict[str, Value] = {}
        before = ""
        for at, sign in enumerate(self._all):
            if is_parameter(sign):
                key = sign[1:]
                if before in _LIKES and self._after(at) in _ENDS:
                    parts.append(f":{_PREFIX}like_{key} ESCAPE '{LIKE_ESCAPE}'")
                    values[f"{_PREFIX}like_{key}"] = like_of(signs_of_like(str(self.parameters[key])))
                else:
                    parts.append(f":{_PREFIX}{key}")
                    values[f"{_PREFIX}{key}"] = self.parameters[key]
            else:
                told = quoted(tokens.name(sign), kind) if sign[0] in '"`' else sign
                parts.append(told.replace(":", "\\:"))
            before = before if sign.isspace() else sign.lower()
        return f"({''.join(parts)})", values

    def check_data(self, key: str, data: str) -> bool:
        """Whether a parameter is the pattern of a LIKE, in which data is to be escaped.

        Raises ValueError where the data that a template put into it would mean something else in each place.
        """
        places = set(self._places(key))
        if "pattern" in places and not re.fullmatch(r"[\w /:,=@-]*", data):
            raise ValueError(f"parameter {key} has signs put in that mean something in a pattern: use LIKE or =")
        if "like" in places and len(places) > 1 and re.search(r"[%_\\]", data):
            raise ValueError(f"parameter {key} has signs put in that mean something to LIKE alone: give it twice")
        return places == {"like"}

    def _places(self, key: str) -> Iterator[str]:
        for at, sign in enumerate(self._all):
            if sign == f":{key}":
                before = next((one.lower() for one in reversed(self._all[:at]) if not one.isspace()), "")
                if before in _LIKES:
                    yield "like" if self._after(at) in _ENDS else "pattern"
                else:
                    yield "pattern" if before in _PATTERNS else "value"

    def _after(self, at: int) -> str:
        return next((sign.lower() for sign in self._all[at + 1 :] if not sign.isspace()), "")

    def _check_parameters(self) -> None:
        used = {sign[1:] for sign in self._signs if is_parameter(sign)}
        for name in sorted(used - set(self.parameters)):
            raise ValueError(f"where has :{name}, and values do not")
        for name, value in sorted(self.parameters.items()):
            if name not in used:
                raise ValueError(f"parameter {name} is not in where as :{name}")
            if isinstance(value, str) and not value.strip():
                raise ValueError(f"parameter {name} is empty: was a template filled in with nothing?")
            if isinstance(value, str) and ("\0" in value or not is_text(value)):
                raise ValueError(f"parameter {name} holds what no database takes for text")

    @cached_property
    def _all(self) -> list[str]:
        return tokens.read(self.text)

    @cached_property
    def _signs(self) -> list[str]:
        return [sign for sign in self._all if not sign.isspace()]


def quoted(name: str, kind: Kind) -> str:
    """A name as the database quotes it. SQLite takes one in double quotes for a text if there is no such column."""
    mark = '"' if kind == "postgresql" else "`"
    return mark + name.replace(mark, mark * 2) + mark


def _owned(signs: Sequence[str], equal: Mapping[str, str], like: Mapping[str, str]) -> list[Comparison]:
    signs = bare(signs)
    if "case" in words(signs):  # its AND and OR do not join what stands beside it
        return []
    found: list[Comparison] = []
    for arm in split(signs, {"or", "xor", "||"}):
        own = next((own for part in joined(arm) if (own := _compared(part, equal, like))), None)
        if own is None:
            return []
        found += own
    return found


def _compared(signs: Sequence[str], equal: Mapping[str, str], like: Mapping[str, str]) -> list[Comparison]:
    inside = bare(signs)
    if len(inside) < len(signs):
        return _owned(inside, equal, like)
    if len(signs) < 3:
        return []
    if signs[1] == "=" and signs[0] in equal:
        return [Comparison(tuple(signs[2::2]), equal[signs[0]])] if is_column(signs[2:]) else []
    before, word, last = signs[:-2], signs[-2].lower(), signs[-1]
    if word == "=" and last in equal and is_column(before):
        return [Comparison(tuple(before[::2]), equal[last])]
    if word == "like" and last in like and is_column(before):
        return [Comparison(tuple(before[::2]), like[last], like=True)]
    if "(" not in signs or last != ")":
        return []
    begin = list(signs).index("(")
    if begin < 2 or signs[begin - 1].lower() != "in" or not is_column(signs[: begin - 1]):
        return []
    # Not with a query: a column that it does not have is silently the outer one, and then all rows match.
    items = list(split(signs[begin + 1 : -1], {","}))
    if not all(len(item) == 1 and item[0] in equal for item in items):
        return []
    return [Comparison(tuple(signs[: begin - 1 : 2]), equal[item[0]]) for item in items]
