"""A series' history is read once, and added to by however many at once, and never stops a run."""

import json
import threading
from dataclasses import replace

import pytest

from exitkit.argo.workflow import Workflow
from exitkit.history import History, series_of
from exitkit.retry.clock import Deadline
from exitkit.store import Store
from exitkit.store.bounded import BoundedStore
from exitkit.store.place import open_store
from exitkit.testing import FakeClock, failed_workflow

CRON = {"workflows.argoproj.io/cron-workflow": "nightly"}
TEMPLATE = {"workflows.argoproj.io/workflow-template": "train"}


@pytest.fixture
def deadline():
    return Deadline(300, FakeClock())


@pytest.fixture
def run(tmp_path, deadline):
    """One run of the series: how it stood, after which it is kept."""

    def play(number, status="Failed", **more):
        workflow = replace(failed_workflow(status=status), uid=f"u{number}", name=f"w{number}", labels=CRON)
        if status == "Succeeded":
            workflow = replace(workflow, failures=type(workflow.failures)())
        workflow = replace(workflow, duration=float(number), **more)
        history = History(open_store(str(tmp_path)), workflow, series_of(workflow))
        standing = history.standing(deadline)
        history.keep(deadline)
        assert history.notes == ()
        return standing

    return play


def test_a_series_is_what_makes_the_workflow():
    """What the plan says, else the CronWorkflow, else the template, each in its namespace."""
    bare = Workflow(name="w", namespace="ml")
    assert series_of(bare) == ""
    assert series_of(replace(bare, labels=TEMPLATE)) == "ml/template/train"
    assert series_of(replace(bare, labels=TEMPLATE | CRON)) == "ml/cron/nightly"
    assert series_of(replace(bare, labels=CRON), "mine") == "ml/mine"


def test_each_end_knows_how_it_stands_to_the_one_before(run):
    """First, still, fixed; a success after a success is none of them."""
    told = [
        (number, status) for number, status in enumerate(["Succeeded", "Failed", "Error", "Succeeded", "Succeeded"], 1)
    ]
    standings = [run(*one) for one in told]
    assert [one.word for one in standings] == ["", "FirstFailure", "StillFailing", "Fixed", ""]
    assert [one.facts()["failures_in_a_row"] for one in standings] == [0, 1, 2, 0, 0]
    assert [one.facts()["changed"] for one in standings] == [False, True, False, True, False]
    last = standings[2].facts()["last_success"]
    assert (last["name"], last["duration"]) == ("w1", 1.0)
    assert standings[4].facts()["usual_duration"] == 2.5


def test_the_first_end_of_all_is_a_first_failure_that_changed_nothing(run):
    """As nothing is known of what was before."""
    standing = run(1)
    assert (standing.word, standing.facts()["changed"], standing.facts()["failures_in_a_row"]) == (
        "FirstFailure",
        False,
        1,
    )


def test_a_second_run_of_the_same_end_counts_once(run):
    """It stands as the first did."""
    run(1, "Succeeded")
    assert [run(2).facts(), run(2).facts()] == [run(2).facts()] * 2
    assert run(3).facts()["failures_in_a_row"] == 2


