"""Where the record says that the workflow's logs are."""

import pytest

from exitkit.argo.record import read
from exitkit.argo.record.archivedlogs import LogKey, Repository, log_keys, repository

NAME = "w"


@pytest.fixture
def asked():
    """Asks a workflow of this status for its keys."""

    def ask(status, annotations=None):
        metadata = {"name": NAME, "annotations": annotations or {}}
        return log_keys(read({"kind": "Workflow", "metadata": metadata, "status": status}))

    return ask


def node(identity, *artifacts, kind="Pod", **more):
    return {identity: {"id": identity, "type": kind, "outputs": {"artifacts": list(artifacts)}, **more}}


def log(key, container="main", store="s3"):
    return {"name": f"{container}-logs", store: {"key": key}}


def test_each_containers_log_is_found(asked):
    """In either kind of bucket; an artifact of the template's own is none, whatever its name."""
    nodes = node("w-1", log("w/w-a-1/main.log"), log("w/w-a-1/wait.log", "wait"), templateName="a")
    nodes |= node("w-2", log("w/w-b-2/main.log", store="gcs"), templateName="b")
    nodes |= node("w-3", log("w/w-c-3/train.tgz", "train"), {"name": "model", "s3": {"key": "w/w-c-3/model.log"}})
    assert asked({"nodes": nodes}) == [
        LogKey("w/w-a-1/main.log", "w-a-1", "main"),
        LogKey("w/w-a-1/wait.log", "w-a-1", "wait"),
        LogKey("w/w-b-2/main.log", "w-b-2", "main"),
    ]


@pytest.mark.parametrize(
    ("identity", "more", "pod"),
    [
        ("w-77", {"templateName": "train"}, "w-train-77"),
        ("w-77", {"templateRef": {"name": "shared", "template": "fit"}, "templateName": ""}, "w-fit-77"),
        ("w-77", {}, "w-77"),
        ("w-77", {"templateName": "x", "name": "w[0].inline"}, "w-77"),
        ("w-77", {"templateName": "t" * 300}, f"w-{'t' * 240}-77"),
        ("w", {"templateName": "main"}, "w"),
    ],
)
def test_a_key_without_the_pods_name_has_the_nodes(asked, identity, more, pod):
    """As Argo names the pod of a node."""
    (found,) = asked({"nodes": node(identity, log("logs/2026/11/main.log"), **more)})
    assert (found.key, found.pod) == ("logs/2026/11/main.log", pod)


def test_pods_may_be_named_as_their_nodes(asked):
    """Which the workflow says of itself."""
    nodes = node("w-77", log("logs/x/main.log"), templateName="train")
    assert asked({"nodes": nodes}, {"workflows.argoproj.io/pod-name-format": "v1"})[0].pod == "w-77"


def test_the_repository_is_the_workflows_own(record):
    """With the address of a store that is not AWS's."""
    assert repository(record("archive")) == Repository("s3://logs", "http://minio:9000", "")
    assert repository(record("steps")) is None


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ({"s3": {"bucket": "b", "endpoint": "s3.amazonaws.com"}}, None),
        (
            {"s3": {"bucket": "bkt", "endpoint": "s3.amazonaws.com", "region": "eu-central-1"}},
            Repository("s3://bkt", "", "eu-central-1"),
        ),
        ({"s3": {"bucket": "bkt", "endpoint": "s3.eu-west-1.amazonaws.com"}}, Repository("s3://bkt")),
        ({"s3": {"bucket": "bkt", "endpoint": "minio.argo:9000"}}, Repository("s3://bkt", "https://minio.argo:9000")),
        ({"gcs": {"bucket": "bkt", "serviceAccountKeySecret": {"name": "x"}}}, Repository("gs://bkt")),
        ({"azure": {"container": "c"}}, None),
        ({"s3": {"bucket": "../x", "endpoint": "e"}}, None),
        ({"s3": {"bucket": "bkt", "endpoint": "evil/@x"}}, Repository("s3://bkt")),
        ({"s3": 7}, None),
    ],
)
def test_a_store_that_is_read_and_one_that_is_not(kept, expected):
    status = {"artifactRepositoryRef": {"artifactRepository": kept}}
    assert repository(read({"kind": "Workflow", "metadata": {"name": NAME}, "status": status})) == expected


@pytest.mark.parametrize(
    "nodes",
    [
        None,
        [],
        {"x": None},
        {"x": {"id": 5, "type": "Pod"}},
        node("w-1", None, "a", {"name": 7}, {"name": "main-logs"}, {"name": "main-logs", "s3": {"key": 5}}),
        node("w-1", log("w/main.log"), kind="Steps"),
        {"w-1": {"id": "w-1", "type": "Pod", "outputs": {"artifacts": {"a": 1}}}},
    ],
)
def test_what_is_no_log_is_passed_over(asked, nodes):
    """Whatever it is."""
    assert asked({"nodes": nodes}) == []
