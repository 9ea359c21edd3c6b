"""What every target can rely on: batches within limits, retries of one batch, and a count that adds up."""

from contextlib import contextmanager, nullcontext
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.actions.ship import Answer, Ship
from exitkit.argo.failures import Failure, Failures
from exitkit.clock import Deadline
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Retryable, Skip, Unknown
from exitkit.records import Record
from exitkit.retry import Retry, Terms, sending
from exitkit.testing.clock import FakeClock
from exitkit.workflow import Workflow

ANSWERS = {}
"""What the target does with each batch, by the test's own key."""


class Shelf(Ship):
    """Keep batches on a shelf."""

    most_bytes: ClassVar[int] = 100
    most_records: ClassVar[int] = 4
    key: str
    sizes: tuple[int, ...] = ()
    safe: bool = False

    def target(self):
        return "the shelf"

    def records(self, context):
        for number, _ in enumerate(self.sizes):
            yield Record(f"id-{number}", number, "log", "info", "text")

    def encode(self, record):
        return b"x" * self.sizes[record.time]

    def open(self, context):
        return nullcontext(ANSWERS[self.key])

    def is_safe_to_resend(self):
        return self.safe


@pytest.fixture
def shelf(request):
    def make(sizes, answer=None, **more):
        batches = []

        def post(batch):
            batches.append(batch)
            return answer(batch, len(batches)) if answer else Answer(accepted=len(batch.records))

        ANSWERS[request.node.name] = post
        return Shelf(key=request.node.name, sizes=tuple(sizes), **more), batches

    yield make
    ANSWERS.pop(request.node.name, None)


@pytest.fixture
def context():
    clock = FakeClock()
    return Context(Workflow(), Retry(Terms(attempts=3, wait=1), Deadline(100, clock)))


def adds_up(facts):
    return facts["read"] == facts["accepted"] + facts["duplicate"] + facts["rejected"] + facts["left"]


def test_batches_keep_to_count_and_bytes(shelf, context):
    """No batch has more records or bytes than the target takes, and none is smaller than need be."""
    target, batches = shelf([30, 30, 30, 30, 1, 1, 1, 1, 1, 100, 1])
    result = target.run(context)
    assert [list(map(len, one.encoded)) for one in batches] == [[30, 30, 30], [30, 1, 1, 1], [1, 1], [100], [1]]
    assert [f"id-{number}" for number in range(11)] == [one.id for batch in batches for one in batch.records]
    assert tuple(result.facts[key] for key in ("read", "accepted", "left", "complete")) == (11, 11, 0, True)
    assert result.summary == "shipped 11 records to the shelf"


def test_only_the_failed_batch_is_sent_again(shelf, context):
    """What arrived stays arrived; a batch retries by itself."""

    def answer(batch, number):
        if number in (2, 3):
            raise Retryable("busy")
        return Answer(accepted=len(batch.records))

    target, batches = shelf([50] * 6, answer)
    result = target.run(context)
    assert [one.records[0].id for one in batches] == ["id-0", "id-2", "id-2", "id-2", "id-4"]
    assert result.facts["accepted"] == 6
    assert result.facts["batches"] == 3


def test_a_batch_that_fails_for_good_ends_the_run_and_tells_what_is_left(shelf, context):
    """The error keeps its kind and reason, and carries the count."""

    def answer(batch, number):
        if number == 2:
            raise ActionError("key is wrong; renew it", reason="auth")
        return Answer(accepted=len(batch.records))

    target, _ = shelf([50] * 9, answer)
    with pytest.raises(
        ActionError, match="key is wrong; renew it; 3 of 5 records left, and the rest was not read"
    ) as told:
        target.run(context)
    assert told.value.reason == "auth"
    assert adds_up(told.value.facts)
    assert tuple(told.value.facts[key] for key in ("accepted", "left", "complete")) == (2, 3, False)


def test_tries_that_run_out_say_so_with_the_count(shelf, context):
    """Exhausted, so that nobody retries it once more."""

    def answer(batch, number):
        raise Retryable("busy", reason="rate")

    target, batches = shelf([50], answer)
    with pytest.raises(Exhausted, match="busy; gave up after 3 tries; 1 of 1 record left") as told:
        target.run(context)
    assert len(batches) == 3
    assert adds_up(told.value.facts)


def test_the_deadline_holds_between_batches(shelf, context):
    """Time that runs out ends the run with the truth about what was shipped and what was not."""

    def answer(batch, number):
        context.deadline.clock.advance(40 if number < 3 else 100)
        return Answer(accepted=len(batch.records))

    target, batches = shelf([100] * 10, answer)
    with pytest.raises(Exhausted, match="no time left") as told:
        Ship.run(target, context)
    assert len(batches) < 10
    assert adds_up(told.value.facts)
    assert told.value.facts["left"] > 0
    assert told.value.reason == "timeout"


