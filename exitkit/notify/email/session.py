"""smtplib's conversation with a mail server, with bounded answers, plain socket errors and no DNS for its own name."""

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from exitkit.clients.http import Timeouts
from exitkit.clients.tcp import dial, tls
from exitkit.text.redact import printable, redact

if TYPE_CHECKING:
    from smtplib import SMTP
else:  # it comes in by the class made in `opened`
    SMTP = object

_LINE = 8_192  # bytes of a line of an answer; RFC 5321 asks for 512, smtplib allows so many
_LINES = 200  # of one answer; without an end to them a server could fill the memory
_SAID = 200  # characters of an answer in an error


@dataclass(frozen=True)
class Server:
    """A mail server and how to speak to it.

    `starttls` is required where it is asked for: a server that does not offer it gets nothing. With
    `access_token` XOAUTH2 is spoken, and `password` is not used. `ca_file` replaces the system's
    authorities. `timeout` is in seconds, for each answer; None is as much as the attempt allows. `local_hostname` is what EHLO says;
    without one it is the own address, because looking up a name may block.
    """

    host: str
    port: int = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    timeout: float | None = None
    local_hostname: str | None = None
    allow_link_local: bool = False

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


class Reply(NamedTuple):
    """What the server answered: a code of three digits, or -1 for nonsense, and its words."""

    code: int
    said: bytes

    @property
    def text(self) -> str:
        """`550 5.1.1 no such user`, on one line and without secrets."""
        words = printable(redact(self.said.decode("utf-8", "replace")), _SAID)
        return f"{self.code} {words}".strip() if self.code > 0 else words

    @property
    def enhanced(self) -> str:
        """The code of RFC 3463, such as 5.3.4, or nothing."""
        first = self.said.split(maxsplit=1)[:1]
        return first[0].decode("ascii", "replace") if first and first[0].count(b".") == 2 else ""


class Refusal(Exception):
    """The server said no; `step` is what was asked for."""

    def __init__(self, step: str, reply: Reply) -> None:
        super().__init__()
        self.step, self.reply = step, reply


def opened(server: Server) -> "SMTP":
    """A session that is connected but not greeted yet. Raises OSError, UnicodeError, RefusedAddress."""
    import smtplib

    session: SMTP = type("Session", (_Session, smtplib.SMTP), {"server": server})(
        local_hostname=server.local_hostname or "localhost", timeout=Timeouts(read=server.timeout).to_read()
    )
    session._host = server.host  # type: ignore[attr-defined]  # noqa: SLF001 - what starttls verifies; set by no call
    return session


def greet(session: "SMTP", server: Server) -> None:
    """Connect and come to where mail can be handed over, except for who we are.

    Raises OSError and what it is made of, Refusal, and NotOffered where STARTTLS is missing.
    """
    _expect("connection", session.connect(server.host, server.port), 220)
    assert session.sock is not None
    if server.local_hostname is None:
        session.local_hostname = _address(session.sock)
    _hello(session)
    if server.tls == "starttls":
        if not session.has_extn("starttls"):
            raise NotOffered
        _expect("starttls", session.docmd("STARTTLS"), 220)
        # As smtplib's starttls, which does not say goodbye to what was read before in all versions.
        session.sock = tls(server.ca_file).wrap_socket(session.sock, server_hostname=server.host)
        session.file = None
        _hello(session)  # what was said in the clear is void (RFC 3207, 4.2)


class NotOffered(Exception):
    """The server offers no STARTTLS."""


class _Session(SMTP):
    server: Server

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        sock = dial(host, port, min(Timeouts().to_connect(), timeout), allow_link_local=self.server.allow_link_local)
        try:
            sock.settimeout(timeout)
            if self.server.tls == "implicit":
                return tls(self.server.ca_file).wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise
        return sock

    def send(self, s: object) -> None:
        """As smtplib's, but with the error as it was."""
        if self.sock is None:
            raise ConnectionResetError("closed")
        self.sock.sendall(s.encode(self.command_encoding) if isinstance(s, str) else s)  # type: ignore[arg-type]

    def getreply(self) -> Reply:
        """As smtplib's, but with an end, and with the error as it was."""
        if self.sock is None:
            raise ConnectionResetError("closed")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        said = []
        for _ in range(_LINES):
            line = self.file.readline(_LINE)
            if not line.endswith(b"\n"):
                break
            said.append(line[4:].strip())
            if not (line[:3].isdigit() and line[3:4] in b"- \r\n"):
                return Reply(-1, line.strip())
            if line[3:4] != b"-":
                return Reply(int(line[:3]), b"\n".join(said))
        else:
            return Reply(-1, b"an answer without end")
        if line:
            return Reply(-1, line)
        raise ConnectionResetError("closed")


def _hello(session: "SMTP") -> None:
    session.esmtp_features = {}
    code, said = session.ehlo()
    if code != 250:  # a server from before 1995, or one that is not well
        code, said = session.helo()
    _expect("ehlo", (code, said), 250)


def _expect(step: str, answer: tuple[int, bytes], code: int) -> None:
    if answer[0] != code:
        raise Refusal(step, Reply(*answer))


def _address(sock: socket.socket) -> str:
    """The own address as a literal of RFC 5321, 4.1.3."""
    ip = str(sock.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"
