"""A Kubernetes API that keeps state: kinds, objects, selectors, pages, deletion as the real one has it, and logs.

    with ScriptedKube() as cluster:
        cluster.add("pods", "train-x7k2p-1", labels={"workflows.argoproj.io/workflow": "train-x7k2p"})
        action.run(...)  # with the kubeconfig that cluster.kubeconfig(folder) writes
    assert cluster.names("pods") == []

What it does not know it refuses with a 404, as the real one does.
"""

import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from exitkit.testing.http import Exchange, Request, Step, answer, answer_json
from exitkit.testing.kubespeech import KINDS, Kind, discovery, failure, fits_fields, fits_labels
from exitkit.testing.server import Connection, Scripted

TOKEN = "token-of-a-service-account-for-tests"  # noqa: S105 - and for nothing else
_PARTIAL = "as=PartialObjectMetadata"


@dataclass
class _Object:
    kind: Kind
    body: dict[str, Any]
    linger: int = 0  # listings that still show it after it was asked to go

    @property
    def metadata(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body["metadata"]
        return found


@dataclass(eq=False)
class ScriptedKube(Scripted[None]):
    """The cluster. `requests` are all that came; `forbidden` are verbs and kinds, such as `delete pods`.

    `aggregated` says whether it tells of all kinds at once. `page` is the most it lists in one answer.
    `expiring` pages are not kept until they are asked for, and `leads_on` says whether a token for what is
    there now is given then. `rules` are what the account is told that it may do, where it can be asked. `logs` are by
    `pod/container`, text or a step to play.
    """

    kinds: tuple[Kind, ...] = KINDS
    aggregated: bool = True
    page: int = 500
    expiring: int = 0
    leads_on: bool = True
    tls: bool = False
    forbidden: set[str] = field(default_factory=set)
    rules: list[Mapping[str, Any]] | None = None
    logs: dict[str, str | bytes | Step] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__((), tls=self.tls, certificate="localhost")
        self._objects: list[_Object] = []
        self._faults: list[tuple[str, str, Step]] = []
        self._numbers = itertools.count(1)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def kubeconfig(self, folder: Path) -> Path:
        """A file that leads here, as the account with `TOKEN`."""
        path = folder / "kubeconfig"
        cluster = {"server": self.url} | ({"certificate-authority": self.ca_file} if self.tls else {})
        path.write_text(
            json.dumps(
                {
                    "current-context": "test",
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
                    "clusters": [{"name": "test", "cluster": cluster}],
                    "users": [{"name": "test", "user": {"token": TOKEN}}],
                }
            )
        )
        return path

    def add(  # noqa: PLR0913 - what an object has, by name
        self,
        plural: str,
        name: str,
        *,
        namespace: str = "ml",
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        finalizers: Iterable[str] = (),
        owners: Iterable[str] = (),
        created: str = "2026-08-21T12:00:00Z",
        linger: int = 0,
        status: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> str:
        """An object of the first kind of this name, or of one like `jobs.batch`; its uid. `owners` are uids."""
        uid = f"00000000-0000-4000-8000-{next(self._numbers):012d}"
        kind = next(one for one in self.kinds if plural in (one.plural, f"{one.plural}.{one.group}"))
        there = {one.metadata["uid"]: one.kind.reference(one.metadata) for one in self._objects}
        metadata = {"name": name, "namespace": namespace, "uid": uid, "creationTimestamp": created}
        metadata |= {"labels": dict(labels or {}), "annotations": dict(annotations or {})}  # type: ignore[dict-item]
        metadata |= {"finalizers": list(finalizers), "ownerReferences": [there[one] for one in owners]}  # type: ignore[dict-item]
        body = {"metadata": metadata, "spec": {"much": "x" * 1000, **(spec or {})}, "status": dict(status or {})}
        self._objects.append(_Object(kind, body, linger))
        return uid

    def replace(self, plural: str, name: str) -> str:
        """Somebody deletes the object and makes another one of the same name; the new one's uid."""
        one = next(one for one in self._objects if one.kind.plural == plural and one.metadata["name"] == name)
        one.metadata["uid"] = f"00000000-0000-4000-8000-{next(self._numbers):012d}"
        return str(one.metadata["uid"])

    def release(self, finalizer: str) -> None:
        """Whoever holds objects with this finalizer lets go."""
        for one in self._objects:
            one.metadata["finalizers"] = [each for each in one.metadata["finalizers"] if each != finalizer]
        self._objects = [one for one in self._objects if not (_ends(one) and not one.metadata["finalizers"])]

    def names(self, plural: str, namespace: str = "ml") -> list[str]:
        """What is there, in the order in which it was added."""
        there = [one for one in self._objects if one.kind.plural == plural]
        return [one.metadata["name"] for one in there if one.metadata["namespace"] == namespace]

    def fault(self, method: str, fragment: str, step: Step) -> None:
        """Play a step for the next request of this method whose path has this in it."""
        self._faults.append((method, fragment, step))

    def sent(self, method: str) -> list[str]:
        """The paths of all requests with this method, in order."""
        return [one.path for one in self.requests if one.method == method]

    def serve(self, connection: Connection) -> None:
        if self.tls:
            connection.secure(self.context())
        while connection.reader.peek(1):
            exchange = Exchange(connection, self.requests)
            request = exchange.read()
            with self._lock:
                step = self._planned(request) or self._answer(request)
            step(exchange)
            if not exchange.again:
                return

    def _planned(self, request: Request) -> Step | None:
        for one in self._faults:
            if one[0] == request.method and one[1] in request.path:
                self._faults.remove(one)
                return one[2]
        return None

    def _answer(self, request: Request) -> Step:
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        path = [unquote(part) for part in parts.path.strip("/").split("/")]
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return failure(401, "Unauthorized", "Unauthorized")
        group, rest = ("", path[1:]) if path[0] == "api" else (path[1] if len(path) > 1 else "", path[2:])
        if path[-1] == "selfsubjectrulesreviews" and self.rules is not None:
            return answer_json({"status": {"resourceRules": self.rules, "incomplete": False}}, 201)
        if path[0] not in ("api", "apis") or len(rest) < 3:
            together = self.aggregated and "as=APIGroupDiscoveryList" in request.headers.get("accept", "")
            return discovery(self.kinds, path, together=together)
        version, where, namespace, plural, *name = rest
        kind = next(
            (one for one in self.kinds if (one.group, one.version, one.plural) == (group, version, plural)), None
        )
        if kind is None or where != "namespaces":
            return answer(404, "404 page not found\n")
        if name[1:] == ["log"]:
            return self._log(name[0], query)
        verb = {"GET": "get" if name else "list", "DELETE": "delete"}.get(request.method, "create")
        if f"{verb} {plural}" in self.forbidden:
            told = f'{plural} is forbidden: User "system:serviceaccount:ml:exitkit" cannot {verb} resource "{plural}"'
            return failure(403, "Forbidden", f'{told} in API group "{group}" in the namespace "{namespace}"')
        there = [one for one in self._objects if one.kind is kind and one.metadata["namespace"] == namespace]
        if verb == "list":
            return self._list(there, query, partial=_PARTIAL in request.headers.get("accept", ""))
        one = next((one for one in there if one.metadata["name"] == name[0]), None)
        if one is None:
            return failure(404, "NotFound", f'{plural} "{name[0]}" not found')
        return answer_json(one.body) if verb == "get" else self._delete(one, request)

    def _list(self, there: list[_Object], query: Mapping[str, str], *, partial: bool) -> Step:
        there = [one for one in there if fits_labels(one.metadata["labels"], query.get("labelSelector", ""))]
        there = [one for one in there if fits_fields(one.body, query.get("fieldSelector", ""))]
        for one in [one for one in there if _ends(one) and not one.metadata["finalizers"]]:
            one.linger -= 1
            if one.linger < 0:
                self._objects.remove(one)
                there.remove(one)
        there.sort(key=lambda one: one.metadata["name"])
        token = query.get("continue", "")
        if token and self.expiring > 0:
            self.expiring -= 1
            metadata = {"continue": token} if self.leads_on else {}
            return failure(410, "Expired", "The provided continue parameter is too old", metadata)
        rest = [one for one in there if one.metadata["name"] > token]
        most = min(int(query.get("limit") or self.page), self.page)
        more = {"continue": rest[most - 1].metadata["name"]} if len(rest) > most else {}
        items = [{"metadata": one.metadata} if partial else one.body for one in rest[:most]]
        return answer_json({"kind": "List", "metadata": more, "items": items})

    def _delete(self, one: _Object, request: Request) -> Step:
        options = request.json() if request.body else {}
        wanted = (options.get("preconditions") or {}).get("uid")
        if wanted and wanted != one.metadata["uid"]:
            told = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {one.metadata['uid']}"
            return failure(409, "Conflict", told)
        if options.get("propagationPolicy") == "Foreground" and any(
            one.metadata["uid"] in [owner["uid"] for owner in each.metadata["ownerReferences"]]
            for each in self._objects
        ):
            one.metadata["finalizers"].append("foregroundDeletion")
        if one.metadata["finalizers"] or one.linger:
            one.metadata["deletionTimestamp"] = "2026-08-21T13:00:00Z"
            return answer_json(one.body)
        self._objects.remove(one)
        return answer_json({"kind": "Status", "status": "Success"})

    def _log(self, pod: str, query: Mapping[str, str]) -> Step:
        found = self.logs.get(f"{pod}/{query.get('container', '')}")
        if found is None:
            return failure(404, "NotFound", f'pods "{pod}" not found')
        if not isinstance(found, str | bytes):
            return found
        data = found.encode() if isinstance(found, str) else found
        tail = int(query.get("tailLines", "0"))
        lines = data.splitlines(keepends=True)
        data = b"".join(lines[-tail:] if tail else lines)[: int(query.get("limitBytes") or len(data))]
        return _chunked(data)


def _ends(one: _Object) -> bool:
    return "deletionTimestamp" in one.metadata


def _chunked(data: bytes) -> Step:
    """As kubelet sends a log, whose length it does not know."""

    def play(exchange: Exchange) -> None:
        exchange.read()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for begin in range(0, len(data), 1000):
            piece = data[begin : begin + 1000]
            exchange.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        exchange.send(b"0\r\n\r\n")
        exchange.again = True

    return play
