"""The log of a step that failed: by the Kubernetes API, else from Argo's archive; as much of it as says why."""

from collections.abc import Iterator, Mapping
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
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline

BEGINNING: Final = 24 << 20
"""Bytes from a log's beginning. A node keeps the newest 10 MiB of a container's by default (containerLogMaxSize)."""

END: Final = 8 << 20
"""Bytes from the end of a longer one, where most of what says why stands."""

_LAST: Final = 20_000  # lines of the end that a node is asked for
_RIGHT: Final = "; the account may not get pods/log, which the rights level `pod-logs` of deploy/ allows"

Pieces = Iterator[bytes | None]
"""A log in pieces, and None where some of it is left out, after which nobody knows the lines' numbers."""


def by_kubernetes(
    namespace: str, failure: Failure, environ: Mapping[str, str], deadline: Deadline, account: Path = find.ACCOUNT
) -> Pieces:
    """The log as it is by now; nothing where the pod is gone or never began. Raises ActionError and ConfigError."""
    pod, container = failure.log
    retry = Retry(deadline=deadline)
    access = partial(find.find, "", "", deadline.clock, environ=environ, account=account)
    with Kube(access) as kube:
        ask = partial(logs.logs, kube, namespace, pod, container, deadline=deadline)
        try:
            log = retry(partial(ask, most=BEGINNING), safe=True)
        except ActionError as error:
            if error.reason == "client":
                return
            if error.reason != "auth":
                raise
            problem = f"{error}{_RIGHT}"
        else:
            size = 0
            for piece in log:
                size += len(piece)
                yield piece
            if size >= BEGINNING:
                yield None
                yield from retry(partial(ask, most=END, tail_lines=_LAST), safe=True)
            return
    raise ActionError(problem, reason="auth")


def by_archive(record: WorkflowRecord, failure: Failure, context: Context, deadline: Deadline) -> Pieces:
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
        yield from store.read(key, min(size, BEGINNING))
        if size > BEGINNING:
            yield None
            yield from store.read(key, size, max(BEGINNING, size - END))
    finally:
        store.close()
