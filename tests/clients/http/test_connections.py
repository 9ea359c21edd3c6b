"""Requests go through proxies, and what of urllib3 and http.client is replaced for it is still there to be replaced."""

import http.client
import inspect
import ssl

import pytest
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from exitkit.clients import http as ours
from exitkit.clients.http.connections import Timeouts, Wiring, opened
from exitkit.errors import ActionError, ConfigError, Retryable
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing import ScriptedHTTP
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import answer
from exitkit.testing.proxy import ScriptedProxy
from exitkit.testing.server import certificate_file
from exitkit.text import redact

WORD = "pr0xy-passw0rd"


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with redact.forget_all():
        yield


def get(url, **options):
    return ours.request("GET", url, what="asking", **options)


@pytest.mark.parametrize("way", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("socks", [False, True])
def test_plain_http_goes_through(monkeypatch, way, socks):
    """A proxy gets the whole URL, one of SOCKS the name."""
    with ScriptedHTTP([answer(200, b"ok")]) as server:
        with ScriptedProxy({"hooks.example:8080": server.port}, user="me", password=WORD) as proxy:
            monkeypatch.setenv(way, proxy.socks_url if socks else proxy.url)
            assert get("http://hooks.example:8080/a?b=c").text == "ok"
    assert proxy.asked == ["SOCKS hooks.example:8080" if socks else "GET http://hooks.example:8080/a?b=c"]
    assert server.requests[0].headers["host"] == "hooks.example:8080"
    assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("kind", ["http", "https", "socks"])
def test_https_goes_through_a_tunnel(monkeypatch, kind):
    """CONNECT with the name, and inside TLS to whom the name belongs; to the proxy also by TLS if its URL says so."""
    with ScriptedHTTP([answer(200, b"ok")] * 2, tls=True) as server:
        routes = {f"a.localhost:{server.port}": server.port, "127.0.0.1:1": server.port}
        with ScriptedProxy(
            {"127.0.0.2:443": server.port, **routes}, tls=kind == "https", user="me", password=WORD
        ) as proxy:
            monkeypatch.setenv("SSL_CERT_FILE", certificate_file())
            url = proxy.socks_url if kind == "socks" else proxy.url
            with ours.Client(proxy=url, ca_file=certificate_file()) as client:
                for _ in range(2):
                    assert client.request("GET", "https://127.0.0.1:1/x", what="asking").text == "ok"
    assert proxy.asked == [f"{'SOCKS' if kind == 'socks' else 'CONNECT'} 127.0.0.1:1"]  # kept for the second one


def test_the_environments_tunnel_is_taken_and_its_name_told(monkeypatch):
    """The certificate is checked against the target's name, which the proxy leads to; the proxy is told, its password not."""
    with ScriptedHTTP(tls=True) as server:
        with ScriptedProxy({"hooks.example:443": server.port}, user="me", password=WORD) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with pytest.raises(ActionError, match="is for another host") as caught:
                get("https://hooks.example/", ca_file=certificate_file())
    assert f"hooks.example through the proxy {proxy.host}:{proxy.port}" in str(caught.value)
    assert WORD not in str(caught.value)
    assert proxy.asked == ["CONNECT hooks.example:443"]


def test_an_exception_goes_straight(monkeypatch):
    """NO_PROXY, and this machine without being named."""
    with ScriptedHTTP([answer(), answer()]) as server, ScriptedProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        get(server.url)
        monkeypatch.setattr("exitkit.clients.proxy._is_own", lambda *_: False)
        monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
        get(server.url)
    assert proxy.asked == []


@pytest.mark.parametrize(
    ("status", "kind", "later", "told"),
    [
        (403, ActionError, None, "NO_PROXY"),
        (407, ActionError, None, "user and password"),
        (429, Retryable, True, "answers 429"),
        (500, Retryable, False, "answers 500"),
        (502, Retryable, True, "answers 502"),
        (503, Retryable, True, "answers 503"),
    ],
)
def test_what_a_proxy_refuses_is_told(monkeypatch, status, kind, later, told):
    """Who refused, whom it was asked for, and what to do; nothing of the request has left."""
    with ScriptedProxy(status=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(ActionError, match=told) as caught:
            get("https://hooks.example/secret")
    assert type(caught.value) is kind
    assert getattr(caught.value, "later", None) is later
    assert f"to hooks.example through the proxy 127.0.0.1:{proxy.port}" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "kind", "later", "told"),
    [
        (1, Retryable, False, "has a failure of its own"),
        (2, ActionError, None, "does not allow it"),
        (5, Retryable, True, "is refused there"),
        (8, ActionError, None, "does not know such addresses"),
    ],
)
def test_what_socks_refuses_is_told(monkeypatch, reply, kind, later, told):
    """By the reply's meaning in RFC 1928."""
    with ScriptedProxy(status=reply) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.socks_url)
        with pytest.raises(ActionError, match=told) as caught:
            get("https://hooks.example/secret")
    assert type(caught.value) is kind
    assert getattr(caught.value, "later", None) is later


@pytest.mark.parametrize("form", ["url", "socks_url"])
def test_a_proxy_that_wants_a_password_says_so(monkeypatch, form):
    """407, or the method that SOCKS offers: auth, and not tried again."""
    with ScriptedProxy(user="me", password=WORD) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", getattr(proxy, form).replace(f"me:{WORD}@", "me:wrong-word@"))
        with pytest.raises(ActionError, match="user and password") as caught:
            get("https://hooks.example/")
    assert (type(caught.value), caught.value.reason) == (ActionError, "auth")


