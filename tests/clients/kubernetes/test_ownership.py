"""What belongs to the run itself: its pod, its workflow, and who owns these."""

from dataclasses import replace

import pytest

from exitkit.clients.kubernetes import Kube, ObjectMetadata, Resource, find
from exitkit.clients.kubernetes.discovery import Discovery
from exitkit.clients.kubernetes.ownership import Own, own
from exitkit.errors import ActionError
from exitkit.testing import context, failed_workflow
from exitkit.testing.http import answer
from exitkit.testing.kube import ScriptedKube

PODS = Resource("", "v1", "pods", "Pod")
SPACE = failed_workflow().namespace
NAME = failed_workflow().name
UNDER_ARGO = replace(failed_workflow(pod_name="exit-pod"), node_id="n-1")
IN_A_JOB = replace(failed_workflow(pod_name="job-abc"), node_id="")


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


@pytest.fixture
def asked(cluster, tmp_path):
    path = str(cluster.kubeconfig(tmp_path))

    def ask(workflow=UNDER_ARGO, namespace=SPACE):
        retry = context().retry
        with Kube(lambda: find.find(path, "", retry.deadline.clock)) as kube:
            return own(kube, retry, workflow, namespace, Discovery(kube, retry))

    return ask


def add(cluster, kind, name, *owners):
    return cluster.add(kind, name, namespace=SPACE, owners=owners)


@pytest.mark.parametrize(
    ("resource", "one", "why"),
    [
        (PODS, ObjectMetadata("exit-pod", "u"), "is the pod"),
        (PODS, ObjectMetadata("a", "u", node_id="n-1"), "is the pod"),
        (PODS, ObjectMetadata("a", "u", node_id="n-2"), ""),
        (PODS, ObjectMetadata("a", "u", labels={"workflows.argoproj.io/on-exit": "true"}), ""),
        (Resource("argoproj.io", "v1alpha1", "workflows"), ObjectMetadata(NAME, "u"), "is the workflow"),
        (Resource("argoproj.io", "v1alpha1", "workflows"), ObjectMetadata("other", UNDER_ARGO.uid), "is the workflow"),
        (Resource("argoproj.io", "v1alpha1", "workflowtasksets"), ObjectMetadata(NAME, "u"), "is part of"),
        (
            Resource("argoproj.io", "v1alpha1", "workflowtaskresults"),
            ObjectMetadata("n-1", "u"),
            "is what this pod reports",
        ),
        (Resource("argoproj.io", "v1alpha1", "workflows"), ObjectMetadata("other", "u"), ""),
        (Resource("x.io", "v1", "things"), ObjectMetadata("a", "owner"), "owns the workflow"),
        (Resource("batch", "v1", "jobs"), ObjectMetadata("exit-pod", "u"), ""),
    ],
)
def test_what_is_a_runs_own(resource, one, why):
    """Its pod by name and by Argo's annotation, its workflow and parts of it, its owner."""
    found = Own(UNDER_ARGO, {"owner": "owns the workflow"}).why(resource, one)
    assert found.startswith(why)
    assert bool(found) is bool(why)


def test_the_schedule_that_made_the_workflow_is_its_own():
    """Known by its label, also where the workflow itself may not be read."""
    made = replace(UNDER_ARGO, labels={"workflows.argoproj.io/cron-workflow": "nightly"})
    schedules = Resource("argoproj.io", "v1alpha1", "cronworkflows")
    assert Own(made).why(schedules, ObjectMetadata("nightly", "u")) == "owns the workflow"
    assert Own(made).why(schedules, ObjectMetadata("weekly", "u")) == ""


@pytest.mark.parametrize("kind", ["configmaps", "jobs.batch", "pipelines.example.com", "sparkapplications"])
def test_an_owner_may_be_of_any_kind(cluster, asked, kind):
    """Kubernetes' own, added, and added under a name like those of its own."""
    owner = add(cluster, kind, "owner")
    add(cluster, "workflows", NAME, owner)
    assert asked().owners == {owner: "owns the workflow"}


def test_owners_of_owners_are_followed(cluster, asked):
    """Whoever deletes the first of them deletes all that follow; one that owns twice is asked about once."""
    top = add(cluster, "pipelines.example.com", "top")
    left, right = add(cluster, "configmaps", "left", top), add(cluster, "jobs.batch", "right", top)
    add(cluster, "workflows", NAME, left, right)
    assert set(asked().owners) == {top, left, right}
    assert sum("/pipelines/top" in path for path in cluster.sent("GET")) == 1


