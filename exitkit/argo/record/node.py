"""One node of a Workflow, as Argo's controller writes it: NodeStatus in workflow_types.go.

A node is read when it is asked for something, because a message needs a handful of twenty thousand. What is broken in
it is as if it were not there.
"""

from collections.abc import Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from exitkit.argo import nodenames
from exitkit.argo.record import loose
from exitkit.argo.timestamp import parse_moment

FULFILLED: Final = frozenset({"Succeeded", "Failed", "Error", "Skipped", "Omitted"})
"""Phases that do not change any more; a Skipped or Omitted node never ran."""

PARENTS: Final = frozenset({"Steps", "StepGroup", "DAG", "TaskGroup", "Retry"})
"""Types of nodes that only hold others; they have no pod."""

_PENDING: Final = frozenset({"", "Pending", "Running"})


_ALWAYS: Final = itemgetter("id", "name", "type", "phase")


class Node:
    """The properties have Argo's names, "" or empty where Argo says nothing. Times are aware, durations seconds.

    `raw` is the node as it came, `name` its path such as `wf[0].train(1:b)`, `type` one of Pod, Container, Steps, StepGroup,
    DAG, TaskGroup, Retry, Skipped, Suspend, HTTP and Plugin, `phase` one of Pending, Running, Succeeded, Skipped, Failed,
    Error and Omitted. Nobody changes it.
    """

    __slots__ = ("id", "name", "phase", "raw", "type")

    id: str
    name: str
    type: str
    phase: str

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        try:
            self.id, self.name, self.type, self.phase = known = _ALWAYS(raw)
            joined = "".join(known)
            if joined.isascii() and "\0" not in joined:
                return
        except (KeyError, TypeError):  # one is not there, or is no text
            pass
        self.id = loose.text(raw, "id")
        self.name = loose.text(raw, "name")
        self.type = loose.text(raw, "type")
        self.phase = loose.text(raw, "phase")

    @property
    def display_name(self) -> str:
        return loose.text(self.raw, "displayName") or self.name

    @property
    def message(self) -> str:
        return loose.text(self.raw, "message")

    @property
    def template_name(self) -> str:
        """The template that it runs, also where that is another WorkflowTemplate's; "" for an inline one."""
        return loose.text(self.template_ref, "template") or loose.text(self.raw, "templateName")

    @property
    def template_ref(self) -> Mapping[str, Any]:
        """`name` and `template` of a WorkflowTemplate, and `clusterScope`, where its template is another's."""
        return loose.mapping(self.raw.get("templateRef"))

    @property
    def template_scope(self) -> str:
        """Whose templates it was found among: `local/`, `namespaced/<name>` or `cluster/<name>`."""
        return loose.text(self.raw, "templateScope")

    @property
    def boundary_id(self) -> str:
        """The id of the node whose template it is part of, or ""."""
        return loose.text(self.raw, "boundaryID")

    @property
    def children(self) -> tuple[str, ...]:
        """The ids of what follows it, which for a step is the next step group."""
        return loose.texts(self.raw.get("children"))

    @property
    def started_at(self) -> datetime | None:
        """When the controller made it; its pod may have waited for a node since."""
        return parse_moment(loose.text(self.raw, "startedAt"))

    @property
    def finished_at(self) -> datetime | None:
        return parse_moment(loose.text(self.raw, "finishedAt"))

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its end, in whole seconds as Argo keeps times; None while it runs."""
        started, finished = self.started_at, self.finished_at
        return max(0.0, (finished - started).total_seconds()) if started and finished else None

    @property
    def host(self) -> str:
        """The Kubernetes node that its pod ran on, or ""."""
        return loose.text(self.raw, "hostNodeName")

    @property
    def pod_ip(self) -> str:
        """The address of its pod, which Argo keeps of a daemon, or ""."""
        return loose.text(self.raw, "podIP")

    @property
    def progress(self) -> str:
        """`3/5`, of what is below it."""
        return loose.text(self.raw, "progress")

    @property
    def resources(self) -> Mapping[str, float]:
        """Seconds that its pods took of each resource: of one CPU, of 100 Mi of memory, by what was requested."""
        return loose.numbers(self.raw.get("resourcesDuration"))

    @property
    def inputs(self) -> Mapping[str, str]:
        """Its input parameters."""
        return loose.pairs(loose.mapping(self.raw.get("inputs")).get("parameters"))

    @property
    def outputs(self) -> Mapping[str, str]:
        """Its output parameters."""
        return loose.pairs(self._outputs.get("parameters"))

    @property
    def result(self) -> str | None:
        """What its script printed; None where Argo kept nothing."""
        value = self._outputs.get("result")
        return loose.as_text(value) if value is not None else None

    @property
    def exit_code(self) -> int | None:
        """That of its main container."""
        return loose.integer(self._outputs.get("exitCode"))

    @property
    def artifacts(self) -> tuple[Mapping[str, Any], ...]:
        """Its output artifacts, its archived logs among them."""
        return loose.mappings(self._outputs.get("artifacts"))

    @property
    def input_artifacts(self) -> tuple[Mapping[str, Any], ...]:
        return loose.mappings(loose.mapping(self.raw.get("inputs")).get("artifacts"))

    @property
    def hooked(self) -> bool:
        """Whether it runs as an exit handler or a lifecycle hook; also what a handler of steps runs."""
        name = self.name
        if loose.flag(self._flags.get("hooked")):
            return True
        return (".onExit" in name or ".hooks." in name) and bool(nodenames.subject_of(name))

    @property
    def retried(self) -> bool:
        """Whether it is one attempt of a node with a retryStrategy."""
        return loose.flag(self._flags.get("retried"))

    @property
    def memoised(self) -> bool:
        """Whether its outputs were taken from a cache, so that no pod ran."""
        return loose.flag(loose.mapping(self.raw.get("memoizationStatus")).get("hit"))

    @property
    def daemoned(self) -> bool:
        """Whether it goes on running beside the steps after it."""
        return loose.flag(self.raw.get("daemoned"))

    @property
    def restarts(self) -> int:
        """How often its pod was made anew before its main container had started, which is no retry."""
        return loose.integer(self.raw.get("failedPodRestarts")) or 0

    @property
    def is_parent(self) -> bool:
        return self.type in PARENTS

    @property
    def fulfilled(self) -> bool:
        return self.phase in FULFILLED

    @property
    def failed(self) -> bool:
        return self.phase in ("Failed", "Error")

    @property
    def pending(self) -> bool:
        return self.phase in _PENDING

    @property
    def _outputs(self) -> Mapping[str, Any]:
        return loose.mapping(self.raw.get("outputs"))

    @property
    def _flags(self) -> Mapping[str, Any]:
        return loose.mapping(self.raw.get("nodeFlag"))
