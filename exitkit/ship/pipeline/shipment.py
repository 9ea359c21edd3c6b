"""Records on their way to a target: packed within its limits, sent many at a time, and counted until each has a verdict."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from exitkit.action import Result
from exitkit.clients.appendfile import Sink, open_file
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, ExitkitError, Skip
from exitkit.retry.workers import Crew
from exitkit.ship.pipeline.batch import Batch, Limits, Packer, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.counts import Proof, count_of
from exitkit.ship.pipeline.sending import Landed, hand_over
from exitkit.ship.sources import Source

_HOPELESS = 3
"""Batches that are refused whole before anything is taken, after which the target is not asked any more."""


class Target(Limits, Protocol):
    """Where it goes; see `exitkit.ship.Ship`."""

    @property
    def in_flight(self) -> int: ...
    def open(self, context: Context) -> AbstractContextManager[Post]: ...
    def is_safe_to_resend(self) -> bool: ...
    def acknowledged(self, context: Context, acks: Collection[int]) -> Iterator[int]: ...


class Shipment:
    """One run under way: read = accepted + duplicate + rejected + left, for each source and at any moment."""

    def __init__(self, target: Target, context: Context, dead_letter: str) -> None:
        self.target, self.context, self.dead_letter = target, context, dead_letter
        self.proof = Proof()
        self.bytes = self.batches = self.dead = 0
        self.notes: list[str] = []
        self._hopeless = 0
        self._unacknowledged: dict[int, Counter[str]] = {}  # how many of each source wait for which acknowledgement
        self._read_whole: list[Source] = []
        self._sink: Sink | None = None
        self.crew: Crew[Landed] = Crew(target.in_flight, context.deadline.clock, "exitkit-ship")

    def ship(self, sources: Iterable[Source]) -> Result:
        """Raises ActionError where something did not arrive, with the counts as its facts, and Skip for nothing."""
        try:
            with self.target.open(self.context) as post:
                try:
                    for batch in Packer(self.target, self.refuse).batches(self._read(sources)):
                        self._begin(batch, post)
                    self._land()
                except ActionError:
                    with suppress(ActionError):
                        self._land()
                    with suppress(ActionError):
                        self._confirm()
                    raise
                self._confirm()
            for one in self._read_whole:
                if not self.proof.sources[one.name].left:
                    one.finish()
            self._check()
        except ActionError as error:
            error.facts = {**error.facts, **self.facts()}
            if left := self.proof.left:
                rest = "" if self.proof.complete else ", and the rest was not read"
                error.args = (f"{error}; {left} of {count_of(self.proof.read)} left{rest}",)
            raise
        finally:
            if self._sink is not None:
                self._sink.close()
        return Result(self._summary(), self.facts(), tuple(self.notes), duplicate=self.proof.accepted == 0)

    def facts(self) -> dict[str, object]:
        dead = {"deadLetters": self.dead, "deadLetterFile": self.dead_letter} if self.dead else {}
        target = {"target": self.target.target(), "idempotent": self.target.is_safe_to_resend()}
        return {**target, **self.proof.facts(), "bytes": self.bytes, "batches": self.batches, **dead}

    def refuse(self, chunk: Chunk, reason: str) -> None:
        """Count records that no request carries, and keep them."""
        self.proof.reject(chunk.source, len(chunk), reason)
        self._bury(chunk, reason)

    def _read(self, sources: Iterable[Source]) -> Iterator[Chunk]:
        for one in sources:
            self.proof.begin(one.name)
            try:
                for chunk in one.chunks():
                    self.proof.take(one.name, len(chunk))
                    yield chunk
                self.proof.end(one.name, one.notes, one.how)
                self._read_whole.append(one)
            except Exhausted:
                raise
            except ActionError as error:  # what cannot be read does not keep the rest
                self.proof.fail(one.name, str(error))
        self.proof.complete = True

    def _begin(self, batch: Batch, post: Post) -> None:
        if self.context.deadline.remaining() <= 0:
            raise Exhausted("no time left to ship the next batch", reason="timeout", tries=0)
        if self.target.in_flight <= 1:
            self._landed(self._post(batch, post))
            return
        while self.crew.full:
            self._landed(self.crew.take())
        self.crew.start(lambda: self._post(batch, post))
        for done in self.crew.taken():
            self._landed(done)

    def _land(self) -> None:
        first: ActionError | None = None
        while self.crew.busy:
            try:
                self._landed(self.crew.take())
            except ActionError as error:
                first = first or error
        if first is not None:
            raise first

    def _confirm(self) -> None:
        """Wait until the target has acknowledged what it took; only then it is accepted."""
        if not self._unacknowledged:
            return
        for ack in self.target.acknowledged(self.context, set(self._unacknowledged)):
            for source, count in self._unacknowledged.pop(ack).items():
                self.proof.settle(source, count, 0)

    def _post(self, batch: Batch, post: Post) -> Landed:
        return hand_over(batch, post, self.context.retry, safe=self.target.is_safe_to_resend())

    def _landed(self, done: Landed) -> None:
        """Count what came of a batch. Raises what ended it."""
        self.batches += 1
        self.bytes += done.batch.size
        self.notes += [note for note in dict.fromkeys(done.notes) if note not in self.notes]
        start = 0
        for chunk in done.batch.chunks:
            places = range(start, start + len(chunk))
            start += len(chunk)
            self._count(chunk, places, done)
        if done.unplaced:
            self._count_unplaced(done)
        if done.error is not None:
            raise done.error
        refused = len(done.rejected) + done.unplaced == len(done.batch)
        taken = self.proof.accepted or self.proof.duplicate or self._unacknowledged
        self._hopeless = self._hopeless + 1 if refused and not taken else 0
        if self._hopeless >= _HOPELESS:
            raise ActionError(f"{self.target.target()} refuses everything: {self.proof.reasons()[0]}", reason="client")

    def _count(self, chunk: Chunk, places: range, done: Landed) -> None:
        duplicate = sum(1 for one in done.duplicate if one in places)
        unsent = sum(1 for one in done.unsent if one in places)
        rejected = {one - places.start: why for one, why in done.rejected.items() if one in places}
        held = sum(self._hold(ack, chunk.source, taken, places) for ack, taken in done.acks.items())
        self.proof.settle(chunk.source, len(chunk) - duplicate - unsent - held - len(rejected), duplicate)
        for place, why in sorted(rejected.items()):
            self.refuse(chunk.part(place, place + 1), why)

    def _hold(self, ack: int, source: str, taken: Collection[int], places: range) -> int:
        """How many records of these places were taken, and are not accepted before the acknowledgement."""
        count = sum(1 for one in taken if one in places)
        self._unacknowledged.setdefault(ack, Counter())[source] += count
        return count

    def _count_unplaced(self, done: Landed) -> None:
        """The target refused some and did not say which: all of the batch is kept, and so many are counted."""
        last = None
        for chunk in done.batch.chunks:
            last = chunk
            self._bury(chunk, f"one of {len(done.batch)} of which {done.unplaced} were refused: {done.why}")
        if last is not None:
            self.proof.settle(last.source, -done.unplaced, 0)
            self.proof.reject(last.source, done.unplaced, done.why)

    def _bury(self, chunk: Chunk, reason: str) -> None:
        """Keep records that were refused, so that they can be shipped again when the reason is gone."""
        if not self.dead_letter:
            return
        try:
            self._sink = self._sink or open_file(self.dead_letter)
            for record in chunk.records():
                line = {**record.to_json(), "reason": reason, "source": chunk.source, "target": self.target.target()}
                self._sink.write(json.dumps(line, default=str).encode() + b"\n")
                self.dead += 1
        except (OSError, ExitkitError) as error:
            note = f"what was refused is not kept: {error}"
            self.notes += [note] if note not in self.notes else []

    def _check(self) -> None:
        proof, where = self.proof, self.target.target()
        if proof.failed:
            raise ActionError(f"{proof.failed[0]}{f' (and {len(proof.failed) - 1} more)' if proof.failed[1:] else ''}")
        if proof.read == 0:
            raise Skip("there is nothing to ship")
        if proof.rejected:
            kept = f"; they are kept in {self.dead_letter}" if self.dead else ""
            told = "; ".join(proof.reasons())
            raise ActionError(f"{where} refused {count_of(proof.rejected)}: {told}{kept}", reason="client")
        if proof.left:
            raise ActionError(f"{where} gave no verdict on {count_of(proof.left)}", reason="server")

    def _summary(self) -> str:
        proof, where = self.proof, self.target.target()
        if proof.accepted == 0:
            return f"nothing new: {where} has {count_of(proof.read)} already"
        known = f"; {proof.duplicate} were there already" if proof.duplicate else ""
        return f"shipped {count_of(proof.accepted)} to {where}{known}"
