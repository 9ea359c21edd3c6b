"""What every target can rely on: batches within limits, retries of what has no verdict, and a count that adds up."""

import json
import threading
from contextlib import nullcontext
from dataclasses import replace
from io import FileIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.workflow import Workflow
from exitkit.clients import appendfile
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Retryable, Skip, Unknown
from exitkit.retry import Retry, RetryPolicy, sending
from exitkit.retry.clock import Deadline
from exitkit.ship.pipeline.batch import Answer, BatchRefused, BatchSender, TooLarge
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.deadletters import DeadLetters
from exitkit.ship.pipeline.shipment import Shipment
from exitkit.ship.sources import Source
from exitkit.testing.clock import FakeClock


class Shelf:
    """A target that keeps batches on a shelf; each record is as long as its message says."""

    def __init__(self, answer=None, *, most_bytes=100, most_records=4, separator="", **more):
        self.most_bytes, self.most_records, self.separator = most_bytes, most_records, separator
        self.by_source, self.in_flight, self.safe = (more.get(key, 0) for key in ("by_source", "in_flight", "safe"))
        self.answer, self.batches, self.lost = answer, [], set()
        self.numbering = threading.Lock()
        self.dead_letter_bytes = more.get("dead_letter_bytes", 1 << 20)

    def target(self):
        return "the shelf"

    def encode(self, chunk):
        return ["x" * int(message) for message in chunk.messages]

    def encoder(self, context):
        return self.encode

    def limits(self):
        return self.most_bytes, self.most_records

    def together(self, chunk):
        return chunk.source if self.by_source else None

    def open(self, context):
        return nullcontext(_Hand(self))

    def is_safe_to_resend(self):
        return bool(self.safe)

    @property
    def sent(self):
        return [[one for chunk in batch.chunks for one in chunk.ids] for batch in self.batches]


class _Hand(BatchSender):
    """What puts batches on the shelf in one run."""

    def __init__(self, shelf):
        super().__init__()
        self.shelf = shelf

    def __call__(self, batch):
        shelf = self.shelf
        with shelf.numbering:  # of two at a time each has a number of its own
            shelf.batches.append(batch)
            number = len(shelf.batches)
        return shelf.answer(batch, number) if shelf.answer else Answer()

    def acknowledged(self, acks):
        yield from sorted(acks - self.shelf.lost)
        if acks & self.shelf.lost:
            raise Unknown("lost on the way")


def source(name, *sizes, chunk=3, notes=(), fails=None):
    """A source of records of these sizes, in chunks of so many."""

    def read(source):
        for begin in range(0, len(sizes), chunk):
            some = range(begin, min(len(sizes), begin + chunk))
            ids = [f"{name}-{n}" for n in some]
            yield Chunk(name, ids, list(some), [str(sizes[n]) for n in some], attributes={"from": name})
        source.notes += notes
        if fails:
            raise fails

    return Source(name, read)


@pytest.fixture
def context():
    clock = FakeClock()
    return Context(Workflow(), Retry(RetryPolicy(attempts=3, wait=1), Deadline(100, clock)))


def ship(shelf, context, *sources, dead=""):
    return Shipment(shelf, context, str(dead)).ship(sources)


def adds_up(facts):
    parts = ("accepted", "duplicate", "rejected", "unknown", "left")
    return all(one["read"] == sum(one[part] for part in parts) for one in (facts, *facts["sources"]))


# Packing.


def test_batches_keep_to_count_and_bytes(context):
    """No batch has more records or bytes than the target takes; nothing is lost or moved."""
    shelf = Shelf()
    result = ship(shelf, context, source("a", 30, 30, 30, 30, 1, 1, 1, 1, 1, 100, 1, chunk=4))
    assert shelf.sent == [
        ["a-0", "a-1", "a-2"],
        ["a-3", "a-4", "a-5", "a-6"],
        ["a-7"],
        ["a-8"],
        ["a-9"],
        ["a-10"],
    ]
    assert tuple(result.facts[key] for key in ("read", "accepted", "left", "complete")) == (11, 11, 0, True)
    assert result.summary == "shipped 11 records to the shelf"


