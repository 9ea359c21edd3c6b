"""What became of a batch: only what failed is sent again, and the counts and names that are told of it are true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.engine import deletion
from exitkit.cleanup.engine.deletion import EXAMPLES, DeletionOutcome, DeletionTally
from exitkit.clients.deletion import PartialResult, Refusal, readable
from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.retry.throttle import Throttle
from exitkit.testing.clock import FakeClock


def delete_all(retry, victims, name, once):
    return deletion.delete_all(retry, victims, name, once, Throttle(retry.deadline))


def fresh(seconds=300.0, **terms):
    clock = FakeClock()
    return clock, Retry(RetryPolicy(**terms), Deadline(seconds, clock))


class Store:
    """Answers one request after the other as it is told, the last answer again and again; notes what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, victims):
        self.asked.append(list(victims))
        found = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(found, BaseException):
            raise found
        return found


def later(*names, why="SlowDown", after=None):
    return PartialResult(later=dict.fromkeys(names, why), after=after)


# Only what failed, once more.


def test_a_word_to_be_slower_is_waited_for_as_long_as_there_is_time():
    """It takes up no try: a store within its limit of keys a second loses none of them."""
    slow = PartialResult(later={"b": "SlowDown"}, slow=True)
    _, retry = fresh(attempts=2)
    found = delete_all(retry, ["a", "b"], str, store := Store(*[slow] * 8, PartialResult()))
    assert found == DeletionOutcome(gone=[], refused=[])
    assert store.asked == [["a", "b"], *[["b"]] * 8]
    _, retry = fresh(seconds=9.0)
    assert delete_all(retry, ["b"], str, Store(slow)).refused == [Refusal("b", "SlowDown")]


def test_what_goes_at_once_is_one_request():
    """And nothing is to be told of it."""
    _, retry = fresh()
    assert delete_all(retry, ["a", "b"], str, store := Store(PartialResult())) == DeletionOutcome(gone=[], refused=[])
    assert store.asked == [["a", "b"]]


def test_only_what_failed_is_sent_again():
    """Again and again fewer; what was gone or is refused is kept from every request."""
    clock, retry = fresh()
    store = Store(
        PartialResult(gone=["g"], refused=[Refusal("r", "locked")], later={"b": "SlowDown", "c": "InternalError"}),
        PartialResult(gone=["b"], later={"c": "SlowDown"}),
        PartialResult(refused=[Refusal("c", "locked")]),
    )
    found = delete_all(retry, list("abcgr"), str, store)
    assert store.asked == [list("abcgr"), ["b", "c"], ["c"]]
    assert found == DeletionOutcome(gone=["g", "b"], refused=[Refusal("r", "locked"), Refusal("c", "locked")])
    assert clock.slept == [0.5, 1]


def test_what_fails_until_the_tries_are_used_up_is_refused():
    """With the last reason and the name that is shown; the rest went."""
    _, retry = fresh(attempts=3)
    store = Store(later(1, 2), later(1, 2, why="InternalError"))
    found = delete_all(retry, [1, 2, 3], lambda one: f"key-{one}", store)
    assert found.refused == [Refusal("key-1", "InternalError"), Refusal("key-2", "InternalError")]
    assert len(store.asked) == 3


def test_the_server_says_how_long_to_wait():
    """Never sooner than that."""
    clock, retry = fresh()
    delete_all(retry, ["a"], str, Store(later("a", after=7.0), PartialResult()))
    assert clock.slept == [pytest.approx(7 * 1.2)]


def test_a_wait_beyond_the_end_refuses_what_is_left_now():
    """There will be no next try."""
    clock, retry = fresh(seconds=5)
    found = delete_all(retry, ["a", "b"], str, Store(later("b", after=60.0)))
    assert found.refused == [Refusal("b", "SlowDown")]
    assert clock.slept == []


@pytest.mark.parametrize("error", [ActionError("403", reason="auth"), ZeroDivisionError()])
def test_what_a_request_raises_for_good_ends_the_whole(error):
    """Also after others of the batch went."""
    _, retry = fresh()
    with pytest.raises(type(error)) as caught:
        delete_all(retry, ["a", "b"], str, Store(later("b"), error))
    assert caught.value is error


