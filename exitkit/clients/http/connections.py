"""urllib3's connections, with checked addresses, a word before the first byte, and nothing to log."""

import logging
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from exitkit.clients.tcp import dial, tls
from exitkit.errors import ConfigError
from exitkit.retry import sending

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager
    from urllib3.connection import HTTPConnection
else:  # they come in by the classes made in `_pool_classes`
    HTTPConnection = HTTPResponse = object

_INTERIM = 16  # answers of 1xx before the real one; http.client would read them without end
_CHUNK = 65_536  # bytes of one read or write, so that a time-out is not one for the whole of a large body
# These tell paths, and with them secrets: at DEBUG, and as a warning when headers are malformed.
_TELLTALES = ("connectionpool", "connection", "poolmanager", "response", "util.retry")


class Timeouts(NamedTuple):
    """Seconds for one connection, and for one read or write.

    3 s suffice for a packet that is lost once, and 10 s for the slowest of the vendors' own limits;
    a whole attempt is bounded by `RetryPolicy.attempt_timeout` alone, because a server may drip.
    """

    connect: float = 3.0
    read: float = 10.0


@dataclass(kw_only=True, eq=False)
class Wiring:
    """How connections are made.

    `proxy` is a URL, with user and password where the proxy wants them. It resolves names, so that
    behind one only literal link-local addresses are refused. `client_cert` is a file with
    certificate and key, or two. `connections` is how many are kept for each host.
    """

    timeout: Timeouts = field(default_factory=Timeouts)
    ca_file: str | None = None
    proxy: str | None = field(default=None, repr=False)
    client_cert: str | tuple[str, str] | None = None
    allow_link_local: bool = False
    connections: int = 8  # as many as steps that run together


class Unsent(Exception):
    """No connection came about; `problem` says why."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem


def opened(wiring: Wiring, *, secure: bool) -> "PoolManager":
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
    if wiring.proxy is None:
        pools = urllib3.PoolManager(maxsize=wiring.connections, ssl_context=context)
    else:
        parts = urlsplit(wiring.proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("the proxy must be a url with http:// or https:// and a host")
        user, _, authority = parts.netloc.rpartition("@")
        pools = urllib3.ProxyManager(
            f"{parts.scheme}://{authority}",
            proxy_headers=urllib3.make_headers(proxy_basic_auth=unquote(user)) if user else None,
            proxy_ssl_context=context,
            maxsize=wiring.connections,
            ssl_context=context,
        )
    pools.pool_classes_by_scheme = _pool_classes(wiring.timeout.read, link_local=wiring.allow_link_local)
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
    """A connection that checks where it leads and tells when the first byte leaves."""

    read_timeout: float
    link_local: bool

    def _new_conn(self) -> socket.socket:
        # urllib3's timeout is the one for connecting until `request` is called.
        return dial(self._dns_host, self.port, self.timeout or self.read_timeout, allow_link_local=self.link_local)

    def connect(self) -> None:
        try:
            super().connect()
        except Exception as error:
            self.close()
            raise Unsent(error) from error

    def request(self, *args: Any, **options: Any) -> None:
        if self.is_closed:
            self.connect()
        self.timeout = self.read_timeout  # a large body takes longer to leave than a connection to come about
        sending()
        super().request(*args, **options)

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


def _pool_classes(read_timeout: float, *, link_local: bool) -> "dict[str, type[HTTPConnectionPool]]":
    import http.client

    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    finite = type("FiniteResponse", (_Finite, http.client.HTTPResponse), {})
    ours = {"read_timeout": read_timeout, "link_local": link_local, "response_class": finite}
    plain = type("PlainConnection", (_Watched, HTTPConnection), ours)
    secure = type("SecureConnection", (_Watched, HTTPSConnection), ours)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
