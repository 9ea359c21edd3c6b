"""A source of records: its name in the counts, how it is read, and what there is to say of it when it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from exitkit.chunk import Chunk


def _nothing() -> None:
    pass


@dataclass
class Source:
    """`read` gives its records, once; it may add notes on what is not as it should be, and raises ActionError.

    `size` is in bytes where it is known before; `is_short` that a rehearsal may read it. `finish` is called when
    each of its records has a verdict. `how` tells in the report where it was read from, if there was a choice.
    """

    name: str
    read: "Callable[[Source], Iterator[Chunk]]"
    size: int = 0
    is_short: bool = False
    finish: Callable[[], None] = _nothing
    notes: list[str] = field(default_factory=list)
    how: str = ""

    def chunks(self) -> Iterator[Chunk]:
        return self.read(self)