def test_a_store_that_never_answers_ends_the_whole():
    """Nothing is known of any of them, so that none is called refused."""
    for error, kind in ((Retryable("reset"), Exhausted), (Unknown("lost"), Unknown)):
        _, retry = fresh(attempts=2)
        with pytest.raises(kind):
            delete_all(retry, ["a"], str, store := Store(error))
        assert store.asked == [["a"], ["a"]]


def test_an_answer_that_was_lost_is_asked_for_again():
    """A deletion does no harm if it comes twice."""
    _, retry = fresh()
    store = Store(Unknown("lost"), later("b"), Unknown("lost"), PartialResult())
    assert delete_all(retry, ["a", "b"], str, store) == DeletionOutcome(gone=[], refused=[])
    assert store.asked == [["a", "b"], ["a", "b"], ["b"], ["b"]]


def test_what_failed_is_refused_also_where_nothing_left_before():
    """What is known of each stays known, and does not end the whole."""
    _, retry = fresh(attempts=3)
    assert delete_all(retry, ["a", "b"], str, Store(Retryable("reset"), later("b"))) == DeletionOutcome(
        gone=[], refused=[Refusal("b", "SlowDown")]
    )


@pytest.mark.parametrize("lost", [Retryable("no answer", doubt=True), Unknown("lost")])
def test_a_word_to_come_later_does_not_settle_what_was_lost_before(lost):
    """The server was too busy to look, so that the request without an answer may be what took it; a refusal settles it."""
    _, retry = fresh(attempts=3)
    outcome = delete_all(retry, ["a", "b"], str, Store(lost, later("b")))
    assert (outcome.refused, list(outcome.unknown)) == ([], ["b"])
    _, retry = fresh(attempts=3)
    outcome = delete_all(retry, ["a", "b"], str, Store(lost, PartialResult(refused=[Refusal("b", "locked")])))
    assert (outcome.refused, list(outcome.unknown)) == ([Refusal("b", "locked")], [])


@pytest.mark.parametrize("lost", [Retryable("no answer", doubt=True), Unknown("lost")])
def test_what_was_lost_before_the_server_was_too_busy_may_have_gone(lost):
    """The wait for a busy server ends with the time there is, and what came before it is not forgotten."""
    _, retry = fresh(seconds=30)
    answers = [lost, *[Retryable("429", reason="rate", after=20.0)] * 3]
    with pytest.raises(Unknown, match="it may have arrived"):
        delete_all(retry, ["a", "b"], str, Store(*answers))
    _, retry = fresh(seconds=30)
    with pytest.raises(Exhausted):
        delete_all(retry, ["a", "b"], str, Store(*answers[1:]))


def test_what_failed_and_then_got_no_answer_may_have_gone():
    """A connection that broke before anything was sent deletes nothing; an answer that is lost may have been a yes."""
    for lost, refused, unknown in (
        (Retryable("reset"), [Refusal("b", "SlowDown")], []),
        (Unknown("lost"), [], ["b"]),
    ):
        _, retry = fresh(attempts=3)
        outcome = delete_all(retry, ["a", "b"], str, Store(later("b"), lost))
        assert (outcome.refused, list(outcome.unknown)) == (refused, unknown)


def test_an_answer_that_comes_too_late_changes_nothing():
    """A request was given up, and the one after it left b; then the first one says a. It is b that is sent again."""
    clock, retry = fresh(attempt_timeout=15, wait=2)
    asked = []

    def once(victims):
        asked.append((clock.monotonic(), list(victims)))
        if len(asked) == 1:
            clock.sleep(18)
            return PartialResult(gone=["c"], later={"a": "SlowDown"})
        return PartialResult(gone=["c"], later={"b": "SlowDown"}) if len(asked) == 2 else PartialResult()

    found = delete_all(retry, ["a", "b", "c"], str, once)
    assert asked == [(0, ["a", "b", "c"]), (17, ["a", "b", "c"]), (21, ["b"])]
    assert found == DeletionOutcome(gone=[], refused=[])  # c went by the first


