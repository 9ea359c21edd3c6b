"""Slack's answers become our errors, and nothing of the SDK's own way of connecting is left."""

import json

import pytest

from exitkit.clients import http
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.notify.slack import client
from exitkit.testing.http import ScriptedHTTP, answer, answer_json, close, redirect

TOKEN = "xoxb-for-this-test-only"
NOW = 1_790_000_000.0


def bot(server):
    return client.Slack(http.Client(), TOKEN, f"{server.url}/api/", NOW)


def post(server, **payload):
    return bot(server).post({"channel": "C1", "text": "hi", **payload})


def post_webhook(server):
    client.post_webhook(http.Client(), f"{server.url}/services/T/B/secret-path", {"text": "hi"}, NOW)


def test_a_bot_posts_json_with_its_token():
    """chat.postMessage gets the payload as JSON and the token as a bearer, and answers with the message's id."""
    with ScriptedHTTP([answer_json({"ok": True, "ts": "1.000200", "channel": "C9"})]) as server:
        assert post(server, blocks=[]) == client.Posted("1.000200", "C9")
    request = server.requests[0]
    assert (request.method, request.path) == ("POST", "/api/chat.postMessage")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.json() == {"channel": "C1", "text": "hi", "blocks": []}


def test_the_token_follows_no_redirect():
    """slack-sdk's own transport would take the bearer header along to wherever it is sent."""
    with ScriptedHTTP() as elsewhere, ScriptedHTTP([redirect(f"{elsewhere.url}/steal")]) as server:
        with pytest.raises(ActionError, match="redirects to another place are not followed"):
            post(server)
        assert elsewhere.requests == []


def test_no_proxy_comes_from_the_environment(monkeypatch, caplog):
    """slack-sdk would send the token through any proxy it finds there, and log the proxy's password."""
    caplog.set_level("DEBUG")
    with ScriptedHTTP() as proxy, ScriptedHTTP([answer_json({"ok": True, "ts": "1.2"})]) as server:
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url.replace("//", "//user:proxy-password@"))
        post(server)
        assert proxy.requests == []
    assert "proxy-password" not in caplog.text


def test_slacks_sdk_tries_once():
    """One owner of retries: a connection that breaks is not opened again by the SDK."""
    with ScriptedHTTP([close()]) as server:
        with pytest.raises(Unknown):
            post(server)
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", ["ratelimited", "service_unavailable", "request_timeout", "team_added_to_org"])
def test_what_slack_calls_transient_is_tried_again(code):
    """Slack's own words for what passes."""
    with (
        ScriptedHTTP([answer_json({"ok": False, "error": code}, headers={"Retry-After": "7"})]) as server,
        pytest.raises(Retryable, match=code) as caught,
    ):
        post(server)
    assert caught.value.after == 7