def test_a_proxy_that_is_away_is_waited_for(monkeypatch):
    """And told by its name."""
    with ScriptedProxy() as proxy:
        away = proxy.url
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, away)
    for url in ("http://hooks.example/", "https://hooks.example/"):
        with pytest.raises(Retryable, match=r"no connection to hooks.example through the proxy 127") as caught:
            get(url)
        assert caught.value.later


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_name_that_leads_to_metadata_is_refused_here(monkeypatch, scheme):
    """Where names are resolved here; and literally everywhere."""
    import socket

    resolve = socket.getaddrinfo
    fixed = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: fixed if host == "x.test" else resolve(host, *a, **k)
    )
    with ScriptedProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.socks_url.replace("socks5h", scheme))
        with pytest.raises(ActionError) as caught:
            get("http://x.test/" if scheme == "socks5" else "http://0xa9fea9fe/")
    assert "refused" in str(caught.value)
    assert proxy.asked == []


def test_a_file_of_authorities_of_other_tools_is_trusted_too(monkeypatch):
    """For every action alike; a setting replaces them all."""
    for name in ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        with ScriptedHTTP([answer(200, b"ok")], tls=True) as server:
            with pytest.raises(ActionError, match="self-signed"):
                get(server.url)
            monkeypatch.setenv(name, certificate_file())
            assert get(server.url).text == "ok"
            with pytest.raises(ActionError, match="self-signed"):
                get(server.url, ca_file=certificate_file("expired"))
            monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_authorities_that_is_not_there_is_named(monkeypatch, name):
    """OpenSSL itself would go on without, and every certificate be that of nobody known."""
    monkeypatch.setenv(name, "/nowhere/ca.pem")
    with pytest.raises(ConfigError, match=f"{name} /nowhere/ca.pem cannot be used"):
        get("https://127.0.0.1:1/")


def test_an_attempt_rules_the_times_inside_it():
    """A server may be silent as long as `attempt_timeout` says, and a connection take a fifth of that."""
    seen = []
    for limit in (15.0, 60.0, 2.0):
        retry = Retry(RetryPolicy(attempt_timeout=limit), Deadline(300, FakeClock()))
        retry(lambda: seen.append((Timeouts().to_connect(), Timeouts().to_read(), Timeouts(read=1.0).to_read())))
    assert seen == [(3.0, pytest.approx(14.9), 1.0), (12.0, pytest.approx(59.9), 1.0), (2.0, pytest.approx(1.9), 1.0)]
    assert (Timeouts().to_connect(), Timeouts().to_read()) == (3.0, 15.0)


def test_a_step_alone_sets_no_limit_to_a_request():
    """What asks outside of a try has the usual one, and not all of the step's time."""
    retry = Retry(RetryPolicy(), Deadline(300, FakeClock()))
    assert retry.whole(lambda: Timeouts().to_read()) == 15.0


def test_what_is_replaced_of_urllib3_is_there():
    """One of these failing means that urllib3 or http.client has changed what `_Watched` and `_Finite` replace."""
    assert "_new_conn" in HTTPConnection.__dict__, "urllib3 connects elsewhere: `_Watched._new_conn` is not called"
    assert "self._new_conn()" in inspect.getsource(HTTPConnection.connect)
    assert "self._new_conn()" in inspect.getsource(HTTPSConnection.connect)
    for one in (HTTPConnection, HTTPSConnection):
        assert "self._tunnel()" in inspect.getsource(one.connect), "urllib3 asks a proxy elsewhere than in `_tunnel`"
    connection = HTTPConnection("h")
    for name in ("_dns_host", "_tunnel_host", "_tunnel_port", "timeout", "sock", "is_closed"):
        assert hasattr(connection, name), f"urllib3's connection has no {name} any more"
    assert "self.timeout" in inspect.getsource(HTTPConnection.getresponse), "a read's limit is set elsewhere"
    assert "_read_status" in http.client.HTTPResponse.__dict__, "`_Finite` bounds interim answers no more"
    assert "pool_classes_by_scheme" in vars(urllib3.PoolManager()), "our connections are not made any more"


def test_all_pools_make_our_connections():
    """With and without a proxy, by TLS and without."""
    for proxy in (None, "http://p.example:1", "https://p.example:1", "socks5h://p.example:1"):
        wiring = Wiring(proxy=proxy)
        route = wiring.route("https://x.example")
        pools = opened(wiring, route, secure=True)
        for scheme in ("http", "https"):
            made = pools.connection_from_host("x.example", 1, scheme).ConnectionCls
            assert made.__mro__[1].__name__ == "_Watched", (proxy, scheme)
            assert made.via == route


def test_a_context_is_made_once_for_each_trust(monkeypatch):
    """Making one takes tens of milliseconds; another variable makes another."""
    from exitkit.clients.tcp import tls

    first = tls()
    monkeypatch.setenv("AWS_CA_BUNDLE", certificate_file())
    second = tls()
    assert first is not second
    assert second is tls()
    assert second.verify_mode == ssl.CERT_REQUIRED
