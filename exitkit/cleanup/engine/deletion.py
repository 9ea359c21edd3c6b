"""What a cleanup found and deleted: batches of victims, what became of each, and the counts."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from exitkit.clients.deletion import PartialResult, Refusal, T, readable
from exitkit.context import Context
from exitkit.errors import Exhausted, Retryable, Unknown
from exitkit.retry import Retry
from exitkit.text.units import human_size

EXAMPLES = 10
"""How many names a report shows."""


class DeletionBatch(Protocol):
    """Some victims: their names, and their sizes in bytes or nothing where these are not known."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def sizes(self) -> Sequence[int]: ...
    @property
    def place(self) -> str:
        """What stands before each name to make it whole."""

    # A batch may also have `weights`: how many things go along with each of its names, and count against the limit.


@dataclass(frozen=True)
class DeletionOutcome:
    """What became of a batch.

    All of it was deleted but for `gone`, which were not there any more and need not be; `again`, which are
    left for a later batch; `refused`, whose names are those of the batch; and `unknown`, which may have gone. `along`
    is what went with them and was not in the batch.
    """

    gone: Sequence[str] = ()
    again: Sequence[str] = ()
    refused: Sequence[Refusal] = ()
    along: Sequence[str] = ()
    unknown: Sequence[str] = ()


def delete_all(
    retry: Retry, victims: Sequence[T], name: Callable[[T], str], once: Callable[[Sequence[T]], PartialResult[T]]
) -> DeletionOutcome:
    """Delete all of them, and those that fail once more by themselves, as often as the terms allow.

    `once` sends one request for those it is given. What it raises ends the whole; a victim that fails for
    as long as there are tries is refused, with the last reason.
    """
    rest, why, doubtful = list(victims), dict[T, str](), set[T]()
    gone: list[str] = []
    refused: list[Refusal] = []
    unknown: tuple[str, ...] = ()
    turn, answered, lock = 0, 0, threading.Lock()

    def attempt() -> None:
        nonlocal rest, why, turn, answered
        with lock:
            turn += 1
            mine, asked = turn, rest
        done = once(asked)
        with lock:
            if mine != turn:  # it was given up, and a later request tells what became of these
                return
            answered = mine
            gone.extend(done.gone)
            refused.extend(done.refused)
            rest, why = list(done.later), dict(done.later)
            doubtful.update(done.doubtful)
        if rest:
            reason = why[rest[0]]
            raise Retryable(
                f"{len(rest)} of {len(victims)} failed, such as {readable(name(rest[0]))}: {reason}",
                reason="rate" if done.slow else "server",
                after=done.after,
                later=done.slow,
            )

    try:
        retry(attempt, safe=True)
    except (Exhausted, Unknown) as error:
        with lock:
            is_answered = answered == turn
            turn += 1
        if not why:
            raise
        if isinstance(error, Unknown) and not is_answered:  # an answer refused these, and a later request got none
            doubtful.update(why)
        refused += [Refusal(name(victim), reason) for victim, reason in why.items() if victim not in doubtful]
        unknown = tuple(name(victim) for victim in why if victim in doubtful)
    return DeletionOutcome(gone=gone, refused=refused, unknown=unknown)


class Sweeper(Protocol):
    """What finds victims and deletes them, in one run. It may have `notes`, for the report."""

    def find(self, context: Context) -> Iterator[Any]:
        """Batches of victims, and a Refusal for what is seen to be impossible.

        With one deletion in flight, a batch is done before the next is asked for.
        """

    def delete(self, batch: Any, context: Context, most: int) -> DeletionOutcome:
        """Delete the first so many of the batch. What is gone already is fine."""


@dataclass
class DeletionTally:
    """The counts so far; `bytes` of what was deleted, or would be, as far as sizes are known.

    `unknown` were asked to be deleted, and no answer came.
    `inside` is how many things went with what was deleted without being counted one by one, as tables in a schema.
    """

    found: int = 0
    deleted: int = 0
    gone: int = 0
    unknown: int = 0
    bytes: int = 0
    inside: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)

    def copy(self) -> "DeletionTally":
        """As it is now, by a thread that does not count."""
        return replace(self, refused=Counter(self.refused), examples=list(self.examples), why=list(self.why))

    def doubt(self, count: int) -> None:
        """So many of those that are not counted yet may have gone."""
        counted = self.deleted + self.gone + self.unknown + self.refused.total()
        self.unknown += max(0, min(count, self.found - counted))

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        for one in refusals:
            self.refused[one.reason] += 1
            if len(self.why) < EXAMPLES:
                self.why.append(f"{readable(one.name)}: {one.reason}")

    def show(self, names: Iterable[str]) -> None:
        """Keep the first few names for people."""
        for name in names:
            if len(self.examples) >= EXAMPLES:
                return
            self.examples.append(readable(name))

    def facts(self, *, dry_run: bool) -> dict[str, object]:
        counts: dict[str, object] = {"found": self.found}
        if not dry_run:
            counts |= {"deleted": self.deleted, "gone": self.gone, "unknown": self.unknown}
        if self.inside:
            counts["inside"] = self.inside
        return counts | {"refused": dict(self.refused), "bytes": self.bytes, "examples": list(self.examples)}

    def __str__(self) -> str:
        gone = f", {self.gone} were gone already" if self.gone else ""
        doubt = f", {self.unknown} may have gone" if self.unknown else ""
        return f"deleted {self.deleted}{self.size}{gone}{doubt}"

    @property
    def size(self) -> str:
        return f" ({human_size(self.bytes)})" if self.bytes else ""
