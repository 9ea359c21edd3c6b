"""The one HTTP client: no redirects, no retries, a bounded answer, proxies as other tools take them, no secret told.

Errors are ours: before the first byte has left `Retryable` or, where another try cannot help,
`ActionError`; afterwards `Unknown`, or `Retryable` where a second arrival does no harm, in doubt unless it was only read.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from exitkit.clients.http.connections import Timeouts, Unsent, Wiring, opened, read
from exitkit.clients.http.response import Headers, Response, Verdict, check, is_doubtful, verdict
from exitkit.clients.http.stream import StreamedResponse
from exitkit.clients.proxy import Proxy
from exitkit.clients.tcp import handshake, unsent
from exitkit.clients.url import check_url
from exitkit.errors import ActionError, ConfigError, Reason, Retryable, Unknown
from exitkit.retry import show
from exitkit.version import __version__

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

__all__ = [
    "LIMIT",
    "Client",
    "Headers",
    "Response",
    "StreamedResponse",
    "Timeouts",
    "Verdict",
    "check",
    "check_url",
    "is_doubtful",
    "request",
    "verdict",
]

T = TypeVar("T")

LIMIT = 65_536
"""Bytes of a body that are read unless more is asked for; the APIs of all channels answer with less."""

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2
_READS = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110, 9.2.1
_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(kw_only=True, eq=False)
class Client(Wiring):
    """Connections that are kept for further requests; for several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    # By whether with TLS, and by the proxy that leads there.
    _pools: "dict[tuple[bool, Proxy | None], PoolManager]" = field(default_factory=dict, init=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses; the client can be used again."""
        with self._lock:
            for pools in self._pools.values():
                pools.clear()

    def request(  # noqa: PLR0913 - what a request is made of, by name
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = LIMIT,
        idempotent: bool | None = None,
        reads: bool | None = None,
    ) -> Response:
        """Send one request and read at most `limit` bytes of its answer, whatever the status is.

        `what` begins the text of an error. `idempotent` says whether a second arrival does no harm, and `reads` whether
        an arrival changes nothing; None leaves either to the method. Raises Retryable, Unknown, ActionError, and ConfigError for a
        file or proxy that cannot be used.
        """
        safe = method in _IDEMPOTENT if idempotent is None else idempotent
        changes = method not in _READS if reads is None else not reads
        sent = _headers(method, headers or {}, what)

        def whole(proxy: Proxy | None) -> Response:
            answer = self._asked(method, url, sent, body, proxy)
            try:
                # An error's words are read however little was asked for.
                most = limit if 200 <= answer.status <= 299 else max(limit, LIMIT)
                data = read(answer, most + 1)
                if len(data) > most:
                    answer.close()  # and the connection: what is left of the body will not be read
            finally:
                answer.release_conn()
            came = Headers(answer.headers.iteritems())
            return Response(answer.status, came, data[:most], urlsplit(url).netloc, len(data) > most, not changes)

        return self._told(whole, url, what, safe=safe, changes=changes)

    def stream(self, url: str, *, what: str, headers: Mapping[str, str] | None = None) -> StreamedResponse:
        """Ask with GET, and read no more than the answer's headers; close what this gives. Raises as `request`."""
        sent = _headers("GET", headers or {}, what)
        answer = self._told(lambda proxy: self._asked("GET", url, sent, b"", proxy), url, what, safe=True)

        def piece(size: int) -> bytes:
            return self._told(lambda _: answer.read1(size, decode_content=False), url, what, safe=True, begun=True)

        came = Headers(answer.headers.iteritems())
        return StreamedResponse(answer.status, came, urlsplit(url).netloc, piece, answer)

    def _told(  # noqa: PLR0913 - what an error tells, by name
        self,
        ask: Callable[[Proxy | None], T],
        url: str,
        what: str,
        *,
        safe: bool,
        changes: bool = False,
        begun: bool = False,
    ) -> T:
        """What is asked on the way to a URL, and what goes wrong on it as errors of ours.

        `changes` says that its arrival would change something, `begun` that the answer has begun to come.
        """
        _check(url, what, allow_link_local=self.allow_link_local)
        proxy, where = self.route(url), urlsplit(url).netloc
        if proxy is not None:
            where = f"{where} through the proxy {proxy.name}"
        began = time.monotonic()
        try:
            return ask(proxy)
        except Unsent as error:
            problem = unsent(error.problem, what, where)
        except (ActionError, ConfigError):
            raise
        except Exception as error:  # of urllib3, http.client, ssl and socket; their texts hold the url
            silence = "went silent in the middle of its answer, for" if begun else "gave no answer for"
            told = f"{where} {silence} {time.monotonic() - began:.1f} s"
            problem = _unanswered(error, what, where, told, safe=safe, changes=changes)
        raise problem  # outside, so that no error of theirs hangs on to it

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, proxy: Proxy | None
    ) -> "BaseHTTPResponse":
        from urllib3 import Timeout

        answer = self._opened(url, proxy).urlopen(
            method,
            url,
            body=body or None,
            headers=headers,
            timeout=Timeout(connect=self.timeout.to_connect(), read=self.timeout.to_read()),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        show("answered")
        return answer

    def _opened(self, url: str, proxy: Proxy | None) -> "PoolManager":
        secure = "https" in (urlsplit(url).scheme, proxy.scheme if proxy else "")
        with self._lock:
            if (secure, proxy) not in self._pools:
                self._pools[secure, proxy] = opened(self, proxy, secure=secure)
            return self._pools[secure, proxy]


def request(  # noqa: PLR0913 - what a request and its connection are made of, by name
    method: str,
    url: str,
    *,
    what: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    limit: int = LIMIT,
    idempotent: bool | None = None,
    reads: bool | None = None,
    timeout: Timeouts | None = None,
    ca_file: str | None = None,
    proxy: str | None = None,
    client_cert: str | tuple[str, str] | None = None,
    allow_link_local: bool = False,
) -> Response:
    """One request on a connection of its own; see `Client` and `Client.request`."""
    with Client(
        timeout=timeout or Timeouts(),
        ca_file=ca_file,
        proxy=proxy,
        client_cert=client_cert,
        allow_link_local=allow_link_local,
    ) as client:
        return client.request(
            method, url, what=what, headers=headers, body=body, limit=limit, idempotent=idempotent, reads=reads
        )


def _headers(method: str, headers: Mapping[str, str], what: str) -> dict[str, str]:
    """Those of a request with those that are ours. Raises ActionError for what cannot be sent."""
    if not _METHOD.fullmatch(method):
        raise ActionError(f"{what}: no such http method: correct it", reason="client")
    for name, value in headers.items():
        if not (_HEADER.fullmatch(name) and _VALUE.fullmatch(value)):
            told = "a header holds a line break or a character outside latin-1: remove it"
            raise ActionError(f"{what}: {told}", reason="client")
    own = {} if any(name.lower() == "user-agent" for name in headers) else {"User-Agent": f"exitkit/{__version__}"}
    given = {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
    return {**own, "Accept-Encoding": "identity", **given}


def _check(url: str, what: str, *, allow_link_local: bool) -> None:
    """Raises ActionError if no request must go there."""
    try:
        check_url(url, allow_link_local=allow_link_local)
    except ConfigError as error:
        told = str(error)
    else:
        return
    raise ActionError(f"{what}: {told}", reason="client")


def _unanswered(  # noqa: PLR0913 - as above
    error: Exception, what: str, where: str, silent: str, *, safe: bool, changes: bool
) -> ActionError:
    """What it means that no whole answer came; the request has left, unless it could not be put together.

    `silent` is what to tell where it is silence.
    """
    import http.client

    from urllib3 import exceptions

    if isinstance(error, exceptions.HTTPError):
        raw = next((one for one in reversed(error.args) if isinstance(one, Exception)), error)
    else:
        raw = error
    if isinstance(raw, OSError) and (refusal := handshake(raw, what, where)):
        return refusal  # TLS 1.3 tells what it holds of a client certificate only with the first answer
    if isinstance(raw, ValueError) and not isinstance(raw, exceptions.ResponseError):
        return ActionError(
            f"{what}: the request to {where} cannot be written: correct url and headers", reason="client"
        )
    late = isinstance(raw, TimeoutError | exceptions.TimeoutError)
    if late:
        told = silent
    elif isinstance(raw, http.client.RemoteDisconnected):
        told = f"{where} closed the connection without an answer"
    elif isinstance(raw, http.client.IncompleteRead | exceptions.IncompleteRead):
        told = f"{where} broke off in the middle of its answer"
    elif isinstance(raw, OSError):
        told = f"{where} broke the connection"
    else:
        told = f"{where} answered with what is no http"
    reason: Reason = "timeout" if late else "network"
    return (
        Retryable(f"{what}: {told}", reason=reason, doubt=changes)
        if safe
        else Unknown(f"{what}: {told}; it may have arrived", reason=reason)
    )
