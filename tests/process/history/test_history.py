"""process.history as a step and as a command: what it writes, and what it says where nothing is known."""

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, Skip
from exitkit.process.history import History
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock

OK, BAD = "Succeeded", "Failed"


NOW = datetime(2026, 11, 5, 3, tzinfo=UTC)  # a day after the last of the nights


@pytest.fixture
def context():
    return Context(Workflow(namespace="ml"), Retry(deadline=Deadline(60, FakeClock(NOW.timestamp()))))


@pytest.fixture
def folder(tmp_path, night):
    """Runs of three nights, of which the last failed."""
    for number, how in enumerate((OK, OK, BAD)):
        workflow = night(number, ("load", how, 30 + number, {}), cpu=3600)
        (tmp_path / f"{number}.json").write_text(json.dumps(workflow))
    return tmp_path


def test_all_forms_are_written_and_told(folder, context, tmp_path):
    """Paths, counts, the usual duration, flaky steps and the cost are facts for later steps."""
    out = tmp_path / "out"
    result = History(series="cron/nightly", reports=[folder], folder=out, prices={"cpu": 2}).run(context)
    paths = [str(out / name) for name in ("history.html", "history.md", "history.json")]
    assert result.facts == {
        "path": paths[0], "paths": paths, "runs": 3, "failed": 1, "failuresInARow": 1, "usual": 30.5, "flaky": [], "cost": 6.0, "currency": "USD",
    }  # fmt: skip
    assert result.summary.startswith(f"3 runs, 1 failed: wrote {paths[0]} and ")
    assert json.loads((out / "history.json").read_text("utf-8"))["title"] == "nightly: 2 of 3 runs succeeded"


@pytest.mark.parametrize(("name", "begins"), [("a.html", "<!DOCTYPE"), ("a.md", "# "), ("a.json", "{")])
def test_one_file_has_the_form_that_its_ending_tells(folder, context, tmp_path, name, begins):
    """And nothing else is written."""
    path = tmp_path / "out" / name
    History(reports=[folder], path=path).run(context)
    assert path.read_text("utf-8").startswith(begins)
    assert [each.name for each in path.parent.iterdir()] == [name]


def test_a_dry_run_writes_nothing(folder, tmp_path):
    """And says what it would."""
    context = Context(Workflow(), dry_run=True)
    result = History(reports=[folder], folder=tmp_path / "out").run(context)
    assert result.summary.startswith("would write ") and not (tmp_path / "out").exists()


def test_only_what_ended_lately_is_told(folder, context):
    """Up to now, by the clock."""
    for since, count in ((86400 * 2.5, 2), (86400 * 30, 3)):
        history = History(reports=[folder], since=since, folder=folder / "out")
        assert history.run(context).facts["runs"] == count
    with pytest.raises(Skip, match="no run of all of the last 1h is known"):
        History(reports=[folder], since=3600).run(context)


def test_where_nothing_is_known_there_is_nothing_to_do(context, tmp_path):
    """With what would help; but what could not be asked is an error."""
    with pytest.raises(Skip, match="no run of all is known; name `reports` or a `state`, or set ARGO_SERVER"):
        History().run(context)
    with pytest.raises(ActionError, match="no run is known of: reports: cannot read"):
        History(reports=[tmp_path / "gone.json"]).run(context)


@pytest.mark.parametrize(
    "given",
    [{"path": "a.txt"}, {"path": "../a.md"}, {"reports": ["a/../b"]}, {"reports": ["ftp://a/b"]}, {"formats": []},
     {"runs": 0}, {"sources": []}, {"folder": "s3:///a"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_before_it_runs(given):
    """A place that leads elsewhere, a form that is none, nothing to write, nobody to ask."""
    with pytest.raises(ValidationError):
        History(**given)


def test_it_needs_the_right_to_list_workflows_where_it_asks_for_them():
    """And none where only reports are read."""
    assert [right.verbs for right in History.rights({})] == [("get", "list")]
    assert History.rights({"sources": ["reports", "store"]}) == ()
