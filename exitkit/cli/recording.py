"""Where a run's record comes from: a file that somebody names, else what the environment leads to; and the logs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from exitkit import recordreader
from exitkit.argo.failures import Failure
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.logreader import Fetch, LogPart, LogReader
from exitkit.recordreader import KnownRecord, NoRecords, RecordReader, Records
from exitkit.retry.clock import Deadline

if TYPE_CHECKING:
    from exitkit.argo.record import WorkflowRecord
    from exitkit.explain import Shapes

_CLUSTERS = ("KUBECONFIG", "KUBERNETES_SERVICE_HOST")
_PLACES = ("ARGO_SERVER", *_CLUSTERS)
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
    """The context with readers of the record and of logs, which do nothing before they are asked, where such are known."""
    return _with_logs(_with_record(context, environ), environ)


def sampled(context: Context) -> Context:
    """The context with the logs of a workflow that might be."""

    def prepare() -> Fetch:
        from exitkit.plan import samples

        return lambda failure, _: [LogPart([samples.log(failure.pod_name)])]

    return replace(context, logs=LogReader(prepare, context.deadline))


def _with_record(context: Context, environ: Mapping[str, str]) -> Context:
    if not isinstance(context.records, NoRecords) or not any(environ.get(name) for name in _PLACES):
        return context
    workflow = context.workflow

    def prepare() -> recordreader.Fetch:
        from exitkit.clients.argo import record

        def read(deadline: Deadline, keep: "Callable[[WorkflowRecord], None]") -> None:
            record.fetch(workflow, environ, deadline, keep)

        return read

    return replace(context, records=RecordReader(prepare, context.deadline))


def _with_logs(context: Context, environ: Mapping[str, str]) -> Context:
    namespace = context.workflow.namespace
    if not namespace or not any(environ.get(name) for name in _CLUSTERS):
        return context

    def prepare() -> Fetch:
        from exitkit.clients.argo import failedlogs

        def read(failure: Failure, deadline: Deadline) -> Iterator[LogPart]:
            is_there = False
            for part in failedlogs.by_kubernetes(namespace, failure, environ, deadline):
                is_there = True
                yield part
            record = None if is_there else context.record()
            if record is not None:
                yield from failedlogs.by_archive(record, failure, context, deadline)

        return read

    history = context.history

    def known(failure: Failure, deadline: Deadline) -> "Shapes":
        from exitkit.history import shapes

        assert history is not None
        return shapes.known(history, failure.template_name, deadline)

    return replace(context, logs=LogReader(prepare, context.deadline, known if history is not None else None))
