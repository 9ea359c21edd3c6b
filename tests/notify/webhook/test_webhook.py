"""The webhook: what leaves is well-formed, signed and told apart, whatever is inside."""

import base64
import datetime as dt
import hashlib
import hmac
import json
import re
import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from exitkit import settings
from exitkit.argo.gather import gather
from exitkit.errors import ActionError, Retryable, Unknown
from exitkit.notify.webhook import Webhook
from exitkit.retry import RetryPolicy
from exitkit.testing import ActionContract
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import ScriptedHTTP, answer, close, redirect
from exitkit.testing.scene import context, failed_workflow, hostile_workflow
from exitkit.testing.server import certificate_file

ONCE = RetryPolicy(attempts=1)


class TestWebhook(ActionContract):
    name = "notify.webhook"
    action = Webhook

    def settings(self, folder):
        return {
            "url": "https://receiver.invalid/hook/with-a-token-inside",
            "bearer": "bearer-for-this-test-only",
            "secret": "signing-key-of-this-test",
            "headers": {"X-Api-Key": "api-key-of-this-test"},
        }


def webhook(server, **given):
    return Webhook(url=f"{server.url}/hook/secret-path", **given)


def test_the_default_body_is_our_own_json():
    """Its shape is documented and stable, and says what happened without any template."""
    scene = context()
    with ScriptedHTTP([answer(204)]) as server:
        result = webhook(server).run(scene)
    request = server.requests[0]
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == request.headers["idempotency-key"] == scene.delivery
    assert "webhook-signature" not in request.headers
    sent = request.json()
    assert set(sent) == {
        *("version", "id", "status", "title", "summary", "link"),
        *("workflow", "failures", "more", "facts", "notes"),
    }
    assert (sent["version"], sent["id"], sent["status"]) == (1, scene.delivery, "Failed")
    assert (sent["workflow"]["name"], sent["workflow"]["labels"]["team"]) == ("train-x7k2p", "search")
    assert sent["failures"][0] | {"link": ""} == {
        "step": "fit(1:1)",
        "steps": ["fit(1:1)", "fit(3:3)", "fit(7:7)"],
        "message": "OOMKilled: it used more memory than its limit",
        "count": 3,
        "exitCode": 137,
        "reason": "OOMKilled",
        "container": "main",
        "link": "",
        "cure": "raise its memory limit, or let it hold less at a time",
    }
    assert result.facts == {"status": 204, "id": scene.delivery}


def test_a_body_of_the_users_keeps_its_structure():
    """Quotes, newlines and broken characters in a value cannot break out of it, and a date becomes text."""
    body = {"a": ['he said "no"\n', {"b": None, "c": True, "d": 1.5}], "when": dt.date(2026, 1, 2), "x": "\ud800"}
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server, body=body, method="PUT").run(context())
    assert server.requests[0].method == "PUT"
    assert server.requests[0].json() == {
        "a": ['he said "no"\n', {"b": None, "c": True, "d": 1.5}],
        "when": "2026-01-02",
        "x": "\ufffd",
    }


def test_a_text_is_sent_as_text():
    """For receivers that want no JSON."""
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server, body="train failed ✗").run(context())
    assert server.requests[0].body.decode() == "train failed ✗"
    assert server.requests[0].headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("secret", ["whsec_" + base64.b64encode(b"k" * 24).decode(), "k" * 24])
def test_the_signature_is_of_the_bytes_that_were_sent(secret):
    """By the rules of Standard Webhooks, worked out a second time here."""
    clock = FakeClock()
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server, secret=secret).run(context(clock=clock))
    request = server.requests[0]
    at = request.headers["webhook-timestamp"]
    assert int(at) == int(clock.time())
    signed = f"{request.headers['webhook-id']}.{at}.".encode() + request.body
    wanted = base64.b64encode(hmac.digest(b"k" * 24, signed, hashlib.sha256)).decode()
    assert request.headers["webhook-signature"] == f"v1,{wanted}"


def test_a_signature_keeps_to_the_published_example():
    """The vector of the Standard Webhooks libraries' own tests."""
    from exitkit.notify.webhook import event

    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    signed = event.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_try_has_its_own_time_and_the_same_id():
    """The receiver can tell a late try from a replay, and a second arrival from news."""
    clock = FakeClock()
    with ScriptedHTTP([answer(503, headers={"Retry-After": "9"}), answer(200)]) as server:
        webhook(server, secret="s" * 20).run(context(clock=clock))
    first, second = (one.headers for one in server.requests)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) >= 9
    assert first["webhook-signature"] != second["webhook-signature"]


def test_a_cloudevent_is_one():
    """Structured mode, so that the signature covers id, source and type as well."""
    scene = context()
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server, format="cloudevents").run(scene)
    request = server.requests[0]
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    sent = request.json()
    assert (sent["specversion"], sent["id"]) == ("1.0", scene.delivery)
    assert sent["source"] == "argo://ml-prod/train-x7k2p"
    assert sent["type"] == "io.exitkit.workflow.failed.v1"
    assert sent["time"] == "2026-08-21T12:40:07.482113Z"
    assert sent["data"]["title"] == "train-x7k2p failed"


