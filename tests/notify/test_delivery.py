"""What has been delivered is not delivered again, and where nobody can tell, that is said."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import pytest

from exitkit.action import Result
from exitkit.argo.failures import decode as decode_failures
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.notify import Notify
from exitkit.notify.delivery import deliver
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.store import Store, owner
from exitkit.store.bounded import BoundedStore
from exitkit.store.claim import Claim
from exitkit.store.place import open_store
from exitkit.store.receipt import Receipt, decode, encode, name_of
from exitkit.testing.clock import FakeClock


class Channel:
    """Sends with one verdict after the other; a False one arrives without a verdict."""

    def __init__(self, *verdicts):
        self.verdicts, self.sent, self.arrived, self.asked = list(verdicts), 0, [], 0

    def send(self):
        verdict = self.verdicts[min(self.sent, len(self.verdicts) - 1)]
        self.sent += 1
        if isinstance(verdict, Exception):
            raise verdict
        self.arrived.append(self.sent)
        return Result("sent", {"number": self.sent})

    def find(self):
        self.asked += 1
        return Result("found", {"number": self.arrived[0]}, duplicate=True) if self.arrived else None


class BrokenStore(Store):
    """A store that fails in the same way whatever is asked."""

    where = "broken"

    def __init__(self, error):
        self.error = error

    def get(self, name):
        raise self.error

    put_if_absent = put_if_unchanged = delete = list = written = lambda self, *_: self.get("")


@pytest.fixture
def context(tmp_path):
    clock = FakeClock()
    return Context(
        Workflow(name="w", uid="u", status="Failed"),
        Retry(RetryPolicy(attempts=4), Deadline(300, clock)),
        step="tell",
        state=open_store(str(tmp_path)),
    )


def receipt(context):
    value = context.state.get(context.deadline, name_of(context.delivery))
    return value and decode(value.data, context.delivery)


def stage(context):
    there = receipt(context)
    return there and there.stage


def leave(context, stage="intent", facts=None, **more):
    """A receipt of an earlier run."""
    data = encode(Receipt(stage, 1.0, facts or {}, **more), context.delivery)
    context.state.overwrite(context.deadline, name_of(context.delivery), data)


def test_it_is_delivered_once(context):
    """A second run of the same end of the same workflow does nothing, and says so."""
    channel = Channel(None)
    assert deliver(context, channel.send) == Result("sent", {"number": 1})
    again = deliver(context, channel.send)
    assert again.duplicate
    assert again.facts == {"number": 1}
    assert channel.sent == 1


def test_another_step_status_or_workflow_is_another_delivery(context):
    """Only the same end of the same workflow is the same."""
    others = [
        replace(context, step="other"),
        replace(context, workflow=Workflow(name="w", uid="u", status="Succeeded")),
        replace(context, workflow=Workflow(name="w", uid="v", status="Failed")),
    ]
    assert len({one.delivery for one in (context, *others)}) == 4
    assert all(len(one.delivery) == 26 and one.delivery.isalnum() for one in others)
    channel = Channel(None)
    for one in (context, *others):
        deliver(one, channel.send)
    assert channel.sent == 4


def test_intent_is_written_before_the_first_byte(context):
    """A run that is killed while it sends leaves that behind."""
    seen = []

    def send():
        seen.append(stage(context))
        return Result("sent")

    deliver(context, send)
    assert seen == ["intent"]
    assert stage(context) == "confirmed"


def test_what_failed_for_good_may_be_tried_by_a_later_run(context):
    """The receipt says that it has certainly not arrived."""
    with pytest.raises(ActionError, match=r"no such channel"):
        deliver(context, Channel(ActionError("no such channel")).send)
    assert stage(context) == "failed"
    with pytest.raises(Exhausted):
        deliver(context, Channel(Retryable("503")).send)
    assert stage(context) == "failed"
    assert deliver(context, Channel(None).send).summary == "sent"


def test_what_may_have_arrived_is_not_sent_by_a_later_run(context):
    """Nobody can tell, so nobody sends, and that is said with what to do."""
    with pytest.raises(Unknown):
        deliver(context, Channel(Unknown("lost")).send)
    channel = Channel(None)
    with pytest.raises(Unknown, match=r"an earlier run may have delivered this; with retry\.resend"):
        deliver(context, channel.send)
    assert channel.sent == 0


def test_a_later_run_sends_again_where_that_is_safe_or_asked_for(context):
    """The channel knows it again, or the user takes the risk."""
    for number, options in enumerate([{"safe": True}, {}]):
        one = replace(context, step=f"step-{number}")
        if not options:
            one = replace(one, retry=Retry(RetryPolicy(resend=True), context.deadline))
        leave(one, "intent")
        assert deliver(one, Channel(None).send, **options).summary == "sent"
        assert stage(one) == "confirmed"


def test_the_channel_is_asked_only_in_doubt(context):
    """A first try needs no question; one after a lost verdict does."""
    channel = Channel(None)
    deliver(context, channel.send, find=channel.find)
    assert channel.asked == 0
    other = Channel(Unknown("lost"), None)
    deliver(replace(context, step="b"), other.send, find=other.find)
    assert (other.asked, other.sent) == (1, 2)


def test_what_the_channel_has_is_not_sent_again(context):
    """A message that arrived without a verdict is found."""
    leave(context, "intent")
    channel = Channel(None)
    channel.arrived.append(7)
    result = deliver(context, channel.send, find=channel.find)
    assert result.duplicate
    assert channel.sent == 0
    assert stage(context) == "confirmed"


def test_doubt_stays_through_later_failures(context):
    """A 503 after a lost verdict does not tell that the lost one had not arrived."""
    channel = Channel(Unknown("lost"), Retryable("503"), None)
    deliver(context, channel.send, find=channel.find)
    assert (channel.asked, channel.sent) == (2, 3)


def test_doubt_of_an_earlier_run_outlives_a_failure_of_this_one(context):
    """Where the channel cannot be asked just now, the next run must still be careful."""
    leave(context, "intent")

    def find():
        raise ActionError("missing scope", reason="auth")

    with pytest.raises(ActionError, match=r"missing scope"):
        deliver(context, Channel(None).send, find=find)
    assert stage(context) == "intent"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("odd")])
def test_a_memory_that_fails_never_stops_a_delivery(context, error):
    """It is told once, and the message leaves."""
    result = deliver(replace(context, state=BoundedStore(BrokenStore(error))), Channel(None).send)
    assert result.summary == "sent"
    assert len(result.notes) == 1
    assert "another run may deliver again" in result.notes[0]


def test_facts_that_no_receipt_can_hold_do_not_undo_a_delivery(context):
    """It was sent; that the answer is odd does not make it a failure."""
    assert deliver(context, lambda: Result("sent", {"odd": {(1,): object()}})).summary == "sent"
    assert stage(context) == "confirmed"


def test_a_second_delivery_is_never_silent(context):
    """Whoever risks one is told so: by resending, and where the earlier run's receipt cannot be read."""
    resend = replace(context, retry=Retry(RetryPolicy(resend=True), context.deadline))
    (note,) = deliver(resend, Channel(Unknown("lost"), None).send).notes
    assert note.startswith("an earlier try may have arrived as well")
    later = replace(resend, step="later")
    leave(later, "intent")
    (note,) = deliver(later, Channel(None).send).notes
    assert note.startswith("an earlier run may have arrived as well")
    other = b'{"version": 1, "delivery": "x", "stage": "confirmed", "at": 1, "facts": {}}'
    for number, content in enumerate((b'{"half', other)):
        strange = replace(context, step=f"strange-{number}")
        context.state.overwrite(context.deadline, name_of(strange.delivery), content)
        result = deliver(strange, Channel(None).send)
        assert (result.summary, result.duplicate) == ("sent", False)
        assert "may be a second delivery" in result.notes[0]
        assert stage(strange) == "confirmed"
    with pytest.raises(ActionError) as caught:
        strange = replace(context, step="failing")
        context.state.overwrite(context.deadline, name_of(strange.delivery), b"{")
        deliver(strange, Channel(ActionError("no")).send)
    assert "may be a second delivery" in caught.value.notes[0]


