"""What can be asked of a cluster, and what its answers mean."""

import pytest

from exitkit.clients.kubernetes import Kube, ObjectMetadata, Resource
from exitkit.clients.kubernetes.access import KubernetesAccess
from exitkit.errors import ActionError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer, answer_json

PODS = Resource("", "v1", "pods", "Pod")


def kube(server, **more):
    return Kube(lambda: KubernetesAccess(server=server.url, **more))


def test_paths_are_those_of_the_api():
    """Core and named groups; a name is encoded."""
    assert PODS.path("ml") == "/api/v1/namespaces/ml/pods"
    assert Resource("batch", "v1", "jobs").path("ml", "a/b") == "/apis/batch/v1/namespaces/ml/jobs/a%2Fb"


def test_a_page_asks_for_metadata_alone():
    """Pods in whole have 100 KiB each."""
    item = {
        "metadata": {
            "name": "a",
            "uid": "u",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "ownerReferences": [{"uid": "o"}],
        }
    }
    with ScriptedHTTP([answer_json({"metadata": {"continue": "t"}, "items": [item]})] * 2) as server:
        page = kube(server, authorization=lambda: "Bearer x").page(PODS, "ml", {"labelSelector": "a=b"})
        kube(server).page(PODS, "ml", {}, "t+=")
    assert page.token == "t"
    assert page.objects == (ObjectMetadata("a", "u", created=1767225600.0, owners=("o",)),)
    first, second = server.requests
    assert "PartialObjectMetadataList" in first.headers["accept"]
    assert first.headers["authorization"] == "Bearer x"
    assert "labelSelector=a%3Db" in first.path
    assert "continue=t%2B%3D" in second.path
    assert "authorization" not in second.headers


def test_a_page_that_is_not_kept_any_more_leads_on():
    """410 is for a token only; without one it is an error."""
    gone = answer_json({"metadata": {"continue": "next"}}, 410)
    with ScriptedHTTP([gone, gone]) as server:
        page = kube(server).page(PODS, "ml", {}, "old")
        assert (page.expired, page.token) == (True, "next")
        with pytest.raises(ActionError):
            kube(server).page(PODS, "ml", {})


@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [(401, ActionError, "auth"), (403, ActionError, "auth"), (429, Retryable, "rate"), (500, Retryable, "server")],
)
def test_a_failure_is_told_in_the_apis_words(status, kind, reason):
    """The message of its Status, on one line, without secrets."""
    body = {"kind": "Status", "message": "no\nfor password=hunter2"}
    with (
        ScriptedHTTP([answer_json(body, status)]) as server,
        pytest.raises(kind, match=r"no for password=\*\*\*") as told,
    ):
        kube(server).get("/apis", what="asking")
    assert told.value.reason == reason
    assert isinstance(told.value, Retryable) is (kind is Retryable)


def test_what_is_no_kubernetes_is_told():
    """A proxy's page, a list."""
    with ScriptedHTTP([answer(200, b"<html>"), answer_json([1])]) as server:
        with pytest.raises(ActionError, match="no json"):
            kube(server).get("/apis", what="asking")
        with pytest.raises(ActionError, match="does not answer as Kubernetes does"):
            kube(server).get("/apis", what="asking")


def test_closing_removes_what_the_access_wrote():
    """Certificates of a kubeconfig."""
    closed = []
    with ScriptedHTTP([answer_json({})]) as server:
        with kube(server, close=lambda: closed.append(1)) as made:
            made.get("/apis", what="asking")
        assert closed == [1]