def test_what_stands_between_records_counts_too(context):
    """Three of 33 bytes and two commas are 101."""
    shelf = Shelf(separator=",")
    ship(shelf, context, source("a", 33, 33, 33))
    assert [len(batch) for batch in shelf.batches] == [2, 1]
    assert shelf.batches[0].parts[0].blob == b"x" * 33 + b"," + b"x" * 33


def test_bytes_are_counted_and_not_characters(context):
    """A record of 60 characters beyond ASCII has 120 bytes."""
    shelf = Shelf()
    shelf.encode = lambda chunk: ["ä" * int(message) for message in chunk.messages]
    ship(shelf, context, source("a", 30, 30, 30))
    assert [len(batch) for batch in shelf.batches] == [1, 1, 1]


def test_a_batch_is_of_one_source_where_the_target_wants_it(context):
    """Or whoever refuses some and does not say which leaves the counts of both in doubt."""
    mixed, parted = Shelf(), Shelf(by_source=True)
    for shelf in (mixed, parted):
        ship(shelf, context, source("a", 1), source("b", 1))
    assert mixed.sent == [["a-0", "b-0"]]
    assert parted.sent == [["a-0"], ["b-0"]]


def test_a_record_larger_than_a_batch_is_refused_without_being_sent(context):
    """The target would refuse it, and perhaps its neighbours with it."""
    shelf = Shelf()
    with pytest.raises(ActionError, match="a record of 101 B is larger than 100 B"):
        ship(shelf, context, source("a", 101, 5))
    assert shelf.sent == [["a-1"]]


# Sending.


def test_only_the_failed_batch_is_sent_again(context):
    """What arrived stays arrived; a batch retries by itself."""

    def answer(batch, number):
        if number in (2, 3):
            raise Retryable("busy")
        return Answer()

    shelf = Shelf(answer)
    result = ship(shelf, context, source("a", *[50] * 6, chunk=2))
    assert [one[0] for one in shelf.sent] == ["a-0", "a-2", "a-2", "a-2", "a-4"]
    assert (result.facts["accepted"], result.facts["batches"]) == (6, 3)


def test_only_the_records_that_failed_are_sent_again(context):
    """Those that the target is too busy for, and those only; what it has or refuses needs no second word."""

    def answer(batch, number):
        if number == 1:
            return Answer(duplicate=[0], rejected={1: "too old"}, again={2: "busy", 3: "busy"}, after=5)
        return Answer(again={1: "busy"}) if number == 2 else Answer(duplicate=[0])

    shelf = Shelf(answer)
    with pytest.raises(ActionError, match="the shelf refused 1 record: too old") as told:
        ship(shelf, context, source("a", 1, 1, 1, 1, chunk=4))
    assert shelf.sent == [["a-0", "a-1", "a-2", "a-3"], ["a-2", "a-3"], ["a-3"]]
    assert tuple(told.value.facts[key] for key in ("accepted", "duplicate", "rejected", "left")) == (1, 2, 1, 0)
    assert context.deadline.clock.slept[0] >= 5


def test_records_that_stay_busy_are_left(context):
    """After as many tries as there are; they were not refused, so they are no dead letters."""
    shelf = Shelf(lambda batch, number: Answer(again={0: "busy"}))
    with pytest.raises(Exhausted, match=r"busy.*; 1 of 2 records left") as told:
        ship(shelf, context, source("a", 1, 1))
    assert tuple(told.value.facts[key] for key in ("accepted", "rejected", "left")) == (1, 0, 1)


def test_a_batch_that_is_too_large_goes_in_halves(context):
    """Down to single records; one that is too large by itself is refused."""

    def answer(batch, number):
        if batch.size > 2 or "a-2" in [one for chunk in batch.chunks for one in chunk.ids]:
            raise TooLarge("413 too large")
        return Answer(duplicate=[0])

    shelf = Shelf(answer)
    with pytest.raises(ActionError, match="refused 1 record: 413 too large") as told:
        ship(shelf, context, source("a", 1, 1, 1, 1, chunk=4))
    assert tuple(told.value.facts[key] for key in ("accepted", "duplicate", "rejected")) == (1, 2, 1)


