"""The record by argo-server, by the Kubernetes API, and out of a file; and what each says where it gives none."""

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from exitkit.argo.workflow import Workflow
from exitkit.clients.argo import record
from exitkit.errors import ActionError
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import ScriptedHTTP, answer, answer_json
from exitkit.testing.kube import ScriptedKube

RECORDS = Path(__file__).parents[2] / "data/records"
STEPS = json.loads((RECORDS / "steps.json").read_text())
NAME = STEPS["metadata"]["name"]
WORKFLOW = Workflow(name=NAME, namespace="ns-1", uid=STEPS["metadata"]["uid"], status="Failed")
HANDLER = {"node_name": f"{NAME}.onExit", "node_id": f"{NAME}-2271012112"}


@pytest.fixture
def ask(tmp_path):
    """Reads the record in that environment, and gives all readings."""

    def run(environ, workflow=WORKFLOW, seconds=60, account=None):
        readings = []
        clock = FakeClock()
        record.fetch(workflow, environ, Deadline(seconds, clock), readings.append, account or tmp_path / "none")
        return readings, clock

    return run


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


def put(cluster, document):
    cluster.add("workflows", NAME, namespace="ns-1", status=document["status"])


def test_one_get_of_the_kubernetes_api(ask, cluster, tmp_path):
    """And nothing else of it."""
    put(cluster, STEPS)
    workflow = replace(WORKFLOW, uid="")
    ((found,), _) = ask({"KUBECONFIG": str(cluster.kubeconfig(tmp_path))}, workflow)
    assert (found.status, len(found.nodes)) == ("Failed", 7)
    (request,) = cluster.requests
    assert (request.method, request.path) == (
        "GET",
        f"/apis/argoproj.io/v1alpha1/namespaces/ns-1/workflows/{NAME}",
    )


def test_without_the_right_the_error_names_it(ask, cluster, tmp_path):
    """In the words of the deployment."""
    put(cluster, STEPS)
    cluster.forbidden.add("get workflows")
    with pytest.raises(ActionError, match=r"403.*rights level `record`"):
        ask({"KUBECONFIG": str(cluster.kubeconfig(tmp_path))})
    assert len(cluster.requests) == 1


def test_a_reading_that_came_too_soon_is_done_again(ask, cluster, tmp_path):
    """Argo makes the handler's pod first; each reading is handed over, the last tells the end."""
    unsettled = json.loads(json.dumps(STEPS))
    unsettled["status"]["nodes"][NAME] |= {"phase": "Running", "finishedAt": None}
    bodies = [{**one, "kind": "Workflow"} for one in (unsettled, unsettled, STEPS)]
    with ScriptedHTTP([answer_json(body) for body in bodies]) as server:
        readings, clock = ask({"ARGO_SERVER": server.url}, replace(WORKFLOW, **HANDLER))
    assert [one.status for one in readings] == ["Running", "Running", "Failed"]
    assert clock.slept == pytest.approx([0.1, 0.2])


def test_nobody_who_is_no_handler_waits_for_the_end(ask):
    """Nor a hook that runs beside what it is for."""
    unsettled = json.loads((RECORDS / "unsettled.json").read_text())
    meta = unsettled["metadata"]
    workflow = Workflow(name=meta["name"], namespace=meta["namespace"], status="Failed")
    names = ("hooks.started", "tell")  # the last is a step of the workflow that runs exitkit
    for more in ({}, *({"node_name": f"{meta['name']}.{name}"} for name in names)):
        with ScriptedHTTP([answer_json(unsettled)]) as server:
            readings, clock = ask({"ARGO_SERVER": server.url}, replace(workflow, **more))
        assert (len(readings), clock.slept) == (1, [])


def test_a_steps_handler_waits_for_the_step(ask):
    """Whose node is not there, or has not ended."""
    early = json.loads((RECORDS / "step-hook.json").read_text())
    workflow = replace(WORKFLOW, status="Running", node_name=f"{NAME}[1].fit.onExit")
    with ScriptedHTTP([answer_json(early), answer_json(STEPS)]) as server:
        readings, clock = ask({"ARGO_SERVER": server.url}, workflow)
    assert readings[-1].by_name[f"{NAME}[1].fit"].failed
    assert clock.slept == pytest.approx([0.1])


def test_argo_server_is_asked_as_argos_command_line_asks_it(ask):
    """ARGO_SERVER, ARGO_SECURE, ARGO_BASE_HREF and ARGO_TOKEN."""
    with ScriptedHTTP([answer_json(STEPS)] * 3) as server:
        ask({"ARGO_SERVER": f"127.0.0.1:{server.port}", "ARGO_SECURE": "false", "ARGO_TOKEN": "Bearer argo-token-1"})
        ask({"ARGO_SERVER": server.url, "ARGO_BASE_HREF": "/argo/", "ARGO_TOKEN": "argo-token-2"})
        ask({"ARGO_SERVER": server.url})
    paths = [one.path.partition("?")[0] for one in server.requests]
    assert paths == [f"{base}/api/v1/workflows/ns-1/{NAME}" for base in ("", "/argo", "")]
    assert f"uid={WORKFLOW.uid}" in server.requests[0].path
    sent = [one.headers.get("authorization") for one in server.requests]
    assert sent == ["Bearer argo-token-1", "Bearer argo-token-2", None]