def test_of_two_runs_at_once_one_sends(context):
    """The other waits for it, and says what the first did; it takes over only where that one gave up."""
    clock = context.deadline.clock

    def other(step):
        claim = Claim(open_store(context.state.where), context.deadline, replace(context, step=step).delivery)
        claim.take(1.0)
        return claim

    def end(claim, seconds, stage, facts):
        clock.sleep(seconds)
        claim.write(stage, facts, over=True)

    channel = Channel(None)
    clock.spawn(partial(end, other("tell"), 13, "confirmed", {"by": "other"}), "other")
    result = deliver(context, channel.send)
    assert (result.duplicate, result.facts, channel.sent) == (True, {"by": "other"}, 0)
    clock.spawn(partial(end, other("b"), 1, "failed", {}), "other")
    assert deliver(replace(context, step="b"), channel.send).summary == "sent"
    stuck = other("c")
    with pytest.raises(Unknown, match=r"another run is delivering this"):
        deliver(replace(context, step="c"), channel.send)
    stuck.release()
    assert channel.sent == 1


@pytest.mark.parametrize("owner", ["elsewhere/1/2", "no name at all"])
def test_a_run_that_falls_silent_is_taken_for_killed(context, owner):
    """After a while without a sign of life, and by the clock of whoever waits; then it is in doubt."""
    leave(context, owner=owner, sign="x")
    began = context.deadline.clock.monotonic()
    channel = Channel(None)
    with pytest.raises(Unknown, match="an earlier run may have delivered this"):
        deliver(context, channel.send)
    assert 9 < context.deadline.clock.monotonic() - began < 15
    leave(context, owner=owner, sign="y")
    assert deliver(context, channel.send, again=True).summary == "sent"


