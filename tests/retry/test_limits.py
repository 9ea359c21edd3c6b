"""Whatever the form of a limit, it costs at most a tenth more time than it allows, and a tenth of the requests.

Windows (so many requests in each period, whose end the target tells or not), buckets of tokens, and queues that are full;
with requests under way together, whose answers take a while and overtake each other.
"""

import heapq
import math
import random

import pytest

from exitkit.errors import Retryable
from exitkit.retry.clock import Clock, Deadline
from exitkit.retry.throttle import Throttle


class Wire(Clock):
    """Time for one thread that sends; what waits on its way arrives, at the server or back, while it sleeps."""

    def __init__(self):
        self.now, self._events, self._number = 0.0, [], 0

    def monotonic(self):
        return self.now

    def sleep(self, seconds, woken=None):
        self.until(self.now + max(seconds, 1e-6))
        return False

    def at(self, moment, event):
        self._number += 1
        heapq.heappush(self._events, (moment, self._number, event))

    def until(self, moment):
        while self._events and self._events[0][0] <= moment:
            self.next()
        self.now = max(self.now, moment)

    def next(self):
        moment, _, event = heapq.heappop(self._events)
        self.now = max(self.now, moment)
        event()

    @property
    def busy(self):
        return bool(self._events)


class Window:
    """So many requests in each period; what it says of the end of one that is used up is in whole seconds."""

    def __init__(self, most, period, told):
        self.most, self.period, self.told = most, period, told
        self.number, self.used = -1, 0

    def ask(self, now, size):
        number = int(now / self.period)
        if number != self.number:
            self.number, self.used = number, 0
        end = int(self.period - now % self.period) + 1
        if self.used >= self.most:
            return 0, Retryable("429", reason="rate", after=end if self.told else None, resets=self.told == "reset"), 0
        self.used += 1
        return size, (end if self.told == "reset" and self.used == self.most else None), 0

    def ideal(self, count, size, together, cost):
        full = (count - 1) // self.most
        return full * self.period + (count - full * self.most) / together * cost


class Bucket:
    """So much a second, and so much in reserve; of a request that is too large it may take a part."""

    def __init__(self, rate, burst, after=None, *, parts=False):
        self.rate, self.burst, self.after, self.parts = rate, burst, after, parts
        self.tokens, self.filled = burst, 0.0

    def ask(self, now, size):
        self.tokens = min(self.burst, self.tokens + self.rate * (now - self.filled))
        self.filled = now
        part = size if size <= self.tokens else int(self.tokens) if self.parts else 0
        self.tokens -= part
        return part, None if part == size else Retryable("429", reason="rate", after=self.after), 0

    def ideal(self, count, size, together, cost):
        return (count * size - self.burst) / self.rate


class Queue:
    """Elasticsearch's: some are written at a time, some wait, and all beyond that are refused."""

    def __init__(self, writers, seconds, places):
        self.seconds, self.places = seconds, writers + places
        self.free, self.ends = [0.0] * writers, []

    def ask(self, now, size):
        self.ends = [end for end in self.ends if end > now]
        if len(self.ends) >= self.places:
            return 0, Retryable("429 es_rejected_execution_exception", reason="rate"), 0
        end = max(now, heapq.heappop(self.free)) + self.seconds
        heapq.heappush(self.free, end)
        self.ends.append(end)
        return size, None, end - now

    def ideal(self, count, size, together, cost):
        return count * self.seconds / len(self.free)


def sent(limit, size, count, together, cost, seed):
    """How long it takes, what part was refused, and the ideal seconds; answers vary by a third."""
    wire, varies = Wire(), random.Random(seed)
    throttle = Throttle(Deadline(1e9, wire))
    left, under_way, counts = [size] * count, set(), [0, 0]

    def way():
        return cost / 2 * varies.uniform(2 / 3, 4 / 3)

    def arrives(request, amount):
        part, word, busy = limit.ask(wire.now, amount)
        wire.at(wire.now + busy + way(), lambda: answered(request, amount, part, word))

    def answered(request, amount, part, word):
        under_way.discard(request)
        if part:
            throttle.took(part, request)
        if part < amount:
            counts[1] += 1
            throttle.refused(word, request)
            left.append(amount - part)
        elif word is not None:
            throttle.ends(word)

    while left or wire.busy:
        if not left or len(under_way) >= together:
            wire.next()
            continue
        amount = left.pop()
        request = throttle.wait(amount)
        counts[0] += 1
        under_way.add(request)
        wire.at(wire.now + way(), lambda request=request, amount=amount: arrives(request, amount))
    ideal = max(limit.ideal(count, size, together, cost), cost * math.ceil(count / together))
    return wire.now, counts[1] / counts[0], ideal


