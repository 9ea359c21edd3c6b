"""Text that a container printed, made fit for people: no colours, no cursor movements, nothing invisible."""

import re

_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    "|\x1b[\\]PX^_][^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\\\|\x9c)"  # OSC and its kin: titles, links
    "|\x1b[ -/]{0,8}[0-~]"  # the short ones
)
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# C0 and C1 but tab and newline, marks that turn the reading direction (CVE-2021-42574), and what has no width.
_INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_EMPTY_LINES = re.compile("\n{3,}")


def plain(text: str) -> str:
    """The text with escape sequences and control characters gone, and at most one empty line in a row."""
    text = _ESCAPES.sub("", text)
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _EMPTY_LINES.sub("\n\n", text).strip()