def test_a_process_of_this_machine_that_has_ended_is_not_waited_for(context):
    """It is known to be gone."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = owner.this_process().rpartition("/")[0].rpartition("/")[0]
        gone = f"{name}/{process.pid}/{owner._started(process.pid)}"
        assert not owner.is_gone(gone)
        process.kill()
        process.wait()
    assert owner.is_gone(gone)
    leave(context, owner=gone)
    assert deliver(context, Channel(None).send, again=True).summary == "sent"
    assert context.deadline.clock.monotonic() == 0


def test_a_store_that_only_can_be_read_is_believed(context):
    """What an earlier run confirmed there is not sent again; what is not there is, with a note."""
    deliver(context, Channel(None).send)

    class ReadOnly(BrokenStore):
        def get(self, name):
            return context.state.store.get(name)

        put_if_absent = put_if_unchanged = lambda self, *_: BrokenStore.get(self, "")

    closed = replace(context, state=BoundedStore(ReadOnly(PermissionError(13, "Permission denied"))))
    channel = Channel(None)
    assert deliver(closed, channel.send).duplicate
    (note,) = deliver(replace(closed, step="b"), channel.send).notes
    assert note == "no receipt kept, so another run may deliver again: broken: permission denied"
    assert channel.sent == 1


def test_a_receipt_of_a_newer_exitkit_is_left_alone(context):
    """It is not understood, so the channel is asked where it can be, and the report says so."""
    data = b'{"version": 2, "state": "new words"}'
    context.state.overwrite(context.deadline, name_of(context.delivery), data)
    channel = Channel(None)
    result = deliver(context, channel.send, find=channel.find)
    assert (result.summary, channel.asked) == ("sent", 1)
    assert "of a newer exitkit (version 2), so this may be a second delivery" in result.notes[0]
    assert context.state.get(context.deadline, name_of(context.delivery)).data == data


def test_what_may_be_a_second_copy_is_flagged(context):
    """Before it is sent; not where the channel has a memory, and not where there is no doubt."""
    flags = []
    leave(context)
    deliver(context, Channel(None).send, again=True, flag=lambda: flags.append("resent"))
    for number, options in enumerate(({"safe": True}, {"find": lambda: None}, {"again": True})):
        one = replace(context, step=f"step-{number}")
        if "again" not in options:
            leave(one)
        deliver(one, Channel(None).send, flag=lambda: flags.append("wrong"), **options)
    assert flags == ["resent"]


def test_what_is_held_stays_in_doubt(context):
    """However often it is run again, until somebody asks for it."""
    leave(context)
    for _ in range(2):
        with pytest.raises(Unknown):
            deliver(context, Channel(None).send)
        assert (stage(context), receipt(context).owner) == ("intent", "")
    never = replace(context, step="b", retry=Retry(RetryPolicy(resend=False), context.deadline))
    leave(never)
    with pytest.raises(Unknown):
        deliver(never, Channel(None).send, again=True)


def test_a_delivery_takes_two_writes_and_nothing_more(context):
    """Intent and verdict."""
    asked = []

    class Counted(Store):
        where = "counted"

        def __getattribute__(self, name):
            if name in ("get", "put_if_absent", "put_if_unchanged", "delete", "list", "written"):
                asked.append(name)
                return getattr(context.state.store, name)
            return super().__getattribute__(name)

        get = put_if_absent = put_if_unchanged = delete = list = written = None

    deliver(replace(context, state=BoundedStore(Counted())), Channel(None).send)
    assert asked == ["put_if_absent", "put_if_unchanged"]


def test_a_bug_while_sending_leaves_the_doubt(context):
    """Nobody knows how far it came."""
    with pytest.raises(KeyError):
        deliver(context, Channel(KeyError("x")).send)
    assert stage(context) == "intent"


class Hooks(Notify):
    """A channel that keeps what it sent, by its delivery's id."""

    came: ClassVar[list[str]] = []

    def target(self):
        return "hooks"

    def render(self, message, level, context):
        return message.title

    def send(self, payload, context):
        self.came.append(context.delivery)
        return Result("sent")


