"""The workflow as its arguments tell it, made complete by its record."""

from dataclasses import replace

from exitkit.argo.record import WorkflowRecord
from exitkit.argo.workflow import Workflow


def identified(workflow: Workflow, record: WorkflowRecord) -> Workflow:
    """The workflow with the name, the ids and the status that the record has, where no argument says them."""
    return replace(
        workflow,
        name=workflow.name or record.name,
        namespace=workflow.namespace or record.namespace,
        uid=workflow.uid or record.uid,
        status=workflow.status or record.status,
        creation_timestamp=workflow.creation_timestamp or record.created_at,
    )
