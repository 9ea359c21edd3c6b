"""The scripted HTTP server does what its script says, and tells when a test does something else."""

import contextlib
import socket
import threading

import pytest

from exitkit.clients import http
from exitkit.testing.http import ScriptedHTTP, answer, answer_json, drip, hang, huge, reset, slow


def get(server, path="/", method="GET"):
    return http.request(method, server.url + path, what="test", ca_file=server.ca_file)


def test_steps_are_played_in_order_and_requests_are_kept():
    """What was asked and what was answered can be looked at afterwards."""
    with ScriptedHTTP([answer(201, "one"), answer_json({"two": 2})]) as server:
        assert get(server, "/a?b=c").status == 201
        assert get(server).json() == {"two": 2}
    assert [(one.method, one.path) for one in server.requests] == [("GET", "/a?b=c"), ("GET", "/")]
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("tls", [False, True])
def test_a_body_is_read(tls):
    """With and without TLS."""
    with ScriptedHTTP([answer()], tls=tls) as server:
        http.request("POST", server.url, body=b'{"a": 1}', what="test", ca_file=server.ca_file)
    assert server.requests[0].json() == {"a": 1}


def test_a_step_that_was_not_played_fails_the_test():
    """A test that expects a second try does not pass without one."""
    with pytest.raises(AssertionError, match="1 more step"), ScriptedHTTP([answer(), answer()]) as server:
        get(server)


def test_a_request_that_is_not_in_the_script_fails_the_test():
    """A test that expects no second try does not pass with one, and says which it was."""
    with pytest.raises(AssertionError, match="DELETE /x"), ScriptedHTTP([answer()]) as server:
        get(server)
        assert get(server, "/x", "DELETE").status == 500


def test_an_error_of_the_test_goes_first():
    """What is wrong with the script is not told in the place of what went wrong before."""
    with pytest.raises(KeyError), ScriptedHTTP([answer()]):
        raise KeyError


def test_leaving_ends_everything_that_hangs():
    """No thread and no socket outlives the block, whatever it waits for."""
    before = threading.active_count()
    met = threading.Semaphore(0)
    with contextlib.ExitStack() as stack:
        with ScriptedHTTP([slow(met.release, step) for step in (hang(), drip(), huge())]) as server:
            for _ in range(3):
                sock = stack.enter_context(socket.create_connection((server.host, server.port), 5))
                sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert met.acquire(timeout=5)
            stack.enter_context(socket.create_connection((server.host, server.port)))
        assert threading.active_count() == before


def test_a_tick_drives_a_drip():
    """A test decides when each byte leaves."""
    ticks = []
    with ScriptedHTTP([drip(b"abc", tick=lambda: ticks.append(1))]) as server:
        assert get(server).body == b"abc"
    assert len(ticks) > 3


def test_a_slow_step_waits_for_what_it_is_given():
    """Slowness is an event of the test and no sleep."""
    told = threading.Event()
    with ScriptedHTTP([slow(told.set, answer(200, "late"))]) as server:
        assert get(server).text == "late"
    assert told.is_set()


def test_a_reset_is_a_reset():
    """The client sees a broken connection and no end of file."""
    with ScriptedHTTP([reset()]) as server, socket.create_connection((server.host, server.port)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_the_answer_to_head_has_no_body():
    """It announces one all the same."""
    with ScriptedHTTP([answer(200, b"body"), answer()]) as server, http.Client() as client:
        response = client.request("HEAD", server.url, what="test")
        assert (response.body, response.headers["content-length"]) == (b"", "4")
        assert client.request("GET", server.url, what="test").status == 200
