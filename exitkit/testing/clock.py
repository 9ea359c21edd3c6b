"""A clock that passes only when everybody waits for it, so that no test sleeps."""

import math
import threading
from collections.abc import Callable

from exitkit.retry.clock import Clock

_LOOK = 0.002
"""Real seconds after which a waiting thread looks again whether anything happened."""


class FakeClock(Clock):
    """Time that jumps to the next moment somebody waits for, once all threads wait.

    Threads started with `spawn`, and the one that made the clock, are counted. One that is blocked
    elsewhere, such as in a socket, looks busy; after `patience` real seconds in which nothing
    happened the time moves on without it, which is how a hung request is played. They are counted
    by looks, so that a machine that stands still for a while uses up none of them.

    `slept` lists the lengths of all sleeps in seconds, in order.
    """

    def __init__(self, now: float = 1_790_000_000.0, patience: float = 2.0) -> None:
        self.slept: list[float] = []
        self._now = 0.0
        self._started = now
        self._patience = patience
        self._running = 1
        self._waiting: dict[int, tuple[float, threading.Event]] = {}
        self._changed = threading.Condition()

    def monotonic(self) -> float:
        with self._changed:
            return self._now

    def time(self) -> float:
        return self._started + self.monotonic()

    def sleep(self, seconds: float, woken: threading.Event | None = None) -> bool:
        self.slept.append(seconds)
        return self.wait(woken or threading.Event(), seconds)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        ident = threading.get_ident()
        quiet = 0  # looks
        with self._changed:
            # A wait too short to be added up still has to pass, or whoever loops over it would never end.
            until = max(self._now + seconds, math.nextafter(self._now, math.inf)) if seconds > 0 else self._now
            self._waiting[ident] = until, event
            self._running -= 1
            self._changed.notify_all()
            try:
                while not event.is_set() and self._now < until:
                    before = (self._now, self._running, len(self._waiting))
                    self._changed.wait(_LOOK)
                    quiet = quiet + 1 if (self._now, self._running, len(self._waiting)) == before else 0
                    patient = quiet * _LOOK < self._patience
                    # Somebody whose event has happened is not waiting any more, and only has not woken yet.
                    woken = any(one.is_set() for _, one in self._waiting.values())
                    if not woken and self._now < until and not (self._running > 0 and patient):
                        self._now = max(self._now, min(moment for moment, _ in self._waiting.values()))
                        self._changed.notify_all()
            finally:
                self._running += 1
                del self._waiting[ident]
            return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        with self._changed:
            self._now += seconds
            self._changed.notify_all()

    def spawn(self, target: Callable[[], None], name: str) -> None:
        with self._changed:
            self._running += 1

        def body() -> None:
            try:
                target()
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

        super().spawn(body, name)

    def jitter(self, most: float) -> float:
        """All of it: the longest wait that may happen."""
        return most
