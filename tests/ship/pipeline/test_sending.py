"""A batch that is sent: divided where it is refused, and sent again only where that is no guess."""

import math

import pytest

from exitkit.errors import Exhausted, Retryable, Unknown
from exitkit.retry import Retry, RetryPolicy, sending
from exitkit.retry.clock import Deadline
from exitkit.retry.throttle import Throttle
from exitkit.ship.pipeline.batch import Answer, Batch, BatchRefused, Part, TooLarge, joined
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.sending import ACCEPTED, DUPLICATE, LEFT, REJECTED, UNKNOWN, Sending
from exitkit.testing.clock import FakeClock


def batch_of(count, size=10):
    messages = [f"{number:0{size}d}" for number in range(count)]
    chunk = Chunk("a", [f"id-{number}" for number in range(count)], list(range(count)), messages)
    return Batch((Part(chunk, messages, joined(messages, "")),))


def messages_of(batch):
    return [int(message) for chunk in batch.chunks for message in chunk.messages]


class Desk:
    """A target that refuses a batch as a whole if there is a bad record in it, and counts what it is asked."""

    def __init__(self, bad=(), answer=None):
        self.bad, self.answer, self.asked, self.has = set(bad), answer, 0, []

    def __call__(self, batch):
        self.asked += 1
        numbers = messages_of(batch)
        if self.answer and (told := self.answer(numbers, self.asked)):
            return told
        if self.bad & set(numbers):
            raise BatchRefused("400: bad record")
        self.has += numbers
        return Answer()


def sender(desk, *, seconds=100, safe=False, clock=None, **policy):
    deadline = Deadline(seconds, clock or FakeClock())
    retry = Retry(RetryPolicy(**{"attempts": 3, "wait": 0, **policy}), deadline)
    return Sending(desk, retry, Throttle(deadline), safe)


@pytest.mark.parametrize("bad", [[0], [4999], [1234], [0, 4999], [7, 8], [100, 2000, 2001, 3500, 4998], [13, 14, 15]])
def test_one_bad_record_costs_no_other_and_few_requests(bad):
    """Each culprit is found alone, with at most 2 log2 n requests more; all others are there once."""
    desk, batch = Desk(bad), batch_of(5000)
    result = sender(desk).send(batch)
    assert sorted(result.reasons) == sorted(bad)
    assert result.count(ACCEPTED) == 5000 - len(bad)
    assert sorted(desk.has) == [number for number in range(5000) if number not in set(bad)]
    assert desk.asked - 1 <= 2 * len(bad) * math.ceil(math.log2(5000))
    assert result.fits is None


def test_a_size_that_is_refused_is_learnt():
    """With 400 or 413: no record is to blame where the halves are taken, and later batches are smaller."""
    for error in (BatchRefused("400: request body too large"), TooLarge("413")):

        def answer(numbers, asked, error=error):
            if len(numbers) > 300:
                raise error

        desk = Desk(answer=answer)
        result = sender(desk).send(batch_of(1000))
        assert result.count(ACCEPTED) == 1000
        assert result.fits == 2500  # half of the smallest that was refused
        assert desk.has == list(range(1000))


def test_a_target_that_takes_nothing_is_not_asked_for_each_record():
    """A wrong setting refuses all: a few are asked one by one, then some from all over the batch, and that is all."""
    desk = Desk(range(4096))
    result = sender(desk).send(batch_of(4096))
    assert result.hopeless == "400: bad record"
    assert desk.asked < 60
    assert result.count(LEFT) + result.count(REJECTED) == 4096


def test_a_batch_with_a_bad_beginning_is_not_given_up():
    """The few that are asked from all over it are taken, so it is divided to its end."""
    desk = Desk(range(200))
    result = sender(desk).send(batch_of(1000))
    assert not result.hopeless
    assert (result.count(REJECTED), result.count(ACCEPTED)) == (200, 800)


def test_progress_is_never_a_failed_try():
    """A target that takes a few of each request gets as many requests as that needs."""

    def answer(numbers, asked):
        desk.has += numbers[:3]
        return Answer(again=dict.fromkeys(range(3, len(numbers)), "busy"))

    desk = Desk(answer=answer)
    result = sender(desk, attempts=2).send(batch_of(100))
    assert result.error is None
    assert desk.has == list(range(100))


def test_no_progress_is_a_failed_try():
    """And after as many tries as there are it ends."""
    desk = Desk(answer=lambda numbers, asked: Answer(again=dict.fromkeys(range(len(numbers)), "busy")))
    result = sender(desk).send(batch_of(5))
    assert isinstance(result.error, Exhausted)
    assert (desk.asked, result.count(LEFT)) == (3, 5)