def test_a_circle_of_owners_ends(cluster, asked):
    """The API server lets one be made."""
    one = add(cluster, "configmaps", "one")
    two = add(cluster, "configmaps", "two", one)
    cluster._objects[0].metadata["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "two", "uid": two}
    ]
    add(cluster, "workflows", NAME, two)
    assert set(asked().owners) == {one, two}


def test_a_chain_without_an_end_is_not_followed_for_ever(cluster, asked):
    """Twenty are enough."""
    last = ""
    for number in range(30):
        last = add(cluster, "configmaps", f"c-{number}", *([last] if last else []))
    add(cluster, "workflows", NAME, last)
    assert len(asked().owners) == 20


def test_outside_of_argo_the_owners_of_its_pod_are_its_own(cluster, asked):
    """A Job that runs this must not delete itself; under Argo the pod is the workflow's, and nobody asks."""
    job = add(cluster, "jobs.batch", "job")
    add(cluster, "pods", "job-abc", job)
    add(cluster, "workflows", NAME)
    assert asked(IN_A_JOB).owners == {job: "owns the pod that this runs in"}
    cluster.requests.clear()
    assert asked(UNDER_ARGO).owners == {}
    assert not any("/pods/" in path for path in cluster.sent("GET"))


def test_in_another_namespace_there_is_no_owner(cluster, asked):
    """An owner is in the namespace of what it owns, so nothing is asked."""
    assert asked(namespace="elsewhere").owners == {}
    assert cluster.requests == []


def test_a_namespace_that_is_not_known_is_taken_for_the_workflows(cluster, asked):
    """Rather asked about than deleted."""
    owner = add(cluster, "configmaps", "owner")
    add(cluster, "workflows", NAME, owner)
    assert set(asked(replace(UNDER_ARGO, namespace="")).owners) == {owner}


def test_what_may_not_be_read_is_noted(cluster, asked):
    """The deletion goes on; the note says which right tells more, for owners of owners too."""
    owner = add(cluster, "pipelines.example.com", "owner")
    add(cluster, "workflows", NAME, owner)
    cluster.forbidden = {"get pipelines"}
    found = asked()
    assert set(found.owners) == {owner}
    assert [note.partition(": ")[2] for note in found.notes] == [
        "give the service account get on pipelines.example.com"
    ]
    cluster.forbidden = {"get workflows"}
    found = asked()
    assert found.owners == {}
    assert found.notes[0].startswith(f"who owns {SPACE}/workflows.argoproj.io/{NAME} is not known: give")


def test_a_workflow_that_is_gone_has_no_owners(asked):
    """It is in the archive alone."""
    assert (asked().owners, asked().notes) == ({}, ())


@pytest.mark.parametrize(
    "reference",
    [
        {"uid": "u"},
        {"uid": "u", "apiVersion": "../../x/v1", "kind": "Job", "name": "a"},
        {"uid": "u", "apiVersion": "v1?watch=1", "kind": "Pod", "name": "a"},
        {"uid": "u", "apiVersion": "gone.example.com/v1", "kind": "Gone", "name": "a"},
        {"uid": "u", "apiVersion": "v1", "kind": "Node", "name": "a"},
        {"uid": "u", "apiVersion": "v1", "kind": "Pod", "name": ""},
    ],
)
def test_a_reference_that_leads_nowhere_is_an_owner_all_the_same(cluster, asked, reference):
    """Its uid is enough to leave it; what others wrote never becomes a path."""
    add(cluster, "workflows", NAME)
    cluster._objects[0].metadata["ownerReferences"] = [reference, "nonsense", {"uid": ""}, None]
    assert set(asked().owners) == {"u"}
    assert not any(".." in path or "watch" in path or path.endswith("/a") for path in cluster.sent("GET"))


@pytest.mark.parametrize("body", [b"[]", b'{"metadata": []}', b'{"metadata": {"ownerReferences": null}}'])
def test_an_answer_without_owners_has_none(cluster, asked, body):
    """Whatever else it is."""
    cluster.fault("GET", f"/workflows/{NAME}", answer(200, body))
    assert asked().owners == {}


def test_a_busy_api_is_asked_again_and_a_wrong_one_ends_it(cluster, asked):
    """Before anything is deleted nobody guesses."""
    owner = add(cluster, "configmaps", "owner")
    add(cluster, "workflows", NAME, owner)
    cluster.fault("GET", f"/workflows/{NAME}", answer(503, b"{}"))
    assert set(asked().owners) == {owner}
    cluster.fault("GET", f"/workflows/{NAME}", answer(401, b"{}"))
    with pytest.raises(ActionError, match="asking who owns") as told:
        asked()
    assert told.value.reason == "auth"
