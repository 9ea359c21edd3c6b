"""A cleanup whose deletions overlap: its limits hold exactly, and its counts are true however it ends."""

import contextlib
import json
import random
import threading
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.argo.workflow import Workflow
from exitkit.cleanup.engine.deletion import DeletionOutcome, delete_all
from exitkit.cleanup.engine.receipt import DeletionReceipt
from exitkit.cleanup.engine.removal import Removal
from exitkit.clients.deletion import PartialResult, Refusal
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.retry import Retry, sending
from exitkit.retry import RetryPolicy as Tries
from exitkit.retry.clock import Clock, Deadline
from exitkit.retry.throttle import Throttle
from exitkit.testing.clock import FakeClock


class Shuffled(Clock):
    """No threads: whenever somebody waits, one piece of the work that was begun is done, chosen by lot.

    So every order in which work can end is met sooner or later, and a failure can be had again. `most` is
    how many pieces there were at a time.
    """

    def __init__(self, seed=0):
        self.lot, self.begun, self.most, self.now = random.Random(seed), [], 0, 0.0

    def monotonic(self):
        return self.now

    def spawn(self, target, name):
        self.begun.append(target)
        self.most = max(self.most, len(self.begun))

    def wait(self, event, seconds):
        while not event.is_set():
            self.begun.pop(self.lot.randrange(len(self.begun)))()
        return True


@dataclass
class Things:
    names: list
    sizes: list = field(default_factory=list)
    place: str = "shelf/"


@dataclass
class Shelf:
    """The terms of a removal, the place, and what deletes there, as one."""

    batches: list
    in_flight: int = 4
    limit: int = 100_000
    limit_bytes: int | None = None
    refuses: set = field(default_factory=set)
    absent: set = field(default_factory=set)
    again: set = field(default_factory=set)
    breaks: dict = field(default_factory=dict)  # the error of a batch, by its first name
    before: object = None
    went: list = field(default_factory=list)
    asked: int = 0
    state: str = "new"
    looking: bool = False
    looks_again: bool = False

    @contextlib.contextmanager
    def open(self, context):
        self.state = "open"
        try:
            yield self
        finally:
            self.state = "closed"

    def find(self, context):
        self.looking = True
        try:
            for batch in self.batches:
                self.asked += 1
                yield batch
        finally:
            self.looking = False

    def delete(self, batch, context, most):
        assert self.state == "open", "deleted in a place that was closed"
        names = batch.names[:most]
        if self.before:
            self.before(names)
        if names[0] in self.breaks:
            raise self.breaks[names[0]]
        stays = self.refuses | self.absent | self.again
        self.went += [name for name in names if name not in stays]
        return DeletionOutcome(
            gone=[name for name in names if name in self.absent],
            again=[name for name in names if name in self.again],
            refused=[Refusal(name, "locked") for name in names if name in self.refuses],
        )


def stacks(*counts, sizes=None):
    """Batches of so many things; `sizes` is asked for each."""
    numbers = iter(range(1_000_000))
    batches = []
    for count in counts:
        taken = [next(numbers) for _ in range(count)]
        batches.append(Things([f"n{number}" for number in taken], [sizes(number) for number in taken] if sizes else []))
    return batches


def made(clock=None, seconds=300.0, **more):
    workflow = Workflow(name="train", progress_file=more.pop("progress_file", ""))
    return Context(workflow, Retry(Tries(), Deadline(seconds, clock or Shuffled())), **more)


def carry_out(shelf, context=None, sink=None):
    context = context or made()
    receipt = DeletionReceipt(
        sink, zipped=False, progress=context.workflow.progress_file, clock=context.deadline.clock.monotonic
    )
    return Removal(shelf, context).carry_out(receipt)


def refused(shelf, context=None, kind=ActionError):
    with pytest.raises(kind) as caught:
        carry_out(shelf, context)
    assert caught.value.facts["complete"] is False
    return caught.value


class List:
    """Where a list of what went is kept, as bytes."""

    def __init__(self):
        self.data, self.closed = b"", False

    def write(self, data):
        self.data += data

    def close(self):
        self.closed = True


# Overlapping.


