"""How much a second a target gets: as much as it takes, and after its first word that it is too much, as much as it took since.

The first such word says that what the target had in reserve is used up. So what it takes from there to the next such
word is what it takes in that time, whatever its limit counts and whatever its reserve was. How much is in whatever the
limit counts: keys for an object store, bytes for logs, requests for the API of a cluster.
"""

import math
import threading
from collections.abc import Callable
from typing import TypeVar

from exitkit.errors import Exhausted, Retryable, Unknown
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.retry.period import Period

T = TypeVar("T")

_BREATH = 0.1  # seconds without a request after any such word
_FIRST, _LONGEST = 0.25, 20.0  # the same where nothing at all was taken since the last one
_RESERVE = 0.6  # seconds' worth of its rate that a target is first taken to have had in reserve
_SHORTEST = 0.02  # seconds by which a rate is measured, at least
_WINDOW, _MANY = 15.0, 20  # seconds and requests after which the measuring begins anew, as a rate may change
_SEARCH, _SEARCH_SECOND = 0.2, 0.7  # by how much a first guess grows with each request, and in a second, at most
_LESS = 0.8  # what of a rate that was too much is left of it where little has been measured
# After a word the rate begins so much below what was measured, is back there after a turn of so many seconds and
# requests, lingers, and goes on faster and faster, up to so many turns, to find out whether more is taken by now.
_DIP, _TURN, _TURN_REQUESTS, _TURNS = 0.05, 10.0, 15, 4
_LATE = 0.5  # what of the time between two requests is made good where a thread wakes too late; without a rate, all
_AHEAD = 1.22  # before any such word, how much faster than what comes back new requests go
_ROUNDED = 0.5  # seconds by which a wait that is asked for in whole seconds is too long, as a rule
_KEPT = 256  # requests under way of which it is known when they left; those that nobody waits for are forgotten


