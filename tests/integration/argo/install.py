"""What a namespace gets before workflows run in it: exitkit as `deploy/` has it, and rights for an account."""

import yaml
from exitpod import CHECKOUT

DEPLOY = CHECKOUT / "deploy"


def deployed():
    """The documents that `kubectl apply -k deploy` applies."""
    (kustomization,) = yaml.safe_load_all((DEPLOY / "kustomization.yaml").read_text())
    for name in kustomization["resources"]:
        yield from yaml.safe_load_all((DEPLOY / name).read_text())


def allow_executor(admin, namespace, account):
    """The least that Argo's executor needs in every pod: https://argo-workflows.readthedocs.io/en/latest/workflow-rbac/"""
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]
    name = f"executor-{account}"
    rbac = "rbac.authorization.k8s.io/v1"
    admin.create({"apiVersion": rbac, "kind": "Role", "metadata": {"name": name}, "rules": rules}, namespace)
    binding = {
        "apiVersion": rbac,
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    admin.create(binding, namespace)
