"""The record is read once a run, and nobody waits for it for longer than it may take."""

import threading

import pytest

from exitkit.argo.record import read
from exitkit.errors import ActionError
from exitkit.recordreader import PATIENCE, SHARES, KnownRecord, NoRecords, RecordReader
from exitkit.retry import show
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock

RECORD = read({"kind": "Workflow", "metadata": {"name": "w"}, "status": {"phase": "Running"}})


@pytest.fixture
def clock():
    return FakeClock(patience=0.2)


def test_it_is_read_once_and_only_when_somebody_asks(clock):
    """Whoever asks, and from whichever thread."""
    readings = []

    def fetch(deadline, keep):
        readings.append(deadline)
        keep(RECORD)

    deadline = Deadline(60, clock)
    reader = RecordReader(lambda: fetch, deadline)
    assert readings == []
    answers = []
    for _ in range(5):
        clock.spawn(lambda: answers.append(reader.record(deadline)), "asks")
    deadline.wait(threading.Event(), lambda: len(answers) == 5, 5)
    assert answers == [RECORD] * 5
    assert reader.record(deadline, needed=True) is RECORD
    assert (len(readings), reader.note) == (1, "")


@pytest.fixture
def hanging(clock):
    """Fetches that give so many signs of life, each 0.1 s after the one before, and then hang."""

    def make(*signs):
        def fetch(until, keep=None):
            for sign in signs:
                until.pause(0.1)
                show(sign)
            threading.Event().wait(30)

        return fetch

    return make


@pytest.mark.parametrize(
    ("signs", "seconds"),
    [
        ((), PATIENCE),
        (("connecting",), 0.1 + PATIENCE * SHARES["connecting"]),
        (("connecting", "connecting"), 0.1 + PATIENCE * SHARES["connecting"]),
        (("connecting", "sent"), 0.2 + PATIENCE * SHARES["sent"]),
        (("connecting", "sent", "answered"), PATIENCE),
        (("connecting", "sent", "connecting", "sent"), 0.4 + PATIENCE * SHARES["sent"]),
        (("connecting",) + ("sent",) * 9, PATIENCE),
    ],
    ids=["busy", "no connection", "another try", "no answer", "no end of it", "again", "for ever"],
)
def test_the_less_it_gives_the_less_it_is_waited_for(clock, hanging, signs, seconds):
    """No connection, no answer, and an answer that does not end: a quarter of a second, a half, and one."""
    deadline = Deadline(60, clock)
    assert RecordReader(lambda: hanging(*signs), deadline).record(deadline) is None
    assert clock.monotonic() == pytest.approx(seconds)


def test_what_hangs_holds_up_all_messages_together_for_a_second_at_most(clock, hanging):
    """Two channels after each other wait no longer than one; and near the end of time for a tenth of what is left."""
    for seconds, most in ((60, PATIENCE), (4, 0.4)):
        deadline = Deadline(seconds, clock)
        reader = RecordReader(lambda: hanging("connecting", "sent", "answered"), deadline)
        began = clock.monotonic()
        assert reader.record(deadline) is None
        assert reader.record(deadline) is None
        assert clock.monotonic() - began == pytest.approx(most)
        assert reader.note == "it did not come in time"


def test_whoever_needs_it_waits_longer_and_not_for_ever(clock):
    """An action that has nothing to do without it: 15 s, and half of the time it has, for a message may come after it."""
    deadline = Deadline(300, clock)
    reader = RecordReader(lambda: lambda until, keep: until.pause(12) and keep(RECORD), deadline)
    assert reader.record(deadline) is None
    assert reader.record(deadline.within(50), needed=True) is RECORD
    assert clock.monotonic() == pytest.approx(12)
    assert reader.note == ""
    for seconds, most in ((60, 15), (10, 5)):
        reader, began = RecordReader(lambda: lambda until, keep: until.pause(50), deadline), clock.monotonic()
        assert reader.record(deadline.within(seconds), needed=True) is None
        assert clock.monotonic() - began == pytest.approx(most)


def test_a_first_reading_is_better_than_none(clock):
    """Where the one that tells all does not come in time, which is longer where the API does answer."""
    deadline = Deadline(60, clock)

    def fetch(until, keep):
        keep(RECORD)
        until.pause(10)

    began = clock.monotonic()
    assert RecordReader(lambda: fetch, deadline).record(deadline) is RECORD
    assert clock.monotonic() - began == pytest.approx(3)


def test_loading_is_not_held_against_the_api(clock):
    """A busy machine takes seconds for it, and the message would take them for its own client."""
    deadline = Deadline(60, clock)

    def prepare():
        deadline.pause(3)
        return lambda until, keep: until.pause(0.5) and keep(RECORD)

    assert RecordReader(prepare, deadline).record(deadline) is RECORD
    assert clock.monotonic() == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (ActionError("403 forbidden from api: no"), "403 forbidden from api: no"),
        (ValueError("it is of another workflow"), "it is of another workflow"),
        (RuntimeError("a bug"), "it could not be read: RuntimeError"),
        (RecursionError(), "it could not be read: RecursionError"),
    ],
)
def test_whatever_is_wrong_is_a_note(clock, error, note):
    """And no failure."""

    def fetch(until, keep):
        raise error

    deadline = Deadline(60, clock)
    reader = RecordReader(lambda: fetch, deadline)
    assert reader.record(deadline) is None
    assert reader.note == note


def test_where_nothing_is_known_nothing_is_asked():
    """And nobody misses it."""
    assert NoRecords().record(Deadline(60)) is None
    assert NoRecords.note == ""
    assert KnownRecord(RECORD).record(Deadline(60)) is RECORD


def test_no_try_begins_after_the_run(clock):
    """A reading that goes on by itself would warn of its tries when all is told."""
    deadline, tries = Deadline(60, clock), []

    def fetch(until, keep):
        while until.remaining() > 0 and until.pause(0.5):
            tries.append(clock.monotonic())

    reader = RecordReader(lambda: fetch, deadline)
    assert reader.record(deadline) is None
    begun = len(tries)
    reader.close()
    deadline.pause(5)
    assert len(tries) <= begun + 1


def test_a_reading_has_its_time_from_when_it_begins(clock):
    """Also where the first step that asks comes after a cleanup of an hour."""

    def fetch(until, keep):
        if until.remaining() > 1:
            keep(RECORD)

    deadline = Deadline(7200, clock)
    reader = RecordReader(lambda: fetch, deadline)
    deadline.pause(3600)
    assert reader.record(deadline) is RECORD