class Throttle:
    """For several threads. `wait` before each request, and then say how it went."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.rate: float | None = None
        """How much a second; None while the target takes whatever comes."""
        self._lock = threading.Lock()
        self._free = self._since = self._now()  # when the next request may go, and when the measuring began
        self._begin = 0  # the request with which it began
        self._taken = self._count = 0  # since then, and in how many requests
        self._is_taking = False  # whether it took anything that left after the last word
        self._guessing = False  # whether the rate is a guess by what left before the first word
        self._measured = False  # whether the rate is more than a first guess
        self._all = 0  # taken since the first request, which left then:
        self._began: float | None = None
        self._word = 0.0  # when the last word came
        self._turn = _TURN
        self._space = 0.0  # seconds between two requests while there is no rate
        self._hold = _FIRST
        self._refusal: Retryable | None = None
        self._is_slow = False  # whether a word has come that was not of a period that it ended
        self._requests = self._refused_at = self._still_at = 0
        self._sent: dict[int, tuple[float, int]] = {}  # what is under way: when it left, and how much it is
        self._queue: list[tuple[threading.Event, int]] = []  # who waits, in order, and for how much
        self._period = Period()
        self._before: tuple[float, int] | None = (
            None  # when what was measured at the last word began, and how much it took
        )

    def wait(self, size: int) -> int:
        """Wait until so much may go; the number of the request. Raises Exhausted, at once, if that is too late."""
        turn = threading.Event()
        with self._lock:
            ahead = sum(waiting for _, waiting in self._queue)
            self._queue.append((turn, size))
        try:
            self._seconds(ahead)
            if not self.deadline.wait(turn, lambda: self._queue[0][0] is turn):
                raise self._over()
            while not (request := self._begun(size)):
                if not self.deadline.pause(self._seconds()):
                    raise self._over()
            return request
        finally:
            with self._lock:
                self._queue = [waiting for waiting in self._queue if waiting[0] is not turn]
                for waiting, _ in self._queue[:1]:
                    waiting.set()

    def took(self, size: int, request: int) -> None:
        """The target took so much of a request."""
        with self._lock:
            left, _ = self._sent.pop(request, (self._now(), 0))
            self._hold, self._all = _FIRST, self._all + size
            self._period.took(request, self._now() - left)
            self._is_taking |= request > self._refused_at
            if not self._is_slow:  # all that is under way together would be refused together
                space = (self._now() - left) / (_AHEAD * (len(self._sent) + 1))
                self._space = min(self._space or space, space)
            elif self._guessing and (self.rate is None or request <= self._refused_at):
                self.rate = self._guess(self._word) or None
            if request <= self._begin:  # it says nothing of the time after that
                return
            self._taken += size
            self._count += 1
            if self.rate is not None and not self._measured and request > self._refused_at:
                self._guessing = False
                self.rate *= 1 + min(_SEARCH, _SEARCH_SECOND * size / self.rate)

    def refused(self, refusal: Retryable, request: int) -> None:
        """It said that this was too much, and perhaps for how long it wants nothing more.

        Requests that were under way together say one thing, and it counts once.
        """
        with self._lock:
            now = self._now()
            left, size = self._sent.pop(request, (now, 0))
            self._refusal = refusal
            if refusal.resets:
                self._ended(now, refusal.after or 0.0)
                return
            self._is_slow = True
            hold = 0.0
            if request > self._refused_at:
                hold = self._learnt(now, left, size, request)
                self._refused_at = self._requests
            elif self._guessing:
                self.rate = self._guess(self._word) or None
            self._free = max(self._free, now + max(refusal.after or 0.0, hold, _BREATH))
            if refusal.after and request > self._still_at:  # what it takes while nothing is sent cannot be measured
                self._since += max(0.0, refusal.after - _ROUNDED)
                self._still_at = self._requests

    def excused(self) -> None:
        """What it said was too much may be more than it ever takes at a time: what is smaller may go at once."""
        with self._lock:
            self._hold, self._free = _FIRST, self._now()

    def pause(self, seconds: float) -> None:
        """Send nothing for so long, as the target asks; that what is under way was too much is then known already."""
        with self._lock:
            self._free = max(self._free, self._now() + seconds)
            self._refused_at = self._requests

    def ends(self, seconds: float) -> None:
        """Send nothing for so long, as nothing is left of the target's period, which then begins anew."""
        with self._lock:
            self._ended(self._now(), seconds)

    def _ended(self, now: float, seconds: float) -> None:
        """It is no word about a rate: all of a period may be taken at once, and nothing then until its end."""
        if not self._period.ended(now + seconds) or not seconds:  # the target's clock, or its rounding, is ahead
            seconds = max(seconds, self._held())
        self._free = max(self._free, now + seconds)

    def _learnt(self, now: float, left: float, size: int, request: int) -> float:
        """The rate, from what was taken until this word that it was too much; the seconds to hold still.

        The reserve is empty at each word, when the request left that it is about. So what was taken between two of
        them is what the target takes in that time, by one request more or less.
        """
        rate, self._word = self._rate(now), now
        if rate is None:
            self._measure(left, request)
            self._guessing, self._refused_at = True, self._requests
            self._is_taking = False
            self.rate = self._guess(now) or None
            return self._held() if self.rate is None else 0.0
        elapsed = max(left - self._since, _SHORTEST)
        if not self._is_taking:
            return max(self._again(left, size, request, rate), size / rate)
        # It takes less than it was sent, and no less than it took: that may have been too little to find out.
        least = math.sqrt(max(0, self._taken - size) / elapsed * rate)
        most = math.sqrt(min(rate, (self._taken + size) / elapsed) * rate)
        self.rate = min(max(_LESS * rate, least), most)
        certain = min(1.0, self._taken / elapsed / rate)  # the rate may have been too low for most of the time
        self._is_taking = False
        self._turn = max(_TURN * certain, _TURN_REQUESTS * size / self.rate)
        self._before = None
        if not self._measured or (elapsed >= _WINDOW and self._count >= _MANY):
            self._before = self._since, self._taken
            self._measure(left, request)
        self._measured = True
        return size / self.rate

    def _again(self, left: float, size: int, request: int, rate: float) -> float:
        """The seconds to hold still where nothing was taken since the last word: its reserve is empty for longer.

        So what was taken before the first of these words is what it takes until now, as in a period that is used up.
        """
        hold = self._held()
        if self._measured:
            since, taken = self._before or (self._since, self._taken)
            self.rate = math.sqrt(min(rate, (taken + size) / max(left - since, _SHORTEST)) * rate)
        else:
            self.rate = min(rate * (_LESS if hold < 1 else 1), self._guess(left))
        if self._before or not self._measured:
            self._measure(left, request)
        return hold

    def _guess(self, now: float) -> float:
        """A rate by which all that left before the first word came, with what the target had in reserve.

        What has no answer yet counts as taken until it has one, as one that was taken is often told later.
        """
        under_way = sum(size for request, (_, size) in self._sent.items() if request <= self._refused_at)
        return (self._all + under_way) / (now - (self._began or 0.0) + _RESERVE)

    def _held(self) -> float:
        hold, self._hold = self._hold, min(_LONGEST, self._hold * 2)
        return hold

    def _measure(self, since: float, request: int) -> None:
        self._since, self._begin, self._taken, self._count = since, request, 0, 0

    def _rate(self, now: float) -> float | None:
        """The rate at this moment: below what was measured, then for long about that, and then beyond."""
        if self.rate is None or not self._measured:
            return self.rate
        turns = min((now - self._word) / self._turn, _TURNS)
        return self.rate * (1 + _DIP * (turns - 1) ** 3)

    def _begun(self, size: int) -> int:
        """The number of the request, if it may begin now; else 0."""
        with self._lock:
            now = self._now()
            if now < self._free:
                return 0
            if self._began is None:
                self._began = now
            rate = self._rate(now)
            unknown = self._hold if self._is_slow else self._space  # where nothing was ever taken, one at a time
            space = size / rate if rate is not None else unknown
            if not self._measured:
                space = min(space, _LONGEST)
            late = space * (_LATE if rate is not None else 1)
            self._free = max(self._free, now - late) + space
            self._requests += 1
            self._free += self._period.began(self._requests, now)
            self._sent[self._requests] = now, size
            if len(self._sent) > _KEPT:
                del self._sent[min(self._sent)]
            return self._requests

    def _seconds(self, ahead: int = 0) -> float:
        """How long to wait, behind so much that others wait with. Raises Exhausted."""
        with self._lock:
            seconds = max(0.0, self._free - self._now()) + (ahead / self.rate if self.rate else 0.0)
        if seconds and seconds >= self.deadline.remaining():
            raise self._over()
        return seconds

    def _over(self) -> Exhausted:
        refusal = self._refusal
        if refusal is None:
            return Exhausted("no time left to send the next batch", reason="timeout", tries=0)
        asked = f"; asked to wait {refusal.after:.0f} s" if refusal.after else ""
        return Exhausted(f"{refusal}; no time left to wait for it{asked}", reason=refusal.reason, facts=refusal.facts)

    def _now(self) -> float:
        return self.deadline.clock.monotonic()


def throttled(retry: Retry, throttle: Throttle, request: Callable[[], T]) -> T:
    """What a request comes to that does no harm if it comes twice; that it was too much is waited for.

    It counts as one. Raises as a Retry, which knows nothing of the tries before a wait: one of them may have arrived.
    """
    is_open = is_doubtful = False

    def attempt() -> tuple[list[T], Retryable | None]:
        nonlocal is_open, is_doubtful
        is_doubtful |= is_open  # no answer came to the one before
        is_open = True
        try:
            answer = request()
        except Retryable as error:
            is_open = error.doubt
            if retry.terms.attempts > 1 and error.reason == "rate":
                return [], error
            raise
        is_open = False
        return [answer], None

    while True:
        try:
            number = throttle.wait(1)
            answers, slow = retry(attempt, safe=True)
        except Exhausted as error:
            if is_doubtful:
                raise unsettled(error) from error
            raise
        if slow is None:
            throttle.took(1, number)
            return answers[0]
        throttle.refused(slow, number)


def unsettled(error: Exhausted) -> Unknown:
    """The same where a try may have arrived, and no later one told."""
    told = f"{error}; it may have arrived"
    return Unknown(told, reason=error.reason, resent=True, facts=error.facts, notes=error.notes)
