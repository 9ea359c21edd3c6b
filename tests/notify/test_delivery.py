"""What has been delivered is not delivered again, and where nobody can tell, that is said."""

from dataclasses import replace

import pytest

from exitkit.action import Result
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.notify.delivery import deliver
from exitkit.receipts import Folder, Receipt
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
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


class Broken:
    """A memory that fails in its own way each time."""

    def __init__(self, error):
        self.error = error

    def read(self, delivery):
        raise self.error

    claim = write = forget = lambda self, *_: self.read("")


@pytest.fixture
def context(tmp_path):
    clock = FakeClock()
    return Context(
        Workflow(name="w", uid="u", status="Failed"),
        Retry(RetryPolicy(attempts=4), Deadline(300, clock)),
        step="tell",
        state=Folder(tmp_path),
    )


def stage(context):
    receipt = context.state.read(context.delivery)
    return receipt and receipt.stage


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
    """No receipt stays of what has certainly not arrived."""
    with pytest.raises(ActionError, match=r"no such channel"):
        deliver(context, Channel(ActionError("no such channel")).send)
    assert stage(context) is None
    with pytest.raises(Exhausted):
        deliver(context, Channel(Retryable("503")).send)
    assert stage(context) is None


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
        one.state.write(one.delivery, Receipt("intent", 1.0))
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
    context.state.write(context.delivery, Receipt("intent", 1.0))
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
    context.state.write(context.delivery, Receipt("intent", 1.0))

    def find():
        raise ActionError("missing scope", reason="auth")

    with pytest.raises(ActionError, match=r"missing scope"):
        deliver(context, Channel(None).send, find=find)
    assert stage(context) == "intent"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("odd")])
def test_a_memory_that_fails_never_stops_a_delivery(context, error):
    """It is told once, and the message leaves."""
    result = deliver(replace(context, state=Broken(error)), Channel(None).send)
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
    later.state.write(later.delivery, Receipt("intent", 1.0))
    (note,) = deliver(later, Channel(None).send).notes
    assert note.startswith("an earlier run may have arrived as well")
    for number, content in enumerate(
        ('{"half', '{"version": 1, "delivery": "x", "stage": "confirmed", "at": 1, "facts": {}}')
    ):
        strange = replace(context, step=f"strange-{number}")
        (context.state.path / f"{strange.delivery}.json").write_text(content)
        result = deliver(strange, Channel(None).send)
        assert (result.summary, result.duplicate) == ("sent", False)
        assert "may be a second delivery" in result.notes[0]
        assert stage(strange) == "confirmed"
    with pytest.raises(ActionError) as caught:
        strange = replace(context, step="failing")
        (context.state.path / f"{strange.delivery}.json").write_text("{")
        deliver(strange, Channel(ActionError("no")).send)
    assert "may be a second delivery" in caught.value.notes[0]


def test_of_two_runs_at_once_one_sends(context):
    """The other waits for it, and takes over only where it gave up."""
    other = Folder(context.state.path)
    claim = other.claim(context.delivery)

    def confirm():
        context.deadline.clock.sleep(3)
        other.write(context.delivery, Receipt("confirmed", 1.0, {"by": "other"}))
        claim.release()

    context.deadline.clock.spawn(confirm, "other")
    channel = Channel(None)
    result = deliver(context, channel.send)
    assert (result.duplicate, result.facts, channel.sent) == (True, {"by": "other"}, 0)
    failing = replace(context, step="b")
    held = other.claim(failing.delivery)

    def give_up():
        context.deadline.clock.sleep(1)
        held.release()

    context.deadline.clock.spawn(give_up, "other")
    assert deliver(failing, channel.send).summary == "sent"
    stuck = replace(context, step="c")
    other.claim(stuck.delivery)
    with pytest.raises(Unknown, match=r"another run is delivering this"):
        deliver(stuck, channel.send)
    assert channel.sent == 1
    assert [path.name for path in context.state.path.iterdir() if path.suffix == ".lock"] == [f".{stuck.delivery}.lock"]


def test_a_folder_that_takes_no_lock_is_still_read(context):
    """What an earlier run confirmed there is not sent again."""
    deliver(context, Channel(None).send)
    (context.state.path / f".{context.delivery}.lock").symlink_to("/nowhere")
    channel = Channel(None)
    assert deliver(context, channel.send).duplicate
    assert channel.sent == 0
    other = replace(context, step="b")
    (context.state.path / f".{other.delivery}.lock").symlink_to("/nowhere")
    assert "two runs at once may both deliver" in deliver(other, channel.send).notes[0]


def test_a_bug_while_sending_leaves_the_doubt(context):
    """Nobody knows how far it came."""
    with pytest.raises(KeyError):
        deliver(context, Channel(KeyError("x")).send)
    assert stage(context) == "intent"
