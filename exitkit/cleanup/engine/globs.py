"""Patterns for what is below a place, such as *.tmp or logs/*.txt."""

import re
from collections.abc import Sequence

_MAGIC = re.compile(r"[*?[]")


def is_magic(text: str) -> bool:
    return _MAGIC.search(text) is not None


class Globs:
    """Several patterns for what is below a place, such as `*.tmp`, `cache/**` or `logs/*.txt`.

    One without a slash is for a name at any depth, one with a slash for the path from that place. What
    matches a directory matches all that is in it.
    """

    def __init__(self, globs: Sequence[str]) -> None:
        self._regex = re.compile("|".join(_below(one) for one in globs)) if globs else None

    def __bool__(self) -> bool:
        return self._regex is not None

    def match(self, path: str) -> bool:
        return self._regex is not None and self._regex.match(path) is not None


def _below(glob: str) -> str:
    parts = [part for part in glob.split("/") if part]
    text = "" if "/" in glob.rstrip("/") else "(?:.*/)?"
    for number, part in enumerate(parts):
        last = number + 1 == len(parts)
        if part == "**":
            text += ".+" if last else "(?:.*/)?"
        else:
            text += _name(part) + ("" if last else "/")
    return f"(?s:{text}(?:/.*)?)\\Z"


def _name(part: str) -> str:
    """The part of a regular expression for one name; fnmatch's wildcards would also match a slash."""
    text, at = "", 0
    while at < len(part):
        sign, end = part[at], part.find("]", at + 2)
        if sign == "[" and end > 0:
            inner = part[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            text += f"(?!/)[{'^' + inner[1:] if inner[0] == '!' else inner}]"
            at = end
        else:
            text += "[^/]*" if sign == "*" else "[^/]" if sign == "?" else re.escape(sign)
        at += 1
    return text


_NOTHING = Globs(())
