"""A whole run with a store: what its messages, its report and its templates tell of earlier runs."""

import json
from pathlib import Path

import pytest

from exitkit.text import redact

RECORDS = Path(__file__).parents[1] / "data/records"
LABELS = {"workflows.argoproj.io/cron-workflow": "nightly"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with redact.forget_all():
        yield


@pytest.fixture
def ended(tmp_path, run):
    """Runs a plan at the end of a workflow whose record is that shape, each a day after the one before."""
    days = iter(range(1, 28))

    def end(shape, steps, image="busybox:1.36"):
        day, document = next(days), json.loads((RECORDS / f"{shape}.json").read_text("utf-8"))
        document["metadata"] |= {"uid": f"u{day}", "labels": LABELS}
        text = json.dumps(document).replace("busybox:1.36", image)
        text = text.replace(document["metadata"]["creationTimestamp"][:10], f"2026-02-{day:02}")
        Path("record.json").write_text(text, "utf-8")
        Path("plan.yaml").write_text(json.dumps({"state": str(tmp_path / "state"), "steps": steps}), "utf-8")
        times = ["--creation-timestamp", f"2026-02-{day:02}T03:00:00Z", "--duration", "60"]
        return run("run", "plan.yaml", "--record", "record.json", *times)

    return end


CONSOLE = [{"uses": "notify.console"}]


def test_a_message_says_what_changed_and_how_it_was_before(ended):
    """What ran with another image than when all was well, and that this is not the first time."""
    for _ in range(3):
        _, told = ended("succeeded", CONSOLE)
        assert "Changed" not in told
    ended("steps", CONSOLE)
    _, told = ended("steps", CONSOLE, image="busybox:1.37")
    changed, history = (
        next(line for line in told.splitlines() if line.startswith(f"{w}: ")) for w in ("Changed", "History")
    )
    assert "image busybox 1.36 → 1.37" in changed
    assert history.startswith("History: 2nd failure in a row; took ")
    assert history.endswith("; fails one time in two (2 of the last 5)")
    assert told.index("Changed: ") < told.index("History: ") < told.index("Status: ")


def test_the_report_has_all_of_it(ended, tmp_path):
    """As a page, as Markdown and as JSON."""
    forms = {
        "uses": "process.report",
        "with": {"folder": str(tmp_path / "out"), "formats": ["html", "markdown", "json"]},
    }
    ended("succeeded", CONSOLE)
    ended("steps", [forms], image="busybox:1.37")
    page, markdown, data = ((tmp_path / "out" / f"report.{end}").read_text("utf-8") for end in ("html", "md", "json"))
    name = json.loads((RECORDS / "succeeded.json").read_text("utf-8"))["metadata"]["name"]
    assert f"Changed since {name} succeeded" in page
    assert f"## Changed since {name} succeeded" in markdown
    assert "| image busybox | `1.36` | `1.37` |" in markdown
    changes = json.loads(data)["history"]["changes"]
    assert changes[0] | {"usual": None} == {
        "kind": "image",
        "name": "busybox",
        "before": "1.36",
        "after": "1.37",
        "change": "changed",
        "usual": None,
    }


def test_templates_and_conditions_read_it(ended):
    """The same that the message says, whatever the step is."""
    ended("succeeded", CONSOLE)
    step = {
        "uses": "notify.console",
        "if": "history.changes | length and history.failed == 1",
        "with": {"text": "{{ history.changed_since }} / {{ history.changes[0].name }}"},
    }
    report, told = ended("steps", [step], image="busybox:1.37")
    assert [entry["outcome"] for entry in report["steps"]] == ["ok"]
    assert "busybox 1.36 → 1.37" in told
    assert "/ busybox" in told


def test_a_step_that_tells_nobody_asks_for_no_history(ended, monkeypatch):
    """What ships or deletes waits for none."""
    monkeypatch.setattr("exitkit.history.History.begin", lambda *_: pytest.fail("it was asked for"))
    report, _ = ended("steps", [{"uses": "ship.file", "with": {"from": ["status"], "path": "out.ndjson"}}])
    assert [entry["outcome"] for entry in report["steps"]] == ["ok"]
