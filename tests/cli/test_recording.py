"""The record in a whole run: what it makes better, who asks for it, and what its absence costs, which is nothing."""

import base64
import gzip
import json
import time
from pathlib import Path

import pytest

from exitkit import cli, recordreader
from exitkit.testing.http import ScriptedHTTP, answer_json
from exitkit.testing.kube import ScriptedKube
from exitkit.text import redact

RECORDS = Path(__file__).parents[1] / "data/records"
STEPS = json.loads((RECORDS / "steps.json").read_text())
META = STEPS["metadata"]
NAME = META["name"]
FAILURE = {"displayName": "fit", "message": "main: OOMKilled (exit code 137)", "templateName": "fit", "phase": "Failed"}
OF_WORKFLOW = [
    "--name",
    NAME,
    "--namespace",
    META["namespace"],
    "--status",
    "Failed",
    "--failures",
    json.dumps([FAILURE]),
]
OF_STEP = [
    "--name",
    NAME,
    "--namespace",
    META["namespace"],
    "--status",
    "Running",
    "--node-name",
    f"{NAME}[1].fit.onExit",
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A machine that runs a dozen test suites may take more than a second to answer itself.
    monkeypatch.setattr(recordreader, "PATIENCE", 30.0)
    with redact.forget_all():
        yield


@pytest.fixture
def cluster(tmp_path):
    with ScriptedKube() as made:
        made.add("workflows", NAME, namespace=META["namespace"], status=STEPS["status"])
        made.environ = {"KUBECONFIG": str(made.kubeconfig(tmp_path))}
        yield made


def test_a_message_has_the_true_times_and_the_inputs_limit(run, cluster):
    """By one request, whichever channels there are."""
    (plan := Path("plan.yaml")).write_text(
        "steps:\n- uses: notify.console\n- uses: notify.console\n- uses: process.report\n  with: {folder: out}\n"
    )
    report, said = run("run", str(plan), *OF_WORKFLOW, **cluster.environ)
    assert "Started: 2026-11-27 07:20:11 UTC" in said
    assert "Duration: 3s" in said
    assert report["notes"] == []
    assert len([request for request in cluster.requests if "/workflows/" in request.path]) == 1
    account = json.loads(Path("out/report.json").read_text())
    assert account["failures"][0]["inputs"] == {"lr": "0.1"}


def test_a_steps_own_hook_says_how_the_step_ended(run, cluster):
    """In the title, with its message; and its own terms hold for the step."""
    _, said = run("notify", "console", *OF_STEP, **cluster.environ)
    assert said.startswith(f"{NAME}: step fit failed\n")
    assert "OOMKilled, exit code 137" in said
    assert "Inputs: lr=0.1" in said
    report, said = run("notify", "console", *OF_STEP, "--when", "Failed", **cluster.environ)
    assert report["steps"][0]["outcome"] == "ok"
    report, said = run("notify", "console", *OF_STEP, "--when", "Succeeded", **cluster.environ)
    assert report["steps"][0]["outcome"] == "skipped"


def test_templates_and_conditions_read_the_record(run, cluster):
    """The inputs of what failed, and of the step that a hook is for."""
    title = "{{ workflow.failures[0].inputs.lr }} {{ workflow.subjectNode.outputs.loss }} {{ workflow.startedAt }}"
    _, said = run("notify", "console", "--title", title, *OF_STEP, **cluster.environ)
    assert said.startswith("0.1 0.7 2026-11-27T07:20:12Z\n")
    report, _ = run(
        "process", "report", "--folder", "out", "--if", "workflow.counts.failed > 1", *OF_WORKFLOW, **cluster.environ
    )
    assert report["steps"][0]["outcome"] == "skipped"


def test_without_the_right_all_goes_on_and_one_note_says_what_lacked(run, cluster):
    """A workflow's message lacks details only, which the report notes; a step's says that it lacks the end."""
    cluster.forbidden.add("get workflows")
    report, said = run("notify", "console", *OF_WORKFLOW, **cluster.environ)
    assert "record" not in said
    assert f"{NAME} failed" in said
    (note,) = report["notes"]
    assert note.startswith("the workflow's record: reading the workflow")
    assert "rights level `record`" in note
    report, said = run("notify", "console", *OF_STEP, **cluster.environ)
    assert said.startswith(f"{NAME}: step fit ended, the workflow goes on\n")
    assert said.count("the workflow's record, which was not read") == 1
    assert len(report["notes"]) == 1


def test_what_was_cut_and_cannot_be_read_is_said_in_the_message(run, cluster):
    """It is more than a detail."""
    cluster.forbidden.add("get workflows")
    cut = [*OF_WORKFLOW[:-1], json.dumps([FAILURE])[:-10]]
    _, said = run("notify", "console", *cut, **cluster.environ)
    assert "what was cut off of the failed steps is in the workflow's record, which was not read: " in said
    cluster.forbidden.clear()
    _, said = run("notify", "console", *cut, **cluster.environ)
    assert "cut" not in said


def test_nodes_in_argos_database_are_missed_with_a_word_on_how_to_have_them(run):
    """The rest of the record is told all the same."""
    document = {**STEPS, "status": {**STEPS["status"], "nodes": None, "offloadNodeStatusVersion": "fnv:1"}}
    cut = [*OF_WORKFLOW[:-1], json.dumps([FAILURE])[:-10]]
    with ScriptedHTTP([answer_json(document)]) as server:
        report, said = run("notify", "console", *cut, ARGO_SERVER=server.url)
    assert "Started: 2026-11-27 07:20:11 UTC" in said
    assert said.count("set ARGO_SERVER") == 1
    assert len(report["notes"]) == 2  # that it was cut, and this


def test_five_thousand_nodes_are_all_told(run):
    """Packed by the controller, of which the argument holds the first few failures."""
    nodes = {NAME: {"id": NAME, "name": NAME, "type": "Steps", "phase": "Failed", "finishedAt": "2026-11-27T07:20:14Z"}}
    for number in range(5_000):
        name = f"{NAME}[0].fit({number}:item-{number})"
        phase = "Failed" if number % 10 == 0 else "Succeeded"
        nodes[f"{NAME}-{number}"] = {
            "id": f"{NAME}-{number}",
            "name": name,
            "displayName": f"fit({number}:item-{number})",
            "type": "Pod",
            "phase": phase,
            "templateName": "fit",
            "message": "main: Error (exit code 7)" if phase == "Failed" else "",
        }
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    document = {**STEPS, "status": {"phase": "Running", "compressedNodes": packed}}
    with ScriptedHTTP([answer_json(document)]) as server:
        _, said = run("notify", "console", *OF_WORKFLOW[:-1], json.dumps([FAILURE])[:-10], ARGO_SERVER=server.url)
    assert "500 steps failed, all with the same message" in said
    assert "Steps: 500 of 5,000 failed" in said
    assert "cut" not in said


def test_nothing_is_asked_where_nothing_needs_it(run, cluster, tmp_path):
    """A deletion, and a ship of logs; nor does a preview of a sample ask a real cluster for it."""
    paths = ["--paths", str(tmp_path / NAME), "--roots", str(tmp_path)]
    run("cleanup", "files", *paths, *OF_WORKFLOW, **cluster.environ)
    Path("lines.log").write_text("a\n")
    run(
        "ship",
        "file",
        "--path",
        str(tmp_path / "log"),
        "--from",
        str(tmp_path / "lines.log"),
        *OF_WORKFLOW,
        **cluster.environ,
    )
    Path("plan.yaml").write_text("steps:\n- uses: notify.console\n")
    assert cli.run(["preview", "plan.yaml", "--sample", "failed"], environ=cluster.environ) == 0
    assert cluster.requests == []


def test_a_message_does_not_wait_for_what_hangs(run, monkeypatch):
    """A second for all of them, the report that is written before included, and less where little time is left."""
    (plan := Path("plan.yaml")).write_text(
        "steps:\n- uses: process.report\n  with: {folder: out}\n- uses: notify.console\n- uses: notify.console\n"
    )
    monkeypatch.setattr(recordreader, "PATIENCE", 1.0)
    with ScriptedHTTP([lambda exchange: exchange.read() and exchange.hang()]) as server:
        began = time.monotonic()
        report, said = run("run", str(plan), "--timeout", "4", *OF_WORKFLOW, ARGO_SERVER=server.url)
        took = time.monotonic() - began
    assert said.count(f"{NAME} failed") == 2
    assert took < 4
    assert report["notes"] == ["the workflow's record: it did not come in time"]
    assert 0.3 < report["seconds"] < 4


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"kind":"Workflow","metadata":{"name":"x"}}', b""])
def test_a_broken_object_costs_nothing(run, body):
    """Whatever a server answers with."""
    with ScriptedHTTP(
        [
            lambda exchange: (
                exchange.read()
                and exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            )
        ]
    ) as server:
        report, said = run("notify", "console", *OF_WORKFLOW, ARGO_SERVER=server.url)
    assert f"{NAME} failed" in said
    assert len(report["notes"]) == 1


