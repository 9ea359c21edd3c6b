"""process.leftovers against real servers: Kubernetes' own API server with the Role of the manifest, versitygw, PostgreSQL."""

import json
import uuid
from collections import defaultdict

import boto3
import pytest

from exitkit.cleanup.kubernetes import Kubernetes
from exitkit.cli import run
from exitkit.process.leftovers import Leftovers
from exitkit.testing import context, failed_workflow

from .stores import *  # noqa: F403 - the places
from .test_cleanup_sql import ENCODED, NAME, OWN, Server, postgres  # noqa: F401 - the fixture

LABEL = "workflows.argoproj.io/workflow"
RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture
def bucket(s3_place):
    """A bucket that nobody has used, and its client."""
    name = s3_place.split("/")[2]
    return name, boto3.Session().client("s3", region_name="us-east-1")


@pytest.fixture
def space(cluster, monkeypatch, tmp_path):
    """A namespace in which an account has the rights that `exitkit manifest` prints for the step, and no more."""
    from controlplane import kubeconfig

    admin, name = cluster.admin, f"ns-{uuid.uuid4().hex[:8]}"
    admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "left"}}, name)
    rules = defaultdict(list)
    for right in Leftovers.rights({}):
        rules[right.group, right.verbs].append(right.resource)
    given = [
        {"apiGroups": [group], "resources": kinds, "verbs": list(verbs)} for (group, verbs), kinds in rules.items()
    ]
    admin.create({"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "left"}, "rules": given}, name)
    binding = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": "left"}}
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "left"}
    binding["subjects"] = [{"kind": "ServiceAccount", "name": "left", "namespace": name}]
    admin.create(binding, name)
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(kubeconfig(cluster.url, admin.token_of(name, "left"))))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return name


def test_a_real_cluster_tells_what_is_left_to_an_account_that_may_only_list(cluster, space):
    """Claims with their size, what they own, and which kinds the account may not list, by its own rules."""
    admin, mine = cluster.admin, {LABEL: NAME}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "work", "labels": mine}}
    claim["spec"] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    uid = admin.create(claim, space)["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "work", "uid": uid}
    for name, metadata in (
        ("owned", {"ownerReferences": [owner]}),
        ("mine", {"labels": mine}),
        ("foreign", {"labels": {LABEL: "train-other"}}),
    ):
        admin.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}, space)
    admin.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "labels": mine}}, space)
    workflow = failed_workflow(namespace=space)
    result = Leftovers().run(context(workflow=workflow))
    assert {left["name"]: left["bytes"] for left in result.facts["objects"]} == {
        "work": 10 << 30,
        "owned": None,
        "mine": None,
    }
    assert any("may not list" in note for note in result.notes)
    assert {"pods", "jobs.batch", "persistentvolumeclaims"} <= set(result.facts["lookedAt"])
    assert "secrets" not in result.facts["lookedAt"]
    # What is proposed, the real cleanup would delete, and that alone.
    told = Kubernetes(kinds=["configmaps", "persistentvolumeclaims"], selector=f"{LABEL}={NAME}").run(
        context(workflow=workflow, dry_run=True)
    )
    assert sorted(told.facts["examples"]) == [f"{space}/configmaps/mine", f"{space}/persistentvolumeclaims/work"]


def test_buckets_and_databases_are_told_and_their_steps_taken(bucket, postgres, tmp_path, monkeypatch, capsys):  # noqa: F811 - the fixture
    """On versitygw and PostgreSQL: the steps run dry, as they are printed, and find what was told."""
    name, client = bucket
    for key in (f"runs/{NAME}/a", f"runs/{NAME}/b/c", f"runs/{NAME}-2/x", "runs/other/x"):
        client.put_object(Bucket=name, Key=key, Body=b"12345")
    server = Server("postgresql", postgres)
    server.run(
        f"CREATE SCHEMA {OWN}_scratch",
        f"CREATE TABLE {OWN}_scratch.a AS SELECT generate_series(1, 10000) AS x",
        f'CREATE TABLE "{OWN}_b.c" (x int)',
        "CREATE TABLE other (x int)",
        "CREATE SCHEMA somebodys",
    )
    url = f"postgresql://ml:{ENCODED}@127.0.0.1:{postgres}/ml"
    facts = Leftovers(kubernetes=False, buckets=[f"s3://{name}/"], database=url).run(context()).facts
    assert [(left["place"], left["objects"], left["bytes"]) for left in facts["prefixes"]] == [
        (f"s3://{name}/runs/{NAME}/", 2, 10)
    ]
    assert [(left["name"], left["tables"], left["bytes"] > 100_000) for left in facts["schemas"]] == [
        (f"{OWN}_scratch", 1, True)
    ]
    assert [left["name"] for left in facts["tables"]] == [f"{OWN}_b.c"]
    plan = tmp_path / "cleanup.yaml"
    plan.write_text(facts["plan"])
    monkeypatch.setenv("EXITKIT_CLEANUP_SQL_URL", url)
    workflow = failed_workflow()
    argv = ["run", str(plan), "--dry-run", "--name", NAME, "--uid", workflow.uid, "--report-format", "json"]
    assert run(argv) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert sorted(example for step in steps for example in step["facts"]["examples"]) == sorted(
        [f"s3://{name}/runs/{NAME}/a", f"s3://{name}/runs/{NAME}/b/c", f'public."{OWN}_b.c"', f"{OWN}_scratch"]
    )
