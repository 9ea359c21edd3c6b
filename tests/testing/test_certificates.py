"""Certificates of scripted servers: as strict clients want them, and wrong in one way where that is asked for."""

import functools
import ssl
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exitkit.testing import certificates
from exitkit.testing.certificates import certificate_file


def handshake(file, host="localhost"):
    """A strict client and a server, in memory; raises as the client does."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=file)
    server.load_cert_chain(file)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ways = [ssl.MemoryBIO(), ssl.MemoryBIO()]
    ends = [
        client.wrap_bio(ways[0], ways[1], server_hostname=host),
        server.wrap_bio(ways[1], ways[0], server_side=True),
    ]
    for end in ends * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return ends[0].version()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_client_takes_it(host):
    """By each of the names that loopback has."""
    assert handshake(certificate_file(), host) == "TLSv1.3"


def test_one_for_another_host_is_refused():
    """As its name says."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"[Hh]ostname mismatch"):
        handshake(certificate_file("wrong-host"))


def test_an_expired_one_is_refused():
    """As its name says."""
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        handshake(certificate_file("expired"))


def test_it_is_made_once_and_for_its_owner():
    """A server and its client have the same one, and nobody else reads the key."""
    assert certificate_file() == certificate_file("localhost")
    assert stat.S_IMODE(Path(certificate_file()).stat().st_mode) == 0o600


def test_threads_get_the_same_one(monkeypatch):
    """A server asks for it in its own thread, at the moment in which the test asks for its client."""
    asked = []
    monkeypatch.setattr(certificates, "_made", functools.cache(certificates._made.__wrapped__))
    monkeypatch.setattr(certificates, "_folder", functools.cache(certificates._folder.__wrapped__))
    monkeypatch.setattr(certificates, "_pem", lambda name: asked.append(name) or b"")
    with ThreadPoolExecutor(8) as pool:
        files = set(pool.map(lambda _: certificate_file(), range(64)))
    assert (len(files), asked) == (1, ["localhost"])