def test_an_answer_that_comes_before_the_next_request_counts():
    """It was given up, and tells all the same what is left."""
    clock, retry = fresh(attempt_timeout=15, wait=5)
    asked = []

    def once(victims):
        asked.append(list(victims))
        if len(asked) == 1:
            clock.sleep(16)
            return later("b")
        return PartialResult()

    assert delete_all(retry, ["a", "b"], str, once) == DeletionOutcome(gone=[], refused=[])
    assert asked == [["a", "b"], ["b"]]


@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_every_victim_ends_as_one_thing(lot, attempts):
    """Deleted, gone or refused, and never asked for again once it has."""
    _, retry = fresh(attempts=attempts)
    victims, ended = list(range(8)), {}

    def once(rest):
        assert rest
        assert not set(rest) & set(ended)
        fates = {one: lot.choice(["went", "gone", "refused", "later"]) for one in rest}
        ended.update({one: fate for one, fate in fates.items() if fate != "later"})
        return PartialResult(
            gone=[str(one) for one in rest if fates[one] == "gone"],
            refused=[Refusal(str(one), "locked") for one in rest if fates[one] == "refused"],
            later={one: "SlowDown" for one in rest if fates[one] == "later"},
        )

    found = delete_all(retry, victims, str, once)
    refused = {one.name: one.reason for one in found.refused}
    assert len(refused) == len(found.refused)
    assert sorted(found.gone) == [str(one) for one in victims if ended.get(one) == "gone"]
    expected = {"refused": "locked", None: "SlowDown"}
    assert refused == {str(one): expected[ended.get(one)] for one in victims if ended.get(one) in expected}


# The counts.


def test_a_tally_tells_counts_reasons_and_examples():
    """For machines, with what only a run can know left out of a dry run."""
    tally = DeletionTally(found=5, deleted=3, gone=1, bytes=2048)
    tally.refuse([Refusal("a\n", "locked")])
    tally.show(["x", "y"])
    facts = tally.facts(dry_run=False)
    assert facts == {
        "found": 5,
        "deleted": 3,
        "gone": 1,
        "unknown": 0,
        "refused": {"locked": 1},
        "bytes": 2048,
        "examples": ["x", "y"],
    }
    assert set(facts) - set(tally.facts(dry_run=True)) == {"deleted", "gone", "unknown"}
    assert tally.why == ["a\\n: locked"]


def test_facts_are_of_their_moment():
    """What is counted later does not change what was told."""
    tally = DeletionTally()
    told = tally.facts(dry_run=False)
    tally.refuse([Refusal("a", "locked")])
    tally.show(["a"])
    assert (told["refused"], told["examples"]) == ({}, [])


def test_a_million_victims_leave_a_few_names():
    """Counts are of all of them; of names and reasons the first are kept, and nothing is asked for beyond."""
    tally, taken = DeletionTally(), []
    tally.refuse(Refusal(f"n{number}", "locked") for number in range(1000))
    tally.show(taken.append(number) or f"n{number}" for number in range(1000))
    assert tally.refused == {"locked": 1000}
    assert len(tally.why) == len(tally.examples) == EXAMPLES
    assert len(taken) <= EXAMPLES + 1
    tally.show(["later"])
    assert "later" not in tally.examples


@pytest.mark.parametrize(
    ("tally", "text"),
    [
        (DeletionTally(), "deleted 0"),
        (DeletionTally(deleted=2), "deleted 2"),
        (DeletionTally(deleted=2, bytes=2048), "deleted 2 (2 KiB)"),
        (DeletionTally(deleted=2, gone=3), "deleted 2, 3 were gone already"),
    ],
)
def test_a_tally_reads_as_a_line(tally, text):
    """Without what there is nothing to say of."""
    assert str(tally) == text


@given(st.text(st.characters(), max_size=20))
def test_a_name_is_readable_whatever_is_in_it(name):
    """On one line, and in what any terminal can be sent."""
    shown = readable(name)
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert (shown == name) == name.isprintable()


def test_what_can_be_read_stays():
    """Only what cannot be shown is written in another way."""
    assert readable("é/a b 👍") == "é/a b 👍"
    assert readable("a\nb\x1b[31m\udcff\u202e") == "a\\nb\\x1b[31m\\udcff\\u202e"
