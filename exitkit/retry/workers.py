"""Several pieces of work at the same time, whose results are taken in the order in which they are done."""

import contextvars
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from exitkit.retry.clock import CLOCK, Clock

T = TypeVar("T")


@dataclass(frozen=True)
class _Done(Generic[T]):
    """What came of one piece of work."""

    value: T | None = None
    error: BaseException | None = None


class Crew(Generic[T]):
    """Work under way, each piece in a thread of its own; for one thread that starts it and takes results.

    `size` is how much of it there should be at a time: whoever starts work asks for `full` first, and takes
    a result if it is. The threads do not hold up the end of the process, and belong to the attempt in which
    the work was started: once nobody waits for that any more, their next request is refused.
    """

    def __init__(self, size: int, clock: Clock = CLOCK, name: str = "exitkit-crew") -> None:
        self.size, self.clock, self.name = size, clock, name
        self.busy = 0
        self._done: deque[_Done[T]] = deque()
        self._came = threading.Event()

    @property
    def full(self) -> bool:
        return self.busy >= self.size

    def start(self, work: Callable[[], T]) -> None:
        """Begin it now."""
        context = contextvars.copy_context()

        def body() -> None:
            try:
                done: _Done[T] = _Done(context.run(work))
            except BaseException as error:  # handed to whoever takes the result
                done = _Done(error=error)
            self._done.append(done)
            self._came.set()

        self.busy += 1
        self.clock.spawn(body, self.name)

    def take(self) -> T:
        """The next result, after waiting for it. Raises what the work raised, and IndexError if there is none."""
        if not self.busy:
            raise IndexError("nothing is being done")
        while not self._done:
            self._came.clear()
            if not self._done:
                self.clock.wait(self._came, math.inf)
        done = self._done.popleft()
        self.busy -= 1
        if done.error is not None:
            raise done.error
        return done.value  # type: ignore[return-value]  # None only where T allows it

    def taken(self) -> Iterator[T]:
        """The results that are there by now, without waiting."""
        while self._done:
            yield self.take()

    def rest(self) -> Iterator[T]:
        """All results, as they come, until nothing is being done."""
        while self.busy:
            yield self.take()
