"""Who asks Google Cloud."""

import json
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from exitkit.clients import gcp
from exitkit.clients.gcp import GoogleAccess, GoogleAccount
from exitkit.errors import ActionError, ConfigError, MissingExtra, Retryable
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json, reset
from exitkit.text import redact

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"


@pytest.fixture(autouse=True)
def _nobody(monkeypatch, tmp_path):
    """Nothing of what google-auth found for another test, nor of this machine's files and metadata."""
    from google.auth.compute_engine import _metadata

    for name in ("NO_GCE_CHECK", "GCE_METADATA_HOST", "GCE_METADATA_ROOT", "CLOUDSDK_CORE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("GCE_METADATA_IP", "127.0.0.1:1")
    monkeypatch.setattr(_metadata, "_GCE_PRODUCT_NAME_FILE", str(tmp_path / "none"))
    gcp._login.cache_clear()
    yield
    gcp._login.cache_clear()


@pytest.fixture(scope="module")
def key():
    """A service account's private key, made here."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture
def service_account(key, tmp_path):
    """Gives a file of a service account whose tokens come from a server."""

    def write(server):
        path = tmp_path / "key.json"
        found = {"type": "service_account", "client_email": "robot@models.iam.gserviceaccount.com", "private_key": key}
        found |= {"token_uri": f"{server.url}/token", "project_id": "models", "private_key_id": "k1", "client_id": "1"}
        path.write_text(json.dumps(found))
        return str(path)

    return write


def token(name, seconds=3600):
    return answer_json({"access_token": name, "expires_in": seconds, "token_type": "Bearer"})


def account(file="", **more):
    return GoogleAccount(GoogleAccess(credentials_file=file, **more), SCOPE)


def test_nobody_is_asked_for_an_anonymous_request(monkeypatch):
    """No credentials are looked for, and not even the library has to be there."""
    monkeypatch.setattr("exitkit.settings.extras._is_installed", lambda package: False)
    assert account(anonymous=True).headers() == {}
    with pytest.raises(MissingExtra, match="gcp"):
        account().headers()


def test_a_service_accounts_key_becomes_a_token(service_account):
    """A signed claim with the scope is exchanged, once for all requests until it is about to expire."""
    with ScriptedHTTP([token("ya29.made-up-token-1")]) as server:
        asked = account(service_account(server))
        assert asked.headers() == {"authorization": "Bearer ya29.made-up-token-1"}
        assert asked.headers() == account(service_account(server)).headers()
    (request,) = server.requests
    sent = dict(urllib.parse.parse_qsl(request.body.decode()))
    claim = json.loads(_unpadded(sent["assertion"].split(".")[1]))
    assert (claim["scope"], claim["iss"]) == (SCOPE, "robot@models.iam.gserviceaccount.com")


def _unpadded(text):
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_environments_file_is_found(service_account, monkeypatch):
    """GOOGLE_APPLICATION_CREDENTIALS, as Google's own tools read it."""
    with ScriptedHTTP([token("ya29.made-up-token-1")]) as server:
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", service_account(server))
        assert account().headers()["authorization"] == "Bearer ya29.made-up-token-1"


def test_a_users_login_is_found(monkeypatch, tmp_path):
    """What `gcloud auth application-default login` leaves; the project that pays for it goes along."""
    folder = tmp_path / "gcloud"
    folder.mkdir()
    with ScriptedHTTP([token("ya29.made-up-token-1")]) as server:
        found = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
        found |= {"token_uri": f"{server.url}/token", "quota_project_id": "payer"}
        (folder / "application_default_credentials.json").write_text(json.dumps(found))
        monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{server.url}/token")
        assert account().headers() == {
            "authorization": "Bearer ya29.made-up-token-1",
            "x-goog-user-project": "payer",
        }


def test_a_pods_workload_identity_is_found(monkeypatch):
    """The metadata server of GKE gives the tokens of the pod's service account."""
    from google.auth.compute_engine import _metadata

    flavor = {"Metadata-Flavor": "Google"}
    info = {"email": "robot@models.iam.gserviceaccount.com", "scopes": [SCOPE], "aliases": ["default"]}
    steps = [answer(200, "", flavor), answer(200, "models", {"Content-Type": "application/text"})]
    steps += [answer_json(info), token("ya29.made-up-token-1")]
    with ScriptedHTTP(steps) as server:
        monkeypatch.setenv("GCE_METADATA_IP", server.url.removeprefix("http://"))
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", server.url.removeprefix("http://"))
        assert account().headers()["authorization"] == "Bearer ya29.made-up-token-1"
    assert all(one.headers["metadata-flavor"] == "Google" for one in server.requests)


def test_a_metadata_server_that_fails_is_asked_again_by_us_alone(monkeypatch):
    """One request an attempt, no sleeping of google-auth's own; in its first seconds a pod of GKE has none."""
    from google.auth.compute_engine import _metadata

    steps = [answer(200, "", {"Metadata-Flavor": "Google"}), answer(200, "models", {"Content-Type": "text/plain"})]
    with ScriptedHTTP([*steps, answer(503, "not yet")]) as server:
        monkeypatch.setenv("GCE_METADATA_IP", server.url.removeprefix("http://"))
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", server.url.removeprefix("http://"))
        with pytest.raises(Retryable, match="503"):
            account().headers()


def test_a_federated_identity_is_exchanged(tmp_path):
    """A token that another issuer gave the pod, for one of Google's: workload identity federation."""
    (tmp_path / "token").write_text("token-of-another-issuer")
    audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
    exchanged = {"access_token": "ya29.federated", "expires_in": 3600, "token_type": "Bearer"}
    exchanged |= {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    with ScriptedHTTP([answer_json(exchanged)]) as server:
        found = {"type": "external_account", "audience": audience, "token_url": f"{server.url}/v1/token"}
        found |= {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}
        found |= {"credential_source": {"file": str(tmp_path / "token")}}
        (tmp_path / "federation.json").write_text(json.dumps(found))
        asked = account(str(tmp_path / "federation.json"))
        assert asked.headers()["authorization"] == "Bearer ya29.federated"
    sent = dict(urllib.parse.parse_qsl(server.requests[0].body.decode()))
    assert (sent["subject_token"], sent["scope"]) == ("token-of-another-issuer", SCOPE)


def test_a_federated_identity_that_becomes_a_service_account(tmp_path):
    """As workload identity federation of GKE and of GitHub mostly does; two requests, both ours."""
    (tmp_path / "token").write_text("token-of-another-issuer")
    audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
    exchanged = {"access_token": "ya29.federated", "expires_in": 3600, "token_type": "Bearer"}
    exchanged |= {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
    became = {"accessToken": "ya29.impersonated", "expireTime": "2099-01-01T00:00:00Z"}
    with ScriptedHTTP([answer_json(exchanged), answer_json(became)]) as server:
        found = {"type": "external_account", "audience": audience, "token_url": f"{server.url}/v1/token"}
        found |= {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}
        found |= {"credential_source": {"file": str(tmp_path / "token")}}
        robot = "robot@models.iam.gserviceaccount.com"
        found |= {
            "service_account_impersonation_url": f"{server.url}/v1/projects/-/serviceAccounts/{robot}:generateAccessToken"
        }
        (tmp_path / "federation.json").write_text(json.dumps(found))
        assert account(str(tmp_path / "federation.json")).headers()["authorization"] == "Bearer ya29.impersonated"
    assert server.requests[1].json()["scope"] == [SCOPE]
    assert server.requests[1].headers["authorization"] == "Bearer ya29.federated"


def test_a_token_about_to_expire_is_fetched_anew(service_account):
    """Some minutes before, so that it lasts for the request."""
    with ScriptedHTTP([token("ya29.made-up-token-1", 200), token("ya29.made-up-token-2")]) as server:
        asked = account(service_account(server))
        asked.log_in()
        assert asked.headers()["authorization"] == "Bearer ya29.made-up-token-2"


def test_a_token_that_was_refused_is_fetched_anew_once(service_account):
    """Whoever else was refused with the old one gets the new one."""
    with ScriptedHTTP([token("ya29.made-up-token-1"), token("ya29.made-up-token-2")]) as server:
        asked = account(service_account(server))
        old = asked.headers()["authorization"]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: asked.headers(refused=old)["authorization"], range(8)))
    assert set(found) == {"Bearer ya29.made-up-token-2"}


def test_several_threads_fetch_one_token(service_account):
    """Those that come first wait for it."""
    gate = threading.Barrier(8)
    with ScriptedHTTP([token("ya29.made-up-token-1")]) as server:
        file = service_account(server)

        def ask(_):
            gate.wait(5)
            return account(file).headers()["authorization"]

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(8))) == {"Bearer ya29.made-up-token-1"}