def test_so_many_deletions_overlap_and_no_more():
    """As many as the terms say, and each batch is deleted once."""
    clock = Shuffled()
    shelf = Shelf(stacks(*[3] * 50), in_flight=7)
    facts = carry_out(shelf, made(clock)).facts
    assert clock.most == 7
    assert sorted(shelf.went) == sorted(f"n{number}" for number in range(150))
    assert (facts["found"], facts["deleted"], facts["complete"]) == (150, 150, True)


def test_they_overlap_in_time():
    """Ten deletions of a second each take two where five go at a time."""
    clock = FakeClock()
    shelf = Shelf(stacks(*[1] * 10), in_flight=5, before=lambda names: clock.sleep(1))
    carry_out(shelf, made(clock))
    assert clock.monotonic() == 2


def test_one_at_a_time_is_done_before_the_next_is_asked_for():
    """What walks a tree relies on that, and needs no threads."""
    clock = Shuffled()
    shelf = Shelf(stacks(2, 2, 2), in_flight=1)
    asked = []
    shelf.before = lambda names: asked.append((names[0], shelf.asked))
    carry_out(shelf, made(clock))
    assert asked == [("n0", 1), ("n2", 2), ("n4", 3)]
    assert clock.most == 0


def test_nothing_is_deleted_in_a_place_that_was_closed():
    """The last deletions land before the place is left, however the run ends."""
    for breaks in ({}, {"n4": ActionError("no")}):
        shelf = Shelf(stacks(*[2] * 9), in_flight=20, breaks=breaks)
        with contextlib.suppress(ActionError):
            carry_out(shelf)
        assert (shelf.state, shelf.looking) == ("closed", False)
        assert len(shelf.went) >= 14


# The limits.


COUNTS = st.lists(st.integers(0, 6), max_size=12)


@given(COUNTS, st.integers(0, 40), st.integers(1, 9), st.integers())
def test_the_limit_holds_exactly_however_deletions_overlap(counts, limit, in_flight, seed):
    """So many go and not one more, and never fewer while there is more."""
    shelf = Shelf(stacks(*counts), in_flight=in_flight, limit=limit)
    context, total = made(Shuffled(seed)), sum(counts)
    if total <= limit:
        assert carry_out(shelf, context).facts["deleted"] == len(shelf.went) == total
        return
    error = refused(shelf, context)
    assert f"stopped after deleted {limit}: there is more than limit={limit}" in str(error)
    assert error.facts["deleted"] == error.facts["found"] == len(shelf.went) == limit


@given(COUNTS, st.integers(0, 60), st.integers(1, 9), st.integers())
def test_the_limit_of_bytes_holds_exactly_however_deletions_overlap(counts, limit, in_flight, seed):
    """Everything goes up to the first thing with which it would be more, in the order in which things are found."""
    sizes = [(7 * number + seed) % 5 for number in range(sum(counts))]
    shelf = Shelf(stacks(*counts, sizes=lambda number: sizes[number]), in_flight=in_flight, limit_bytes=limit)
    fit = next((n for n in range(len(sizes)) if sum(sizes[: n + 1]) > limit), len(sizes))
    if fit == len(sizes):
        facts = carry_out(shelf, made(Shuffled(seed))).facts
    else:
        error = refused(shelf, made(Shuffled(seed)))
        assert f"limit_bytes={limit} B" in str(error)
        facts = error.facts
    assert facts["bytes"] == sum(sizes[:fit])
    assert sorted(shelf.went) == sorted(f"n{number}" for number in range(fit))


@given(COUNTS, st.integers(0, 30), st.integers(1, 9), st.integers(), st.data())
def test_the_counts_add_up_however_it_ends(counts, limit, in_flight, seed, data):
    """Found is deleted, gone and refused; what did not go takes nothing from the limit for those that come after."""
    batches = stacks(*counts, sizes=lambda number: 10)
    names = [name for batch in batches for name in batch.names]
    fate = {name: data.draw(st.sampled_from(["goes", "goes", "refuses", "absent"])) for name in names}
    shelf = Shelf(batches, in_flight=in_flight, limit=limit)
    shelf.refuses = {name for name in names if fate[name] == "refuses"}
    shelf.absent = {name for name in names if fate[name] == "absent"}
    try:
        facts = carry_out(shelf, made(Shuffled(seed))).facts
        assert not shelf.refuses
    except ActionError as error:
        facts = error.facts
        assert shelf.refuses or len(names) > limit
        if "limit=" not in str(error):
            assert f"{len(shelf.refuses)} locked" in str(error)
    assert facts["deleted"] == len(shelf.went) <= limit
    assert facts["bytes"] == 10 * facts["deleted"]
    assert facts["found"] == facts["deleted"] + facts["gone"] + sum(facts["refused"].values())
    if len(names) <= limit:
        assert (facts["found"], facts["deleted"]) == (len(names), list(fate.values()).count("goes"))


