"""A store that is slow, silent or broken takes no more than its share, and is told once."""

import pytest

from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.retry.clock import Deadline
from exitkit.store import Store
from exitkit.store.bounded import BoundedStore, StoreFailure
from exitkit.store.place import open_store
from exitkit.testing import FakeClock


class Odd(Store):
    """Does what it is told for whatever is asked."""

    where = "odd"

    def __init__(self, does):
        self.does, self.asked = does, 0

    def get(self, name):
        self.asked += 1
        return self.does()

    put_if_absent = put_if_unchanged = delete = list = lambda self, *_: self.get("")


@pytest.fixture
def clock():
    return FakeClock(patience=0.02)


def failing(error):
    def fail():
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(13, "Permission denied"), "odd: permission denied"),
        (OSError(28, "No space left on device"), "odd: no space left on device"),
        (ActionError("403 forbidden"), "odd: 403 forbidden"),
        (ConfigError("no cluster is known"), "odd: no cluster is known"),
        (KeyError("x"), "odd: KeyError"),
    ],
    ids=str,
)
def test_whatever_fails_is_one_kind_of_failure(clock, error, told):
    """So that whoever asks needs to know no other."""
    with pytest.raises(StoreFailure) as caught:
        BoundedStore(Odd(failing(error))).get(Deadline(100, clock), "a")
    assert str(caught.value) == told


def test_what_passes_is_tried_again(clock):
    """Others that write at the same time, a server that answers later."""
    answers = [Retryable("409"), Retryable("503"), None]

    def answer():
        if error := answers.pop(0):
            raise error

    assert BoundedStore(Odd(answer)).get(Deadline(100, clock), "a") is None


def test_what_never_passes_ends_with_the_question(clock):
    """A conflict without end, too, within a few seconds."""
    with pytest.raises(StoreFailure, match="conflict"):
        BoundedStore(Odd(failing(Retryable("conflict")))).get(Deadline(300, clock), "a")
    assert clock.monotonic() <= 5.5


def test_a_store_that_hangs_is_given_up(clock):
    """After two questions it is not asked any more; all of it takes a tenth of the time."""
    store, deadline = BoundedStore(Odd(lambda: clock.sleep(1000))), Deadline(300, clock)
    for _ in range(5):
        with pytest.raises(StoreFailure):
            store.get(deadline, "a")
    assert clock.monotonic() <= 11
    with pytest.raises(StoreFailure, match="does not answer, and is not asked any more"):
        store.get(deadline, "a")


def test_a_slow_store_takes_a_tenth_of_the_time(clock):
    """Each question is answered, only late; then none is asked any more."""
    store, deadline = BoundedStore(Odd(lambda: clock.sleep(2) and None)), Deadline(100, clock)
    with pytest.raises(StoreFailure, match=r"has used up its share of the time|no answer within"):
        for _ in range(20):
            store.get(deadline, "a")
    assert clock.monotonic() <= 12


def test_little_time_is_divided(clock):
    """With four seconds left a hanging store takes less than half of one."""
    with pytest.raises(StoreFailure):
        BoundedStore(Odd(lambda: clock.sleep(1000))).get(Deadline(4, clock), "a")
    assert clock.monotonic() <= 0.5


def test_what_is_written_over_by_others_all_the_time_is_told(tmp_path, clock):
    """It ends."""
    store = open_store(str(tmp_path))
    store.store.put_if_unchanged = lambda *_: ""
    store.store.put_if_absent("a", b"x")
    with pytest.raises(StoreFailure, match="others write the same value all the time"):
        store.overwrite(Deadline(100, clock), "a", b"y")
