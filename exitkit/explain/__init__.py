"""Why a run failed, as its log says: the few lines that say most, found by what they say and by what earlier runs' logs lack.

Lines in, ranked lines out: nothing here reads a file or asks a server.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exitkit.explain import ranking
from exitkit.explain.candidate import Candidate
from exitkit.explain.scan import findings, learn
from exitkit.explain.shapes import Shapes
from exitkit.text import redact

__all__ = ["LogLine", "Shapes", "learn", "rank"]

NOTHING = Shapes()
_STANDS_OUT = 0.6
LONGEST = 500
"""Characters of a line that are told at most."""


@dataclass(frozen=True)
class LogLine:
    """A line of a log that says why: its number, its text without secrets and colours, and how surely it does.

    `number` counts from 1, and is 0 where nobody knows it, as behind what was left out of a log that is too long.
    `score` is between 0 and 1, and compares the lines of one log. `said` is the text without the time, level and names
    before it; `place` where in the user's own code that was, as `/app/train.py:42 in load`, or empty.
    """

    number: int
    text: str
    score: float
    said: str = ""
    place: str = ""

    @property
    def shown(self) -> str:
        """With its number and place: `42: KeyError: 'price' (/app/load.py:12 in read)`."""
        number = f"{self.number}: " if self.number else ""
        return f"{number}{self.text}" + (f" ({self.place})" if self.place else "")

    def facts(self) -> dict[str, object]:
        """For templates and reports."""
        return {
            "line": self.number or None,
            "text": self.text,
            "score": self.score,
            "said": self.said,
            "place": self.place,
        }

    @property
    def stands_out(self) -> bool:
        """Whether it says by itself that something went wrong, and is not only one of the last."""
        return self.score >= _STANDS_OUT


def rank(pieces: Iterable[bytes], against: Shapes = NOTHING, top: int = 3) -> tuple[LogLine, ...]:
    """The lines of a log that say why its run failed, best first; the log comes in pieces of any length.

    `against` are the shapes of the lines of runs that passed: what they had as well is left out. Takes some 1 s for a
    million lines, and the same memory for any log.
    """
    found = findings(pieces, against)
    chosen = ranking.chosen(found, compared=len(against) > 0, top=top)
    return tuple(_line(score, candidate) for score, candidate in chosen)


def _line(score: float, candidate: Candidate) -> LogLine:
    text = redact.redact(candidate.text)
    message = redact.redact(candidate.head.message) or text
    place = redact.redact(candidate.thrown.place) if candidate.thrown else ""
    return LogLine(
        candidate.number,
        redact.printable(text, LONGEST) if text.strip() else text,
        round(score, 3),
        redact.printable(message, LONGEST),
        redact.printable(place, LONGEST),
    )
