"""From what was given to the workflow: flags before variables before what Argo's executor leaves."""

from collections.abc import Mapping
from pathlib import Path

from exitkit.argo import executor, failures, nodenames, ui
from exitkit.argo.arguments import ArgumentReader, Given
from exitkit.argo.timestamp import parse_moment
from exitkit.argo.workflow import LastRetry, Workflow

_STILL_RUNNING = frozenset({("workflows.argoproj.io/phase", "Running"), ("workflows.argoproj.io/completed", "false")})


def gather(given: Given, environ: Mapping[str, str], *, root: Path = Path("/")) -> Workflow:
    """The workflow from flags, by fact name, before environment variables, before what Argo's executor leaves.

    What is missing stays unknown; what is broken is noted. Never raises. `root` stands before every absolute path.
    """
    read = ArgumentReader(given, environ, root)
    node_id = read.variable("ARGO_NODE_ID")
    status = read.status("status")
    template, template_note = executor.template(environ, root)
    traceparent, trace_note = executor.traceparent(environ)
    return Workflow(
        name=read.name("name") or nodenames.workflow_of(node_id),
        namespace=read.name("namespace") or executor.namespace(root),
        uid=read.name("uid"),
        status=status,
        failures=failures.decode(read.raw("failures"), root=root, succeeded=status == "Succeeded"),
        duration=read.seconds("duration"),
        message=read.text("message"),
        parameters=read.mapping("parameters"),
        labels=without_running(read.mapping("labels")),
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


def without_running(labels: Mapping[str, str]) -> dict[str, str]:
    """Without what the controller says of a workflow that runs, and writes anew only after this handler has ended."""
    return {name: value for name, value in labels.items() if (name, value) not in _STILL_RUNNING}


def _last_retry(read: ArgumentReader) -> LastRetry:
    return LastRetry(
        exit_code=read.integer("last_retry_exit_code"),
        status=read.status("last_retry_status"),
        duration=read.seconds("last_retry_duration"),
        message=read.text("last_retry_message"),
    )


def _argo_url(read: ArgumentReader) -> str:
    text = read.text("argo_url", limit=2000)
    try:
        return ui.clean_base(text) if text else ""
    except ValueError as error:
        read.note("argo_url", f"is not linked to: {error}")
        return ""
