"""A line of a log that may say why its run failed, and what was found of such in a log."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from exitkit.explain import head, shapes, signs, traces
from exitkit.explain.lines import decoded

ENDING: Final = 40
"""How many of the last lines that are new are kept."""

LAST: Final = 5
"""How many of the last lines are kept, whatever they are."""

_TEXT: Final = 4000  # characters of a line that are looked at, and of what a structured one says


@dataclass
class Candidate:
    """A line that may say what went wrong, and what is known of it.

    `count` is how often its shape stands in the log, `place` where in the user's code what it names was thrown.
    """

    number: int
    key: int
    text: str
    head: head.Head
    kinds: dict[str, int]
    thrown: traces.Thrown | None = None
    follows: bool = False
    count: int = 1


@dataclass
class Findings:
    """What was found: `candidates` in their order, and `lines` how many there are; `traces` are those of stack traces.

    `ending` are the last lines that are new and not empty, and `last` the last, also where they are not new.
    """

    candidates: list[Candidate] = field(default_factory=list)
    ending: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=ENDING))
    last: deque[tuple[int, bytes]] = field(default_factory=lambda: deque(maxlen=LAST))
    traces: deque[range] = field(default_factory=lambda: deque(maxlen=ENDING))
    lines: int = 0


def candidate(number: int, line: bytes) -> Candidate:
    """A line by itself."""
    return judged(number, head.bare(decoded(line)), shapes.fine(line))


def judged(
    number: int, text: str, key: int, thrown: traces.Thrown | None = None, *, follows: bool = False
) -> Candidate:
    """A line without colours, and what it is made of."""
    parts = head.head(text)
    parts = parts._replace(message=parts.message[:_TEXT])
    return Candidate(number, key, text[:_TEXT], parts, signs.kinds(parts.message), thrown, follows)
