"""The last ends of a series, and how they stand in a store: JSON with its version, in whatever state that may be found."""

import json
import math
import statistics
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from exitkit.argo.timestamp import write_moment
from exitkit.history.provenance import Provenance
from exitkit.store import MOST

KEPT = 50
_REMEMBERED = 500  # ids of ends that were dropped: of more runs that end at once than fifty
_VERSION = 1


@dataclass(frozen=True)
class End:
    """How one workflow of the series ended; `at` in Unix seconds, `duration` in seconds, `cause` the cause's fingerprint."""

    at: float
    id: str
    status: str
    duration: float | None = None
    cause: str = ""
    name: str = ""

    @property
    def failed(self) -> bool:
        return self.status != "Succeeded"

    def facts(self) -> dict[str, object]:
        moment = None
        if 0 < self.at < 253_402_300_800:  # the year 10,000, which no calendar of Python's has
            moment = write_moment(datetime.fromtimestamp(round(self.at, 3), UTC))
        return {"name": self.name, "at": moment, "duration": self.duration}


@dataclass(frozen=True)
class Success:
    """What the last run that succeeded was made from; `at` in Unix seconds, as its end has it."""

    at: float
    id: str
    name: str
    provenance: Provenance


@dataclass(frozen=True)
class UnreadableHistory:
    """What stands where a history should; `keep` says that it is not ours to write over."""

    why: str
    keep: bool = False


@dataclass(frozen=True)
class Ends:
    """The last ends, in the order of their times.

    `before` is how many failures led up to the first of them without a success between, `count` how many ends there
    have been, and `gone` the ids of those that were dropped last, so that none counts twice.
    """

    each: tuple[End, ...] = ()
    before: int = 0
    count: int = 0
    gone: tuple[str, ...] = ()
    success: Success | None = None

    def has(self, end: End) -> bool:
        return end.id in self.gone or any(one.id == end.id for one in self.each)

    def with_end(self, end: End) -> "Ends":
        """With one end more, once; the oldest is dropped where there are more than fifty."""
        if self.has(end):
            return self
        return replace(self, each=tuple(sorted((*self.each, end), key=_place)), count=self.count + 1).shortened(KEPT)

    def with_success(self, success: Success | None) -> "Ends":
        """With what a success was made from, unless a later one is known."""
        if success is None or (self.success is not None and self.success.at >= success.at):
            return self
        if self.success is not None:
            success = replace(success, provenance=success.provenance.after(self.success.provenance))
        return replace(self, success=success)

    def shortened(self, most: int) -> "Ends":
        gone = self.each[: max(0, len(self.each) - most)]
        before = self.before
        for end in gone:
            before = before + 1 if end.failed else 0
        dropped = (*self.gone, *(end.id for end in gone))[-_REMEMBERED:]
        return replace(self, each=self.each[len(gone) :], before=before, gone=dropped)

    def failures_in_a_row(self) -> int:
        """Up to the last of them."""
        row = 0
        for end in reversed(self.each):
            if not end.failed:
                return row
            row += 1
        return row + self.before

    def last_success(self, but: End) -> End | None:
        return next((end for end in reversed(self.each) if not end.failed and end.id != but.id), None)

    def usual_duration(self, but: End) -> float | None:
        """Seconds: the median of the successes', or None where there is none."""
        known = self._times(but)
        return round(statistics.median(known), 3) if known else None

    def times_known(self, but: End) -> int:
        """Of how many successes the duration is known."""
        return len(self._times(but))

    def _times(self, but: End) -> list[float]:
        successes = (end for end in self.each if not end.failed and end.id != but.id)
        return [end.duration for end in successes if end.duration is not None]


def _place(end: End) -> tuple[float, str]:
    return end.at, end.id


def encode(ends: Ends, series: str) -> bytes:
    """As JSON that is short enough to be read back, with fewer ends where their names are long."""
    while True:
        value: dict[str, object] = {
            "version": _VERSION,
            "series": series[:1000],
            "count": ends.count,
            "before": ends.before,
            "gone": ends.gone,
            "ends": [[end.at, end.id, end.status, end.duration, end.cause, end.name[:253]] for end in ends.each],
        }
        if success := ends.success:
            value["success"] = [success.at, success.id, success.name[:253], success.provenance.dump()]
        data = json.dumps(value, separators=(",", ":")).encode("ascii")
        if len(data) <= MOST or not ends.each:
            return data
        ends = replace(ends.shortened(len(ends.each) // 2), gone=())


def decode(data: bytes, series: str) -> Ends | UnreadableHistory:
    """What stands there, in whatever state it is."""
    damaged = UnreadableHistory("the history is not that of this series, or is damaged")
    if len(data) > MOST:
        return damaged
    try:
        found = json.loads(data)
        version = found["version"]
        if isinstance(version, int) and version > _VERSION:
            return UnreadableHistory(f"the history is of a newer exitkit (version {version})", keep=True)
        if version != _VERSION or found["series"] != series[:1000]:
            return damaged
        ends = tuple(_end(*one) for one in found["ends"])
        count, before, gone = int(found["count"]), int(found["before"]), tuple(map(str, found["gone"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return damaged
    if before < 0 or count < len(ends) or list(ends) != sorted(ends, key=_place):
        return damaged
    return Ends(ends, before, count, gone, _success(found.get("success")))


def _success(value: Any) -> Success | None:
    """What is kept of the last success; none where it is damaged, which costs no end."""
    try:
        at, identity, name, made_from = value
        return Success(_end(at, identity, "", None, "", name).at, identity, name, Provenance.load(made_from))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def _end(at: object, identity: str, status: str, duration: float | None, cause: str, name: str) -> End:  # noqa: PLR0913, PLR0917 - a row
    """Raises ValueError or TypeError for what is none."""
    texts = (identity, status, cause, name)
    if not isinstance(at, int | float) or not math.isfinite(at) or not all(isinstance(text, str) for text in texts):
        raise ValueError("no end")
    if duration is not None and not (isinstance(duration, int | float) and math.isfinite(duration)):
        raise ValueError("no duration")
    return End(float(at), identity, status, duration, cause, name)
