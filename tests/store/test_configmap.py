"""A ConfigMap holds values of several runs, stays small, and is nobody else's."""

import json

import pytest

from exitkit.errors import ActionError
from exitkit.retry.clock import Deadline
from exitkit.store import MOST
from exitkit.store.place import open_store
from exitkit.testing.http import answer
from exitkit.testing.kubespeech import failure

OURS = {"app.kubernetes.io/managed-by": "exitkit"}


@pytest.fixture
def server(server_of):
    return server_of("configmap")[0]


@pytest.fixture
def store(server):
    return open_store("configmap://argo/exitkit-state").store


def test_it_is_made_with_its_first_value(server, store):
    """With a label that says whose it is."""
    store.put_if_absent("a", b"1")
    there = server.objects["argo/exitkit-state"]
    assert there["metadata"]["labels"] == OURS
    assert there["data"]["exitkit-format"] == "1"


def test_a_write_is_one_request(server, store):
    """Which says what it changes, so that it needs to read nothing."""
    store.put_if_absent("a", b"1")
    server.requests.clear()
    version = store.put_if_absent("b", b"2")
    store.put_if_unchanged("b", b"3", version)
    assert [one.method for one in server.requests] == ["PATCH", "PATCH"]


def test_the_oldest_go_where_there_is_no_room(server, store, monkeypatch):
    """All of it stays below 512 KiB, whatever its values hold."""
    from exitkit.store import configmap

    seconds = iter(range(1000, 2000))
    monkeypatch.setattr(configmap.CLOCK, "time", lambda: float(next(seconds)))
    for number in range(12):
        assert store.put_if_absent(f"v{number}", bytes([97 + number]) * MOST)
        size = len(json.dumps(server.objects["argo/exitkit-state"]["data"]))
        assert size < 512 * 1024
    assert store.list("") == sorted(f"v{number}" for number in range(6, 12))


def test_somebody_elses_is_left_alone(server, store):
    """One that is not ours is neither changed nor read."""
    server.put("argo/exitkit-state", {"application.yaml": "x"})
    assert store.put_if_absent("a", b"1") == store.put_if_unchanged("application.yaml", b"1", "x") == ""
    with pytest.raises(ActionError, match="it is somebody else's, without the label"):
        store.get("a")
    assert server.objects["argo/exitkit-state"]["data"] == {"application.yaml": "x"}


def test_one_of_a_newer_exitkit_is_left_alone(server, store):
    """Its form is not known."""
    server.put("argo/exitkit-state", {"exitkit-format": "2"}, OURS)
    assert store.put_if_absent("a", b"1") == ""
    with pytest.raises(ActionError, match="written by a newer exitkit"):
        store.get("a")
    assert server.objects["argo/exitkit-state"]["data"] == {"exitkit-format": "2"}


def test_conflicts_are_tried_again(server):
    """The API server gives up after a few of its own."""
    bounded = open_store("configmap://argo/exitkit-state")
    bounded.store.put_if_absent("a", b"1")
    server.faults += [failure(409, "Conflict", "the object has been modified")] * 3
    assert bounded.ask(Deadline(100), lambda one: one.put_if_absent("b", b"2"))


@pytest.mark.parametrize("status", [401, 403, 302, 500])
def test_a_refusal_is_told(server, store, status):
    """With the status."""
    server.faults.append(answer(status, "no"))
    with pytest.raises(ActionError, match=f"writing to configmap://argo/exitkit-state: {status}"):
        store.put_if_absent("a", b"1")


def test_what_is_no_kubernetes_is_told(server, store):
    """A page of a gateway's is no ConfigMap."""
    server.faults.append(answer(200, '{"kind": "Page"}'))
    with pytest.raises(ActionError, match="the answer is no ConfigMap"):
        store.put_if_absent("a", b"1")
