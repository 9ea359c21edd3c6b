"""The pods of a workflow, and the logs of their containers."""

import pytest

from exitkit.clients.kubernetes import Kube, find, logs
from exitkit.errors import ActionError, Retryable
from exitkit.testing import context
from exitkit.testing.http import answer, reset
from exitkit.testing.kube import ScriptedKube

LABEL = "workflows.argoproj.io/workflow"


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


@pytest.fixture
def kube(cluster, tmp_path):
    path = str(cluster.kubeconfig(tmp_path))
    with Kube(lambda: find.find(path, "", context().deadline.clock)) as made:
        yield made


def log(kube, *, most=1 << 20, deadline=None, **more):
    return logs.logs(kube, "ml", "p", "main", deadline=deadline or context().deadline, most=most, **more)


def test_pods_are_told_with_their_containers(cluster, kube):
    """Page by page, with what Argo wrote on them."""
    for number in range(130):
        cluster.add("pods", f"p-{number:03d}", labels={LABEL: "w"})
    status = {
        "phase": "Failed",
        "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}}],
        "containerStatuses": [
            {"name": "main", "state": {"terminated": {"exitCode": 137}}, "restartCount": 2},
            {"name": "wait", "state": {"running": {}}},
        ],
    }
    notes = {"workflows.argoproj.io/node-id": "n-1", "workflows.argoproj.io/node-name": "w.step"}
    cluster.add("pods", "z", labels={LABEL: "w"}, annotations=notes, status=status)
    found = list(logs.pods(kube, context().retry, "ml", f"{LABEL}=w"))
    assert len(found) == 131
    last = found[-1]
    assert (last.name, last.phase, last.node_id, last.node_name) == ("z", "Failed", "n-1", "w.step")
    assert last.init_containers == (logs.Container("init", "terminated", 0, 0),)
    main, wait = last.containers
    assert (main.exit_code, main.restarts, main.state) == (137, 2, "terminated")
    assert (wait.exit_code, wait.state) == (None, "running")


def test_a_listing_that_is_forgotten_begins_again(cluster, kube):
    """410 in the middle of the pages; each pod is told once, or its log would be shipped twice."""
    for number in range(130):
        cluster.add("pods", f"p-{number:03d}", labels={LABEL: "w"})
    cluster.expiring, cluster.leads_on = 1, False
    names = [one.name for one in logs.pods(kube, context().retry, "ml", f"{LABEL}=w")]
    assert names == [f"p-{number:03d}" for number in range(130)]


def test_a_listing_that_is_always_forgotten_ends(cluster, kube):
    """Long before the time does; one that is forgotten at its beginning is no listing."""
    for number in range(130):
        cluster.add("pods", f"p-{number:03d}", labels={LABEL: "w"})
    cluster.expiring, cluster.leads_on = 50, False
    with pytest.raises(ActionError, match="listing pods in ml: each page is gone before it is read"):
        list(logs.pods(kube, context().retry, "ml", f"{LABEL}=w"))
    assert len(cluster.requests) < 20
    cluster.fault("GET", "/pods", answer(410, b"{}"))
    with pytest.raises(ActionError, match="410"):
        list(logs.pods(kube, context().retry, "ml", f"{LABEL}=w"))


def test_a_log_comes_in_pieces_and_whole(cluster, kube):
    """With the parameters that were asked for."""
    text = b"".join(b"2026-01-01T00:00:00Z line %d\n" % number for number in range(5000))
    cluster.logs["p/main"] = text
    found = log(kube, timestamps=True)
    assert b"".join(found) == text
    assert found.cut == ""
    path = cluster.sent("GET")[-1]
    assert "container=main" in path
    assert "timestamps=true" in path
    assert "previous" not in path
    assert b"".join(log(kube, tail_lines=2)).count(b"\n") == 2


def test_a_log_that_is_longer_than_asked_says_so(cluster, kube):
    """And gives what was asked for."""
    cluster.logs["p/main"] = b"x" * 5000
    found = log(kube, most=1000)
    assert len(b"".join(found)) == 1000
    assert "longer than" in found.cut


def test_a_log_that_the_node_has_lost_says_so(cluster, kube):
    """kubelet answers 200 and a sentence, which is no line of the log."""
    cluster.logs["p/main"] = b"unable to retrieve container logs for containerd://abc"
    found = log(kube)
    assert b"".join(found) == b""
    assert "does not have it any more" in found.cut


def test_a_log_that_breaks_off_gives_what_came_and_says_so(cluster, kube):
    """The rest may come with another run."""

    def broken(exchange):
        exchange.read()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nfirst line\n")

    cluster.logs["p/main"] = broken
    found = log(kube)
    assert b"".join(found) == b"first line\n"
    assert "broke off" in found.cut


def test_no_time_left_ends_the_reading(cluster, kube):
    """With what came."""
    cluster.logs["p/main"] = b"x\n" * 100_000
    ctx = context(seconds=10)
    found = log(kube, deadline=ctx.deadline)
    pieces = iter(found)
    assert next(pieces)
    ctx.deadline.clock.advance(20)
    list(pieces)
    assert found.cut == "no time was left"


@pytest.mark.parametrize(
    ("step", "kind"),
    [(answer(404, b'{"message":"pod not found"}'), ActionError), (answer(503), Retryable), (reset(), Retryable)],
)
def test_a_log_that_is_not_to_be_had(cluster, kube, step, kind):
    """Gone for good, or worth another try."""
    cluster.logs["p/main"] = step
    with pytest.raises(kind) as told:
        log(kube)
    assert isinstance(told.value, Retryable) is (kind is Retryable)
