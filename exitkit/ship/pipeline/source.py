"""A source of records: its name in the counts, how it is read, and what there is to say of it when it was."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from exitkit.context import Context
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import LONGEST, Origin
from exitkit.ship.pipeline.records import end_of, workflow_attributes

_DAY = 24 * 3600
"""Seconds by which the clock or the time zone of who wrote a log may differ from ours."""


def _nothing() -> None:
    pass


@dataclass
class Source:
    """`read` gives its records, once; it may add notes on what is not as it should be, and raises ActionError.

    `size` is in bytes where it is known before; `is_short` that a rehearsal may read it. `finish` is called when
    each of its records has a verdict. `how` tells in the report where it was read from, if there was a choice, and
    `redacted` counts the lines of which a secret was cut out.
    """

    name: str
    read: "Callable[[Source], Iterator[Chunk]]"
    size: int = 0
    is_short: bool = False
    finish: Callable[[], None] = _nothing
    notes: list[str] = field(default_factory=list)
    how: str = ""
    redacted: int = 0

    def chunks(self) -> Iterator[Chunk]:
        return self.read(self)


def origin_of(  # noqa: PLR0913 - what tells one origin from another, by name
    context: Context,
    source: Source,
    node: str,
    container: str = "",
    *,
    longest: int = LONGEST,
    variant: str = "",
    stamped: bool = False,
    attributes: Mapping[str, object],
) -> Origin:
    """Where the lines of a source come from, with the times that they may have; see `Origin`."""
    now = context.deadline.clock.time()

    def redacted(count: int) -> None:
        source.redacted += count

    return Origin(
        context.workflow,
        source.name,
        node,
        container,
        variant=variant,
        time=end_of(context.workflow, now),
        latest=int(now + _DAY) * 10**9,
        stamped=stamped,
        attributes={**workflow_attributes(context.workflow), **attributes},
        longest=longest,
        redacted=redacted,
    )
