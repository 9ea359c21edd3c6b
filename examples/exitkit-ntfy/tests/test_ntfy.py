"""ntfy: the contract of all actions, and what is its own."""

import pytest
from exitkit_ntfy import Ntfy

from exitkit import ActionError, Retryable
from exitkit.testing import ActionContract, ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json


class TestContract(ActionContract):
    """What every action promises; nothing is repeated here."""

    name = "notify.ntfy"
    action = Ntfy

    def settings(self, folder):  # noqa: ARG002 - nothing of it is a file
        return {"server": "https://ntfy.invalid", "topic": "workflows-8fK2pQ", "token": "tk_made_up_for_this_test"}


def test_pushes_title_text_and_link():
    """One request, by the JSON API, with the topic and the token."""
    with ScriptedHTTP([answer_json({"id": "xE73Iyuabi"})]) as server:
        result = Ntfy(server=server.url, topic="workflows-8fK2pQ", token="tk_secret_1234").run(context())
    assert result.facts == {"id": "xE73Iyuabi"}
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/")
    assert request.headers["authorization"] == "Bearer tk_secret_1234"
    sent = request.json()
    assert sent["topic"] == "workflows-8fK2pQ"
    assert "train-x7k2p failed" in sent["title"]
    assert "OOMKilled" in sent["message"]
    assert sent["click"].startswith("https://argo.example.com/")
    assert sent["priority"] == 4


def test_tries_again_when_asked_to():
    """429 with Retry-After is waited for; the clock is a fake one, so that the test is not."""
    scene = context()
    with ScriptedHTTP([answer(429, headers={"Retry-After": "7"}), answer_json({"id": "a"})]) as server:
        Ntfy(server=server.url, topic="workflows-8fK2pQ").run(scene)
    assert len(server.requests) == 2
    assert scene.deadline.clock.slept[0] >= 7


def test_says_why_it_was_refused():
    """403 is final, and its reason is there to be routed on."""
    with ScriptedHTTP([answer(403, b'{"error":"forbidden"}')]) as server, pytest.raises(ActionError) as caught:
        Ntfy(server=server.url, topic="workflows-8fK2pQ").run(context())
    assert caught.value.reason == "auth"
    assert not isinstance(caught.value, Retryable)
    assert "forbidden" in str(caught.value)


def test_stays_within_the_limit():
    """A long text is cut at 4096 bytes, never in the middle of a character."""
    made = Ntfy(topic="workflows-8fK2pQ", text="é" * 5000).run(context(dry_run=True)).facts["payload"]
    assert 4000 < len(made["message"].encode()) <= 4096