def test_what_turns_out_to_be_gone_makes_room_again():
    """A batch beyond the limit waits for those under way, of which some may not count."""
    shelf = Shelf(stacks(4, 4, 4), limit=8, absent={"n0", "n1", "n2", "n3"})
    assert carry_out(shelf).facts["deleted"] == 8


def test_what_is_left_for_a_later_batch_is_counted_once():
    """And takes from the limit once."""
    shelf = Shelf([Things(["a", "dir"], [5, 0]), Things(["b"], [5])], again={"dir"}, in_flight=1, limit=3)
    shelf.batches.append(Things(["dir"], [0]))
    shelf.before = lambda names: shelf.again.clear() if names == ["dir"] else None
    facts = carry_out(shelf).facts
    assert (facts["found"], facts["deleted"], facts["bytes"]) == (3, 3, 10)


# Errors.


@given(st.integers(1, 9), st.integers(), st.integers(0, 9))
def test_an_error_lets_those_under_way_land_and_counts_them(in_flight, seed, broken):
    """What went is told, also where it was the last to come back."""
    shelf = Shelf(stacks(*[3] * 10), in_flight=in_flight)
    shelf.breaks = {f"n{3 * broken}": ActionError("403 from the store", reason="auth")}
    clock = Shuffled(seed)
    error = refused(shelf, made(clock))
    assert (str(error), error.reason) == ("403 from the store", "auth")
    assert clock.begun == []
    assert error.facts["deleted"] == len(shelf.went) >= 3 * broken - 3 * in_flight
    assert not shelf.looking


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("then", [None, Exhausted("no answer, while it was only read", reason="timeout")])
def test_what_got_no_answer_is_counted_by_itself(in_flight, then):
    """It may have gone, whatever else ended the cleanup: neither deleted nor left, and the step is unknown."""

    class Ending(Shelf):
        def find(self, context):
            yield from super().find(context)
            if then is not None:
                raise then

    shelf = Ending(stacks(3, 3, 3, 3), in_flight=in_flight, breaks={"n9": Unknown("no verdict within 2.0 s")})
    error = refused(shelf, kind=Unknown)
    assert {key: error.facts[key] for key in ("found", "deleted", "unknown")} == {
        "found": 12,
        "deleted": 9,
        "unknown": 3,
    }
    assert str(error).endswith("; of 12 found, 9 were deleted and 3 may have gone")


def test_what_an_answer_leaves_in_doubt_makes_the_step_unknown():
    """A request for each may fail for some alone."""

    class Doubtful(Shelf):
        def delete(self, batch, context, most):
            return replace(super().delete(batch, context, most), unknown=["n1"])

    error = refused(Doubtful(stacks(3)), kind=Unknown)
    assert (error.facts["deleted"], error.facts["unknown"]) == (2, 1)


def test_what_was_under_way_when_nobody_waited_any_more_is_unknown():
    """The store is silent for longer than the step may take; the counts are told all the same."""
    clock = FakeClock()
    shelf = Shelf(stacks(3, 3, 3), before=lambda names: names[0] == "n0" or (sending(), clock.sleep(1000)))
    context = made(clock, seconds=10)
    with pytest.raises(Unknown) as caught:
        context.retry.whole(lambda: carry_out(shelf, context))
    facts = caught.value.facts
    assert (facts["found"], facts["deleted"], facts["unknown"], facts["complete"]) == (9, 3, 6, False)
    assert "of 9 found, 3 were deleted and 6 may have gone" in str(caught.value)


