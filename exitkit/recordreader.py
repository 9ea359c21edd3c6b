"""The workflow's record, read once a run by whoever asks for it first; it keeps nobody waiting for longer than it may.

What it is read from hangs, lacks rights or is gone in some clusters, and none of that may cost or hold up a message.
"""

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from exitkit.errors import ActionError, ConfigError
from exitkit.retry import Sign, watching
from exitkit.retry.clock import Deadline
from exitkit.text import redact

if TYPE_CHECKING:
    from exitkit.argo.record import WorkflowRecord

PATIENCE: Final = 1.0
"""Seconds from the request on for which all who can do without the record wait, taken together, as long as there are signs
of life. Argo's API answers in 10 to 40 ms; for what has not answered whole after this, no message waits."""

SHARES: Final[Mapping[Sign, float]] = MappingProxyType({"connecting": 0.25, "sent": 0.4, "answered": 1.0})
"""Of that, how long they wait from each sign of life on: a name is resolved and a connection made, and a request answered, in
milliseconds, and in 0.1 s by a pod with a tenth of a CPU."""

_SETTLING: Final = 3.0
"""Seconds for which they wait where it does answer, and the end of what the handler is for is not written down yet."""

LOADING: Final = 5.0
"""Seconds in which what reads it is loaded; a busy machine takes a hundred times the usual."""

_SHARE: Final = 10  # of the time that is left, they wait a tenth at most
_LONGEST: Final = 60.0  # seconds of a reading
_NEEDED: Final = 15.0
"""Seconds for which one waits who is nothing without it; a message may come after it."""

Fetch = Callable[[Deadline, Callable[["WorkflowRecord"], None]], None]
"""Reads the record until the deadline, hands over each reading of it, and raises what kept it from it."""


class Records(Protocol):
    """Where a run's record is had from. `note` says why there is none, once that is known."""

    @property
    def note(self) -> str: ...
    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord | None": ...


class NoRecords:
    """None at all: nobody said where it might be read, and nobody misses it."""

    note = ""

    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord | None":  # noqa: ARG002 - of the protocol
        return None


class KnownRecord:
    """A record that was read before, such as out of a file."""

    def __init__(self, record: "WorkflowRecord") -> None:
        self._record, self.note = record, "; ".join(record.notes)

    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord":  # noqa: ARG002 - as above
        return self._record


class RecordReader:
    """Reads it in a thread of its own, within `deadline`; for several threads that ask.

    `prepare` loads what is needed and gives what reads, which is not held against whoever is asked.
    """

    def __init__(self, prepare: Callable[[], Fetch], deadline: Deadline) -> None:
        self.note = ""
        self._prepare, self._deadline = prepare, deadline.within(deadline.remaining())  # one that `close` may cut
        self._lock = threading.Lock()
        self._record: WorkflowRecord | None = None
        self._ends: list[float] = []  # by the clock, up to when those wait who can do without; the last one counts
        self._most = self._begun = 0.0
        self._over = self._connects = False
        self._waiters: list[threading.Event] = []

    def record(self, deadline: Deadline, *, needed: bool = False) -> "WorkflowRecord | None":
        """The newest reading, None and a `note` where there is none. Never raises.

        `needed` says that the step has nothing to do without it, and waits for 15 s at most, and half of the time it has.
        """
        clock = self._deadline.clock
        ready = threading.Event()
        with self._lock:
            begins = not self._ends
            if begins:
                self._most = clock.monotonic() + self._deadline.remaining() / _SHARE
                self._ends.append(min(self._most, clock.monotonic() + LOADING))
            self._waiters.append(ready)
        if begins:
            clock.spawn(self._read, "exitkit-record")
        until = clock.monotonic() + min(_NEEDED, deadline.remaining() / 2)
        while not self._over:
            stage = len(self._ends)
            left = (until if needed else self._ends[-1]) - clock.monotonic()
            if left <= 0:
                break
            deadline.within(left).wait(ready, lambda stage=stage: self._over or len(self._ends) > stage)  # type: ignore[misc]
            if deadline.remaining() <= 0:
                break
        if not self._over and self._record is None and not self.note:
            self.note = "it did not come in time"
        return self._record

    def close(self) -> None:
        """Begin no further try: the run is over."""
        self._deadline.cut(0)

    def _read(self) -> None:
        try:
            fetch = self._prepare()
            self._begun = self._deadline.clock.monotonic()
            self._wait_up_to(PATIENCE)
            with watching(self._sign):
                fetch(self._deadline.within(_LONGEST), self._keep)
        except (ActionError, ConfigError, ValueError) as error:
            self.note = redact.printable(redact.redact(str(error)), 300)
        except Exception as error:  # whatever somebody's object made of it must not cost the run
            self.note = f"it could not be read: {type(error).__name__}"
        finally:
            self._over = True
            self._wake()

    def _sign(self, sign: Sign) -> None:
        """Wait less where nothing is there, and on for what is alive; for all signs no longer than patience lasts."""
        if self._record is not None:
            return
        left = self._begun + PATIENCE - self._deadline.clock.monotonic()
        seconds = min(left, PATIENCE * SHARES[sign])
        is_first, self._connects = sign == "connecting" and not self._connects, True
        if is_first or (sign != "connecting" and self._deadline.clock.monotonic() + seconds > self._ends[-1]):
            self._wait_up_to(seconds)

    def _keep(self, record: "WorkflowRecord") -> None:
        is_first = self._record is None
        self._record, self.note = record, "; ".join(record.notes)
        if is_first:
            self._wait_up_to(_SETTLING)

    def _wait_up_to(self, seconds: float) -> None:
        self._ends.append(min(self._most, self._deadline.clock.monotonic() + seconds))
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            for ready in self._waiters:
                ready.set()
