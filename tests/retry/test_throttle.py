"""The rate that a target takes is learnt from its word that it was too much."""

import pytest

from exitkit.errors import Exhausted, Retryable
from exitkit.retry.clock import Deadline
from exitkit.retry.throttle import Throttle
from exitkit.testing.clock import FakeClock


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


@pytest.mark.parametrize(("rate", "burst"), [(4_000_000, 6_000_000), (300_000, 2_000_000), (25_000_000, 26_000_000)])
def test_a_limit_costs_few_refusals_and_little_time(rate, burst):
    """At most a tenth of the requests are refused, and all of it takes at most a tenth longer than the limit allows."""
    clock = FakeClock()
    size, count = 1 << 20, 500
    throttle, bucket = Throttle(Deadline(100_000, clock)), Bucket(clock, rate, burst)
    refused = run(throttle, bucket, size, count, cost=0.02)
    ideal = max((size * count - burst) / rate, 0.02 * count)
    assert clock.monotonic() <= 1.1 * ideal
    assert refused <= count / 10


def test_a_limit_that_rises_is_found_out():
    """A rate that was learnt is not kept for ever."""
    clock = FakeClock()
    throttle, bucket = Throttle(Deadline(100_000, clock)), Bucket(clock, 1_000_000, 2_000_000)
    run(throttle, bucket, 1 << 20, 60, cost=0.01)
    bucket.rate = 2_000_000
    began = clock.monotonic()
    run(throttle, bucket, 1 << 20, 400, cost=0.01)
    assert clock.monotonic() - began < 400 * (1 << 20) / 1_300_000


def test_a_target_without_a_limit_is_never_held_up():
    """The first request goes at once, and all others too."""
    clock = FakeClock()
    throttle = Throttle(Deadline(100, clock))
    for _ in range(100):
        throttle.took(1 << 20, throttle.wait(1 << 20))
    assert clock.slept == []


def test_what_the_target_asks_for_is_kept_by_all():
    """And where that is after the deadline, it ends at once, with what the target said."""
    clock = FakeClock()
    throttle = Throttle(Deadline(100, clock))
    throttle.refused(Retryable("429 slow down", reason="rate", after=30), throttle.wait(10))
    throttle.wait(10)
    assert clock.monotonic() >= 30
    throttle.refused(Retryable("429 slow down", reason="rate", after=500), throttle.wait(10))
    with pytest.raises(Exhausted, match="429 slow down; no time left to wait for it; asked to wait 500 s"):
        throttle.wait(10)
