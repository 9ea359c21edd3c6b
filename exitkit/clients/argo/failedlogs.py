"""The log of a step that failed: by the Kubernetes API, else from Argo's archive; of a long one the end first."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from exitkit.argo.failures import Failure
from exitkit.argo.record import WorkflowRecord
from exitkit.argo.record.archivedlogs import log_keys, repository
from exitkit.clients.kubernetes import Kube, find, logs
from exitkit.clients.objectreader import ObjectReader
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.logreader import LogPart
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline

FIRST: Final = 2 << 20
"""Bytes that are read to see whether a log is long; most are not."""

END: Final = 8 << 20
"""Bytes from the end of a longer one, which is read next, as most of what says why stands there."""

BEGINNING: Final = 24 << 20
"""Bytes from its beginning, read last. A node keeps the newest 10 MiB of a container's by default (containerLogMaxSize)."""

_LAST: Final = (20_000, 1000, 50)
"""Lines of the end that a node is asked for, fewer where these are longer than `END`: it cuts what it gives at the end."""

_RIGHT: Final = "; the account may not get pods/log, which the rights level `pod-logs` of deploy/ allows"

Parts = Iterator[LogPart]


def by_kubernetes(
    namespace: str, failure: Failure, environ: Mapping[str, str], deadline: Deadline, account: Path = find.ACCOUNT
) -> Parts:
    """The log as it is by now; nothing where the pod is gone or never began. Raises ActionError and ConfigError."""
    pod, container = failure.log
    retry = Retry(deadline=deadline)
    access = partial(find.find, "", "", deadline.clock, environ=environ, account=account)
    with Kube(access) as kube:

        def ask(most: int, tail_lines: int | None = None) -> logs.Log:
            log = partial(logs.logs, kube, namespace, pod, container, deadline=deadline)
            return retry(partial(log, most=most, tail_lines=tail_lines), safe=True)

        try:
            first = ask(FIRST)
        except ActionError as error:
            if error.reason == "client":
                return
            if error.reason != "auth":
                raise
            problem = f"{error}{_RIGHT}"
        else:
            yield from _parts(first, ask)
            return
    raise ActionError(problem, reason="auth")


def _parts(first: logs.Log, ask: Callable[..., logs.Log]) -> Parts:
    """The log if it is short; of a long one what its beginning is like, its end, and as much as may be from its beginning."""
    pieces = iter(first)
    piece = next(pieces, None)
    if piece is None:
        return
    yield _part(first, itertools.chain([piece], pieces))
    if not first.cut:
        return
    for count in _LAST:
        end = ask(END, count)
        yield LogPart(end, is_end=True)
        if not end.cut:
            break
    beginning = ask(BEGINNING)
    yield _part(beginning, beginning)


def _part(log: logs.Log, pieces: Iterable[bytes]) -> LogPart:
    return LogPart(pieces, is_cut=lambda: bool(log.cut))


def by_archive(record: WorkflowRecord, failure: Failure, context: Context, deadline: Deadline) -> Parts:
    """The log that Argo archived, where the record tells; nothing where there is none. Raises ActionError and ConfigError.

    The controller hears of it a moment after the pod's end, so that it is looked for under Argo's own name as well.
    """
    kept = repository(record)
    if kept is None:
        return
    pod, container = failure.log
    own = f"{record.name}/{pod}/{container}.log"
    key = next((found.key for found in log_keys(record) if (found.pod, found.container) == failure.log), own)
    store = ObjectReader.of(kept, replace(context, retry=Retry(deadline=deadline)))
    try:
        size = store.sizes([key], "").get(key, 0)
        if size > FIRST:
            yield LogPart(store.read(key, size, max(0, size - END)), is_end=True)
        if size:
            yield LogPart(store.read(key, min(size, BEGINNING)), is_cut=lambda: size > BEGINNING)
    finally:
        store.close()