@pytest.mark.parametrize("way", ["429", "items", "retry-after"])
def test_being_too_fast_is_waited_for_as_long_as_there_is_time(way):
    """The tries are for bad luck; here the target says when, and the deadline alone ends it."""

    def answer(numbers, asked):
        if asked > 40:
            return None
        if way == "items":
            return Answer(again=dict.fromkeys(range(len(numbers)), "429"), slow=True)
        raise Retryable("busy", reason="rate" if way == "429" else "server", after=None if way == "429" else 1.0)

    desk = Desk(answer=answer)
    result = sender(desk, seconds=3000, attempts=2).send(batch_of(5))
    assert result.count(ACCEPTED) == 5
    result = sender(Desk(answer=answer), seconds=20, attempts=2).send(batch_of(5))
    assert isinstance(result.error, Exhausted)
    assert "busy" in str(result.error) or "429" in str(result.error)
    assert result.count(LEFT) == 5


def test_who_wants_one_try_gets_one():
    """Also where the target is too busy."""

    def answer(numbers, asked):
        raise Retryable("busy", reason="rate")

    desk = Desk(answer=answer)
    assert sender(desk, attempts=1).send(batch_of(5)).error
    assert desk.asked == 1


def test_what_left_without_a_verdict_is_unknown_and_not_left():
    """By an error of the connection or by the end of time; what was settled before stays settled."""

    def answer(numbers, asked):
        sending()
        if asked == 1:
            return Answer(duplicate=[0], rejected={1: "no"}, again={2: "busy", 3: "busy"})
        raise Unknown("broke the connection")

    result = sender(Desk(answer=answer)).send(batch_of(5))
    assert isinstance(result.error, Unknown)
    counts = {verdict: result.count(verdict) for verdict in (ACCEPTED, DUPLICATE, REJECTED, UNKNOWN, LEFT)}
    assert counts == {ACCEPTED: 1, DUPLICATE: 1, REJECTED: 1, UNKNOWN: 2, LEFT: 0}


def test_verdicts_are_counted_in_no_more_time_than_they_take_to_read():
    """A batch of 100,000 duplicates used to take minutes: the work now grows with the records, not with their square."""
    looks = []

    class Counted(list):
        def __contains__(self, item):
            looks.append(item)
            return super().__contains__(item)

    def answer(numbers, asked):
        return Answer(duplicate=Counted(range(len(numbers))))

    batch = batch_of(100_000)
    result = sender(Desk(answer=answer)).send(batch)
    assert sum(result.count(DUPLICATE, begin, end) for _, begin, end in result.chunks()) == 100_000
    assert not looks


def test_more_than_ever_goes_at_a_time_is_no_question_of_time():
    """429 for whatever is over a burst or a circuit breaker: it goes in halves, soon, and later batches are smaller."""

    def answer(numbers, asked):
        if len(numbers) > 300:
            raise Retryable("429: data too large", reason="rate")

    desk, clock = Desk(answer=answer), FakeClock()
    result = sender(desk, clock=clock).send(batch_of(1000))
    assert result.count(ACCEPTED) == 1000
    assert result.fits == 2500
    assert desk.has == list(range(1000))
    assert clock.monotonic() < 20
    assert desk.asked < 20


def test_one_record_that_comes_too_fast_waits_as_long_as_there_is_time():
    """It cannot go in halves, and is not refused for it."""
    desk = Desk(answer=lambda _, asked: (_ for _ in ()).throw(Retryable("429", reason="rate")) if asked < 9 else None)
    assert sender(desk, seconds=200).send(batch_of(1)).count(ACCEPTED) == 1


def test_a_gigabyte_in_small_arrives_whole_through_a_limit():
    """As Loki's of 4 MB a second with a burst of 6, a millionth of it: none is lost, none comes twice, few are refused."""
    clock, refused = FakeClock(), []
    tokens, filled = 6.0, clock.monotonic()

    def limit(numbers, asked):
        nonlocal tokens, filled
        now = clock.monotonic()
        tokens, filled = min(6.0, tokens + 4.0 * (now - filled)), now
        if len(numbers) > tokens:
            refused.append(asked)
            raise Retryable("429 ingestion rate limit exceeded", reason="rate", later=True)
        tokens -= len(numbers)
        return

    desk = Desk(answer=limit)
    sending = sender(desk, seconds=10_000, clock=clock)
    results = [sending.send(batch_of(1)) for _ in range(400)]
    assert [result.count(ACCEPTED) for result in results] == [1] * 400 == [1] * len(desk.has)
    assert len(refused) <= 0.1 * desk.asked
    assert clock.monotonic() <= 1.1 * (400 - 6) / 4
