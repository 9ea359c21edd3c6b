"""The log of a step that failed, by the Kubernetes API: as much of it as says why."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from exitkit.argo.failures import Failure
from exitkit.clients.kubernetes import Kube, find, logs
from exitkit.errors import ActionError
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline

MOST: Final = 24 << 20
"""Bytes of a log that are looked at. A node keeps the newest 10 MiB of a container's by default (containerLogMaxSize)."""

_RIGHT: Final = "; the account may not get pods/log, which the rights level `pod-logs` of deploy/ allows"


def pieces(
    namespace: str, failure: Failure, environ: Mapping[str, str], deadline: Deadline, account: Path = find.ACCOUNT
) -> Iterator[bytes]:
    """The log as it is by now, in pieces; nothing where the pod is gone. Raises ActionError and ConfigError.

    Its beginning: lines are numbered as in the log. A node that has thrown that away gives what it has.
    """
    pod, container = failure.log
    retry = Retry(deadline=deadline)
    access = partial(find.find, "", "", deadline.clock, environ=environ, account=account)
    with Kube(access) as kube:
        ask = partial(logs.logs, kube, namespace, pod, container, deadline=deadline, most=MOST)
        try:
            log = retry(ask, safe=True)
        except ActionError as error:
            if error.reason == "client":
                return  # there is no such pod any more, or its container never began
            if error.reason != "auth":
                raise
            problem = f"{error}{_RIGHT}"
        else:
            yield from log
            return
    raise ActionError(problem, reason="auth")
