"""Slack, by webhook and as a bot: what leaves, what comes back, and what is tried next."""

import json

import pytest
from pydantic import ValidationError

from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.notify.slack import Slack, client
from exitkit.retry import RetryPolicy
from exitkit.store.place import open_store
from exitkit.store.receipt import Receipt, encode, name_of
from exitkit.testing import ActionContract
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import ScriptedHTTP, answer, answer_json, close
from exitkit.testing.scene import context, failed_workflow, hostile_workflow

OK = {"ok": True, "ts": "1790000000.000200", "channel": "C0123456789"}
TOKEN = "xoxb-for-this-test-only"


class TestSlack(ActionContract):
    name = "notify.slack"
    action = Slack

    def settings(self, folder):
        return {"token": "xoxb-for-this-test-only", "channel": "C0123456789", "api_url": "https://slack.invalid/api/"}


class TestSlackByWebhook(ActionContract):
    name = "notify.slack"
    action = Slack

    def settings(self, folder):
        return {"webhook_url": "https://hooks.invalid/services/T000/B000/secret-of-the-hook"}


def bot(server, **given):
    return Slack(**{"token": TOKEN, "channel": "C0123456789", "api_url": f"{server.url}/api/", **given})


def hook(server, **given):
    return Slack(webhook_url=f"{server.url}/services/T/B/x", **given)


def test_a_bot_posts_and_says_where():
    """The message has the id by which it is found again, and the result has Slack's."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        scene = context()
        result = bot(server).run(scene)
    assert result.facts == {"ts": OK["ts"], "channel": OK["channel"]}
    assert result.notes == ()
    sent = server.requests[0].json()
    assert sent["channel"] == "C0123456789"
    assert sent["metadata"] == {"event_type": "exitkit_delivery", "event_payload": {"id": scene.delivery}}
    assert (sent["unfurl_links"], sent["unfurl_media"], sent["link_names"]) == (False, False, False)


def test_a_webhook_posts_what_a_webhook_takes():
    """A webhook has one channel and no metadata, and answers with nothing but ok."""
    with ScriptedHTTP([answer(200, "ok")]) as server:
        result = hook(server, thread_ts="1.2").run(context())
    assert result.facts == {}
    assert set(server.requests[0].json()) == {
        "text",
        "mrkdwn",
        "blocks",
        "unfurl_links",
        "unfurl_media",
        "thread_ts",
    }


def test_the_message_tells_what_a_person_needs():
    """Status, cause, the failing step's logs and the way to Argo, in blocks and for who hears or sees only text."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        bot(server, mention=["here"]).run(context())
    sent = server.requests[0].json()
    assert sent["blocks"][0]["text"]["text"] == "❌ train-x7k2p failed"
    whole = str(sent["blocks"])
    assert "'text': 'Logs'" in whole
    assert "|Open in Argo>" in whole
    assert "<is> missing & 3 rows" in whole
    assert sent["text"].startswith("❌ <!here> train-x7k2p failed: fit(1:1), fit(3:3), fit(7:7): it used more memory")
    assert sent["text"].endswith("|Open in Argo>")


def test_nobody_is_pinged_by_a_success():
    """Mentions are for whoever has to do something."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        workflow = failed_workflow(status="Succeeded", failures="null")
        bot(server, mention=["channel", "U0ABC"]).run(context(workflow=workflow))
    assert "<!channel>" not in server.requests[0].body.decode()
    assert server.requests[0].json()["text"].startswith("✅ train-x7k2p succeeded")


def test_nobody_is_pinged_by_data():
    """A hostile workflow's name and messages hold mentions of every kind, and none of them is one."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        bot(server).run(context(workflow=hostile_workflow(3000)))
    sent = server.requests[0].body.decode()
    assert "channel" in sent
    for marker in ("<!", "<@", "<#"):
        assert marker not in sent


def test_groups_and_people_are_pinged_in_slacks_words():
    """Users, groups and the channel each have a form of their own."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        bot(server, mention=["U0ABC", "W0ABC", "S0DEF", "channel"]).run(context())
    assert "<@U0ABC> <@W0ABC> <!subteam^S0DEF> <!channel>" in str(server.requests[0].json()["blocks"])


def test_a_thread_can_be_shown_in_the_channel():
    """The time stamp stays text, because a float would lose its last digits."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        bot(server, thread_ts="1790000000.000100", broadcast=True).run(context())
    sent = server.requests[0].json()
    assert (sent["thread_ts"], sent["reply_broadcast"]) == ("1790000000.000100", True)


