"""One batch sent: until each of its records has a verdict, and only those again that have none.

A batch that is refused as a whole is divided until what is refused is alone. That takes two requests for each halving,
so that one bad record of n costs 2 log2 n requests more and no other record anything.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.retry import Retry
from exitkit.retry.throttle import Throttle
from exitkit.ship.pipeline.batch import Answer, Batch, BatchRefused, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.counts import count_of

LEFT, ACCEPTED, DUPLICATE, REJECTED, UNKNOWN, HELD = range(6)
"""What became of a record; what is held is taken, and not accepted before its acknowledgement has come."""

_ENOUGH = 8
"""Records refused each by itself, before any was taken, after which the target is asked about as many others only."""
_BREATH = 0.5  # seconds that a target gets which took some, and was too busy for others
_TOO_FAST = 4
"""Times in a row that a piece comes too fast, after which it is taken to be more than ever goes at a time.

A limit of a rate has a burst, and a circuit breaker a size, beyond which the answer is 429 however long one waits.
"""


class BatchResult:
    """What became of a batch, by the places of its records; `error` is what ended it before each had a verdict.

    `fits` is how many bytes the target seems to take at a time, where it refused more and none of it by itself.
    `hopeless` says why records were refused that were picked from all of the batch, where none of it was taken.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.verdicts = bytearray(len(batch))
        self.reasons: dict[int, str] = {}
        self.acks: dict[int, int] = {}  # by place
        self.unplaced = 0
        self.why = ""
        self.notes: dict[str, None] = {}
        self.error: ActionError | None = None
        self.fits: int | None = None
        self.hopeless = ""

    def settle(self, places: Sequence[int], answer: Answer) -> None:
        """Note what the target said of those that were sent, which are at these places."""
        verdict = ACCEPTED if answer.ack is None else HELD
        if len(places) == len(self.verdicts):
            self.verdicts[:] = bytes((verdict,)) * len(places)
        else:
            self._mark(places, verdict)
        if answer.ack is not None:
            others = {*answer.duplicate, *answer.rejected, *answer.again, *answer.unknown}
            self.acks |= {place: answer.ack for n, place in enumerate(places) if n not in others}
        self._mark([places[n] for n in answer.duplicate], DUPLICATE)
        self._mark([places[n] for n in answer.unknown], UNKNOWN)
        self._mark([places[n] for n in answer.again], LEFT)
        for n, reason in answer.rejected.items():
            self.reject(places[n], reason)
        self.unplaced += answer.unplaced
        self.why = answer.why or self.why
        self.notes |= dict.fromkeys(answer.notes)

    def reject(self, place: int, reason: str) -> None:
        self.verdicts[place] = REJECTED
        self.reasons[place] = reason

    def doubt(self, places: Sequence[int]) -> None:
        """Those of them without a verdict may have arrived."""
        self._mark([place for place in places if self.verdicts[place] == LEFT], UNKNOWN)

    def _mark(self, places: Sequence[int], verdict: int) -> None:
        for place in places:
            self.verdicts[place] = verdict

    def count(self, verdict: int, begin: int = 0, end: int | None = None) -> int:
        return self.verdicts.count(verdict, begin, len(self.verdicts) if end is None else end)

    def places(self, verdict: int, begin: int, end: int) -> Iterator[int]:
        """Where this is the verdict, from one place to before another."""
        while (begin := self.verdicts.find(verdict, begin, end)) >= 0:
            yield begin
            begin += 1

    def chunks(self) -> Iterator[tuple[Chunk, int, int]]:
        """Each chunk with the place of its first record, and that behind its last."""
        return ((part.chunk, begin, end) for part, begin, end in self.batch.spans())


@dataclass(eq=False)
class _Piece:
    """Part of a batch that is to be sent; `bad` says that a record of it was refused by itself.

    `slow` is how often in a row it came too fast, `halves` what it was divided into.
    """

    places: Sequence[int]
    parent: "_Piece | None" = None
    size: int = 0
    bad: bool = False
    slow: int = 0
    halves: "Sequence[_Piece]" = ()

    def blame(self) -> None:
        piece: _Piece | None = self
        while piece is not None and not piece.bad:
            piece.bad, piece = True, piece.parent


