"""The HTTP client says truly what became of a request, bounds what it takes, and tells no secret."""

import gc
import logging
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

from exitkit.clients import http
from exitkit.clients.http.response import is_page
from exitkit.errors import ActionError, ConfigError, Exhausted, Retryable, Unknown
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import (
    ScriptedHTTP,
    answer,
    break_off,
    close,
    drip,
    endless_headers,
    endless_interim,
    garbage,
    gzip_bomb,
    hang,
    huge,
    redirect,
    reset,
    reset_unread,
)
from exitkit.text import redact

CANARY = "c4n4ry-T0-B0-xyz"


@pytest.fixture(autouse=True)
def _forgetful():
    with redact.forget_all():
        yield


def post(url, **options):
    return http.request("POST", url, what="hook", body=b"{}", **options)


def error_of(call):
    with pytest.raises(ActionError) as caught:
        call()
    return caught.value


def test_a_request_arrives_as_it_was_asked_for():
    """Method, path, headers and body arrive; identity and our name are what we add."""
    with ScriptedHTTP([answer(201, b"done", {"X-Id": "7"})]) as server:
        response = post(f"{server.url}/a/b?c=d", headers={"X-Mine": "1", "accept-encoding": "gzip"})
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/a/b?c=d", b"{}")
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["user-agent"].startswith("exitkit/")
    assert request.headers["x-mine"] == "1"
    assert (response.status, response.body, response.text) == (201, b"done", "done")
    assert response.headers["x-id"] == response.headers.get("X-ID") == "7"
    assert "x-none" not in response.headers


def test_a_client_keeps_its_connection():
    """Shippers pay for one connection, and close gives it back."""
    with ScriptedHTTP([answer(), answer(), answer()]) as server, http.Client() as client:
        for _ in range(3):
            client.request("POST", server.url, what="ship")
        assert len(server._connections) == 1


def test_a_kept_connection_that_was_closed_is_opened_again():
    """A server that closes between two requests costs no error."""
    closed = threading.Event()

    def last(exchange):
        answer()(exchange)
        exchange.again = False
        exchange.connection.shut()
        closed.set()

    with ScriptedHTTP([last, answer()]) as server, http.Client() as client:
        client.request("POST", server.url, what="ship")
        closed.wait(5)
        assert client.request("POST", server.url, what="ship").status == 200


def test_a_client_serves_threads():
    """Steps that run together may share a client."""
    with ScriptedHTTP([answer(200, b"x")] * 40) as server, http.Client() as client:
        seen = []

        def work():
            seen.extend(client.request("GET", server.url, what="ship").body for _ in range(5))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [b"x"] * 40


def test_redirects_are_not_followed():
    """A bearer token is not carried to another place, and the answer says what to do."""
    with ScriptedHTTP() as other, ScriptedHTTP([redirect(f"{other.url}/steal")]) as server:
        response = post(server.url, headers={"Authorization": "Bearer xoxb-secret-token"})
        error = error_of(lambda: http.check(response, "hook"))
    assert type(error) is ActionError
    assert "not followed: correct the url" in str(error)
    assert "steal" not in str(error)
    assert other.requests == []


def test_a_bomb_is_not_unpacked():
    """What came over the wire is what is kept, up to the limit."""
    with ScriptedHTTP([gzip_bomb()]) as server:
        response = post(server.url, limit=10_000)
    assert len(response.body) == 10_000
    assert response.truncated
    assert response.body.startswith(b"\x1f\x8b")


def test_a_huge_body_is_cut_and_its_connection_closed():
    """A gigabyte costs 64 KiB, and the next request begins afresh."""
    with ScriptedHTTP([huge(), answer(200, b"next")]) as server, http.Client() as client:
        response = client.request("GET", server.url, what="hook")
        assert (len(response.body), response.truncated) == (http.LIMIT, True)
        assert client.request("GET", server.url, what="hook").body == b"next"
        assert len(server._connections) == 2


@pytest.mark.parametrize("body", [b"", b"x" * 100])
def test_a_body_of_exactly_the_limit_is_whole(body):
    """Only what goes beyond the limit is cut."""
    with ScriptedHTTP([answer(200, body)]) as server:
        response = post(server.url, limit=100)
    assert (response.body, response.truncated) == (body, False)


