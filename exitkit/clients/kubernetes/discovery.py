"""From a kind as people write it (`pods`, `pvc`, `Job`, `jobs.batch`, `batch/v1/jobs`) to what the API calls it.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from exitkit.clients.kubernetes import MOST, Kube, Resource
from exitkit.errors import ActionError, ConfigError
from exitkit.retry import Retry

# https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles: every account may read all of it.
_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"  # from Kubernetes 1.26 on
_ACCEPT = ",".join([_AGGREGATED.format("v2"), _AGGREGATED.format("v2beta1"), "application/json"])
_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")
_API_VERSION = re.compile(r"([a-z0-9][a-z0-9.-]{0,252}/)?[a-z0-9][a-z0-9-]{0,62}")  # it becomes part of a path
_NEEDED = frozenset({"list", "delete"})
_RULES = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

# Kubernetes' own groups with a dot in them; those without one nobody else can have. A name in .k8s.io alone says
# nothing, as others get such names too. https://kubernetes.io/docs/reference/kubernetes-api/
_OWN_GROUPS = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
)

# Its kinds that belong to no namespace, by any of their names: `kubectl api-resources --namespaced=false`.
_OF_THE_CLUSTER: Mapping[str, frozenset[str]] = {
    group: frozenset(names.split())
    for group, names in {
        "": "namespaces namespace ns nodes node no persistentvolumes persistentvolume pv "
        "componentstatuses componentstatus cs",
        "admissionregistration.k8s.io": "mutatingwebhookconfigurations mutatingwebhookconfiguration "
        "validatingwebhookconfigurations validatingwebhookconfiguration",
        "apiextensions.k8s.io": "customresourcedefinitions customresourcedefinition crds crd",
        "apiregistration.k8s.io": "apiservices apiservice",
        "certificates.k8s.io": "certificatesigningrequests certificatesigningrequest csr",
        "networking.k8s.io": "ingressclasses ingressclass",
        "node.k8s.io": "runtimeclasses runtimeclass",
        "rbac.authorization.k8s.io": "clusterroles clusterrole clusterrolebindings clusterrolebinding",
        "scheduling.k8s.io": "priorityclasses priorityclass pc",
        "storage.k8s.io": "storageclasses storageclass sc csidrivers csidriver csinodes csinode "
        "volumeattachments volumeattachment",
    }.items()
}


# Kinds of a namespace, each with the names that kubectl has for it, the plural first: `kubectl api-resources`.
_WELL_KNOWN = {
    "": (
        "pods pod po",
        "persistentvolumeclaims persistentvolumeclaim pvc",
        "configmaps configmap cm",
        "secrets secret",
        "services service svc",
        "serviceaccounts serviceaccount sa",
        "replicationcontrollers replicationcontroller rc",
        "endpoints ep",
        "events event ev",
    ),
    "apps": (
        "deployments deployment deploy",
        "statefulsets statefulset sts",
        "daemonsets daemonset ds",
        "replicasets replicaset rs",
    ),
    "batch": ("jobs job", "cronjobs cronjob cj"),
    "argoproj.io": (
        "workflows workflow wf",
        "cronworkflows cronworkflow cwf",
        "workflowtemplates workflowtemplate wftmpl",
    ),
    "networking.k8s.io": ("ingresses ingress ing", "networkpolicies networkpolicy netpol"),
    "policy": ("poddisruptionbudgets poddisruptionbudget pdb",),
    "autoscaling": ("horizontalpodautoscalers horizontalpodautoscaler hpa",),
}


@dataclass(frozen=True)
class Listable:
    """A kind of a namespace that can be listed, as far as the API goes; `deletable` is one that can be deleted too.

    `allowed` says whether the account may list it, and is None where that is not known.
    """

    resource: Resource
    deletable: bool
    allowed: bool | None = None


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


def check(kind: str) -> None:
    """Raises ConfigError where it is known without asking that the kind belongs to no namespace.

    Of a kind that was added to a cluster only the cluster knows; see `Discovery.resolve`.
    """
    asked = _asked(kind)
    groups = _OF_THE_CLUSTER if asked.group is None else {asked.group}
    if any(asked.name.lower() in _OF_THE_CLUSTER.get(group, ()) for group in groups):
        raise ConfigError(f"{kind} belong to no namespace, and only what is in one is deleted: leave it out")


def well_known(kind: str) -> tuple[str, str]:
    """The group and plural of a kind, without asking a cluster. Raises ConfigError where only a cluster could tell.

    A plural with its group is taken as it is; of one of Kubernetes' own or Argo's any of its names will do.
    """
    asked, name = _asked(kind), _asked(kind).name.lower()
    for group, kinds in _WELL_KNOWN.items():
        for names in kinds:
            if name in names.split() and asked.group in (None, group):
                return group, names.split()[0]
    if asked.group and asked.name.islower() and asked.name.endswith("s"):
        return asked.group, asked.name
    raise ConfigError(
        f"{kind}: what the API calls it is not known here: write its plural and group, such as jobs.batch"
    )


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


class Discovery:
    """What the cluster tells of its kinds, each part read once and when it is needed."""

    def __init__(self, kube: Kube, retry: Retry) -> None:
        self._kube, self._retry = kube, retry
        self._read: dict[str, Any] = {}

    def resolve(self, kinds: Iterable[str]) -> list[Resource]:
        """What each kind is called, in their order and without repetition.

        Raises ActionError for a kind that is not there, has no namespace, or cannot be listed and deleted.
        """
        return list(dict.fromkeys(_usable(kind, self._find(kind)) for kind in kinds))

    def listable(self, namespace: str) -> list[Listable]:
        """All kinds of a namespace that can be listed, each in the version that is preferred. Raises ActionError."""
        may = self._may_list(namespace)
        kinds: dict[tuple[str, str], Listable] = {}
        for one in (*self._of("", "v1"), *self._everything()):
            if one.namespaced and "list" in one.verbs:
                resource = one.resource
                allowed = None if may is None else may(resource)
                found = Listable(resource, "delete" in one.verbs, allowed)
                kinds.setdefault((resource.group, resource.plural), found)
        return list(kinds.values())

    def _may_list(self, namespace: str) -> Callable[[Resource], bool] | None:
        """What the account may list by its own rules, which every account may ask for; None where they do not say all.

        https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/
        """
        body = json.dumps({"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1",
                           "spec": {"namespace": namespace}}).encode()  # fmt: skip
        what = "asking what the account may list"
        send = partial(self._kube.send, "POST", _RULES, what=what, body=body, most=MOST)
        response = self._retry(send, safe=True)
        found = response.json() if response.status == 201 else None
        status = found.get("status") if isinstance(found, dict) else None
        if not isinstance(status, dict) or status.get("incomplete"):
            return None
        rules = [rule for rule in status.get("resourceRules") or () if isinstance(rule, dict)]
        return lambda resource: any(_allows(rule, resource) for rule in rules)

    def of_owner(self, api_version: str, kind: str) -> Resource | None:
        """What an ownerReference names, such as Job of batch/v1; None where it is not there or in no namespace."""
        if not _API_VERSION.fullmatch(api_version):
            return None
        group, _, version = api_version.rpartition("/")
        found = (one for one in self._of(group, version) if one.resource.kind == kind and one.namespaced)
        return next((one.resource for one in found), None)

    def _find(self, kind: str) -> _Known:
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
                if _is_own(one.resource.group):
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
        groups = sorted(found.get("groups") or (), key=lambda one: not _is_own(one["name"]))
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


def _allows(rule: Mapping[str, Any], resource: Resource) -> bool:
    """Whether a rule lets its account list all objects of a kind."""
    if rule.get("resourceNames"):
        return False
    parts = (("verbs", "list"), ("apiGroups", resource.group), ("resources", resource.plural))
    return all({"*", wanted} & set(rule.get(part) or ()) for part, wanted in parts)


def _is_own(group: str) -> bool:
    return "." not in group or group in _OWN_GROUPS


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
