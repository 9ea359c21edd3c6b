"""Up to a hundred calls as one request, and what became of each: multipart/mixed with HTTP in its parts.

https://cloud.google.com/storage/docs/batch
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from exitkit.clients.http import Headers
from exitkit.errors import ActionError

MOST_CALLS = 100
"""Calls of one request: https://cloud.google.com/storage/docs/batch#overview."""

CONTENT_TYPE = "multipart/mixed; boundary=exitkit-batch"
_BOUNDARY = b"--exitkit-batch"

_NAMED = re.compile(r'boundary="?([^"\s;,]{1,200})', re.IGNORECASE)
_ID = re.compile(rb"^content-id:[^\r\n]*call-([0-9]{1,3})\b", re.IGNORECASE | re.MULTILINE)
_ANY_ID = re.compile(rb"^content-id:", re.IGNORECASE | re.MULTILINE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"\s*HTTP/[0-9.]{1,3} ([0-9]{3})(?![0-9])")


class Call(NamedTuple):
    """A request without headers and body; `path` begins with a slash and is encoded already."""

    method: str
    path: str


class BatchReply(NamedTuple):
    """The answer to one call."""

    status: int
    headers: Headers = Headers()
    body: bytes = b""


def write(calls: Sequence[Call]) -> bytes:
    """The body of the request. No path can hold a line break, and so none holds the boundary's line."""
    parts = []
    for number, call in enumerate(calls):
        head = (
            "Content-Type: application/http\r\n"
            "Content-Transfer-Encoding: binary\r\n"
            f"Content-ID: <call-{number}>\r\n\r\n"
            f"{call.method} {call.path} HTTP/1.1\r\n\r\n"
        )
        parts.append(_BOUNDARY + b"\r\n" + head.encode("ascii") + b"\r\n")
    return b"".join(parts) + _BOUNDARY + b"--\r\n"


def read(body: bytes, content_type: str, count: int, what: str) -> list[BatchReply | None]:
    """The answers in the order of the calls; None for one that is missing or was cut off.

    They may come in any order, with their calls' names. Raises ActionError for what is no batch's answer.
    """
    named = _NAMED.search(content_type)
    if named is None or not content_type.lower().startswith("multipart/"):
        raise ActionError(f"{what}: the answer is no multipart/mixed: is this Google Cloud Storage?", reason="server")
    line = re.compile(rb"(?:^|\r?\n)--" + re.escape(named[1].encode()) + rb"(--)?[ \t]*(?=\r?\n|$)")
    found: list[BatchReply | None] = [None] * count
    unnamed: list[BatchReply | None] = []
    marks = list(line.finditer(body))
    for here, there in pairwise(marks):  # what no boundary ends was cut off
        if here[1]:
            break
        head, reply = _part(body[here.end() : there.start()])
        if (name := _ID.search(head)) and int(name[1]) < count:
            found[int(name[1])] = reply
        elif not _ANY_ID.search(head):
            unnamed.append(reply)
    if len(unnamed) == count and not any(found):  # a server that drops names keeps the order
        return unnamed
    return found


def _part(part: bytes) -> tuple[bytes, BatchReply | None]:
    """The part's own headers, and the answer that it holds."""
    head, rest = _divided(part)
    status = _STATUS.match(rest)
    if status is None:
        return head, None
    lines, body = _divided(rest)
    pairs = [line.partition(":") for line in lines.decode("latin-1").splitlines()[1:]]
    headers = Headers((name.strip(), value.strip()) for name, colon, value in pairs if colon)
    return head, BatchReply(int(status[1]), headers, body)


def _divided(text: bytes) -> tuple[bytes, bytes]:
    """What is before and after the first empty line."""
    blank = _BLANK.search(text)
    return (text, b"") if blank is None else (text[: blank.start()], text[blank.end() :])
