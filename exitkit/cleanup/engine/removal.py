"""One cleanup under way: deletions overlap, limits hold exactly, and at any moment the counts are true."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from exitkit.action import Result
from exitkit.cleanup.engine.deletion import EXAMPLES, Batch, Outcome, Sweeper, Tally
from exitkit.cleanup.engine.receipt import Ledger
from exitkit.clients.deletion import Refusal
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted
from exitkit.retry import sending
from exitkit.retry.workers import Crew
from exitkit.text.units import human_size


class Terms(Protocol):
    """What opens the place, within limits; `in_flight` deletions at a time."""

    @property
    def in_flight(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def limit_bytes(self) -> int | None: ...
    def open(self, context: Context) -> AbstractContextManager[Sweeper]: ...


class Removal:
    """One run, or in a dry run what it would do."""

    def __init__(self, terms: Terms, context: Context) -> None:
        self.terms, self.context = terms, context
        self.tally = Tally()

    def rehearse(self) -> Result:
        """Find all of it, and say what would go."""
        tally = self.tally
        with self._counting(), self.terms.open(self.context) as sweeper, self._found(sweeper) as found:
            for batch in found:
                self._check_time()
                if isinstance(batch, Refusal):
                    tally.found += 1
                    tally.refuse([batch])
                else:
                    tally.found += len(batch.names)
                    tally.bytes += sum(batch.sizes)
                    tally.show([f"{batch.place}{name}" for name in batch.names[:EXAMPLES]])
        refused = tally.refused.total()
        over = f"; more than {self._limits()}, so it would stop there" if self._is_over() else ""
        cannot = f", {refused} more cannot go" if refused else ""
        summary = f"would delete {tally.found - refused}{tally.size}{cannot}{over}"
        return Result(summary, self._facts(complete=True), tuple(tally.why))

    def carry_out(self, ledger: Ledger) -> Result:
        """Delete it. Raises ActionError where something stayed, with the counts as its facts."""
        with self._counting():
            with ledger, self.terms.open(self.context) as sweeper:
                self._delete_all(sweeper, ledger)
            return self._result(ledger)

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except ActionError as error:
            error.facts = {**error.facts, **self._facts(complete=False)}
            raise

    def _facts(self, *, complete: bool) -> dict[str, object]:
        return {**self.tally.facts(dry_run=self.context.dry_run), "complete": complete}

    @contextlib.contextmanager
    def _found(self, sweeper: Sweeper) -> Iterator[Iterator[Any]]:
        """What is found, and an end to the looking, however far it got."""
        found = sweeper.find(self.context)
        try:
            yield found
        finally:
            if isinstance(found, Generator):
                found.close()

    def _check_time(self) -> None:
        if self.context.deadline.remaining() <= 0:
            told = f"stopped after {self.tally}: no time left; what is left stays until this runs again"
            raise Exhausted(told, reason="timeout", tries=0)

    def _delete_all(self, sweeper: Sweeper, ledger: Ledger) -> None:
        flight = _Flight(self.terms, sweeper, self.context, self.tally, ledger)
        try:
            with self._found(sweeper) as found:
                for batch in found:
                    self._check_time()
                    if isinstance(batch, Refusal):
                        self.tally.found += 1
                        self.tally.refuse([batch])
                    else:
                        self._delete(batch, flight)
        except ActionError:
            flight.land(quietly=True)
            raise
        flight.land()

    def _delete(self, batch: Batch, flight: "_Flight") -> None:
        """One batch, as far as the limits allow."""
        most = flight.room(batch)
        while most < len(batch.names) and flight.crew.busy:  # what is under way may turn out to be gone already
            flight.settle()
            most = flight.room(batch)
        self.tally.found += most
        if most:
            flight.begin(batch, most)
        if most < len(batch.names):
            flight.land()
            told = f"stopped after {self.tally}: there is more than {self._limits()}; raise it if all of it is to go"
            raise ActionError(told, reason="client")

    def _limits(self) -> str:
        size = f" or limit_bytes={human_size(self.terms.limit_bytes)}" if self.terms.limit_bytes is not None else ""
        return f"limit={self.terms.limit}{size}"

    def _is_over(self) -> bool:
        tally, most = self.tally, self.terms.limit_bytes
        return tally.found - tally.refused.total() > self.terms.limit or (most is not None and tally.bytes > most)

    def _result(self, ledger: Ledger) -> Result:
        tally = self.tally
        if tally.refused:
            what = "; ".join(f"{count} {reason}" for reason, count in tally.refused.most_common(5))
            raise ActionError(f"{tally}; could not delete {what} (such as {tally.why[0]})")
        notes = (ledger.failure,) if ledger.failure else ()
        return Result(str(tally) if tally.found else "nothing to delete", self._facts(complete=True), notes)


class _Flight:
    """The deletions that are under way, and what they may still add to the counts."""

    def __init__(self, terms: Terms, sweeper: Sweeper, context: Context, tally: Tally, ledger: Ledger) -> None:
        self.terms, self.sweeper, self.context, self.tally, self.ledger = terms, sweeper, context, tally, ledger
        self.crew: Crew[tuple[Batch, int, Outcome]] = Crew(terms.in_flight, context.deadline.clock, "exitkit-delete")
        self.claimed = self.claimed_bytes = 0

    def room(self, batch: Batch) -> int:
        """How many of the batch may go, if all goes that is under way."""
        room = min(len(batch.names), max(0, self.terms.limit - self.tally.deleted - self.claimed))
        most = self.terms.limit_bytes
        if most is None:
            return room
        spent = self.tally.bytes + self.claimed_bytes
        for index, size in enumerate(batch.sizes[:room]):
            spent += size
            if spent > most:
                return index
        return room

    def begin(self, batch: Batch, most: int) -> None:
        """Delete the first so many of it, beside others if the leaf can do that."""
        if self.terms.in_flight <= 1:
            sending()  # an attempt that nobody waits for any more ends here
            self._count(batch, most, self.sweeper.delete(batch, self.context, most))
            return
        while self.crew.full:
            self.settle()
        self.claimed += most
        self.claimed_bytes += sum(batch.sizes[:most])
        self.crew.start(lambda: (batch, most, self._delete(batch, most)))
        for done in self.crew.taken():
            self._landed(done)

    def settle(self) -> None:
        """Wait for one of them, and count it. Raises what it raised."""
        self._landed(self.crew.take())

    def land(self, *, quietly: bool = False) -> None:
        """Wait for all of them, and raise what the first raised that failed, unless another error is told already."""
        first: ActionError | None = None
        while self.crew.busy:
            try:
                self.settle()
            except ActionError as error:
                first = first or error
        if first is not None and not quietly:
            raise first

    def _delete(self, batch: Batch, most: int) -> Outcome:
        return self.sweeper.delete(batch, self.context, most)

    def _landed(self, done: tuple[Batch, int, Outcome]) -> None:
        batch, most, _ = done
        self.claimed -= most
        self.claimed_bytes -= sum(batch.sizes[:most])
        self._count(*done)

    def _count(self, batch: Batch, most: int, outcome: Outcome) -> None:
        tally, names, sizes = self.tally, batch.names, batch.sizes
        stayed = {*outcome.gone, *outcome.again, *(one.name for one in outcome.refused)}
        tally.found -= len(outcome.again)
        tally.deleted += most - len(stayed)
        tally.gone += len(outcome.gone)
        tally.bytes += _size(names, sizes, most, stayed)
        tally.refuse(Refusal(f"{batch.place}{one.name}", one.reason) for one in outcome.refused)
        if self.ledger.listed or len(tally.examples) < EXAMPLES:
            went = [f"{batch.place}{name}" for name in names[:most] if name not in stayed]
            tally.show(went)
            self.ledger.write(went)
        self.ledger.progress(tally)


def _size(names: Sequence[str], sizes: Sequence[int], most: int, stayed: set[str]) -> int:
    if not stayed:
        return sum(sizes[:most])
    return sum(size for name, size in zip(names[:most], sizes, strict=False) if name not in stayed)
