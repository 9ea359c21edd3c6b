"""One batch handed over: sent until each of its records has a verdict, and only those again that have none."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from exitkit.errors import ActionError, Retryable
from exitkit.retry import Retry
from exitkit.ship.pipeline.batch import Answer, Batch, Post, TooLarge
from exitkit.ship.pipeline.counts import count_of


@dataclass
class Landed:
    """What became of a batch so far, by the places of its records; all else was accepted.

    `acks` are the acknowledgements still to come, and what was accepted on condition of each.
    """

    batch: Batch
    duplicate: list[int] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    unplaced: int = 0
    why: str = ""
    notes: list[str] = field(default_factory=list)
    unsent: Sequence[int] = ()
    acks: dict[int, list[int]] = field(default_factory=dict)
    error: ActionError | None = None

    def add(self, answer: Answer, places: Sequence[int]) -> None:
        self.duplicate += [places[n] for n in answer.duplicate]
        self.rejected |= {places[n]: why for n, why in answer.rejected.items()}
        self.unplaced += answer.unplaced
        self.why = answer.why or self.why
        self.notes += answer.notes
        if answer.ack is not None:
            others = {*answer.duplicate, *answer.rejected, *answer.again}
            self.acks[answer.ack] = [place for n, place in enumerate(places) if n not in others]

    def merge(self, other: "Landed", places: Sequence[int]) -> None:
        self.add(Answer(other.duplicate, other.rejected, {}, None, other.unplaced, other.why, other.notes), places)
        self.unsent = [*self.unsent, *(places[n] for n in other.unsent)]
        self.acks |= {ack: [places[n] for n in taken] for ack, taken in other.acks.items()}
        self.error = self.error or other.error


def hand_over(batch: Batch, post: Post, retry: Retry, *, safe: bool) -> Landed:
    """Send a batch as often as the terms allow, in halves where it is too large.

    `safe` says that a second arrival does no harm. What ends it is in the result, with the places of those
    that have no verdict.
    """
    landed = Landed(batch)
    rest, turn, lock = list(range(len(batch))), 0, threading.Lock()

    def attempt() -> None:
        nonlocal rest, turn
        with lock:
            turn += 1
            mine, places = turn, rest
        answer = post(batch if len(places) == len(batch) else batch.only(places))
        with lock:
            if mine != turn:  # it was given up, and a later request tells what became of these
                return
            landed.add(answer, places)
            rest = [places[n] for n in sorted(answer.again)]
        if rest:
            reason = next(iter(answer.again.values()))
            raise Retryable(f"{len(rest)} of {count_of(len(batch))}: {reason}", reason="server", after=answer.after)

    try:
        retry(attempt, safe=safe)
    except ActionError as error:
        with lock:
            turn += 1
        if not isinstance(error, TooLarge):
            landed.error, landed.unsent = error, rest
        elif len(rest) == 1:
            landed.rejected[rest[0]] = str(error)
        else:
            middle = len(rest) // 2
            for half in (rest[:middle], rest[middle:]):
                landed.merge(hand_over(batch.only(half), post, retry, safe=safe), half)
    return landed
