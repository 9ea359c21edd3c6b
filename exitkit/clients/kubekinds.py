"""From a kind as people write it (`pods`, `pvc`, `Job`, `jobs.batch`, `batch/v1/jobs`) to what the API calls it.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from exitkit.clients.kube import Kube, Resource
from exitkit.errors import ActionError
from exitkit.retry import Retry

# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles: every account may read all of it.
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"  # from Kubernetes 1.26 on
_ACCEPT = ",".join([_AGGREGATED.format("v2"), _AGGREGATED.format("v2beta1"), "application/json"])
_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")
_NEEDED = frozenset({"list", "delete"})


@dataclass(frozen=True)
class _Known:
    """A kind that the cluster has."""

    resource: Resource
    namespaced: bool
    verbs: frozenset[str]
    names: frozenset[str]

    def means(self, name: str) -> bool:
        return name.lower() in self.names


@dataclass(frozen=True)
class _Asked:
    """A kind as it was written: its name, and the group and version if they were. No group is ""; None is any."""

    name: str
    group: str | None = None
    version: str = ""


def resolve(kube: Kube, retry: Retry, kinds: Iterable[str]) -> list[Resource]:
    """What each kind is called, in their order and without repetition. Asks for no more than it takes.

    Raises ActionError for a kind that is not there, has no namespace, or cannot be listed and deleted.
    """
    discovery = _Discovery(kube, retry)
    return list(dict.fromkeys(_usable(kind, discovery.find(kind)) for kind in kinds))


def _usable(kind: str, known: _Known) -> Resource:
    label = known.resource.label
    if not known.namespaced:
        told = f"{kind}: {label} belong to no namespace, and only what is in one is deleted: leave it out"
        raise ActionError(told, reason="client")
    if not known.verbs >= _NEEDED:
        raise ActionError(f"{kind}: {label} cannot be listed and deleted: leave it out", reason="client")
    return known.resource


def _asked(kind: str) -> _Asked:
    parts = kind.split("/")
    if len(parts) == 3:
        return _Asked(parts[2], parts[0], parts[1])
    if len(parts) == 2:
        return _Asked(parts[1], "", parts[0]) if _VERSION.fullmatch(parts[0]) else _Asked(parts[1], parts[0])
    name, dot, group = kind.partition(".")
    version, _, rest = group.partition(".")
    if rest and _VERSION.fullmatch(version):
        return _Asked(name, rest, version)
    return _Asked(name, group) if dot else _Asked(name)


class _Discovery:
    """What the cluster tells of its kinds, each part read once and when it is needed."""

    def __init__(self, kube: Kube, retry: Retry) -> None:
        self._kube, self._retry = kube, retry
        self._read: dict[str, Any] = {}

    def find(self, kind: str) -> _Known:
        asked = _asked(kind)
        if asked.group is None:
            found = self._anywhere(asked.name)
        else:
            versions = [asked.version] if asked.version else self._versions(asked.group)
            found = [one for each in versions for one in self._of(asked.group, each) if one.means(asked.name)][:1]
        if not found:
            raise ActionError(f"{kind}: this cluster has no such kind{self._nearest(kind)}", reason="client")
        if len(found) > 1:
            labels = " and ".join(one.resource.label for one in found)
            raise ActionError(f"{kind} is the name of {labels}: write which of them is meant", reason="client")
        return found[0]

    def _anywhere(self, name: str) -> list[_Known]:
        """Kubernetes' own kinds go before those that were added: a plan means the same wherever it runs."""
        core = [one for one in self._of("", "v1") if one.means(name)]
        if core:
            return core[:1]
        found: dict[str, _Known] = {}
        for one in self._everything():
            if one.means(name):
                found.setdefault(one.resource.group, one)
                if "." not in one.resource.group:  # apps, batch, policy: nobody else has such names
                    return [one]
        return list(found.values())

    def _versions(self, group: str) -> list[str]:
        """The versions of a group, the preferred one first; none where there is no such group."""
        if group == "":
            return ["v1"]
        return _in_order(self._get(f"/apis/{group}"))

    def _of(self, group: str, version: str) -> Iterator[_Known]:
        found = self._get(f"/apis/{group}/{version}" if group else f"/api/{version}")
        for one in found.get("resources") or ():
            if "/" not in one["name"]:  # a subresource such as pods/log
                resource = Resource(group, version, one["name"], one["kind"])
                yield _known(resource, one, one.get("singularName"), namespaced=bool(one.get("namespaced")))

    def _everything(self) -> Iterator[_Known]:
        """All kinds beyond the core ones; with one request where the API can tell them at once.

        Else group by group, Kubernetes' own first, for as long as somebody wants more.
        """
        found = self._get("/apis", accept=_ACCEPT)
        if found.get("kind") == "APIGroupDiscoveryList":
            for group in found.get("items") or ():
                for version in group.get("versions") or ():
                    yield from _aggregated(group["metadata"]["name"], version)
            return
        groups = sorted(found.get("groups") or (), key=lambda one: "." in one["name"])
        for group in groups:
            for version in _in_order(group):
                yield from self._of(group["name"], version)

    def _nearest(self, kind: str) -> str:
        known: dict[str, str] = {}
        for one in (*self._of("", "v1"), *self._everything()):
            if one.namespaced and one.verbs >= _NEEDED:
                known.setdefault(one.resource.plural, one.resource.label)
                known[one.resource.label] = one.resource.label
        close = difflib.get_close_matches(kind.lower().rpartition("/")[2], known, n=1)
        return f"; did you mean {known[close[0]]!r}?" if close else ": is its definition installed?"

    def _get(self, path: str, accept: str = "application/json") -> dict[str, Any]:
        if path not in self._read:
            ask = partial(self._kube.get, path, what="asking which kinds there are", accept=accept, missing=(404,))
            self._read[path] = self._retry(ask, safe=True) or {}
        found: dict[str, Any] = self._read[path]
        return found


def _in_order(group: dict[str, Any]) -> list[str]:
    preferred = (group.get("preferredVersion") or {}).get("version")
    versions = [one["version"] for one in group.get("versions") or ()]
    return sorted(versions, key=lambda one: one != preferred)


def _aggregated(group: str, version: dict[str, Any]) -> Iterator[_Known]:
    for one in version.get("resources") or ():
        resource = Resource(group, version["version"], one["resource"], (one.get("responseKind") or {}).get("kind", ""))
        yield _known(resource, one, one.get("singularResource"), namespaced=one.get("scope") == "Namespaced")


def _known(resource: Resource, one: dict[str, Any], singular: str | None, *, namespaced: bool) -> _Known:
    names = {resource.plural, resource.kind, singular or "", *(one.get("shortNames") or ())} - {""}
    verbs = frozenset(one.get("verbs") or ())
    return _Known(resource, namespaced, verbs, frozenset(name.lower() for name in names))
