"""Requests to Google Cloud Storage: whose, where to, and what their errors mean."""

import json

import pytest

from exitkit.clients import gcp
from exitkit.clients.gcp import GoogleAccess
from exitkit.clients.gcs.batch import BatchReply, Call
from exitkit.clients.gcs.request import GCSOptions, GCSRefusal, GCSRequests, failed, fault_of
from exitkit.clients.http import Headers
from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.gcs import ScriptedGCS, error
from exitkit.testing.http import answer, answer_json


@pytest.fixture(autouse=True)
def _nobody(monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    gcp._login.cache_clear()
    yield
    gcp._login.cache_clear()


@pytest.fixture
def storage():
    with ScriptedGCS() as server:
        yield server


class Credentials:
    """As google-auth's, with tokens of a list."""

    def __init__(self, *tokens):
        self.tokens, self.token = list(tokens), ""

    @property
    def valid(self):
        return bool(self.token)

    def refresh(self, request):
        self.token = self.tokens.pop(0)

    def apply(self, headers):
        headers["authorization"] = f"Bearer {self.token}"


@pytest.fixture
def requests(storage, monkeypatch):
    """Gives requests of somebody who gets these tokens, one after the other."""
    made = []

    def make(*tokens, **more):
        monkeypatch.setattr("google.auth.default", lambda request: (Credentials(*tokens), None))
        made.append(GCSRequests("models", GoogleAccess(), GCSOptions(endpoint_url=storage.url, **more)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_token_that_ended_is_renewed_once(storage, requests):
    """The request is sent again with the new one, and that is kept."""
    storage.tokens = {"second"}
    asked = requests("first", "second")
    assert asked.ask(asked.path("o"), "listing")["kind"] == "storage#objects"
    asked.ask(asked.path("o"), "listing")
    assert [one.headers["authorization"] for one in storage.requests] == ["Bearer first", *["Bearer second"] * 2]


def test_a_token_that_is_refused_twice_is_an_error(storage, requests):
    """Another one would not help."""
    storage.tokens = {"none of these"}
    asked = requests("first", "second")
    with pytest.raises(ActionError, match="listing: 401 unauthorized: Invalid Credentials") as caught:
        asked.ask(asked.path("o"), "listing")
    assert caught.value.reason == "auth"
    assert len(storage.requests) == 2


def test_a_token_that_ends_within_a_batch_is_renewed_for_the_rest(storage, requests):
    """A batch's own status is 200; only the calls that were refused are sent again."""
    storage.add("a", "b")
    storage.trouble("/o/b", 401, "authError", "Invalid Credentials")
    asked = requests("first", "second")
    found = asked.batch([Call("DELETE", asked.path("o", "a")), Call("DELETE", asked.path("o", "b"))], "deleting")
    assert [one.status for one in found] == [204, 204]
    assert [one.headers["authorization"] for one in storage.requests] == ["Bearer first", "Bearer second"]
    assert b"/o/a" not in storage.requests[1].body


def test_a_batch_that_is_refused_as_a_whole_is_renewed_too(storage, requests):
    """Before any of its calls is looked at."""
    storage.fault("POST", "/batch", answer_json(error(401, "authError", "no"), 401))
    storage.add("a")
    asked = requests("first", "second")
    assert asked.batch([Call("DELETE", asked.path("o", "a"))], "deleting")[0].status == 204


def test_calls_that_stay_refused_are_an_error(storage, requests):
    """And no object that may not go."""
    storage.tokens = {"none of these"}
    asked = requests("first", "second")
    with pytest.raises(ActionError, match="401") as caught:
        asked.batch([Call("DELETE", asked.path("o", "a"))], "deleting")
    assert caught.value.reason == "auth"
    assert len(storage.requests) == 2


def test_names_are_encoded_whole(requests):
    """Their slashes too, which would else divide the path; and a dot alone is no way up."""
    path = requests("x").path("o", "a/b c%#?&+=\n../é👍", ifGenerationMatch="1")
    assert path == ("/storage/v1/b/models/o/a%2Fb%20c%25%23%3F%26%2B%3D%0A..%2F%C3%A9%F0%9F%91%8D?ifGenerationMatch=1")


def test_empty_parameters_are_left_out_and_the_payer_is_always_there(requests):
    """An empty token would be one that nobody gave."""
    asked = requests("x", user_project="p 1")
    assert asked.path("o", prefix="a", pageToken="") == "/storage/v1/b/models/o?prefix=a&userProject=p%201"


@pytest.mark.parametrize(
    ("given", "environment", "base"),
    [
        ("", {}, "https://storage.googleapis.com"),
        ("", {"GOOGLE_CLOUD_UNIVERSE_DOMAIN": "s3nsapis.fr"}, "https://storage.s3nsapis.fr"),
        ("https://storage-x.p.googleapis.com/", {}, "https://storage-x.p.googleapis.com"),
        ("", {"STORAGE_EMULATOR_HOST": "http://emulator:4443"}, "http://emulator:4443"),
        ("", {"STORAGE_EMULATOR_HOST": "localhost:4443"}, "http://localhost:4443"),
        ("https://given", {"STORAGE_EMULATOR_HOST": "http://emulator:4443"}, "https://given"),
    ],
)
def test_the_server_is_the_settings_then_the_emulators_then_googles(monkeypatch, given, environment, base):
    """As Google's own clients look for it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    made = GCSRequests("models", GoogleAccess(), GCSOptions(endpoint_url=given))
    assert made.base == base
    assert made.account.access.anonymous is base.startswith("http:")


@pytest.mark.parametrize("url", ["http://storage.internal", "http://10.0.0.1:4443", "http://localhost.example.com"])
def test_a_token_goes_over_tls_or_within_this_machine(url):
    """Everybody on the way could use it; an emulator gets none unless a file is given."""
    with pytest.raises(ConfigError, match="https only"):
        GCSRequests("models", GoogleAccess(), GCSOptions(endpoint_url=url))
    GCSRequests("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url=url))


def test_credentials_that_are_given_do_not_go_to_an_emulator_elsewhere(monkeypatch):
    """A variable that was left from a test must not lead them away."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://emulator:4443")
    with pytest.raises(ConfigError, match="https only"):
        GCSRequests("models", GoogleAccess(credentials_file="/key.json"))


@pytest.mark.parametrize(
    ("status", "reason", "kind", "why"),
    [
        (429, "rateLimitExceeded", Retryable, "rate"),
        (503, "backendError", Retryable, "rate"),
        (408, "requestTimeout", Retryable, "rate"),
        (403, "userRateLimitExceeded", Retryable, "rate"),
        (500, "internalError", Retryable, "server"),
        (502, "", Retryable, "server"),
        (504, "", Retryable, "server"),
        (403, "forbidden", GCSRefusal, "auth"),
        (401, "authError", GCSRefusal, "auth"),
        (404, "notFound", GCSRefusal, "client"),
        (400, "invalid", GCSRefusal, "client"),
        (412, "conditionNotMet", GCSRefusal, "client"),
        (301, "", GCSRefusal, "client"),
        (501, "", GCSRefusal, "server"),
        (999, "", GCSRefusal, "server"),
    ],
)
def test_what_a_status_means(status, reason, kind, why):
    """Google's own words on what to try again: 408, 429 and all of 5xx that pass."""
    told = failed(fault_of(BatchReply(status, body=json.dumps(error(status, reason, "m")).encode())), "x")
    assert type(told) is kind
    assert told.reason == why
    assert str(told).startswith(f"x: {status}")


@pytest.mark.parametrize(
    "body",
    [b"", b"Not Found", b"[]", b'{"error": "x"}', b'{"error": {"errors": {}}}', b'{"error": {"errors": [1]}}', b"\xff"],
)
def test_an_error_that_is_told_otherwise_is_one_all_the_same(body):
    """A proxy's page, an old server's text."""
    assert isinstance(failed(fault_of(BatchReply(503, body=body)), "x"), Retryable)


@pytest.mark.parametrize(("value", "after"), [("7", 7.0), ("", None), ("soon", None), ("-1", None)])
def test_what_the_server_asks_to_wait_is_read(value, after):
    """In seconds, as Google tells it."""
    assert fault_of(BatchReply(503, Headers([("Retry-After", value)]))).after == after


def test_an_error_has_no_secret_and_one_line():
    """Whatever the server says."""
    told = str(
        failed(fault_of(BatchReply(400, body=b'{"error": {"message": "a\\nBearer ya29.abcdefgh\\u001b[31m"}}')), "x")
    )
    assert told.isprintable()
    assert "ya29" not in told


def test_an_answer_of_any_length_is_bounded():
    """A listing has its length."""
    with ScriptedHTTP([answer(200, b"x" * (17 << 20))]) as server:
        asked = GCSRequests("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url=server.url))
        with pytest.raises(ActionError, match="larger than any of Google's"):
            asked.ask(asked.path("o"), "listing")
        asked.close()
