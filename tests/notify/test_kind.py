"""The kind: a message is built once, rendered richly first and more simply where that is refused, and delivered once."""

from dataclasses import replace

import pytest
from pydantic import Field, PrivateAttr

from exitkit.action import Result
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.notify import Notify, Refused
from exitkit.retry import RetryPolicy
from exitkit.store.place import open_store
from exitkit.store.receipt import Receipt, encode, name_of
from exitkit.testing.scene import context, failed_workflow


class Pigeon(Notify):
    """Send a pigeon."""

    outcomes: list = Field(default_factory=list)
    safe: bool = False
    knows: bool = False
    _seen: list = PrivateAttr(default_factory=list)

    def target(self):
        return "the roof"

    def render(self, message, level, context):
        self._seen.append(("render", level))
        return f"{level}: {message.title}"

    def send(self, payload, context):
        self._seen.append(("send", payload))
        outcome = self.outcomes.pop(0) if self.outcomes else Result("sent", {"ring": 7}, ("a note of its own",))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def is_safe_to_resend(self):
        return self.safe

    def finder(self, context):
        return (lambda: Result("found", duplicate=True)) if self.knows else None

    def sent(self):
        return [payload for what, payload in self._seen if what == "send"]


def test_a_message_is_sent_richly_and_once():
    """The first form that is taken is the last one that is rendered."""
    pigeon = Pigeon()
    result = pigeon.run(context())
    assert pigeon._seen == [("render", "rich"), ("send", "rich: train-x7k2p failed")]
    assert (result.summary, result.facts, result.notes) == ("sent", {"ring": 7}, ("a note of its own",))


def test_a_dry_run_renders_and_sends_nothing():
    """It says where the message would go, and shows the richest form."""
    pigeon = Pigeon()
    result = pigeon.run(context(dry_run=True))
    assert result.summary == "would notify the roof"
    assert result.facts == {"payload": "rich: train-x7k2p failed"}
    assert pigeon.sent() == []


def test_the_ladder_goes_down_to_where_it_is_taken():
    """Each refusal leads to the next simpler form, and the result names the form and the last refusal."""
    pigeon = Pigeon(outcomes=[Refused("too blue"), Refused("too long")])
    result = pigeon.run(context())
    assert [one.partition(":")[0] for one in pigeon.sent()] == ["rich", "reduced", "text"]
    assert result.notes == ("a note of its own", "degraded to text: too long")


def test_the_ladder_ends():
    """Where not even a line is taken, the refusal is the error."""
    pigeon = Pigeon(outcomes=[Refused(f"no {n}", reason="client") for n in range(4)])
    with pytest.raises(Refused, match="no 3"):
        pigeon.run(context())
    assert len(pigeon.sent()) == 4


def test_a_retry_goes_on_where_the_ladder_was():
    """What was refused once is not offered again after a wait."""
    pigeon = Pigeon(outcomes=[Refused("too blue"), Retryable("busy")])
    result = pigeon.run(context())
    assert [one.partition(":")[0] for one in pigeon.sent()] == ["rich", "reduced", "reduced"]
    assert result.notes[-1] == "degraded to reduced: too blue"


def test_what_is_final_is_not_rendered_more_simply():
    """A wrong address is wrong for a line, too."""
    pigeon = Pigeon(outcomes=[ActionError("no such roof")])
    with pytest.raises(ActionError, match="no such roof"):
        pigeon.run(context())
    assert len(pigeon.sent()) == 1


def test_a_doubt_is_left_where_nobody_can_tell():
    """Neither sent again nor called a success."""
    pigeon = Pigeon(outcomes=[Unknown("a hawk")])
    with pytest.raises(Unknown, match="a hawk"):
        pigeon.run(context())
    assert len(pigeon.sent()) == 1


@pytest.mark.parametrize(
    ("given", "terms", "sends"),
    [({"safe": True}, RetryPolicy(), 2), ({"knows": True}, RetryPolicy(), 1), ({}, RetryPolicy(resend=True), 2)],
)
def test_a_doubt_is_settled_where_the_channel_can(given, terms, sends):
    """By sending again what is taken for the first, by asking, or because the user accepts a duplicate."""
    pigeon = Pigeon(outcomes=[Unknown("a hawk")], **given)
    result = pigeon.run(context(terms=terms))
    assert len(pigeon.sent()) == sends
    assert result.duplicate is ("knows" in given)


def test_what_was_delivered_is_not_delivered_again(tmp_path):
    """A second run of the same exit handler finds the receipt."""
    first, second = Pigeon(), Pigeon()
    assert not first.run(context(state=open_store(str(tmp_path)))).duplicate
    again = second.run(context(state=open_store(str(tmp_path))))
    assert again.duplicate
    assert again.facts == {"ring": 7}
    assert second.sent() == []


def interrupted(tmp_path, scene):
    """An earlier run has left its intent."""
    state = open_store(str(tmp_path))
    state.overwrite(scene.deadline, name_of(scene.delivery), encode(Receipt("intent", 1.0), scene.delivery))
    return replace(scene, state=state)


def test_news_of_a_failure_goes_out_again_where_nobody_can_tell_and_says_so(tmp_path):
    """Better twice than never; a line of the message and a note of the report say that it may be a second copy."""

    class Reading(Pigeon):
        def render(self, message, level, context):
            return message.as_text()

    pigeon = Reading()
    result = pigeon.run(interrupted(tmp_path, context()))
    (payload,) = pigeon.sent()
    assert "this may be a second copy: an earlier try may have arrived" in payload
    assert any("an earlier run may have arrived as well" in note for note in result.notes)
    first = Reading()
    first.run(context())
    assert "second copy" not in first.sent()[0]


@pytest.mark.parametrize("given", [{"safe": True}, {"knows": True}])
def test_where_the_channel_can_tell_nothing_is_said_of_a_second_copy(tmp_path, given):
    """There is none."""
    pigeon = Pigeon(**given)
    assert not [note for note in pigeon.run(interrupted(tmp_path, context())).notes if "twice" in note]


def test_what_does_no_harm_to_miss_and_what_does_something_is_held(tmp_path):
    """The news of a success, and a channel that rather acts than tells."""

    class Lever(Pigeon):
        sends_again = False

    good = failed_workflow(status="Succeeded", failures="null")
    for pigeon, scene in ((Pigeon(), context(workflow=good)), (Lever(), context())):
        with pytest.raises(Unknown, match=r"an earlier run may have delivered this; with retry\.resend"):
            pigeon.run(interrupted(tmp_path, scene))
        assert pigeon.sent() == []


def test_another_end_of_the_workflow_is_another_delivery(tmp_path):
    """A receipt for its failure does not keep back the news of its success."""
    Pigeon().run(context(state=open_store(str(tmp_path))))
    pigeon = Pigeon()
    pigeon.run(context(state=open_store(str(tmp_path)), workflow=failed_workflow(status="Succeeded", failures="null")))
    assert len(pigeon.sent()) == 1


def test_a_fallback_says_why_it_speaks():
    """The message that comes by another way names the way that failed."""

    class Loud(Pigeon):
        """Say all of it."""

        def render(self, message, level, context):
            return message.as_text()

    loud = Loud()
    loud.run(context(because="notify.slack: not_in_channel"))
    assert "sent here because notify.slack: not_in_channel" in loud.sent()[0]


def test_the_users_words_are_what_is_told():
    """Every channel has them, under the same names."""
    pigeon = Pigeon(title="all is lost")
    pigeon.run(context())
    assert pigeon.sent() == ["rich: all is lost"]
