"""What became of the records so far: counted, kept where they were refused, and noted where they were sent."""

from collections import Counter

from exitkit.context import Context
from exitkit.ship.pipeline.batch import Batch, BatchSender, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.counts import Counts
from exitkit.ship.pipeline.deadletters import DeadLetters
from exitkit.ship.pipeline.sending import ACCEPTED, DUPLICATE, HELD, LEFT, REJECTED, UNKNOWN, BatchResult
from exitkit.ship.pipeline.sent import SentLines
from exitkit.ship.pipeline.target import Target

_HOPELESS = 3
"""Batches that are refused whole before anything is taken, after which their source is not read any further."""
_ENOUGH = 8
"""Records of several sources that are refused before anything is taken, after which the target is not asked any more."""


class ShipmentTally:
    """One run's. `hopeless` are sources of which nothing is taken, `gives_up` says that none of any is."""

    def __init__(self, target: Target, context: Context, dead_letter: str) -> None:
        self.context = context
        self.counts = Counts()
        self.dead = DeadLetters(dead_letter, target.dead_letter_bytes, target.target())
        self.sent = SentLines(context, target.target(), safe=target.is_safe_to_resend())
        self.notes: dict[str, None] = {}
        self.bytes = self.batches = 0
        self.hopeless: set[str] = set()
        self.gives_up = False
        self._refused = 0  # batches in which all was refused, and nothing taken before
        self._refusing: Counter[str] = Counter()  # records refused of each source, and nothing taken before
        self._unacknowledged: dict[int, Counter[str]] = {}  # how many of each source wait for which acknowledgement

    def refuse(self, chunk: Chunk, reason: str) -> None:
        """Count records that the target does not take, and keep them."""
        self.counts.reject(chunk.source, len(chunk), reason)
        self.dead.keep(chunk, reason)

    def add(self, result: BatchResult, *, taken: bool) -> None:
        """Count what came of a batch; `taken` says whether the target has taken anything in this run."""
        self.batches += 1
        self.bytes += result.batch.size
        self.notes |= result.notes
        for chunk, begin, end in result.chunks():
            self._count(result, chunk, begin, end)
        if result.unplaced:
            self._count_unplaced(result)
        if taken:
            self.hopeless.clear()
            self._refusing.clear()
        else:
            self._weigh(result)

    def is_hopeless(self, batch: Batch) -> bool:
        """Whether all of it is from sources of which nothing is taken."""
        return bool(self.hopeless) and self.hopeless.issuperset(chunk.source for chunk in batch.chunks)

    def confirm(self, post: Post) -> None:
        """Wait until the target has acknowledged what it took; only then it is accepted, and else unknown."""
        if not self._unacknowledged:
            return
        try:
            acks = set(self._unacknowledged)
            for ack in post.acknowledged(acks) if isinstance(post, BatchSender) else iter(acks):
                for source, count in self._unacknowledged.pop(ack).items():
                    self.counts.sources[source].accepted += count
        finally:
            for waiting in self._unacknowledged.values():
                for source, count in waiting.items():
                    self.counts.sources[source].unknown += count
            self._unacknowledged.clear()
            if isinstance(post, BatchSender):
                self.notes |= dict.fromkeys(post.notes)

    def all_notes(self) -> tuple[str, ...]:
        return tuple(self.notes | self.dead.notes | self.sent.notes)

    def _count(self, result: BatchResult, chunk: Chunk, begin: int, end: int) -> None:
        count = self.counts.sources[chunk.source]
        count.accepted += result.count(ACCEPTED, begin, end)
        count.duplicate += result.count(DUPLICATE, begin, end)
        if result.acks:
            for place in result.places(HELD, begin, end):
                self._unacknowledged.setdefault(result.acks[place], Counter())[chunk.source] += 1
        for place in result.places(REJECTED, begin, end):
            self.refuse(chunk.part(place - begin, place - begin + 1), result.reasons[place])
        if doubtful := result.count(UNKNOWN, begin, end):
            count.unknown += doubtful
            some = (
                chunk if doubtful == len(chunk) else chunk.only([n - begin for n in result.places(UNKNOWN, begin, end)])
            )
            self.dead.keep(some, f"it may have arrived: {result.error or result.why}", unknown=True)
        self._note_sent(result, chunk, begin, end)

    def _note_sent(self, result: BatchResult, chunk: Chunk, begin: int, end: int) -> None:
        """What a second run is not to send: also what may have arrived, unless that is to be sent again."""
        if not self.sent.is_on:
            return
        resend = self.context.retry.terms.resend
        again = (LEFT, REJECTED, UNKNOWN) if resend else (LEFT, REJECTED)
        unsent = [place for verdict in again for place in result.places(verdict, begin, end)]
        at = begin
        for place in sorted(unsent):
            self.sent.add(chunk.source, chunk.begin + at - begin, chunk.begin + place - begin)
            at = place + 1
        self.sent.add(chunk.source, chunk.begin + at - begin, chunk.begin + end - begin)

    def _count_unplaced(self, result: BatchResult) -> None:
        """The target refused some and did not say which: all of the batch is kept, and so many are counted."""
        last = None
        for chunk, begin, end in result.chunks():
            if result.count(ACCEPTED, begin, end) + result.count(HELD, begin, end):
                last = chunk.source
                self.dead.keep(
                    chunk, f"one of {len(result.batch)} of which {result.unplaced} were refused: {result.why}"
                )
        if last is not None:
            self.counts.sources[last].accepted -= result.unplaced
            self.counts.reject(last, result.unplaced, result.why)

    def _weigh(self, result: BatchResult) -> None:
        """Whether there is any sense in going on, where nothing was taken yet.

        Records of several sources have to be refused: those of one may be the fault of that one.
        """
        refused = result.count(REJECTED) + result.unplaced
        if not refused:
            return
        for chunk, begin, end in result.chunks():
            self._refusing[chunk.source] += result.count(REJECTED, begin, end) or result.unplaced
        self._refused += refused == len(result.batch)
        if result.hopeless or self._refused >= _HOPELESS:
            self.hopeless |= {chunk.source for chunk, _, _ in result.chunks()}
        if len(self._refusing) > 1 and self._refusing.total() >= _ENOUGH:
            self.gives_up = True
