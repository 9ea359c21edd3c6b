"""How many requests a service gets at a time: fewer after each word that it is too fast, and slowly more again."""

import contextlib
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from exitkit.errors import Retryable
from exitkit.retry.clock import Clock

FIRST = 4
"""Deletions that go at once before a server has said anything. What they and those after them find too much is refused."""


@dataclass
class Turn:
    """A request that was let through; `slow` is set where its answer was, in part, to slow down."""

    slow: bool = False


class Limiter:
    """A gate for the requests of several threads.

    A request that is told to slow down halves what is let through, once for all that were under way; each
    that succeeds adds to it, so that it grows by one in the time that all of them take. With `first` it begins with
    so few, and doubles in that time until one is told to slow down, or all go.
    """

    def __init__(self, most: int, clock: Clock, *, first: int | None = None) -> None:
        self.most, self.clock = most, clock
        self.allowed = float(min(most, first or most))
        self._running = 0
        self._begun = 0  # requests so far; one begun before the last slowing does not slow again
        self._slowed_at = 0
        self._waiting: list[threading.Event] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def request(self) -> Iterator[Turn]:
        """Wait until there is room for one more. What is raised inside says how it went."""
        number = self._enter()
        turn = Turn()
        try:
            yield turn
        except Retryable as error:
            turn.slow = error.reason == "rate"
            raise
        finally:
            self._leave(number, slow=turn.slow)

    def _enter(self) -> int:
        while True:
            with self._lock:
                if self._running < max(1, int(self.allowed)):
                    self._running += 1
                    self._begun += 1
                    return self._begun
                turn = threading.Event()
                self._waiting.append(turn)
            self.clock.wait(turn, math.inf)

    def _leave(self, number: int, *, slow: bool) -> None:
        with self._lock:
            self._running -= 1
            if not slow:
                self.allowed = min(self.most, self.allowed + (1 / self.allowed if self._slowed_at else 1))
            elif number > self._slowed_at:
                self.allowed, self._slowed_at = max(1.0, self.allowed / 2), self._begun
            woken, self._waiting = self._waiting, []
        for turn in woken:
            turn.set()
