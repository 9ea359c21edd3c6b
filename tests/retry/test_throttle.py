"""The rate that a target takes is learnt from its word that it was too much."""

from collections import Counter

import pytest

from exitkit.cleanup.engine.deletion import delete_all
from exitkit.clients.deletion import PartialResult
from exitkit.errors import Exhausted, Retryable, Unknown
from exitkit.retry import Retry
from exitkit.retry.clock import Clock, Deadline
from exitkit.retry.throttle import Throttle, throttled
from exitkit.retry.workers import Workers
from exitkit.testing.clock import FakeClock


class Alone(Clock):
    """Time for one thread, which passes at once when it waits."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds, woken=None):
        self.slept.append(seconds)
        self.advance(seconds)
        return False

    def advance(self, seconds):
        self.now += max(seconds, 1e-9)  # or what is too little to be added up would be waited for for ever


class Bucket:
    """A bucket of tokens, as most limits are: so many bytes a second, and so many in reserve."""

    def __init__(self, clock, rate, burst):
        self.clock, self.rate, self.burst = clock, rate, burst
        self.tokens, self.filled = burst, clock.monotonic()

    def takes(self, size):
        now = self.clock.monotonic()
        self.tokens = min(self.burst, self.tokens + self.rate * (now - self.filled))
        self.filled = now
        if size > self.tokens:
            return False
        self.tokens -= size
        return True


def run(throttle, bucket, size, count, cost):
    """Send so many pieces, each taking so long; how many requests were refused."""
    refused = 0
    for _ in range(count):
        while True:
            request = throttle.wait(size)
            bucket.clock.advance(cost)
            if bucket.takes(size):
                throttle.took(size, request)
                break
            refused += 1
            throttle.refused(Retryable("429", reason="rate"), request)
    return refused


MIB = 1 << 20


@pytest.mark.parametrize("cost", [0.0, 0.02, 0.3])
@pytest.mark.parametrize(
    ("size", "count", "rate", "burst"),
    [
        (MIB, 500, 4_000_000, 6_000_000),  # Loki
        (MIB, 500, 300_000, 2_000_000),
        (MIB, 500, 25_000_000, 26_000_000),
        (1000, 100, 3500, 3500),  # S3, which counts keys
        (1000, 100, 3500, 7000),
        (1000, 100, 20_000, 20_000),
        (100, 1000, 1000, 1000),  # Google Cloud Storage
        (1, 300, 50, 100),  # a cluster's API
    ],
)
def test_a_limit_costs_few_refusals_and_little_time(size, count, rate, burst, cost):
    """At most a tenth of the requests are refused, and all of it takes at most a tenth longer than the limit allows."""
    clock = Alone()
    throttle, bucket = Throttle(Deadline(100_000, clock)), Bucket(clock, rate, burst)
    refused = run(throttle, bucket, size, count, cost)
    ideal = max((size * count - burst) / rate, cost * count)
    assert clock.monotonic() <= 1.1 * ideal
    assert refused <= (count + refused) / 10


def test_a_reserve_of_one_request_is_no_reason_to_crawl():
    """The first guess is too low then, and is searched from."""
    clock = Alone()
    throttle, bucket = Throttle(Deadline(100_000, clock)), Bucket(clock, 3500, 1000)
    run(throttle, bucket, 1000, 100, cost=0.0)
    assert clock.monotonic() <= 1.2 * 99_000 / 3500


def test_threads_keep_to_a_limit_together():
    """Six at a time, as deletions go: one rate for all, and nobody overtakes."""
    clock = FakeClock()
    deadline = Deadline(1000, clock)
    throttle, bucket, counts = Throttle(deadline), Bucket(clock, 3500, 3500), Counter()
    workers = Workers(6, clock)

    def delete():
        def once(victims):
            clock.sleep(0.05)
            counts["requests"] += 1
            if bucket.takes(len(victims)):
                return PartialResult()
            counts["refused"] += 1
            raise Retryable("SlowDown", reason="rate", later=True)

        return delete_all(Retry(deadline=deadline), range(1000), str, once, throttle)

    for _ in range(200):
        if workers.full:
            workers.take()
        workers.start(delete)
    assert [outcome.refused for outcome in workers.rest()] == [[]] * 6
    assert clock.monotonic() <= 1.1 * 196_500 / 3500 + 0.5
    assert counts["refused"] <= counts["requests"] / 5  # those that are under way together are refused together


def test_who_is_too_much_is_asked_less_and_less():
    """A target that takes nothing at all hears little, until the deadline ends it in its words."""
    clock = FakeClock()
    deadline, asked = Deadline(300, clock), []

    def request():
        asked.append(clock.monotonic())
        raise Retryable("429 slow down", reason="rate", later=True)

    with pytest.raises(Exhausted, match="429 slow down; no time left to wait for it"):
        throttled(Retry(deadline=deadline), Throttle(deadline), request)
    assert len(asked) <= 30
    assert asked[-1] > 200


@pytest.mark.parametrize("lost", [Retryable("reset", doubt=True), Unknown("no verdict")])
def test_what_was_lost_before_a_wait_is_not_forgotten(lost):
    """Each wait for a busy target begins a new round of tries, and an earlier one may have arrived."""
    answers = iter([lost])

    def request():
        raise next(answers, Retryable("429 slow down", reason="rate", after=60.0))

    deadline = Deadline(100, FakeClock())
    with pytest.raises(Unknown, match=r"429 slow down.*it may have arrived"):
        throttled(Retry(deadline=deadline), Throttle(deadline), request)


def test_what_turned_out_to_be_too_large_holds_up_nothing():
    """What is smaller goes at once, whatever wait was asked for by then."""
    clock = Alone()
    throttle = Throttle(Deadline(100, clock))
    throttle.refused(Retryable("429 slow down", reason="rate"), throttle.wait(10))
    throttle.excused()
    throttle.wait(5)
    assert clock.slept == []


def test_a_limit_that_rises_is_found_out():
    """A rate that was learnt is not kept for ever."""
    clock = Alone()
    throttle, bucket = Throttle(Deadline(100_000, clock)), Bucket(clock, 1_000_000, 2_000_000)
    run(throttle, bucket, 1 << 20, 60, cost=0.01)
    bucket.rate = 2_000_000
    began = clock.monotonic()
    run(throttle, bucket, 1 << 20, 400, cost=0.01)
    assert clock.monotonic() - began < 400 * (1 << 20) / 1_300_000


def test_a_target_without_a_limit_is_never_held_up():
    """The first request goes at once, and all others too."""
    clock = Alone()
    throttle = Throttle(Deadline(100, clock))
    for _ in range(100):
        throttle.took(1 << 20, throttle.wait(1 << 20))
    assert clock.slept == []


def test_what_the_target_asks_for_is_kept_by_all():
    """And where that is after the deadline, it ends at once, with what the target said."""
    clock = Alone()
    throttle = Throttle(Deadline(100, clock))
    throttle.refused(Retryable("429 slow down", reason="rate", after=30), throttle.wait(10))
    throttle.wait(10)
    assert clock.monotonic() >= 30
    throttle.refused(Retryable("429 slow down", reason="rate", after=500), throttle.wait(10))
    with pytest.raises(Exhausted, match="429 slow down; no time left to wait for it; asked to wait 500 s"):
        throttle.wait(10)
