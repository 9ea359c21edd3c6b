"""Names in databases: what a pattern stands for, as the database and as Python tests it, and whose name it bears."""

import re
from dataclasses import dataclass
from functools import cached_property

LIKE_ESCAPE = "!"
"""Not a backslash, which MySQL reads in a literal as well."""

_PARTS = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_PLAIN = re.compile(r"\w+")
_ALNUM = r"[^\W_]"


@dataclass(frozen=True)
class Glob:
    """One name, in which `*` stands for any text and `?` for one character, unless it is `exact`."""

    text: str
    exact: bool = False

    @property
    def is_pattern(self) -> bool:
        return not self.exact and ("*" in self.text or "?" in self.text)

    @property
    def says_something(self) -> bool:
        """Whether there is a letter or digit in it, beside wildcards."""
        return any(sign.isalnum() for sign in self.text)

    @property
    def like(self) -> str:
        """The pattern of a LIKE with `LIKE_ESCAPE`. It may match more: some databases do not tell A from a."""
        text = re.sub(r"[%_!]", lambda match: LIKE_ESCAPE + match[0], self.text)
        return text.replace("*", "%").replace("?", "_") if self.is_pattern else text

    def matches(self, name: str) -> bool:
        return self._regex.fullmatch(name) is not None

    def bears(self, own: str) -> bool:
        """Whether what it stands for always has the name in it, with no letter or digit right beside it.

        `-` and `_` are the same sign, because names in databases are written with `_`. A wildcard may
        stand for a letter, so `train_1*` does not bear `train-1`; `train_1_*` does.
        """
        if not Glob(own).says_something or (self.is_pattern and Glob(own).is_pattern):
            return False
        beside = f"{_ALNUM}|[*?]" if self.is_pattern else _ALNUM
        found = rf"(?<!{_ALNUM}){'(?<![*?])' if self.is_pattern else ''}{re.escape(_level(own))}(?!{beside})"
        return re.search(found, _level(self.text)) is not None

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        text = re.escape(self.text)
        return re.compile(text.replace(r"\*", ".*").replace(r"\?", ".") if self.is_pattern else text, re.DOTALL)


@dataclass(frozen=True)
class Name:
    """A name, and what stands before its dot, if anything does."""

    name: Glob
    schema: Glob | None = None

    @property
    def parts(self) -> tuple[Glob, ...]:
        return (self.name,) if self.schema is None else (self.schema, self.name)

    def bears(self, own: str) -> bool:
        return any(part.bears(own) for part in self.parts)


def read(text: str, *, parts: int = 2) -> Name:
    """A pattern as it is written: `train_*`, `results.train_?`, or in double quotes exactly that name.

    Raises ValueError.
    """
    if not text.strip():
        raise ValueError("a pattern is empty: was a template filled in with nothing?")
    found = list(_PARTS.finditer(text))
    if ".".join(match[0] for match in found) != text:
        raise ValueError(f"{text!r} has an empty part: was a template filled in with nothing?")
    globs = [Glob(one[1].replace('""', '"'), exact=True) if one[1] else Glob(one[2]) for one in found]
    if len(globs) > parts:
        raise ValueError(f"{text!r} has a dot too many: put a name that has one in double quotes")
    for one in globs:
        if one.text != one.text.strip() or "\0" in one.text or not is_text(one.text):
            raise ValueError(f"{text!r} has blanks at an end, or is no text: was a template filled in?")
    if not any(one.says_something for one in globs):
        raise ValueError(f"{text!r} stands for everything: write out a part of the name, or of its schema's")
    return Name(globs[-1], globs[0] if len(globs) > 1 else None)


def shown(*parts: str) -> str:
    """A name for people: quoted where it is no plain word."""
    return ".".join(one if _PLAIN.fullmatch(one) else '"' + one.replace('"', '""') + '"' for one in parts if one)


def is_text(text: str) -> bool:
    """Whether it can be encoded, as half a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _level(text: str) -> str:
    return text.replace("-", "_")