def test_a_batch_that_fails_for_good_ends_the_run_and_tells_what_is_left(context):
    """The error keeps its kind and reason, and carries the count."""

    def answer(batch, number):
        if number == 2:
            raise ActionError("key is wrong; renew it", reason="auth")
        return Answer()

    with pytest.raises(ActionError, match=r"key is wrong; renew it; .* left, and the rest was not read") as told:
        ship(Shelf(answer), context, source("a", *[50] * 9, chunk=2))
    assert told.value.reason == "auth"
    assert adds_up(told.value.facts)
    assert tuple(told.value.facts[key] for key in ("accepted", "complete")) == (2, False)
    assert told.value.facts["left"] >= 2


def test_tries_that_run_out_say_so_with_the_count(context):
    """Exhausted, so that nobody retries it once more."""

    def answer(batch, number):
        raise Retryable("busy", reason="server")

    shelf = Shelf(answer)
    with pytest.raises(Exhausted, match="busy; gave up after 3 tries; 1 of 1 record left") as told:
        ship(shelf, context, source("a", 50))
    assert len(shelf.batches) == 3
    assert adds_up(told.value.facts)


def test_the_deadline_holds_between_batches(context):
    """Time that runs out ends the run with the truth about what was shipped and what was not."""

    def answer(batch, number):
        context.deadline.clock.advance(40 if number < 3 else 100)
        return Answer()

    shelf = Shelf(answer)
    with pytest.raises(Exhausted, match="no time left") as told:
        ship(shelf, context, source("a", *[100] * 10))
    assert len(shelf.batches) < 10
    assert adds_up(told.value.facts)
    assert told.value.facts["left"] > 0
    assert told.value.reason == "timeout"


def test_an_unknown_outcome_is_sent_again_only_where_that_is_safe(context):
    """A target that knows its ids gets the batch again; another one may have it twice, so it does not."""

    def answer(batch, number):
        sending()
        if number == 1:
            raise Unknown("connection lost")
        return Answer(duplicate=range(len(batch)))

    shelf = Shelf(answer)
    with pytest.raises(Unknown):
        ship(shelf, context, source("a", 50))
    assert len(shelf.batches) == 1
    shelf = Shelf(answer, safe=True)
    assert ship(shelf, context, source("a", 50)).duplicate
    assert len(shelf.batches) == 2


def test_several_batches_are_under_way_and_all_are_counted(context):
    """One that fails for good stops the reading; those under way still count."""

    def answer(batch, number):
        if any("a-5" in chunk.ids for chunk in batch.chunks):
            raise ActionError("no")
        return Answer()

    with pytest.raises(ActionError, match=r"no; .* left") as told:
        ship(Shelf(answer, in_flight=3, most_records=1), context, source("a", *[1] * 40))
    assert adds_up(told.value.facts)
    assert told.value.facts["accepted"] >= 5


# Verdicts.


def test_refusals_are_counted_with_their_reasons_and_fail_the_step(context):
    """All else is shipped first; a step that lost records does not call itself fine."""
    shelf = Shelf(lambda batch, number: Answer(rejected=dict.fromkeys(range(1, len(batch)), "too old")))
    with pytest.raises(ActionError, match=r"the shelf refused 3 records: .*too old \(2 times\)") as told:
        ship(shelf, context, source("a", 50, 50, 50, 50, 101, chunk=2))
    assert len(shelf.batches) == 2
    assert tuple(told.value.facts[key] for key in ("read", "accepted", "rejected", "left")) == (5, 2, 3, 0)


def test_a_target_that_refuses_everything_is_not_asked_for_ever(context):
    """A wrong index is not worth five gigabytes of dead letters."""
    shelf = Shelf(lambda batch, number: Answer(rejected=dict.fromkeys(range(len(batch)), "no such index")))
    with pytest.raises(ActionError, match="the shelf refuses everything: no such index"):
        ship(shelf, context, source("a", *[100] * 50))
    assert len(shelf.batches) == 3