def test_tokens_are_cut_from_all_that_is_told(service_account):
    """They were in no setting, so nobody else would know them."""
    with redact.forget_all(), ScriptedHTTP([token("made-up-token-without-a-shape")]) as server:
        account(service_account(server)).log_in()
        assert "made-up" not in redact.redact("it said made-up-token-without-a-shape")


def test_no_credentials_is_an_error_that_says_where_they_come_from():
    """Not a retry: nothing will appear."""
    with pytest.raises(ActionError, match=r"no Google Cloud credentials were found.*workload identity") as caught:
        account().log_in()
    assert caught.value.reason == "auth"
    assert not isinstance(caught.value, Retryable)


def test_in_a_pod_credentials_may_come_a_little_later(monkeypatch):
    """GKE's metadata server is not there in a pod's first seconds, so it is worth another try."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with pytest.raises(Retryable, match="no Google Cloud credentials were found"):
        account().log_in()


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hunter2-hunter2",
        "[]",
        '"hunter2"',
        '{"type": "hunter2"}',
        '{"type": "service_account", "private_key": "hunter2"}',
        '{"type": "service_account", "private_key": "hunter2", "client_email": "a@b", "token_uri": "http://x"}',
        '{"type": "external_account", "credential_source": "hunter2"}',
    ],
)
@pytest.mark.parametrize("by", ["setting", "environment"])
def test_a_file_that_cannot_be_used_is_not_quoted(monkeypatch, tmp_path, text, by):
    """It is a wrong configuration, and where people keep secrets."""
    path = tmp_path / "key.json"
    if text is not None:
        path.write_text(text)
    if by == "environment":
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ConfigError, match=r"key\.json cannot be used") as caught:
        account(str(path) if by == "setting" else "").log_in()
    assert "hunter2" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("step", [answer(503, "later"), answer(429, "later"), answer(500, "oops"), reset()])
def test_a_token_service_that_is_busy_is_asked_again_by_us_alone(service_account, step):
    """google-auth would wait by itself, without knowing of our deadline."""
    with ScriptedHTTP([step]) as server:
        with pytest.raises(Retryable, match="Google Cloud credentials"):
            account(service_account(server)).log_in()
    gcp._login.cache_clear()
    with ScriptedHTTP([step, token("ya29.made-up-token-1")]) as server:
        context().retry(account(service_account(server)).log_in)


def test_a_refusal_of_the_token_service_is_told(service_account):
    """With its own words, and not tried again."""
    refused = {
        "error": "invalid_grant",
        "error_description": "Invalid JWT: check your iat and exp values in the claim.",
    }
    with ScriptedHTTP([answer_json(refused, 400)]) as server:
        with pytest.raises(ActionError, match="invalid_grant: Invalid JWT: check your iat") as caught:
            account(service_account(server)).log_in()
    assert caught.value.reason == "auth"
    assert not isinstance(caught.value, Retryable)
    assert caught.value.__cause__ is None


def test_the_answer_to_a_token_is_bounded(service_account):
    """A megabyte and no more, whatever it says."""
    with ScriptedHTTP([answer(200, b'{"access_token": "' + b"x" * (2 << 20))]) as server:
        with pytest.raises(ActionError, match=r"cannot be read \(TypeError\)") as caught:
            account(service_account(server)).log_in()
    assert caught.value.__cause__ is None


def test_only_credentials_may_come_from_a_metadata_server(monkeypatch):
    """A bucket's URL that leads there is refused, whatever the name says."""
    from exitkit.clients.gcs.request import GCSOptions, GCSRequests

    with pytest.raises(ConfigError, match="link-local"):
        GCSRequests("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url="http://169.254.169.254"))