@pytest.mark.parametrize(
    ("refusals", "level"),
    [
        (["invalid_blocks"], "reduced"),
        (["invalid_blocks", "msg_blocks_too_long"], "text"),
        (["invalid_blocks"] * 3, "line"),
    ],
)
def test_a_refused_form_is_followed_by_a_simpler_one(refusals, level):
    """The message arrives in the richest form that Slack takes, and says that it is not the richest."""
    steps = [answer_json({"ok": False, "error": code}) for code in refusals]
    with ScriptedHTTP([*steps, answer_json(OK)]) as server:
        result = bot(server).run(context())
    assert result.notes == (f"degraded to {level}: Slack chat.postMessage: {refusals[-1]}",)
    assert ("blocks" in server.requests[-1].json()) is (level == "reduced")
    sizes = [len(one.body) for one in server.requests]
    assert sizes == sorted(sizes, reverse=True)


def test_a_webhook_climbs_down_too():
    """400 and 413 by a webhook are about the form as well."""
    with ScriptedHTTP([answer(400, "invalid_payload"), answer(413), answer(200, "ok")]) as server:
        result = hook(server).run(context())
    assert result.notes == ("degraded to text: the Slack webhook: the message is too large",)


def test_where_no_form_is_taken_the_last_refusal_is_told():
    """Four forms, and then the truth."""
    with (
        ScriptedHTTP([answer_json({"ok": False, "error": "no_text"})] * 4) as server,
        pytest.raises(ActionError, match="no_text"),
    ):
        bot(server).run(context())


def test_a_busy_slack_is_asked_again_when_it_says():
    """The wait is what Retry-After says, and the second try succeeds."""
    clock = FakeClock()
    steps = [answer_json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "30"}), answer_json(OK)]
    with ScriptedHTTP(steps) as server:
        bot(server).run(context(clock=clock))
    assert clock.slept[0] >= 30


def test_a_wrong_channel_is_not_tried_again():
    """What only a person can cure is told at once, with the cure."""
    with ScriptedHTTP([answer_json({"ok": False, "error": "not_in_channel"})]) as server:
        with pytest.raises(ActionError, match="invite the app to the channel"):
            bot(server).run(context())
        assert len(server.requests) == 1


def found(delivery):
    metadata = {"event_type": client.EVENT, "event_payload": {"id": delivery}}
    return {"ok": True, "messages": [{"ts": "9.1", "metadata": metadata}]}


def test_a_message_in_doubt_is_looked_up_and_not_sent_twice():
    """The connection broke after the message had arrived: the second try finds it."""
    scene = context()
    with ScriptedHTTP([close(), answer_json(found(scene.delivery))]) as server:
        result = bot(server).run(scene)
    assert result.duplicate
    assert result.facts["ts"] == "9.1"
    assert [one.path for one in server.requests] == ["/api/chat.postMessage", "/api/conversations.history"]


def test_a_message_that_did_not_arrive_is_sent_again():
    """The connection broke before it: nothing is found, also not after a while, so it is sent."""
    nothing = answer_json({"ok": True, "messages": []})
    with ScriptedHTTP([close(), nothing, nothing, answer_json(OK)]) as server:
        result = bot(server).run(context())
    assert not result.duplicate
    assert [one.path for one in server.requests].count("/api/chat.postMessage") == 2


def test_a_message_that_cannot_be_looked_up_stays_unknown():
    """Without the scope to read the channel nobody knows, and the message is not sent a second time."""
    told = answer_json({"ok": False, "error": "missing_scope", "needed": "channels:history"})
    with ScriptedHTTP([close(), told]) as server:
        with pytest.raises(Unknown, match="add the scope channels:history"):
            bot(server).run(context(terms=RetryPolicy(attempts=2)))
        assert [one.path for one in server.requests].count("/api/chat.postMessage") == 1


@pytest.mark.parametrize("given", [{"channel": "#ops"}, {"channel": "ops"}])
def test_a_channels_name_cannot_be_looked_up(given):
    """conversations.history wants an id, so that with a name an unknown outcome stays one."""
    with ScriptedHTTP([close()]) as server, pytest.raises(Unknown):
        bot(server, **given).run(context())


def test_a_webhook_in_doubt_is_sent_again_only_where_that_is_asked_for():
    """A webhook cannot be asked; `retry.resend` accepts a duplicate."""
    with ScriptedHTTP([close()]) as server, pytest.raises(Unknown):
        hook(server).run(context())
    with ScriptedHTTP([close(), answer(200, "ok")]) as server:
        assert hook(server).run(context(terms=RetryPolicy(resend=True))).summary == "posted to Slack by its webhook"


def test_an_earlier_run_that_was_killed_is_looked_up_first(tmp_path):
    """A receipt of an intent is a doubt, and the channel knows."""
    scene = context(state=open_store(str(tmp_path)))
    receipt = encode(Receipt("intent", 1.0), scene.delivery)
    scene.state.overwrite(scene.deadline, name_of(scene.delivery), receipt)
    with ScriptedHTTP([answer_json(found(scene.delivery))]) as server:
        assert bot(server).run(scene).duplicate


