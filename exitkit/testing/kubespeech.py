"""How a Kubernetes API speaks: which kinds it has, how selectors select, and what a failure looks like."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exitkit.testing.http import Step, answer, answer_json

_ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_SET = re.compile(r"(\S+) (in|notin) \((.*)\)")


@dataclass(frozen=True)
class Kind:
    """A kind that the cluster has."""

    group: str
    version: str
    plural: str
    kind: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = _ALL

    def plain(self) -> dict[str, Any]:
        """As in an APIResourceList."""
        names = {"name": self.plural, "singularName": self.kind.lower(), "shortNames": list(self.short)}
        return {**names, "namespaced": self.namespaced, "kind": self.kind, "verbs": list(self.verbs)}

    def aggregated(self) -> dict[str, Any]:
        """As in an APIGroupDiscoveryList."""
        names = {"resource": self.plural, "singularResource": self.kind.lower(), "shortNames": list(self.short)}
        scope = "Namespaced" if self.namespaced else "Cluster"
        return {**names, "scope": scope, "responseKind": {"kind": self.kind}, "verbs": list(self.verbs)}

    def reference(self, metadata: Mapping[str, Any]) -> dict[str, str]:
        """As an owner is named in what it owns."""
        version = "/".join(filter(None, (self.group, self.version)))
        return {"apiVersion": version, "kind": self.kind, "name": metadata["name"], "uid": metadata["uid"]}


KINDS = (
    Kind("", "v1", "pods", "Pod", ("po",)),
    Kind("", "v1", "configmaps", "ConfigMap", ("cm",)),
    Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", ("pvc",)),
    Kind("", "v1", "nodes", "Node", ("no",), namespaced=False),
    Kind("", "v1", "bindings", "Binding", verbs=("create",)),
    Kind("batch.volcano.sh", "v1alpha1", "jobs", "Job", ("vcjob",)),
    Kind("apps", "v1", "deployments", "Deployment", ("deploy",)),
    Kind("batch", "v1", "jobs", "Job"),
    Kind("argoproj.io", "v1alpha1", "workflows", "Workflow", ("wf",)),
    Kind("argoproj.io", "v1alpha1", "cronworkflows", "CronWorkflow", ("cwf",)),
    Kind("example.com", "v1", "pipelines", "Pipeline"),
    Kind("example.com", "v1", "sites", "Site", namespaced=False),
    Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", ("netpol",)),
    Kind("crd.projectcalico.org", "v1", "networkpolicies", "NetworkPolicy"),
    Kind("tekton.example.com", "v1", "pipelines", "Pipeline"),
    Kind("sparkoperator.k8s.io", "v1beta2", "sparkapplications", "SparkApplication", ("sparkapp",)),
)


def discovery(kinds: Iterable[Kind], path: list[str], *, together: bool) -> Step:
    """The answer to /api/v1, /apis, /apis/group or /apis/group/version."""
    groups: dict[str, list[Kind]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, []).append(kind)
    if path[:2] == ["api", "v1"]:
        path = ["apis", "", "v1"]
    named = groups.get(path[1]) if len(path) > 1 else None
    if path == ["apis"]:
        added = {group: found for group, found in groups.items() if group}
        if together:
            items = [_together(group, found) for group, found in added.items()]
            return answer_json({"kind": "APIGroupDiscoveryList", "items": items})
        return answer_json({"kind": "APIGroupList", "groups": [_group(*one) for one in added.items()]})
    if named and len(path) == 2:
        return answer_json(_group(path[1], named))
    found = [one.plain() for one in named or () if one.version == path[2]]
    if not found:
        return answer(404, "404 page not found\n")
    return answer_json({"kind": "APIResourceList", "resources": [*found, {"name": "pods/log", "kind": "Pod"}]})


def fits_labels(labels: Mapping[str, str], selector: str) -> bool:
    """Whether a label selector selects this."""
    return all(_fits(labels, one.strip()) for one in re.split(r",(?![^(]*\))", selector) if one)


def fits_fields(body: Mapping[str, Any], selector: str) -> bool:
    """Whether a field selector of metadata and status selects this."""
    for part in filter(None, selector.split(",")):
        key, sign, value = re.split(r"(==|!=|=)", part, maxsplit=1)
        there: Any = body
        for name in key.split("."):
            there = there.get(name, "") if isinstance(there, dict) else ""
        if (there == value) is (sign == "!="):
            return False
    return True


def failure(code: int, reason: str, message: str, metadata: Mapping[str, str] | None = None) -> Step:
    """An answer with a Status that tells of a failure."""
    told = {"kind": "Status", "apiVersion": "v1", "metadata": dict(metadata or {}), "status": "Failure"}
    return answer_json({**told, "message": message, "reason": reason, "code": code}, code)


def _fits(labels: Mapping[str, str], one: str) -> bool:
    if match := _SET.fullmatch(one):
        values = [value.strip() for value in match[3].split(",")]
        return (labels.get(match[1]) in values) is (match[2] == "in")
    if "=" not in one:
        return (one.removeprefix("!") in labels) is not one.startswith("!")
    key, sign, value = re.split(r"(==|!=|=)", one, maxsplit=1)
    return (labels.get(key.strip()) == value.strip()) is not (sign == "!=")


def _group(name: str, kinds: list[Kind]) -> dict[str, Any]:
    versions = [
        {"groupVersion": f"{name}/{one}", "version": one} for one in dict.fromkeys(kind.version for kind in kinds)
    ]
    return {"kind": "APIGroup", "name": name, "versions": versions, "preferredVersion": versions[0]}


def _together(name: str, kinds: list[Kind]) -> dict[str, Any]:
    versions = dict.fromkeys(kind.version for kind in kinds)
    each = [
        {"version": one, "resources": [kind.aggregated() for kind in kinds if kind.version == one]} for one in versions
    ]
    return {"metadata": {"name": name}, "versions": each}