@pytest.mark.parametrize("more", [0, 6])
def test_the_first_error_is_told(more):
    """Others that come while the rest lands do not replace it, nor hide what lands after them; there may be more to find."""
    clock = FakeClock()
    waits = {"n0": 1, "n2": 5, "n4": 3, "n6": 9}
    shelf = Shelf(stacks(2, 2, 2, 2, *[2] * more), before=lambda names: clock.sleep(waits[names[0]]))
    shelf.breaks = {"n0": ActionError("first"), "n4": ActionError("second")}
    error = refused(shelf, made(clock))
    assert str(error) == "first"
    assert error.facts["deleted"] == 4


def test_an_error_while_looking_is_told_with_what_went():
    """A listing that fails half-way does not forget the deletions."""

    class Broken(Shelf):
        def find(self, context):
            yield from super().find(context)
            raise Retryable("listing models: 503", reason="server")

    for in_flight in (1, 5):
        error = refused(Broken(stacks(2, 2, 2), in_flight=in_flight))
        assert str(error) == "listing models: 503"
        assert error.facts["deleted"] == 6


def test_an_errors_own_facts_stay():
    """Beside the counts."""
    error = refused(Shelf(stacks(1), breaks={"n0": ActionError("no", facts={"bucket": "models"})}))
    assert (error.facts["bucket"], error.facts["deleted"]) == ("models", 0)


def test_a_bug_is_not_dressed_up_as_a_failure():
    """It leaves as it is, and the place is closed."""
    shelf = Shelf(stacks(1, 1, 1), breaks={"n1": ZeroDivisionError()})
    with pytest.raises(ZeroDivisionError):
        carry_out(shelf)
    assert shelf.state == "closed"


def test_refusals_fail_the_step_after_everything_else_went():
    """With how many for which reason, the most frequent first, and one of them by its name."""
    shelf = Shelf([Refusal("shelf/x\n", "on hold"), *stacks(3, 3)], refuses={"n1", "n5"})
    error = refused(shelf)
    assert "could not delete 2 locked; 1 on hold (such as shelf/x\\n: on hold)" in str(error)
    assert error.facts["refused"] == {"on hold": 1, "locked": 2}
    assert error.facts["found"] == 7
    assert len(shelf.went) == 4


def test_only_what_failed_is_sent_again():
    """The rest of its batch went with the first request, and other batches are not held up."""
    requests = []

    class Store(Shelf):
        def delete(self, batch, context, most):
            def once(rest):
                requests.append(list(rest))
                slow = [name for name in rest if name == "n1" and requests.count([name]) < 2]
                self.went += [name for name in rest if name not in slow]
                return PartialResult(later=dict.fromkeys(slow, "SlowDown"))

            return delete_all(context.retry, batch.names[:most], str, once, Throttle(context.deadline))

    facts = carry_out(shelf := Store(stacks(3, 2)), made(FakeClock())).facts
    assert sorted(requests) == [["n0", "n1", "n2"], ["n1"], ["n1"], ["n3", "n4"]]
    assert sorted(shelf.went) == ["n0", "n1", "n2", "n3", "n4"]
    assert facts["deleted"] == 5


# Time.


@pytest.mark.parametrize("in_flight", [1, 3])
def test_the_end_of_time_begins_nothing_more(in_flight):
    """What is under way lands and is counted; that it was cut is told, and that the rest stays."""
    clock = FakeClock()
    shelf = Shelf(stacks(*[2] * 20), in_flight=in_flight, before=lambda names: clock.sleep(1))
    error = refused(shelf, made(clock, seconds=4.5), Exhausted)
    assert "no time left; what is left stays until this runs again" in str(error)
    assert (error.reason, error.tries) == ("timeout", 0)
    assert error.facts["deleted"] == len(shelf.went)
    assert 4 * in_flight <= len(shelf.went) / 2 <= 6 * in_flight


@pytest.mark.parametrize("in_flight", [1, 3])
def test_an_attempt_that_was_given_up_deletes_no_more(in_flight):
    """When the step has been reported as failed, nothing is begun behind its back."""
    clock, ended, began = FakeClock(), threading.Event(), []

    class Sending(Shelf):
        def delete(self, batch, context, most):
            if in_flight > 1:  # its requests do that; one at a time, the removal does it for all
                sending()
            return super().delete(batch, context, most)

    shelf = Sending(stacks(*[2] * 20), in_flight=in_flight)
    shelf.before = lambda names: began.append(clock.monotonic()) or clock.sleep(10)

    def step():
        try:
            carry_out(shelf, made(clock, seconds=1000))
        finally:
            ended.set()

    with pytest.raises(ActionError):
        Retry(Tries(attempts=1), Deadline(15, clock)).whole(step)
    assert clock.wait(ended, 1000)
    assert began == [0] * in_flight + [10] * in_flight


