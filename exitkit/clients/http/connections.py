"""urllib3's connections, with checked addresses, a word before the first byte, and nothing to log."""

import logging
import math
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from exitkit.clients.address import direct
from exitkit.clients.proxy import Proxy, find, parse
from exitkit.clients.tcp import tls
from exitkit.clients.tunnel import through
from exitkit.retry import sending, show, time_left

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager
    from urllib3.connection import HTTPConnection
else:  # they come in by the classes made in `_pool_classes`
    HTTPConnection = HTTPResponse = object

_UNBOUNDED = 15.0  # seconds of a read outside of any attempt
_SOONER = 0.1  # seconds before the end of an attempt, so that a silent server is told by its name
_SHORTEST = 0.05  # seconds; to a socket 0 means something else
_INTERIM = 16  # answers of 1xx before the real one; http.client would read them without end
_CHUNK = 65_536  # bytes of one read or write, so that a time-out is not one for the whole of a large body
# These tell paths, and with them secrets: at DEBUG, and as a warning when headers are malformed.
_TELLTALES = ("connectionpool", "connection", "poolmanager", "response", "util.retry")


class Timeouts(NamedTuple):
    """Seconds for one connection, and for one read or write; None is as much as the attempt under way allows.

    Of that a connection may take a fifth, for a name may have several addresses, but 3 s at least, in which a packet
    may be lost once. A whole attempt is bounded by `RetryPolicy.attempt_timeout` alone, because a server may drip.
    """

    connect: float | None = None
    read: float | None = None

    def to_connect(self) -> float:
        left = time_left()
        return _least(self.connect if self.connect is not None else max(3.0, (left or 0.0) / 5), left)

    def to_read(self) -> float:
        left = time_left()
        if self.read is None and left is None:
            return _UNBOUNDED
        return _least(self.read if self.read is not None else math.inf, None if left is None else left - _SOONER)


def _least(seconds: float, left: float | None) -> float:
    return max(_SHORTEST, seconds if left is None else min(seconds, left))


@dataclass(kw_only=True, eq=False)
class Wiring:
    """How connections are made.

    `proxy` is a URL, with user and password where the proxy wants them; without one the variables say, see
    `clients.proxy`. It resolves names, so that behind one only literal link-local addresses are refused.
    `client_cert` is a file with certificate and key, or two. `connections` is how many are kept for each host.
    """

    timeout: Timeouts = field(default_factory=Timeouts)
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    client_cert: str | tuple[str, str] | None = None
    allow_link_local: bool = False
    connections: int = 64  # as many as any action has requests at a time; one that is not made costs nothing

    def route(self, url: str) -> Proxy | None:
        """The proxy that leads to a URL, if one does. Raises ConfigError."""
        if self.proxy is not None:
            return parse(self.proxy, "the proxy")
        parts = urlsplit(url)
        return find(parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


class Unsent(Exception):
    """No connection came about; `problem` says why."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem


def opened(wiring: Wiring, proxy: Proxy | None, *, secure: bool) -> "PoolManager":
    """Connections by host, with TLS only if they are to be secure: a start without it takes half as long.

    Raises ConfigError.
    """
    import urllib3

    for name in _TELLTALES:
        logging.getLogger(f"urllib3.{name}").disabled = True
    files = wiring.client_cert
    certificate, key = (files, None) if files is None or isinstance(files, str) else files
    context = tls(wiring.ca_file, certificate, key, alpn="http/1.1") if secure else None
    pools: PoolManager
    if proxy is None or proxy.is_socks:
        pools = urllib3.PoolManager(maxsize=wiring.connections, ssl_context=context)
    else:
        pools = urllib3.ProxyManager(
            proxy.url,
            proxy_headers={"Proxy-Authorization": proxy.authorization} if proxy.authorization else None,
            proxy_ssl_context=tls(wiring.ca_file, alpn="http/1.1", beside=True) if secure else None,
            maxsize=wiring.connections,
            ssl_context=context,
        )
    pools.pool_classes_by_scheme = _pool_classes(wiring, proxy)
    return pools


def read(answer: "BaseHTTPResponse", most: int) -> bytes:
    """The body, or so many bytes of it."""
    data = bytearray()
    while len(data) < most:
        part = answer.read(min(_CHUNK, most - len(data)), decode_content=False)
        if not part:
            break
        data += part
    return bytes(data)


class _Watched(HTTPConnection):
    """A connection that checks where it leads and tells when the first byte leaves.

    What of urllib3 and http.client is replaced here is pinned by `tests/clients/http/test_connections.py`.
    """

    seconds: Timeouts
    link_local: bool
    via: Proxy | None

    def _new_conn(self) -> socket.socket:
        # urllib3's timeout is the one for connecting until `request` is called.
        seconds, via = self.timeout or self.seconds.to_connect(), self.via
        show("connecting")
        if via is None or not via.is_socks:
            return direct(self._dns_host, self.port, seconds, allow_link_local=self.link_local)
        sock = direct(via.host, via.port, seconds, allow_link_local=False)
        try:
            through(sock, via, self._dns_host, self.port, allow_link_local=self.link_local)
        except BaseException:
            sock.close()
            raise
        return sock

    def _tunnel(self) -> None:
        assert self.via is not None
        assert self.sock is not None
        assert self._tunnel_host is not None
        host, port = self._tunnel_host.strip("[]"), self._tunnel_port or 443
        through(self.sock, self.via, host, port, allow_link_local=self.link_local)

    def connect(self) -> None:
        try:
            super().connect()
        except Exception as error:
            self.close()
            raise Unsent(error) from error

    def request(self, *args: Any, **options: Any) -> None:
        if self.is_closed:
            self.connect()
        self.timeout = self.seconds.to_read()  # a large body takes longer to leave than a connection to come about
        sending()
        super().request(*args, **options)

    def getresponse(self) -> "Any":
        self.timeout = self.seconds.to_read()
        return super().getresponse()

    def send(self, data: Any) -> None:
        if not isinstance(data, bytes):
            super().send(data)
            return
        for begin in range(0, len(data), _CHUNK):
            super().send(data[begin : begin + _CHUNK])


class _Finite(HTTPResponse):
    """A response that does not wait for ever behind interim ones."""

    def _read_status(self) -> tuple[str, int, str]:
        import http.client

        for _ in range(_INTERIM):
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if not 100 <= found[1] <= 199 or found[1] == 101:
                return found
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("too many interim responses")


def _pool_classes(wiring: Wiring, proxy: Proxy | None) -> "dict[str, type[HTTPConnectionPool]]":
    import http.client

    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    finite = type("FiniteResponse", (_Finite, http.client.HTTPResponse), {})
    ours = {
        "seconds": wiring.timeout,
        "link_local": wiring.allow_link_local,
        "via": proxy,
        "response_class": finite,
    }
    plain = type("PlainConnection", (_Watched, HTTPConnection), ours)
    secure = type("SecureConnection", (_Watched, HTTPSConnection), ours)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
