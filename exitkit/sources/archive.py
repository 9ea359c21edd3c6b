"""Logs that Argo archived: `<pod>/<container>.log` below a prefix of the artifact repository.

They are whole, and have no times: https://argo-workflows.readthedocs.io/en/latest/configure-archive-logs/.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from exitkit.chunk import Chunk
from exitkit.clients.store import Store
from exitkit.context import Context
from exitkit.lines import chunks
from exitkit.sources.source import Source, origin_of
from exitkit.sources.tail import beginning


@dataclass(frozen=True)
class Archived:
    """One log, its size in bytes, and whose it is."""

    key: str
    size: int
    pod: str
    container: str


def index(store: Store) -> dict[tuple[str, str], Archived]:
    """Every archived log of the workflow, by pod and container."""
    found = {}
    for key, size in store.entries():
        folder, _, name = key.rpartition("/")
        if name.endswith(".log") and folder:
            one = Archived(key, size, folder.rpartition("/")[2], name.removesuffix(".log"))
            found[one.pod, one.container] = one
    return found


def archived_log(store: Store, one: Archived, tail: int, context: Context) -> Source:
    """Its lines. The id of each is made of its number, and so is not that of the same line from the API."""
    name = f"{one.pod}/{one.container} (archive)"
    return Source(name, partial(read_archived, store, one, tail, context), size=one.size)


def read_archived(store: Store, one: Archived, tail: int, context: Context, source: Source) -> Iterator[Chunk]:
    begin = beginning(partial(store.piece, one.key), one.size, tail) if tail else 0
    variant = f"archive tail={tail}" if tail else "archive"
    origin = origin_of(
        context,
        source.name,
        one.pod,
        one.container,
        variant=variant,
        attributes={"pod": one.pod, "container": one.container},
    )
    return chunks(store.read(one.key, one.size, begin), origin)