def test_a_page_with_200_is_just_an_answer():
    """What success looks like is for each channel to say."""
    with ScriptedHTTP([answer(200, b"<html>sign in</html>")]) as server:
        response = http.check(post(server.url), "hook")
    error = error_of(response.json)
    assert error.reason == "server"
    assert "is no json: <html>sign in</html>" in str(error)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[" * 60_000, b"9" * 5_000, b'{"a":'])
def test_broken_json_is_an_error_of_the_server(body):
    """No answer ends in a traceback."""
    error = error_of(http.Response(200, body=body, host="x").json)
    assert error.reason == "server"


AFTER = {
    "reset unread": reset_unread(),
    "reset": reset(),
    "close": close(),
    "break off": break_off(),
    "garbage": garbage(),
    "endless headers": endless_headers(),
    "endless interim": endless_interim(),
    "silence": hang(),
    "drip": drip(),
}
SHORT = http.Timeouts(connect=2, read=0.2)


@pytest.mark.parametrize("step", AFTER.values(), ids=AFTER)
def test_what_fails_after_the_first_byte_is_unknown(step):
    """A POST that left may have arrived, a PUT may be sent again, and a caller may know better."""
    with ScriptedHTTP([step, step, step, step]) as server:
        for method, idempotent, kind in (
            ("POST", None, Unknown),
            ("PUT", None, Retryable),
            ("POST", True, Retryable),
            ("GET", False, Unknown),
        ):
            with pytest.raises(kind) as caught:
                http.request(method, server.url, what="hook", idempotent=idempotent, timeout=SHORT)
            assert caught.value.reason in ("network", "timeout")


@pytest.mark.parametrize("step", [hang(), answer(502), answer(504)], ids=["silence", "502", "504"])
def test_what_was_asked_to_change_something_is_in_doubt(step):
    """Where no verdict came; what was only read has changed nothing, whatever method asked for it."""
    for method, reads, doubt in (
        ("PUT", None, True),
        ("DELETE", None, True),
        ("GET", None, False),
        ("POST", True, False),
    ):
        with ScriptedHTTP([step]) as server, pytest.raises(Retryable) as caught:
            http.check(
                http.request(method, server.url, what="store", idempotent=True, reads=reads, timeout=SHORT),
                "store",
                idempotent=True,
            )
        assert caught.value.doubt is doubt


def test_interim_answers_are_passed_over():
    """Early hints are not taken for the answer."""

    def play(exchange):
        exchange.read()
        exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with ScriptedHTTP([play]) as server:
        assert post(server.url).text == "ok"


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "nobody.invalid:{port}"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_fails_before_the_first_byte_is_retryable(scheme, host):
    """Nothing arrived where there was no connection, whatever the method."""
    error = error_of(lambda: post(f"{scheme}://{host.format(port=closed_port())}/{CANARY}"))
    assert isinstance(error, Retryable)
    assert error.reason == "network"


def test_a_silent_handshake_is_retryable():
    """A server that accepts and says nothing has not got the request either."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = error_of(
            lambda: post(f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout=http.Timeouts(connect=0.1))
        )
    assert isinstance(error, Retryable)
    assert error.reason == "timeout"


def test_an_impossible_name_is_permanent():
    """A label of more than 63 characters does not become a host by trying again."""
    error = error_of(lambda: post(f"http://{'a' * 70}.localhost/"))
    assert type(error) is ActionError
    assert error.reason == "client"


@pytest.mark.parametrize("step", [hang(), drip(b"x" * 50), drip(b"x" * 50, tick=lambda: None)])
def test_an_attempt_is_over_in_time_whatever_the_server_does(step):
    """A hung or dripping server is given up by the clock outside, as of unknown outcome."""
    clock = FakeClock(patience=0.3)
    never = threading.Event()

    def held(exchange):
        step(exchange)
        exchange.hang()

    with ScriptedHTTP([held]) as server:
        retry = Retry(RetryPolicy(attempts=3), Deadline(60, clock))
        began = clock.monotonic()
        error = error_of(lambda: retry(lambda: (post(server.url), never.wait(1))))
        assert isinstance(error, Unknown)
        assert clock.monotonic() - began == 15
    never.set()


def test_an_abandoned_attempt_does_not_send_later(monkeypatch):
    """Whoever waited for the resolver too long does not deliver behind the report's back."""
    clock = FakeClock(patience=0.3)
    go, began, done = threading.Event(), threading.Event(), threading.Event()
    resolve = socket.getaddrinfo

    def slow(*args, **options):
        began.set()
        go.wait(10)
        return resolve(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with ScriptedHTTP() as server:

        def attempt():
            try:
                post(server.url)
            finally:
                done.set()

        error = error_of(lambda: Retry(RetryPolicy(attempts=1), Deadline(60, clock))(attempt))
        assert isinstance(error, Exhausted)
        assert began.is_set()
        go.set()
        assert done.wait(5)
    assert server.requests == []


def test_a_retry_after_is_kept_and_the_last_answer_told():
    """Three answers with 503 make three tries, spaced as the server asked."""
    clock = FakeClock()
    step = answer(503, b"busy", {"Retry-After": "2"})
    with ScriptedHTTP([step, step, answer(200, b"ok")]) as server:
        retry = Retry(RetryPolicy(), Deadline(60, clock))
        assert retry(lambda: http.check(post(server.url), "hook")).text == "ok"
    assert clock.slept == [pytest.approx(2.4)] * 2


LINK_LOCAL = [
    "169.254.169.254",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:169.254.169.254]",
    "[::a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
]


@pytest.mark.parametrize("host", LINK_LOCAL)
def test_link_local_addresses_are_refused_in_every_writing(host):
    """The cloud's credentials are not a webhook."""
    url = f"http://{host}/latest/{CANARY}"
    with pytest.raises(ConfigError) as caught:
        http.check_url(url)
    error = error_of(lambda: post(url))
    assert (type(error), error.reason) == (ActionError, "client")
    assert CANARY not in f"{error}{caught.value}"
    assert http.check_url(url, allow_link_local=True) == url


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1"])
def test_a_name_that_leads_to_a_link_local_address_is_refused(monkeypatch, address):
    """Also when only one of its addresses does, and no connection is tried."""

    def resolve(host, port, *args, **options):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (family, socket.SOCK_STREAM, 6, "", (address, port)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with ScriptedHTTP() as server:
        error = error_of(lambda: post(f"http://metadata.localhost:{server.port}/"))
    assert (type(error), error.reason) == (ActionError, "client")
    assert "refused" in str(error)


def test_a_name_is_resolved_once_and_its_address_kept(monkeypatch):
    """A name that leads elsewhere when asked again has no second chance."""
    asked = []
    resolve = socket.getaddrinfo

    def once(host, port, *args, **options):
        asked.append(host)
        return resolve("127.0.0.1" if len(asked) == 1 else "169.254.169.254", port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    with ScriptedHTTP([answer()]) as server:
        assert post(f"http://rebind.localhost:{server.port}/").status == 200
    assert asked == ["rebind.localhost"]
    assert server.requests[0].headers["host"] == f"rebind.localhost:{server.port}"


@pytest.mark.parametrize("url", ["http://localhost/a", "https://10.0.0.1:8443/", "http://loki.monitoring.svc/x?y=z"])
def test_services_inside_a_cluster_are_allowed(url):
    """Loopback and private addresses are where in-cluster services are."""
    assert http.check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        CANARY,
        f"ftp://host/{CANARY}",
        f"file:///{CANARY}",
        f"gopher://host/{CANARY}",
        f"http:///{CANARY}",
        f"http://user:{CANARY}@host/",
        f"https://hooks.slack.com@evil.example/{CANARY}",
        f"http://host/{CANARY} x",
        f"http://host/{CANARY}\r\nX: y",
        f"http://host\\@evil/{CANARY}",
        f"http://host:99999/{CANARY}",
        f"http://host:0/{CANARY}",
        f"http://[::1/{CANARY}",
        f"http://ho%73t/{CANARY}",
        f"http://①②⑦.0.0.1/{CANARY}",
        f"http://{{{{x}}}}/{CANARY}",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_without_being_told(url):
    """A wrong URL is named by scheme and host at most, because the rest of it is a secret."""
    with pytest.raises(ConfigError) as caught:
        http.check_url(url)
    error = error_of(lambda: post(url))
    assert error.reason == "client"
    assert CANARY not in f"{error}{caught.value}"


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "\u2028"}, {"X y": "a"}, {"": "a"}])
def test_a_header_cannot_break_out(headers):
    """No value makes another header, and none is told."""
    with ScriptedHTTP() as server:
        error = error_of(lambda: post(server.url, headers=headers))
    assert error.reason == "client"
    assert "Y: b" not in str(error)