@pytest.mark.parametrize(("status", "kind"), [("Failed", "step.failed"), ("Running", "step.ended"), ("", "step.ended")])
def test_a_cloudevent_of_a_step_is_none_of_the_workflow(status, kind):
    """Who waits for the workflow's end does not take a step's for it, and is told which step it was."""
    workflow = gather({"name": "x", "status": status, "node_name": "x[0].fit.onExit"}, {})
    webhook = Webhook(url="https://a.invalid/x", format="cloudevents")
    told = webhook.run(context(dry_run=True, workflow=workflow)).facts["payload"]
    assert told["type"] == f"io.exitkit.{kind}.v1"
    assert told["data"]["workflow"]["step"] == "fit"


def test_a_cloudevent_needs_no_facts():
    """Without name, namespace and status its attributes are still valid."""
    payload = Webhook(url="https://a.invalid/x", format="cloudevents").run(
        context(workflow=gather({}, {}), dry_run=True)
    )
    told = payload.facts["payload"]
    assert (told["source"], told["type"]) == ("argo://-/-", "io.exitkit.workflow.unknown.v1")
    assert "subject" not in told
    assert "time" not in told


def test_headers_of_the_users_are_sent_and_the_signature_stays_ours():
    """A Content-Type of one's own replaces ours; Authorization comes from the bearer."""
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server, headers={"content-type": "application/x-mine", "X-Key": "v"}, bearer="tok-tok-tok").run(
            context()
        )
    headers = server.requests[0].headers
    assert (headers["content-type"], headers["x-key"], headers["authorization"]) == (
        "application/x-mine",
        "v",
        "Bearer tok-tok-tok",
    )


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_body_that_is_too_much_is_followed_by_less(status):
    """JSON stays JSON, with fewer parts."""
    with ScriptedHTTP([answer(status), answer(status), answer(200)]) as server:
        result = webhook(server).run(context())
    assert result.notes[0].startswith("degraded to text: ")
    sizes = [len(one.body) for one in server.requests]
    assert sizes == sorted(sizes, reverse=True)
    assert all(one.json()["version"] == 1 for one in server.requests)


def test_a_body_of_the_users_has_no_simpler_form():
    """It is sent once, and the refusal is told."""
    with (
        ScriptedHTTP([answer(422, "no such field")]) as server,
        pytest.raises(ActionError, match=r"422.*no such field"),
    ):
        webhook(server, body={"a": 1}).run(context())


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (answer(410), ActionError),
        (answer(503), Retryable),
        (answer(502), Unknown),
        (redirect("http://127.0.0.1:1/"), ActionError),
    ],
)
def test_answers_become_our_errors_without_the_address(step, kind):
    """The table of all HTTP channels holds here, and the address stays secret."""
    scene = context(terms=ONCE)
    with ScriptedHTTP([step]) as server:
        action = webhook(server)
        with pytest.raises(kind) as caught:
            action.send(action.render(_message(scene), "rich", scene), scene)
    assert "secret-path" not in str(caught.value)


def _message(scene):
    from exitkit import message

    return message.build(scene.workflow)


def test_what_counts_as_success_can_be_said():
    """Some receivers answer 409 to what they have already, some only 202 to what they take."""
    with ScriptedHTTP([answer(409)]) as server:
        assert webhook(server, ok=[200, 409]).run(context()).facts["status"] == 409
    with ScriptedHTTP([answer(200)]) as server, pytest.raises(ActionError):
        webhook(server, ok=[202]).run(context(terms=ONCE))
    with ScriptedHTTP([answer(400)]) as server:
        assert webhook(server, ok=[400]).run(context()).notes == ()


@pytest.mark.parametrize(
    "given", [{"secret": "s" * 20}, {"format": "cloudevents"}, {"method": "PUT"}, {"idempotent": True}]
)
def test_what_is_in_doubt_is_sent_again_where_the_receiver_can_tell(given):
    """By the rules of Standard Webhooks, of CloudEvents and of PUT, or because the user says so."""
    with ScriptedHTTP([close(), answer(200)]) as server:
        webhook(server, **given).run(context())
    assert len({one.headers["webhook-id"] for one in server.requests}) == 1


@pytest.mark.parametrize("given", [{}, {"secret": "s" * 20, "idempotent": False}])
def test_what_is_in_doubt_is_not_sent_again_where_it_may_do_harm(given):
    """A plain receiver may act twice."""
    with ScriptedHTTP([close()]) as server, pytest.raises(Unknown):
        webhook(server, **given).run(context())


