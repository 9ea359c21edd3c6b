"""One stream of CloudWatch Logs: what can be asked of it, by plain signed requests.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exitkit.clients.aws import AWSAccess, AWSAccount
from exitkit.clients.http import Client, Response, check
from exitkit.clients.http.response import not_understood
from exitkit.errors import ActionError, Reason, Retryable, Unknown
from exitkit.text.redact import printable, redact

_API = "Logs_20140328"
_AGAIN: dict[str, Reason] = {
    # As botocore's `standard` mode takes them: botocore/retries/standard.py
    **dict.fromkeys(
        (
            "LimitExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "Throttling",
            "ThrottledException",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        "rate",
    ),
    "ServiceUnavailableException": "server",
    "InternalFailure": "server",
    "InternalServerError": "server",
    "OperationAbortedException": "server",
}
_AUTH = frozenset(
    {
        "AccessDeniedException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
    }
)


class Missing(ActionError):
    """There is no such group or stream."""


class AlreadyThere(ActionError):
    """What was to be made exists."""


class TooBig(ActionError):
    """The request has more than the service takes at once."""


@dataclass(frozen=True)
class Rejected:
    """Places among the events sent, in order: those before `old` and `expired`, and those from `new` on, if any."""

    old: int = 0
    expired: int = 0
    new: int | None = None


class Stream:
    """A log stream, for several threads. Each method sends one request, and tries nothing again."""

    def __init__(self, group: str, name: str, access: AWSAccess, connections: int) -> None:
        self.group, self.name, self.access = group, name, access
        self.account = AWSAccount(access, "logs")
        self._client = Client(ca_file=access.ca_file, connections=connections)

    def close(self) -> None:
        self._client.close()

    def put(self, events: Sequence[str]) -> Rejected:
        """Add events, which are JSON in the order of their times; what of them was not taken."""
        head = json.dumps({"logGroupName": self.group, "logStreamName": self.name})[:-1]
        body = f'{head},"logEvents":[{",".join(events)}]}}'.encode("utf-8", "backslashreplace")
        found = self._ask("PutLogEvents", body, f"writing to {self.group}")
        info = found.get("rejectedLogEventsInfo") or {}
        if not isinstance(info, Mapping) or not all(_is_place(place) for place in info.values()):
            raise Unknown(f"writing to {self.group}: it does not say which events it took", reason="server")
        return Rejected(
            old=_place(info, "tooOldLogEventEndIndex") or 0,
            expired=_place(info, "expiredLogEventEndIndex") or 0,
            new=_place(info, "tooNewLogEventStartIndex"),
        )

    def create(self, *, group: bool) -> None:
        """Make the stream, and with `group` its group before; that one is there already is fine."""
        if group:
            self._make("CreateLogGroup", {"logGroupName": self.group})
        self._make("CreateLogStream", {"logGroupName": self.group, "logStreamName": self.name})

    def _make(self, what: str, given: Mapping[str, str]) -> None:
        try:
            self._ask(what, json.dumps(given).encode(), f"making {self.group}")
        except AlreadyThere:
            return

    def _ask(self, action: str, body: bytes, what: str) -> Mapping[str, Any]:
        region = self.account.region
        url = f"{self.account.endpoint_url or f'https://{self.account.host(region)}'}/"
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_API}.{action}"}
        signed = self.account.sign("POST", url, headers, body, region)
        response = self._client.request("POST", url, what=what, headers=signed, body=body, limit=1 << 20)
        found = _object(response)
        if response.status == 200:
            if found is None:
                raise not_understood(response, f"{what}: this is no answer of AWS: {response.excerpt}")
            return found
        found = found or {}
        kind = _kind(found, response)
        if not kind:
            check(response, what, ok=())
        said = printable(redact(str(found.get("message") or found.get("Message") or "")), 300)
        told = f"{what}: {kind}{f': {said}' if said else ''}"
        if kind in _AGAIN:
            raise Retryable(told, reason=_AGAIN[kind], later=_AGAIN[kind] == "rate" or response.status == 503)
        if kind == "ResourceAlreadyExistsException":
            raise AlreadyThere(told, reason="client")
        if kind == "ResourceNotFoundException":
            raise Missing(told, reason="client")
        if response.status == 413 or kind == "RequestEntityTooLargeException":
            raise TooBig(told, reason="client")
        raise ActionError(told, reason="auth" if kind in _AUTH else "client")


def _object(response: Response) -> Mapping[str, Any] | None:
    """What the service answers with: an object, or nothing at all, which is an empty one. None for anything else."""
    try:
        answer = json.loads(response.body or b"{}")
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, Mapping) else None


def _place(info: Mapping[str, Any], name: str) -> int | None:
    found = info.get(name)
    return found if isinstance(found, int) else None


def _is_place(found: object) -> bool:
    return found is None or (isinstance(found, int) and found >= 0)


def _kind(found: Mapping[str, Any], response: Response) -> str:
    """The exception's name, without its namespace and the URL that may follow.

    https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization
    """
    named = found.get("__type") or found.get("code") or response.headers.get("x-amzn-errortype") or ""
    return str(named).partition(":")[0].rpartition("#")[2]
