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

T = TypeVar("T")

_BREATH = 0.1  # seconds without a request after any such word
_FIRST, _LONGEST = 0.25, 20.0  # the same where nothing at all was taken since the last one
_LEAST, _SHORTEST = 0.5, 0.02  # seconds by which a first guess is measured, and any later one, at least
_WINDOW, _MANY = 15.0, 20  # seconds and requests after which the measuring begins anew, as a rate may change
_SLACK = 0.95  # what of a rate is gone on with, so that the reserve is not empty all the time
_GROWTH = 0.01  # by how much the rate grows in a second in which nothing is refused, to find out whether it may
_SLOWEST = 0.4  # seconds a request up to which that holds: where each takes longer, it would soon be too much
_SEARCH = 0.1  # by how much it grows with each request after the first guess, which a small reserve makes too low
_BACK = 0.03  # how much of what is missing to the last rate that was too much it makes good with each request


class Throttle:
    """For several threads. `wait` before each request, and then say how it went."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.rate: float | None = None
        """How much a second; None while the target takes whatever comes."""
        self._lock = threading.Lock()
        self._free = self._now()  # when the next request may go
        self._since = self._free  # when the measuring began
        self._peak = 0.0  # the rate at the last word
        self._measured = False  # whether the rate is more than a first guess
        self._taken = self._count = 0  # since then, and in how many requests
        self._hold = _FIRST
        self._refusal: Retryable | None = None
        self._requests = self._refused_at = 0
        self._queue: list[tuple[threading.Event, int]] = []  # who waits, in order, and for how much

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
            self._hold = _FIRST
            if request <= self._refused_at:  # it left before the last word, and says nothing of the time after that
                return
            self._taken += size
            self._count += 1
            if self.rate is not None:
                slowly = max(_GROWTH * min(_SLOWEST, size / self.rate), _BACK * (self._peak / self.rate - 1))
                self.rate *= 1 + (slowly if self._measured else _SEARCH)

    def refused(self, refusal: Retryable, request: int) -> None:
        """It said that this was too much, and perhaps for how long it wants nothing more.

        Requests that were under way together say one thing, and it counts once.
        """
        with self._lock:
            now = self._now()
            self._refusal = refusal
            hold = 0.0
            if request > self._refused_at:
                hold = self._learnt(now)
                self._refused_at = self._requests
            self._free = max(self._free, now + max(refusal.after or 0.0, hold, _BREATH))

    def excused(self) -> None:
        """What it said was too much may be more than it ever takes at a time: what is smaller may go at once."""
        with self._lock:
            self._hold, self._free = _FIRST, self._now()

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        with self._lock:
            self._free = max(self._free, self._now() + seconds)

    def _learnt(self, now: float) -> float:
        """The rate, from what was taken until this word that it was too much; the seconds to hold still."""
        if not self._taken:
            hold, self._hold = self._hold, min(_LONGEST, self._hold * 2)
            self._since = now
            return hold
        elapsed = now - self._since
        if self.rate is None:
            self.rate = self._taken / max(elapsed, _LEAST)
            self._since, self._taken, self._count = now, 0, 0
            return 0.0
        # It takes less than it was sent, and no less than it took: that may have been too little to find out.
        took = min(self.rate, self._taken / max(elapsed, _SHORTEST))
        self._peak, self.rate = self.rate, _SLACK * math.sqrt(took * self.rate)
        if not self._measured or (elapsed >= _WINDOW and self._count >= _MANY):
            self._since, self._taken, self._count, self._measured = now, 0, 0, True
        return 0.0

    def _begun(self, size: int) -> int:
        """The number of the request, if it may begin now; else 0."""
        with self._lock:
            now = self._now()
            if now < self._free:
                return 0
            if self.rate is not None:
                self._free = now + size / self.rate
            self._requests += 1
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
