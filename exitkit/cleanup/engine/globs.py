"""Patterns for what is below a place, such as *.tmp or logs/*.txt, matched in a time that grows with the text alone."""

import re
from collections.abc import Callable, Iterator, Sequence

_MAGIC = re.compile(r"[*?[]")
_NEVER = r"[^\x00-\x{10FFFF}]"


def is_magic(text: str) -> bool:
    return _MAGIC.search(text) is not None


def escaped(text: str) -> str:
    """The text as a pattern that stands for nothing but itself."""
    return _MAGIC.sub(r"[\g<0>]", text)


class Globs:
    """Several patterns for what is below a place, such as `*.tmp`, `cache/**` or `logs/*.txt`.

    One without a slash is for a name at any depth, one with a slash for the path from that place. What
    matches a directory matches all that is in it. Raises ValueError for brackets that mean nothing.
    """

    def __init__(self, globs: Sequence[str]) -> None:
        self.match = _matcher([_below(glob) for glob in globs]) if globs else _no

    def __bool__(self) -> bool:
        return self.match is not _no


class NameGlob:
    """A pattern for one name, such as `run-?.log`. Raises ValueError for brackets that mean nothing."""

    def __init__(self, glob: str) -> None:
        self.match = _matcher([_name(glob)])


def _no(path: str) -> bool:  # noqa: ARG001 - as those that match something
    return False


def _in_utf8(text: str) -> bytes:
    """What is matched; a byte that is not UTF-8 stands there as one character of its own."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join(
            chr(0x10FF00 + ord(sign) % 256) if "\ud800" <= sign <= "\udfff" else sign for sign in text
        ).encode()


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is what one of the patterns describes, as a whole."""
    import re2  # costs a start some milliseconds, and few commands have globs

    # RE2 never looks back: twenty wildcards against a key of a thousand dashes take as long as one.
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 16 << 20
    known = re2.Set.FullMatchSet(options)
    try:
        for pattern in patterns:
            known.Add(_in_utf8(f"(?s:{pattern})"))
        known.Compile()
    except re2.error:
        raise ValueError("a glob has brackets that mean nothing, or is too long") from None
    match = known.Match

    def matches(text: str) -> bool:
        try:
            return bool(match(text))
        except UnicodeEncodeError:
            return bool(match(_in_utf8(text)))

    return matches


def _below(glob: str) -> str:
    parts = [part for part in glob.split("/") if part]
    text = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    for number, part in enumerate(parts):
        last = number + 1 == len(parts)
        if part == "**":
            text += ".+" if last else "(?:.*/)?"
        else:
            text += _name(part) + ("" if last else "/")
    return f"(?:{text}(?:/.*)?)"


def _name(part: str) -> str:
    """The part of a regular expression for one name, in which no wildcard stands for a slash."""
    text, at = "", 0
    while at < len(part):
        sign, end = part[at], part.find("]", at + (3 if part[at : at + 2] == "[!" else 2))
        if sign == "[" and end > 0:
            text += _class(part[at + 1 : end])
            at = end
        else:
            text += "[^/]*" if sign == "*" else "[^/]" if sign == "?" else re.escape(sign)
        at += 1
    return text


def _class(inner: str) -> str:
    """One of some characters, or with `!` none of them, and never a slash."""
    denied = inner[0] == "!"
    ranges = list(_ranges(inner[denied:]))
    if denied:
        return f"[^/{''.join(_span(*one) for one in ranges)}]"
    kept = [
        part
        for first, last in ranges
        for part in ([(first, "."), ("0", last)] if first <= "/" <= last else [(first, last)])
        if part[0] <= part[1]
    ]
    return f"[{''.join(_span(*one) for one in kept)}]" if kept else _NEVER


def _ranges(inner: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(inner):
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            first, last, at = inner[at], inner[at + 2], at + 3
            if first > last:
                raise ValueError("a glob has brackets that mean nothing")
        else:
            first = last = inner[at]
            at += 1
        yield first, last


def _span(first: str, last: str) -> str:
    return f"\\x{{{_code(first):X}}}-\\x{{{_code(last):X}}}"


def _code(sign: str) -> int:
    return 0x10FF00 + ord(sign) % 256 if "\ud800" <= sign <= "\udfff" else ord(sign)


NO_GLOBS = Globs(())