def test_an_unknown_outcome_is_sent_again_only_where_that_is_safe(shelf, context):
    """A target that knows its ids gets the batch again; another one may have it twice, so it does not."""

    def answer(batch, number):
        sending()
        if number == 1:
            raise Unknown("connection lost")
        return Answer(duplicate=len(batch.records))

    target, batches = shelf([50], answer)
    with pytest.raises(Unknown):
        target.run(context)
    assert len(batches) == 1
    target, batches = shelf([50], answer, safe=True)
    assert target.run(context).duplicate
    assert len(batches) == 2


def test_refusals_are_counted_with_their_reasons_and_fail_the_step(shelf, context):
    """All else is shipped first; a step that lost records does not call itself fine."""

    def answer(batch, number):
        return Answer(accepted=1, rejected=("too old",) * (len(batch.records) - 1))

    target, batches = shelf([50] * 4 + [101], answer)
    with pytest.raises(ActionError, match=r"the shelf refused 3 records: .*too old \(2 times\)") as told:
        target.run(context)
    assert len(batches) == 2
    assert tuple(told.value.facts[key] for key in ("read", "accepted", "rejected", "left")) == (5, 2, 3, 0)


def test_a_record_larger_than_a_batch_is_refused_without_being_sent(shelf, context):
    """The target would refuse it, and perhaps its neighbours with it."""
    target, batches = shelf([101, 5])
    with pytest.raises(ActionError, match="a record of 101 B is larger than 100 B"):
        target.run(context)
    assert [[one.id for one in batch.records] for batch in batches] == [["id-1"]]


def test_an_answer_that_does_not_add_up_is_a_failure(shelf, context):
    """A record without a verdict has not arrived."""
    target, _ = shelf([50] * 2, lambda batch, number: Answer(accepted=1))
    with pytest.raises(ActionError, match="the shelf gave no verdict on 1 record") as told:
        target.run(context)
    assert told.value.facts["left"] == 1


def test_notes_are_told_once(shelf, context):
    """A target says the same of every batch; people read it once."""
    target, _ = shelf([100] * 3, lambda batch, number: Answer(accepted=1, notes=("clock is off",)))
    assert target.run(context).notes == ("clock is off",)


def test_nothing_to_ship_is_a_skip(shelf, context):
    """Neither a success nor a failure, also in a dry run."""
    for dry_run in (False, True):
        target, batches = shelf([])
        with pytest.raises(Skip):
            target.run(Context(Workflow(), context.retry, dry_run=dry_run))
        assert batches == []


def test_a_dry_run_tells_counts_and_an_example_and_sends_nothing(context):
    """The target is not even opened."""

    class Closed(Shelf):
        """Never opened."""

        most_bytes: ClassVar[int] = 1 << 20

        def records(self, context):
            return Ship.records(self, context)

        def encode(self, record):
            return record.message.encode()

        @contextmanager
        def open(self, context):
            pytest.fail("opened")
            yield

    workflow = Workflow(
        name="etl", status="Failed", failures=Failures(all=(Failure("a", "boom"), Failure("b", "bang")))
    )
    result = Closed(key="-").run(Context(workflow, context.retry, dry_run=True))
    assert result.summary.startswith("would ship 3 records")
    assert result.facts["kinds"] == {"status": 1, "failure": 2}
    assert result.facts["example"]["kind"] == "status"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(1, 120), max_size=20),
    outcomes=st.lists(st.sampled_from(["ok", "duplicate", "rejected", "short", "fatal"]), min_size=1, max_size=5),
)
def test_the_count_adds_up_whatever_happens(sizes, outcomes):
    """read = accepted + duplicate + rejected + left, in success and in every failure."""

    def post(batch):
        count = len(batch.records)
        outcome = outcomes[int(batch.records[0].id[3:]) % len(outcomes)]
        if outcome == "fatal":
            raise ActionError("no")
        kinds = {"duplicate": Answer(duplicate=count), "rejected": Answer(rejected=("r",) * count)}
        return kinds.get(outcome, Answer(accepted=count - (outcome == "short")))

    ANSWERS["fuzz"] = post
    context = Context(Workflow(), Retry(Terms(attempts=1), Deadline(100, FakeClock())))
    try:
        facts = Shelf(key="fuzz", sizes=tuple(sizes)).run(context).facts
        assert facts["complete"]
    except ActionError as error:
        facts = error.facts
        assert not facts["complete"]
    except Skip:
        assert sizes == []
        return
    assert adds_up(facts)
