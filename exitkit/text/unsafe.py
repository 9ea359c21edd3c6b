"""The characters that text may have and no reader should get: one table, from which each form takes what it cannot bear.

Each is a part of a character class, to be put between brackets.
"""

import functools
import re
from collections.abc import Callable

C0 = "\x00-\x1f\x7f"
"""Controls of ASCII, line ends and tab among them."""

C1 = "\x80-\x9f"
"""Controls of Latin-1, which some terminals obey."""

SPACES = " \xa0"
"""What ends a word for most readers and none for others."""

DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Marks that turn the reading direction: https://www.cve.org/CVERecord?id=CVE-2021-42574."""

LINES = "\u2028\u2029"
"""Separators of lines and paragraphs, at which some readers break a line."""

BOM = "\ufeff"
"""The byte order mark, which is seen by nobody and tells two words apart."""

NO_WIDTH = "\u200b\u2060"
"""Spaces without width; some languages need them, and a message does not."""

SURROGATES = "\ud800-\udfff"
"""Halves of characters, which no encoder takes."""

NOBODYS = "\ufffe\uffff"
"""What stands for no character, and makes a document of XML none."""

TAGS = "\U000e0000-\U000e007f"
"""Invisible letters."""


class Unseen:
    """A pattern of which every match has a character that is not printable, as all of these are but the space.

    Most texts have none, which is known at once; the pattern is compiled for the first that has.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = functools.cache(functools.partial(re.compile, pattern))

    def sub(self, instead: str | Callable[[re.Match[str]], str], text: str) -> str:
        return text if text.isprintable() else self._pattern().sub(instead, text)

    def search(self, text: str) -> re.Match[str] | None:
        return None if text.isprintable() else self._pattern().search(text)
