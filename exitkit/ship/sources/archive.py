"""Logs that Argo archived: those that the workflow's nodes name, and `<pod>/<container>.log` below a prefix.

The nodes tell keys of any format. But the controller hears of a pod's log a moment after the pod's end, which for
the one that failed may be after the exit handler began; so what is below the workflow's name is taken as well.
They are whole, and have no times: https://argo-workflows.readthedocs.io/en/latest/configure-archive-logs/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from exitkit.argo.record.archivedlogs import LogKey
from exitkit.clients.objectreader import ObjectReader
from exitkit.context import Context
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import chunks
from exitkit.ship.pipeline.source import Source, origin_of
from exitkit.ship.sources.tail import beginning


@dataclass(frozen=True)
class Archived:
    """One log, its size in bytes, and whose it is."""

    key: str
    size: int
    pod: str
    container: str


Index = dict[tuple[str, str], Archived]
"""Archived logs by pod and container."""


def index(store: ObjectReader) -> Index:
    """Every archived log below the store's prefix."""
    found: Index = {}
    for key, size in store.entries():
        folder, _, name = key.rpartition("/")
        if name.endswith(".log") and folder:
            one = Archived(key, size, folder.rpartition("/")[2], name.removesuffix(".log"))
            found[one.pod, one.container] = one
    return found


def with_keys(store: ObjectReader, found: Index, keys: Sequence[LogKey], owner: str) -> tuple[Index, list[LogKey]]:
    """These, and those that nodes name, under the names that the nodes give; and what is named and is not there."""
    sizes = {one.key: one.size for one in found.values()}
    sizes |= store.sizes([one.key for one in keys if one.key not in sizes], owner)
    named = {one.key for one in keys}
    rest = {place: one for place, one in found.items() if one.key not in named}
    there = [Archived(one.key, sizes[one.key], one.pod, one.container) for one in keys if one.key in sizes]
    return rest | {(one.pod, one.container): one for one in there}, [one for one in keys if one.key not in sizes]


def archived_log(store: ObjectReader, log: Archived, tail: int, context: Context, longest: int) -> Source:
    """Its lines. The id of each is made of its number, and so is not that of the same line from the API."""
    name = f"{log.pod}/{log.container} (archive)"
    return Source(name, partial(read_archived, store, log, tail, context, longest), size=log.size)


def read_archived(  # noqa: PLR0913, PLR0917 - what a source is made of, and the source itself behind it
    store: ObjectReader, log: Archived, tail: int, context: Context, longest: int, source: Source
) -> Iterator[Chunk]:
    begin = beginning(partial(store.piece, log.key), log.size, tail) if tail else 0
    variant = f"archive tail={tail}" if tail else "archive"
    origin = origin_of(
        context,
        source,
        log.pod,
        log.container,
        longest=longest,
        variant=variant,
        attributes={"pod": log.pod, "container": log.container},
    )
    return chunks(store.read(log.key, log.size, begin), origin)
