"""One cleanup under way: deletions overlap, limits hold exactly, and at any moment the counts are true."""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from exitkit.action import Result
from exitkit.cleanup.engine.deletion import EXAMPLES, DeletionBatch, DeletionOutcome, DeletionTally, Sweeper
from exitkit.cleanup.engine.receipt import DeletionReceipt
from exitkit.clients.deletion import Refusal
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.retry import Retry, sending
from exitkit.retry.workers import Workers
from exitkit.text.units import human_size

if TYPE_CHECKING:
    from exitkit.cleanup import Cleanup

_LOOK = 5.0
"""Seconds before the deadline in which nothing is deleted any more, but only looked at."""


class Removal:
    """One run, or in a dry run what it would do."""

    def __init__(self, cleanup: "Cleanup", context: Context) -> None:
        self.cleanup, self.context = cleanup, context
        self.deleting = _early(context) if cleanup.looks_again and not context.dry_run else context
        self.tally = DeletionTally()
        self.notes: tuple[str, ...] = ()

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

    def _certain(self, error: ActionError) -> ActionError:
        """The error, which is Unknown exactly if anything is not known to be there or gone."""
        tally = self.tally
        if tally.unknown:
            told = str(error) if str(error) == str(tally) else f"{tally}: {error}"
            return Unknown(told, reason=error.reason, resent=True, facts=error.facts, notes=error.notes)
        if isinstance(error, _LookedAt):
            return Exhausted(f"{tally}: {error}", reason=error.reason, facts=error.facts, notes=error.notes)
        return error

    @contextlib.contextmanager
    def _counting(self, receipt: DeletionReceipt | None = None) -> Iterator[None]:
        """Whatever ends it, what was achieved is told with it, and what is missing in the list of it."""
        try:
            yield
        except ActionError as error:
            known = self._certain(error)
            known.facts = {**error.facts, **self._facts(complete=False)}
            failure = [receipt.failure] if receipt is not None and receipt.failure else []
            known.notes = (*error.notes, *failure, *self.notes)
            raise known from error.__cause__

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Sweeper]:
        """The sweeper of this run; what it has to tell besides is kept."""
        with self.cleanup.open(self.deleting) as sweeper:
            try:
                yield sweeper
            finally:
                self.notes = tuple(getattr(sweeper, "notes", ()))

    def _facts(self, *, complete: bool) -> dict[str, object]:
        return {**self.tally.facts(dry_run=self.context.dry_run), "complete": complete}

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
        flight = _Flight(self, sweeper, receipt)
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
            raise Unknown(str(tally), reason="server", resent=True)
        if tally.refused:
            what = "; ".join(f"{count} {reason}" for reason, count in tally.refused.most_common(5))
            raise ActionError(f"{tally}; could not delete {what} (such as {tally.why[0]})")
        notes = (*([receipt.failure] if receipt.failure else []), *self.notes)
        return Result(str(tally) if tally.found else "nothing to delete", self._facts(complete=True), notes)


class _LookedAt(ActionError):
    """No answer came in time, and a second look told what is there still."""


@dataclass(frozen=True)
class _Landing:
    """What became of the first so many of a batch; `error` is what ends the run."""

    batch: DeletionBatch
    most: int
    outcome: DeletionOutcome
    error: ActionError | None = None


class _Flight:
    """The deletions that are under way, and what they may still add to the counts."""

    def __init__(self, removal: Removal, sweeper: Sweeper, receipt: DeletionReceipt) -> None:
        self.cleanup, self.context, self.deleting = removal.cleanup, removal.context, removal.deleting
        self.tally, self.sweeper, self.receipt = removal.tally, sweeper, receipt
        clock = self.context.deadline.clock
        self.workers: Workers[_Landing] = Workers(self.cleanup.in_flight, clock, "exitkit-delete")
        self.claimed = self.claimed_bytes = 0

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
            self._counted(self._delete(batch, most))
            return
        while self.workers.full:
            self.settle()
        self.claimed += most + sum(_weights(batch)[:most])
        self.claimed_bytes += sum(batch.sizes[:most])
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
            return _Landing(batch, most, self.sweeper.delete(batch, self.deleting, most))
        except Unknown as error:
            return self._looked_again(batch, most, error)

    def _looked_again(self, batch: DeletionBatch, most: int, error: Unknown) -> "_Landing":
        """What a server did that did not answer in time, if there is time left to find it out."""
        names, look = batch.names[:most], getattr(self.sweeper, "still_there", None)
        try:
            if look is None:
                raise error
            there = look(batch, self.context, most)
        except ActionError:
            return _Landing(batch, most, DeletionOutcome(unknown=names), error)
        if not there:
            return _Landing(batch, most, DeletionOutcome())
        refused = [Refusal(name, "no answer, and still there") for name in names if name in there]
        told = f"{error}; a second look found {len(refused)} of {most} still there"
        return _Landing(batch, most, DeletionOutcome(refused=refused), _LookedAt(told, reason=error.reason))

    def _landed(self, done: "_Landing") -> None:
        batch, most = done.batch, done.most
        self.claimed -= most + sum(_weights(batch)[:most])
        self.claimed_bytes -= sum(batch.sizes[:most])
        self._counted(done)

    def _counted(self, done: "_Landing") -> None:
        self._count(done.batch, done.most, done.outcome)
        if done.error is not None:
            raise done.error

    def _count(self, batch: DeletionBatch, most: int, outcome: DeletionOutcome) -> None:
        tally, names, sizes = self.tally, batch.names, batch.sizes
        stayed = {*outcome.gone, *outcome.again, *outcome.unknown, *(one.name for one in outcome.refused)}
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
        self.receipt.progress(tally)


def _early(context: Context) -> Context:
    """The same with a deadline that leaves time for a second look at what was asked to go and did not answer."""
    left = context.deadline.remaining()
    early = context.deadline.within(left - min(_LOOK, left / 10))
    return replace(context, retry=Retry(context.retry.terms, early))


def _weights(batch: DeletionBatch) -> Sequence[int]:
    return getattr(batch, "weights", ())


def _size(names: Sequence[str], sizes: Sequence[int], most: int, stayed: set[str]) -> int:
    if not stayed:
        return sum(sizes[:most])
    return sum(size for name, size in zip(names[:most], sizes, strict=False) if name not in stayed)
