"""Which records of a source an earlier run of the same exit handler has sent, for targets that cannot tell a second arrival.

There is a receipt for each source, in the state folder. It is written at most once a second and at the end, so that a
run which is killed leaves a second of what it sent to be sent again.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from exitkit.context import Context
from exitkit.receipts import Nowhere, Receipt
from exitkit.ship.pipeline.chunk import Chunk

_EVERY = 1.0  # seconds between two writes of one receipt
_MOST_RANGES = 1000  # of one source; a receipt has room for some 3000


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


class SentLines:
    """One run's; `notes` tell what could not be read or written, which stops nothing."""

    def __init__(self, context: Context, target: str, *, safe: bool) -> None:
        self.context, self.target = context, target
        self.is_on = not (safe or isinstance(context.state, Nowhere))
        self.notes: dict[str, None] = {}
        self._sources: dict[str, _Known] = {}

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
            self._write(source, known, "intent")

    def save(self) -> None:
        """Write what is not written yet."""
        for source, known in self._sources.items():
            if known.now.begins:
                self._write(source, known, "confirmed")

    def _read(self, chunk: Chunk) -> _Known:
        known = _Known(first=_digest(chunk))
        try:
            receipt = self.context.state.read(self._key(chunk.source))
        except OSError as error:
            self.notes[f"what an earlier run has sent cannot be read: {(error.strerror or 'i/o error').lower()}"] = None
            return known
        if receipt is None:
            return known
        facts = receipt.facts
        sent = facts.get("sent")
        if (facts.get("target"), facts.get("first")) != (self.target, known.first) or not isinstance(sent, list):
            self.notes[f"{chunk.source}: an earlier run has sent something else under this name"] = None
            return known
        for pair in sent:
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(place, int) for place in pair):
                known.earlier.add(*pair)
                known.now.add(*pair)
        return known

    def _write(self, source: str, known: _Known, stage: str) -> None:
        clock = self.context.deadline.clock
        known.written = clock.monotonic()
        sent = [list(pair) for pair in zip(known.now.begins, known.now.ends, strict=True)][:_MOST_RANGES]
        facts = {"source": source, "target": self.target, "first": known.first, "sent": sent}
        receipt = Receipt("confirmed" if stage == "confirmed" else "intent", clock.time(), facts)
        try:
            self.context.state.write(self._key(source), receipt)
        except OSError as error:
            why = (error.strerror or "i/o error").lower()
            self.notes[f"what was sent cannot be noted, so that a second run sends it again: {why}"] = None

    def _key(self, source: str) -> str:
        """Of the step's delivery, and of this source."""
        return f"{self.context.delivery}-{hashlib.sha256(source.encode('utf-8', 'replace')).hexdigest()[:26]}"


def _digest(chunk: Chunk) -> str:
    first = f"{chunk.ids[0]}\0{chunk.messages[0]}".encode("utf-8", "backslashreplace")
    return hashlib.sha256(first).hexdigest()[:32]
