"""The lines of the failed steps' logs in whole runs: where they show, what they wait for, and what their absence costs."""

import json
import time
from pathlib import Path

import pytest

from exitkit.argo.record import read
from exitkit.testing.http import break_off, hang
from exitkit.testing.kube import ScriptedKube
from exitkit.testing.kubespeech import failure
from exitkit.text import redact

LOG = """2026-11-27T07:00:00Z INFO reading /data/in.parquet
2026-11-27T07:00:01Z WARN 3 rows without a customer
Traceback (most recent call last):
  File "/app/train.py", line 88, in <module>
    main()
  File "/app/features.py", line 42, in load
    return frame["price"]
  File "/usr/lib/python3/site-packages/pandas/core/frame.py", line 4102, in __getitem__
    indexer = self.columns.get_loc(key)
KeyError: 'price'
"""
BEST = "10: KeyError: 'price' (/app/features.py:42 in load)"
FAILURE = {
    "displayName": "fit",
    "message": "main: Error (exit code 1)",
    "templateName": "fit",
    "phase": "Failed",
    "podName": "train-x7k2p-fit-1",
}
OF_WORKFLOW = ["--name", "train-x7k2p", "--namespace", "ml", "--status", "Failed", "--failures", json.dumps([FAILURE])]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with redact.forget_all():
        yield


@pytest.fixture
def cluster(tmp_path):
    with ScriptedKube() as made:
        made.add("pods", FAILURE["podName"])
        made.logs[f"{FAILURE['podName']}/main"] = LOG
        made.environ = {"KUBECONFIG": str(made.kubeconfig(tmp_path))}
        yield made


def test_a_message_says_what_the_log_says(run, cluster):
    """In its first line why, then the line with its number and the place in one's own code."""
    _, said = run("notify", "console", *OF_WORKFLOW, **cluster.environ)
    assert "fit failed (exit code 1): KeyError: 'price'" in said
    assert f"\n    {BEST}\n" in said


@pytest.mark.parametrize(
    ("channel", "settings"),
    [
        ("slack", ["--webhook-url", "https://hooks.slack.com/services/T/B/x"]),
        ("email", ["--host", "smtp.example.com", "--sender", "a@example.com", "--to", "b@example.com"]),
        ("webhook", ["--url", "https://events.example.com/in"]),
    ],
)
def test_every_channel_shows_the_line(run, cluster, channel, settings):
    """Within what it sends, here as a preview of it."""
    report, _ = run("notify", channel, *settings, "--dry-run", *OF_WORKFLOW, **cluster.environ)
    payload = json.dumps(report["steps"][0]["facts"]["payload"]).replace("&#x27;", "'")
    assert BEST in payload
    assert "KeyError: 'price'" in payload.replace(BEST, "")


def test_reports_and_templates_have_the_lines(run, cluster):
    """With all that is known of each; and one reading serves all steps of a run."""
    Path("plan.yaml").write_text(
        "steps:\n"
        "- uses: notify.console\n  with: {title: '{{ workflow.failures[0].lines[0].said }}'}\n"
        "- uses: process.report\n  with: {folder: out}\n"
        "- uses: notify.console\n  if: workflow.failures[0].lines[0].line == 10\n  with: {title: the tenth}\n"
    )
    _, said = run("run", "plan.yaml", *OF_WORKFLOW, **cluster.environ)
    assert "KeyError: 'price'\n" in said
    assert "the tenth\n" in said
    (line, *_) = json.loads(Path("out/report.json").read_text())["failures"][0]["lines"]
    assert line["line"] == 10
    assert line["place"] == "/app/features.py:42 in load"
    assert BEST in Path("out/report.md").read_text()
    assert len([request for request in cluster.requests if "/log?" in request.path]) == 1


def test_without_the_right_there_is_one_note_and_nothing_else(run, cluster):
    """The message is what it would be without."""
    cluster.logs[f"{FAILURE['podName']}/main"] = failure(403, "Forbidden", "you may not get pods/log")
    Path("plan.yaml").write_text("steps: [{uses: notify.console}, {uses: notify.console}]")
    report, said = run("run", "plan.yaml", *OF_WORKFLOW, **cluster.environ)
    assert said.count("fit failed (exit code 1)") == 2
    (note,) = [note for note in report["notes"] if "logs" in note]
    assert "rights level `pod-logs`" in note


def test_a_pod_that_is_gone_is_no_note(run, cluster):
    """Pods are deleted when they end in many clusters."""
    cluster.logs.clear()
    report, said = run("notify", "console", *OF_WORKFLOW, **cluster.environ)
    assert "fit failed (exit code 1)" in said
    assert not [note for note in report["notes"] if "logs" in note]


def test_a_log_that_does_not_come_holds_up_a_message_for_a_second(run, cluster):
    """Together with the record, which does not come either."""
    for path in ("/log", "/workflows/"):
        cluster.fault("GET", path, hang())
    began = time.monotonic()
    report, said = run("notify", "console", *OF_WORKFLOW, **cluster.environ)
    assert time.monotonic() - began < 1.9
    assert "fit failed (exit code 1)" in said
    assert len([note for note in report["notes"] if "did not come in time" in note]) == 2


