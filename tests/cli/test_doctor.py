"""`exitkit doctor` says what of the place it stands in would be wrong in a run, and sends nothing."""

import json
import socket
import time
from email.utils import formatdate

import pytest
import yaml

from exitkit import cli
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer_json

FACTS = ("--status", "Failed", "--name", "train-x7k2p", "--namespace", "ml")


@pytest.fixture
def doctor(capsys, monkeypatch, tmp_path):
    """Runs it on a plan, and gives the exit code and what was found, by what it is about."""
    monkeypatch.chdir(tmp_path)
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)

    def call(plan="", *words, **environ):
        if plan:
            (tmp_path / "exitkit.yaml").write_text(plan)
        code = cli.run(["doctor", *FACTS, *words], environ=environ)
        findings = {}
        for line in capsys.readouterr().out.splitlines():
            level, _, rest = line.partition(" ")
            what, _, text = rest.strip().partition(": ")
            if text:
                findings.setdefault(what, []).append((level, text))
        return code, findings

    return call


def cluster(server, tmp_path):
    """A kubeconfig that leads to the server."""
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server.url}}],
        "users": [{"name": "u", "user": {"token": "made-up-token-of-the-test"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    return {"KUBECONFIG": str(tmp_path / "kubeconfig")}


def review(*, allowed, date=None):
    return answer_json({"status": {"allowed": allowed}}, 201, {"Date": formatdate(date)})


def test_a_place_where_all_is_well_says_so(doctor):
    """A server that answers is enough; nothing is asked of it."""
    with ScriptedHTTP() as server:
        url = f"{server.url}/hooks/made-up-secret"
        code, findings = doctor("steps: [{uses: notify.webhook}]", EXITKIT_NOTIFY_WEBHOOK_URL=url)
        assert server.requests == []
    assert code == 0
    assert findings["plan"] == [("ok", "1 step, nothing wrong")]
    assert findings["notify.webhook"] == [("ok", f"127.0.0.1:{server.port} answers")]
    assert "made-up-secret" not in json.dumps(findings)


def test_a_server_that_does_not_answer_is_told_without_its_secret(doctor):
    """In the words that the run would have."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/hooks/made-up-secret"
    code, findings = doctor("steps: [{uses: notify.webhook}]", EXITKIT_NOTIFY_WEBHOOK_URL=url)
    ((level, text),) = findings["notify.webhook"]
    assert (code, level) == (1, "wrong")
    assert "check host, port and network" in text
    assert "made-up-secret" not in text


def test_a_mail_server_is_tried_at_the_port_that_a_mail_would_take(doctor):
    """Its own, or the one that its way of encryption has."""
    with ScriptedHTTP() as server:
        plan = "steps: [{uses: notify.email, with: {host: 127.0.0.1, sender: a@b.example, to: c@d.example, MORE}}]"
        code, findings = doctor(plan.replace("MORE", f"port: {server.port}"))
    assert (code, findings["notify.email"]) == (0, [("ok", f"127.0.0.1:{server.port} answers")])
    _, findings = doctor(plan.replace("MORE", "tls: implicit"))
    assert "127.0.0.1:465" in findings["notify.email"][0][1]


def test_a_certificate_that_is_not_trusted_is_told(doctor):
    """And with its authority it is well."""
    with ScriptedHTTP(tls=True) as server:
        plan = f"steps: [{{uses: notify.webhook, with: {{url: '{server.url}/x'}}}}]"
        code, findings = doctor(plan)
        assert code == 1
        assert "is self-signed: give it as ca_file" in findings["notify.webhook"][0][1]
        code, findings = doctor(plan.replace("/x'", f"/x', ca_file: {server.ca_file}"))
        assert (code, findings["notify.webhook"][0][0]) == (0, "ok"), findings


def test_a_secret_that_is_missing_here_is_wrong(doctor):
    """Other than for check, for this is the place where it has to be."""
    code, findings = doctor("steps: [{uses: notify.slack, with: {channel: '#ops'}}]")
    assert code == 1
    assert findings["notify.slack"] == [("wrong", "give either webhook_url, or token and channel")]


def test_a_plan_that_is_wrong_is_told_as_check_tells_it(doctor):
    code, findings = doctor("steps: [{uses: notify.slak}]")
    assert code == 1
    assert any("did you mean 'notify.slack'" in text for _, text in findings["plan"])


def test_without_a_plan_the_channels_of_the_environment_are_looked_at(doctor):
    """As a run does; and without any, the message goes to the log."""
    code, findings = doctor()
    assert (code, findings["plan"][0][0]) == (0, "ok")
    assert "the pod's log" in findings["plan"][0][1]
    with ScriptedHTTP() as server:
        code, findings = doctor(EXITKIT_NOTIFY_WEBHOOK_URL=server.url)
    assert "notify.webhook" in findings["plan"][0][1]
    assert findings["notify.webhook"][0][0] == "ok"


def test_facts_that_are_missing_are_noted(doctor, capsys):
    """Here they are flags; in the cluster the template passes them."""
    _, findings = doctor()
    assert [level for level, _ in findings["facts"]] == ["ok", "note"]
    assert "uid not known" in findings["facts"][1][1]


def test_a_folder_that_cannot_be_written_is_told(doctor, tmp_path):
    """Of the run and of a step, by the nearest folder that there is."""
    plan = f"steps: [{{uses: ship.file, with: {{path: {tmp_path}/a/b.ndjson}}}}]"
    assert doctor(plan, "--output-dir", str(tmp_path / "out"))[0] == 0
    code, findings = doctor(plan, "--output-dir", "/proc/1/nowhere/out")
    assert (code, findings["output-dir"][0][0]) == (1, "wrong")
    code, findings = doctor(plan.replace(str(tmp_path), "/proc/1/nowhere"))
    assert code == 1
    assert any(level == "wrong" for level, _ in findings["ship.file"])


def test_a_proxy_or_an_authority_that_cannot_be_used_is_told(doctor, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "gopher://nobody:made-up-secret@x")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/ca.crt")
    code, findings = doctor()
    assert code == 1
    assert findings["proxy"][0][0] == findings["authorities"][0][0] == "wrong"
    assert "made-up-secret" not in json.dumps(findings)


def test_rights_that_the_plan_needs_are_asked_for(doctor, tmp_path):
    """The executor's and the steps', each verb; what is denied is named, with what prints the Role."""
    plan = "steps: [{uses: ship.file, with: {path: PATH, from: [pods]}}]".replace("PATH", str(tmp_path / "x"))
    with ScriptedHTTP([review(allowed=True)] * 5) as server:
        code, findings = doctor(plan, **cluster(server, tmp_path))
        asked = [json.loads(one.body)["spec"]["resourceAttributes"] for one in server.requests[1:]]
    assert (code, findings["rights"][0][0], findings["clock"][0][0]) == (0, "ok", "ok")
    assert {(one["resource"], one["subresource"], one["verb"], one["namespace"]) for one in asked} == {
        ("workflowtaskresults", "", "create", "ml"),
        ("workflowtaskresults", "", "patch", "ml"),
        ("pods", "", "list", "ml"),
        ("pods", "log", "get", "ml"),
    }
    with ScriptedHTTP([review(allowed=True)] * 3 + [review(allowed=False)] * 2) as server:
        code, findings = doctor(plan, **cluster(server, tmp_path))
    assert code == 1
    assert "list on pods in ml; get on pods/log in ml" in findings["rights"][0][1]


def test_a_clock_that_is_away_from_the_clusters_is_wrong(doctor, tmp_path):
    """Signed requests would be refused."""
    with ScriptedHTTP([review(allowed=True, date=time.time() - 3600)] * 3) as server:
        code, findings = doctor("", **cluster(server, tmp_path))
    assert (code, findings["clock"][0][0]) == (1, "wrong")
    assert "from the cluster's: signatures will be refused" in findings["clock"][0][1]


def test_a_cluster_that_does_not_answer_is_wrong_and_none_is_a_note(doctor, tmp_path, monkeypatch):
    with ScriptedHTTP([answer_json({"message": "token has expired"}, 401)]) as server:
        code, findings = doctor("", **cluster(server, tmp_path))
    assert (code, findings["cluster"][0][0]) == (1, "wrong")
    code, findings = doctor()
    assert (code, findings["cluster"][0][0]) == (0, "note")