def test_a_slack_that_is_down_is_given_up():
    """When the time is over, which is what it is waited for; the last real error is told, with the number of tries."""
    with (
        ScriptedHTTP([answer(503)] * 3) as server,
        pytest.raises(Exhausted, match=r"503 service unavailable.*no time left after 3 tries"),
    ):
        bot(server).run(context(terms=RetryPolicy(attempts=2), seconds=2.2))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give either webhook_url, or token and channel"),
        ({"webhook_url": "https://a.example/x", "token": "xoxb-1"}, "give either"),
        ({"token": "xoxb-1"}, "token needs a channel"),
        ({"webhook_url": "https://a.example/x", "channel": "#ops"}, "always posts to its own channel"),
        ({"webhook_url": "https://hooks.slack.com/triggers/T/1/x"}, "that of an incoming webhook"),
        ({"webhook_url": "http://169.254.169.254/latest"}, "link-local"),
        ({"webhook_url": "ftp://a.example/x"}, "http"),
        ({"webhook_url": "https://a.example/x", "broadcast": True}, "broadcast needs"),
        ({"webhook_url": "https://hooks.slack.com/workflows/T/A/1/x"}, "that of an incoming webhook"),
        ({"token": "xoxb-1", "channel": "C1", "mention": ["<!here>"]}, "pattern"),
        ({"token": "xoxb-1", "channel": "C1", "mention": ["U1|x"]}, "pattern"),
        ({"token": "xoxb-1", "channel": "C1", "thread_ts": "now"}, "pattern"),
        ({"token": "xoxb-1", "channel": "C1", "thread_ts": 1790000000.0001}, "put the string into quotes"),
    ],
)
def test_wrong_settings_say_what_is_right(given, told):
    """Before anything runs, and without quoting a secret."""
    with pytest.raises(ValidationError, match=told) as caught:
        Slack(**given)
    assert "a.example/x" not in str(caught.value)


@pytest.mark.parametrize("code", ["thread_not_found", "message_not_found", "cannot_reply_to_message"])
def test_where_the_thread_is_gone_the_answer_stands_in_the_channel(code):
    """Somebody deleted the message; an answer to nobody is still to be read, and the report says why."""
    with ScriptedHTTP([answer_json({"ok": False, "error": code}), answer_json(OK)]) as server:
        result = bot(server, thread_ts="1790000000.000100", broadcast=True).run(context())
    sent = server.requests[1].json()
    assert not {"thread_ts", "reply_broadcast"} & set(sent)
    assert "blocks" in sent
    assert result.facts["ts"] == OK["ts"]
    assert result.notes[0].startswith(f"not answered in the thread: Slack chat.postMessage: {code}")


def test_a_message_is_looked_for_in_the_channel_where_its_thread_is_gone():
    """The first try may have ended there."""
    scene = context()
    gone = answer_json({"ok": False, "error": "thread_not_found"})
    with ScriptedHTTP([close(), gone, answer_json(found(scene.delivery))]) as server:
        assert bot(server, thread_ts="1790000000.000100").run(scene).duplicate
    assert [one.path for one in server.requests][1:] == ["/api/conversations.replies", "/api/conversations.history"]


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("team_not_found", "give the channel's id"),
        ("enterprise_is_restricted", "install the app in the channel's workspace"),
        ("restricted_action_read_only_channel", "have the app allowed to post"),
        ("restricted_action_thread_only_channel", "give thread_ts"),
        ("not_allowed", "ask for the app to be allowed"),
        ("access_denied", "ask an administrator"),
        ("org_login_required", "being moved into an organisation"),
        ("app_not_approved", "approve the app"),
    ],
)
def test_what_an_organisation_forbids_has_its_cure(code, cure):
    """Slack's codes say what, and not who can change it."""
    with ScriptedHTTP([answer_json({"ok": False, "error": code})]) as server, pytest.raises(ActionError, match=cure):
        bot(server).run(context())


def test_a_single_mention_needs_no_list():
    """As people write it."""
    assert Slack(token=TOKEN, channel="C1", mention="here").mention == ["here"]


def test_an_answer_with_a_mark_of_its_encoding_is_read():
    """Some proxies put one in front; the message has arrived."""
    with ScriptedHTTP([answer(200, b"\xef\xbb\xbf" + json.dumps(OK).encode())]) as server:
        assert bot(server).run(context()).facts["ts"] == OK["ts"]


def test_a_history_that_lists_nothing_does_not_say_that_the_message_is_missing():
    """After a doubt it is not posted again where Slack was asked and did not say what there is."""
    with ScriptedHTTP([answer_json({"ok": True})] * 3) as server:
        with pytest.raises(Unknown):
            bot(server, channel="C0ABC").run(context(terms=RetryPolicy(attempts=3)))
        assert sum("chat.postMessage" in request.path for request in server.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateways_own_word_does_not_hide_its_status(status):
    """What is busy is waited for, whatever it calls that."""
    with ScriptedHTTP([answer(status, "too_many_requests"), answer(200, "ok")]) as server:
        assert hook(server).run(context()).summary == "posted to Slack by its webhook"
