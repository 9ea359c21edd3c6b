"""Earlier workflows of a series: by argo-server, live and archived, else by the Kubernetes API; the newest first."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from exitkit.argo.record import WorkflowRecord, loose, read
from exitkit.argo.timestamp import parse_moment
from exitkit.clients.argo import record, server
from exitkit.clients.http import Client, Response, check
from exitkit.clients.kubernetes import WORKFLOWS, Kube, checked, find, listing
from exitkit.clients.objects import check_advance
from exitkit.errors import ActionError, ExitkitError
from exitkit.retry import Retry

_PAGE: Final = 500
_MOST_PAGES: Final = 20  # so that of a series at most 10,000 are looked at
_MOST: Final = 16 << 20  # bytes of a page, without nodes
_FIELDS: Final = "metadata,items.metadata.name,items.metadata.uid,items.metadata.creationTimestamp"
_ARCHIVE: Final = "/api/v1/archived-workflows"
_RIGHT: Final = "; the account may not list workflows, which `list` beside `get` in its Role allows"


class _Known(NamedTuple):
    """A workflow that a listing names; `created` in Unix seconds."""

    created: float
    name: str
    uid: str


def is_known(environ: Mapping[str, str], account: Path = find.ACCOUNT) -> bool:
    """Whether there is an argo-server or a cluster that can be asked."""
    return bool(environ.get("ARGO_SERVER") or environ.get("KUBECONFIG")) or find.of_pod(environ, account) is not None


def records(  # noqa: PLR0913, PLR0917 - of what, how many, and how they are asked for
    namespace: str, selector: str, most: int, environ: Mapping[str, str], retry: Retry, account: Path = find.ACCOUNT
) -> Iterator[WorkflowRecord | str]:
    """The records of the newest workflows that bear these labels, or in the place of one why it could not be read.

    Raises ActionError and ConfigError where none can be listed.
    """
    argo = server.find(environ, account)
    if argo is not None:
        yield from _by_server(argo, namespace, selector, most, retry)
    elif environ.get("KUBECONFIG") or find.of_pod(environ, account) is not None:
        access = partial(find.find, "", "", retry.deadline.clock, environ=environ, account=account)
        with Kube(access) as kube:
            yield from _by_kubernetes(kube, namespace, selector, most, retry)
    else:
        raise ActionError("no Kubernetes cluster and no argo-server is known here", reason="client")


def _by_server(
    argo: server.ArgoServer, namespace: str, selector: str, most: int, retry: Retry
) -> Iterator[WorkflowRecord | str]:
    labels = {"listOptions.labelSelector": selector}
    with Client(ca_file=argo.ca_file) as client:
        pages = partial(_pages, partial(_page, client, argo), retry)
        live = {**labels, "listOptions.limit": str(_PAGE), "fields": _FIELDS}
        known = list(pages(f"/api/v1/workflows/{quote(namespace, safe='')}", live))
        # Since 3.5 that list has what is archived, too; before, only this one has it, the newest first.
        within = {"namespace": namespace, "listOptions.fieldSelector": f"metadata.namespace={namespace}"}
        known += islice(pages(_ARCHIVE, {**labels, **within, "listOptions.limit": str(most)}), most)
        for each in _newest(known, most):
            ask = partial(argo.workflow, namespace, each.name, each.uid, most=record.MOST)
            yield _read(ask, each.name, retry)


def _by_kubernetes(
    kube: Kube, namespace: str, selector: str, most: int, retry: Retry
) -> Iterator[WorkflowRecord | str]:
    known: list[_Known] = []
    try:
        for page in listing.listed(kube, retry, WORKFLOWS, namespace, {"labelSelector": selector}):
            known += [_Known(each.created or 0.0, each.name, each.uid) for each in page]
    except ActionError as error:
        if error.reason != "auth":
            raise
        problem = f"{error}{_RIGHT}"
    else:
        for each in _newest(known, most):
            yield _read(partial(_got, kube, namespace, each.name), each.name, retry)
        return
    raise ActionError(problem, reason="auth")


def _got(kube: Kube, namespace: str, name: str) -> Response:
    what = f"reading the workflow {name}"
    path = WORKFLOWS.path(namespace, name)
    return checked(kube.send("GET", path, what=what, accept="application/json", most=record.MOST), what)


def _newest(known: Iterable[_Known], most: int) -> list[_Known]:
    """Each once."""
    return heapq.nlargest(most, {each.uid or each.name: each for each in known}.values())


def _read(ask: Callable[[], Response], name: str, retry: Retry) -> WorkflowRecord | str:
    try:
        return read(record.object_of(retry(ask, safe=True)))
    except (ExitkitError, ValueError) as error:
        return f"{name} could not be read: {error}"


def _pages(
    page: Callable[[str], Mapping[str, Any]], retry: Retry, path: str, query: Mapping[str, str]
) -> Iterator[_Known]:
    token, tokens = "", set[object]()
    for _ in range(_MOST_PAGES):
        asked = urlencode({**query, **({"listOptions.continue": token} if token else {})})
        answer = retry(partial(page, f"{path}?{asked}"), safe=True)
        yield from map(_known, loose.mappings(answer.get("items")))
        token = loose.text(loose.mapping(answer.get("metadata")), "continue")
        if not token:
            return
        check_advance(token, tokens, f"listing {path}")


def _page(client: Client, argo: server.ArgoServer, path: str) -> Mapping[str, Any]:
    """One page; an empty one where the server keeps no archive."""
    what = "listing workflows by argo-server"
    response = argo.get(client, path, what, _MOST)
    if path.startswith(_ARCHIVE) and response.status in (404, 501):
        return {}
    page = check(response, what, idempotent=True).json()
    if not isinstance(page, dict):
        raise ActionError(f"{what}: {response.host} does not answer as argo-server does: correct ARGO_SERVER")
    return page


def _known(item: Mapping[str, Any]) -> _Known:
    metadata = loose.mapping(item.get("metadata"))
    created = parse_moment(loose.text(metadata, "creationTimestamp"))
    return _Known(created.timestamp() if created else 0.0, loose.text(metadata, "name"), loose.text(metadata, "uid"))
