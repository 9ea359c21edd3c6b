"""How many bytes a second a target gets: as many as it takes, and after its first word that it is too much, as many as it took since.

The first such word says that what the target had in reserve is used up. So what it takes from there to the next such
word is what it takes in that time, whatever its limit counts and whatever its reserve was.
"""

import threading

from exitkit.errors import Exhausted, Retryable
from exitkit.retry.clock import Deadline

_FIRST, _LONGEST = 0.25, 20.0  # seconds without a request after it took nothing at all since the last word
_WINDOW = 15.0  # seconds after which the measuring begins anew, as a rate may change
_LEAST = 0.5  # seconds that are enough to measure
_GROWTH = 0.01  # by how much the rate grows in a second in which nothing is refused, to find out whether it may


class Throttle:
    """For several threads. `wait` before each request, and then say how it went."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.rate: float | None = None
        """Bytes a second; None while the target takes whatever comes."""
        self._lock = threading.Lock()
        self._free = self._now()  # when the next request may go
        self._since = self._free  # when the measuring began
        self._measured = False  # whether it began with the reserve used up
        self._taken = 0  # bytes since then
        self._hold = _FIRST
        self._refusal: Retryable | None = None
        self._requests = self._refused_at = 0

    def wait(self, size: int) -> int:
        """Wait until so many bytes may go; the number of the request. Raises Exhausted, at once, if that is too late."""
        with self._lock:
            now = self._now()
            begin = max(now, self._free)
            refusal = self._refusal
            if begin > now and begin - now >= self.deadline.remaining():
                raise self._over(refusal)
            if self.rate is not None:
                self._free = begin + size / self.rate
        if begin > now and not self.deadline.pause(begin - now):
            raise self._over(refusal)
        with self._lock:
            self._requests += 1
            return self._requests

    def took(self, size: int) -> None:
        """The target took so many bytes."""
        with self._lock:
            self._taken += size
            self._hold = _FIRST
            if self.rate is not None:
                self.rate *= 1 + _GROWTH * min(1.0, size / self.rate)

    def refused(self, refusal: Retryable, request: int) -> None:
        """It said that this was too much, and perhaps for how long it wants nothing more.

        Requests that were under way together say one thing, and it counts once.
        """
        with self._lock:
            now = self._now()
            elapsed = now - self._since
            self._refusal = refusal
            hold = 0.0
            if request <= self._refused_at:
                pass
            elif self._taken:
                if elapsed >= _LEAST or self.rate is None:
                    self.rate = self._taken / max(elapsed, _LEAST)
                if not self._measured or elapsed >= _WINDOW:
                    self._since, self._taken, self._measured = now, 0, True
            else:
                hold, self._hold = self._hold, min(_LONGEST, self._hold * 2)
                self._since = now
            self._refused_at = max(self._refused_at, self._requests)
            asked = refusal.after or 0.0
            self._free = max(self._free, now + max(asked, hold))

    def excused(self) -> None:
        """What it said was too much may be more than it ever takes at a time: what is smaller may go at once."""
        with self._lock:
            self._hold, self._free = _FIRST, self._now()

    def pause(self, seconds: float) -> None:
        """Send nothing for so long."""
        with self._lock:
            self._free = max(self._free, self._now() + seconds)

    def _over(self, refusal: Retryable | None) -> Exhausted:
        if refusal is None:
            return Exhausted("no time left to send the next batch", reason="timeout", tries=0)
        asked = f"; asked to wait {refusal.after:.0f} s" if refusal.after else ""
        return Exhausted(f"{refusal}; no time left to wait for it{asked}", reason=refusal.reason, facts=refusal.facts)

    def _now(self) -> float:
        return self.deadline.clock.monotonic()