KINDS = {
    **dict.fromkeys((408, 425, 429, 500, 503, 521, 523, 529), Retryable),
    **dict.fromkeys(range(100, 200), Unknown),
    **dict.fromkeys(range(200, 300), None),
    **dict.fromkeys((502, 504, 520, 522, 524, 598, 599), Unknown),  # a gateway's word
}
REASONS = {401: "auth", 403: "auth", 407: "auth", 408: "timeout", 429: "rate", 529: "rate"}


@pytest.mark.parametrize("idempotent", [False, True])
@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_verdict(status, idempotent):
    """One table for all of them, and nothing is left out."""
    kind = KINDS.get(status, ActionError)
    if idempotent and status in (502, 504, 520, 522, 524, 598, 599):
        kind = Retryable
    found = http.verdict(status, idempotent=idempotent)
    assert found.kind is kind
    default = "client" if 300 <= status <= 499 else "server" if status >= 500 or status == 425 else "other"
    assert found.reason == REASONS.get(status, "server" if status == 425 else default)
    response = http.Response(status, host="host")
    if kind is None:
        assert http.check(response, "hook") is response
    else:
        with pytest.raises(kind) as caught:
            http.check(response, "hook", idempotent=idempotent)
        assert type(caught.value) is kind
        assert str(caught.value).startswith(f"hook: {status}")


