"""Whatever stands where a value of ours should: the message leaves, and the report says what is not promised."""

import json
from dataclasses import replace

import pytest

from exitkit.action import Result
from exitkit.history import History
from exitkit.notify.delivery import deliver
from exitkit.store.receipt import Receipt, encode, name_of
from exitkit.testing import context

STRANGE = {
    "empty": b"",
    "torn": lambda right: right[: len(right) // 2],
    "one byte short": lambda right: right[:-1],
    "doubled": lambda right: right * 2,
    "a bit flipped": lambda right: right.replace(b"confirmed", b"confirmee"),
    "not utf-8": b"\xff\xfe\x00",
    "a page": b"<html>guest network</html>",
    "another's json": b'{"kind": "Secret", "data": {}}',
    "another delivery's": lambda right: right.replace(b'"delivery": "', b'"delivery": "x'),
    "a list": b"[1, 2]",
    "null": b"null",
    "deep": b"[" * 50_000,
    "large": b" " * 65_536,
    "of the future": b'{"version": 99, "stage": "sealed"}',
    "a version that is none": b'{"version": "latest"}',
}


@pytest.fixture
def kind():
    """A value is the same bytes in each store, as the contract shows."""
    return "folder"


@pytest.fixture
def scene(opened):
    return context(state=opened())


def placed(scene, strange):
    """An earlier run's receipt, with something else in its place."""
    right = encode(Receipt("confirmed", 1.0), scene.delivery)
    data = strange(right) if callable(strange) else strange
    scene.state.overwrite(scene.deadline, name_of(scene.delivery), data)
    return data


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_a_strange_receipt_stops_no_delivery(scene, opened, strange):
    """It is told; and of what is not of the future the verdict takes the place, so that the next run knows."""
    data = placed(scene, strange)
    result = deliver(scene, lambda: Result("sent"))
    assert result.summary == "sent"
    assert any("so this may be a second delivery" in note for note in result.notes)
    again = deliver(replace(scene, state=opened()), lambda: Result("sent"))
    newer = b"99" in data
    assert again.duplicate is not newer
    assert (scene.state.get(scene.deadline, name_of(scene.delivery)).data == data) is newer


@pytest.mark.parametrize("strange", STRANGE.values(), ids=STRANGE)
def test_a_strange_history_stops_no_run(scene, strange):
    """It begins anew, or is left to whoever understands it; both are told."""
    data = strange(b'{"version": 1, "series": "other", "delivery": "confirmed"}') if callable(strange) else strange
    history = History(scene.state, scene.workflow, "ml/cron/nightly")
    scene.state.overwrite(scene.deadline, history._name, data)
    assert history.standing(scene.deadline).facts()["failures_in_a_row"] == 1
    history.keep(scene.deadline)
    there = scene.state.get(scene.deadline, history._name).data
    assert there == data if b"99" in data else json.loads(there)["count"] == 1
    assert history.notes