MIB = 1 << 20
LIMITS = {
    "100 in 10 s, told": (lambda: Window(100, 10, "reset"), 1, 500, 6),
    "25 in 10 s, told": (lambda: Window(25, 10, "reset"), 1, 100, 6),
    "3000 a minute, told": (lambda: Window(3000, 60, "reset"), 1, 10_000, 6),
    "100 in 10 s, Retry-After": (lambda: Window(100, 10, "after"), 1, 500, 6),
    "3000 a minute, Retry-After": (lambda: Window(3000, 60, "after"), 1, 10_000, 6),
    "3000 a minute, not told": (lambda: Window(3000, 60, None), 1, 10_000, 6),
    "100 in 10 s, not told": (lambda: Window(100, 10, None), 1, 2000, 6),
    "10 a second, not told": (lambda: Window(10, 1, None), 1, 600, 6),
    "S3": (lambda: Bucket(3500, 3500), 1000, 100, 6),
    "S3, key by key": (lambda: Bucket(3500, 3500, parts=True), 1000, 200, 6),
    "Google Cloud Storage": (lambda: Bucket(1000, 1000), 100, 200, 6),
    "Google Cloud Storage, 40 at a time": (lambda: Bucket(1000, 1000), 100, 400, 40),
    "Google Cloud Storage, in part": (lambda: Bucket(1000, 1000, parts=True), 100, 400, 6),
    "Loki": (lambda: Bucket(4e6, 6e6), MIB, 300, 6),
    "CloudWatch": (lambda: Bucket(5, 5), 1, 150, 6),
    "Kubernetes": (lambda: Bucket(100, 100, after=1), 1, 2000, 8),
    "Elasticsearch": (lambda: Bucket(20_000, 20_000, parts=True), 5000, 300, 6),
    "large requests, in part": (lambda: Bucket(20_000, 20_000, parts=True), 10_000, 300, 6),
    "Elasticsearch's queue": (lambda: Queue(2, 0.2, 2), 5000, 300, 6),
    "Elasticsearch's larger queue": (lambda: Queue(4, 0.1, 16), 5000, 600, 20),
}


@pytest.mark.parametrize("cost", [0.002, 0.05, 0.3])
@pytest.mark.parametrize("name", LIMITS)
def test_any_limit_costs_a_tenth_at_most(name, cost):
    """Of the time and of the requests."""
    make, size, count, together = LIMITS[name]
    seconds, refused, ideal = sent(make(), size, count, together, cost, seed=7)
    assert seconds <= 1.1 * ideal
    assert refused <= 0.1


@pytest.mark.parametrize("together", [1, 6, 44])
def test_a_target_without_a_limit_is_not_held_up(together):
    """Answers that vary by a third make nobody slower than a few hundredths."""
    seconds, refused, ideal = sent(Bucket(1e12, 1e12), 1, 1000, together, 0.05, seed=7)
    assert seconds <= 1.03 * ideal
    assert refused == 0


def test_a_part_that_is_told_first_says_nothing_of_what_is_under_way():
    """A few records of one of six requests were taken, and that was known before the others' answers."""
    clock = Wire()
    throttle = Throttle(Deadline(1000, clock))
    requests = [throttle.wait(10_000) for _ in range(6)]
    for request in requests[2:]:
        throttle.took(3, request)
        throttle.refused(Retryable("429", reason="rate"), request)
    for request in requests[:2]:
        throttle.took(10_000, request)
    throttle.wait(10_000)
    throttle.wait(10_000)
    assert clock.monotonic() < 5


def test_an_end_that_was_told_too_early_is_asked_for_less_and_less():
    """Its seconds are rounded down, or its clock is ahead; what a period takes is not forgotten over it."""
    clock, window = Wire(), Window(100, 10, "reset")
    throttle, asked = Throttle(Deadline(1000, clock)), 0
    for _ in range(300):
        while True:
            request, asked = throttle.wait(1), asked + 1
            part, word, _ = window.ask(clock.monotonic(), 1)
            if part:
                throttle.took(1, request)
                break
            throttle.refused(Retryable("429", reason="rate", after=word.after - 1, resets=True), request)
    assert asked <= 310
    assert clock.monotonic() <= 22