def test_many_at_once_lose_none(tmp_path, monkeypatch):
    """Each adds its own, whoever else does."""
    monkeypatch.setattr("exitkit.history._APART", 0.05)
    histories = []
    for number in range(24):
        workflow = replace(failed_workflow(), uid=f"u{number}", labels=CRON)
        histories.append(History(open_store(str(tmp_path)), workflow, series_of(workflow)))
    threads = [threading.Thread(target=one.keep, args=(Deadline(300),)) for one in histories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [note for one in histories for note in one.notes] == []
    after = replace(failed_workflow(), uid="after", labels=CRON)
    standing = History(open_store(str(tmp_path)), after, series_of(after)).standing(Deadline(300))
    assert standing.facts()["failures_in_a_row"] == 25


class Counted(Store):
    """Passes what is asked on to another store, and notes it; `busy` is how often others are first."""

    where = "counted"

    def __init__(self, store, busy=0):
        self.store, self.asked, self.busy = store, [], busy

    def get(self, name):
        self.asked.append("get")
        return self.store.get(name)

    def put_if_absent(self, name, data):
        self.asked.append("put")
        return self.store.put_if_absent(name, data)

    def put_if_unchanged(self, name, data, version):
        self.asked.append("put")
        self.busy -= 1
        return "" if self.busy >= 0 else self.store.put_if_unchanged(name, data, version)

    def delete(self, name):
        self.asked.append("delete")
        self.store.delete(name)

    def list(self, prefix):
        self.asked.append("list")
        return self.store.list(prefix)

    def written(self, prefix, after):
        self.asked.append("written")
        return self.store.written(prefix, after)


def test_a_run_asks_three_times_for_its_history(tmp_path, deadline):
    """What there is, and what is in it, and to add to it."""
    told = []
    for number in range(3):
        store = Counted(open_store(str(tmp_path)).store)
        history = History(BoundedStore(store), replace(failed_workflow(), uid=f"u{number}"), "ml/nightly")
        history.standing(deadline)
        history.keep(deadline)
        told.append(store.asked)
    assert told == [["list", "put"], ["list", "get", "put"], ["list", "get", "put"]]


def test_an_end_that_others_are_ahead_of_is_put_beside_and_taken_in_by_the_next(tmp_path, deadline):
    """So that however many end at once none waits for all the others."""

    def history(number, busy=0):
        store = Counted(open_store(str(tmp_path)).store, busy)
        workflow = replace(failed_workflow(), uid=f"u{number}")
        return store, History(BoundedStore(store), workflow, "ml/nightly")

    for number, busy in ((0, 0), (1, 1), (2, 1)):
        _, one = history(number, busy)
        one.keep(deadline)
        assert one.notes == ()
    assert len(list(tmp_path.glob("history.*.json"))) == 3
    store, after = history(3)
    assert after.standing(deadline).facts()["failures_in_a_row"] == 4
    after.keep(deadline)
    assert store.asked == ["list", "get", "get", "get", "put", "delete", "delete"]
    assert len(list(tmp_path.glob("history.*.json"))) == 1
    _, last = history(4)
    assert last.standing(deadline).facts()["failures_in_a_row"] == 5


def test_a_steps_own_handler_and_an_end_of_unknown_status_are_no_ends(tmp_path, deadline):
    """The workflow goes on, or nobody knows."""
    for workflow in (failed_workflow(status="Running"), replace(failed_workflow(), status="")):
        History(open_store(str(tmp_path)), workflow, "x").keep(deadline)
    assert list(tmp_path.iterdir()) == []


class Broken(Store):
    where = "broken"

    def get(self, name):
        raise PermissionError(13, "Permission denied")

    put_if_absent = put_if_unchanged = delete = list = written = lambda self, *_: self.get("")


def test_a_store_that_fails_is_told_and_stops_nothing(deadline):
    """What this end says by itself is still known."""
    history = History(BoundedStore(Broken()), failed_workflow(), "x")
    standing = history.standing(deadline)
    assert not standing.is_known
    assert standing.facts()["failures_in_a_row"] == 1
    history.keep(deadline)
    assert history.notes == (
        "nothing is known of earlier runs: broken: permission denied",
        "this end is not remembered: broken: permission denied",
    )


@pytest.mark.parametrize(
    ("content", "told", "kept"),
    [(b"{torn", "is damaged, and begins anew", False), (b'{"version": 2}', "of a newer exitkit (version 2)", True)],
)
def test_a_history_that_cannot_be_read_is_told(tmp_path, deadline, content, told, kept):
    """What is damaged begins anew; what is newer is left alone."""
    store = open_store(str(tmp_path))
    workflow = replace(failed_workflow(), labels=CRON)
    History(store, workflow, series_of(workflow)).keep(deadline)
    (path,) = tmp_path.glob("history.*.json")
    path.write_bytes(content)
    history = History(open_store(str(tmp_path)), workflow, series_of(workflow))
    history.standing(deadline)
    history.keep(deadline)
    assert any(told in note for note in history.notes)
    assert (path.read_bytes() == content) is kept
    assert kept or json.loads(path.read_bytes())["count"] == 1