# A second look.


@dataclass
class Slow(Shelf):
    """A place that does not answer in time for the batches in `breaks`, of which `left` are there still when it is looked again."""

    looks_again: bool = True
    left: set = field(default_factory=set)
    is_silent: bool = False
    looks: list = field(default_factory=list)

    def still_there(self, batch, context, most):
        self.looks.append((list(batch.names[:most]), context.deadline.remaining()))
        if self.is_silent:
            raise Unknown("no answer", reason="timeout")
        return self.left & set(batch.names)


def slow(*names):
    return {name: Unknown("no verdict within 15 s; it may have arrived", reason="timeout") for name in names}


@pytest.mark.parametrize("in_flight", [1, 3])
def test_what_went_without_an_answer_is_deleted(in_flight):
    """A second look finds nothing of it, so that all is well."""
    shelf = Slow(stacks(4, 3, 2), in_flight=in_flight, breaks=slow("n0", "n4"))
    facts = carry_out(shelf).facts
    assert (facts["deleted"], facts["complete"], len(facts["examples"])) == (9, True, 9)
    assert sorted(names for names, _ in shelf.looks) == [["n0", "n1", "n2", "n3"], ["n4", "n5", "n6"]]


def test_what_is_there_still_is_told_and_the_rest_counts():
    """Never `deleted 0` where most of it went."""
    error = refused(Slow(stacks(4, 3), in_flight=1, breaks=slow("n0"), left={"n1"}), kind=Exhausted)
    assert "deleted 3: no verdict within 15 s; it may have arrived; a second look found 1 of 4 still there" in str(
        error
    )
    assert (error.facts["deleted"], error.facts["refused"]) == (3, {"no answer, and still there": 1})


@pytest.mark.parametrize("in_flight", [1, 3])
def test_what_cannot_be_looked_at_is_unknown(in_flight):
    """It may be gone or not, which is neither deleted nor failed, and what was deleted counts."""
    error = refused(Slow(stacks(2, 5), in_flight=in_flight, breaks=slow("n2"), is_silent=True), kind=Unknown)
    assert (error.facts["deleted"], error.facts["unknown"]) == (2, 5)
    other = refused(Shelf(stacks(2, 5), in_flight=in_flight, breaks=slow("n2")), kind=Unknown)
    assert (other.facts["deleted"], other.facts["unknown"]) == (2, 5)


def test_unknown_outranks_what_failed():
    """One batch broke for good, and another has no answer: a second run may find less than the report says."""
    breaks = {**slow("n0"), "n2": ActionError("403", reason="auth")}
    error = refused(Slow(stacks(2, 2), in_flight=2, breaks=breaks, is_silent=True), kind=Unknown)
    assert error.facts["unknown"] == 2


def test_time_is_left_for_the_second_look():
    """Deleting ends a little before the end, and with little time a tenth before it."""
    ends = []

    class Ending(Slow):
        def delete(self, batch, context, most):
            ends.append(context.deadline.remaining())
            return super().delete(batch, context, most)

    for seconds, least in ((300.0, 4.9), (10.0, 0.9)):
        shelf = Ending(stacks(1), in_flight=1, breaks=slow("n0"))
        carry_out(shelf, made(FakeClock(), seconds=seconds))
        assert shelf.looks[0][1] - ends[-1] >= least


# Dry run.


def test_a_dry_run_sends_nothing_and_says_all_that_would_go():
    """Nothing is deleted, whatever the limits; it counts on, so that they can be set."""
    shelf = Shelf([*stacks(12, 3, sizes=lambda number: 100), Refusal("shelf/held", "on hold")], limit=4, limit_bytes=50)
    shelf.before = lambda names: pytest.fail("a dry run deleted something")
    result = Removal(shelf, made(dry_run=True)).dry_run()
    assert result.summary == (
        "would delete 15 (1.5 KiB), 1 more cannot go; more than limit=4 or limit_bytes=50 B, so it would stop there"
    )
    assert result.facts["found"] == 16
    assert result.facts["bytes"] == 1500
    assert result.facts["refused"] == {"on hold": 1}
    assert result.facts["examples"] == [f"shelf/n{number}" for number in range(10)]
    assert "deleted" not in result.facts
    assert result.notes == ("shelf/held: on hold",)
    assert (shelf.went, shelf.state, shelf.looking) == ([], "closed", False)


