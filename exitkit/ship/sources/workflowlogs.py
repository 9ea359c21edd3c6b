"""The logs of the workflow's containers, from the Kubernetes API and from Argo's archive."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import cached_property, partial

from exitkit.argo.record import WorkflowRecord
from exitkit.argo.record.archivedlogs import log_keys, repository
from exitkit.clients.argo import record as reading
from exitkit.clients.kubernetes import Kube, find
from exitkit.clients.objectreader import ObjectReader
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, Exhausted
from exitkit.recordreader import NoRecords
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.source import Source
from exitkit.ship.sources import archive, pods
from exitkit.ship.sources.archive import Index
from exitkit.ship.sources.selection import Selection


def sources(wanted: Selection, context: Context, longest: int) -> Iterator[Source]:
    """What can be found; where one of the two cannot be asked, that is a source that fails, and the other goes on.

    `longest` is how many bytes of a line go into one record.
    """
    with_pods, with_archive = "pods" in wanted.from_, "archive" in wanted.from_
    since = context.deadline.clock.time() - wanted.since if wanted.since else 0.0
    picks = pods.Picks(tuple(wanted.containers), wanted.only == "failed", wanted.tail, since, longest)
    path = str(wanted.kubeconfig) if wanted.kubeconfig else ""
    with ExitStack() as stack:
        kube = stack.enter_context(Kube(partial(find.find, path, "", context.deadline.clock)))
        store: ObjectReader | None = None
        found: Index = {}
        lacks: list[Source] = []
        if with_archive:
            try:
                recorded = _Recorded(kube, wanted, context)
                store = stack.enter_context(closing(_opened(wanted, context, recorded)))
                found, lacks = _archived(store, recorded, wanted, context, is_all=not with_pods)
            except Exhausted:
                raise
            except (ActionError, ConfigError) as error:
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


class _Recorded:
    """The workflow's record, asked for where it is first needed: the run's, or by the cluster that the step names."""

    def __init__(self, kube: Kube, wanted: Selection, context: Context) -> None:
        self.kube, self.wanted, self.context = kube, wanted, context

    @cached_property
    def record(self) -> WorkflowRecord:
        """Raises ActionError and ConfigError where it cannot be read, also where its nodes cannot."""
        context = self.context
        is_runs = not self.wanted.kubeconfig and not isinstance(context.records, NoRecords)
        record = context.record(needed=True) if is_runs else None
        if record is None and is_runs and "ARGO_SERVER" in os.environ:
            raise ActionError(context.records.note or "it did not come in time", reason="client")
        if record is None:  # a cluster that is only busy or restarts is waited for as long as the step may take
            record = reading.by_kube(self.kube, context.retry, context.workflow)
        if record.notes:
            raise ActionError("; ".join(record.notes), reason="client")
        return record


def _opened(wanted: Selection, context: Context, recorded: _Recorded) -> ObjectReader:
    """The repository that the step names, else the workflow's own. Raises ActionError and ConfigError."""
    if wanted.archive:
        return ObjectReader(_below(wanted.archive, context), context)
    try:
        own = repository(recorded.record)
    except Exhausted:
        raise
    except (ActionError, ConfigError) as error:
        told = "give archive, for the workflow's record, which would name it, cannot be read"
        raise ActionError(f"{told}: {error}", reason="client") from None
    if own is None:
        raise ActionError(
            "the workflow's record names no bucket of S3 or Google Cloud Storage: give archive", reason="client"
        )
    return ObjectReader.of(own, context, f"{context.workflow.name}/")


def _archived(
    store: ObjectReader, recorded: _Recorded, wanted: Selection, context: Context, *, is_all: bool
) -> tuple[Index, list[Source]]:
    """The archived logs, and what there is to tell of those that were not found or not looked for.

    With `is_all` they are all that is shipped, so that one that is lost is a failure.
    """
    found = archive.index(store)
    if _has_prefix(wanted.archive):
        return found, []
    try:
        keys = log_keys(recorded.record)
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
