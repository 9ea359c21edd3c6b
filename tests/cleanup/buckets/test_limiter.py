"""How many requests a service gets at a time: never more than allowed, fewer once it complains, and slowly more again."""

import threading
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.buckets.limiter import Pace
from exitkit.errors import ActionError, Retryable
from exitkit.retry.clock import CLOCK, Clock
from exitkit.testing.clock import FakeClock


def slow():
    return Retryable("SlowDown", reason="rate")


def ask(pace, error=None):
    """One request, from its beginning to its end."""
    with pace.request():
        if error is not None:
            raise error


def complain(pace):
    with pytest.raises(Retryable):
        ask(pace, slow())


class Counted:
    """A place that counts the requests in it."""

    def __init__(self, pace):
        self.pace, self.now, self.most, self.lock = pace, 0, 0, threading.Lock()

    def visit(self, stay):
        with self.pace.request():
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                stay()
            finally:
                with self.lock:
                    self.now -= 1


def crowd(pace, clock, count, seconds):
    """So many requests at once, of so many seconds each; how long all of it took, and the most at a time."""
    place, ended, began = Counted(pace), [], clock.monotonic()
    over = threading.Event()

    def body():
        place.visit(lambda: clock.sleep(seconds))
        ended.append(clock.monotonic())
        if len(ended) == count:
            over.set()

    for _ in range(count):
        clock.spawn(body, "crowd")
    assert clock.wait(over, 10_000)
    return max(ended) - began, place.most


def test_so_many_go_at_a_time_and_no_more():
    """The others wait for their turn, and none is forgotten."""
    clock = FakeClock()
    assert crowd(Pace(3, clock), clock, 9, 1) == (3, 3)


def test_after_a_complaint_half_as_many_go():
    """And never fewer than one, however often it complains."""
    clock = FakeClock()
    pace = Pace(8, clock)
    allowed = []
    for _ in range(5):
        complain(pace)
        allowed.append(pace.allowed)
    assert allowed == [4, 2, 1, 1, 1]
    assert crowd(pace, clock, 3, 1) == (2, 2)  # the first that succeeds makes room for two


def test_those_under_way_complain_once():
    """Thirty requests that are all told to slow down are one sign, and not thirty."""
    pace = Pace(32, CLOCK)
    with pytest.raises(Retryable), ExitStack() as under_way:
        others = [under_way.enter_context(pace.request()) and None for _ in range(10)]
        raise slow()
    assert len(others) == 10
    assert pace.allowed == 16
    complain(pace)
    assert pace.allowed == 8


def test_a_request_begun_before_the_slowing_does_not_slow_again():
    """One that began after it does."""
    pace = Pace(8, CLOCK)
    early, late = pace.request(), pace.request()
    early.__enter__()
    complain(pace)
    late.__enter__()
    assert pace.allowed == 4
    assert early.__exit__(Retryable, slow(), None) is False
    assert pace.allowed == 4
    assert late.__exit__(Retryable, slow(), None) is False
    assert pace.allowed == 2


def test_it_grows_by_one_in_the_time_that_all_of_them_take():
    """Four successes where four go at a time; and not beyond what it began with."""
    pace = Pace(8, CLOCK)
    complain(pace)
    assert pace.allowed == 4
    for _ in range(4):
        ask(pace)
    assert pace.allowed == pytest.approx(5, abs=0.15)
    for _ in range(100):
        ask(pace)
    assert pace.allowed == 8


@pytest.mark.parametrize(
    "error", [Retryable("reset"), Retryable("500", reason="server"), ActionError("403", reason="rate"), ValueError()]
)
def test_only_a_word_of_too_much_slows(error):
    """A broken line or a refusal says nothing of how fast it may go; each error leaves as it is."""
    pace = Pace(4, CLOCK)
    with pytest.raises(type(error)) as caught:
        ask(pace, error)
    assert caught.value is error
    assert pace.allowed == 4


def test_room_is_given_back_whatever_a_request_ends_as():
    """Else each failure would take a place for ever."""
    pace = Pace(1, CLOCK)
    for error in (slow(), ValueError(), SystemExit(), None):
        try:
            ask(pace, error)
        except BaseException as caught:
            assert caught is error
    ask(pace)


def test_a_slot_that_is_free_is_had_without_waiting():
    """The clock is not asked."""

    class Still(Clock):
        def wait(self, event, seconds):
            pytest.fail("it waited")

    pace = Pace(2, Still())
    with pace.request(), pace.request():
        pass


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 64))
def test_it_stays_between_one_and_the_most(complaints, most):
    """After any course of complaints and successes, and a whole request always may go."""
    pace = Pace(most, CLOCK)
    for bad in complaints:
        if bad:
            complain(pace)
        else:
            ask(pace)
        assert 1 <= pace.allowed <= most


def test_many_threads_keep_to_it_while_it_changes():
    """With real threads: never more at a time than was ever allowed, and all of them come through."""
    pace = Pace(6, CLOCK)
    place, lock, done = Counted(pace), threading.Lock(), []

    def body(number):
        def stay():
            if number % 7 == 0:
                raise slow()

        with suppress(Retryable):
            place.visit(stay)
        with lock:
            done.append(number)

    threads = [threading.Thread(target=body, args=(number,), daemon=True) for number in range(300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == list(range(300))
    assert place.most <= 6
    assert place.now == 0
