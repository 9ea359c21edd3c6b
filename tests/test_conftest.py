"""Tests cannot leave the machine, and do not see the caller's environment."""

import os
import socket

import pytest


def test_no_test_reaches_another_machine():
    """A connection, a datagram or a look-up that would leave this machine fails the test that tries."""
    with pytest.raises(pytest.fail.Exception, match="not this machine"), socket.socket() as stream:
        stream.connect(("192.0.2.1", 443))
    with pytest.raises(pytest.fail.Exception, match="asked for the address"):
        socket.create_connection(("192.0.2.1", 443))
    with (
        pytest.raises(pytest.fail.Exception, match="not this machine"),
        socket.socket(type=socket.SOCK_DGRAM) as packets,
    ):
        packets.sendto(b"x", ("192.0.2.1", 514))
    with pytest.raises(pytest.fail.Exception, match="asked for the address"):
        socket.getaddrinfo("hooks.slack.com", 443)


def test_this_machine_is_within_reach():
    """Loopback works by number and by name, for streams and for datagrams."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1]), timeout=5).close()
    with socket.socket(type=socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as sender:
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"x", receiver.getsockname())
        assert receiver.recv(1) == b"x"


def test_an_invalid_name_does_not_exist():
    """A name under .invalid fails as a resolver would fail it, without one."""
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.invalid", 443)


def test_the_environment_is_clean():
    """No variable that exitkit or a proxy reads comes in from outside."""
    assert not [
        name for name in os.environ if name.startswith(("EXITKIT_", "ARGO_")) or name.upper().endswith("_PROXY")
    ]
