"""Records on their way to a target: packed within its limits, sent many at a time, and counted until each has a verdict."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Skip, Unknown
from exitkit.retry import Known, Retry, knowing
from exitkit.retry.throttle import Throttle
from exitkit.retry.workers import Workers
from exitkit.ship.pipeline.batch import Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.counts import Counts, count_of
from exitkit.ship.pipeline.packer import Packer
from exitkit.ship.pipeline.sending import BatchResult, Sending
from exitkit.ship.pipeline.source import Source
from exitkit.ship.pipeline.tally import ShipmentTally
from exitkit.ship.pipeline.target import Target

_DOUBTS = 3
"""Batches in a row that leave without an answer, after which the target is not asked any more."""
_MARGIN = 0.3
"""Seconds before the deadline in which nothing is sent any more, so that what was sent can be counted and told."""
_SHARE = 4
"""The part of a short time, as what is left after a signal, that the margin is at most."""


class Shipment:
    """One run under way: read = accepted + duplicate + rejected + unknown + left, for each source and at any moment."""

    def __init__(self, target: Target, context: Context, dead_letter: str) -> None:
        self.target, self.context = target, _early(context)
        self.tally = ShipmentTally(target, self.context, dead_letter)
        self.counts, self.dead = self.tally.counts, self.tally.dead
        self.packer = Packer(target, target.encoder(self.context), self.tally.refuse)
        self.workers: Workers[BatchResult] = Workers(target.in_flight, context.deadline.clock, "exitkit-ship")
        self._sending: Sending | None = None
        self._doubts: list[Unknown] = []
        self._doubts_in_a_row = 0
        self._read_whole: list[Source] = []
        self._told_refusals = False

    def ship(self, sources: Iterable[Source]) -> Result:
        """Raises ActionError where something did not arrive, with the counts as its facts, and Skip for nothing."""
        try:
            try:
                self.tally.sent.begin()
                with knowing(self._known):
                    self._run(sources)
                self._check()
            except OSError as error:
                raise ActionError(
                    f"shipping to {self.target.target()}: {(error.strerror or str(error)).lower()}"
                ) from error
        except ActionError as error:
            self.dead.close()
            told = f"{error}{self._rest(self.counts)}"
            facts = {**error.facts, **self.facts()}
            notes = (*error.notes, *self.tally.all_notes())
            if self.counts.unknown:  # whatever ended it, a second run would send some twice
                raise Unknown(told, reason=error.reason, resent=True, facts=facts, notes=notes) from error
            error.args, error.facts, error.notes = (told,), facts, notes
            raise
        finally:
            self.dead.close()
        return Result(self._summary(), self.facts(), self.tally.all_notes(), duplicate=self.counts.accepted == 0)

    def _known(self) -> Known:
        """What an error tells where there was no time to count what was under way: that its fate is unknown."""
        counts = self.counts.copy()
        for result in list(self._sending.under_way) if self._sending is not None else ():
            for chunk, begin, end in result.chunks():
                counts.sources[chunk.source].doubt(end - begin)
        return Known(self._rest(counts), self.facts(counts), self.tally.all_notes())

    def facts(self, counts: Counts | None = None) -> dict[str, object]:
        counts = counts or self.counts
        target = {"target": self.target.target(), "idempotent": self.target.is_safe_to_resend()}
        return {
            **target,
            **counts.facts(),
            "bytes": self.tally.bytes,
            "batches": self.tally.batches,
            **self.dead.facts(),
        }

    def _run(self, sources: Iterable[Source]) -> None:
        with self.target.open(self.context) as post:
            throttle = Throttle(self.context.deadline)
            safe = self.target.is_safe_to_resend()
            sending = self._sending = Sending(post, self.context.retry, throttle, safe)
            try:
                for batch in self.packer.batches(self._read(sources)):
                    if not self.tally.is_hopeless(batch):
                        self._begin(batch, sending)
                self._land(sending)
            except ActionError:
                with suppress(ActionError):
                    self._land(sending)
                with suppress(ActionError):
                    self.tally.confirm(post)
                raise
            finally:
                self.tally.sent.save()
            self.tally.confirm(post)
        for source in self._read_whole:
            count = self.counts.sources[source.name]
            if not count.left and not count.unknown:
                source.finish()

    def _read(self, sources: Iterable[Source]) -> Iterator[Chunk]:
        for source in sources:
            count = self.counts.begin(source.name)
            try:
                for chunk in source.chunks():
                    chunk.begin = count.read
                    count.read += len(chunk)
                    count.redacted = source.redacted
                    fresh = 0
                    for part in self.tally.sent.fresh(chunk):
                        fresh += len(part)
                        yield part
                    count.duplicate += len(chunk) - fresh
                    if source.name in self.tally.hopeless:
                        break
                else:
                    self.counts.end(source.name, source.notes, source.how)
                    self._read_whole.append(source)
            except Exhausted:
                raise
            except OSError as error:
                self.counts.fail(source.name, f"cannot be read: {(error.strerror or 'i/o error').lower()}")
            except ActionError as error:  # what cannot be read does not keep the rest
                self.counts.fail(source.name, str(error))
            count.redacted = source.redacted
        self.counts.complete = not self.tally.hopeless

    def _begin(self, batch: Batch, sending: Sending) -> None:
        if self.context.deadline.remaining() <= 0:
            raise Exhausted("no time left to ship the next batch", reason="timeout", tries=0)
        if self.target.in_flight <= 1:
            self._landed(sending.send(batch), sending)
            return
        while self.workers.full:
            self._landed(self.workers.take(), sending)
        self.workers.start(lambda: sending.send(batch))
        for result in self.workers.taken():
            self._landed(result, sending)

    def _land(self, sending: Sending) -> None:
        first: ActionError | None = None
        while self.workers.busy:
            try:
                self._landed(self.workers.take(), sending)
            except ActionError as error:
                first = first or error
        if first is not None:
            raise first

    def _landed(self, result: BatchResult, sending: Sending) -> None:
        """Count what came of a batch. Raises what ended it."""
        self.tally.add(result, taken=sending.taken)
        sending.under_way.pop(result, None)
        if result.fits is not None:
            self.packer.shrink(result.fits)
        error = result.error
        if isinstance(error, Unknown) and self.context.deadline.remaining() > 0:
            self._doubts.append(error)
            self._doubts_in_a_row += 1
            if self._doubts_in_a_row < _DOUBTS:
                return  # what comes after it is not in doubt
        if error is not None:
            raise error
        self._doubts_in_a_row = 0
        if self.tally.gives_up:
            raise self._gives_up()

    def _gives_up(self) -> ActionError:
        return ActionError(f"{self.target.target()} refuses everything: {self.counts.reasons()[0]}", reason="client")

    def _check(self) -> None:
        counts, where = self.counts, self.target.target()
        if counts.failed:
            more = f" (and {len(counts.failed) - 1} more)" if counts.failed[1:] else ""
            raise ActionError(f"{counts.failed[0]}{more}")
        if counts.read == 0:
            raise Skip("there is nothing to ship")
        if self.tally.hopeless:
            raise self._gives_up()
        if counts.unknown:
            why = self._doubts[0] if self._doubts else f"{where} did not say what became of all"
            raise Unknown(str(why), reason=getattr(why, "reason", "server"), resent=True)
        if counts.rejected:
            self._told_refusals = True
            raise ActionError(f"{where} refused {self._refusals()}", reason="client")
        if counts.left:
            raise ActionError(f"{where} gave no verdict on {count_of(counts.left)}", reason="server")

    def _refusals(self) -> str:
        return f"{count_of(self.counts.rejected)}: {'; '.join(self.counts.reasons())}{self.dead.told()}"

    def _rest(self, counts: Counts) -> str:
        """What an error has to say of the records that did not arrive."""
        told = "" if self._told_refusals or not counts.rejected else f"; refused were {self._refusals()}"
        if counts.unknown:
            told += f"; {counts.unknown} of {count_of(counts.read)} may or may not have arrived"
        if counts.left:
            told += f"; {counts.left} of {count_of(counts.read)} left"
        return told + ("" if counts.complete or not (counts.left or counts.unknown) else ", and the rest was not read")

    def _summary(self) -> str:
        counts, where = self.counts, self.target.target()
        if counts.accepted == 0:
            return f"nothing new: {where} has {count_of(counts.read)} already"
        known = f"; {counts.duplicate} were there already" if counts.duplicate else ""
        return f"shipped {count_of(counts.accepted)} to {where}{known}"


def _early(context: Context) -> Context:
    """The same with a deadline that leaves time to count what was under way, and to tell it."""
    early = context.deadline.ahead(lambda seconds: min(_MARGIN, seconds / _SHARE))
    return replace(context, retry=Retry(context.retry.terms, early))
