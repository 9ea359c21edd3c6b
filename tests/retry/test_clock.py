"""A deadline ends all within it, and the fake clock plays time without taking any."""

import threading

import pytest

from exitkit.retry.clock import CLOCK, Deadline
from exitkit.testing.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def test_a_child_never_ends_after_its_parent(clock):
    """A step's own time is cut to the plan's."""
    whole = Deadline(10, clock)
    assert whole.within(60).remaining() == 10
    assert whole.within(3).remaining() == 3
    clock.advance(4)
    assert whole.within(60).within(60).remaining() == 6
    clock.advance(60)
    assert whole.remaining() == 0
    assert whole.within(5).remaining() == 0


def test_cutting_brings_every_child_forward_and_never_back(clock):
    """A signal ends also what has a later end of its own, and a second cut cannot give time back."""
    whole = Deadline(300, clock)
    inner = whole.within(100).within(50)
    whole.cut(0.5)
    assert inner.remaining() == 0.5
    whole.cut(60)
    assert inner.remaining() == 0.5


def test_what_ends_ahead_ends_ahead_of_a_cut_as_well(clock):
    """Whoever tells how far it came has time for it before it is given up, after a signal too."""
    whole = Deadline(100, clock)
    early = whole.ahead(lambda seconds: seconds / 4)
    earlier = early.within(90).ahead(lambda seconds: 1)
    assert (early.remaining(), earlier.remaining()) == (75, 74)
    clock.advance(50)
    assert early.remaining() == 25
    whole.cut(8)
    assert (whole.remaining(), early.remaining(), earlier.remaining()) == (8, 6, 5)
    clock.advance(5)
    assert (whole.remaining(), early.remaining(), earlier.remaining()) == (3, 1, 0)


def test_cutting_wakes_who_waits_in_real_time():
    """Nobody sleeps on towards an end that has been brought forward."""
    whole = Deadline(60)
    waited = threading.Event()
    CLOCK.spawn(lambda: (whole.within(50).wait(threading.Event(), lambda: False), waited.set()), "exitkit-test")
    whole.cut(0.05)
    assert waited.wait(20)


def test_a_pause_that_the_end_comes_before_ends_at_once(clock):
    """Nobody sleeps for nothing, and a cut that leaves enough time changes nothing."""
    whole = Deadline(100, clock)
    assert whole.pause(10)
    assert clock.monotonic() == 10
    assert not whole.pause(91)
    assert clock.monotonic() == 10
    clock.spawn(lambda: (clock.sleep(1), whole.cut(60), clock.sleep(1), whole.cut(3)), "signal")
    assert not whole.within(80).pause(50)
    assert clock.monotonic() == 12
    assert whole.pause(2)
    assert clock.monotonic() == 14


def test_waiting_ends_as_soon_as_it_is_done(clock):
    """Done counts, also where it came before the waiting or exactly at the end."""
    ready, done = threading.Event(), []
    clock.spawn(lambda: (clock.sleep(3), done.append(1), ready.set()), "worker")
    assert Deadline(10, clock).wait(ready, lambda: bool(done))
    assert clock.monotonic() == 3
    assert Deadline(0, clock).wait(threading.Event(), lambda: True)
    assert not Deadline(2, clock).wait(threading.Event(), lambda: False, grace=0.5)
    assert clock.monotonic() == 5.5


def test_a_wake_up_for_nothing_is_no_end(clock):
    """An event that is set without anything being done is waited for again."""
    ready = threading.Event()
    ready.set()
    assert not Deadline(2, clock).wait(ready, lambda: False)
    assert clock.monotonic() == 2


def test_a_wait_of_any_length_is_possible():
    """A deadline of an age does not overflow what the system takes."""
    event = threading.Event()
    event.set()
    assert CLOCK.wait(event, 1e300)


def test_jitter_is_between_nothing_and_all():
    """Full jitter: from 0 on."""
    drawn = [CLOCK.jitter(8) for _ in range(200)]
    assert all(0 <= one <= 8 for one in drawn)
    assert min(drawn) < 2
    assert max(drawn) > 6


def test_fake_sleeps_of_several_threads_overlap():
    """Together they take as long as the longest, and no real time: nobody's patience is used up."""
    clock, ended = FakeClock(patience=1e9), []
    ready = threading.Event()

    def sleeper(seconds):
        clock.sleep(seconds)
        ended.append((seconds, clock.monotonic()))
        ready.set()

    for seconds in (300, 100, 200):
        clock.spawn(lambda seconds=seconds: sleeper(seconds), "sleeper")
    assert Deadline(1000, clock).wait(ready, lambda: len(ended) == 3)
    assert ended == [(100, 100), (200, 200), (300, 300)]
    assert sorted(clock.slept) == [100, 200, 300]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_fake_clock_does_not_run_ahead_of_a_thread_that_was_woken(threads):
    """Who is woken acts before any more time passes, however late the system lets it."""
    for _ in range(30):
        clock = FakeClock()
        woken, seen = threading.Event(), []
        finished = threading.Event()

        def waiter(clock=clock, woken=woken, seen=seen, finished=finished):
            clock.wait(woken, 1000)
            seen.append(clock.monotonic())
            if len(seen) == threads:
                finished.set()

        for _ in range(threads):
            clock.spawn(waiter, "waiter")
        clock.spawn(lambda clock=clock, woken=woken: (clock.sleep(1), woken.set()), "waker")
        assert clock.wait(finished, 500)
        assert seen == [1.0] * threads


def test_fake_time_passes_though_a_thread_is_stuck():
    """A hung request is played by a thread that waits for something else than the clock."""
    clock = FakeClock(patience=0.02)
    stuck = threading.Event()
    clock.spawn(stuck.wait, "stuck")
    assert not Deadline(60, clock).wait(threading.Event(), lambda: False)
    assert clock.monotonic() == 60
    stuck.set()


def test_fake_wall_clock_goes_with_the_monotonic_one(clock):
    """Receipts and dates move as the time does."""
    before = clock.time()
    clock.sleep(5)
    assert clock.time() - before == 5
