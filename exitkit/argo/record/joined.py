"""The workflow as its arguments tell it, made better by its record: the true times, the whole list, a step's own end."""

from collections.abc import Mapping
from dataclasses import replace

from exitkit.argo import nodenames
from exitkit.argo.arguments import CUT, STATUSES
from exitkit.argo.facts import FACTS
from exitkit.argo.failures import Failures
from exitkit.argo.gather import without_running
from exitkit.argo.record import Node, WorkflowRecord
from exitkit.argo.record.failed import failures
from exitkit.argo.timestamp import parse_moment
from exitkit.argo.workflow import Workflow

_SCHEDULED = "workflows.argoproj.io/scheduled-time"
_RUNNING = ("", "Running", "Pending")
# Facts that arguments carry cut, and the record whole.
_WHOLE = ("parameters", "labels", "annotations", "outputs")


def identified(workflow: Workflow, record: WorkflowRecord) -> Workflow:
    """The workflow with the name, the ids and the status that the record has, where no argument says them."""
    return replace(
        workflow,
        name=workflow.name or record.name,
        namespace=workflow.namespace or record.namespace,
        uid=workflow.uid or record.uid,
        status=workflow.status or (record.status if record.status in STATUSES else ""),
        creation_timestamp=workflow.creation_timestamp or record.created_at,
    )


def informed(workflow: Workflow, record: WorkflowRecord) -> Workflow:
    """The workflow with what the record knows besides or better. Computed once for each workflow.

    An argument goes before the record, but for what it carries cut, and for times, which Argo's variables do not have.
    Of what has not ended in this reading only the arguments tell.
    """
    if workflow.told is not None:
        return workflow
    known = record.joined
    for before, after in known:
        if before is workflow:
            return after
    after = _informed(workflow, record)
    known.append((workflow, after))
    return after


def _informed(workflow: Workflow, record: WorkflowRecord) -> Workflow:
    subject = _subject(workflow, record)
    node = subject or record.root
    is_settled = record.nodes and record.is_settled(subject)
    status = workflow.status
    if is_settled and status in (_RUNNING if subject else ("",)):
        status = subject.phase if subject else record.status
    found = failures(record, subject) if is_settled else Failures()
    told = replace(found, notes=()).with_causes(workflow.failures.causes) if found.raw_count else workflow.failures
    better = replace(
        identified(workflow, record),
        status=status,
        failures=told,
        notes=_notes(workflow),
        parameters={**record.parameters, **workflow.parameters},
        labels=without_running({**workflow.labels, **record.labels, **workflow.labels}),
        annotations={**record.annotations, **workflow.annotations},
        outputs={**record.outputs, **workflow.outputs},
        scheduled_time=workflow.scheduled_time or parse_moment(record.annotations.get(_SCHEDULED, "")),
        priority=workflow.priority if workflow.priority is not None else record.priority,
        main_entrypoint=workflow.main_entrypoint or record.entrypoint,
        service_account_name=workflow.service_account_name or record.service_account_name,
        node_name=workflow.node_name or _own_name(workflow, record),
        submitted_by=record.submitted_by,
        counts=counts(record),
        node=_ending(record, subject) if subject else record.root,
        told=workflow,
    )
    return _timed(better, record, node, subject) if node or record.started_at else better


def _subject(workflow: Workflow, record: WorkflowRecord) -> Node | None:
    """The step that the handler is for; None where it is for the workflow, or is none."""
    node = record.subject(workflow.node_id) if workflow.node_id else None
    node = node or (record.subject(workflow.node_name) if workflow.node_name else None)
    return None if node is None or node.id == record.name else node


def _own_name(workflow: Workflow, record: WorkflowRecord) -> str:
    own = record.nodes.get(workflow.node_id) if workflow.node_id else None
    return own.name if own else ""


def _ending(record: WorkflowRecord, subject: Node) -> Node:
    """The step's node; of one that was tried several times the last attempt, which has inputs and outputs too."""
    return record.last_attempt(subject)


def _timed(workflow: Workflow, record: WorkflowRecord, node: Node | None, subject: Node | None) -> Workflow:
    started = subject.started_at if subject else record.started_at
    finished = node.finished_at if node and node.fulfilled else None
    duration = None if subject else workflow.duration
    if started and finished:
        duration = max(0.0, (finished - started).total_seconds())
    return replace(workflow, started_at=started, finished_at=finished, duration=duration)


def _notes(workflow: Workflow) -> tuple[str, ...]:
    """Without those on what the record has made whole again."""
    variables = {fact.argo for fact in FACTS if fact.name in _WHOLE}
    whole = {f"{variable}: {CUT}" for variable in variables}
    return tuple(note for note in workflow.notes if note not in whole)


def counts(record: WorkflowRecord) -> Mapping[str, int]:
    """How many steps with a pod or the like ended in which way, retried ones once; handlers and hooks aside."""
    kinds = {
        "Succeeded": "succeeded",
        "Failed": "failed",
        "Error": "failed",
        "Skipped": "skipped",
        "Omitted": "skipped",
    }
    counted = dict.fromkeys(("total", "succeeded", "failed", "skipped", "running", "retried"), 0)
    earlier = _earlier_attempts(record)
    for node in record.nodes.values():
        if node.hooked:
            continue
        if node.retried:
            counted["retried"] += not node.name.endswith("(0)")
        if node.retried or node.type in ("Steps", "StepGroup", "DAG", "TaskGroup", "Container"):
            continue
        if node.type == "Retry" and any(attempt.is_parent for attempt in record.attempts(node)):
            continue  # its steps count by themselves
        if earlier and not earlier.isdisjoint(nodenames.names_above(node.name)):
            continue
        counted["total"] += 1
        counted[kinds.get(node.phase, "running")] += 1
    return counted if counted["total"] else {}


def _earlier_attempts(record: WorkflowRecord) -> frozenset[str]:
    """The names of attempts, with steps of their own, that another one followed."""
    several = (record.attempts(node)[:-1] for node in record.nodes.values() if node.type == "Retry")
    return frozenset(attempt.name for attempts in several for attempt in attempts if attempt.is_parent)
