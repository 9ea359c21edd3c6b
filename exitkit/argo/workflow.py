"""The finished workflow: what Argo says of it, whatever of that was given, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

from exitkit.argo import nodenames, ui
from exitkit.argo.failures import Failure, FailureGroup, Failures, reason
from exitkit.argo.timestamp import write_moment

if TYPE_CHECKING:
    from exitkit.argo.record.node import Node

# https://argo-workflows.readthedocs.io/en/latest/workflow-creator/ and workflow/common/common.go
_LABEL = "workflows.argoproj.io/"
_ACTORS = ("actor-preferred-username", "actor-email", "actor")


COUNTED = ("total", "succeeded", "failed", "skipped", "running", "retried")
"""What `counts` has: steps with a pod or the like, by how they ended; `retried` are further attempts."""


class LastRetry(NamedTuple):
    """How the attempt before this one ended, where a retryStrategy applies to the handler."""

    exit_code: int | None = None
    status: str = ""
    duration: float | None = None
    message: str = ""


@dataclass(frozen=True)
class Workflow:
    """Argo's facts under Argo's names; "", None or empty where a fact is not known. Times are aware.

    `duration` is in seconds. `node_name`, `node_id`, `pod_name`, `container_name` and `template` are those of the
    handler that runs, not of what failed. `notes` says which facts could not be read, and why.

    What only the workflow's record knows is unknown where that was not read: `started_at` and `finished_at`, `counts` of
    its steps by how they ended, `submitted_by`, and `node`, which is what the handler is for: the workflow's own node,
    or a step's. `told` is then the workflow as its arguments alone tell it, None where this is that.
    """

    name: str = ""
    namespace: str = ""
    uid: str = ""
    status: str = ""
    failures: Failures = field(default_factory=Failures)
    duration: float | None = None
    message: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    creation_timestamp: datetime | None = None
    scheduled_time: datetime | None = None
    priority: int | None = None
    main_entrypoint: str = ""
    service_account_name: str = ""
    node_name: str = ""
    node_id: str = ""
    pod_name: str = ""
    container_name: str = ""
    template: Mapping[str, object] = field(default_factory=dict)
    deadline: datetime | None = None
    progress_file: str = ""
    traceparent: str = ""
    retries: int | None = None
    last_retry: LastRetry = field(default_factory=LastRetry)
    argo_url: str = ""
    notes: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    submitted_by: str = ""
    node: "Node | None" = field(default=None, compare=False, repr=False)
    told: "Workflow | None" = field(default=None, compare=False, repr=False)

    @property
    def as_told(self) -> Self:
        """By its arguments alone, which are the same in every run of the handler; ids are made of them."""
        return self.told or self  # type: ignore[return-value]  # of its own kind

    @property
    def succeeded(self) -> bool:
        return self.status == "Succeeded"

    @property
    def failed(self) -> bool:
        return self.status in ("Failed", "Error")

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, by its creation and duration, else when the last failure did; None if no fact tells.

        From the arguments alone, so that a second run of the same handler says the same.
        """
        if self.told is not None:
            return self.told.ended_at
        if self.creation_timestamp and self.duration is not None:
            try:
                if self.duration >= 0:
                    return self.creation_timestamp + timedelta(seconds=self.duration)
            except (OverflowError, ValueError):  # a duration that no calendar holds, or none at all
                pass
        return self.failures.finished_at

    @cached_property
    def stopped(self) -> bool:
        """Whether somebody stopped or terminated it: a label says so, or a failed node's message."""
        if self.labels.get(f"{_LABEL}action", "").lower() in ("stop", "terminate"):
            return True
        return any(one.reason == reason.STOPPED for one in self.failures)

    @property
    def stopped_by(self) -> str:
        """Who stopped it, as far as Argo's labels tell; "" if nobody did or if it is not known."""
        if self.labels.get(f"{_LABEL}action", "").lower() not in ("stop", "terminate"):
            return ""
        found = next((value for actor in _ACTORS if (value := self.labels.get(_LABEL + actor))), "")
        return found.replace(".at.", "@")  # a label cannot hold an @, so Argo writes .at.

    @property
    def cron(self) -> str:
        """The CronWorkflow that made it, or ""."""
        return self.labels.get(f"{_LABEL}cron-workflow", "")

    @property
    def workflow_template(self) -> str:
        """The WorkflowTemplate or ClusterWorkflowTemplate that it was made from, or ""."""
        return self.labels.get(f"{_LABEL}workflow-template") or self.labels.get(
            f"{_LABEL}cluster-workflow-template", ""
        )

    @property
    def subject(self) -> str:
        """The name of the node that this handler is for; the workflow's name for the workflow's own; "" if unknown."""
        return nodenames.subject_of(self.node_name or nodenames.handler_name(self.name, self.node_id))

    @property
    def step(self) -> str:
        """The step that this handler is for, as the Argo UI calls it; "" for the workflow's own handler, or if unknown."""
        return nodenames.step_of(self.name, self.subject) if self.subject and self.name else ""

    @property
    def step_ended(self) -> bool:
        """Whether `status` says how `step` ended: in a step's own handler Argo gives the workflow's, which is Running."""
        return bool(self.step) and self.status not in ("", "Running", "Pending")

    @property
    def scope(self) -> str:
        """What tells this handler from others of the workflow, the same for every attempt at it."""
        return nodenames.scope_of(self.name, self.node_name, self.node_id)

    @property
    def url(self) -> str:
        """The workflow's page in the Argo UI, or "" without its address."""
        return ui.workflow_url(self.argo_url, self.namespace, self.name, self.uid)

    def failure_url(self, failure: Failure) -> str:
        """The page of the failed pod's logs, the workflow's where the node is not known, or ""."""
        node = nodenames.node_id_of(self.name, failure.pod_name) if failure.is_pod else ""
        return ui.logs_url(self.url, node, failure.container or "main")

    def facts(self) -> dict[str, object]:
        """Everything under Argo's names, in plain JSON types, for templates and for machines."""
        return dict(self._facts)

    @cached_property
    def _facts(self) -> dict[str, object]:
        """Made once: of thousands of failures it takes a while, and each step asks for it."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            "status": self.status,
            "duration": self.duration,
            "message": self.message,
            "creationTimestamp": write_moment(self.creation_timestamp),
            "startedAt": write_moment(self.started_at),
            "finishedAt": write_moment(self.finished_at),
            "submittedBy": self.submitted_by,
            "counts": {**dict.fromkeys(COUNTED, None), **self.counts},
            "subjectNode": node_facts(self.node),
            "scheduledTime": write_moment(self.scheduled_time),
            "priority": self.priority,
            "mainEntrypoint": self.main_entrypoint,
            "serviceAccountName": self.service_account_name,
            "parameters": dict(self.parameters),
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "outputs": {"parameters": dict(self.outputs)},
            "failures": [self._failure_facts(one) for one in self.failures],
            "failuresSummary": self._summary_facts(),
            "url": self.url,
            "cronWorkflow": self.cron,
            "workflowTemplate": self.workflow_template,
            "stopped": self.stopped,
            "stoppedBy": self.stopped_by,
            "subject": self.subject,
            "step": self.step,
            "nodeName": self.node_name,
            "nodeId": self.node_id,
            "podName": self.pod_name,
            "retries": self.retries,
            "lastRetry": {
                "exitCode": self.last_retry.exit_code,
                "status": self.last_retry.status,
                "duration": self.last_retry.duration,
                "message": self.last_retry.message,
            },
        }

    def _failure_facts(self, failure: Failure) -> dict[str, object]:
        return {
            "displayName": failure.display_name,
            "message": failure.message,
            "text": failure.text,
            "templateName": failure.template_name,
            "phase": failure.phase,
            "podName": failure.pod_name,
            "finishedAt": write_moment(failure.finished_at),
            "exitCode": failure.exit_code,
            "reason": failure.reason,
            "container": failure.container,
            "tries": failure.tries,
            "url": self.failure_url(failure),
            "inputs": dict(failure.inputs),
            "outputs": dict(failure.outputs),
            "startedAt": write_moment(failure.node.started_at) if failure.node else None,
            "duration": failure.node.duration if failure.node else None,
            "host": failure.node.host if failure.node else "",
            "limits": dict(failure.resources.limits),
            "requests": dict(failure.resources.requests),
            "cure": failure.cure,
            "platform": failure.platform,
            "lines": [line.facts() for line in failure.lines],
        }

    def _summary_facts(self) -> dict[str, object]:
        first = self.failures.first
        return {
            "headline": self.failures.headline,
            "count": len(self.failures),
            "first": self._failure_facts(first) if first else None,
            "groups": [self._group_facts(group) for group in self.failures.groups],
            "truncated": self.failures.truncated,
        }

    def _group_facts(self, group: FailureGroup) -> dict[str, object]:
        return {"message": group.first.text, "count": group.count, "first": self._failure_facts(group.first)}


def node_facts(node: "Node | None") -> dict[str, object]:
    """A node of the record under Argo's names; all is empty or null where there is none."""
    return {
        "name": node.name if node else "",
        "displayName": node.display_name if node else "",
        "phase": node.phase if node else "",
        "message": node.message if node else "",
        "exitCode": node.exit_code if node else None,
        "result": node.result if node else None,
        "templateName": node.template_name if node else "",
        "inputs": dict(node.inputs) if node else {},
        "outputs": dict(node.outputs) if node else {},
        "startedAt": write_moment(node.started_at) if node else None,
        "finishedAt": write_moment(node.finished_at) if node else None,
        "duration": node.duration if node else None,
        "host": node.host if node else "",
    }
