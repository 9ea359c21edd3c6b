"""Receipts have an end, and none goes that another run may need."""

import os
import time

import pytest

from exitkit import cli
from exitkit.retry.clock import Deadline
from exitkit.store import expiry
from exitkit.store.expiry import KEPT_FOR, KEPT_FOR_SURE, expire, is_due
from exitkit.store.place import open_store
from exitkit.testing import FakeClock
from exitkit.testing.http import answer

RECEIPTS = "m" * 25  # a delivery whose run looks at receipts, with a letter after it
HOUR = 3600.0


@pytest.fixture
def deadline():
    return Deadline(300, FakeClock(now=time.time()))


@pytest.fixture
def backdate(kind):
    """Makes a value one that was written so many seconds ago."""

    def change(server, store, name, seconds):
        at = time.time() - seconds
        if kind == "folder":
            os.utime(store.store.path / f"{name}.json", (at, at))
        elif kind == "configmap":
            data = server.objects["argo/exitkit-state"]["data"]
            data[name] = f"{at:.0f}\n{data[name].partition(chr(10))[2]}"
        else:
            server.changed[f"exitkit/{name}"] = at

    return change


@pytest.fixture
def filled(kind, server_of, backdate):
    """A store with values of these ages in seconds, by name."""

    def fill(ages):
        server, where = server_of(kind)
        store = open_store(where)
        for name, seconds in ages.items():
            store.store.put_if_absent(name, b"x")
            backdate(server, store, name, seconds)
        return server, open_store(where)

    return fill


def test_what_is_older_than_a_month_goes_and_nothing_else(filled, deadline):
    """No younger receipt, whatever its stage, no history, and no list of a shipment when it is the receipts' turn."""
    ages = {
        "receipt.old": KEPT_FOR + HOUR,
        "receipt.zz": KEPT_FOR * 9,
        "receipt.month": KEPT_FOR - HOUR,
        "receipt.now": 0,
    }
    ages |= {"history.old": KEPT_FOR * 2, "sent.old": KEPT_FOR * 2, "shapes.old": KEPT_FOR * 2}
    _, store = filled(ages)
    assert expire(store, deadline, f"{RECEIPTS}a") == ()
    kept = {"receipt.month", "receipt.now", "history.old", "sent.old", "shapes.old"}
    assert set(store.store.list("")) == kept


def test_what_was_shipped_has_its_turn_as_well(filled, deadline):
    """By other runs."""
    _, store = filled({"receipt.old": KEPT_FOR * 2, "sent.old": KEPT_FOR * 2, "sent.now": 0})
    assert expire(store, deadline, f"{'m' * 24}bi") == ()
    assert store.store.list("") == ["receipt.old", "sent.now"]


def test_of_very_many_the_oldest_go_earlier_but_none_of_the_last_day(filled, deadline, monkeypatch):
    """An exit pod that is run again the same day finds its receipt, however much goes on."""
    monkeypatch.setattr(expiry, "KEPT", 3)
    ages = {f"receipt.{number}": KEPT_FOR_SURE + number * HOUR for number in range(1, 4)}
    ages |= {f"receipt.young-{number}": number for number in range(4)}
    _, store = filled(ages)
    assert expire(store, deadline, f"{RECEIPTS}a") == ()
    assert store.store.list("") == [f"receipt.young-{number}" for number in range(4)]


@pytest.mark.parametrize(("ages", "ahead"), [((0, HOUR), 20 * KEPT_FOR), ((-20 * KEPT_FOR, HOUR), 0)])
def test_a_clock_that_is_wrong_removes_nothing_that_is_young(filled, ages, ahead):
    """Neither that of a pod, a year ahead, nor that of whoever wrote one of the values."""
    _, store = filled(dict(zip(("receipt.a", "receipt.b"), ages, strict=True)))
    assert expire(store, Deadline(300, FakeClock(now=time.time() + ahead)), f"{RECEIPTS}a") == ()
    assert store.store.list("") == ["receipt.a", "receipt.b"]


@pytest.mark.parametrize("kind", ["s3", "gs", "configmap"])
def test_it_takes_one_listing_and_no_reading(filled, deadline):
    """And nothing where nothing is old; what is there to be deleted is bounded."""
    server, store = filled({"receipt.a": 0, "receipt.b": HOUR})
    store.store.list("")  # finds out what the server can do
    del server.requests[:]
    assert expire(store, deadline, f"{RECEIPTS}a") == ()
    assert [request.method for request in server.requests] in (["GET"], ["GET", "GET"])


@pytest.mark.parametrize("kind", ["s3", "gs", "configmap"])
def test_a_store_that_refuses_is_told_and_stops_nothing(filled, deadline):
    """So that who gave too few rights learns why the store grows."""
    server, store = filled({"receipt.a": 2 * KEPT_FOR, "receipt.b": 0})
    reply = server.reply
    server.reply = lambda request: answer(403, "{}") if request.method in ("DELETE", "PATCH") else reply(request)
    (note,) = expire(store, deadline, f"{RECEIPTS}a")
    assert note.startswith("old receipts were not removed: ")
    assert "403" in note


def test_what_killed_processes_left_in_a_folder_goes(tmp_path, deadline):
    """After a day, when nobody can be at it any more."""
    store = open_store(str(tmp_path))
    store.store.put_if_absent("receipt.now", b"x")
    for name, seconds in ((".new-old", KEPT_FOR_SURE + HOUR), (".new-young", HOUR), ("other", KEPT_FOR * 2)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (time.time() - seconds,) * 2)
    assert expire(store, deadline, f"{RECEIPTS}a") == ()
    assert {path.name for path in tmp_path.iterdir()} == {".new-young", "other", "receipt.now.json"}


def test_one_run_in_eight_looks():
    """And the same run always, so that a second one of the same end adds no load."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    assert sum(is_due(f"x{letter}") for letter in letters) == 4


def test_runs_remove_what_is_old_by_themselves(tmp_path, capsys):
    """Some of a few dozen, in passing; each with its exit code and its report as ever."""
    store = open_store(str(tmp_path))
    store.store.put_if_absent("receipt.old", b"x")
    os.utime(tmp_path / "receipt.old.json", (time.time() - 2 * KEPT_FOR,) * 2)
    facts = ["--name", "w", "--status", "Failed", "--state", str(tmp_path)]
    for number in range(40):
        assert cli.run(["notify", "console", *facts, "--uid", f"u{number}"], environ={}) == 0
    capsys.readouterr()
    assert "receipt.old" not in store.store.list("")
    assert len(store.store.list("receipt.")) == 40
