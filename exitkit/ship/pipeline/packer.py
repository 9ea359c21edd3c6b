"""Chunks packed into batches within a target's limits, in their order."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

from exitkit.ship.pipeline.batch import Batch, Items, Part, joined
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.target import Encode, Target
from exitkit.text.units import human_size


class Packer:
    """Makes batches of chunks, in their order. `refuse` is told of a record that fits in none, and why."""

    def __init__(self, target: Target, encode: Encode, refuse: Callable[[Chunk, str], None]) -> None:
        self.target, self.encode, self.refuse = target, encode, refuse
        self.most_bytes, self.most_records = target.limits()
        self.longest = self.most_bytes  # of one record; a batch may have learnt to be shorter than that
        self.parts: list[Part] = []
        self.count = self.size = 0
        self._together: object = None

    def shrink(self, size: int) -> None:
        """Make batches of so many bytes at most from now on; the target takes no more."""
        self.most_bytes = max(1, min(self.most_bytes, size))

    def batches(self, chunks: Iterable[Chunk]) -> Iterator[Batch]:
        for chunk in chunks:
            together = self.target.together(chunk)
            if self.parts and together != self._together:
                yield self._flush()
            self._together = together
            yield from self._add(chunk, self.encode(chunk))
        if self.parts:
            yield self._flush()

    def _add(self, chunk: Chunk, items: Items) -> Iterator[Batch]:
        begin = 0
        while begin < len(items):
            end = min(len(items), begin + self.most_records - self.count)
            blob = joined(items[begin:end], self.target.separator)
            between = len(self.target.separator) if self.parts else 0
            if self.size + between + len(blob) > self.most_bytes:
                if self.parts:  # a fresh batch may hold all of it
                    yield self._flush()
                    continue
                end = begin + self._fitting(items[begin:end])
                if end == begin:
                    end += 1
                    size = len(joined(items[begin:end], ""))
                    if size > self.longest:
                        why = f"a record of {human_size(size)} is larger than {human_size(self.longest)}"
                        self.refuse(chunk.part(begin, end), why)
                        begin = end
                        continue
                blob = joined(items[begin:end], self.target.separator)
            whole = end - begin == len(items)
            here = chunk if whole else chunk.part(begin, end)
            self.parts.append(Part(here, items if whole else items[begin:end], blob))
            self.count, self.size, begin = self.count + end - begin, self.size + between + len(blob), end
            if self.count >= self.most_records or self.size > self.most_bytes:
                yield self._flush()

    def _fitting(self, items: Items) -> int:
        """How many of the first fit into an empty batch."""
        size = 0
        for number, item in enumerate(items):
            size += len(joined(cast("Items", (item,)), "")) + len(self.target.separator)
            if size - len(self.target.separator) > self.most_bytes:
                return number
        return len(items)

    def _flush(self) -> Batch:
        batch = Batch(tuple(self.parts), self.target.separator)
        self.parts, self.count, self.size = [], 0, 0
        return batch
