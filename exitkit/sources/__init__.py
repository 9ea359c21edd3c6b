"""Where records come from: how the workflow ended, files, standard input, what an earlier run could not ship."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from exitkit.chunk import Chunk
from exitkit.context import Context
from exitkit.records import status_records
from exitkit.sources import dead_letter, files
from exitkit.sources.source import Source

__all__ = ["WORDS", "Source", "Wanted", "check", "sources"]

WORDS = ("status", "stdin", "dead-letter")


class Wanted(Protocol):
    """What is to be shipped; the fields are those of the action."""

    @property
    def from_(self) -> Sequence[str]: ...
    @property
    def tail(self) -> int: ...
    @property
    def dead_letter(self) -> str: ...


def check(name: str) -> str:
    """One name of a source, as it may stand in a plan. Raises ValueError."""
    if name in WORDS:
        return name
    if not name.startswith("/"):
        raise ValueError(f"{name!r} is none of {', '.join(WORDS)}, and no absolute path of files")
    if ".." in name.split("/") or "\0" in name:
        raise ValueError(f"{name!r} holds '..' or a NUL: give the path that is meant")
    return name


def sources(wanted: Wanted, context: Context) -> Iterator[Source]:
    """Those that are asked for: how the workflow ended first, so that it arrives even if the rest does not."""
    for name in sorted(dict.fromkeys(wanted.from_), key=lambda name: name != "status"):
        if name == "status":
            yield Source(name, lambda _: _status(context), is_short=True)
        elif name == "dead-letter":
            yield dead_letter.source(wanted.dead_letter, dry_run=context.dry_run)
        elif name == "stdin":
            yield files.stdin(context)
        else:
            yield from files.matching(name, wanted.tail, context)


def _status(context: Context) -> Iterator[Chunk]:
    for record in status_records(context.workflow, context.deadline.clock.time()):
        yield Chunk.of(record, "status")
