"""The workflow's record, read once a run by whoever asks for it first; it keeps nobody waiting for longer than it may.

What it is read from hangs, lacks rights or is gone in some clusters, and none of that may cost or hold up a message.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from exitkit.errors import ActionError, ConfigError
from exitkit.retry.clock import Deadline
from exitkit.text import redact

if TYPE_CHECKING:
    from exitkit.argo.record import WorkflowRecord

PATIENCE: Final = 1.0
"""Seconds from the beginning of the reading for which all who can do without it wait, taken together. Argo's API answers
in 10 to 40 ms; what it has not said after this, no message waits for."""

_SHARE: Final = 10  # of the time that is left, they wait a tenth at most

Fetch = Callable[[Deadline, Callable[["WorkflowRecord"], None]], None]
"""Reads the record until the deadline, hands over each reading of it, and raises what kept it from it."""


class Records(Protocol):
    """Where a run's record is had from. `note` says why there is none, once that is known."""

    @property
    def note(self) -> str: ...
    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord | None": ...


class NoRecords:
    """None at all: nobody said where it might be read."""

    note = "no Kubernetes cluster and no argo-server is known here"

    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord | None":  # noqa: ARG002 - of the protocol
        return None


class KnownRecord:
    """A record that was read before, such as out of a file."""

    def __init__(self, record: "WorkflowRecord") -> None:
        self._record, self.note = record, "; ".join(record.notes)

    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord":  # noqa: ARG002 - as above
        return self._record


class RecordReader:
    """Reads it in a thread of its own, until `deadline`; for several threads that ask."""

    def __init__(self, fetch: Fetch, deadline: Deadline) -> None:
        self.note = ""
        self._fetch, self._deadline = fetch, deadline
        self._lock = threading.Lock()
        self._record: WorkflowRecord | None = None
        self._until: float | None = None  # by the clock, up to when those wait who can do without
        self._over = False
        self._waiters: list[threading.Event] = []

    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord | None":
        """The newest reading, None and a `note` where there is none. Never raises.

        `needed` says that the step has nothing to do without it, and may wait for half of the time it has.
        """
        clock = self._deadline.clock
        ready = threading.Event()
        with self._lock:
            begins = self._until is None
            if self._until is None:
                self._until = clock.monotonic() + min(PATIENCE, self._deadline.remaining() / _SHARE)
            self._waiters.append(ready)
            left = deadline.remaining() / 2 if needed else self._until - clock.monotonic()
        if begins:
            clock.spawn(self._read, "exitkit-record")
        if not self._over and left > 0:
            deadline.within(left).wait(ready, lambda: self._over)
        if not self._over and self._record is None and not self.note:
            self.note = "it did not come in time"
        return self._record

    def _read(self) -> None:
        try:
            self._fetch(self._deadline, self._keep)
        except (ActionError, ConfigError, ValueError) as error:
            self.note = redact.printable(redact.redact(str(error)), 300)
        except Exception as error:  # whatever somebody's object made of it must not cost the run
            self.note = f"it could not be read: {type(error).__name__}"
        finally:
            with self._lock:
                self._over = True
            for ready in self._waiters:
                ready.set()

    def _keep(self, record: "WorkflowRecord") -> None:
        self._record, self.note = record, "; ".join(record.notes)
