"""What of a cluster belongs to the run itself, and must outlive it: its pod, its workflow, and who owns these."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from exitkit.argo.workflow import Workflow
from exitkit.clients.http import Response
from exitkit.clients.kubernetes import WORKFLOWS, Kube, ObjectMetadata, Resource, checked
from exitkit.clients.kubernetes.discovery import Discovery
from exitkit.retry import Retry

_PODS = Resource("", "v1", "pods", "Pod")
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
# https://argo-workflows.readthedocs.io/en/latest/workflow-concepts/ and workflow/common/common.go
_ON_EXIT = "workflows.argoproj.io/on-exit"
_MOST_OWNERS = 20  # a chain of owners has three or four; whoever writes a longer one wants something else


class Own:
    """What the workflow tells of itself, and why an object with one of these uids is its own.

    `notes` say what could not be found out.
    """

    def __init__(
        self, workflow: Workflow, owners: Mapping[str, str] | None = None, notes: tuple[str, ...] = ()
    ) -> None:
        self.workflow, self.owners, self.notes = workflow, owners or {}, notes

    def why(self, resource: Resource, one: ObjectMetadata) -> str:
        """What makes an object this run's own, or nothing."""
        workflow = self.workflow
        if workflow.uid and one.uid == workflow.uid:
            return "is the workflow"
        if one.uid in self.owners:
            return self.owners[one.uid]
        if resource.group == WORKFLOWS.group:
            own = {
                ("workflows", workflow.name): "is the workflow",
                ("workflowtasksets", workflow.name): "is part of the workflow",
                ("workflowtaskresults", workflow.node_id): "is what this pod reports with",
                ("cronworkflows", workflow.cron): "owns the workflow",
            }
            return own.get((resource.plural, one.name), "")
        return self._pod(one) if (resource.group, resource.plural) == ("", "pods") else ""

    def _pod(self, one: ObjectMetadata) -> str:
        """HOSTNAME may be cut or the node's, so Argo's annotation is looked at as well."""
        workflow = self.workflow
        if one.name == workflow.pod_name or (one.node_id and one.node_id == workflow.node_id):
            return "is the pod that this runs in"
        known = workflow.pod_name or workflow.node_id
        return "may be the pod that this runs in" if not known and one.labels.get(_ON_EXIT) == "true" else ""


def own(kube: Kube, retry: Retry, workflow: Workflow, namespace: str, discovery: Discovery) -> Own:
    """Asks who owns the workflow, and who owns that; whoever deletes an owner deletes what it owns.

    Where Argo does not run this, its pod is asked about too: it may be that of a Job. An owner is in the same
    namespace, so another one is not asked about. What may not be read is noted, and does without.
    """
    if workflow.namespace and namespace != workflow.namespace:
        return Own(workflow)
    search = _Search(kube, retry, namespace, discovery)
    if workflow.name:
        search.climb(WORKFLOWS, workflow.name, "owns the workflow")
    if workflow.pod_name and not workflow.node_id:
        search.climb(_PODS, workflow.pod_name, "owns the pod that this runs in")
    return Own(workflow, search.owners, tuple(search.notes))


class _Search:
    """From an object to its owners, and to theirs."""

    def __init__(self, kube: Kube, retry: Retry, namespace: str, discovery: Discovery) -> None:
        self.kube, self.retry, self.namespace, self.discovery = kube, retry, namespace, discovery
        self.owners: dict[str, str] = {}
        self.notes: list[str] = []

    def climb(self, resource: Resource, name: str, why: str) -> None:
        ways = [(resource, name)]
        while ways:
            for owner in self._owners(*ways.pop()):
                uid = str(owner.get("uid") or "")
                if not uid or uid in self.owners or len(self.owners) >= _MOST_OWNERS:
                    continue
                self.owners[uid] = why
                found = self.discovery.of_owner(str(owner.get("apiVersion") or ""), str(owner.get("kind") or ""))
                if found is not None and owner.get("name"):
                    ways.append((found, str(owner["name"])))

    def _owners(self, resource: Resource, name: str) -> Iterator[Mapping[str, Any]]:
        what = f"asking who owns {resource.label}/{name}"
        response = self.retry(partial(self._metadata, resource.path(self.namespace, name), what), safe=True)
        if response.status == 403:
            self.notes.append(
                f"who owns {self.namespace}/{resource.label}/{name} is not known: give the service account get on "
                f"{resource.label}"
            )
        found = response.json() if response.status == 200 else None
        metadata = found.get("metadata") if isinstance(found, dict) else None
        for one in (metadata.get("ownerReferences") or ()) if isinstance(metadata, dict) else ():
            if isinstance(one, dict):
                yield one

    def _metadata(self, path: str, what: str) -> Response:
        response = self.kube.send("GET", path, what=what, accept=_METADATA)
        return response if response.status in (403, 404) else checked(response, what)
