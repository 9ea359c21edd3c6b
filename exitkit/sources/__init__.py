"""Where records come from: how the workflow ended, its pods' logs, files, standard input, what could not be shipped before."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Protocol

from exitkit.chunk import Chunk
from exitkit.clients import kubeaccess
from exitkit.clients.argologs import log_keys
from exitkit.clients.kube import Kube
from exitkit.clients.store import Store
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, Exhausted
from exitkit.records import status_records
from exitkit.sources import archive, dead_letter, files, pods
from exitkit.sources.archive import Index
from exitkit.sources.source import Source

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
    """Those that are asked for: how the workflow ended first, so that it arrives even if the rest does not."""
    names = dict.fromkeys(wanted.from_)
    if "status" in names:
        yield Source("status", lambda _: _status(context), is_short=True)
    if "dead-letter" in names:
        yield dead_letter.source(wanted.dead_letter, dry_run=context.dry_run)
    if "pods" in names or "archive" in names:
        yield from _logs(wanted, context, with_pods="pods" in names, with_archive="archive" in names)
    for name in names:
        if name == "stdin":
            yield files.stdin(context)
        elif name not in WORDS:
            yield from files.matching(name, wanted.tail, context)


def _status(context: Context) -> Iterator[Chunk]:
    for record in status_records(context.workflow, context.deadline.clock.time()):
        yield Chunk.of(record, "status")


def _logs(wanted: Wanted, context: Context, *, with_pods: bool, with_archive: bool) -> Iterator[Source]:
    """What can be found; where one of the two cannot be asked, that is a source that fails, and the other goes on."""
    since = context.deadline.clock.time() - wanted.since if wanted.since else 0.0
    picks = pods.Picks(tuple(wanted.containers), wanted.only == "failed", wanted.tail, since)
    path = str(wanted.kubeconfig) if wanted.kubeconfig else ""
    with ExitStack() as stack:
        kube = stack.enter_context(Kube(partial(kubeaccess.find, path, "", context.deadline.clock)))
        store: Store | None = None
        found: Index = {}
        lacks: list[Source] = []
        if with_archive:
            try:
                store = stack.enter_context(closing(Store(_below(wanted.archive, context), context)))
                found, lacks = _archived(store, kube, wanted, context, is_all=not with_pods)
            except Exhausted:
                raise
            except ActionError as error:
                yield _failing("archive", error)
        try:
            if with_pods:
                yield from pods.sources(kube, picks, context, store, found)
        except Exhausted:
            raise
        except (ActionError, ConfigError) as error:
            yield _failing("pods", error)
            with_pods = False
        if store is not None and not with_pods:
            yield from pods.archived_sources(store, picks, context, found, pods.failed_pods(context))
        yield from lacks


def _archived(
    store: Store, kube: Kube, wanted: Wanted, context: Context, *, is_all: bool
) -> tuple[Index, list[Source]]:
    """The archived logs, and what there is to tell of those that were not found or not looked for.

    With `is_all` they are all that is shipped, so that one that is lost is a failure.
    """
    found = archive.index(store)
    if _has_prefix(wanted.archive):
        return found, []
    try:
        keys = log_keys(kube, context.retry, context.workflow.namespace, context.workflow.name)
    except Exhausted:
        raise
    except (ActionError, ConfigError) as error:
        told = f"only looked for below {store.prefix}, because the workflow's nodes cannot be asked: {error}"
        return found, [_noting("archive", told)]
    keys = [one for one in keys if not wanted.containers or one.container in wanted.containers]
    found, lost = archive.with_keys(store, found, keys, context.workflow.name)
    told = "the workflow names {0.key} as its log, and it is not there"
    if is_all:
        each = ((one, ActionError(told.format(one), reason="client")) for one in lost)
        return found, [_failing(f"{one.pod}/{one.container} (archive)", error) for one, error in each]
    return found, [_noting(f"{one.pod}/{one.container} (archive)", told.format(one)) for one in lost]


def _has_prefix(url: str) -> bool:
    return "/" in url.partition("://")[2].rstrip("/")


def _below(url: str, context: Context) -> str:
    """With Argo's own key format, logs are below the workflow's name."""
    return url if _has_prefix(url) else f"{url.rstrip('/')}/{context.workflow.name}/"


def _noting(name: str, note: str) -> Source:
    def read(source: Source) -> Iterator[Chunk]:
        source.notes.append(note)
        yield from ()

    return Source(name, read, is_short=True)


def _failing(name: str, error: Exception) -> Source:
    def read(_: Source) -> Iterator[Chunk]:
        raise ActionError(str(error), reason=getattr(error, "reason", "client"))

    return Source(name, read)
