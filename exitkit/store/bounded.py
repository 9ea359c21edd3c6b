"""A store that is asked within a bounded share of the time there is, and not for ever where it does not answer."""

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from exitkit.errors import ActionError, ConfigError, ExitkitError
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.text import redact

if TYPE_CHECKING:
    from exitkit.store import Store, Value

T = TypeVar("T")

_SHARE = 0.1
"""Of the time that a run has when it first asks: what all its questions together may take."""
_LONGEST = 5.0  # seconds of one question, its tries included
_SILENT = 2  # questions without an answer, after which no more is asked
_OVERWRITES = 5  # times that a value may change under whoever is to write it


class StoreFailure(ExitkitError):
    """The store could not be asked, or did not take what was written; nothing else need stop for it."""


class BoundedStore:
    """One run's way to its store, for several threads. Every question raises StoreFailure, and nothing else."""

    def __init__(self, store: "Store") -> None:
        self.store = store
        self.where = store.where
        self._lock = threading.Lock()
        self._limit = 0.0
        self._spent = 0.0
        self._silent = 0

    @property
    def lacks(self) -> str:
        """What it cannot promise, as far as that is known by now."""
        return self.store.lacks

    @property
    def half_spent(self) -> bool:
        """Whether what is not needed should be left out."""
        return self._spent > self._limit / 2

    def ask(
        self, deadline: Deadline, question: "Callable[[Store], T]", *, longest: float = _LONGEST, apart: float = 0.0
    ) -> T:
        """What the store answers, within so many seconds at the longest. Raises StoreFailure.

        Before each further try it waits at random, for `apart` seconds at most; 0 means that it begins with little.
        """
        clock = deadline.clock
        seconds = self._seconds(deadline, longest)
        # Others that write at the same time are no bad luck: the time alone bounds how often it is tried.
        limit = longest / 2 if longest == _LONGEST else longest  # one that hangs leaves time for another
        terms = RetryPolicy.model_construct(
            attempts=100, wait=apart or 0.1, max_wait=apart or 1.0, attempt_timeout=min(limit, seconds)
        )
        retry = Retry(terms, deadline.within(seconds))
        began = clock.monotonic()
        try:
            # Apart from the step that asks: a question on its way is no message that may have arrived.
            answer = contextvars.Context().run(retry, lambda: question(self.store), safe=True)
        except StoreFailure:
            raise
        except Exception as error:  # whatever it is, what asks has more to do
            self._count(clock.monotonic() - began, silent=isinstance(error, ActionError) and error.reason == "timeout")
            raise StoreFailure(f"{self.where}: {_told(error)}") from error
        self._count(clock.monotonic() - began, silent=False)
        return answer

    def get(self, deadline: Deadline, name: str) -> "Value | None":
        return self.ask(deadline, lambda store: store.get(name))

    def overwrite(self, deadline: Deadline, name: str, data: bytes, version: str = "") -> str:
        """Write it over whatever stands there, of which `version` is the last that is known: the new one's."""
        for _ in range(_OVERWRITES):
            known = version
            if written := self.ask(
                deadline,
                lambda store: store.put_if_unchanged(name, data, known) if known else store.put_if_absent(name, data),  # noqa: B023 - called at once
            ):
                return written
            value = self.get(deadline, name)
            if value is not None and value.data == data:  # ours, whose confirmation was lost
                return value.version
            version = value.version if value is not None else ""
        raise StoreFailure(f"{self.where}: others write the same value all the time")

    def _seconds(self, deadline: Deadline, longest: float) -> float:
        """How long the next question may take."""
        left = deadline.remaining()
        if left <= 0:
            raise StoreFailure(f"{self.where}: no time left to ask it")
        with self._lock:
            self._limit = max(self._limit, left * _SHARE)  # a step may have less time than the run
            if self._silent >= _SILENT:
                raise StoreFailure(f"{self.where}: it does not answer, and is not asked any more")
            seconds = min(longest, self._limit - self._spent, left / 4)
        if seconds <= 0:
            raise StoreFailure(f"{self.where}: it is so slow that it has used up its share of the time")
        return seconds

    def _count(self, seconds: float, *, silent: bool) -> None:
        with self._lock:
            self._spent += seconds
            self._silent = self._silent + 1 if silent else 0


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "i/o error").lower()
    if isinstance(error, ActionError | ConfigError):
        return redact.printable(redact.redact(str(error)), 300)
    return type(error).__name__
