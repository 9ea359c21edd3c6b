"""The Kubernetes API: what can be asked of one cluster, and what its answers mean.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import json
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote, urlencode

from exitkit.argo.timestamp import parse_moment
from exitkit.clients.http import Client, Response, StreamedResponse, check
from exitkit.clients.kubernetes.access import KubernetesAccess
from exitkit.errors import ActionError
from exitkit.text.redact import printable, redact

T = TypeVar("T")

PAGE = 500
"""Objects of one page, as kubectl asks for: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_get/."""

MOST = 16 << 20
"""Bytes of one answer. etcd keeps an object below 1.5 MiB; 500 objects' metadata take about 1 MiB, and what a
cluster with hundreds of custom kinds tells of them up to 3 MiB."""

# Only what every object has: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches.
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NODE_ID = "workflows.argoproj.io/node-id"


@dataclass(frozen=True)
class Resource:
    """A kind as the API has it in its paths: `jobs` of `batch/v1`."""

    group: str
    version: str
    plural: str
    kind: str = ""

    @property
    def label(self) -> str:
        """As kubectl names it: `pods`, `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "") -> str:
        root = f"/apis/{self.group}" if self.group else "/api"
        where = f"{root}/{self.version}/namespaces/{quote(namespace, safe='')}/{self.plural}"
        return f"{where}/{quote(name, safe='')}" if name else where


WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow")
"""Where Argo keeps its workflows."""


@dataclass(frozen=True)
class ObjectMetadata:
    """An object's metadata, as far as anybody here asks. `created` is Unix time; `node_id` is Argo's."""

    name: str
    uid: str
    created: float | None = None
    terminating: bool = False
    finalizers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    node_id: str = ""
    owners: tuple[str, ...] = ()
    namespace: str = ""


@dataclass(frozen=True)
class ObjectPage(Generic[T]):
    """Some objects, or their metadata, and the token to ask for the next ones with.

    `expired` says that the page asked for is not kept any more; `token` then leads on through what is there
    now, or is empty.
    """

    objects: tuple[T, ...]
    token: str = ""
    expired: bool = False


class Kube:
    """One cluster, for several threads. Each method sends one request, and tries nothing again.

    How it is reached is found with the first request, within its attempt, because a program may be asked for it.
    """

    def __init__(self, access: Callable[[], KubernetesAccess]) -> None:
        self._find = access
        self._access: KubernetesAccess | None = None
        self._client: Client | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections, and remove what was written for them."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            if self._access is not None:
                self._access.close()
            self._client = self._access = None

    def get(  # noqa: PLR0913 - what a request is made of, by name
        self,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        what: str,
        accept: str = "application/json",
        missing: Collection[int] = (),
        most: int = MOST,
    ) -> Any:
        """What is there, as JSON; None where the status is one of `missing`."""
        response = self.send("GET", _with(path, query), what=what, accept=accept, most=most)
        if response.status in missing:
            return None
        return _whole(checked(response, what), what)

    def page(
        self, resource: Resource, namespace: str, query: Mapping[str, str], token: str = ""
    ) -> ObjectPage[ObjectMetadata]:
        """Objects of a namespace that fit `labelSelector` and `fieldSelector`, without more than their metadata."""
        return self.page_of(metadata_of, resource, namespace, {**query, "limit": str(PAGE)}, token, accept=_METADATA)

    def page_of(  # noqa: PLR0913 - what is asked for, by name
        self,
        read: Callable[[Any], T],
        resource: Resource,
        namespace: str,
        query: Mapping[str, str],
        token: str = "",
        *,
        accept: str = "",
    ) -> ObjectPage[T]:
        """Objects of a namespace as `read` makes them of the JSON of each."""
        what = f"listing {resource.label} in {namespace}"
        asked = {**query, "continue": token} if token else query
        form = f"{accept},application/json" if accept else "application/json"
        response = self.send("GET", _with(resource.path(namespace), asked), what=what, accept=form, most=MOST)
        if response.status == 410 and token:
            return ObjectPage((), str(_metadata_of(_object(response)).get("continue") or ""), expired=True)
        listed = _whole(checked(response, what), what)
        items = listed.get("items") or []
        return ObjectPage(tuple(map(read, items)), str(_metadata_of(listed).get("continue") or ""))

    def delete(self, resource: Resource, namespace: str, name: str, options: Mapping[str, Any]) -> Response:
        """Ask for one object to go; the answer is given as it is, whatever it says."""
        what = f"deleting {resource.label} in {namespace}"
        body = json.dumps({"apiVersion": "v1", "kind": "DeleteOptions", **options}).encode()
        return self.send("DELETE", resource.path(namespace, name), what=what, body=body)

    def send(  # noqa: PLR0913 - what a request is made of, by name
        self,
        method: str,
        path: str,
        *,
        what: str,
        accept: str = "",
        body: bytes = b"",
        kind: str = "application/json",
        most: int = 1 << 20,
    ) -> Response:
        """One request, whose body is of this kind. Raises Retryable, ActionError, and ConfigError for a cluster that is not known."""
        client, access = self._opened()
        headers = _headers(access, accept) | ({"Content-Type": kind} if body else {})
        # Whatever leaves here does no harm when it arrives again: a deletion names the object's uid.
        return client.request(
            method, access.server + path, what=what, headers=headers, body=body, limit=most, idempotent=True
        )

    def stream(self, path: str, query: Mapping[str, str], *, what: str) -> StreamedResponse:
        """An answer to be read piece by piece. Raises as `get`, when the status is none of success."""
        client, access = self._opened()
        answer = client.stream(access.server + _with(path, query), what=what, headers=_headers(access, ""))
        if answer.status == 200:
            return answer
        try:
            body = b"".join(piece for piece, _ in zip(answer.pieces(), range(4), strict=False))
        finally:
            answer.close()
        checked(Response(answer.status, answer.headers, body, answer.host), what)
        raise ActionError(f"{what}: {answer.host} answered {answer.status}, which is no log", reason="server")

    def _opened(self) -> tuple[Client, KubernetesAccess]:
        with self._lock:
            if self._client is None or self._access is None:
                self._access = access = self._find()
                self._client = Client(ca_file=access.ca_file, client_cert=access.client_cert, proxy=access.proxy)
            return self._client, self._access


def checked(response: Response, what: str) -> Response:
    """The response if it tells of success; else raises by the table of statuses, with the API's own words."""
    if 200 <= response.status <= 299:
        return response
    return check(replace(response, body=told(response).encode()), what, idempotent=True)


def told(response: Response) -> str:
    """What the API says of a request that failed: the message of its Status, or how its answer begins."""
    message = _object(response).get("message")
    return printable(redact(message[:2000]), 300) if isinstance(message, str) else response.excerpt


def _headers(access: KubernetesAccess, accept: str) -> dict[str, str]:
    value = access.authorization()
    return {"Accept": accept or "application/json"} | ({"Authorization": value} if value else {})


def _with(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def _object(response: Response) -> dict[str, Any]:
    """The answer's object, or an empty one."""
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(response: Response, what: str) -> dict[str, Any]:
    found = response.json()
    if not isinstance(found, dict):
        raise ActionError(f"{what}: {response.host} does not answer as Kubernetes does: correct the server")
    return found


def _metadata_of(one: Any) -> Mapping[str, Any]:
    found = one.get("metadata") if isinstance(one, dict) else None
    return found if isinstance(found, dict) else {}


def metadata_of(one: Any) -> ObjectMetadata:
    """What is known of an object, from its JSON."""
    metadata = _metadata_of(one)
    labels = metadata.get("labels")
    created = parse_moment(str(metadata.get("creationTimestamp") or ""))
    return ObjectMetadata(
        name=str(metadata.get("name") or ""),
        uid=str(metadata.get("uid") or ""),
        created=created.timestamp() if created else None,
        terminating=bool(metadata.get("deletionTimestamp")),
        finalizers=tuple(map(str, metadata.get("finalizers") or ())),
        labels=labels if isinstance(labels, dict) else {},
        node_id=str((metadata.get("annotations") or {}).get(_NODE_ID) or ""),
        namespace=str(metadata.get("namespace") or ""),
        owners=tuple(str(owner.get("uid")) for owner in metadata.get("ownerReferences") or ()),
    )