def test_a_file_is_enough_to_tell_of_a_workflow(run):
    """As `argo get -o json` writes it: no other fact is given."""
    report, said = run("notify", "console", "--record", str(RECORDS / "retries.json"))
    assert report["workflow"]["status"] == "Failed"
    assert said.startswith("train-lhg9r failed\n2 steps failed")
    assert "Steps: 2 of 3 failed" in said
    report, said = run("notify", "console", EXITKIT_RECORD=str(RECORDS / "succeeded.json"))
    assert " succeeded\n" in said


def test_a_file_that_is_none_or_anothers_is_a_note(run, tmp_path):
    """And the message goes out with what the arguments say."""
    for path in (tmp_path / "nowhere.json", RECORDS / "dag.json"):
        _, said = run("notify", "console", *OF_WORKFLOW, "--record", str(path))
        assert said.startswith(f"{NAME} failed\n")
        assert "the record was not read: " in said


def test_a_second_run_without_the_record_delivers_the_same(run, cluster, tmp_path):
    """Its ids are of the arguments alone, so that a receipt of the first holds."""
    state = str(tmp_path / "state")
    first, _ = run("notify", "console", *OF_WORKFLOW, "--state", state, **cluster.environ)
    second, _ = run("notify", "console", *OF_WORKFLOW, "--state", state)
    assert [one["steps"][0]["outcome"] for one in (first, second)] == ["ok", "duplicate"]
    with ScriptedHTTP([answer_json(STEPS)]) as server:
        logs = [tmp_path / name for name in ("a", "b")]
        for path, environ in zip(logs, ({"ARGO_SERVER": server.url}, {}), strict=True):
            run("ship", "file", "--path", str(path), *OF_WORKFLOW, **environ)
    with_record, without = ([json.loads(line)["id"] for line in path.read_text().splitlines()] for path in logs)
    assert with_record[0] == without[0]


def test_a_plan_knows_causes_of_its_own(run):
    """Which go before exitkit's; a pattern that is none is told beforehand."""
    plan = Path("plan.yaml")
    plan.write_text(
        "causes:\n- match: 'OOM\\w+'\n  cure: ask for the large pool\n  platform: true\nsteps:\n- uses: notify.console\n"
    )
    _, said = run("run", str(plan), *OF_WORKFLOW)
    assert "-> the platform, not the step: ask for the large pool" in said
    plan.write_text("causes:\n- match: '('\n  cure: x\nsteps:\n- uses: notify.console\n")
    assert cli.run(["check", str(plan)], environ={}) == 2
