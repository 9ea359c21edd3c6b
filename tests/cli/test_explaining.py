"""The lines of the failed steps' logs in whole runs: where they show, what they wait for, and what their absence costs."""

import json
import time
from pathlib import Path

import pytest

from exitkit import cli
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
def run(capsys):
    """Runs a line; gives the report, and what was said on stderr."""

    def run_it(*argv, **environ):
        code = cli.run([*argv, "--report-format", "json"], environ=environ)
        out, err = capsys.readouterr()
        assert code == 0, err
        return json.loads(out), err

    return run_it


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
