"""When the pods of a workflow got from one of their phases to the next, in one list.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodStatus
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exitkit.argo.record import loose
from exitkit.argo.timestamp import parse_moment
from exitkit.clients.kubernetes import Kube, metadata_of
from exitkit.clients.kubernetes.logs import PODS

MOST: Final = 300
"""Pods that are asked for. Argo's have some 15 KiB each; an answer may have 16 MiB."""

_LABEL = "workflows.argoproj.io/workflow"
_MAIN = "main"


@dataclass(frozen=True)
class PodTimes:
    """A pod: `initialising` is when its first init container began, `running` when its main container did.

    In Unix seconds; None where that has not happened, or is not known any more. `node_id` is Argo's; `owners` are uids.
    """

    name: str
    node_id: str = ""
    owners: tuple[str, ...] = ()
    initialising: float | None = None
    running: float | None = None


def pod_times(kube: Kube, namespace: str, workflow: str) -> tuple[tuple[PodTimes, ...], bool]:
    """The first pods of a workflow, and whether these are all. Needs the right to list pods; one request.

    Raises Retryable and ActionError.
    """
    query = {"labelSelector": f"{_LABEL}={workflow}", "limit": str(MOST)}
    page = kube.page_of(_read, PODS, namespace, query)
    return page.objects, not page.token


def _read(pod: Any) -> PodTimes:
    metadata, status = metadata_of(pod), loose.mapping(loose.mapping(pod).get("status"))
    containers = loose.mappings(status.get("containerStatuses"))
    main = [each for each in containers if loose.text(each, "name") == _MAIN]
    # A pod of a container set has none of this name; whatever begins first beside Argo's `wait` is its work.
    work = main or [each for each in containers if loose.text(each, "name") != "wait"]
    return PodTimes(
        name=metadata.name,
        node_id=metadata.node_id,
        owners=metadata.owners,
        initialising=_first(loose.mappings(status.get("initContainerStatuses"))),
        running=_first(tuple(work)),
    )


def _first(containers: tuple[Mapping[str, Any], ...]) -> float | None:
    """When the first of them began, before any restart that is still known of."""
    states = (
        loose.mapping(loose.mapping(each.get(when)).get(how))
        for each in containers
        for when in ("lastState", "state")
        for how in ("terminated", "running")
    )
    moments = (parse_moment(loose.text(state, "startedAt")) for state in states)
    return min((moment.timestamp() for moment in moments if moment), default=None)
