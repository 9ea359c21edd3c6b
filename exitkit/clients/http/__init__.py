"""The one HTTP client: no redirects, no retries, a bounded answer, nothing from the environment, no secret told.

Errors are ours: before the first byte has left `Retryable` or, where another try cannot help,
`ActionError`; afterwards `Unknown`, or `Retryable` where a second arrival does no harm.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from exitkit.clients.http.connections import Timeouts, Unsent, Wiring, opened, read
from exitkit.clients.http.response import Headers, Response, Verdict, check, verdict
from exitkit.clients.tcp import handshake, refuse_literal, unsent
from exitkit.clients.url import check_url
from exitkit.errors import ActionError, ConfigError, Retryable, Unknown
from exitkit.version import __version__

if TYPE_CHECKING:
    from urllib3 import PoolManager

__all__ = ["LIMIT", "Client", "Headers", "Response", "Timeouts", "Verdict", "check", "check_url", "request", "verdict"]

LIMIT = 65_536
"""Bytes of a body that are read unless more is asked for; the APIs of all channels answer with less."""

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, 9.2.2
_METHOD = re.compile(r"[A-Z]{1,20}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(kw_only=True, eq=False)
class Client(Wiring):
    """Connections that are kept for further requests; for several threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _pools: "dict[bool, PoolManager]" = field(default_factory=dict, init=False, repr=False)  # by whether with TLS

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
    ) -> Response:
        """Send one request and read at most `limit` bytes of its answer, whatever the status is.

        `what` begins the text of an error. `idempotent` says whether a second arrival does no harm;
        None leaves it to the method. Raises Retryable, Unknown, ActionError, and ConfigError for a
        file or proxy that cannot be used.
        """
        safe = method in _IDEMPOTENT if idempotent is None else idempotent
        where = self._checked(method, url, headers or {}, what)
        own = {"User-Agent": f"exitkit/{__version__}", "Accept-Encoding": "identity"}
        given = {name: value for name, value in (headers or {}).items() if name.lower() != "accept-encoding"}
        names = {name.lower() for name in given}
        sent = {name: value for name, value in own.items() if name.lower() not in names} | given
        try:
            return self._whole(method, url, sent, body, limit=limit)
        except Unsent as error:
            problem = unsent(error.problem, what, where)
        except (ActionError, ConfigError):
            raise
        except Exception as error:  # of urllib3, http.client, ssl and socket; their texts hold the url
            problem = _unanswered(error, what, where, safe=safe, seconds=self.timeout.read)
        raise problem  # outside, so that no error of theirs hangs on to it

    def _checked(self, method: str, url: str, headers: Mapping[str, str], what: str) -> str:
        """Where the request goes, in words. Raises ActionError if it must not."""
        told = None
        try:
            check_url(url, allow_link_local=self.allow_link_local)
        except ConfigError as error:
            told = str(error)
        if told is not None:
            raise ActionError(f"{what}: {told}", reason="client")
        if not _METHOD.fullmatch(method):
            raise ActionError(f"{what}: no such http method: correct it", reason="client")
        for name, value in headers.items():
            if not (_HEADER.fullmatch(name) and _VALUE.fullmatch(value)):
                told = "a header holds a line break or a character outside latin-1: remove it"
                raise ActionError(f"{what}: {told}", reason="client")
        where = urlsplit(url).netloc
        if self.proxy is None:
            return where
        if not self.allow_link_local:
            refuse_literal(urlsplit(url).hostname or "", what)
        return f"{where} through the proxy {urlsplit(self.proxy).netloc.rpartition('@')[2]}"

    def _opened(self, url: str) -> "PoolManager":
        secure = "https" in (urlsplit(url).scheme, urlsplit(self.proxy or "").scheme)
        with self._lock:
            if secure not in self._pools:
                self._pools[secure] = opened(self, secure=secure)
            return self._pools[secure]

    def _whole(self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, limit: int) -> Response:
        from urllib3 import Timeout

        answer = self._opened(url).urlopen(
            method,
            url,
            body=body or None,
            headers=headers,
            timeout=Timeout(connect=self.timeout.connect, read=self.timeout.read),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            data = read(answer, limit + 1)
            if len(data) > limit:
                answer.close()  # and the connection: what is left of the body will not be read
        finally:
            answer.release_conn()
        host = urlsplit(url).netloc
        return Response(answer.status, Headers(answer.headers.iteritems()), data[:limit], host, len(data) > limit)


def request(  # noqa: PLR0913 - what a request and its connection are made of, by name
    method: str,
    url: str,
    *,
    what: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    limit: int = LIMIT,
    idempotent: bool | None = None,
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
        return client.request(method, url, what=what, headers=headers, body=body, limit=limit, idempotent=idempotent)


def _unanswered(error: Exception, what: str, where: str, *, safe: bool, seconds: float) -> ActionError:
    """What it means that no whole answer came; the request has left, unless it could not be put together."""
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
        told = f"gave no answer for {seconds:g} s"
    elif isinstance(raw, http.client.RemoteDisconnected):
        told = "closed the connection without an answer"
    elif isinstance(raw, http.client.IncompleteRead | exceptions.IncompleteRead):
        told = "broke off in the middle of its answer"
    elif isinstance(raw, OSError):
        told = "broke the connection"
    else:
        told = "answered with what is no http"
    if safe:
        return Retryable(f"{what}: {where} {told}", reason="timeout" if late else "network")
    return Unknown(f"{what}: {where} {told}; it may have arrived", reason="timeout" if late else "network")
