"""Connections that are not HTTP: through a proxy where one leads there, and with a word where none can."""

import socket
import threading

import pytest

from exitkit.clients.tcp import dial, unsent
from exitkit.errors import ActionError, ConfigError, Exhausted, Retryable
from exitkit.notify.email.smtp import send
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing import ScriptedSMTP
from exitkit.testing.clock import FakeClock
from exitkit.testing.proxy import ScriptedProxy
from exitkit.testing.smtp import Session
from exitkit.text import redact


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with redact.forget_all():
        yield


def mail(host, port, **options):
    """Whatever the server's class is called, `send` has it as its annotation."""
    kind = send.__globals__[str(send.__annotations__["server"]).rpartition(".")[2].strip("'>")]
    server = kind(host=host, port=port, tls="none", timeout=2.0, **options)
    return send(
        b"Subject: x\r\n\r\nhello", sender="a@example.com", recipients=["b@example.com"], server=server, what="mail"
    )


@pytest.mark.parametrize("form", ["url", "socks_url"])
def test_mail_goes_through_the_proxy_for_everything(monkeypatch, form):
    """By CONNECT or SOCKS5, with the name for the proxy to resolve."""
    with ScriptedSMTP([Session()]) as server:
        with ScriptedProxy({"mail.example:25": server.port}, user="me", password="w0rd-of-me") as proxy:
            monkeypatch.setenv("ALL_PROXY", getattr(proxy, form))
            mail("mail.example", 25)
    assert proxy.asked == ["CONNECT mail.example:25" if form == "url" else "SOCKS mail.example:25"]
    assert len(server.envelopes) == 1


def test_the_webs_proxies_are_not_for_mail(monkeypatch):
    """They let nobody connect to port 25, and a mail relay is inside."""
    with ScriptedSMTP([Session()]) as server, ScriptedProxy() as proxy:
        monkeypatch.setattr("exitkit.clients.proxy._is_own", lambda *_: False)
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        mail("127.0.0.1", server.port)
    assert proxy.asked == []


def test_a_proxy_that_does_not_lead_to_mail_says_so(monkeypatch):
    """With its name, and what to do."""
    with ScriptedProxy(status=403) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        with pytest.raises(ActionError, match=r"the proxy answers 403 .*mail.example:25 .*NO_PROXY"):
            mail("mail.example", 25)
    with pytest.raises(Retryable, match=r"no connection to mail.example:25 through the proxy 127") as caught:
        mail("mail.example", 25)
    assert caught.value.later


def test_what_cannot_carry_mail_is_named(monkeypatch):
    """An https:// proxy is for the web."""
    monkeypatch.setenv("ALL_PROXY", "https://proxy.example")
    with pytest.raises(ConfigError, match="ALL_PROXY has https://"):
        mail("mail.example", 25)


def test_a_hidden_name_is_refused_behind_a_proxy_too(monkeypatch):
    """What is literally a metadata address is asked of nobody."""
    with ScriptedProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setattr("exitkit.clients.proxy._is_own", lambda *_: False)
        with pytest.raises(ActionError, match="refused"):
            mail("0xa9fea9fe", 25)
    assert proxy.asked == []


def test_a_hole_where_a_name_server_should_be_is_told(monkeypatch):
    """No answer from DNS is not no answer from the server."""
    go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: go.wait(10))
    retry = Retry(RetryPolicy(attempts=1), Deadline(60, FakeClock(patience=0.2)))
    with pytest.raises(Exhausted, match=r"^the name hooks.example was not resolved within 15.0 s: check its DNS"):
        retry(lambda: dial("hooks.example", 443, 3.0, allow_link_local=False))
    go.set()


@pytest.mark.parametrize(
    ("code", "told"),
    [(socket.EAI_AGAIN, "no name server answered"), (socket.EAI_NONAME, "cannot be resolved")],
)
def test_a_name_server_that_is_away_is_not_a_name_that_is_wrong(code, told):
    """Each has its cure."""
    error = unsent(socket.gaierror(code, "x"), "hook", "hooks.example")
    assert isinstance(error, Retryable)
    assert told in str(error)
