"""Every client goes through the proxy of the environment: none has a way of its own."""

import json

import pytest

from exitkit.clients.aws import AWSAccess
from exitkit.clients.gcp import GoogleAccess, GoogleAccount
from exitkit.clients.gcs import GCSBucket
from exitkit.clients.gcs.request import GCSOptions
from exitkit.clients.kubernetes import Kube
from exitkit.clients.kubernetes.find import find
from exitkit.clients.s3 import S3Bucket
from exitkit.errors import ActionError
from exitkit.notify.slack import Slack
from exitkit.notify.webhook import Webhook
from exitkit.retry import RetryPolicy
from exitkit.settings import load
from exitkit.ship.loki import Loki
from exitkit.testing import FakeClock, context
from exitkit.testing.proxy import ScriptedProxy
from exitkit.text import redact

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(autouse=True)
def _forgetful():
    with redact.forget_all():
        yield


@pytest.fixture
def proxy(monkeypatch):
    """One that refuses everything, for both schemes."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with ScriptedProxy(status=403) as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        yield server


def webhook(_):
    load(Webhook, {"url": "https://target.test/x"}, {}, "X_").run(context(terms=ONCE))


def slack_webhook(_):
    load(Slack, {"webhook_url": "https://target.test/x"}, {}, "X_").run(context(terms=ONCE))


def slack(_):
    settings = {"token": "xoxb-made-up", "channel": "C0123456789", "api_url": "https://target.test/api/"}
    load(Slack, settings, {}, "X_").run(context(terms=ONCE))


def loki(folder):
    settings = {"url": "https://target.test", "from": ["status"], "dead_letter": str(folder / "dead")}
    load(Loki, settings, {}, "X_").run(context(terms=ONCE))


def s3(_):
    S3Bucket("models", AWSAccess(endpoint_url="https://target.test")).page("")


def gcs(_):
    GCSBucket("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url="https://target.test")).page("")


def google(folder):
    file = folder / "user.json"
    login = {"type": "authorized_user", "client_id": "a", "client_secret": "b-made-up", "refresh_token": "c-made-up"}
    file.write_text(json.dumps(login))
    GoogleAccount(GoogleAccess(credentials_file=str(file)), "scope").log_in()


def kubernetes(folder):
    file = folder / "kubeconfig"
    named = [{"name": "a", "cluster": {"server": "https://target.test"}}]
    user = [{"name": "a", "user": {"token": "token-made-up"}}]
    contexts = [{"name": "a", "context": {"cluster": "a", "user": "a"}}]
    file.write_text(json.dumps({"clusters": named, "users": user, "contexts": contexts, "current-context": "a"}))
    with Kube(lambda: find(str(file), "", FakeClock())) as kube:
        kube.get("/version", what="asking")


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("ask", [webhook, slack_webhook, slack, loki, s3, gcs, google, kubernetes])
def test_each_client_asks_the_proxy(proxy, tmp_path, ask):
    """And tells that it was the proxy that refused."""
    with pytest.raises(ActionError, match="the proxy answers 403"):
        ask(tmp_path)
    host = "oauth2.googleapis.com" if ask is google else "target.test"
    assert set(proxy.asked) == {f"CONNECT {host}:443"}