def test_refusals_without_a_name_are_counted_and_their_batch_is_kept(context, tmp_path):
    """The target says how many, and not which."""
    shelf = Shelf(lambda batch, number: Answer(unplaced=1, why="1 of them") if number == 1 else Answer())
    dead = tmp_path / "dead.ndjson"
    with pytest.raises(ActionError, match="refused 1 record: 1 of them") as told:
        ship(shelf, context, source("a", 50, 50, 50), dead=dead)
    assert tuple(told.value.facts[key] for key in ("accepted", "rejected", "left")) == (2, 1, 0)
    assert [json.loads(line)["id"] for line in dead.read_text().splitlines()] == ["a-0", "a-1"]


def test_what_is_refused_is_kept_with_its_reason(context, tmp_path):
    """Whole, so that it can be shipped again."""
    shelf = Shelf(lambda batch, number: Answer(rejected={1: "mapping"}))
    dead = tmp_path / "folder" / "dead.ndjson"
    with pytest.raises(ActionError, match=rf"they are kept in {dead}") as told:
        ship(shelf, context, source("a", 1, 2, 3), dead=dead)
    (kept,) = map(json.loads, dead.read_text().splitlines())
    assert (kept["id"], kept["message"], kept["reason"], kept["target"]) == ("a-1", "2", "mapping", "the shelf")
    assert told.value.facts["deadLetters"] == 1


def test_dead_letters_that_cannot_be_kept_are_told(context, tmp_path):
    """The refusal is the error; that it is lost is a note of it."""
    shelf = Shelf(lambda batch, number: Answer(rejected={0: "no"}))
    shipment = Shipment(shelf, context, str(tmp_path))  # a folder
    with pytest.raises(ActionError, match="the shelf refused 1 record: no; they are not kept") as told:
        shipment.ship([source("a", 1)])
    assert "not everything that was refused is kept" in told.value.notes[0]
    assert told.value.facts["deadLettersLost"] == 1


def test_notes_are_told_once(context):
    """A target says the same of every batch; people read it once."""
    shelf = Shelf(lambda batch, number: Answer(notes=("clock is off",)))
    assert ship(shelf, context, source("a", 100, 100, 100)).notes == ("clock is off",)


# Sources.


def test_nothing_to_ship_is_a_skip(context):
    """Neither a success nor a failure."""
    shelf = Shelf()
    with pytest.raises(Skip):
        ship(shelf, context, source("a"))
    assert shelf.batches == []


def test_each_source_has_its_counts(context):
    """And says what is not as it should be."""
    shelf = Shelf(lambda batch, number: Answer(duplicate=[0]))
    facts = ship(shelf, context, source("a", 1, 1), source("b", 1, notes=["rotated"])).facts
    assert adds_up(facts)
    assert facts["sources"] == [
        {"source": "b", "read": 1, "accepted": 1, "duplicate": 0, "rejected": 0, "unknown": 0, "left": 0}
        | {"whole": False, "notes": ["rotated"]},
        {"source": "a", "read": 2, "accepted": 1, "duplicate": 1, "rejected": 0, "unknown": 0, "left": 0}
        | {"whole": True},
    ]


def test_a_source_that_cannot_be_read_fails_the_step_and_keeps_nobody(context):
    """What was read of it goes, and the others too."""
    shelf = Shelf()
    with pytest.raises(ActionError, match="a: no such pod") as told:
        ship(shelf, context, source("a", 1, fails=ActionError("no such pod")), source("b", 1))
    assert told.value.facts["accepted"] == 2
    assert told.value.facts["complete"] is False


def test_a_source_is_done_when_each_record_has_a_verdict(context):
    """Not before, or what is left would be lost."""
    done = []
    one, other = source("a", 1), source("b", 1)
    one.finish, other.finish = (lambda: done.append("a")), (lambda: done.append("b"))
    ship(Shelf(), context, one)
    assert done == ["a"]

    def answer(batch, number):
        raise ActionError("no")

    with pytest.raises(ActionError):
        ship(Shelf(answer), context, other)
    assert done == ["a"]


