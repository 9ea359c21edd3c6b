"""The lines of the failed steps' logs that say why, read once a run by whoever asks for them first.

As with the record, what logs are read from hangs, lacks rights or is gone in some clusters, and none of that may cost or
hold up a message: the reading begins together with the record's, and all wait for both no longer than for one.
"""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from exitkit.argo.failures import Failure, Failures
from exitkit.errors import ActionError, ConfigError
from exitkit.recordreader import LOADING, PATIENCE, SHARES
from exitkit.retry import Sign, watching
from exitkit.retry.clock import Deadline
from exitkit.text import redact

if TYPE_CHECKING:
    from exitkit.explain import LogLine, Shapes

CAUSES: Final = 3
"""Of so many different failures the logs are read, the likeliest cause first."""

LINES: Final = 10
"""Lines of a log that are kept; a message shows three, a report all."""

_SHARE: Final = 10  # of the time that is left, all wait a tenth at most
_LONGEST: Final = 20.0  # seconds of a reading, for those who come later in the run

Place = tuple[str, str]
"""The names of a pod and a container."""


@dataclass
class LogPart:
    """Part of a log, in pieces, once: its beginning, or with `is_end` its last lines, whose numbers nobody knows.

    `is_cut` says, when the pieces have been read, whether that was all that there is of it.
    """

    pieces: Iterable[bytes]
    is_end: bool = False
    is_cut: Callable[[], bool] = lambda: False


Fetch = Callable[[Failure, Deadline], Iterable[LogPart]]
"""Gives the failure's log in parts, each of which is read before the next one, the most telling first, as far as it is to be
had by the deadline; raises what kept it from it. A later part replaces an earlier one of its kind."""

Known = Callable[[Failure, Deadline], "Shapes"]
"""Gives the shapes of the step's logs in runs that passed."""


class Logs(Protocol):
    """Where the lines of a run are had from. `note` says why there are none, once that is known."""

    @property
    def note(self) -> str: ...
    def begin(self, failures: Failures, deadline: Deadline) -> None: ...
    def lines(self, failures: Failures, deadline: Deadline) -> "Mapping[Place, tuple[LogLine, ...]]": ...


class NoLogs:
    """None at all: nobody said where logs might be read."""

    note = ""

    def begin(self, failures: Failures, deadline: Deadline) -> None: ...

    def lines(self, failures: Failures, deadline: Deadline) -> "Mapping[Place, tuple[LogLine, ...]]":  # noqa: ARG002 - of the protocol
        return {}


