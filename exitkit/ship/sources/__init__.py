"""Where records come from: how the workflow ended, its pods' logs, files, standard input, what could not be shipped before."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from exitkit.context import Context
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.records import status_records
from exitkit.ship.pipeline.source import Source

__all__ = ["WORDS", "Source", "Wanted", "check", "check_archive", "sources"]

WORDS = ("status", "pods", "archive", "stdin", "dead-letter")
_ARCHIVE = re.compile(r"(s3|gs)://[A-Za-z0-9][A-Za-z0-9._-]{1,254}(/.+)?")


class Wanted(Protocol):
    """What is to be shipped; the fields are those of the action."""

    @property
    def from_(self) -> Sequence[str]: ...
    @property
    def tail(self) -> int: ...
    @property
    def since(self) -> float: ...
    @property
    def only(self) -> str: ...
    @property
    def containers(self) -> Sequence[str]: ...
    @property
    def kubeconfig(self) -> Path | None: ...
    @property
    def archive(self) -> str: ...
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


def check_archive(url: str) -> str:
    """The artifact repository, or nothing. Raises ValueError."""
    if url and not _ARCHIVE.fullmatch(url):
        raise ValueError("is s3://bucket or gs://bucket, with a prefix if the workflow's logs are not below its name")
    return url


def sources(wanted: Wanted, context: Context) -> Iterator[Source]:
    """Those that are asked for: how the workflow ended first, so that it arrives even if the rest does not.

    Each is loaded where it is asked for: the clients of Kubernetes and of archives take a tenth of a start.
    """
    names = dict.fromkeys(wanted.from_)
    if "status" in names:
        yield Source("status", lambda _: _status(context), is_short=True)
    if "dead-letter" in names:
        from exitkit.ship.sources import deadletter

        yield deadletter.source(wanted.dead_letter, dry_run=context.dry_run)
    if "pods" in names or "archive" in names:
        from exitkit.ship.sources import workflowlogs

        yield from workflowlogs.sources(wanted, context, with_pods="pods" in names, with_archive="archive" in names)
    for name in names:
        if name == "stdin" or name not in WORDS:
            from exitkit.ship.sources import files

            yield from files.sources(name, wanted.tail, context)


def _status(context: Context) -> Iterator[Chunk]:
    for record in status_records(context.workflow, context.deadline.clock.time()):
        yield Chunk.of(record, "status")