@pytest.mark.parametrize(("limit", "over"), [(5, False), (4, True)])
def test_a_dry_run_is_over_the_limit_where_the_run_would_be(limit, over):
    """To the one; what cannot go does not count."""
    shelf = Shelf([Refusal("shelf/held", "on hold"), *stacks(5)], limit=limit)
    assert ("would stop" in Removal(shelf, made(dry_run=True)).dry_run().summary) == over
    with pytest.raises(ActionError) as caught:
        carry_out(shelf)
    assert ("raise it" in str(caught.value)) == over


def test_a_dry_run_that_runs_out_of_time_says_what_it_has_seen():
    """And that this is not all."""
    clock = Shuffled()
    shelf = Shelf([])
    shelf.find = lambda context: (
        setattr(clock, "now", 200.0 * number) or batch for number, batch in enumerate(stacks(2, 2, 2))
    )
    with pytest.raises(Exhausted) as caught:
        Removal(shelf, made(clock, dry_run=True)).dry_run()
    assert (caught.value.facts["found"], caught.value.facts["complete"]) == (4, False)


# What is kept of it.


def test_progress_is_told_as_deletions_land(tmp_path):
    """Deleted of found, never more than that, and all of it at the end."""
    path, seen = tmp_path / "progress", []
    shelf = Shelf(stacks(*[2] * 8), in_flight=3, refuses={"n5"})
    shelf.before = lambda names: seen.append(path.read_text() if path.exists() else "0/0\n")
    refused(shelf, made(progress_file=str(path)))
    assert path.read_text() == "15/16\n"
    told = [tuple(map(int, one.split("/"))) for one in seen]
    assert told == sorted(told)
    assert len(set(told)) > 3
    assert all(deleted <= found for deleted, found in told)


@given(st.integers(1, 6), st.integers())
def test_the_list_has_what_went_and_nothing_else(in_flight, seed):
    """One line each, however deletions overlap and whatever breaks; and it is closed."""
    shelf = Shelf(stacks(*[3] * 8), in_flight=in_flight, refuses={"n4"}, absent={"n1"})
    shelf.breaks = {"n15": ActionError("no")}
    sink = List()
    with pytest.raises(ActionError):
        carry_out(shelf, made(Shuffled(seed)), sink)
    listed = [json.loads(line)["deleted"] for line in sink.data.splitlines()]
    assert sorted(listed) == sorted(f"shelf/{name}" for name in shelf.went)
    assert sink.closed


def test_a_list_is_closed_where_the_place_does_not_open():
    """And says nothing went, which is true."""

    class Locked(Shelf):
        def open(self, context):
            raise ActionError("no such bucket", reason="client")

    sink = List()
    with pytest.raises(ActionError, match="no such bucket") as caught:
        carry_out(Locked([]), sink=sink)
    assert (sink.data, sink.closed) == (b"", True)
    assert caught.value.facts["deleted"] == 0


def test_a_list_that_breaks_is_told_and_stops_nothing():
    """The place still is to be cleaned."""

    class Full(List):
        def write(self, data):
            raise OSError(28, "No space left on device")

    shelf = Shelf(stacks(3, 3))
    result = carry_out(shelf, sink=Full())
    assert result.notes == ("the receipt is not complete: no space left on device",)
    assert len(shelf.went) == 6


def test_nothing_to_delete_is_a_result():
    """And says so; a batch without names is only a sign of life."""
    for batches in ([], [Things([])]):
        result = carry_out(Shelf(batches))
        assert (result.summary, result.facts["found"], result.facts["complete"]) == ("nothing to delete", 0, True)


def test_what_is_found_may_be_any_iterator():
    """One that cannot be closed needs no end."""
    shelf = Shelf([])
    shelf.find = lambda context: iter(stacks(2, 2))
    assert carry_out(shelf).summary == "deleted 4"
