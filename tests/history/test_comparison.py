"""How a run did beside earlier ones: known soon, or not told."""

from dataclasses import replace

import pytest

from exitkit.argo.workflow import Workflow
from exitkit.history import History
from exitkit.retry.clock import Deadline
from exitkit.store import Store
from exitkit.store.bounded import BoundedStore
from exitkit.store.place import open_store
from exitkit.testing import FakeClock, failed_workflow

SERIES = "ml/nightly"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def deadline(clock):
    return Deadline(300, clock)


@pytest.fixture
def ended(tmp_path, deadline):
    """One run of the series that ended: what it told of earlier ones."""

    def end(number, status, seconds=480.0, **parameters):
        workflow = Workflow(name=f"w{number}", uid=f"u{number}", status=status, duration=seconds, parameters=parameters)
        deadline.clock.advance(1)
        history = History(open_store(str(tmp_path)), workflow, SERIES)
        past = history.compared(workflow, None, deadline)
        history.keep(deadline, workflow)
        assert history.notes == ()
        return past

    return end


def test_a_failure_tells_what_is_another_than_in_the_last_success(ended):
    """Also the second failure in a row; a success tells nothing of it."""
    for number in range(3):
        assert ended(number, "Succeeded", lr="0.1").changed == ""
    first = ended(3, "Failed", 1260.0, lr="0.2")
    assert (first.usual, first.changed) == ("took 21m, usually 8m", "parameter lr 0.1 → 0.2, since w2 succeeded")
    second = ended(4, "Failed", lr="0.2")
    assert (second.usual.partition(";")[0], second.changed) == ("2nd failure in a row", first.changed)
    assert ended(5, "Succeeded", lr="0.2").changed == ""
    assert ended(6, "Failed", lr="0.2").changed == ""


def test_a_line_tells_of_a_few_and_counts_the_rest(ended):
    """The facts have all."""
    ended(1, "Succeeded", **{f"p{n}": "1" for n in range(20)})
    past = ended(2, "Failed", **{f"p{n}": "2" for n in range(20)})
    assert past.changed.endswith("parameter p13 1 → 2, 14 more, since w1 succeeded")
    assert len(past.facts()["changes"]) == 20
    assert past.facts()["changes"][0] == {
        "kind": "parameter",
        "name": "p0",
        "before": "1",
        "after": "2",
        "change": "changed",
        "usual": False,
    }


class Slow(Store):
    """Answers after a minute."""

    where = "slow"

    def __init__(self, clock):
        self.clock = clock

    def list(self, prefix):
        self.clock.sleep(60)
        return []

    get = put_if_absent = put_if_unchanged = delete = written = None


def test_no_message_waits_long_for_a_store_that_is_slow(clock, deadline):
    """Half a second, counted from when it was asked; then nothing is told."""
    workflow = failed_workflow()
    history = History(BoundedStore(Slow(clock)), workflow, SERIES)
    began = clock.monotonic()
    history.begin(deadline)
    clock.advance(0.3)  # in which the record was read
    assert history.compared(workflow, None, deadline).facts() == {"usual": "", "changes": [], "changed_since": ""}
    assert clock.monotonic() - began == pytest.approx(0.5)
    assert history.compared(workflow, None, deadline).usual == ""
    assert clock.monotonic() - began == pytest.approx(0.5)


def test_a_steps_own_handler_compares_nothing(clock, deadline):
    """Nor asks: the history is that of workflows."""
    workflow = replace(failed_workflow(status="Running"))
    assert History(BoundedStore(Slow(clock)), workflow, SERIES).compared(workflow, None, deadline).usual == ""
    assert clock.monotonic() == 0
