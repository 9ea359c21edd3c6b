"""The counts of a shipment: for each source, read = accepted + duplicate + rejected + unknown + left."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

# Reasons for refusals come from the target; a hostile one could send a new text each time.
_MOST_REASONS = 5
_MOST_SOURCES = 200
"""Sources that a report lists one by one; those that are not whole come first."""


@dataclass
class SourceCount:
    """What became of the records of one source.

    `unknown` were sent, and no verdict came back; `ended` says that all of it was read, `redacted` how many of its
    lines held a secret, which was cut out of them.
    """

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    unknown: int = 0
    redacted: int = 0
    ended: bool = False
    notes: Sequence[str] = ()
    how: str = ""

    @property
    def left(self) -> int:
        return self.read - self.accepted - self.duplicate - self.rejected - self.unknown

    def doubt(self, count: int) -> None:
        """So many of those without a verdict may have arrived."""
        self.unknown += min(count, self.left)

    @property
    def is_whole(self) -> bool:
        return self.ended and not (self.left or self.rejected or self.unknown or self.notes)


@dataclass
class Counts:
    """The counts of all sources, and in all."""

    sources: dict[str, SourceCount] = field(default_factory=dict)
    complete: bool = False
    """Whether every source was read to its end."""
    failed: list[str] = field(default_factory=list)
    """What could not be read, and why."""
    _reasons: Counter[str] = field(default_factory=Counter)

    def copy(self) -> "Counts":
        """As they are now, by a thread that does not count."""
        sources = {name: replace(count) for name, count in list(self.sources.items())}
        return Counts(sources, complete=False, failed=list(self.failed), _reasons=Counter(self._reasons))

    def begin(self, source: str) -> SourceCount:
        return self.sources.setdefault(source, SourceCount())

    def end(self, source: str, notes: Sequence[str], how: str = "") -> None:
        count = self.sources[source]
        count.ended, count.notes, count.how = True, tuple(notes), how

    def fail(self, source: str, why: str) -> None:
        """It could not be read to its end."""
        count = self.begin(source)
        count.notes = (*count.notes, why)
        self.failed.append(f"{source}: {why}")

    def reject(self, source: str, count: int, reason: str) -> None:
        self.sources[source].rejected += count
        known = reason in self._reasons or len(self._reasons) < _MOST_REASONS
        self._reasons[reason if known else "other"] += count

    def _total(self, what: str) -> int:
        return sum(getattr(count, what) for count in self.sources.values())

    @property
    def read(self) -> int:
        return self._total("read")

    @property
    def accepted(self) -> int:
        return self._total("accepted")

    @property
    def duplicate(self) -> int:
        return self._total("duplicate")

    @property
    def rejected(self) -> int:
        return self._total("rejected")

    @property
    def unknown(self) -> int:
        return self._total("unknown")

    @property
    def left(self) -> int:
        return self._total("left")

    def reasons(self) -> tuple[str, ...]:
        """Why records were refused, each reason once."""
        return tuple(f"{why} ({count} times)" if count > 1 else why for why, count in self._reasons.items())

    def facts(self) -> dict[str, object]:
        ordered = sorted(self.sources.items(), key=lambda pair: pair[1].is_whole)
        open_ends = self.left or self.rejected or self.unknown or self.failed
        redacted = self._total("redacted")
        return {
            "read": self.read,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "unknown": self.unknown,
            "left": self.left,
            "complete": self.complete and not open_ends,
            "redacted": redacted,
            "sources": [_source_facts(name, count) for name, count in ordered[:_MOST_SOURCES]],
        }


def count_of(number: int) -> str:
    """`1 record`, `12 records`."""
    return "1 record" if number == 1 else f"{number} records"


def _source_facts(name: str, count: SourceCount) -> dict[str, object]:
    facts: dict[str, object] = {
        "source": name,
        "read": count.read,
        "accepted": count.accepted,
        "duplicate": count.duplicate,
        "rejected": count.rejected,
        "unknown": count.unknown,
        "left": count.left,
        "whole": count.is_whole,
    }
    facts |= {"redacted": count.redacted} if count.redacted else {}
    facts |= {"how": count.how} if count.how else {}
    return facts | ({"notes": list(count.notes)} if count.notes else {})
