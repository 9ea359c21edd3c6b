"""Batches of records within a target's limits, and what the target says of one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from exitkit.errors import ActionError
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.text.units import human_size

Items = Sequence[str] | Sequence[bytes]
"""Records as a target wants them: texts, or bytes for a target without a separator."""


def joined(items: Items, separator: str) -> bytes:
    """All of them in one piece; lone surrogates, which UTF-8 cannot hold, as their escapes."""
    if items and isinstance(items[0], bytes):
        return b"".join(cast("Sequence[bytes]", items))
    return separator.join(cast("Sequence[str]", items)).encode("utf-8", "backslashreplace")


class TooLarge(ActionError):
    """The target takes less at a time: the batch is to be sent in halves."""


@dataclass(frozen=True)
class Part:
    """Records of one chunk, each as the target wants it, and all of that in one piece."""

    chunk: Chunk
    items: Items
    blob: bytes

    @property
    def texts(self) -> Sequence[str]:
        """The items, to a target that makes texts."""
        return cast("Sequence[str]", self.items)


@dataclass(frozen=True)
class Batch:
    """What goes with one request. `separator` stands between the items of a part's blob."""

    parts: tuple[Part, ...]
    separator: str = ""

    def __len__(self) -> int:
        return sum(len(one.items) for one in self.parts)

    @property
    def size(self) -> int:
        return sum(len(one.blob) for one in self.parts)

    @property
    def chunks(self) -> Iterator[Chunk]:
        return (one.chunk for one in self.parts)

    def only(self, places: Sequence[int]) -> "Batch":
        """Some of its records, by their places in it, which rise."""
        parts, start, wanted = [], 0, set(places)
        for one in self.parts:
            here = [n for n in range(len(one.items)) if start + n in wanted]
            start += len(one.items)
            if here:
                items = cast("Items", [one.items[n] for n in here])
                parts.append(Part(one.chunk.only(here), items, joined(items, self.separator)))
        return Batch(tuple(parts), self.separator)


@dataclass(frozen=True)
class Answer:
    """What the target said of a batch; each number is the place of a record in it.

    It took all but those it had already, those it refused for good and why, and those it wants `again`, with
    the longest wait it asked for. `unplaced` were refused too, and it did not say which. With an `ack` it has
    what it took only once that acknowledgement has come.
    """

    duplicate: Sequence[int] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)
    again: Mapping[int, str] = field(default_factory=dict)
    after: float | None = None
    unplaced: int = 0
    why: str = ""
    notes: Sequence[str] = ()
    ack: int | None = None


Post = Callable[[Batch], Answer]
"""Sends one batch, once. Raises Retryable where all of it should be sent again, TooLarge where less should."""


class Limits(Protocol):
    """What goes to a target at a time, and in which form; see `exitkit.ship.Ship`."""

    @property
    def most_bytes(self) -> int: ...
    @property
    def most_records(self) -> int: ...
    @property
    def separator(self) -> str: ...
    @property
    def by_source(self) -> bool: ...
    def target(self) -> str: ...
    def encode(self, chunk: Chunk) -> Items: ...


class Packer:
    """Makes batches of chunks, in their order. `refuse` is told of a record that fits in none, and why."""

    def __init__(self, target: Limits, refuse: Callable[[Chunk, str], None]) -> None:
        self.target, self.refuse = target, refuse
        self.parts: list[Part] = []
        self.count = self.size = 0
        self.source = ""

    def batches(self, chunks: Iterable[Chunk]) -> Iterator[Batch]:
        for chunk in chunks:
            if self.parts and self.target.by_source and chunk.source != self.source:
                yield self._flush()
            self.source = chunk.source
            yield from self._add(chunk, self.target.encode(chunk))
        if self.parts:
            yield self._flush()

    def _add(self, chunk: Chunk, items: Items) -> Iterator[Batch]:
        begin = 0
        while begin < len(items):
            end = min(len(items), begin + self.target.most_records - self.count)
            blob = joined(items[begin:end], self.target.separator)
            between = len(self.target.separator) if self.parts else 0
            if self.size + between + len(blob) > self.target.most_bytes:
                if self.parts:  # a fresh batch may hold all of it
                    yield self._flush()
                    continue
                end = begin + self._fitting(items[begin:end])
                if end == begin:
                    size, most = len(joined(items[begin : begin + 1], "")), self.target.most_bytes
                    why = f"a record of {human_size(size)} is larger than {human_size(most)}"
                    self.refuse(chunk.part(begin, begin + 1), why)
                    begin += 1
                    continue
                blob = joined(items[begin:end], self.target.separator)
            whole = end - begin == len(items)
            here = chunk if whole else chunk.part(begin, end)
            self.parts.append(Part(here, items if whole else items[begin:end], blob))
            self.count, self.size, begin = self.count + end - begin, self.size + between + len(blob), end
            if self.count >= self.target.most_records:
                yield self._flush()

    def _fitting(self, items: Items) -> int:
        """How many of the first fit into an empty batch."""
        size = 0
        for number, one in enumerate(items):
            size += len(joined(cast("Items", (one,)), "")) + len(self.target.separator)
            if size - len(self.target.separator) > self.target.most_bytes:
                return number
        return len(items)

    def _flush(self) -> Batch:
        batch = Batch(tuple(self.parts), self.target.separator)
        self.parts, self.count, self.size = [], 0, 0
        return batch
