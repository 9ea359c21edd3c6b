"""A syslog server, over TCP or TLS."""

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from exitkit.context import Context
from exitkit.errors import Unknown
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Answer, Batch, BatchSender, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.syslog.connection import Line, Server
from exitkit.text.units import Bytes, Seconds

# https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1
_FACILITIES = {"user": 1, "daemon": 3, **{f"local{number}": 16 + number for number in range(8)}}
_SEVERITY = {"info": 6, "warning": 4, "error": 3}
_TOLD = ("workflow", "namespace", "uid", "pod", "container", "step", "file", "part")
_NAME = re.compile(r"[\x21-\x7e]{1,48}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,253}[A-Za-z0-9])?")
_CUT = "… (cut)"
_HEAD = 1024  # bytes before a message: the header has 400 at most, and what it tells of a pod some 500


class Syslog(Ship):
    """Send records to a syslog server by RFC 5424, over TCP or TLS.

    Messages are framed by their length, so that one may have several lines, or by `framing` as lines. Syslog has no
    acknowledgements: what was sent counts as accepted once the server has read the connection to its end, as far as TCP
    can tell, and a connection that breaks leaves in doubt what was sent over it. The step says so and sends nothing
    twice. The id of each record is in its structured data.
    """

    most_bytes: ClassVar[int] = 1 << 20
    most_records: ClassVar[int] = 5000

    host: str = Field(description="The server's name or address.")
    port: int = Field(0, ge=0, le=65535, description="The port; by default 6514 with TLS and 514 without.")
    tls: bool = Field(True, description="Whether the connection is encrypted, and the server's certificate checked.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    client_cert: Path | None = Field(None, description="A certificate that tells who sends, in PEM.")
    client_key: Path | None = Field(None, description="Its key, if it is not in the same file.")
    facility: str = Field("local0", description="user, daemon, or local0 to local7.")
    app_name: str = Field("exitkit", description="APP-NAME.")
    enterprise: int = Field(
        32473, ge=1, description="The private enterprise number of the structured data; 32473 is for documentation."
    )
    max_message: Bytes = Field(8192, description="Bytes of a message, after which it is cut and says so.")
    framing: Literal["octets", "newline"] = Field(
        "octets",
        description="How messages are told apart (RFC 6587): octets counts their bytes, newline ends each with a line "
        "feed, for servers that do not count, and makes those inside spaces.",
    )
    newlines: bool = Field(True, description="Keep the lines of a message; no makes them spaces.")
    close_wait: Seconds = Field(5.0, gt=0, description="How long the server may take at the end to have read all.")

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if not _HOST.fullmatch(host):
            raise ValueError("is no name or address of a host, without a scheme and port")
        return host

    @field_validator("facility")
    @classmethod
    def _is_a_facility(cls, facility: str) -> str:
        if facility not in _FACILITIES:
            raise ValueError(f"is none of {', '.join(_FACILITIES)}")
        return facility

    @field_validator("app_name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("is up to 48 printable characters of ASCII without a space")
        return name

    @field_validator("max_message")
    @classmethod
    def _is_enough(cls, size: int) -> int:
        if not 2048 <= size <= 1 << 20:  # https://www.rfc-editor.org/rfc/rfc5425#section-4.3.1
            raise ValueError("is from 2Ki, which every server takes over TLS, to 1Mi")
        return size

    @model_validator(mode="after")
    def _fits(self) -> "Syslog":
        if self.client_key and not self.client_cert:
            raise ValueError("client_key needs client_cert")
        if not self.tls and (self.ca_file or self.client_cert):
            raise ValueError("ca_file and client_cert are for tls")
        return self

    def longest(self) -> int:
        """What does not fit into a message is split: with room for all that stands before it, so that nothing is cut."""
        return min(self.line_bytes or self.longest_line, self.max_message - _HEAD)

    def target(self) -> str:
        return f"syslog at {self.host}:{self._port}"

    @property
    def _port(self) -> int:
        return self.port or (6514 if self.tls else 514)

    def encode(self, chunk: Chunk) -> Sequence[str]:
        told = chunk.attributes
        pri = 8 * _FACILITIES[self.facility] + _SEVERITY[chunk.level]
        host = _token(str(told.get("pod") or told.get("workflow") or ""), 255)
        data = "".join(f' {key}="{_escaped(str(told[key]))}"' for key in _TOLD if told.get(key))
        head, middle = f"<{pri}>1 ", f" {host} {self.app_name} - {chunk.kind} [exitkit@{self.enterprise} id="
        counted = self.framing == "octets"
        keeps_lines = counted and self.newlines
        found = []
        for stamp, identity, message in zip(chunk.stamps, chunk.ids, chunk.messages, strict=True):
            text = message if keeps_lines else message.replace("\n", " ")
            # Nothing follows the structured data of an empty message: a space alone breaks the parser of syslog-ng.
            whole = f'{head}{stamp[:26]}Z{middle}"{identity}"{data}]{" " if text else ""}{text}'
            size = len(whole) if whole.isascii() else len(whole.encode("utf-8", "backslashreplace"))
            if size > self.max_message:
                whole = _cut(whole, self.max_message)
                size = len(whole.encode("utf-8", "backslashreplace"))
            found.append(f"{size} {whole}" if counted else f"{whole}\n")
        return found

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        files = [str(path) if path else None for path in (self.ca_file, self.client_cert, self.client_key)]
        patience = context.retry.terms.attempt_timeout, self.close_wait
        line = Line(Server(self.host, self._port, self.tls, *files), f"shipping to {self.target()}", patience)
        try:
            yield _Sent(line)
        finally:
            line.close()


class _Sent(BatchSender):
    """What went over each connection, which is accepted once the server has read that connection to its end."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self.line = line

    def __call__(self, batch: Batch) -> Answer:
        return Answer(ack=self.line.send(b"".join(part.blob for part in batch.parts)))

    def acknowledged(self, acks: Collection[int]) -> Iterator[int]:
        has_closed = self.line.finish()
        how = "when it ended the connection" if has_closed else "though it has not ended the connection yet"
        whose = "the server had read" if has_closed else "the server's machine has received"
        self.notes.append(f"syslog acknowledges nothing: accepted is what {whose} {how}")
        yield from (ack for ack in acks if ack == self.line.number)
        if any(ack != self.line.number for ack in acks):
            raise Unknown(
                f"{self.line.what}: a connection broke; the end of what was sent over it may not have arrived"
            )


def _token(text: str, most: int) -> str:
    """What a field of the header may hold; a hyphen stands for nothing."""
    return re.sub(r"[^\x21-\x7e]", "_", text)[:most] or "-"


def _escaped(value: str) -> str:
    r"""In a value `"`, `\` and `]` are escaped: https://www.rfc-editor.org/rfc/rfc5424#section-6.3.3."""
    return re.sub(r'(["\\\]])', r"\\\1", value.replace("\n", " "))


def _cut(whole: str, most: int) -> str:
    room = most - len(_CUT.encode())
    return whole.encode("utf-8", "backslashreplace")[:room].decode("utf-8", "ignore") + _CUT
