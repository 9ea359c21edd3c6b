"""RunEvents of OpenLineage: https://openlineage.io/spec/2-0-2/OpenLineage.json and its facets."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from exitkit.argo.record import WorkflowRecord
from exitkit.argo.timestamp import write_moment
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.text.safe import clean, line
from exitkit.version import __version__

_PRODUCER: Final = f"urn:argo-exitkit:{__version__}"
_SPEC: Final = "https://openlineage.io/spec"
_MOST_DATASETS = 500
_NAME = 500

Event = dict[str, Any]


def events(  # noqa: PLR0913 - what a user may say, by name
    context: Context,
    record: WorkflowRecord | None,
    *,
    namespace: str = "",
    job: str = "",
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    is_start_told: bool = True,
) -> list[Event]:
    """START, if it is to be told, and how it ended; START alone while the workflow runs."""
    workflow = context.workflow
    now = datetime.fromtimestamp(context.deadline.clock.time(), UTC)
    read, written = _datasets(record, inputs, outputs)
    facets = _run_facets(workflow)
    base: Event = {
        "run": {"runId": _run_id(workflow.uid), "facets": facets},
        "job": _job(workflow, record, namespace, job),
        "producer": _PRODUCER,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    started = (record and record.started_at) or workflow.creation_timestamp or now
    start: Event = {"eventType": "START", "eventTime": write_moment(started), **base, "inputs": read, "outputs": []}
    if workflow.status in ("Running", "Pending"):
        return [start]
    ended = (record and record.finished_at) or workflow.ended_at or now
    end: Event = {
        "eventType": _end(workflow),
        "eventTime": write_moment(ended),
        **base,
        "inputs": read,
        "outputs": written,
    }
    end["run"] = {**base["run"], "facets": facets | _error(workflow)}
    return [start, end] if is_start_told else [end]


def _end(workflow: Workflow) -> str:
    if workflow.succeeded:
        return "COMPLETE"
    return "ABORT" if workflow.stopped else "FAIL"


def _run_id(uid: str) -> str:
    """The uid, which is a UUID in every cluster; of any other text one that is made of it."""
    try:
        return str(uuid.UUID(uid))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"argo:{uid}"))


def _run_facets(workflow: Workflow) -> dict[str, Any]:
    facets: dict[str, Any] = {}
    if workflow.scheduled_time:
        facets["nominalTime"] = _facet(
            "facets/1-0-1/NominalTimeRunFacet", nominalStartTime=write_moment(workflow.scheduled_time)
        )
    # Free facets have a schema of their own in the spec's base.
    facets["argo"] = {
        "_producer": _PRODUCER,
        "_schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunFacet",
        "workflow": line(workflow.name, _NAME),
        "namespace": line(workflow.namespace, _NAME),
        "url": workflow.url,
    }
    return facets


def _error(workflow: Workflow) -> dict[str, Any]:
    first = workflow.failures.first
    if first is None or workflow.succeeded:
        return {}
    said = clean(f"{first.name}: {first.gist or first.message}", 2000)
    return {"errorMessage": _facet("facets/1-0-1/ErrorMessageRunFacet", message=said, programmingLanguage="unknown")}


def _job(workflow: Workflow, record: WorkflowRecord | None, namespace: str, job: str) -> dict[str, Any]:
    entrypoint = workflow.main_entrypoint or (record.entrypoint if record else "")
    name = job or workflow.cron or workflow.workflow_template or entrypoint or "workflow"
    kind = _facet("facets/2-0-4/JobTypeJobFacet", processingType="BATCH", integration="ARGO", jobType="WORKFLOW")
    return {
        "namespace": line(namespace or f"argo://{workflow.namespace}", _NAME),
        "name": line(name, _NAME),
        "facets": {"jobType": kind},
    }


def _datasets(
    record: WorkflowRecord | None, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[list[Any], list[Any]]:
    """What was read from outside, and what was written; what one step wrote for another is no input."""
    written = dict.fromkeys(_split(url) for url in outputs)
    read = dict.fromkeys(_split(url) for url in inputs)
    if record is not None:
        for node in record.nodes.values():
            if not node.is_parent and not node.hooked:
                written |= dict.fromkeys(_of_artifacts(record, node.artifacts))
                read |= dict.fromkeys(_of_artifacts(record, node.input_artifacts))
    alone = [dataset for dataset in read if dataset not in written]
    return [_dataset(*each) for each in alone[:_MOST_DATASETS]], [
        _dataset(*each) for each in [*written][:_MOST_DATASETS]
    ]


def _of_artifacts(record: WorkflowRecord, artifacts: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Namespace and name of each artifact in S3 or Google Cloud Storage, archived logs aside, as OpenLineage names them.

    https://openlineage.io/docs/spec/naming/
    """
    for artifact in artifacts:
        if str(artifact.get("name", "")).endswith("-logs"):
            continue
        for store, scheme in (("s3", "s3"), ("gcs", "gs")):
            place = artifact.get(store)
            own = record.artifact_repository.get(store)
            if isinstance(place, Mapping) and isinstance(place.get("key"), str) and place["key"]:
                shared = own.get("bucket") if isinstance(own, Mapping) else ""
                bucket = place.get("bucket") or shared
                if isinstance(bucket, str) and bucket:
                    yield f"{scheme}://{line(bucket, _NAME)}", line(place["key"], _NAME)


def _split(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    host, _, name = rest.partition("/")
    return f"{scheme}://{host}", name.strip("/") or "/"


def _dataset(namespace: str, name: str) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": {}}


def _facet(schema: str, **values: object) -> dict[str, Any]:
    name = schema.rpartition("/")[2]
    return {"_producer": _PRODUCER, "_schemaURL": f"{_SPEC}/{schema}.json#/$defs/{name}", **values}