def test_the_pods_own_account_asks_argo_server(ask, tmp_path):
    """In its default mode `client`; but its token does not leave this machine without TLS."""
    (tmp_path / "token").write_text("token-of-the-pod")
    with ScriptedHTTP([answer_json(STEPS)], tls=True) as server:
        ask({"ARGO_SERVER": f"127.0.0.1:{server.port}", "SSL_CERT_FILE": server.ca_file}, account=tmp_path)
    assert server.requests[0].headers["authorization"] == "Bearer token-of-the-pod"
    from exitkit.clients.argo.server import find

    assert find({"ARGO_SERVER": "http://argo.example.com"}, tmp_path).authorization == ""
    assert find({"ARGO_SERVER": "argo.example.com"}, tmp_path).authorization == "Bearer token-of-the-pod"


def test_what_is_in_argos_database_comes_from_argo_server(ask, cluster, tmp_path):
    """Which is asked first where it is named."""
    offloaded = json.loads(json.dumps(STEPS))
    offloaded["status"] |= {"nodes": None, "offloadNodeStatusVersion": "fnv:1"}
    put(cluster, offloaded)
    environ = {"KUBECONFIG": str(cluster.kubeconfig(tmp_path))}
    ((found,), _) = ask(environ, replace(WORKFLOW, uid=""))
    assert (dict(found.nodes), "ARGO_SERVER" in found.notes[0]) == ({}, True)
    with ScriptedHTTP([answer_json(STEPS)]) as server:
        ((found,), _) = ask({**environ, "ARGO_SERVER": server.url})
    assert len(found.nodes) == 7


def test_an_archived_one_is_found_by_its_uid(ask):
    """Where argo-server does not look there by itself."""
    with ScriptedHTTP([answer(404, b'{"message":"not found"}'), answer_json(STEPS)]) as server:
        ((found,), _) = ask({"ARGO_SERVER": server.url})
    assert found.name == NAME
    assert server.requests[1].path == f"/api/v1/archived-workflows/{WORKFLOW.uid}"


def test_the_cluster_stands_in_for_a_server_that_fails(ask, cluster, tmp_path):
    """And where both fail, both are told."""
    put(cluster, STEPS)
    environ = {"KUBECONFIG": str(cluster.kubeconfig(tmp_path))}
    workflow = replace(WORKFLOW, uid="")
    with ScriptedHTTP([answer(401), answer(401)]) as server:
        ((found,), _) = ask({**environ, "ARGO_SERVER": server.url}, workflow)
        assert found.name == NAME
        cluster.forbidden.add("get workflows")
        with pytest.raises(ActionError, match=r"(?s)argo-server: 401.*403"):
            ask({**environ, "ARGO_SERVER": server.url}, workflow)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>welcome</html>", "no JSON"),
        (b"[]", "no Workflow"),
        (b'{"kind": "Status"}', "no Workflow"),
        (json.dumps({**STEPS, "metadata": {**STEPS["metadata"], "uid": "other"}}).encode(), "another workflow"),
        (json.dumps({**STEPS, "metadata": {**STEPS["metadata"], "name": "other"}}).encode(), "another workflow"),
    ],
)
def test_a_broken_object_or_another_one_is_an_error(ask, body, told):
    """Such as a new workflow of the same name."""
    with ScriptedHTTP([answer(200, body)]) as server, pytest.raises(ActionError, match=told):
        ask({"ARGO_SERVER": server.url})


def test_without_name_or_namespace_nobody_is_asked(ask):
    with pytest.raises(ActionError, match="name or namespace is not known"):
        ask({"ARGO_SERVER": "http://127.0.0.1:1"}, replace(WORKFLOW, namespace=""))


def test_a_file_may_be_json_or_yaml(tmp_path):
    """As Argo's and Kubernetes' command lines write it; times stay as they are."""
    for name, text in (("a.json", json.dumps(STEPS)), ("a.yaml", yaml.safe_dump(STEPS))):
        (tmp_path / name).write_text(text)
        found = record.from_file(str(tmp_path / name))
        assert (found.name, found.status, found.duration) == (NAME, "Failed", 3.0)
        fit = found.by_name[f"{NAME}[1].fit"]
        assert (fit.exit_code, dict(fit.inputs)) == (137, {"lr": "0.1"})
        assert found.by_name[f"{NAME}[1].fit.onExit"].hooked


@pytest.mark.parametrize("text", ["", "{", "a: [", "- 1", "kind: Pod", "\x00\x01", "{}", '{"kind": "Workflow"}'])
def test_a_file_that_holds_none_is_told_by_its_name(tmp_path, text):
    path = tmp_path / "wf.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"wf\.json: it is"):
        record.from_file(str(path))
    with pytest.raises(ValueError, match="cannot be read: no such file"):
        record.from_file(str(tmp_path / "nowhere"))


def test_packed_nodes_come_through_the_api(ask, cluster, tmp_path):
    """As Argo keeps those of a large workflow."""
    packed = json.loads(json.dumps(STEPS))
    nodes = json.dumps(packed["status"].pop("nodes")).encode()
    packed["status"]["compressedNodes"] = base64.b64encode(gzip.compress(nodes)).decode()
    put(cluster, packed)
    ((found,), _) = ask({"KUBECONFIG": str(cluster.kubeconfig(tmp_path))}, replace(WORKFLOW, uid=""))
    assert (found.status, len(found.nodes)) == ("Failed", 7)