def test_what_is_taken_is_accepted_once_it_is_acknowledged(context):
    """And a source that is not acknowledged whole is kept."""
    shelf, done, one = Shelf(lambda batch, number: Answer(ack=number)), [], source("a", *[1] * 6)
    one.finish = lambda: done.append("a")
    assert ship(shelf, context, one).facts["accepted"] == 6
    assert done == ["a"]
    shelf, other = Shelf(lambda batch, number: Answer(ack=number)), source("b", *[1] * 6)
    shelf.lost, other.finish = {2}, lambda: done.append("b")
    with pytest.raises(Unknown, match="lost on the way; 2 of 6 records may or may not") as told:
        ship(shelf, context, other)
    assert told.value.facts["accepted"] == 4
    assert done == ["a"]


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.lists(st.integers(1, 120), max_size=12), max_size=3),
    outcomes=st.lists(
        st.tuples(
            st.sampled_from(["ok", "duplicate", "rejected", "again", "unplaced", "large", "fatal"]),
            st.sampled_from(["", "ack", "lost"]),
        ),
        min_size=1,
        max_size=6,
    ),
    options=st.fixed_dictionaries({"by_source": st.booleans(), "in_flight": st.integers(0, 3)}),
)
def test_the_count_adds_up_whatever_happens(sizes, outcomes, options):
    """read = accepted + duplicate + rejected + left, for each source, in success and in every failure.

    And accepted is what the target took, less what it never acknowledged.
    """
    accepted = []

    def answer(batch, number):
        outcome, ack = outcomes[number % len(outcomes)]
        if outcome == "fatal":
            raise ActionError("no")
        if outcome == "large":
            raise TooLarge("413")
        places = range(0, len(batch), 2)
        kinds = {
            "duplicate": Answer(duplicate=places),
            "rejected": Answer(rejected=dict.fromkeys(places, "r")),
            "again": Answer(again=dict.fromkeys(places, "busy")),
            "unplaced": Answer(unplaced=1, why="some"),
        }
        found = kinds.get(outcome, Answer())
        if ack == "lost" and not found.unplaced:
            shelf.lost.add(number)
        else:
            accepted.append(len(batch) - len(found.duplicate) - len(found.rejected) - len(found.again) - found.unplaced)
        return found if found.unplaced or not ack else replace(found, ack=number)

    shelf = Shelf(answer, **options)
    context = Context(Workflow(), Retry(RetryPolicy(attempts=2, wait=0), Deadline(100, FakeClock())))
    expected = sum(len(one) for one in sizes)
    try:
        facts = ship(shelf, context, *(source(f"s{n}", *one) for n, one in enumerate(sizes))).facts
        assert facts["complete"]
        assert facts["read"] == expected
    except Skip:
        assert not expected
        return
    except ActionError as error:
        facts = error.facts
    assert adds_up(facts)
    assert all(one["left"] >= 0 and one["accepted"] >= 0 for one in facts["sources"])
    assert facts["accepted"] == sum(accepted)


# Nothing is lost without a word.


def test_one_bad_record_of_thousands_is_refused_alone(context, tmp_path):
    """Whatever the size of the batch in which it went; it alone is a dead letter."""

    def answer(batch, number):
        if any("a-37" in chunk.ids for chunk in batch.chunks):
            raise BatchRefused("400: bad")
        return Answer()

    shelf, dead = Shelf(answer, most_bytes=10_000, most_records=500), tmp_path / "dead"
    with pytest.raises(ActionError, match="refused 1 record: 400: bad") as told:
        ship(shelf, context, source("a", *[1] * 2000, chunk=100), dead=dead)
    assert (told.value.facts["accepted"], told.value.facts["rejected"]) == (1999, 1)
    assert [json.loads(line)["id"] for line in dead.read_text().splitlines()] == ["a-37"]


