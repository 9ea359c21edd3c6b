"""Logs of the workflow's pods, by the Kubernetes API; and where the archive has more of one, from there.

The API tells times and forgets: a node keeps the newest 10 MiB or so of a container, and nothing once the pod is
gone. The archive is whole and tells no times. So where both have a log, the fuller one is shipped, and of two that
are alike the one with times.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO

from exitkit.clients.kubernetes import Kube, logs
from exitkit.clients.kubernetes.logs import Container, Log, Pod
from exitkit.clients.objectreader import ObjectReader
from exitkit.context import Context
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import LONGEST, PIECE, Origin, chunks
from exitkit.ship.pipeline.source import Source, origin_of
from exitkit.ship.sources.archive import Archived, archived_log, read_archived
from exitkit.ship.sources.resumedlog import ResumedLog
from exitkit.text.units import human_size

_LABEL = "workflows.argoproj.io/workflow"
_ROTATED = 8 << 20
"""Bytes from which on a node may have thrown the beginning away: kubelet's containerLogMaxSize is 10 Mi by default."""
_SPOOLED = 64 << 20
"""Bytes of an archived log up to which it is compared with the node's; a larger one no node keeps whole."""


@dataclass(frozen=True)
class Picks:
    """Which logs: of `containers`, or of all if there are none; only of `failed` pods; `since` is in Unix seconds.

    `longest` is how many bytes of a line go into one record.
    """

    containers: Sequence[str] = ()
    failed: bool = False
    tail: int = 0
    since: float = 0.0
    longest: int = LONGEST


def sources(
    kube: Kube, picks: Picks, context: Context, store: ObjectReader | None, archived: Mapping[tuple[str, str], Archived]
) -> Iterator[Source]:
    """Each log once: those of failed pods first, then the others, then what only the archive has."""
    workflow = context.workflow
    selector = f"{_LABEL}={workflow.name}"
    pods = [one for one in logs.pods(kube, context.retry, workflow.namespace, selector) if not _is_own(one, context)]
    bad = failed_pods(context) | {one.name for one in pods if _has_failed(one)}
    rest = dict(archived)
    for pod in sorted(pods, key=lambda one: (one.name not in bad, one.name)):
        for one in (*pod.init_containers, *pod.containers):
            if not _takes(picks, one.name) or (picks.failed and pod.name not in bad) or one.state == "waiting":
                continue
            other = rest.pop((pod.name, one.name), None)
            reader = _Reader(kube, picks, context, pod, one)
            if one.restarts:
                yield Source(f"{pod.name}/{one.name} (before its restart)", partial(reader.read, previous=True))
            if other is not None and store is not None:
                yield Source(f"{pod.name}/{one.name}", partial(_fuller, reader, store, other), size=other.size)
            else:
                yield Source(f"{pod.name}/{one.name}", reader.read)
    if store is not None:
        yield from archived_sources(store, picks, context, rest, bad)


def archived_sources(
    store: ObjectReader, picks: Picks, context: Context, found: Mapping[tuple[str, str], Archived], bad: set[str]
) -> Iterator[Source]:
    """What the archive has, failed pods first."""
    for one in sorted(found.values(), key=lambda one: (one.pod not in bad, one.key)):
        if _takes(picks, one.container) and not (picks.failed and one.pod not in bad):
            yield archived_log(store, one, picks.tail, context, picks.longest)


def failed_pods(context: Context) -> set[str]:
    """Those that the workflow names among its failures."""
    return {one.pod_name for one in context.workflow.failures if one.pod_name}


def _is_own(pod: Pod, context: Context) -> bool:
    workflow = context.workflow
    return pod.name == workflow.pod_name or bool(pod.node_id and pod.node_id == workflow.node_id)


def _has_failed(pod: Pod) -> bool:
    return pod.phase == "Failed" or any(one.name == "main" and one.exit_code for one in pod.containers)


def _takes(picks: Picks, container: str) -> bool:
    return not picks.containers or container in picks.containers