@pytest.mark.parametrize("status", [0, -1, 99, 600, 999])
def test_what_is_no_status_is_unknown(status):
    """Nobody knows what such a server did."""
    assert http.verdict(status, idempotent=True).kind is Unknown


def test_an_error_tells_status_host_and_a_piece_of_the_answer():
    """Enough to act on: what, which status in words, from where, and what it said on one line."""
    response = http.Response(404, body=b"no\nsuch \x1b[31mhook " + b"x" * 500, host="hooks.example.com")
    text = str(error_of(lambda: http.check(response, "slack webhook")))
    assert text.startswith("slack webhook: 404 not found from hooks.example.com: no such hook xxx")
    assert len(text) < 270
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("values", "after"),
    [
        (["7"], 7),
        (["2.5"], 2.5),
        (["Thu, 01 Jan 1970 00:01:40 GMT"], 90),
        (["-5"], 0),
        (["junk"], None),
        (["3", "9"], 9),
        ([], None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_understood(status, values, after):
    """In seconds, fractions or as a date; the longest of several; nonsense is none."""
    headers = http.Headers([("Retry-After", value) for value in values])
    error = error_of(lambda: http.check(http.Response(status, headers), "hook", now=lambda: 10.0))
    assert isinstance(error, Retryable)
    assert error.after == after


@pytest.mark.parametrize("status", [403, 404, 413, 423, 501, 507])
def test_who_says_when_to_come_again_is_waited_for_whatever_the_status(status):
    """As GitHub's limits, which are a 403; without a time such a status is final."""
    headers = http.Headers([("Retry-After", "3")])
    error = error_of(lambda: http.check(http.Response(status, headers), "hook"))
    assert isinstance(error, Retryable)
    assert (error.after, error.later, error.doubt) == (3, True, False)
    assert type(error_of(lambda: http.check(http.Response(status), "hook"))) is ActionError


@pytest.mark.parametrize(("status", "kind"), [(302, ActionError), (502, Unknown), (524, Unknown)])
def test_a_time_to_come_again_makes_nothing_else_of_a_redirect_or_a_doubt(status, kind):
    """A redirect stays one, and what may have arrived is not sent again."""
    headers = http.Headers([("Retry-After", "3")])
    assert type(error_of(lambda: http.check(http.Response(status, headers), "hook"))) is kind


@pytest.mark.parametrize(
    "body",
    [
        *(
            "<html>",
            " \r\n<!DOCTYPE html><p>",
            "\ufeff<HTML lang=en>",
            "<!-- a --><!-- b -->\n<html>",
            "<head><title>Sign in",
        ),
        *('<?xml version="1.0"?><!DOCTYPE html>', "<script>location='/login'</script>", "<body onload=x>"),
    ],
)
def test_a_page_for_people_is_known(body):
    """Whatever stands before its first tag."""
    assert is_page(http.Response(200, body=body.encode()))


@pytest.mark.parametrize(
    "body", ["", "ok", "{}", "<headers/>", '{"html": "<html>"}', "<!--", "<!---->" * 600, "<?xml version='1.0'?><ok/>"]
)
def test_what_an_api_says_is_no_page(body):
    """And nothing in it takes long to look at."""
    assert not is_page(http.Response(200, body=body.encode()))


@pytest.mark.parametrize("length", ["-5", "-1", "zz"])
def test_nonsense_in_an_answer_says_nothing_of_the_request(length):
    """The request has left, so that it may have arrived, and is not called one that cannot be written."""

    def play(exchange):
        exchange.read()
        exchange.send(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length}\r\nok".encode())

    with ScriptedHTTP([play]) as server:
        error = error_of(lambda: post(server.url))
    assert isinstance(error, Unknown)
    assert "may have arrived" in str(error)


def test_other_successes_can_be_asked_for():
    """A channel may take 404 for done, and 200 for a failure."""
    assert http.check(http.Response(404), "delete", ok=(204, 404)).status == 404
    assert type(error_of(lambda: http.check(http.Response(200), "create", ok=(201,)))) is ActionError


def test_tls_is_verified_with_the_given_authority():
    """A certificate of an own authority is good where its file is given."""
    with ScriptedHTTP([answer(200, b"ok")], tls=True) as server:
        assert post(server.url, ca_file=server.ca_file).text == "ok"


@pytest.mark.parametrize(
    ("certificate", "trusted", "told"),
    [
        ("localhost", False, "self-signed"),
        ("wrong-host", True, "another"),
        ("expired", True, "has expired"),
    ],
)
def test_a_bad_certificate_is_permanent_and_explained(certificate, trusted, told):
    """It fails closed, says what is wrong, and is not tried again."""
    with ScriptedHTTP(tls=True, certificate=certificate) as server:
        error = error_of(lambda: post(server.url, ca_file=server.ca_file if trusted else None))
    assert (type(error), error.reason) == (ActionError, "client")
    assert told in str(error)


def test_plain_http_where_tls_was_asked_for_is_permanent():
    """A wrong scheme or port is not cured by trying again."""

    def greet(exchange):
        exchange.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        exchange.connection.reader.read(1)

    with ScriptedHTTP([greet]) as server:
        error = error_of(lambda: post(server.url.replace("http:", "https:")))
    assert type(error) is ActionError
    assert "does not speak tls" in str(error)


def test_tls_is_modern_and_the_context_one():
    """Nothing before 1.2, always verified, and made once because that takes tens of milliseconds."""
    import ssl

    from exitkit.clients.tcp import tls

    context = tls()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls() is context


def test_keys_of_sessions_are_not_written_down(monkeypatch, tmp_path):
    """SSLKEYLOGFILE in a pod gives nothing away."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with ScriptedHTTP([answer()], tls=True) as server:
        copy = tmp_path / "ca.pem"
        copy.write_text(Path(server.ca_file).read_text())
        post(server.url, ca_file=str(copy))
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "option", [{"ca_file": "/nowhere.pem"}, {"client_cert": "/nowhere.pem"}, {"proxy": "gopher://nonsense"}]
)
def test_what_cannot_be_used_is_a_matter_of_configuration(option):
    """A missing file is named, and the proxy's address is not, for it may hold a password."""
    with pytest.raises(ConfigError) as caught:
        post("https://127.0.0.1:1/", **option)
    assert "/nowhere.pem" in str(caught.value) or "proxy" in str(caught.value)


def test_no_password_is_taken_from_a_netrc(monkeypatch, tmp_path):
    """A file that happens to be there does not change what a request says."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with ScriptedHTTP([answer()]) as server:
        assert post(server.url).status == 200
    assert "authorization" not in server.requests[0].headers


def test_a_proxy_is_used_when_it_is_given():
    """It gets the whole URL of plain HTTP, and its own password only."""
    with ScriptedHTTP([answer(200, b"ok")]) as proxy:
        url = proxy.url.replace("http://", "http://me:p%40ss@")
        assert post("http://elsewhere.example/x", proxy=url).text == "ok"
    assert proxy.requests[0].path == "http://elsewhere.example/x"
    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


@pytest.mark.parametrize(("status", "kind"), [(403, ActionError), (407, ActionError), (503, Retryable)])
def test_a_proxy_that_refuses_has_passed_nothing_on(status, kind):
    """The request itself never left, so that its outcome is known."""
    with ScriptedHTTP([answer(status, b"", {"Connection": "close"})]) as proxy:
        error = error_of(lambda: post(f"https://elsewhere.example/{CANARY}", proxy=proxy.url))
    assert type(error) is kind
    assert f"the proxy answers {status}" in str(error)
    assert proxy.requests[0].method == "CONNECT"


def test_a_proxy_is_not_asked_for_link_local_addresses():
    """What the proxy could reach is refused as well."""
    with ScriptedHTTP() as proxy:
        error = error_of(lambda: post("http://0xa9fea9fe/", proxy=proxy.url))
    assert type(error) is ActionError


FAULTS = {
    **{name: [step] for name, step in AFTER.items()},
    "500": [answer(500, f"failed at /{CANARY}/x with {CANARY}")],
    "404": [answer(404, f"no {CANARY}")],
    "302": [redirect(f"https://elsewhere.example/{CANARY}")],
    "json": [answer(200, f"no json {CANARY}")],
    "odd headers": [lambda exchange: (exchange.read(), exchange.send(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\nx"))],
    "tls": [],
    "no one there": [],
    "unknown name": [],
    "bad header": [],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_secret_is_told(fault, caplog, capfd):
    """Not in an error, in what it hangs on to, in a log at DEBUG, or on a stream; whatever goes wrong."""
    redact.remember(CANARY)
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool", "urllib3.connection"):
        caplog.set_level(logging.DEBUG, logger=name)
    headers = {"Authorization": f"Bearer {CANARY}"} | ({"X": f"{CANARY}\n"} if fault == "bad header" else {})
    with ScriptedHTTP(FAULTS[fault], tls=fault == "tls") as server:
        base = {
            "no one there": f"http://127.0.0.1:{closed_port()}",
            "unknown name": "http://nobody.invalid",
        }.get(fault, server.url)
        try:
            response = post(f"{base}/{CANARY}?sig={CANARY}", headers=headers, timeout=SHORT)
            http.check(response, "hook").json()
            raise AssertionError("the fault was none")
        except ActionError as error:
            told = "".join(traceback.format_exception(error)) + repr(error)
            seen = error
            while seen is not None:
                told += str(seen) + repr(seen)
                seen = seen.__cause__ or seen.__context__
    told += caplog.text + "".join(capfd.readouterr())
    told = "\n".join(line for line in told.splitlines() if "CANARY" not in line)
    assert CANARY not in told


def test_importing_loads_neither_urllib3_nor_tls():
    """A step that sends nothing does not pay for a client."""
    code = (
        "import sys, exitkit.clients.http, exitkit.notify.email.smtp;"
        "print([one for one in ('urllib3', 'ssl', 'http.client', 'smtplib') if one in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_no_socket_is_left_open():
    """Closed connections leave nothing for the garbage collector to complain about."""
    with ScriptedHTTP([answer(), huge(1_000_000), reset()]) as server:
        post(server.url)
        post(server.url)
        error_of(lambda: post(server.url))
    gc.collect()
