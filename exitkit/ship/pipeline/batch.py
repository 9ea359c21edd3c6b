"""Batches of records within a target's limits, and what the target says of one."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from exitkit.errors import ActionError
from exitkit.ship.pipeline.chunk import Chunk

Items = Sequence[str] | Sequence[bytes]
"""Records as a target wants them: texts, or bytes for a target without a separator."""


def joined(items: Items, separator: str) -> bytes:
    """All of them in one piece; lone surrogates, which UTF-8 cannot hold, as their escapes."""
    if items and isinstance(items[0], bytes):
        return b"".join(cast("Sequence[bytes]", items))
    return separator.join(cast("Sequence[str]", items)).encode("utf-8", "backslashreplace")


class BatchRefused(ActionError):
    """The target refuses a batch as a whole, for what is in it, and took nothing of it.

    It is sent again in parts, until what is refused is alone.
    """


class TooLarge(BatchRefused):
    """The target takes less at a time."""


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
        return sum(len(part.items) for part in self.parts)

    @property
    def size(self) -> int:
        return sum(len(part.blob) for part in self.parts)

    @property
    def chunks(self) -> Iterator[Chunk]:
        return (part.chunk for part in self.parts)

    def spans(self) -> Iterator[tuple[Part, int, int]]:
        """Each part with the place of its first record, and that behind its last."""
        begin = 0
        for part in self.parts:
            yield part, begin, begin + len(part.items)
            begin += len(part.items)

    def only(self, places: Sequence[int]) -> "Batch":
        """Some of its records, by their places in it, which rise."""
        parts = []
        for part, begin, end in self.spans():
            here = [place - begin for place in places[bisect_left(places, begin) : bisect_left(places, end)]]
            if here:
                items = cast("Items", [part.items[n] for n in here])
                parts.append(Part(part.chunk.only(here), items, joined(items, self.separator)))
        return Batch(tuple(parts), self.separator)


@dataclass(frozen=True)
class Answer:
    """What the target said of a batch; each number is the place of a record in it.

    It took all but those it had already, those it refused for good and why, and those it wants `again`, with
    the longest wait it asked for, which it may also do where it took all; `slow` says that they came too fast, which is no failure. `unplaced` were refused
    too, and it did not say which. Of the `unknown` it said nothing, and they may have been taken. With an `ack` it
    has what it took only once that acknowledgement has come.
    """

    duplicate: Sequence[int] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)
    again: Mapping[int, str] = field(default_factory=dict)
    after: float | None = None
    unplaced: int = 0
    why: str = ""
    notes: Sequence[str] = ()
    ack: int | None = None
    slow: bool = False
    unknown: Sequence[int] = ()


Post = Callable[[Batch], Answer]
"""Sends one batch, once. Raises Retryable where all of it should be sent again, BatchRefused where parts of it should."""


class BatchSender(ABC):
    """What sends the batches of one run, for a target that has more to say than the answer to each.

    `notes` are read after the last acknowledgement.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []

    @abstractmethod
    def __call__(self, batch: Batch) -> Answer:
        """As a Post; called from several threads where several batches are in flight."""

    def acknowledged(self, acks: Collection[int]) -> Iterator[int]:
        """The acknowledgements that answers spoke of, as they come, after the last batch.

        Raises ActionError when one does not.
        """
        return iter(sorted(acks))
