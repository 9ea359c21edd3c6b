"""What an action gets to see: the workflow, its time, and what earlier steps did."""

import base64
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exitkit.argo.workflow import Workflow
from exitkit.entry import Entry, StepOutcome
from exitkit.logreader import Logs, NoLogs
from exitkit.recordreader import NoRecords, Records
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline

if TYPE_CHECKING:
    from exitkit.argo.record import WorkflowRecord
    from exitkit.history import History
    from exitkit.history.comparison import RunComparison
    from exitkit.store.bounded import BoundedStore

__all__ = ["Context", "Entry", "StepOutcome"]


@dataclass(frozen=True)
class Context:
    """Handed to every action. A new field needs a decision note: this must not become a bag.

    `step` is the id of the running step, `because` why it runs if it is a fallback, `entries` what the
    steps before it came to. `state` keeps receipts from one run to the next, and `history` is how earlier runs of
    the same series ended. `began` is when the workflow began anew, where only that tells its second failed end from its
    first, and the first has been told.
    """

    workflow: Workflow
    retry: Retry = field(default_factory=Retry)
    step: str = ""
    because: str = ""
    began: str = ""
    dry_run: bool = False
    entries: tuple[Entry, ...] = ()
    state: "BoundedStore | None" = None
    history: "History | None" = None
    records: Records = field(default_factory=NoRecords)
    logs: Logs = field(default_factory=NoLogs)

    @property
    def deadline(self) -> Deadline:
        return self.retry.deadline

    def record(self, *, needed: bool = False) -> "WorkflowRecord | None":
        """The workflow's own record, with all nodes, read once a run; None where there is none. Never raises.

        Whoever can do without waits a second for it at most, whoever `needed` it 15 s; why there is none, `records.note`
        says. It may be a reading in which the workflow's end is not written down yet.
        """
        return self.records.record(self.deadline, needed=needed)

    def informed(self) -> "Context":
        """With the workflow as its record knows it, where there is one; see `record`."""
        record = self.record()
        if record is None:
            return _lacking(self)
        from exitkit.argo.record import joined

        return _lacking(replace(self, workflow=joined.informed(self.workflow, record)))

    def explained(self) -> "Context":
        """As `informed`, and with the lines of the failed steps' logs that say why; both are read at the same time."""
        self.logs.begin(self.workflow.failures, self.deadline)
        context = self.informed()
        failures = context.workflow.failures
        told = failures.with_lines(self.logs.lines(failures, self.deadline))
        return context if told is failures else replace(context, workflow=replace(context.workflow, failures=told))

    def compared(self) -> "RunComparison | None":
        """How the run did beside earlier ones of its series; None where no store is set. Waits half a second at most."""
        if self.history is None:
            return None
        return self.history.compared(self.workflow, self.joined_record, self.deadline)

    @property
    def joined_record(self) -> "WorkflowRecord | None":
        """The record that the workflow is told by; None where it is not, and nobody waits for it."""
        return self.record() if self.workflow.told is not None else None

    @property
    def beginning(self) -> str:
        """When the workflow began by its record, which `argo retry` changes; "" where the failures' times tell its ends apart.

        So that two failed ends are not taken for one; but no id is made of it, as a second run may not read the record.
        """
        told, started = self.workflow.as_told, self.workflow.started_at
        is_told = any(one.finished_at for one in told.failures) and not told.failures.truncated
        return "" if told.succeeded or is_told or started is None else started.isoformat()

    @property
    def delivery(self) -> str:
        """The id of what this step delivers: the same in every run for the same end of the same workflow.

        Made of the workflow's uid, the handler's node, the step, the status, and when the last failure
        finished, which tells a retried workflow's second end from its first. 26 characters of a-z2-7.
        """
        workflow = self.workflow.as_told
        created = workflow.creation_timestamp.isoformat() if workflow.creation_timestamp else ""
        finished = max((one.finished_at.isoformat() for one in workflow.failures if one.finished_at), default="")
        identity = workflow.uid or f"{workflow.namespace}/{workflow.name}"
        parts: tuple[str, ...] = ("exitkit1", identity, created, workflow.scope, self.step, workflow.status, finished)
        parts += (self.began,) if self.began else ()
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
        return base64.b32encode(digest).decode()[:26].lower()


def _lacking(context: Context) -> Context:
    """Noting what the record would have told, where that is more than details."""
    workflow = context.workflow
    if not context.records.note:
        return context
    if workflow.failures.truncated:
        lacks = "what was cut off of the failed steps"
    elif workflow.step and not workflow.step_ended:
        lacks = "how the step ended"
    else:
        return context
    note = f"{lacks} is in the workflow's record, which was not read: {context.records.note}"
    if note in workflow.notes:
        return context
    return replace(context, workflow=replace(workflow, notes=(*workflow.notes, note)))
