"""Text that a container printed, made fit for people: no colours, no cursor movements, nothing invisible."""

from exitkit.text import unsafe

_ESCAPES = unsafe.Unseen(
    "(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, cursor
    "|\x1b[\\]PX^_][^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\\\|\x9c)"  # OSC and its kin: titles, links
    "|\x1b[ -/]{0,8}[0-~]"  # the short ones
)
_LINE_ENDS = unsafe.Unseen(f"\r\n|[\r\v\f\x85{unsafe.LINES}]")
# All but tab and newline, and but the line ends that have become one.
_INVISIBLE = unsafe.Unseen(f"(?![\t\n\v\f\r])[{unsafe.C0}{unsafe.C1}{unsafe.DIRECTION}{unsafe.NO_WIDTH}{unsafe.BOM}]")
_EMPTY_LINES = unsafe.Unseen("\n{3,}")


def plain(text: str) -> str:
    """The text with escape sequences and control characters gone, and at most one empty line in a row."""
    text = _ESCAPES.sub("", text)
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return _EMPTY_LINES.sub("\n\n", text).strip()
