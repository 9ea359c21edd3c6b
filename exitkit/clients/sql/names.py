"""Names in databases: what a pattern stands for, as the database and as Python tests it, and whose name it bears."""

import re
from dataclasses import dataclass
from functools import cached_property

from exitkit.argo.ownership import Uid, is_unmistakable

LIKE_ESCAPE = "!"
"""Not a backslash, which MySQL reads in a literal as well."""

_SIGN = re.compile(r'\[([*?."\[])\]|(.)', re.DOTALL)  # [*] is a star and no wildcard
_PARTS = re.compile(r'"((?:[^"]|"")+)"|((?:\[[*?."\[]\]|[^".])+)')
_SPECIAL = re.compile(r'[*?."\[]')
_PLAIN = re.compile(r"\w+")
_ALNUM = r"[^\W_]"
_ANY, _ONE = "\0*", "\0?"  # no name has a NUL


@dataclass(frozen=True)
class Glob:
    """One name, in which `*` stands for any text and `?` for one character, unless it is `exact`.

    A sign in brackets such as `[*]` is that sign itself.
    """

    text: str
    exact: bool = False

    @property
    def is_pattern(self) -> bool:
        return any(sign in (_ANY, _ONE) for sign in self._signs)

    @property
    def says_something(self) -> bool:
        """Whether there is a letter or digit in it, beside wildcards."""
        return any(sign.isalnum() for sign in self.text)

    @property
    def plain(self) -> str:
        """The one name that it stands for, if it is no pattern."""
        return "".join(self._signs)

    @property
    def like(self) -> str:
        """The pattern of a LIKE with `LIKE_ESCAPE`. It may match more: some databases do not tell A from a."""
        return like_of(self._signs)

    def matches(self, name: str) -> bool:
        return self._regex.fullmatch(name) is not None

    def bears(self, own: str) -> bool:
        """Whether what it stands for always has the name in it, so that it can be nobody else's; see `bears`."""
        return bears("".join(self._signs), own)

    @cached_property
    def _signs(self) -> tuple[str, ...]:
        if self.exact:
            return tuple(self.text)
        wild = {"*": _ANY, "?": _ONE}
        return tuple(match[1] or wild.get(match[2], match[2]) for match in _SIGN.finditer(self.text))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        wild = {_ANY: ".*", _ONE: "."}
        return re.compile("".join(wild.get(sign) or re.escape(sign) for sign in self._signs), re.DOTALL)


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


def bears(text: str, own: str) -> bool:
    """Whether the name is in a text so that it can be nobody else's; a NUL in the text is a wildcard.

    `-` and `_` are the same sign, because names in databases are written with `_`. A uid may stand anywhere, a name
    that Kubernetes generated where no letter, digit or wildcard is right beside it. Any other one stands for itself,
    between signs that no name has: `train_*` is for `train_10_a` as well, which is the workflow `train-10`'s.
    """
    text, name = text.replace("-", "_"), own.replace("-", "_")
    if not any(sign.isalnum() for sign in name):
        return False
    if isinstance(own, Uid):
        return name in text
    beside = rf"{_ALNUM}|\0" if is_unmistakable(own) else r"[\w.\0]"
    before = rf"(?<!{_ALNUM})(?<!\0[*?])" if is_unmistakable(own) else r"(?<![\w.])(?<!\0[*?])"
    return re.search(rf"{before}{re.escape(name)}(?!{beside})", text) is not None


def like_of(signs: "tuple[str, ...] | list[str]") -> str:
    """Signs and wildcards as the pattern of a LIKE with `LIKE_ESCAPE`."""
    wild = {_ANY: "%", _ONE: "_"}
    return "".join(wild.get(sign) or (LIKE_ESCAPE + sign if sign in "%_!" else sign) for sign in signs)


def signs_of_like(text: str) -> tuple[str, ...]:
    """The signs and wildcards of a LIKE's pattern, in which a backslash makes the next sign a plain one."""
    wild = {"%": _ANY, "_": _ONE}
    found = re.finditer(r"\\(.)|(.)", text, re.DOTALL)
    return tuple(match[1] or wild.get(match[2], match[2]) for match in found)


def escaped(text: str) -> str:
    """The text as part of a pattern that stands for nothing but itself."""
    return _SPECIAL.sub(r"[\g<0>]", text)


def read(text: str, *, parts: int = 2) -> Name:
    """A pattern as it is written: `train_*`, `results.train_?`, or in double quotes exactly that name.

    Raises ValueError.
    """
    if not text.strip():
        raise ValueError("a pattern is empty: was a template filled in with nothing?")
    found = list(_PARTS.finditer(text))
    if ".".join(match[0] for match in found) != text:
        raise ValueError(f"{text!r} has an empty part: was a template filled in with nothing?")
    globs = [Glob(one[1].replace('""', '"'), exact=True) if one[1] else _glob(one[2]) for one in found]
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


def _glob(text: str) -> Glob:
    glob = Glob(text)
    return glob if glob.is_pattern or glob.plain == text else Glob(glob.plain, exact=True)
