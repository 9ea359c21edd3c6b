"""One authorised request to Google Cloud Storage, alone or in a batch, and what its errors mean."""

import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from exitkit.clients.gcp import GoogleAccess, GoogleAccount
from exitkit.clients.gcs import batch as gcsbatch
from exitkit.clients.gcs.batch import BatchReply, Call
from exitkit.clients.http import Client, Response
from exitkit.clients.url import check_url, place
from exitkit.errors import ActionError, ConfigError, Reason, Retryable
from exitkit.retry import parse_retry_after
from exitkit.text import redact

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
"""The least that may list and delete: https://cloud.google.com/storage/docs/oauth-scopes."""

_API = "/storage/v1"
_BATCH = "/batch/storage/v1"
_ANSWER = 16 << 20  # bytes: 1000 objects whose names have 1024, or 100 errors that each tell a name twice
SLOW = frozenset({408, 429, 503})
"""A word to be slower: https://cloud.google.com/storage/docs/retry-strategy."""
_SLOW_REASONS = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})  # these also come with 403
_AGAIN = frozenset({425, 500, 502, 504})


@dataclass(frozen=True, kw_only=True)
class GCSOptions:
    """Where a bucket's requests go, beside who asks; `user_project` pays for them where the requester does."""

    endpoint_url: str = ""
    user_project: str = ""
    ca_file: str | None = None
    connections: int = 32


class GCSFault(NamedTuple):
    """What an answer that is no success says; `after` is how many seconds it asks for."""

    status: int
    reason: str = ""
    message: str = ""
    after: float | None = None

    @property
    def is_slow(self) -> bool:
        return self.status in SLOW or self.reason in _SLOW_REASONS

    @property
    def is_passing(self) -> bool:
        return self.is_slow or self.status in _AGAIN

    def __str__(self) -> str:
        known = self.status in HTTPStatus._value2member_map_
        name = f"{self.status} {HTTPStatus(self.status).phrase.lower()}" if known else str(self.status)
        return f"{name}: {self.message}" if self.message else name


class GCSRequests:
    """The requests to one bucket, for several threads. Nothing is tried again here, but with a new token.

    Raises ConfigError where credentials would have to travel without TLS.
    """

    def __init__(self, name: str, access: GoogleAccess, reach: GCSOptions | None = None) -> None:
        self.name, self.reach = name, reach or GCSOptions()
        emulator = os.environ.get("STORAGE_EMULATOR_HOST", "")
        if emulator and not (self.reach.endpoint_url or access.credentials_file):
            access = replace(access, anonymous=True)
        self.base = _base(self.reach.endpoint_url or emulator, access)
        self.account = GoogleAccount(access, SCOPE)
        reach = self.reach
        self._client = Client(ca_file=reach.ca_file, connections=reach.connections)

    def close(self) -> None:
        self._client.close()

    def path(self, *parts: str, **query: str) -> str:
        """`/storage/v1/b/<bucket>` and what is below it; a name's slashes are encoded too."""
        below = "".join(f"/{_quoted(one)}" for one in parts)
        given = {**query, **({"userProject": self.reach.user_project} if self.reach.user_project else {})}
        asked = "&".join(f"{name}={_quoted(value)}" for name, value in given.items() if value)
        return f"{_API}/b/{_quoted(self.name)}{below}{f'?{asked}' if asked else ''}"

    def ask(self, path: str, what: str, *, method: str = "GET") -> dict[str, Any]:
        """The JSON object that is answered, empty where there is no body.

        Raises Refused, Retryable, ActionError, and ConfigError for a configuration that cannot be used.
        """
        response = self.send(method, path, what)
        if method != "GET" and response.body.strip() in (b"", b"null"):  # the second is fake-gcs-server's
            return {}
        found = response.json()
        if not isinstance(found, dict):
            raise ActionError(f"{what}: the answer is no JSON object: is this Google Cloud Storage?", reason="server")
        return found

    def batch(self, calls: Sequence[Call], what: str) -> list[BatchReply | None]:
        """The answers to up to 100 calls, in their order; None for one that is missing."""
        sent = self.account.headers()
        found = self._batched(calls, what, sent)
        denied = [n for n, reply in enumerate(found) if reply and reply.status == 401]
        if denied and sent:  # the token ended between two of them
            renewed = self.account.headers(refused=sent["authorization"])
            again = self._batched([calls[n] for n in denied], what, renewed)
            for n, reply in zip(denied, again, strict=True):
                found[n] = reply
        for reply in found:
            if reply and reply.status == 401:
                raise failed(fault_of(reply), what)
        return found

    def _batched(self, calls: Sequence[Call], what: str, headers: Mapping[str, str]) -> list[BatchReply | None]:
        extra = {"Content-Type": gcsbatch.CONTENT_TYPE}
        response = self.send("POST", _BATCH, what, body=gcsbatch.write(calls), extra=extra, sent=headers)
        return gcsbatch.read(response.body, response.headers.get("content-type", ""), len(calls), what)

    def send(  # noqa: PLR0913 - what a request is made of, by name
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: bytes = b"",
        extra: Mapping[str, str] | None = None,
        sent: Mapping[str, str] | None = None,
        limit: int = 0,
    ) -> Response:
        """One request; with a `limit` in bytes the answer may go on beyond it. Raises as `ask`."""
        headers = self.account.headers() if sent is None else dict(sent)
        for turn in range(2):
            response = self._client.request(
                method,
                self.base + path,
                what=what,
                headers={**headers, **(extra or {})},
                body=body,
                limit=limit or _ANSWER,
                idempotent=True,  # a generation goes once
            )
            if response.status != 401 or not headers or turn:
                break
            headers = self.account.headers(refused=headers["authorization"])
        if response.status not in range(200, 300):
            raise failed(fault_of(BatchReply(response.status, response.headers, response.body)), what)
        if response.truncated and not limit:
            raise ActionError(f"{what}: the answer is larger than any of Google's", reason="server")
        return response


