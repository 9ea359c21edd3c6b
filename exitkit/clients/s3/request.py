"""One signed request to a bucket: its URL, its region, and what S3's errors mean."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from exitkit.clients.aws import AWSAccess, AWSAccount
from exitkit.clients.http import LIMIT, Client, Response, check, is_doubtful
from exitkit.clients.objects import NoSuchObject
from exitkit.clients.s3 import xml
from exitkit.clients.s3.xml import S3Fault
from exitkit.errors import ActionError, Reason, Retryable
from exitkit.text import redact

_PAGE = 16 << 20  # bytes of a page: 1000 keys of 1024 bytes, each URL-encoded to three, and what stands around them
AGAIN: dict[str, Reason] = {
    "SlowDown": "rate",
    "Throttling": "rate",
    "ThrottlingException": "rate",
    "TooManyRequests": "rate",
    "RequestLimitExceeded": "rate",
    "ServiceUnavailable": "server",
    "InternalError": "server",
    "OperationAborted": "server",
    "ConditionalRequestConflict": "server",
    "RequestTimeout": "timeout",
    "BadDigest": "network",
}
LATER = frozenset(code for code, reason in AGAIN.items() if reason == "rate") | {"ServiceUnavailable"}
"""A word to come later: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""

GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchUpload"})
_AUTH = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
    }
)
# What servers say of a request that they do not have: Google's says InvalidArgument of DeleteObjects, others 405 or 501.
_UNKNOWN = frozenset(
    {"NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "InvalidArgument", "InvalidRequest"}
)
_DOTS = re.compile(r"(^|/)\.\.?(/|$)")


class ConditionFailed(ActionError):
    """There is an object of this name already, or another version of it, and the request was not to replace that."""


class NotUnderstood(ActionError):
    """The server does not have such a request, or not in this form; another may do the same."""


PathStyle = Literal["auto", "always", "never"]


@dataclass(frozen=True, kw_only=True)
class S3Options:
    """What a bucket's requests look like, beside who asks.

    `path_style` has the bucket in the path and not in the host; auto does so for endpoints of one's own and
    for names with dots, which no certificate of AWS's covers.
    """

    path_style: PathStyle = "auto"
    requester_pays: bool = False
    connections: int = 32


class S3Requests:
    """The requests to one bucket, for several threads. Nothing is tried again here, but for another region."""

    def __init__(self, name: str, access: AWSAccess, reach: S3Options | None = None) -> None:
        self.name, self.account, self.reach = name, AWSAccount(access, "s3"), reach or S3Options()
        self._client = Client(ca_file=access.ca_file, connections=self.reach.connections)
        self._lock = threading.Lock()
        self._region = ""
        self._base = ""

    def close(self) -> None:
        self._client.close()

    def ask(  # noqa: PLR0913 - what a request is made of, by name
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        what: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        gone: bool = False,
    ) -> bytes:
        """A whole answer, of any size that S3's have."""
        response = self.send(method, key, query, what=what, body=body, headers=headers, limit=_PAGE, gone=gone)
        if response.truncated:
            raise ActionError(f"{what}: the answer is larger than any of S3's", reason="server")
        return response.body

    def send(  # noqa: PLR0913 - what a request is made of, by name
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        *,
        what: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        limit: int = LIMIT,
        gone: bool = False,
    ) -> Response:
        """Send one request, and once more where the bucket turns out to be in another region.

        `what` begins the text of an error. `gone` says that it is fine if what is named is not there.
        Raises Retryable, ActionError, and ConfigError for a configuration that cannot be used.
        """
        if _DOTS.search(key):
            raise ActionError(f"{what}: a key with . or .. between slashes cannot be named in a url", reason="client")
        extra = {"x-amz-request-payer": "requester"} if self.reach.requester_pays else {}
        path = "/" + quote(key, safe="/-_.~", errors="surrogateescape") if key else "/"
        asked = "&".join(
            f"{name}={quote(query[name], safe='-_.~', errors='surrogateescape')}" for name in sorted(query)
        )
        for _ in range(2):
            region, base = self._place()
            url = f"{base}{path if key or base.count('/') == 2 else ''}{f'?{asked}' if asked else ''}"
            signed = self.account.sign(method, url, {**(headers or {}), **extra}, body, region)
            response = self._client.request(
                method, url, what=what, headers=signed, body=body, limit=limit, idempotent=True
            )
            if response.status in range(200, 300):
                if method == "DELETE" and response.body.strip():  # S3 says nothing, and a page is somebody else's word
                    raise Retryable(f"{what}: a foreign answer: is this an S3 endpoint?", reason="server")
                return response
            faults = xml.read_faults(response.body)
            if gone and response.status == 404 and (faults[0].code in GONE if faults else not response.body):
                return response
            if response.status == 412:
                raise ConditionFailed(f"{what}: it is there already, or another one by now", reason="client")
            if not self._moved(response, faults, region):
                break
        raise failed(faults, what, response) or _unexpected(response, what)

    def _place(self) -> tuple[str, str]:
        """The region, and the URL of the bucket without a slash at its end."""
        with self._lock:
            if not self._base:
                self._region = self._region or self.account.region
                own = self.account.endpoint_url
                base = own or f"https://{self.account.host(self._region)}"
                in_path = self.reach.path_style == "always" or (
                    self.reach.path_style == "auto" and (bool(own) or "." in self.name)
                )
                parts = urlsplit(base)
                self._base = f"{base}/{self.name}" if in_path else f"{parts.scheme}://{self.name}.{parts.netloc}"
            return self._region, self._base

    def _moved(self, response: Response, faults: list[S3Fault], asked: str) -> bool:
        """Whether the bucket is in another region, which the next request then goes to."""
        found = response.headers.get("x-amz-bucket-region") or next((one.region for one in faults if one.region), "")
        if not found or found == asked or not re.fullmatch(r"[a-z0-9-]{1,40}", found):
            return False
        with self._lock:
            self._region, self._base = found, ""
        return True


def failed(faults: list[S3Fault], what: str, response: Response | None = None) -> ActionError | None:
    """What the first of the errors means, if there is one."""
    if not faults or not faults[0].code:
        return None
    fault = faults[0]
    code, message = plain(fault.code, 60), plain(fault.message, 300)
    status = f" ({response.status})" if response else ""
    told = f"{what}: {code}{status}{f': {message}' if message else ''}"
    if fault.code in AGAIN or (response is not None and response.status in (429, 500, 502, 503, 504)):
        after = _asked_to_wait(response, what) if response else None
        later = fault.code in LATER or (response is not None and response.status in (429, 502, 503, 504))
        doubt = response is not None and is_doubtful(response)
        return Retryable(told, reason=AGAIN.get(fault.code, "server"), after=after, later=later, doubt=doubt)
    if fault.code == "RequestTimeTooSkewed":
        server = plain(fault.fields.get("ServerTime", ""), 40)
        told = f"{what}: the clock of this machine is wrong; the server's says {server or 'another time'}: correct it"
    reason: Reason = "auth" if fault.code in _AUTH or (response and response.status in (401, 403)) else "client"
    if fault.code in _UNKNOWN or (response is not None and response.status in (405, 501)):
        return NotUnderstood(told, reason=reason)
    return (NoSuchObject if fault.code == "NoSuchKey" else ActionError)(told, reason=reason)


def plain(text: str, most: int) -> str:
    return redact.printable(redact.redact(text), most)


def _unexpected(response: Response, what: str) -> ActionError:
    try:
        check(response, what, idempotent=True)
    except ActionError as error:
        return NotUnderstood(str(error), reason=error.reason) if response.status in (405, 501) else error
    return ActionError(f"{what}: {response.status} from {response.host}", reason="server")


def is_unknown(code: str) -> bool:
    """Whether a code says of one key of several that the server does not have what was asked for."""
    return code in _UNKNOWN


def _asked_to_wait(response: Response, what: str) -> float | None:
    error = _unexpected(response, what)
    return error.after if isinstance(error, Retryable) else None