def test_a_source_that_is_refused_whole_keeps_no_other(context):
    """It may be its own fault: the next source is read, and what it has arrives."""

    def answer(batch, number):
        if any(chunk.source == "a" for chunk in batch.chunks):
            raise BatchRefused("400: bad")
        return Answer()

    shelf = Shelf(answer, most_bytes=10_000, most_records=100, by_source=True)
    with pytest.raises(ActionError) as told:
        ship(shelf, context, source("a", *[1] * 1000, chunk=100), source("b", *[1] * 50))
    counts = {one["source"]: one for one in told.value.facts["sources"]}
    assert counts["b"]["accepted"] == 50
    assert counts["a"]["rejected"] + counts["a"]["left"] == counts["a"]["read"]
    assert len(shelf.batches) < 60


def test_a_target_is_given_up_when_it_refuses_records_of_several_sources(context):
    """Each by itself, before it has taken anything; one that has taken something is never given up for that."""

    def refuses(batch, number):
        raise BatchRefused("400: no such index")

    shelf = Shelf(refuses, most_bytes=10_000, most_records=100, by_source=True)
    with pytest.raises(ActionError, match="refuses everything: 400: no such index") as told:
        ship(shelf, context, *(source(f"s{number}", *[1] * 300, chunk=100) for number in range(20)))
    assert len(told.value.facts["sources"]) <= 3
    assert len(shelf.batches) < 100

    def takes_one(batch, number):
        if number > 1:
            raise BatchRefused("400: bad")
        return Answer()

    shelf = Shelf(takes_one, most_records=1)
    with pytest.raises(ActionError) as told:
        ship(shelf, context, source("a", *[1] * 10), source("b", *[1] * 10))
    assert (told.value.facts["accepted"], told.value.facts["rejected"], told.value.facts["left"]) == (1, 19, 0)


def test_what_comes_after_a_batch_in_doubt_goes_all_the_same(context, tmp_path):
    """It is counted by itself, kept by itself, and is neither left nor accepted."""

    def answer(batch, number):
        if number == 2:
            raise Unknown("broke the connection")
        return Answer()

    dead = tmp_path / "dead"
    with pytest.raises(Unknown, match=r"broke the connection; 1 of 5 records may or may not have arrived$") as told:
        ship(Shelf(answer, most_records=1), context, source("a", *[1] * 5), dead=dead)
    facts = told.value.facts
    assert (facts["accepted"], facts["unknown"], facts["left"]) == (4, 1, 0)
    assert told.value.resent, "whoever retries the step would send all of it twice"
    (kept,) = map(json.loads, dead.read_text().splitlines())
    assert (kept["id"], kept["outcome"]) == ("a-1", "unknown")


def test_a_target_that_never_answers_is_not_asked_for_each_batch(context):
    """Three in a row are enough."""

    def answer(batch, number):
        raise Unknown("no answer")

    shelf = Shelf(answer, most_records=1)
    with pytest.raises(Unknown) as told:
        ship(shelf, context, source("a", *[1] * 50))
    assert len(shelf.batches) == 3
    assert told.value.facts["unknown"] == 3


def test_what_is_under_way_at_the_end_is_unknown(context):
    """A batch that left and has no verdict is not left: the server may have it."""

    def answer(batch, number):
        sending()
        if number == 2:
            context.deadline.clock.advance(200)
            raise Unknown("no verdict")
        return Answer()

    with pytest.raises(Unknown) as told:
        ship(Shelf(answer, most_records=1), context, source("a", *[1] * 5))
    facts = told.value.facts
    assert (facts["accepted"], facts["unknown"]) == (1, 1)
    assert adds_up(facts)


def test_what_was_under_way_when_nobody_waited_any_more_is_unknown(context):
    """Who gives the step up tells its counts; what left is unknown, what did not is left."""
    clock = context.deadline.clock

    def answer(batch, number):
        if number > 1:
            sending()
            clock.sleep(10_000)
        return Answer()

    shelf = Shelf(answer, most_records=1, in_flight=3)
    with pytest.raises(Unknown) as told:
        context.retry.whole(lambda: ship(shelf, _without_margin(context), source("a", *[1] * 9)))
    facts = told.value.facts
    assert adds_up(facts)
    sent = len(shelf.batches)
    assert (facts["accepted"], facts["unknown"]) == (1, sent - 1)
    assert f"{sent - 1} of {facts['read']} records may or may not have arrived" in str(told.value)
    assert facts["left"] == facts["read"] - sent > 0


