"""The scripted Kubernetes API does as the real one does, where it matters."""

import json
import urllib.error
import urllib.request

import pytest

from exitkit.testing.kube import TOKEN, ScriptedKube


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


def ask(cluster, path, method="GET", body=None, token=TOKEN):
    request = urllib.request.Request(
        cluster.url + path,
        method=method,
        headers={"Authorization": f"Bearer {token}"},
        data=body and json.dumps(body).encode(),
    )
    try:
        with urllib.request.urlopen(request) as found:
            return found.status, json.loads(found.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}") if "json" in error.headers.get(
                "content-type", ""
            ) else {}


PODS = "/api/v1/namespaces/ml/pods"


def test_selectors_select(cluster):
    """Labels by equality and sets, fields by equality."""
    cluster.add("pods", "a", labels={"x": "1"}, status={"phase": "Failed"})
    cluster.add("pods", "b", labels={"x": "2"})

    def names(query):
        return [one["metadata"]["name"] for one in ask(cluster, f"{PODS}?{query}")[1]["items"]]

    assert names("labelSelector=x%3D1") == ["a"]
    assert names("labelSelector=x%20in%20(1,2)") == ["a", "b"]
    assert names("labelSelector=x!%3D1") == ["b"]
    assert names("labelSelector=!x") == []
    assert names("fieldSelector=status.phase%3DFailed") == ["a"]


def test_pages_lead_on(cluster):
    """By a token, as many as asked for at most."""
    for name in "abc":
        cluster.add("pods", name)
    status, first = ask(cluster, f"{PODS}?limit=2")
    assert status == 200
    rest = ask(cluster, f"{PODS}?limit=2&continue={first['metadata']['continue']}")[1]
    assert [one["metadata"]["name"] for one in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert "continue" not in rest["metadata"]


def test_deletion_minds_uid_and_finalizers(cluster):
    """A wrong uid is a conflict; a finalizer keeps it, terminating, until it is released."""
    uid = cluster.add("pods", "a", finalizers=["x"])
    assert ask(cluster, f"{PODS}/a", "DELETE", {"preconditions": {"uid": "other"}})[0] == 409
    assert ask(cluster, f"{PODS}/a", "DELETE", {"preconditions": {"uid": uid}})[0] == 200
    assert "deletionTimestamp" in ask(cluster, f"{PODS}/a")[1]["metadata"]
    cluster.release("x")
    assert ask(cluster, f"{PODS}/a")[0] == 404


def test_rights_and_tokens_are_minded(cluster):
    """A stranger gets 401, and who may not 403."""
    cluster.forbidden = {"list pods"}
    assert ask(cluster, PODS, token="stranger")[0] == 401
    assert ask(cluster, PODS)[0] == 403


def test_what_is_not_known_is_404(cluster):
    """As the real one says of kinds that are not installed."""
    assert ask(cluster, "/apis/none.io/v1/namespaces/ml/things")[0] == 404
    assert ask(cluster, "/apis/none.io")[0] == 404
