"""The finished workflow: what Argo says of it, whatever of that was given, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from exitkit.argo import cause, executor, failures, links, nodes
from exitkit.argo.facts import FACTS, Fact
from exitkit.argo.failures import Failure, Failures, Group
from exitkit.argo.moment import parse_moment, write_moment
from exitkit.argo.reading import Given, Reading

__all__ = ["FACTS", "Fact", "Failure", "Failures", "LastRetry", "Workflow", "gather"]

# https://argo-workflows.readthedocs.io/en/latest/workflow-creator/ and workflow/common/common.go
_LABEL = "workflows.argoproj.io/"
_ACTORS = ("actor-preferred-username", "actor-email", "actor")


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

    @property
    def succeeded(self) -> bool:
        return self.status == "Succeeded"

    @property
    def failed(self) -> bool:
        return self.status in ("Failed", "Error")

    @cached_property
    def stopped(self) -> bool:
        """Whether somebody stopped or terminated it: a label says so, or a failed node's message."""
        if self.labels.get(f"{_LABEL}action", "").lower() in ("stop", "terminate"):
            return True
        return any(one.reason == cause.STOPPED for one in self.failures)

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
        return nodes.subject_of(self.node_name or nodes.handler_name(self.name, self.node_id))

    @property
    def scope(self) -> str:
        """What tells this handler from others of the workflow, the same for every attempt at it."""
        return nodes.scope_of(self.name, self.node_name, self.node_id)

    @property
    def url(self) -> str:
        """The workflow's page in the Argo UI, or "" without its address."""
        return links.workflow_url(self.argo_url, self.namespace, self.name, self.uid)

    def failure_url(self, failure: Failure) -> str:
        """The page of the failed pod's logs, the workflow's where the node is not known, or ""."""
        node = nodes.node_id_of(self.name, failure.pod_name)
        return links.logs_url(self.url, node, failure.container or "main")

    def facts(self) -> dict[str, object]:
        """Everything under Argo's names, in plain JSON types, for templates and for machines."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            "status": self.status,
            "duration": self.duration,
            "message": self.message,
            "creationTimestamp": write_moment(self.creation_timestamp),
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

    def _group_facts(self, group: Group) -> dict[str, object]:
        return {"message": group.first.text, "count": group.count, "first": self._failure_facts(group.first)}


def gather(given: Given, environ: Mapping[str, str], *, root: Path = Path("/")) -> Workflow:
    """The workflow from flags, by fact name, before environment variables, before what Argo's executor leaves.

    What is missing stays unknown; what is broken is noted. Never raises. `root` stands before every absolute path.
    """
    read = Reading(given, environ, root)
    node_id = read.variable("ARGO_NODE_ID")
    status = read.status("status")
    template, template_note = executor.template(environ, root)
    traceparent, trace_note = executor.traceparent(environ)
    return Workflow(
        name=read.name("name") or nodes.workflow_of(node_id),
        namespace=read.name("namespace") or executor.namespace(root),
        uid=read.name("uid"),
        status=status,
        failures=failures.decode(read.raw("failures"), root=root, succeeded=status == "Succeeded"),
        duration=read.seconds("duration"),
        message=read.text("message"),
        parameters=read.mapping("parameters"),
        labels=read.mapping("labels"),
        annotations=read.mapping("annotations"),
        outputs=read.mapping("outputs"),
        creation_timestamp=read.moment("creation_timestamp"),
        scheduled_time=read.moment("scheduled_time"),
        priority=read.integer("priority"),
        main_entrypoint=read.name("main_entrypoint"),
        service_account_name=read.name("service_account_name"),
        node_name=read.path("node_name"),
        node_id=node_id,
        pod_name=read.name("pod_name")
        or read.tame("HOSTNAME", executor.pod_name(environ, node_id, template.get("name")), 253),
        container_name=read.variable("ARGO_CONTAINER_NAME"),
        template=template,
        deadline=parse_moment(environ.get("ARGO_DEADLINE", "")),
        progress_file=read.variable("ARGO_PROGRESS_FILE", 4096),
        traceparent=traceparent,
        retries=read.integer("retries"),
        last_retry=_last_retry(read),
        argo_url=_argo_url(read),
        notes=(*read.notes, *(note for note in (template_note, trace_note) if note)),
    )


def _last_retry(read: Reading) -> LastRetry:
    return LastRetry(
        exit_code=read.integer("last_retry_exit_code"),
        status=read.status("last_retry_status"),
        duration=read.seconds("last_retry_duration"),
        message=read.text("last_retry_message"),
    )


def _argo_url(read: Reading) -> str:
    text = read.text("argo_url", limit=2000)
    try:
        return links.clean_base(text) if text else ""
    except ValueError as error:
        read.note("argo_url", f"is not linked to: {error}")
        return ""
