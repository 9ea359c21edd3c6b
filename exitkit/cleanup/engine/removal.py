"""One cleanup under way: deletions overlap, limits hold exactly, and at any moment the counts are true."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from exitkit.action import Result
from exitkit.cleanup.engine.deletion import EXAMPLES, DeletionBatch, DeletionOutcome, DeletionTally, Sweeper
from exitkit.cleanup.engine.receipt import DeletionReceipt
from exitkit.clients.deletion import Refusal
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.retry import Known, Retry, knowing, sending
from exitkit.retry.workers import Workers
from exitkit.text.units import human_size

if TYPE_CHECKING:
    from exitkit.cleanup import Cleanup

_LOOK, _SHARE = 5.0, 10
"""Seconds before the deadline in which nothing is deleted any more, but only looked at, and the part of it they are at most."""


class Removal:
    """One run, or in a dry run what it would do."""

    def __init__(self, cleanup: "Cleanup", context: Context) -> None:
        self.cleanup, self.context = cleanup, context
        self.deleting = _early(context) if cleanup.looks_again and not context.dry_run else context
        self.tally = DeletionTally()
        self.notes: tuple[str, ...] = ()
        self._flight: _Flight | None = None

    def dry_run(self) -> Result:
        """Find all of it, and say what would go."""
        tally = self.tally
        with self._counting(), self._opened() as sweeper, self._found(sweeper) as found:
            for batch in found:
                self._check_time()
                if isinstance(batch, Refusal):
                    tally.found += 1
                    tally.refuse([batch])
                else:
                    tally.found += len(batch.names)
                    tally.bytes += sum(batch.sizes)
                    tally.inside += sum(_weights(batch))
                    tally.show([f"{batch.place}{name}" for name in batch.names[:EXAMPLES]])
        refused = tally.refused.total()
        over = f"; more than {self._limits()}, so it would stop there" if self._is_over() else ""
        cannot = f", {refused} more cannot go" if refused else ""
        inside = f" with {tally.inside} in it" if tally.inside else ""
        summary = f"would delete {tally.found - refused}{inside}{tally.size}{cannot}{over}"
        return Result(summary, self._facts(complete=True), (*tally.why, *self.notes))

    def carry_out(self, receipt: DeletionReceipt) -> Result:
        """Delete it. Raises ActionError where something stayed, with the counts as its facts."""
        with self._counting(receipt):
            with receipt, self._opened() as sweeper:
                self._delete_all(sweeper, receipt)
            return self._result(receipt)

    @contextlib.contextmanager
    def _counting(self, receipt: DeletionReceipt | None = None) -> Iterator[None]:
        """Whatever ends it, what was achieved is told with it, and what is missing in the list of it."""

        def notes() -> tuple[str, ...]:
            failure = [receipt.failure] if receipt is not None and receipt.failure else []
            return (*failure, *self.notes)

        def known() -> Known:
            """What an error tells where nobody waited for what was under way."""
            tally = self.tally.copy()
            tally.doubt(self._flight.asked if self._flight is not None else 0)
            return Known(_doubt(tally), self._facts(tally, complete=False), notes())

        try:
            with knowing(known):
                yield
        except ActionError as error:
            facts = {**error.facts, **self._facts(complete=False)}
            told, noted = f"{error}{_doubt(self.tally)}", (*error.notes, *notes())
            if isinstance(error, _LookedAt) and not self.tally.unknown:
                told = f"{self.tally}: {told}"
                raise Exhausted(told, reason=error.reason, tries=error.tries, facts=facts, notes=noted) from error
            if self.tally.unknown and not isinstance(error, Unknown):  # whatever else ended it
                raise Unknown(told, reason=error.reason, facts=facts, notes=noted) from error
            error.args, error.facts, error.notes = (told,), facts, noted
            raise

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Sweeper]:
        """The sweeper of this run; what it has to tell besides is kept."""
        with self.cleanup.open(self.deleting) as sweeper:
            try:
                yield sweeper
            finally:
                self.notes = tuple(getattr(sweeper, "notes", ()))

    def _facts(self, tally: DeletionTally | None = None, *, complete: bool) -> dict[str, object]:
        return {**(tally or self.tally).facts(dry_run=self.context.dry_run), "complete": complete}

    @contextlib.contextmanager
    def _found(self, sweeper: Sweeper) -> Iterator[Iterator[Any]]:
        """What is found, and an end to the looking, however far it got."""
        found = sweeper.find(self.deleting)
        try:
            yield found
        finally:
            if isinstance(found, Generator):
                found.close()

    def _check_time(self) -> None:
        if self.deleting.deadline.remaining() <= 0:
            told = f"stopped after {self.tally}: no time left; what is left stays until this runs again"
            raise Exhausted(told, reason="timeout", tries=0)

    def _delete_all(self, sweeper: Sweeper, receipt: DeletionReceipt) -> None:
        flight = self._flight = _Flight(self, sweeper, receipt)
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

    def _delete(self, batch: DeletionBatch, flight: "_Flight") -> None:
        """One batch, as far as the limits allow."""
        most = flight.room(batch)
        while most < len(batch.names) and flight.workers.busy:  # what is under way may turn out to be gone already
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
        size = f" or limit_bytes={human_size(self.cleanup.limit_bytes)}" if self.cleanup.limit_bytes is not None else ""
        return f"limit={self.cleanup.limit}{size}"

    def _is_over(self) -> bool:
        tally, most = self.tally, self.cleanup.limit_bytes
        return tally.found + tally.inside - tally.refused.total() > self.cleanup.limit or (
            most is not None and tally.bytes > most
        )

    def _result(self, receipt: DeletionReceipt) -> Result:
        tally = self.tally
        if tally.unknown:
            raise Unknown("no answer came to some of the deletions", reason="server")
        if tally.refused:
            what = "; ".join(f"{count} {reason}" for reason, count in tally.refused.most_common(5))
            raise ActionError(f"{tally}; could not delete {what} (such as {tally.why[0]})")
        notes = (*([receipt.failure] if receipt.failure else []), *self.notes)
        return Result(str(tally) if tally.found else "nothing to delete", self._facts(complete=True), notes)


class _Flight:
    """The deletions that are under way, and what they may still add to the counts."""

    def __init__(self, removal: Removal, sweeper: Sweeper, receipt: DeletionReceipt) -> None:
        self.cleanup, self.context, self.deleting = removal.cleanup, removal.context, removal.deleting
        self.tally, self.sweeper, self.receipt = removal.tally, sweeper, receipt
        clock = self.context.deadline.clock
        self.workers: Workers[_Landing] = Workers(self.cleanup.in_flight, clock, "exitkit-delete")
        self.claimed = self.claimed_bytes = 0
        self.asked = 0
        """How many were asked to go, for as long as nobody has counted what became of them."""

    def room(self, batch: DeletionBatch) -> int:
        """How many of the batch may go, if all goes that is under way."""
        left = max(0, self.cleanup.limit - self.tally.deleted - self.tally.inside - self.claimed)
        room = min(len(batch.names), left)
        for index, weight in enumerate(_weights(batch)[:room]):
            left -= 1 + weight
            if left < 0:
                room = index
                break
        most = self.cleanup.limit_bytes
        if most is None:
            return room
        spent = self.tally.bytes + self.claimed_bytes
        for index, size in enumerate(batch.sizes[:room]):
            spent += size
            if spent > most:
                return index
        return room

    def begin(self, batch: DeletionBatch, most: int) -> None:
        """Delete the first so many of it, beside others if the leaf can do that."""
        if self.cleanup.in_flight <= 1:
            sending()  # an attempt that nobody waits for any more ends here
            self.asked += most
            self._count(self._delete(batch, most))
            return
        while self.workers.full:
            self.settle()
        self.claimed += most + sum(_weights(batch)[:most])
        self.claimed_bytes += sum(batch.sizes[:most])
        self.asked += most
        self.workers.start(lambda: self._delete(batch, most))
        for done in self.workers.taken():
            self._landed(done)

    def settle(self) -> None:
        """Wait for one of them, and count it. Raises what it raised."""
        self._landed(self.workers.take())

    def land(self, *, quietly: bool = False) -> None:
        """Wait for all of them, and raise what the first raised that failed, unless another error is told already."""
        first: ActionError | None = None
        while self.workers.busy:
            try:
                self.settle()
            except ActionError as error:
                first = first or error
        if first is not None and not quietly:
            raise first

    def _delete(self, batch: DeletionBatch, most: int) -> "_Landing":
        try:
            outcome = self.sweeper.delete(batch, self.deleting, most)
        except Unknown as error:
            return self._looked_again(_Landing(batch, most, DeletionOutcome(unknown=batch.names[:most]), error))
        return self._looked_again(_Landing(batch, most, outcome, outcome.error))

    def _looked_again(self, landing: "_Landing") -> "_Landing":
        """The same with what became of those that got no answer, if there is time left to find it out."""
        batch, most, outcome, error = landing
        look = getattr(self.sweeper, "still_there", None)
        if look is None or not outcome.unknown:
            return landing
        try:
            there = look(batch, self.context, most)
        except ActionError:
            return landing
        refused = [Refusal(name, "no answer, and still there") for name in outcome.unknown if name in there]
        outcome = replace(outcome, refused=[*outcome.refused, *refused], unknown=())
        if isinstance(error, Unknown):  # of which nothing is unknown any more
            told = f"{error}; a second look found {len(refused)} of {most} still there"
            error = _LookedAt(told, reason=error.reason) if refused else None
        return landing._replace(outcome=outcome, error=error)

    def _landed(self, landing: "_Landing") -> None:
        batch, most = landing.batch, landing.most
        self.claimed -= most + sum(_weights(batch)[:most])
        self.claimed_bytes -= sum(batch.sizes[:most])
        self._count(landing)

    def _count(self, landing: "_Landing") -> None:
        """Count what became of it. Raises what ended it before all of it had an answer."""
        batch, most, outcome, error = landing
        tally, names, sizes = self.tally, batch.names, batch.sizes
        stayed = {*outcome.gone, *outcome.again, *outcome.unknown, *outcome.left}
        stayed |= {refusal.name for refusal in outcome.refused}
        tally.found -= len(outcome.again)
        tally.deleted += most - len(stayed) + len(outcome.along)
        tally.found += len(outcome.along)
        tally.gone += len(outcome.gone)
        tally.unknown += len(outcome.unknown)
        tally.bytes += _size(names, sizes, most, stayed)
        tally.inside += _size(names, _weights(batch), most, stayed)
        tally.refuse(Refusal(f"{batch.place}{one.name}", one.reason) for one in outcome.refused)
        if self.receipt.listed or len(tally.examples) < EXAMPLES:
            went = [f"{batch.place}{name}" for name in names[:most] if name not in stayed]
            went += outcome.along
            tally.show(went)
            self.receipt.write(went)
        self.asked -= most
        self.receipt.progress(tally)
        if error is not None:
            raise error


class _LookedAt(Exhausted):
    """No answer came in time, and a second look told what is there still."""


class _Landing(NamedTuple):
    """The first so many of a batch, what became of them, and the error that ends the run."""

    batch: DeletionBatch
    most: int
    outcome: DeletionOutcome
    error: ActionError | None = None


def _doubt(tally: DeletionTally) -> str:
    """What an error has to say of those of which it is not known."""
    if not tally.unknown:
        return ""
    return f"; of {tally.found} found, {tally.deleted} were deleted and {tally.unknown} may have gone"


def _early(context: Context) -> Context:
    """The same with a deadline that leaves time for a second look at what was asked to go and did not answer."""
    early = context.deadline.ahead(lambda lasts: min(_LOOK, lasts / _SHARE))
    return replace(context, retry=Retry(context.retry.terms, early))


def _weights(batch: DeletionBatch) -> Sequence[int]:
    return getattr(batch, "weights", ())


def _size(names: Sequence[str], sizes: Sequence[int], most: int, stayed: set[str]) -> int:
    if not stayed:
        return sum(sizes[:most])
    return sum(size for name, size in zip(names[:most], sizes, strict=False) if name not in stayed)
