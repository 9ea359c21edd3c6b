"""The proof of a shipment: for each source, read = accepted + duplicate + rejected + left."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# Reasons for refusals come from the target; a hostile one could send a new text each time.
_MOST_REASONS = 5
_MOST_SOURCES = 200
"""Sources that a report lists one by one; those that are not whole come first."""


@dataclass
class Count:
    """What became of the records of one source; `ended` says that all of it was read."""

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    ended: bool = False
    notes: Sequence[str] = ()
    how: str = ""

    @property
    def left(self) -> int:
        return self.read - self.accepted - self.duplicate - self.rejected

    @property
    def is_whole(self) -> bool:
        return self.ended and not (self.left or self.rejected or self.notes)


@dataclass
class Proof:
    """The counts of all sources, and in all."""

    sources: dict[str, Count] = field(default_factory=dict)
    complete: bool = False
    """Whether every source was read to its end."""
    failed: list[str] = field(default_factory=list)
    """What could not be read, and why."""
    _reasons: Counter[str] = field(default_factory=Counter)

    def begin(self, source: str) -> None:
        self.sources.setdefault(source, Count())

    def take(self, source: str, count: int) -> None:
        self.sources[source].read += count

    def end(self, source: str, notes: Sequence[str], how: str = "") -> None:
        one = self.sources[source]
        one.ended, one.notes, one.how = True, tuple(notes), how

    def fail(self, source: str, why: str) -> None:
        self.sources[source].notes = (why,)
        self.failed.append(f"{source}: {why}")

    def settle(self, source: str, accepted: int, duplicate: int) -> None:
        self.sources[source].accepted += accepted
        self.sources[source].duplicate += duplicate

    def reject(self, source: str, count: int, reason: str) -> None:
        self.sources[source].rejected += count
        known = reason in self._reasons or len(self._reasons) < _MOST_REASONS
        self._reasons[reason if known else "other"] += count

    @property
    def read(self) -> int:
        return sum(one.read for one in self.sources.values())

    @property
    def accepted(self) -> int:
        return sum(one.accepted for one in self.sources.values())

    @property
    def duplicate(self) -> int:
        return sum(one.duplicate for one in self.sources.values())

    @property
    def rejected(self) -> int:
        return sum(one.rejected for one in self.sources.values())

    @property
    def left(self) -> int:
        return self.read - self.accepted - self.duplicate - self.rejected

    def reasons(self) -> tuple[str, ...]:
        """Why records were refused, each reason once."""
        return tuple(f"{why} ({count} times)" if count > 1 else why for why, count in self._reasons.items())

    def facts(self) -> dict[str, object]:
        ordered = sorted(self.sources.items(), key=lambda one: one[1].is_whole)
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "left": self.left,
            "complete": self.complete and not (self.left or self.rejected or self.failed),
            "sources": [_told(name, count) for name, count in ordered[:_MOST_SOURCES]],
        }


def count_of(number: int) -> str:
    """`1 record`, `12 records`."""
    return "1 record" if number == 1 else f"{number} records"


def _told(name: str, count: Count) -> dict[str, object]:
    told: dict[str, object] = {
        "source": name,
        "read": count.read,
        "accepted": count.accepted,
        "duplicate": count.duplicate,
        "rejected": count.rejected,
        "left": count.left,
        "whole": count.is_whole,
    }
    return told | ({"how": count.how} if count.how else {}) | ({"notes": list(count.notes)} if count.notes else {})