@pytest.mark.parametrize("after", ["2.5", "30"])
def test_a_limit_by_status_tells_how_long(after):
    """429 with a Retry-After of any form, on which slack-sdk's own handler fails for fractions."""
    with (
        ScriptedHTTP([answer_json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": after})]) as server,
        pytest.raises(Retryable) as caught,
    ):
        post(server)
    assert caught.value.after == float(after)
    assert caught.value.reason == "rate"


@pytest.mark.parametrize("code", ["internal_error", "fatal_error"])
def test_what_may_have_succeeded_is_unknown(code):
    """Slack says of these that part of the operation may have succeeded."""
    with ScriptedHTTP([answer_json({"ok": False, "error": code})]) as server, pytest.raises(Unknown, match=code):
        post(server)


@pytest.mark.parametrize(
    "code", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long", "metadata_too_large", "no_text"]
)
def test_a_refused_form_says_what_is_wrong_with_it(code):
    """So that a simpler form can be tried, and a person sees why."""
    told = {"ok": False, "error": code, "response_metadata": {"messages": ["[ERROR] no more than 10 items allowed"]}}
    with (
        ScriptedHTTP([answer_json(told)]) as server,
        pytest.raises(client.FormRejected, match=f"{code}: .*no more than 10 items"),
    ):
        post(server)


@pytest.mark.parametrize(
    ("code", "reason", "cure"),
    [
        ("not_in_channel", "client", "invite the app to the channel"),
        ("channel_not_found", "client", "check the channel's name or id"),
        ("invalid_auth", "auth", "give a bot token"),
        ("is_archived", "client", "choose another one"),
        ("something_new", "client", "something_new"),
    ],
)
def test_what_no_retry_cures_comes_with_a_cure(code, reason, cure):
    """The error says what to do, and is final."""
    with (
        ScriptedHTTP([answer_json({"ok": False, "error": code})]) as server,
        pytest.raises(ActionError, match=cure) as caught,
    ):
        post(server)
    assert type(caught.value) is ActionError
    assert caught.value.reason == reason
    assert code in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_missing_scope_is_named():
    """Slack says which scope it wants, and so does the error."""
    told = {"ok": False, "error": "missing_scope", "needed": "chat:write", "provided": "files:read"}
    with ScriptedHTTP([answer_json(told)]) as server, pytest.raises(ActionError, match="add the scope chat:write"):
        post(server)


@pytest.mark.parametrize(
    "step",
    [answer(200, "<html>log in to the airport</html>"), answer_json([1]), answer(200), answer_json({"ok": True})],
)
def test_a_200_that_is_not_slacks_is_no_success(step):
    """A captive portal, a list, an empty body, and an ok without a time stamp are no proof of a message."""
    with ScriptedHTTP([step]) as server, pytest.raises(Unknown):
        post(server)


def test_a_webhook_answers_ok():
    """200 and the two letters, and nothing else, is success."""
    with ScriptedHTTP([answer(200, "ok")]) as server:
        post_webhook(server)
    assert server.requests[0].json() == {"text": "hi"}
    assert server.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("step", "kind", "told"),
    [
        (answer(200, "<html>"), Unknown, "without its 'ok'"),
        (answer(400, "invalid_payload"), client.FormRejected, "invalid_payload"),
        (answer(400, "invalid_blocks"), client.FormRejected, "invalid_blocks"),
        (answer(400, "what is this?"), client.FormRejected, "400"),
        (answer(413), client.FormRejected, "too large"),
        (answer(403, "invalid_token"), ActionError, "make a new incoming webhook"),
        (answer(404, "no_service"), ActionError, "make a new incoming webhook"),
        (answer(410, "channel_is_archived"), ActionError, "archived"),
        (answer(404, "<html>"), ActionError, "404"),
        (answer(429, "rate_limited", {"Retry-After": "3"}), Retryable, "rate_limited"),
        (answer(500, "rollup_error"), Unknown, "rollup_error"),
        (answer(503), Retryable, "503"),
        (answer(504), Unknown, "504"),
        (redirect("http://127.0.0.1:1/"), ActionError, "redirects"),
        (close(), Unknown, "may have arrived"),
    ],
)
def test_a_webhooks_answers_become_our_errors(step, kind, told):
    """Each answer is of one kind, says what was answered, and never shows the webhook's address."""
    with ScriptedHTTP([step]) as server, pytest.raises(kind, match=told) as caught:
        post_webhook(server)
    assert type(caught.value) is kind
    assert "secret-path" not in str(caught.value)


def message(delivery, ts="5.1"):
    return {"ts": ts, "metadata": {"event_type": client.EVENT, "event_payload": {"id": delivery}}}


def test_a_message_is_found_by_its_delivery():
    """The look-up asks for metadata, from a time on, and goes on to further pages."""
    pages = [
        {"ok": True, "messages": [{"ts": "4.0"}, message("other")], "response_metadata": {"next_cursor": "c2"}},
        {"ok": True, "messages": [None, message("mine", "5.1")]},
    ]
    with ScriptedHTTP(map(answer_json, pages)) as server:
        assert bot(server).find("C1", "mine", oldest=3.5) == client.Posted("5.1", "C1")
    assert [one.path for one in server.requests] == ["/api/conversations.history"] * 2
    first, second = (one.body.decode() for one in server.requests)
    assert "oldest=3.500000" in first
    assert "include_all_metadata=true" in first
    assert "cursor=c2" in second


def test_a_message_in_a_thread_is_looked_for_there():
    """Answers in a thread are not in the channel's history."""
    with ScriptedHTTP([answer_json({"ok": True, "messages": []})]) as server:
        assert bot(server).find("C1", "mine", oldest=0.0, thread_ts="1.2") is None
    assert server.requests[0].path == "/api/conversations.replies"
    assert "ts=1.2" in server.requests[0].body.decode()


def test_a_bot_that_may_not_look_does_not_know():
    """Not being allowed to read the channel is no proof that nothing is there."""
    told = {"ok": False, "error": "missing_scope", "needed": "channels:history"}
    with ScriptedHTTP([answer_json(told)]) as server, pytest.raises(Unknown, match="add the scope channels:history"):
        bot(server).find("C1", "mine", oldest=0.0)


def test_a_search_ends():
    """A channel that never ends is given up, honestly."""
    page = {"ok": True, "messages": [], "response_metadata": {"next_cursor": "more"}}
    with ScriptedHTTP([answer_json(page)] * 5) as server, pytest.raises(Unknown, match="too many messages"):
        bot(server).find("C1", "mine", oldest=0.0)


def test_a_payload_of_any_characters_is_json():
    """What leaves is ASCII JSON, whatever was said."""
    with ScriptedHTTP([answer_json({"ok": True, "ts": "1.2"})]) as server:
        post(server, text="✗ \u2028 é")
    assert json.loads(server.requests[0].body.decode("ascii"))["text"] == "✗ \u2028 é"
