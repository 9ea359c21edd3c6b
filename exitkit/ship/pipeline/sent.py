"""Which records of a source an earlier run of the same exit handler has sent, for targets that cannot tell a second arrival.

There is a receipt for the step, by which one of two runs at once waits for the other, and beside it a list for each
source. That is written at most once a second and at the end, so that a run which is killed leaves a second of what it
sent to be sent again, and the next one says so.
"""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exitkit.context import Context
from exitkit.ship.pipeline.chunk import Chunk

if TYPE_CHECKING:
    from exitkit.store.claim import Claim

_EVERY = 1.0  # seconds between two writes of one receipt
_MOST_RANGES = 1000  # of one source; a value has room for some 3000
_VERSION = 1
_KILLED = "an earlier run was ended while it shipped: what it sent in its last second may be there twice"


@dataclass
class _Ranges:
    """Places of a source's records, as ranges that rise and do not touch."""

    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, begin: int, end: int) -> None:
        first, last = bisect_left(self.ends, begin), bisect_right(self.begins, end)
        if first < last:
            begin, end = min(begin, self.begins[first]), max(end, self.ends[last - 1])
        self.begins[first:last], self.ends[first:last] = [begin], [end]

    def gaps(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """What of this is in no range."""
        for number in range(bisect_right(self.ends, begin), len(self.ends)):
            if self.begins[number] >= end:
                break
            if self.begins[number] > begin:
                yield begin, self.begins[number]
            begin = self.ends[number]
        if begin < end:
            yield begin, end


@dataclass
class _Known:
    """What is known of one source; `first` tells its first record from another's."""

    earlier: _Ranges = field(default_factory=_Ranges)
    now: _Ranges = field(default_factory=_Ranges)
    first: str = ""
    written: float = float("-inf")
    version: str = ""  # of the value in the store


class SentLines:
    """One run's; `notes` tell what could not be read or written, which stops nothing."""

    def __init__(self, context: Context, target: str, *, safe: bool) -> None:
        self.context, self.target = context, target
        self.is_on = not safe and context.state is not None
        self.notes: dict[str, None] = {}
        self._claim: Claim | None = None
        self._sources: dict[str, _Known] = {}

    def begin(self) -> None:
        """Wait for another run that ships the same at the moment. Raises Unknown where it goes on for too long."""
        if not self.is_on or self.context.state is None:
            return
        from exitkit.store.claim import Claim

        claim = Claim(self.context.state, self.context.deadline, self.context.delivery)
        try:
            claim.take(self.context.deadline.remaining() / 2)
        finally:
            self.notes.update(dict.fromkeys(claim.notes))
        if claim.receipt is not None and claim.receipt.stage == "intent":
            self.notes[_KILLED] = None
        self._claim = claim

    def fresh(self, chunk: Chunk) -> Iterator[Chunk]:
        """Those of the records that no earlier run has sent."""
        if not self.is_on:
            yield chunk
            return
        if chunk.begin == 0 or chunk.source not in self._sources:
            self._sources[chunk.source] = self._read(chunk)
        begin, end = chunk.begin, chunk.begin + len(chunk)
        for first, last in self._sources[chunk.source].earlier.gaps(begin, end):
            yield chunk if last - first == len(chunk) else chunk.part(first - begin, last - begin)

    def add(self, source: str, begin: int, end: int) -> None:
        """The records at these places have been sent."""
        if not self.is_on or begin >= end:
            return
        known = self._sources[source]
        known.now.add(begin, end)
        if self.context.deadline.clock.monotonic() - known.written >= _EVERY:
            self._write(source, known)

    def save(self) -> None:
        """Write what is not written yet, and let others have it."""
        for source, known in self._sources.items():
            if known.now.begins:
                self._write(source, known)
        if self._claim is not None:
            self._claim.write("confirmed", {"target": self.target, "sources": len(self._sources)}, over=True)
            self.notes.update(dict.fromkeys(self._claim.notes))

    def _read(self, chunk: Chunk) -> _Known:
        from exitkit.store.bounded import StoreFailure

        known = _Known(first=_digest(chunk))
        assert self.context.state is not None
        try:
            value = self.context.state.get(self.context.deadline, self._key(chunk.source))
        except StoreFailure as failure:
            self.notes[f"what an earlier run has sent cannot be read: {failure}"] = None
            return known
        if value is None:
            return known
        known.version = value.version
        ranges = self._ranges(value.data, known.first)
        if ranges is None:
            self.notes[f"{chunk.source}: an earlier run has sent something else under this name"] = None
        for begin, end in ranges or ():
            known.earlier.add(begin, end)
            known.now.add(begin, end)
        return known

    def _ranges(self, data: bytes, first: str) -> list[tuple[int, int]] | None:
        """What was sent; None where this tells of another source, or of nothing that can be read."""
        try:
            found = json.loads(data)
            if [found[name] for name in ("version", "target", "first")] != [_VERSION, self.target, first]:
                return None
            ranges = [(begin, end) for begin, end in found["sent"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        right = all(isinstance(place, int) for pair in ranges for place in pair)
        return ranges if right and all(0 <= begin < end for begin, end in ranges) else None

    def _write(self, source: str, known: _Known) -> None:
        from exitkit.store.bounded import StoreFailure

        known.written = self.context.deadline.clock.monotonic()
        sent = list(zip(known.now.begins, known.now.ends, strict=True))[:_MOST_RANGES]
        value = {
            "version": _VERSION,
            "source": source[:1000],
            "target": self.target,
            "first": known.first,
            "sent": sent,
        }
        assert self.context.state is not None
        try:
            data = json.dumps(value).encode("ascii")
            known.version = self.context.state.overwrite(self.context.deadline, self._key(source), data, known.version)
        except StoreFailure as failure:
            self.notes[f"what was sent cannot be noted, so that a second run sends it again: {failure}"] = None

    def _key(self, source: str) -> str:
        """Of the step's delivery, and of this source."""
        return f"sent.{self.context.delivery}-{hashlib.sha256(source.encode('utf-8', 'replace')).hexdigest()[:26]}"


def _digest(chunk: Chunk) -> str:
    first = f"{chunk.ids[0]}\0{chunk.messages[0]}".encode("utf-8", "backslashreplace")
    return hashlib.sha256(first).hexdigest()[:32]
