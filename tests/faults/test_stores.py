"""A store that hangs, refuses, conflicts for ever or leads elsewhere: the message leaves in time, and the report says so."""

from dataclasses import replace

import pytest

from exitkit.action import Result
from exitkit.history import History
from exitkit.notify.delivery import deliver
from exitkit.store.place import open_store
from exitkit.testing import FakeClock, context
from exitkit.testing.http import answer, close, hang, redirect

ODD = {
    "hangs": hang(),
    "closes": close(),
    "leads elsewhere": redirect("http://127.0.0.1:9/"),
    "a page": answer(200, "<html>guest network</html>", {"ETag": '"x"'}),
    **{str(status): answer(status, "{}") for status in (403, 409, 412, 500)},
}


@pytest.fixture(params=["s3", "gs", "configmap"])
def remote(request):
    return request.param


@pytest.fixture
def scene(remote, server_of):
    """A run whose store does one and the same thing whatever is asked."""

    def make(step):
        server, where = server_of(remote)
        server.reply = lambda _: step
        return context(state=open_store(where), clock=FakeClock(patience=0.1), seconds=60)

    return make


@pytest.mark.parametrize("step", ODD.values(), ids=ODD)
def test_the_message_leaves_whatever_the_store_does(scene, step):
    """Once, within a tenth of the time, and with a note; the history the same."""
    run, sent = scene(step), []

    def send():
        sent.append(1)
        return Result("sent")

    result = deliver(run, send)
    assert (result.summary, result.duplicate, sent) == ("sent", False, [1])
    assert any("no receipt kept, so another run may deliver again" in note for note in result.notes)
    history = History(run.state, run.workflow, "ml/cron/nightly")
    standing = history.standing(run.deadline)
    history.keep(run.deadline)
    assert standing.facts()["failures_in_a_row"] == 1
    assert history.notes
    assert run.deadline.clock.monotonic() <= 10


def test_a_server_that_answers_everything_keeps_nothing_and_is_told(server_of):
    """A login page with a tag of its own looks like a success each time; what was written has to come back."""
    server, where = server_of("s3")
    server.reply = lambda _: ODD["a page"]
    run = context(state=open_store(where), clock=FakeClock(patience=60), seconds=60)
    result = deliver(run, lambda: Result("sent"))
    assert any("what was written does not come back" in note for note in result.notes)


def test_a_store_that_breaks_between_intent_and_verdict_is_told(remote, server_of):
    """The next run finds the intent, and is in doubt."""
    server, where = server_of(remote)
    run = context(state=open_store(where), clock=FakeClock())
    reply = server.reply

    def send():
        server.reply = lambda _: answer(403, "{}")
        return Result("sent")

    result = deliver(run, send)
    assert result.summary == "sent"
    assert any("no receipt kept" in note for note in result.notes)
    server.reply = reply
    again = deliver(replace(run, state=open_store(where)), lambda: Result("sent"), again=True)
    assert any("it may be there twice" in note for note in again.notes)


def test_a_store_that_comes_back_keeps_the_verdict(remote, server_of):
    """Where the intent could not be written, the verdict still is."""
    server, where = server_of(remote)
    run = context(state=open_store(where), clock=FakeClock())
    reply = server.reply
    server.reply = lambda _: answer(403, "{}")

    def send():
        server.reply = reply
        return Result("sent")

    deliver(run, send)
    assert deliver(replace(run, state=open_store(where)), send).duplicate
