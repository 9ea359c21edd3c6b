"""What came back, and what its status means: the one table for all of them."""

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

from exitkit.errors import ActionError, Reason, Retryable, Unknown
from exitkit.retry import parse_retry_after
from exitkit.text.redact import printable, redact

EXCERPT = 200
"""Characters of a response's body in an error."""

_READ = 65_536  # characters of a body that are redacted for the excerpt


class Headers(Mapping[str, str]):
    """The headers of a response; the case of a name does not matter, and the first of several counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    def __getitem__(self, name: str) -> str:
        for value in self.every(name):
            return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self._pairs))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def every(self, name: str) -> list[str]:
        """All values of one name, in order."""
        return [value for one, value in self._pairs if one.lower() == name.lower()]


@dataclass(frozen=True)
class Response:
    """A response whose body is whole, unless `truncated`: then it went on beyond the limit.

    `reads` says that it was only asked for, and that nothing was to change by it.
    """

    status: int
    headers: Headers = field(default_factory=Headers, repr=False)
    body: bytes = field(default=b"", repr=False)
    host: str = ""
    truncated: bool = False
    reads: bool = False

    @property
    def text(self) -> str:
        """The body as UTF-8, with U+FFFD for what is not."""
        return self.body.decode("utf-8", "replace")

    @property
    def excerpt(self) -> str:
        """The beginning of the body on one line, without secrets."""
        return printable(redact(self.text[:_READ]), EXCERPT)

    def json(self) -> Any:
        """The body as JSON. Raises ActionError for anything else."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            pass  # raised below, so that the body does not hang on to the error
        told = "is longer than expected and was cut" if self.truncated else "is no json"
        raise ActionError(f"the answer of {self.host} {told}: {self.excerpt or '(empty)'}", reason="server")


class Verdict(NamedTuple):
    """How a status ends an attempt: `kind` is None for success, `later` as of a Retryable."""

    kind: type[ActionError] | None
    reason: Reason = "other"
    later: bool = False


def verdict(status: int, *, idempotent: bool) -> Verdict:
    """What a status means; `idempotent` says that a second arrival does no harm."""
    if 200 <= status <= 299:
        return Verdict(None)
    if status in _AGAIN:
        return Verdict(Retryable, _AGAIN[status], later=status in _LATER)
    if status in _GATEWAYS:  # what stands behind it may have done its work
        return Verdict(Retryable, "server", later=True) if idempotent else Verdict(Unknown, "server")
    if status in (401, 403, 407):
        return Verdict(ActionError, "auth")
    if 300 <= status <= 499:
        return Verdict(ActionError, "client")
    if 500 <= status <= 599:
        return Verdict(ActionError, "server")
    return Verdict(Unknown, "other")


def check(
    response: Response,
    what: str,
    *,
    ok: Collection[int] = range(200, 300),
    idempotent: bool = False,
    now: Callable[[], float] = time.time,
) -> Response:
    """The response if its status is one of `ok`.

    Else raises Retryable, Unknown or ActionError by the table. `now` is in Unix seconds and serves a
    Retry-After that is a date.
    """
    if response.status in ok:
        return response
    kind, reason, later = verdict(response.status, idempotent=idempotent)
    after = _asked(response, now)
    if kind is ActionError and after is not None and 400 <= response.status <= 599:
        # Who says when to come again refuses for now only, whatever the status: GitHub's limits are a 403.
        kind, later = Retryable, True
    told = f"{what}: {_named(response.status)} from {response.host}"
    if 300 <= response.status <= 399:
        told += ": redirects to another place are not followed: correct the url"
    elif response.excerpt:
        told += f": {response.excerpt}"
    if kind is Retryable:
        raise Retryable(told, reason=reason, after=after, later=later, doubt=is_doubtful(response))
    if kind is Unknown:
        raise Unknown(told, reason=reason)
    raise ActionError(told, reason=reason)  # also a success that was not expected


def is_doubtful(response: Response) -> bool:
    """Whether what was asked for may have happened, whatever the status says."""
    return not response.reads and verdict(response.status, idempotent=False).kind is Unknown


def _asked(response: Response, now: Callable[[], float]) -> float | None:
    """The seconds to wait that it asks for, if it does."""
    asked = [parse_retry_after(value, now()) for value in response.headers.every("retry-after")]
    return max((seconds for seconds in asked if seconds is not None), default=None)


_AGAIN: dict[int, Reason] = {
    408: "timeout",
    425: "server",
    429: "rate",
    500: "server",
    503: "server",
    # Cloudflare's: nothing came to the server behind it. https://developers.cloudflare.com/support/troubleshooting/http-status-codes/
    521: "server",
    523: "server",
    529: "rate",  # overloaded, as Anthropic, Qualys and others say it
}
_LATER = frozenset({429, 503, 521, 523, 529})  # these say so; of the others nobody knows whether they pass
# A gateway that had no answer from behind it: the standard's, Cloudflare's (520, 522, 524), and of other proxies.
_GATEWAYS = frozenset({502, 504, 520, 522, 524, 598, 599})


def _named(status: int) -> str:
    """`404 not found`; the words of the standard, because those of the server may hold anything."""
    try:
        return f"{status} {HTTPStatus(status).phrase.lower()}"
    except ValueError:
        return str(status)


def is_page(response: Response) -> bool:
    """Whether it is a page for people, as of a gateway that wants somebody to log in; no API answers with one."""
    return _PAGE.match(response.body[:4096]) is not None


# What may stand before a page's first tag: a mark of the encoding, spaces, comments, XML's own line.
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>(?:\s|<!--.*?-->|<\?xml[^>]*>)*)<(?:!doctype|html|head|body|title|meta|script|style)\b",
    re.IGNORECASE | re.DOTALL,
)


def not_understood(response: Response, told: str) -> ActionError:
    """The error for a success without the target's own words: it may have arrived, but with a page for people it has not."""
    if is_page(response):
        return ActionError(f"{told}: a page for people; is there a login before it?", reason="server")
    if not 200 <= response.status <= 299:
        return ActionError(told, reason="server")
    return Unknown(f"{told}; it may have arrived", reason="server")
