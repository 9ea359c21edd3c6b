"""How long each step's pod was pending and initialising before it ran, which Argo's record does not tell."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from exitkit.argo.record import WorkflowRecord
from exitkit.clients.kubernetes import Kube, find, podtimes
from exitkit.clients.kubernetes.podtimes import PodTimes
from exitkit.context import Context
from exitkit.errors import ExitkitError
from exitkit.process.spans import NodeSpan
from exitkit.retry import Retry
from exitkit.text.units import human_duration

_LONGEST = 10.0  # seconds for what only makes the report better
_NOT_ALL = f"the phases of the first {podtimes.MOST} pods are told"


class PodPhases(NamedTuple):
    """The phases of a span's pod, in Unix seconds: pending from `start`, initialising, running until `end`."""

    start: float
    initialising: float
    running: float
    end: float

    def seconds(self) -> dict[str, float]:
        """By phase, those that took none left out."""
        phases = {
            "pending": self.initialising - self.start,
            "init": self.running - self.initialising,
            "running": self.end - self.running,
        }
        return {name: seconds for name, seconds in phases.items() if seconds > 0}

    def __str__(self) -> str:
        return ", ".join(f"{name} {human_duration(seconds)}" for name, seconds in self.seconds().items())


def phases_of(span: NodeSpan, pod: PodTimes) -> PodPhases:
    """Kept within the span; a pod that never got further was in its last phase until the end.

    That its images are pulled before its main container begins counts as initialising, as kubectl has it.
    """
    first = pod.running if pod.initialising is None else pod.initialising
    initialising = _within(span.start, first, span.end)
    return PodPhases(span.start, initialising, _within(initialising, pod.running, span.end), span.end)


def _within(start: float, moment: float | None, end: float) -> float:
    return end if moment is None else min(max(start, moment), end)


def asked(record: WorkflowRecord | None, context: Context) -> tuple[Mapping[str, PodTimes], str]:
    """The pods of the workflow by their nodes' ids, and a note on what is not known; it fails nothing.

    One list, tried again only where that is worth it, within ten seconds.
    """
    if record is None:
        return {}, ""
    namespace = record.namespace or context.workflow.namespace
    try:
        with Kube(partial(find.find, "", "", context.deadline.clock)) as kube:
            retry = Retry(deadline=context.deadline.within(min(_LONGEST, context.deadline.remaining())))
            pods, are_all = retry(partial(podtimes.pod_times, kube, namespace, record.name), safe=True)
    except ExitkitError as error:
        return {}, f"how long pods were pending is not known: {error}"
    # A node's id is made of the workflow's name, so that an earlier workflow of this name had the same.
    own = [pod for pod in pods if not record.uid or not pod.owners or record.uid in pod.owners]
    return {pod.node_id or pod.name: pod for pod in own}, "" if are_all else _NOT_ALL
