"""The workflow's record: by argo-server where one is named, by the Kubernetes API, or out of a file."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from exitkit.argo import nodenames
from exitkit.argo.record import WorkflowRecord, read
from exitkit.argo.record.decoded import decoded
from exitkit.argo.workflow import Workflow
from exitkit.clients.argo import server
from exitkit.clients.http import Response
from exitkit.clients.kubernetes import WORKFLOWS, Kube, checked, find
from exitkit.errors import ActionError, ExitkitError
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.settings import smallfile

MOST: Final = 64 << 20
"""Bytes of a Workflow object. etcd keeps one below 1.5 MiB; argo-server unpacks the nodes, of which 20,000 are 20 MiB."""

_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds before a reading is done again in which what the handler is for has not ended yet."""

_RIGHT: Final = "; the account may not get workflows, which the rights level `record` of deploy/ allows"


def fetch(
    workflow: Workflow,
    environ: Mapping[str, str],
    deadline: Deadline,
    keep: Callable[[WorkflowRecord], None],
    account: Path = find.ACCOUNT,
) -> None:
    """Read the record until it tells how the handler's subject ended, and hand over each reading.

    The handler's pod is made before its cause is written down, so that the first reading may come too soon. Raises
    ActionError, ConfigError and ValueError.
    """
    retry = Retry(deadline=deadline)
    for pause in (*_PAUSES, None):
        record = _asked(workflow, environ, retry, account)
        keep(record)
        if pause is None or not record.nodes or not awaits_end(workflow, record) or not deadline.pause(pause):
            return


def awaits_end(workflow: Workflow, record: WorkflowRecord) -> bool:
    """Whether a handler asks about what has not ended in this reading of it, as it must have before the handler runs."""
    own = record.nodes.get(workflow.node_id) if workflow.node_id else None
    name = own.name if own else workflow.node_name
    if ".hooks." in name or not (name or workflow.node_id):
        return False  # a lifecycle hook runs beside what it is for; and this may be no pod of the workflow's at all
    subject = nodenames.subject_of(name)
    if name and not subject:
        return False  # a step like any other
    if subject and subject != record.name:
        return (node := record.by_name.get(subject)) is None or not node.fulfilled
    return workflow.status not in ("Running", "Pending") and not record.ended


def from_file(path: str) -> WorkflowRecord:
    """The record in a file, as `argo get -o json` or `kubectl get workflow -o yaml` writes it. Raises ValueError."""
    try:
        text = smallfile.read(path, MOST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no path"
        raise ValueError(f"{path} cannot be read: {why.lower()}") from None
    if len(text) > MOST:
        raise ValueError(f"{path} is longer than {MOST >> 20} MiB")
    try:
        return read(decoded(text) if text.lstrip()[:1] in (b"{", b"") else _yaml(text))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _yaml(text: bytes) -> Any:
    import yaml

    # Every value is text: a time stays as it was written.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return yaml.load(text, loader)  # noqa: S506 - a BaseLoader makes nothing but text, lists and mappings
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is neither JSON nor YAML") from None


def _asked(workflow: Workflow, environ: Mapping[str, str], retry: Retry, account: Path) -> WorkflowRecord:
    """One reading, from the first that gives one. Raises the last one's error, with the others' words before it."""
    problems: list[str] = []
    for ask in _ways(workflow, environ, retry, account):
        try:
            return _checked(read(ask()), workflow)
        except (ExitkitError, ValueError) as error:
            problems.append(str(error))
    raise ActionError("; ".join(problems) or "no Kubernetes cluster and no argo-server is known here", reason="client")


def _ways(workflow: Workflow, environ: Mapping[str, str], retry: Retry, account: Path) -> Iterator[Callable[[], Any]]:
    namespace, name = workflow.namespace, workflow.name
    if not (namespace and name):
        raise ActionError("the workflow's name or namespace is not known", reason="client")
    if environ.get("ARGO_SERVER", "").strip():
        yield partial(_by_server, workflow, environ, retry, account)
    if environ.get("KUBECONFIG") or find.of_pod(environ, account) is not None:
        yield partial(_by_kubernetes, workflow, environ, retry, account)


def _by_server(workflow: Workflow, environ: Mapping[str, str], retry: Retry, account: Path) -> Any:
    def ask() -> Response:
        argo = server.find(environ, account)
        assert argo is not None
        return argo.workflow(workflow.namespace, workflow.name, workflow.uid, most=MOST)

    try:
        return object_of(retry(ask, safe=True))
    except ActionError as error:  # here the variable takes the setting's place
        raise ActionError(str(error).replace("as ca_file", "by SSL_CERT_FILE"), reason=error.reason) from None


def _by_kubernetes(workflow: Workflow, environ: Mapping[str, str], retry: Retry, account: Path) -> Any:
    access = partial(find.find, "", "", retry.deadline.clock, environ=environ, account=account)
    with Kube(access) as kube:
        return _get(kube, retry, workflow)


def by_kube(kube: Kube, retry: Retry, workflow: Workflow) -> WorkflowRecord:
    """The record by the API of this cluster. Raises Exhausted, ActionError and ConfigError."""
    if not (workflow.namespace and workflow.name):
        raise ActionError("the workflow's name or namespace is not known", reason="client")
    try:
        return read(_get(kube, retry, workflow))
    except ValueError as error:
        raise ActionError(f"reading the workflow {workflow.name}: {error}", reason="client") from None


def _get(kube: Kube, retry: Retry, workflow: Workflow) -> Any:
    what, path = f"reading the workflow {workflow.name}", WORKFLOWS.path(workflow.namespace, workflow.name)

    def ask() -> Response:
        return checked(kube.send("GET", path, what=what, accept="application/json", most=MOST), what)

    try:
        return object_of(retry(ask, safe=True))
    except ActionError as error:
        if error.reason != "auth":
            raise
        problem = f"{error}{_RIGHT}"
    raise ActionError(problem, reason="auth")


def object_of(response: Response) -> Any:
    """The object that an answer holds. Raises ValueError."""
    if response.truncated:
        raise ValueError(f"the answer of {response.host} is longer than {MOST >> 20} MiB")
    try:
        return decoded(response.body)
    except ValueError as error:
        raise ValueError(f"the answer of {response.host}: {error}") from None


def _checked(record: WorkflowRecord, workflow: Workflow) -> WorkflowRecord:
    """The record, if it is of this very workflow: another one of its name may have come after it. Raises ValueError."""
    check_identity(record, workflow)
    return record


def check_identity(record: WorkflowRecord, workflow: Workflow) -> None:
    """Raises ValueError where the record is another workflow's."""
    for field, theirs, ours in (
        ("name", record.name, workflow.name),
        ("namespace", record.namespace, workflow.namespace),
        ("uid", record.uid, workflow.uid),
    ):
        if theirs and ours and theirs != ours:
            raise ValueError(f"it is of another workflow, whose {field} is {theirs[:100]}")