def test_a_server_of_ones_own_authority_is_trusted_by_its_certificate():
    """TLS is verified, with the given authority alone."""
    with ScriptedHTTP([answer(200)], tls=True) as server:
        webhook(server, ca_file=server.ca_file).run(context())
    with ScriptedHTTP([], tls=True) as server, pytest.raises(ActionError, match="certificate"):
        webhook(server).run(context(terms=ONCE))


def test_secrets_among_parameters_stay_here():
    """A parameter whose name says that it is a secret is masked."""
    parameters = json.dumps([{"name": "db-password", "value": "hunter2hunter2"}, {"name": "date", "value": "today"}])
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server).run(context(workflow=failed_workflow(parameters=parameters)))
    assert server.requests[0].json()["workflow"]["parameters"] == {"date": "today", "db-password": "***"}


def test_hostile_facts_stay_values():
    """Any name and message is JSON, of a size that receivers take."""
    with ScriptedHTTP([answer(200)]) as server:
        webhook(server).run(context(workflow=hostile_workflow(10_000)))
    assert server.requests[0].json()["status"] == "Failed"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "ftp://s3cr3t.example/x"}, "http"),
        ({"url": "https://user:s3cr3t@a.example/"}, "no user or password"),
        ({"url": "http://169.254.169.254/s3cr3t"}, "link-local"),
        ({"headers": {"X-A": "s3cr3t\r\nBcc: x"}}, "line end"),
        ({"headers": {"X-A\r\nB": "x"}}, "name of a header"),
        ({"headers": {"Content-Length": "0"}}, "not for you"),
        ({"headers": {"Webhook-Signature": "x"}}, "not for you"),
        ({"headers": {"authorization": "s3cr3t"}, "bearer": "t"}, "not both"),
        ({"bearer": "s3cr3t\n"}, "bearer holds"),
        ({"secret": "whsec_"}, "is empty but for the prefix"),
        ({"secret": " whsec_\n"}, "is empty but for the prefix"),
        ({"secret": "whsec_=="}, "is empty but for the prefix"),
        ({"secret": "whsec_s3cr3t!"}, "not base64"),
        ({"body": {"a": float("nan")}}, "JSON"),
        ({"ok": [99]}, "status"),
    ],
)
def test_wrong_settings_say_what_is_right(given, told):
    """Before anything runs, and without quoting a secret."""
    with pytest.raises(ValidationError, match=told) as caught:
        Webhook(**{"url": "https://a.example/x", **given})
    assert "s3cr3t" not in str(caught.value)


def test_a_body_can_be_given_by_flag_and_variable():
    """Any structure can be written as YAML, also on the command line and in the environment."""
    environ = {"P_URL": "https://a.invalid/x", "P_BODY": "{a: [1, b]}", "P_HEADERS": "X-A=1,X-B=2", "P_OK": "200,409"}
    made = settings.load(Webhook, {}, environ, "P_")
    assert made.body == {"a": [1, "b"]}
    assert {name: value.get_secret_value() for name, value in made.headers.items()} == {"X-A": "1", "X-B": "2"}
    assert made.ok == [200, 409]


class Picky(ScriptedHTTP):
    """Takes only who shows the certificate of the tests."""

    def context(self):
        context = super().context()
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 it is a matter of chance when it says so
        context.load_verify_locations(certificate_file())
        return context


@pytest.mark.parametrize("apart", [False, True])
def test_a_certificate_tells_who_sends(tmp_path, apart):
    """In one file with its key, or in two; without it such a server takes nothing."""
    both = Path(certificate_file()).read_text()
    for found in re.finditer(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n", both, re.DOTALL):
        (tmp_path / ("key" if "KEY" in found[1] else "cert")).write_text(found[0])
    files = {"client_cert": certificate_file()}
    if apart:
        files = {"client_cert": str(tmp_path / "cert"), "client_key": str(tmp_path / "key")}
    with Picky([answer(200, b"ok")], tls=True) as server:
        webhook(server, ca_file=server.ca_file, **files).run(context(terms=ONCE))
        with pytest.raises(ActionError, match="client certificate") as caught:
            webhook(server, ca_file=server.ca_file).run(context(terms=ONCE))
    assert caught.value.reason == "auth"


def test_a_key_without_its_certificate_is_an_error():
    """It would be passed over."""
    with pytest.raises(ValidationError, match="client_key needs client_cert"):
        Webhook(url="https://a.example/", client_key="/k")


def test_a_page_for_people_is_no_delivery():
    """A gateway that wants somebody to log in answers 200, and the message has not arrived; `ok` can say otherwise."""
    page = answer(200, "<!-- portal --><html><body>Sign in</body></html>")
    with ScriptedHTTP([page] * 2) as server:
        with pytest.raises(ActionError, match="a page for people") as told:
            webhook(server).run(context())
        assert not isinstance(told.value, Unknown)
        assert webhook(server, ok=[200]).run(context()).facts["status"] == 200