@dataclass(eq=False)
class Sending:
    """How the batches of a run are sent; for several threads.

    `safe` says that a second arrival does no harm. `taken` is whether the target has taken anything yet, and
    `under_way` the batches that left, for as long as nobody has counted them.
    """

    post: Post
    retry: Retry
    throttle: Throttle
    safe: bool = False
    taken: bool = False
    under_way: dict[BatchResult, None] = field(default_factory=dict)

    def send(self, batch: Batch) -> BatchResult:
        """Send a batch until each of its records has a verdict, or an error ends it, which the result holds."""
        result = BatchResult(batch)
        division = _Division(result)
        while (piece := division.next()) is not None:
            try:
                self._whole(piece, result, division.too_fast)
            except BatchRefused as error:
                division.refused(piece, error, taken=self.taken)
            except ActionError as error:
                result.error = error
                if isinstance(error, Unknown):
                    result.doubt(piece.places)
                break
        return result

    def _whole(self, piece: _Piece, result: BatchResult, too_fast: Callable[[_Piece], bool]) -> None:
        """Send this piece as often as it takes; only what fails without any progress is a try that failed.

        What is told to be `too_fast` for ever is refused.
        """
        places = piece.places
        while places:
            batch = result.batch if len(places) == len(result.batch) else result.batch.only(places)
            piece.size = batch.size
            request = self.throttle.wait(batch.size)
            self.under_way[result] = None
            attempt = partial(_attempt, self.post, batch, is_patient=self.retry.terms.attempts > 1)
            answer, slow = self.retry(attempt, safe=self.safe)
            if slow is not None and answer is None and slow.reason == "rate" and not slow.after:
                piece.slow += 1
                if len(places) == len(piece.places) and too_fast(piece):
                    self.throttle.excused()
                    raise BatchRefused(str(slow), reason="rate")
            if slow is not None:
                self.throttle.refused(slow, request)
            if answer is None:
                continue
            result.settle(places, answer)
            refused = len(answer.rejected) + answer.unplaced + len(answer.unknown)
            kept = len(places) - len(answer.again) - refused
            self.taken = self.taken or kept > 0
            if kept > 0:
                self.throttle.took(batch.size * kept // len(places), request)
            if slow is None and answer.again:
                self.throttle.pause(answer.after or _BREATH)
            elif slow is None and answer.after:
                self.throttle.ends(answer.after)
            places = [places[n] for n in sorted(answer.again)]


def _attempt(post: Post, batch: Batch, *, is_patient: bool) -> tuple[Answer | None, Retryable | None]:
    """One try: the answer, and the error that is no failure but the word that it came too fast."""
    try:
        answer = post(batch)
    except Retryable as error:
        if is_patient and (error.reason == "rate" or error.after):
            return None, error
        raise
    except (
        AttributeError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
    ) as error:  # of an answer in no form that is known
        told = f"the answer cannot be read ({type(error).__name__}); it may have arrived"
        raise Unknown(told, reason="server") from error
    if not answer.again:
        return answer, None
    reason = next(iter(answer.again.values()))
    told = f"{len(answer.again)} of {count_of(len(batch))}: {reason}"
    busy = Retryable(told, reason="rate" if answer.slow else "server", after=answer.after)
    if is_patient and (answer.slow or answer.after):
        return answer, busy
    if len(answer.again) == len(batch):
        raise busy
    return answer, None


class _Division:
    """The pieces of a batch that are still to be sent."""

    def __init__(self, result: BatchResult) -> None:
        self.result = result
        self.waiting = deque([_Piece(range(len(result.batch)))])
        self.whole: list[_Piece] = []  # that were refused
        self.alone = 0  # records that were refused each by itself
        self.sample: deque[_Piece] = deque()
        self.sampled = False

    def next(self) -> "_Piece | None":
        if self.sample:
            return self.sample.popleft()
        if self.waiting:
            return self.waiting.popleft()
        self._learn()
        return None

    def refused(self, piece: _Piece, error: BatchRefused, *, taken: bool) -> None:
        """It is to go in halves; one record alone is rejected."""
        if len(piece.places) > 1:
            self.whole.append(piece)
            middle = len(piece.places) // 2
            piece.halves = [_Piece(piece.places[:middle], piece), _Piece(piece.places[middle:], piece)]
            self.waiting.extendleft(reversed(piece.halves))
            return
        self.result.reject(piece.places[0], str(error))
        piece.blame()
        self.alone += 1
        if taken or self.alone < _ENOUGH:
            return
        if not self.sampled:
            self.sampled = True
            self.sample.extend(self._picked())
        elif not self.sample:
            self.result.hopeless = str(error)
            self.waiting.clear()

    def too_fast(self, piece: _Piece) -> bool:
        """Whether it is to go in halves, as it came too fast so often, or as one of its size did; one record waits."""
        known = min((other.size for other in self.whole if other.slow), default=math.inf)
        return len(piece.places) > 1 and (piece.slow >= _TOO_FAST or piece.size >= 0.9 * known)

    def _picked(self) -> Iterator[_Piece]:
        """Records from all over what is left, each by itself."""
        left = [place for piece in self.waiting for place in piece.places]
        step = max(1, len(left) // _ENOUGH)
        picked = left[step - 1 :: step][:_ENOUGH]
        taken_out = set(picked)
        for piece in self.waiting:
            piece.places = [place for place in piece.places if place not in taken_out]
        self.waiting = deque(piece for piece in self.waiting if piece.places)
        return (_Piece([place]) for place in picked)

    def _learn(self) -> None:
        # What came too fast may have had to wait only; its size was the reason if its halves had not to.
        sizes = [
            piece.size
            for piece in self.whole
            if not piece.bad and not (piece.slow and any(half.slow for half in piece.halves))
        ]
        self.result.fits = max(1, min(sizes) // 2) if sizes else None
