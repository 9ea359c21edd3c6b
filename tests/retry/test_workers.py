"""Work at the same time: each piece in a thread of its own, and every result taken once, in the order in which it is done."""

import threading

import pytest

from exitkit.errors import ActionError
from exitkit.retry import Abandoned, Retry, RetryPolicy, sending
from exitkit.retry.clock import Clock, Deadline
from exitkit.retry.workers import Crew
from exitkit.testing.clock import FakeClock


def after(clock, seconds, value):
    """Work that takes so long, and then gives the value or raises it."""

    def work():
        clock.sleep(seconds)
        if isinstance(value, BaseException):
            raise value
        return value

    return work


def test_results_come_in_the_order_in_which_they_are_done():
    """And not in that in which they were begun, while all of it goes on at the same time."""
    clock = FakeClock()
    crew = Crew(3, clock)
    for seconds in (3, 1, 2):
        crew.start(after(clock, seconds, seconds))
    assert [crew.take() for _ in range(3)] == [1, 2, 3]
    assert clock.monotonic() == 3


def test_it_is_full_until_a_result_is_taken():
    """What is done and not taken counts, so that results do not pile up."""
    clock = FakeClock()
    crew = Crew(2, clock)
    crew.start(after(clock, 1, "a"))
    assert (crew.full, crew.busy) == (False, 1)
    crew.start(after(clock, 2, "b"))
    clock.sleep(10)
    assert (crew.full, crew.busy) == (True, 2)
    crew.take()
    assert (crew.full, crew.busy) == (False, 1)


def test_an_error_is_raised_where_the_result_is_taken():
    """As it is, also one that ends a thread; what else is under way goes on."""
    clock = FakeClock()
    crew = Crew(4, clock)
    errors = [ActionError("no"), ValueError("bug"), Abandoned()]
    for seconds, error in enumerate(errors, 1):
        crew.start(after(clock, seconds, error))
    crew.start(after(clock, 9, "fine"))
    for error in errors:
        with pytest.raises(type(error)) as caught:
            crew.take()
        assert caught.value is error
    assert crew.take() == "fine"
    assert crew.busy == 0


def test_nothing_to_wait_for_is_an_error_and_no_hang():
    """Whoever takes more than was begun has lost count."""
    clock = FakeClock()
    crew = Crew(1, clock)
    with pytest.raises(IndexError, match="nothing is being done"):
        crew.take()
    crew.start(lambda: None)
    assert crew.take() is None
    with pytest.raises(IndexError):
        crew.take()
    assert list(crew.rest()) == list(crew.taken()) == []


def test_taken_gives_what_is_there_and_does_not_wait():
    """The rest gives all, as it comes."""
    clock = FakeClock()
    crew = Crew(4, clock)
    assert list(crew.taken()) == []
    for seconds in (1, 2, 10, 11):
        crew.start(after(clock, seconds, seconds))
    clock.sleep(5)
    assert list(crew.taken()) == [1, 2]
    assert clock.monotonic() == 5
    assert list(crew.rest()) == [10, 11]
    assert clock.monotonic() == 11


def test_work_can_be_added_while_the_rest_is_taken():
    """As a listing does, in which one page leads to others."""
    crew = Crew(1)
    crew.start(lambda: 3)
    found = []
    for one in crew.rest():
        found.append(one)
        if one:
            crew.start(lambda left=one: left - 1)
    assert found == [3, 2, 1, 0]


def test_no_result_is_lost_or_told_twice():
    """With real threads, whose results come while others are taken."""
    crew = Crew(16)
    found = []
    for number in range(2000):
        while crew.full:
            found.append(crew.take())
        crew.start(lambda number=number: number)
        found.extend(crew.taken())
    found.extend(crew.rest())
    assert sorted(found) == list(range(2000))


def test_a_result_that_comes_while_nobody_looks_is_not_slept_over():
    """Between the look at what is there and the wait for it."""
    finish, finished = threading.Event(), threading.Event()

    class Late(threading.Event):
        def clear(self):
            finish.set()
            finished.wait(10)
            super().clear()

        def set(self):
            super().set()
            finished.set()

    class Impatient(Clock):
        def wait(self, event, seconds):
            pytest.fail("it waits for what is there")

    crew = Crew(1, Impatient())
    crew._came = Late()
    crew.start(lambda: finish.wait(10) and "result")
    assert crew.take() == "result"


def test_threads_do_not_hold_up_the_end_of_the_process():
    """A request that hangs must not outlive the report."""
    seen, go = [], threading.Event()
    crew = Crew(1, Clock(), "exitkit-test")
    crew.start(lambda: seen.append(threading.current_thread()) or go.wait(10))
    go.set()
    crew.take()
    assert seen[0].daemon
    assert seen[0].name == "exitkit-test"


def test_work_belongs_to_the_attempt_that_began_it():
    """Once nobody waits for that any more, the next request of any of its threads is refused."""
    clock = FakeClock()
    retry = Retry(RetryPolicy(attempts=1), Deadline(5, clock))
    began, ended, sent = [], threading.Event(), []

    def work():
        began.append(clock.monotonic())
        try:
            clock.sleep(30)
            sending()
            sent.append(1)
        finally:
            ended.set()

    def step():
        crew = Crew(1, clock)
        crew.start(work)
        crew.take()

    with pytest.raises(ActionError):
        retry.whole(step)
    assert clock.wait(ended, 100)
    assert (began, sent) == ([0], [])


def test_work_of_an_attempt_that_is_waited_for_may_send():
    """The same, in time."""
    clock = FakeClock()
    retry = Retry(RetryPolicy(attempts=1), Deadline(50, clock))

    def step():
        crew = Crew(1, clock)
        crew.start(lambda: sending() or "sent")
        return crew.take()

    assert retry.whole(step) == "sent"
