"""Where the nodes of a workflow say that its logs are."""

import base64
import gzip
import json

import pytest

from exitkit.clients.argo.logs import LogKey, log_keys
from exitkit.clients.kubernetes import Kube, find
from exitkit.errors import ActionError
from exitkit.testing import context
from exitkit.testing.kube import ScriptedKube

NAME = "w"


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


@pytest.fixture
def asked(cluster, tmp_path):
    """Adds a workflow of this status, and asks for its keys."""

    def ask(status, annotations=None):
        cluster.add("workflows", NAME, status=status, annotations=annotations)
        path = str(cluster.kubeconfig(tmp_path))
        with Kube(lambda: find.find(path, "", context().deadline.clock)) as kube:
            return log_keys(kube, context().retry, "ml", NAME)

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


def test_nodes_may_be_packed(asked):
    """As the controller does where they are too many for one object."""
    packed = base64.b64encode(gzip.compress(json.dumps(node("w-1", log("a/main.log"))).encode())).decode()
    assert [one.key for one in asked({"compressedNodes": packed})] == ["a/main.log"]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"offloadNodeStatusVersion": "fnv:1"}, "in Argo's database"),
        ({"compressedNodes": base64.b64encode(b"\x28\xb5\x2f\xfd\x00").decode()}, "otherwise than by gzip"),
        ({"compressedNodes": "%"}, "cannot be read"),
        ({"compressedNodes": base64.b64encode(b"\x1f\x8b no").decode()}, "cannot be read"),
        ({"compressedNodes": base64.b64encode(gzip.compress(b"{")).decode()}, "cannot be read"),
    ],
)
def test_nodes_that_cannot_be_had_are_an_error(asked, status, why):
    """That says why, so that the caller can look elsewhere."""
    with pytest.raises(ActionError, match=why):
        asked(status)


def test_packed_nodes_do_not_fill_the_memory(asked, monkeypatch):
    """However small they were packed."""
    monkeypatch.setattr("exitkit.clients.argo.logs._MOST_NODES", 1000)
    with pytest.raises(ActionError, match="more than"):
        asked({"compressedNodes": base64.b64encode(gzip.compress(b" " * 2000)).decode()})


def test_a_workflow_that_may_not_be_read_is_an_error(cluster, asked):
    """With what is forbidden."""
    cluster.forbidden.add("get workflows")
    with pytest.raises(ActionError, match="forbidden"):
        asked({})


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