@pytest.fixture
def told(context):
    """Delivers an end of the workflow of which the arguments tell no failure; what it came to."""
    Hooks.came.clear()

    def run(began, *, status="Failed", failures=""):
        arguments = replace(context.workflow, status=status, failures=decode_failures(failures))
        workflow = replace(arguments, started_at=began, told=arguments) if began else arguments
        return Hooks().run(replace(context, workflow=workflow, state=open_store(context.state.where)))

    return run


FIRST, SECOND = (datetime(2026, 11, 27, hour, tzinfo=UTC) for hour in (10, 11))


def test_a_second_failed_end_is_told_where_the_record_says_that_the_workflow_began_anew(told):
    """Each end once, in whichever order its handlers run again, and under an id of its own."""
    assert [told(began).duplicate for began in (FIRST, FIRST, SECOND, SECOND, FIRST)] == [
        False,
        True,
        False,
        True,
        True,
    ]
    assert len(set(Hooks.came)) == 2


@pytest.mark.parametrize("ends", [(FIRST, None), (None, FIRST), (None, None)])
def test_a_record_that_is_read_in_one_run_alone_makes_no_second_delivery(told, ends):
    """A pod that is run again may read it where the first could not, or the other way round."""
    assert [told(began).duplicate for began in ends] == [False, True]


def test_a_run_without_the_record_leaves_to_later_ones_whose_end_it_was(told, context):
    """One that takes over what was in doubt."""
    leave(replace(context, step="tell"), began=FIRST.isoformat())
    told(None)
    assert receipt(context).began == FIRST.isoformat()
    assert not told(SECOND).duplicate


def test_where_failures_are_told_the_record_is_not_asked_which_end_it_is(told):
    """Their times say it, and they are the same in each run."""
    failures = '[{"displayName": "a", "finishedAt": "2026-11-27T10:00:00Z", "phase": "Failed"}]'
    assert [told(began, failures=failures).duplicate for began in (FIRST, SECOND)] == [False, True]
    assert [told(began, status="Succeeded").duplicate for began in (FIRST, SECOND)] == [False, True]
