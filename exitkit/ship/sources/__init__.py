"""Where records come from: how the workflow ended, its pods' logs, files, standard input, what could not be shipped before."""

from collections.abc import Iterator
from dataclasses import dataclass

from exitkit.context import Context
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import LONGEST
from exitkit.ship.pipeline.records import status_records
from exitkit.ship.pipeline.source import Source
from exitkit.ship.sources.selection import WORDS, Selection

__all__ = ["WORDS", "Selection", "ShippedTo", "Source", "sources"]


@dataclass(frozen=True)
class ShippedTo:
    """What sources have to know of the target: its name, its dead letters, the bytes of a line that it takes.

    `resends` says whether a second arrival does no harm, or is asked for.
    """

    name: str = ""
    dead_letter: str = ""
    longest: int = LONGEST
    resends: bool = False


def sources(selection: Selection, context: Context, target: ShippedTo = ShippedTo()) -> Iterator[Source]:
    """Those that are asked for: how the workflow ended first, so that it arrives even if the rest does not.

    Each is loaded where it is asked for: the clients of Kubernetes and of archives take a tenth of a start.
    """
    names = dict.fromkeys(selection.from_)
    if "status" in names:
        yield Source("status", lambda _: _status(context), is_short=True)
    if "dead-letter" in names:
        from exitkit.ship.sources import deadletter

        own = target.name if selection.dead_letters == "own" else ""
        resends = target.resends or not own
        yield deadletter.source(target.dead_letter, own, resends=resends, dry_run=context.dry_run)
    if "pods" in names or "archive" in names:
        from exitkit.ship.sources import workflowlogs

        yield from workflowlogs.sources(selection, context, target.longest)
    for name in names:
        if name == "stdin" or name not in WORDS:
            from exitkit.ship.sources import files

            yield from files.sources(name, selection.tail, context, target.longest)


def _status(context: Context) -> Iterator[Chunk]:
    for record in status_records(context.workflow, context.deadline.clock.time()):
        yield Chunk.of(record, "status")
