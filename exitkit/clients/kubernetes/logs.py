"""The pods of a workflow, and the logs of their containers, read piece by piece however long they are.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#http-request-1
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exitkit.argo.timestamp import parse_moment, write_moment
from exitkit.clients.http import StreamedResponse
from exitkit.clients.kubernetes import Kube, ObjectPage, Resource
from exitkit.clients.kubernetes.listing import listed
from exitkit.errors import Retryable
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.text.units import human_size

PODS = Resource("", "v1", "pods", "Pod")

_PODS_AT_ONCE = 100  # whole pods, of which large ones have 100 KiB
_ARGO = "workflows.argoproj.io/"
# What kubelet says with status 200, in the log's place, where a container's files are gone.
_NO_LOG = b"unable to retrieve container logs for "


@dataclass(frozen=True)
class Container:
    """A container of a pod. `state` is waiting, running or terminated; with `restarts` there was one before it.

    `started` is Unix time.
    """

    name: str
    state: str = ""
    restarts: int = 0
    exit_code: int | None = None
    started: float | None = None


@dataclass(frozen=True)
class Pod:
    """A pod of a workflow; `node_id` and `node_name` are Argo's. `phase` is that of Kubernetes."""

    name: str
    uid: str
    phase: str = ""
    node_id: str = ""
    node_name: str = ""
    init_containers: tuple[Container, ...] = ()
    containers: tuple[Container, ...] = ()


def pods(kube: Kube, retry: Retry, namespace: str, selector: str) -> Iterator[Pod]:
    """The pods that the label selector fits, each once, such as `workflows.argoproj.io/workflow=train-x7k2p`.

    Needs the right to list pods. Raises Exhausted and ActionError.
    """
    for page in listed(_Whole(kube), retry, PODS, namespace, {"labelSelector": selector}):
        yield from page


@dataclass(frozen=True)
class _Whole:
    """Pods with all that is known of them."""

    kube: Kube

    def page(self, resource: Resource, namespace: str, query: Mapping[str, str], token: str = "") -> ObjectPage[Pod]:
        return self.kube.page_of(_pod, resource, namespace, {**query, "limit": str(_PODS_AT_ONCE)}, token)


def logs(  # noqa: PLR0913 - what can be asked of a log, by name
    kube: Kube,
    namespace: str,
    pod: str,
    container: str,
    *,
    deadline: Deadline,
    most: int,
    since: datetime | None = None,
    tail_lines: int | None = None,
    previous: bool = False,
    timestamps: bool = False,
) -> "Log":
    """Ask for a container's log as it is now, once; close what this gives.

    `most` is in bytes. `previous` means the container before its last restart; with `timestamps` each line begins
    with its time in RFC 3339 and a space. Needs the right to get pods/log. Raises Retryable, and ActionError
    where there is no such pod, container or log.
    """
    asked: dict[str, Any] = {
        "container": container,
        "limitBytes": most + 1,
        "previous": "true" if previous else None,
        "timestamps": "true" if timestamps else None,
        "tailLines": tail_lines,
        "sinceTime": write_moment(since.replace(microsecond=0)) if since else None,
    }
    query = {name: str(value) for name, value in asked.items() if value is not None}
    what = f"reading the log of {pod}/{container}"
    return Log(kube.stream(f"{PODS.path(namespace, pod)}/log", query, what=what), most, deadline)


class Log:
    """A log as it is, in pieces; once.

    `cut` says why it is not whole, and is empty if it is; `broken` that asking once more may give the rest.
    """

    def __init__(self, stream: StreamedResponse, most: int, deadline: Deadline) -> None:
        self.cut, self.broken = "", False
        self._stream, self._most, self._deadline = stream, most, deadline

    def close(self) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[bytes]:
        """What has come goes out also where the rest does not come; see `cut`."""
        room, first = self._most, True
        try:
            for piece in self._stream.pieces():
                if first and piece.startswith(_NO_LOG):
                    self.cut = "the node does not have it any more"
                    return
                first = False
                if len(piece) > room:
                    self.cut = f"it is longer than {human_size(self._most)}"
                    yield piece[:room]
                    return
                room -= len(piece)
                yield piece
                if self._deadline.remaining() <= 0:
                    self.cut = "no time was left"
                    return
        except Retryable as error:
            self.cut, self.broken = str(error), True
        finally:
            self.close()


def _pod(one: Mapping[str, Any]) -> Pod:
    metadata, status = one.get("metadata") or {}, one.get("status") or {}
    annotations = metadata.get("annotations") or {}
    return Pod(
        name=str(metadata.get("name") or ""),
        uid=str(metadata.get("uid") or ""),
        phase=str(status.get("phase") or ""),
        node_id=str(annotations.get(f"{_ARGO}node-id") or ""),
        node_name=str(annotations.get(f"{_ARGO}node-name") or ""),
        init_containers=tuple(map(_container, status.get("initContainerStatuses") or ())),
        containers=tuple(map(_container, status.get("containerStatuses") or ())),
    )


def _container(status: Mapping[str, Any]) -> Container:
    state = status.get("state") or {}
    ended = state.get("terminated") or {}
    started = parse_moment(str((ended or state.get("running") or {}).get("startedAt") or ""))
    return Container(
        name=str(status.get("name") or ""),
        state=next(iter(state), ""),
        restarts=int(status.get("restartCount") or 0),
        exit_code=ended.get("exitCode"),
        started=started.timestamp() if started else None,
    )
