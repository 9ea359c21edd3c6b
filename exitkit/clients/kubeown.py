"""What of a cluster belongs to the run itself, and must outlive it: its pod, its workflow, and who owns that."""

from collections.abc import Iterable
from functools import partial

from exitkit.clients.kube import Found, Kube, Resource
from exitkit.retry import Retry
from exitkit.workflow import Workflow

_WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow")
_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
# https://argo-workflows.readthedocs.io/en/latest/workflow-concepts/ and workflow/common/common.go
_ON_EXIT = "workflows.argoproj.io/on-exit"


class Own:
    """What the workflow tells of itself, and the uids of what owns it."""

    def __init__(self, workflow: Workflow, owners: Iterable[str] = ()) -> None:
        self.workflow, self.owners = workflow, frozenset(owners)

    def why(self, resource: Resource, one: Found) -> str:
        """What makes an object this run's own, or nothing."""
        workflow = self.workflow
        if workflow.uid and one.uid == workflow.uid:
            return "is the workflow"
        if one.uid in self.owners:
            return "owns the workflow"
        if resource.group == _WORKFLOWS.group:
            own = {
                ("workflows", workflow.name): "is the workflow",
                ("workflowtasksets", workflow.name): "is part of the workflow",
                ("workflowtaskresults", workflow.node_id): "is what this pod reports with",
                ("cronworkflows", workflow.cron): "owns the workflow",
            }
            return own.get((resource.plural, one.name), "")
        return self._pod(one) if (resource.group, resource.plural) == ("", "pods") else ""

    def _pod(self, one: Found) -> str:
        """HOSTNAME may be cut or the node's, so Argo's annotation is looked at as well."""
        workflow = self.workflow
        if one.name == workflow.pod_name or (one.node_id and one.node_id == workflow.node_id):
            return "is the pod that this runs in"
        known = workflow.pod_name or workflow.node_id
        return "may be the pod that this runs in" if not known and one.labels.get(_ON_EXIT) == "true" else ""


def own(kube: Kube, retry: Retry, workflow: Workflow, namespace: str, resources: Iterable[Resource]) -> Own:
    """Asks who owns the workflow where that may be among these kinds, and does without where it may not be read.

    Only kinds that were added to Kubernetes own workflows, and an owner is in the same namespace.
    """
    added = any("." in one.group and not one.group.endswith(".k8s.io") for one in resources)
    if not added or not workflow.name:
        return Own(workflow)
    path = _WORKFLOWS.path(namespace, workflow.name)
    ask = partial(kube.get, path, what="asking who owns the workflow", accept=_METADATA, missing=(403, 404))
    found = retry(ask, safe=True) or {}
    owners = (found.get("metadata") or {}).get("ownerReferences") or ()
    return Own(workflow, (str(one.get("uid")) for one in owners))
