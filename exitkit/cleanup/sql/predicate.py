"""A predicate that says which rows go: read far enough to know that it ends where it seems to, and whose rows it means."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from exitkit.cleanup.sql import tokens
from exitkit.cleanup.sql.names import Glob, is_text
from exitkit.cleanup.sql.tautology import is_always
from exitkit.cleanup.sql.tokens import bare, is_closed, is_column, is_parameter, is_word, joined, split, words

Value = str | int | float | bool

# What could begin a text, a comment, a second statement or a template: with none of them in it, all that
# it can do stands between its own parentheses.
_REFUSED = re.compile(r"--|/\*|\*/|[';\\#$\[\]{}\x00]")
_PREFIX = "exitkit_"  # so that no parameter has the name of one that SQLAlchemy or exitkit adds


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
        if any(one in '"`' for one in self._signs):
            raise ValueError("where has a quote that is not closed")
        if not is_closed(self._signs):
            raise ValueError("where has parentheses that do not match")
        if not any(is_word(one) for one in self._signs):
            raise ValueError("where names no column, so that it is for every row or for none")
        self._check_parameters()
        everything = {f":{key}".lower() for key, one in self.parameters.items() if not str(one).strip("%")}
        if is_always(self._signs, everything):
            raise ValueError("where holds for every row: write a condition that is not always true")

    def bears(self, own: str) -> bool:
        """Whether every row that it holds for has a column equal to a parameter that bears the name.

        That is read off its form alone: `column = :p`, `column LIKE :p`, or `column IN (:p, :q)`, joined to
        whatever else by AND; and so on either side of an OR.
        """
        equal = {f":{key}" for key, one in self.parameters.items() if Glob(str(one), exact=True).bears(own)}
        like = {f":{key}" for key, one in self.parameters.items() if _as_glob(str(one)).bears(own)}
        return _is_owned(self._signs, equal, like)

    @property
    def bound(self) -> tuple[str, dict[str, Value]]:
        """The text for SQLAlchemy, in parentheses, and the values by the names in it."""
        told = [f":{_PREFIX}{one[1:]}" if is_parameter(one) else one.replace(":", "\\:") for one in self._all]
        return f"({''.join(told)})", {f"{_PREFIX}{key}": one for key, one in self.parameters.items()}

    def _check_parameters(self) -> None:
        used = {one[1:] for one in self._signs if is_parameter(one)}
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
        return [one for one in self._all if not one.isspace()]


def _as_glob(like: str) -> Glob:
    """What a LIKE with this text stands for; with a backslash, databases do not agree on that."""
    if set(like) & set("*?\\"):
        return Glob("*")
    return Glob(like.replace("%", "*").replace("_", "?"))


def _is_owned(signs: Sequence[str], equal: set[str], like: set[str]) -> bool:
    signs = bare(signs)
    if "case" in words(signs):  # its AND and OR do not join what stands beside it
        return False
    arms = split(signs, {"or", "xor", "||"})
    return all(any(_is_own(part, equal, like) for part in joined(arm)) for arm in arms)


def _is_own(signs: Sequence[str], equal: set[str], like: set[str]) -> bool:
    inside = bare(signs)
    if len(inside) < len(signs):
        return _is_owned(inside, equal, like)
    if len(signs) < 3:
        return False
    if signs[1] == "=" and signs[0] in equal:
        return is_column(signs[2:])
    before, word, last = signs[:-2], signs[-2].lower(), signs[-1]
    if (word == "=" and last in equal) or (word == "like" and last in like):
        return is_column(before)
    if "(" not in signs or last != ")":
        return False
    begin = list(signs).index("(")
    if begin < 2 or signs[begin - 1].lower() != "in" or not is_column(signs[: begin - 1]):
        return False
    # Not with a query: a column that it does not have is silently the outer one, and then all rows match.
    return all(len(one) == 1 and one[0] in equal for one in split(signs[begin + 1 : -1], {","}))
