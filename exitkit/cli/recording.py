"""Where a run's record comes from: a file that somebody names, else what the environment leads to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.recordreader import Fetch, KnownRecord, NoRecords, RecordReader, Records
from exitkit.retry.clock import Deadline

if TYPE_CHECKING:
    from exitkit.argo.record import WorkflowRecord

_PLACES = ("ARGO_SERVER", "KUBECONFIG", "KUBERNETES_SERVICE_HOST")
"""Variables of which one leads to the record. A developer's ~/.kube/config alone does not: nobody asked for that."""


def of_file(workflow: Workflow, path: str) -> tuple[Workflow, Records]:
    """The workflow with what the file says of who it is and how it ended, as far as no flag says it; and its record.

    What is wrong with the file is a note of the workflow's, and the run goes on without.
    """
    if not path:
        return workflow, NoRecords()
    from exitkit.argo.record import joined
    from exitkit.clients.argo import record as reading

    try:
        record = reading.from_file(path)
        reading.check_identity(record, workflow)
    except ValueError as error:
        return replace(workflow, notes=(*workflow.notes, f"the record was not read: {error}")), NoRecords()
    return joined.identified(workflow, record), KnownRecord(record)


def reading(context: Context, environ: Mapping[str, str]) -> Context:
    """The context with a reader of the record, which does nothing before it is asked; as it is where there is none."""
    if not isinstance(context.records, NoRecords) or not any(environ.get(name) for name in _PLACES):
        return context
    workflow = context.workflow

    def prepare() -> Fetch:
        from exitkit.clients.argo import record

        def read(deadline: Deadline, keep: "Callable[[WorkflowRecord], None]") -> None:
            record.fetch(workflow, environ, deadline, keep)

        return read

    return replace(context, records=RecordReader(prepare, context.deadline))
