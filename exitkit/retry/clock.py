"""The time, and the moment by which all must be over: the only place that sleeps."""

import math
import threading
import time
from collections.abc import Callable


class Clock:
    """The time, waiting for it to pass, and the threads that wait. Tests replace it."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float, woken: threading.Event | None = None) -> bool:
        """Let so many seconds pass; whether `woken` happened before they had."""
        return self.wait(woken or threading.Event(), seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Whether the event happened within so many seconds."""
        return event.wait(min(seconds, threading.TIMEOUT_MAX))

    def spawn(self, target: Callable[[], None], name: str) -> None:
        """Run the target in a thread that does not hold up the end of the process.

        Where no thread is to be had it runs here and now, and whoever watches the process bounds its time.
        """
        try:
            threading.Thread(target=target, name=name, daemon=True).start()
        except (RuntimeError, MemoryError):  # "can't start new thread"
            target()

    def jitter(self, most: float) -> float:
        """A random number of seconds from 0 to `most`: full jitter spreads a herd of pods best."""
        import random  # only a retry needs it, and it costs a start several milliseconds

        return random.uniform(0, most)  # noqa: S311 - spreads load, guards nothing


CLOCK = Clock()


class Deadline:
    """A moment after which nothing is begun; a child never ends later than its parent."""

    def __init__(
        self,
        seconds: float,
        clock: Clock = CLOCK,
        parent: "Deadline | None" = None,
        lead: Callable[[float], float] | None = None,
    ) -> None:
        self.clock = clock
        self._parent = parent
        self._lead = lead
        self._end = clock.monotonic() + seconds
        self._span = seconds
        self._waiters: set[threading.Event] = set() if parent is None else parent._waiters  # noqa: SLF001 - of its own kind

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self._left())

    def within(self, seconds: float) -> "Deadline":
        """A deadline so many seconds from now, or this one if that is sooner."""
        return Deadline(seconds, self.clock, self)

    def ahead(self, lead: Callable[[float], float]) -> "Deadline":
        """A deadline that is over somewhat before this one, also where this one is cut.

        `lead` says how many seconds before, of the seconds that this one lasts, or lasts from where it was cut.
        """
        return Deadline(math.inf, self.clock, self, lead)

    def cut(self, seconds: float) -> None:
        """Bring the end forward to so many seconds from now, and tell all who wait; a signal does this."""
        end = self.clock.monotonic() + seconds
        if end < self._end:
            self._end, self._span = end, seconds
        for event in tuple(self._waiters):
            event.set()

    def pause(self, seconds: float) -> bool:
        """Let so many seconds pass; False, and at once, where there are not so many left, or no longer are."""
        until, woken = self.clock.monotonic() + seconds, threading.Event()
        self._waiters.add(woken)
        try:
            while (left := until - self.clock.monotonic()) <= self._left():
                if left <= 0 or not self.clock.sleep(left, woken):
                    return True
                woken.clear()
            return False
        finally:
            self._waiters.discard(woken)

    def wait(self, ready: threading.Event, done: Callable[[], bool], grace: float = 0.0) -> bool:
        """Wait until `done()`, or until the end and so many seconds more; whether it is done.

        Whoever makes it done sets `ready`; so does `cut`, because the end is then another one.
        """
        self._waiters.add(ready)
        try:
            while not done():
                ready.clear()
                left = self._left() + grace
                if done() or left <= 0:
                    break
                self.clock.wait(ready, left)
            return done()
        finally:
            self._waiters.discard(ready)

    def _left(self) -> float:
        own = self._end - self.clock.monotonic()
        if self._parent is None:
            return own
        above = self._parent._left()  # noqa: SLF001 - of its own kind
        return min(own, above - self._lead(self._parent._lasts()) if self._lead else above)  # noqa: SLF001

    def _lasts(self) -> float:
        """Seconds from where it began, or was cut, to its end."""
        return self._span if self._parent is None else min(self._span, self._parent._lasts())  # noqa: SLF001