class _Reader:
    """The log of one container, by the API."""

    def __init__(self, kube: Kube, picks: Picks, context: Context, pod: Pod, container: Container) -> None:
        self.kube, self.picks, self.context, self.pod, self.container = kube, picks, context, pod, container

    def read(self, source: Source, *, previous: bool = False) -> Iterator[Chunk]:
        first = 0
        size = 0
        for chunk in chunks(self.pieces(source, previous=previous), self.origin(source, previous=previous)):
            first = first or chunk.times[0]
            size += sum(map(len, chunk.messages))
            yield chunk
        started = self.container.started
        whole = not (self.picks.tail or self.picks.since or previous)
        if whole and started and size >= _ROTATED and first / 1e9 > started + 5:
            source.notes.append("its beginning may be gone: a node keeps only the newest part of a long log")

    def pieces(self, source: Source, *, previous: bool = False) -> Iterator[bytes]:
        """All that the node gives, in whole lines; after a broken connection from the time on at which it broke off."""
        reading = ResumedLog(partial(self._opened, previous=previous), self.picks.since, self.picks.tail)
        yield from reading.pieces()
        source.notes += reading.notes

    def _opened(self, since: float, tail: int, *, previous: bool) -> Log:
        workflow = self.context.workflow
        ask = partial(
            logs.logs,
            self.kube,
            workflow.namespace,
            self.pod.name,
            self.container.name,
            deadline=self.context.deadline,
            most=1 << 50,
            since=datetime.fromtimestamp(since, UTC) if since else None,
            tail_lines=tail or None,
            previous=previous,
            timestamps=True,
        )
        return self.context.retry(ask, safe=True)

    def origin(self, source: Source, *, previous: bool = False) -> Origin:
        picks = self.picks
        variant = " ".join(
            part
            for part in (
                "previous" if previous else "",
                f"tail={picks.tail}" if picks.tail else "",
                f"since={picks.since:.0f}" if picks.since else "",
            )
            if part
        )
        names = {"pod": self.pod.name, "container": self.container.name, "node": self.pod.node_name}
        told = {key: value for key, value in names.items() if value}
        node = self.pod.node_id or self.pod.name
        return origin_of(
            self.context,
            source,
            node,
            self.container.name,
            longest=picks.longest,
            variant=variant,
            stamped=True,
            attributes=told,
        )


def _fuller(reader: _Reader, store: ObjectReader, other: Archived, source: Source) -> Iterator[Chunk]:
    """From the API or from the archive, whichever has more; `how` tells which, and why."""
    if reader.picks.tail or reader.picks.since:  # the end is in both, and the API tells times
        yield from reader.read(source)
        return
    had = f"at most {human_size(_SPOOLED)}"
    if other.size <= _SPOOLED:
        try:
            with tempfile.TemporaryFile() as file:
                own = _spooled(reader.pieces(source), file)
                if own and own + 1 >= other.size:  # the last line may lack its end in either
                    file.seek(0)
                    source.how = "api"
                    yield from chunks(iter(partial(file.read, PIECE), b""), reader.origin(source))
                    return
            had = human_size(own)
        except OSError as error:
            if source.how:  # some of it is on its way already
                raise
            had = f"an unknown size, as it cannot be put aside: {(error.strerror or 'i/o error').lower()}"
    source.notes.clear()  # what the API lacked does not matter any more
    source.how = f"archive: it has {human_size(other.size)}, and the node {had}"
    yield from read_archived(store, other, 0, reader.context, reader.picks.longest, source)


def _spooled(pieces: Iterator[bytes], file: IO[bytes]) -> int:
    """Put a log with its times into a file; how many bytes it has without them."""
    size, rest = 0, b""
    for piece in pieces:
        file.write(piece)
        *lines, rest = (rest + piece).split(b"\n")
        size += sum(len(line.partition(b" ")[2]) + 1 for line in lines)
    return size + len(rest.partition(b" ")[2])