class GCSRefusal(ActionError):
    """Answered with an error's `status`, for good."""

    def __init__(self, message: str, *, reason: Reason, status: int) -> None:
        super().__init__(message, reason=reason)
        self.status = status


def fault_of(reply: BatchReply) -> GCSFault:
    """What an error's JSON says, or whatever else stands there."""
    asked = [parse_retry_after(value, 0) for value in reply.headers.every("retry-after") if value.strip().isdigit()]
    after = max((one for one in asked if one is not None), default=None)
    try:
        error = json.loads(reply.body)["error"]
        message, details = str(error.get("message", "")), error.get("errors") or [{}]
        reason = str(details[0].get("reason", ""))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        message, reason = reply.body.decode("utf-8", "replace"), ""
    return GCSFault(reply.status, plain(reason, 60), plain(message, 300), after)


def failed(fault: GCSFault, what: str) -> ActionError:
    told = f"{what}: {fault}"
    if fault.is_passing:
        reason: Reason = "rate" if fault.is_slow else "server"
        by_gateway = fault.status in (502, 504)
        later = fault.is_slow or by_gateway
        return Retryable(told, reason=reason, after=fault.after, later=later, doubt=by_gateway)
    if fault.status == 400 and "requester pays" in fault.message.lower():
        told += "; say user_project, the project that pays"
    if 300 <= fault.status <= 399:
        told += "; redirects are not followed: correct endpoint_url"
    reason = "auth" if fault.status in (401, 403) else "server" if fault.status >= 500 else "client"
    return GCSRefusal(told, reason=reason, status=fault.status)


def plain(text: str, most: int) -> str:
    return redact.printable(redact.redact(text), most)


def _base(url: str, access: GoogleAccess) -> str:
    """The server's URL without a slash at its end."""
    if not url:
        # Google's clouds for one country's own use: https://cloud.google.com/docs/authentication/universe-domain
        return f"https://storage.{os.environ.get('GOOGLE_CLOUD_UNIVERSE_DOMAIN') or 'googleapis.com'}"
    base = (url if re.match(r"[a-z]+://", url) else f"http://{url}").rstrip("/")  # as STORAGE_EMULATOR_HOST may be
    check_url(base)
    if base.startswith("http:") and not access.anonymous and not _is_here(urlsplit(base).hostname or ""):
        raise ConfigError(f"{place(base)}: a token goes over https only: correct endpoint_url, or say anonymous: true")
    return base


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _quoted(text: str) -> str:
    # What is no UTF-8 names nothing of Google's, and must not become the name of something else.
    return quote(text, safe="-_.~", errors="surrogatepass")
