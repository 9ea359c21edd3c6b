"""What a cleanup found and deleted: batches of victims, what became of each, and the counts."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol

from exitkit.clients.deletion import PartialResult, Refusal, T, readable
from exitkit.context import Context
from exitkit.errors import Exhausted, Reason, Retryable, Unknown
from exitkit.retry import Retry
from exitkit.retry.throttle import Throttle, unsettled
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
    left for a later batch; `refused`, whose names are those of the batch; `unknown`, which may have gone; and `left`,
    which were not asked to go, because of the `error` that ends the run. `along` is what went with them and was not in
    the batch.
    """

    gone: Sequence[str] = ()
    again: Sequence[str] = ()
    refused: Sequence[Refusal] = ()
    along: Sequence[str] = ()
    unknown: Sequence[str] = ()
    left: Sequence[str] = ()
    error: Exhausted | None = None


def delete_all(
    retry: Retry,
    victims: Sequence[T],
    name: Callable[[T], str],
    once: Callable[[Sequence[T]], PartialResult[T]],
    throttle: Throttle,
) -> DeletionOutcome:
    """Delete all of them, and those that fail once more by themselves, as often as the terms allow.

    `once` sends one request for those it is given. What it raises ends the whole; a victim that fails for
    as long as there are tries is refused, with the last reason, or unknown where a request for it got no answer. A word
    that it was too much is no failure: it is waited for by the throttle, which counts victims, as long as there is time.
    """
    deletion = _Deletion(victims, name, once, is_patient=retry.terms.attempts > 1)
    try:
        while deletion.rest:
            request = throttle.wait(len(deletion.rest))
            went, slow = retry(deletion.attempt, safe=True)
            if went:
                throttle.took(went, request)
            if slow is not None:
                throttle.refused(slow, request)
    except (Exhausted, Unknown) as error:
        return deletion.give_up(error)
    return DeletionOutcome(gone=deletion.gone, refused=deletion.refused)


class _Deletion(Generic[T]):
    """Some victims, while they are deleted with one request after the other."""

    def __init__(
        self,
        victims: Sequence[T],
        name: Callable[[T], str],
        once: Callable[[Sequence[T]], PartialResult[T]],
        *,
        is_patient: bool,
    ) -> None:
        self.rest, self.name, self.once, self.is_patient = list(victims), name, once, is_patient
        self.gone: list[str] = []
        self.refused: list[Refusal] = []
        self._why: Mapping[T, str] = {}  # why those of the rest are there still
        self._doubtful = set[T]()  # those of the rest that a request without an answer may have taken away
        self._answered = True  # whether it is known what became of the last request
        self._turn, self._lock = 0, threading.Lock()

    def attempt(self) -> tuple[int, Retryable | None]:
        """One request: how many have an end by it, and the word that it was too much, which is no failure."""
        with self._lock:
            self._turn += 1
            turn, asked = self._turn, self.rest
            if not self._answered:
                self._doubtful.update(asked)
            self._answered = False
        if not asked:  # the answer for the last of them came when the request had been given up
            return 0, None
        try:
            done = self.once(asked)
        except Retryable as error:
            with self._lock:
                self._answered = turn == self._turn and not error.doubt
            if self.is_patient and error.reason == "rate":
                return 0, error
            raise
        with self._lock:
            if turn != self._turn:  # it was given up, and a later request tells what became of these
                return 0, None
            self._settle(done)
        went = len(asked) - len(done.later)
        if not done.later:
            return went, None
        first = next(iter(done.later))
        told = f"{len(done.later)} of {len(asked)} failed, such as {readable(self.name(first))}: {done.later[first]}"
        reason: Reason = "rate" if done.slow else "server"
        busy = Retryable(told, reason=reason, after=done.after, later=done.slow)
        if self.is_patient and done.slow:
            return went, busy
        raise busy

    def _settle(self, done: PartialResult[T]) -> None:
        """What an answer tells. One that is gone by now may have gone by a request that got none: it was deleted."""
        taken = {self.name(victim) for victim in self._doubtful} if done.gone else set()
        self.gone.extend(name for name in done.gone if name not in taken)
        self.refused.extend(done.refused)
        self.rest, self._why, self._answered = list(done.later), dict(done.later), True
        self._doubtful = {victim for victim in self.rest if victim in self._doubtful} | set(done.doubtful)

    def give_up(self, error: Exhausted | Unknown) -> DeletionOutcome:
        """What is known of them; an answer that comes later changes nothing. Raises the error where nothing is."""
        with self._lock:
            self._turn += 1
            if isinstance(error, Unknown) and not self._answered:
                self._doubtful.update(self.rest)
            if not self._why:
                if self._doubtful and isinstance(error, Exhausted):
                    raise unsettled(error) from error
                raise error
            refused = [
                Refusal(self.name(victim), why) for victim, why in self._why.items() if victim not in self._doubtful
            ]
            unknown = tuple(self.name(victim) for victim in self._why if victim in self._doubtful)
            return DeletionOutcome(gone=self.gone, refused=[*self.refused, *refused], unknown=unknown)


class Sweeper(Protocol):
    """What finds victims and deletes them, in one run. It may have `notes`, for the report."""

    def find(self, context: Context) -> Iterator[Any]:
        """Batches of victims, and a Refusal for what is seen to be impossible.

        With one deletion in flight, a batch is done before the next is asked for.
        """

    def delete(self, batch: Any, context: Context, most: int) -> DeletionOutcome:
        """Delete the first so many of the batch. What is gone already is fine. Raises Unknown where no answer came."""

    # A sweeper may also have `still_there(batch, context, most)`, which looks a second time: the names of the first so
    # many of the batch that are there still, after a deletion to which no answer came. It raises ActionError.


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
