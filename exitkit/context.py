"""What an action gets to see: the workflow, its time, and what earlier steps did."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exitkit.argo.workflow import Workflow
from exitkit.entry import Entry, StepOutcome
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline

if TYPE_CHECKING:
    from exitkit.history import History
    from exitkit.store.bounded import BoundedStore

__all__ = ["Context", "Entry", "StepOutcome"]


@dataclass(frozen=True)
class Context:
    """Handed to every action. A new field needs a decision note: this must not become a bag.

    `step` is the id of the running step, `because` why it runs if it is a fallback, `entries` what the
    steps before it came to. `state` keeps receipts from one run to the next, and `history` is how earlier runs of
    the same series ended.
    """

    workflow: Workflow
    retry: Retry = field(default_factory=Retry)
    step: str = ""
    because: str = ""
    dry_run: bool = False
    entries: tuple[Entry, ...] = ()
    state: "BoundedStore | None" = None
    history: "History | None" = None

    @property
    def deadline(self) -> Deadline:
        return self.retry.deadline

    @property
    def delivery(self) -> str:
        """The id of what this step delivers: the same in every run for the same end of the same workflow.

        Made of the workflow's uid, the handler's node, the step, the status, and when the last failure
        finished, which tells a retried workflow's second end from its first. 26 characters of a-z2-7.
        """
        workflow = self.workflow
        created = workflow.creation_timestamp.isoformat() if workflow.creation_timestamp else ""
        finished = max((one.finished_at.isoformat() for one in workflow.failures if one.finished_at), default="")
        identity = workflow.uid or f"{workflow.namespace}/{workflow.name}"
        parts = ("exitkit1", identity, created, workflow.scope, self.step, workflow.status, finished)
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).digest()
        return base64.b32encode(digest).decode()[:26].lower()