def test_what_never_began_has_no_log_that_anybody_asks_for(run, cluster):
    """Such as a pod whose image cannot be pulled."""
    waiting = FAILURE | {"message": "ImagePullBackOff: Back-off pulling image"}
    words = [*OF_WORKFLOW[:-1], json.dumps([waiting])]
    run("notify", "console", *words, **cluster.environ)
    assert not [request for request in cluster.requests if "/log?" in request.path]


def test_secrets_of_a_log_are_in_no_message(run, cluster):
    """Those that look like one."""
    cluster.logs[f"{FAILURE['podName']}/main"] = "ERROR cannot open https://ann:pw123456@db.example/x\n"
    _, said = run("notify", "console", *OF_WORKFLOW, **cluster.environ)
    assert "cannot open" in said
    assert "pw123456" not in said


def test_a_log_in_pieces_that_ends_early_is_taken_as_far_as_it_came(run, cluster):
    """What says why may have come already."""
    cluster.logs[f"{FAILURE['podName']}/main"] = break_off(LOG.encode(), 100)
    _, said = run("notify", "console", *OF_WORKFLOW, **cluster.environ)
    assert BEST in said


RECORDS = Path(__file__).parents[1] / "data/records"
PASSED = json.loads((RECORDS / "succeeded.json").read_text())


@pytest.fixture
def passed(cluster):
    """A run that succeeds is added to the cluster; gives the line that handles it."""
    name, namespace = PASSED["metadata"]["name"], PASSED["metadata"]["namespace"]
    cluster.add("workflows", name, namespace=namespace, status=PASSED["status"])
    words = ["--name", name, "--namespace", namespace, "--status", "Succeeded", "--state", "state"]
    return [*words, "--labels", '{"workflows.argoproj.io/cron-workflow": "nightly"}']


def test_what_runs_that_passed_printed_too_is_left_out(run, cluster, passed):
    """Learnt where a workflow succeeds and a store is set, and asked for where the next one of its series fails."""
    noise = 'Traceback (most recent call last):\n  File "/app/cache.py", line 3, in get\nOSError: cache is cold\n'
    record = read(PASSED | {"kind": "Workflow"})
    pods = [record.pod_name(node) for node in record.nodes.values() if node.type == "Pod" and not node.hooked]
    template = next(node.template_name for node in record.nodes.values() if node.type == "Pod" and not node.hooked)
    for pod in pods:
        cluster.logs[f"{pod}/main"] = noise
    report, _ = run("notify", "console", *passed, **cluster.environ)
    assert report["notes"] == []
    failure_of = FAILURE | {"templateName": template}
    cluster.logs[f"{FAILURE['podName']}/main"] = noise + "step 7 was left by its worker\n"
    namespace = PASSED["metadata"]["namespace"]
    words = [
        "--name",
        "train-2",
        "--namespace",
        namespace,
        "--status",
        "Failed",
        "--failures",
        json.dumps([failure_of]),
    ]
    labels = ["--labels", '{"workflows.argoproj.io/cron-workflow": "nightly"}']
    _, said = run("notify", "console", *words, *labels, "--state", "state", **cluster.environ)
    assert "4: step 7 was left by its worker" in said
    assert "cache is cold" not in said
    _, said = run("notify", "console", *words, *labels, **cluster.environ)
    assert "OSError: cache is cold" in said


def test_without_a_store_nothing_is_learnt(run, cluster, passed):
    """No log of a run that succeeded is read then."""
    run("notify", "console", *[word for word in passed if word not in ("--state", "state")], **cluster.environ)
    assert not [request for request in cluster.requests if "/log?" in request.path]


def test_logs_that_cannot_be_learnt_are_a_note(run, cluster, passed):
    """The run is no worse for it."""
    record = read(PASSED | {"kind": "Workflow"})
    for node in record.nodes.values():
        cluster.logs[f"{record.pod_name(node)}/main"] = failure(403, "Forbidden", "no")
    report, _ = run("notify", "console", *passed, **cluster.environ)
    (note,) = report["notes"]
    assert note.startswith("what the logs of this run look like is not remembered")


def test_what_is_shipped_of_a_failure_has_its_best_line(run, cluster):
    """Beside the message that Argo has of it."""
    run("ship", "file", "--path", "records.ndjson", *OF_WORKFLOW, **cluster.environ)
    records = [json.loads(line) for line in Path("records.ndjson").read_text().splitlines()]
    (failed,) = [record for record in records if record["kind"] == "failure"]
    assert failed["attributes"]["said"] == BEST


def test_no_log_is_read_for_what_tells_no_line_of_it(run, cluster):
    """Numbers of a run are in its record."""
    run("process", "metrics", "--to", "file", "--path", "run.prom", *OF_WORKFLOW, **cluster.environ)
    assert Path("run.prom").read_text().startswith("# HELP argo_run_")
    assert not [request for request in cluster.requests if "/log?" in request.path]