class LogReader:
    """Reads each log in a thread of its own, within `deadline`; for several threads that ask.

    `prepare` loads what is needed and gives what reads, which is not held against whoever is asked.
    """

    def __init__(self, prepare: Callable[[], Fetch], deadline: Deadline, known: Known | None = None) -> None:
        self.note = ""
        self._known = known
        self._prepare, self._deadline = prepare, deadline.within(deadline.remaining())  # one that `close` may cut
        self._lock = threading.Lock()
        self._until: float | None = None  # by the clock, up to when those wait who ask
        self._most = self._begun = 0.0
        self._is_loaded = self._connects = False
        self._read: dict[Place, tuple[LogLine, ...] | None] = {}  # None while it is being read
        self._so_far: dict[Place, tuple[LogLine, ...]] = {}
        self._waiters: list[threading.Event] = []

    def begin(self, failures: Failures, deadline: Deadline) -> None:
        """Begin to read the logs of the first causes, those that nobody has begun with."""
        clock = self._deadline.clock
        with self._lock:
            wanted = [failure for failure in _first(failures) if failure.log not in self._read]
            if wanted and self._until is None:
                self._most = clock.monotonic() + deadline.remaining() / _SHARE
                self._until = min(self._most, clock.monotonic() + LOADING)
            self._read |= dict.fromkeys((failure.log for failure in wanted), None)
        for failure in wanted:
            clock.spawn(lambda failure=failure: self._explain(failure), "exitkit-log")  # type: ignore[misc]

    def lines(self, failures: Failures, deadline: Deadline) -> "Mapping[Place, tuple[LogLine, ...]]":
        """What the logs say that have come by now, or within the time that all wait for them. Never raises."""
        self.begin(failures, deadline)
        clock, ready = self._deadline.clock, threading.Event()
        places = [failure.log for failure in _first(failures)]
        with self._lock:
            self._waiters.append(ready)
        while not self._have(places) and self._until is not None and deadline.remaining() > 0:
            until = self._until
            if (left := until - clock.monotonic()) <= 0:
                break
            deadline.within(left).wait(ready, lambda until=until: self._have(places) or self._until != until)  # type: ignore[misc]
        known = {place: self._read.get(place) or self._so_far.get(place, ()) for place in places}
        if not all(known.values()) and not self._have(places) and not self.note:
            self.note = "they did not come in time"
        return {place: lines for place, lines in known.items() if lines}

    def close(self) -> None:
        """Read on no longer: the run is over."""
        self._deadline.cut(0)

    def shapes(self, failure: Failure, deadline: Deadline) -> "Shapes":
        """Those of the lines of a log, of a run that passed. Raises ActionError and ConfigError."""
        from exitkit.explain import learn

        parts = self._prepare()(failure, deadline)
        return learn(piece for part in parts for piece in itertools.chain(part.pieces, [b"\n"]))

    def _have(self, places: list[Place]) -> bool:
        return all(self._read[place] is not None for place in places)

    def _explain(self, failure: Failure) -> None:
        lines: tuple[LogLine, ...] = ()
        try:
            import exitkit.explain  # noqa: F401 - which takes a while to load

            fetch = self._prepare()
            self._loaded()
            against = self._known(failure, self._deadline) if self._known else None
            with watching(self._sign):
                lines = self._ranked(failure, fetch, against)
        except (ActionError, ConfigError) as error:
            self.note = self.note or redact.printable(redact.redact(str(error)), 300)
        except Exception as error:  # whatever somebody's log made of it must not cost the run
            self.note = self.note or f"they could not be read: {type(error).__name__}"
        finally:
            self._read[failure.log] = lines or self._so_far.get(failure.log, ())
            self._wake()

    def _ranked(self, failure: Failure, fetch: Fetch, against: "Shapes | None") -> "tuple[LogLine, ...]":
        """The best lines, and after each part of the log the best so far."""
        from exitkit.explain import Shapes, rank

        lines: tuple[LogLine, ...] = ()
        parts = fetch(failure, self._deadline.within(_LONGEST))
        for lines in _ranked(parts, partial(rank, against=against or Shapes(), top=LINES)):
            self._so_far[failure.log] = lines
        return lines

    def _loaded(self) -> None:
        """From now on it is the cluster's time that passes."""
        with self._lock:
            if not self._is_loaded:
                self._is_loaded = True
                self._begun = self._deadline.clock.monotonic()
                self._until = min(self._most, self._begun + PATIENCE)
        self._wake()

    def _sign(self, sign: Sign) -> None:
        """Wait less where nothing is there, and on for what is alive; for all signs no longer than patience lasts."""
        until = min(self._most, self._begun + PATIENCE, self._deadline.clock.monotonic() + PATIENCE * SHARES[sign])
        with self._lock:
            is_first, self._connects = sign == "connecting" and not self._connects, True
            if is_first or (sign != "connecting" and self._until is not None and until > self._until):
                self._until = until
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            for ready in self._waiters:
                ready.set()


def _ranked(parts: Iterable[LogPart], rank: "Callable[..., tuple[LogLine, ...]]") -> "Iterator[tuple[LogLine, ...]]":
    """The best lines of a log after each part of it; those of its end have no number, until it is known to be whole."""
    beginning: tuple[LogLine, ...] = ()
    end: tuple[LogLine, ...] = ()
    for part in parts:
        lines = rank(part.pieces)
        if part.is_end:
            end = tuple(replace(line, number=0) for line in lines)
        else:
            beginning, end = lines, end if part.is_cut() else ()
        known = {line.text for line in beginning}
        both = [*beginning, *(line for line in end if line.text not in known)]
        yield tuple(sorted(both, key=lambda line: -line.score)[:LINES])


def _first(failures: Failures) -> list[Failure]:
    """One of each of the first causes that may have a log."""
    firsts = (group.first for group in failures.groups[: 2 * CAUSES])
    return [failure for failure in firsts if failure.has_log][:CAUSES]
