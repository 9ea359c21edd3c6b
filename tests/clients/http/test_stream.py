"""Answers that are read piece by piece."""

import tracemalloc

import pytest

from exitkit.clients.http import Client, Timeouts
from exitkit.errors import ActionError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer, break_off, garbage, hang, huge, redirect, reset


def ask(client, server, **more):
    return client.stream(f"{server.url}/log", what="reading", headers=more)


def test_pieces_are_all_of_the_body():
    """With status and headers before it."""
    with ScriptedHTTP([answer(200, b"x" * 200_000, {"X-A": "b"})]) as server, Client() as client:
        stream = ask(client, server, Accept="text/plain")
        assert (stream.status, stream.headers["x-a"]) == (200, "b")
        assert b"".join(stream.pieces()) == b"x" * 200_000
        stream.close()
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_a_large_body_takes_no_memory():
    """Half a gigabyte in pieces."""
    with ScriptedHTTP([huge(1 << 29)]) as server, Client() as client:
        tracemalloc.start()
        stream = ask(client, server)
        count = sum(len(piece) for piece in stream.pieces())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        stream.close()
    assert count == 1 << 29
    assert peak < 8 << 20


def test_closing_early_gives_the_rest_up():
    """The connection goes with it; the next answer has one of its own."""
    with ScriptedHTTP([huge(1 << 24), answer(200, b"next")]) as server, Client() as client:
        stream = ask(client, server)
        next(stream.pieces())
        stream.close()
        other = ask(client, server)
        assert b"".join(other.pieces()) == b"next"
        other.close()


def test_one_that_breaks_off_may_be_tried_again():
    """What came, came."""
    with ScriptedHTTP([break_off(b"half")]) as server, Client() as client:
        pieces = ask(client, server).pieces()
        assert next(pieces) == b"half"
        with pytest.raises(Retryable, match="broke off"):
            next(pieces)


def test_one_that_goes_silent_ends():
    """After the time that a read may take."""

    def silent(exchange):
        exchange.read()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        exchange.hang()

    with ScriptedHTTP([silent]) as server, Client(timeout=Timeouts(connect=1, read=0.2)) as client:
        pieces = ask(client, server).pieces()
        assert next(pieces) == b"first"
        with pytest.raises(Retryable, match="went silent in the middle"):
            next(pieces)


@pytest.mark.parametrize("step", [reset(), garbage(), hang()])
def test_no_answer_may_be_tried_again(step):
    """To read does no harm twice."""
    with ScriptedHTTP([step]) as server, Client(timeout=Timeouts(connect=1, read=0.2)) as client:
        with pytest.raises(Retryable):
            ask(client, server)


def test_a_redirect_is_not_followed():
    """The credentials would go along."""
    with ScriptedHTTP([redirect("http://127.0.0.1:1/")]) as server, Client() as client:
        stream = ask(client, server)
        assert stream.status == 302
        stream.close()


def test_what_must_not_be_asked_is_not():
    """A link-local address, a header with a line break."""
    with Client() as client, pytest.raises(ActionError):
        client.stream("http://169.254.169.254/", what="reading", headers={})
    with ScriptedHTTP() as server, Client() as client, pytest.raises(ActionError):
        ask(client, server, X="a\nb")


def test_a_server_that_is_not_there_may_be_tried_again():
    """Nothing has left."""
    with ScriptedHTTP() as server:
        gone = server.url
    with Client(timeout=Timeouts(connect=1, read=1)) as client, pytest.raises(Retryable, match="reading: ") as told:
        client.stream(f"{gone}/log", what="reading", headers={})
    assert told.value.reason == "network"
