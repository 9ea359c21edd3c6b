"""How bad something is, and how that is shown: one table for messages, the run's report and the workflow's."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Severity:
    """A mark as a picture, a mark for a terminal, the terminal's colour as of SGR, and the colour of a page as `#rrggbb`.

    The page's colours have a contrast of at least 4.5 on white, and white on them (WCAG 2.2, 1.4.3).
    """

    mark: str
    sign: str
    terminal: str
    colour: str


GOOD: Final = Severity("✅", "✓", "32", "#1a7f37")
BAD: Final = Severity("❌", "✗", "31", "#c62828")
UNSURE: Final = Severity("⚠️", "?", "33", "#9a6700")
SAME: Final = Severity("✅", "=", "2", "#1a7f37")
NEUTRAL: Final = Severity("➖", "-", "2", "#59636e")  # noqa: RUF001 - a sign that people know
UNDER_WAY: Final = Severity("🔵", "…", "34", "#0b66c3")

_OF: Final = {
    # How a workflow or a node ended, in Argo's words.
    "Succeeded": GOOD,
    "Failed": BAD,
    "Error": BAD,
    "": UNSURE,
    "Skipped": NEUTRAL,
    "Omitted": NEUTRAL,
    # What became of a step of the exit handler.
    "ok": GOOD,
    "failed": BAD,
    "unknown": UNSURE,
    "duplicate": SAME,
    "skipped": NEUTRAL,
}


def severity(status: str) -> Severity:
    """Of a workflow's status in Argo's words, "" where nobody knows it, or of a step's outcome."""
    return _OF.get(status, UNDER_WAY)