def _without_margin(context):
    """Terms that end long after whoever waits for the step has given it up."""
    return replace(context, retry=Retry(context.retry.terms, Deadline(100_000, context.deadline.clock)))


def test_dead_letters_are_kept_as_far_as_the_disk_has_room(context, tmp_path, monkeypatch):
    """A full disk takes the beginning: whole lines count as kept, and the next one begins on a line of its own."""
    dead = tmp_path / "dead"
    write, calls = FileIO.write, []

    class Full(FileIO):
        def write(self, data):
            calls.append(len(data))
            if len(calls) == 2:
                raise OSError(28, "No space left on device")
            return write(self, bytes(data)[:300] if len(calls) == 1 else data)

    monkeypatch.setattr(appendfile.os, "fdopen", lambda fd, *_, **__: Full(fd, "ab"))
    shelf = Shelf(
        lambda batch, number: Answer(rejected=dict.fromkeys(range(len(batch)), "no")), dead_letter_bytes=10**6
    )
    letters = DeadLetters(str(dead), 10**6, shelf.target())
    chunk = next(iter(source("a", 1, 1, 1, 1).chunks()))
    letters.keep(chunk, "no")
    letters.keep(chunk, "no")
    letters.close()
    lines = dead.read_text().splitlines()
    whole = [line for line in lines if line.endswith("}")]
    assert letters.kept == len([json.loads(line) for line in whole]) == len(lines) - 1
    assert letters.kept + letters.lost == 2 * len(chunk)
    assert list(letters.notes) == [f"not everything that was refused is kept in {dead}: no space left on device"]


def test_a_source_that_breaks_with_an_error_of_the_system_keeps_all_counts(context):
    """A full disk, a file that goes: the others are read, and the report has the numbers."""
    with pytest.raises(ActionError, match="a: cannot be read: no space left on device") as told:
        ship(Shelf(), context, source("a", 1, 1, fails=OSError(28, "No space left on device")), source("b", 1))
    assert told.value.facts["accepted"] == 3


def test_dead_letters_have_a_bound_and_say_so(context, tmp_path):
    """The volume is small, and others live in it; what is lost is counted."""
    shelf = Shelf(lambda batch, number: Answer(rejected=dict.fromkeys(range(len(batch)), "no")), dead_letter_bytes=1000)
    shelf.most_records, dead = 100, tmp_path / "dead"
    with pytest.raises(ActionError, match="refused 30 records") as told:
        ship(shelf, context, source("a", *[1] * 30), dead=dead)
    facts = told.value.facts
    kept = len(dead.read_text().splitlines())
    assert dead.stat().st_size <= 1000
    assert (facts["deadLetters"], facts["deadLettersLost"]) == (kept, 30 - kept)
    assert f"{kept} of them are kept in {dead}, and {30 - kept} are not" in str(told.value)
    assert "dead_letter_bytes allows no more" in told.value.notes[0]


def test_a_dead_letters_file_that_cannot_be_opened_says_what_it_is(context, tmp_path):
    """It is no receipt, and nothing was to be deleted."""
    shelf = Shelf(lambda batch, number: Answer(rejected={0: "no"}))
    with pytest.raises(ActionError) as told:
        ship(shelf, context, source("a", 1), dead=tmp_path)
    assert "the file of dead letters" in told.value.notes[0]
    assert "receipt" not in told.value.notes[0]
    assert "deleted" not in told.value.notes[0]


def test_batches_get_smaller_where_the_target_takes_less(context):
    """A size limit costs a few requests once, and not in each batch."""

    def answer(batch, number):
        if batch.size > 250:
            raise BatchRefused("400: request body too large")
        return Answer()

    shelf = Shelf(answer, most_bytes=1000, most_records=1000)
    assert ship(shelf, context, source("a", *[10] * 500, chunk=50)).facts["accepted"] == 500
    assert sum(batch.size > 250 for batch in shelf.batches) <= 4
