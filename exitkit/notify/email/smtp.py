"""Mail by SMTP: one message to several recipients, and what became of each.

`sending()` is called right before the line with the single dot that ends the message: a server may
deliver from there on and not before (RFC 5321, 4.1.1.4). So what fails earlier is `Retryable`, also
in the middle of a large message, and a missing answer to the dot is `Unknown`.
"""

import base64
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exitkit.clients.tcp import handshake, unsent
from exitkit.errors import ActionError, ConfigError, Retryable, Unknown
from exitkit.notify.email.session import NotOffered, Refusal, Reply, Server, greet, opened
from exitkit.retry import sending
from exitkit.text.redact import printable, redact, remember

if TYPE_CHECKING:
    from smtplib import SMTP

__all__ = ["Sent", "Server", "TooLarge", "send"]

_VERDICT = 60.0  # seconds for the answer to the dot: filters look at the message first; the attempt's time is less
_GOODBYE = 1.0  # seconds for the answer to QUIT, when all is said
_PIECE = 65_536  # bytes of one write, so that the time-out is not one for the whole of a large mail
_UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029<>\ud800-\udfff]")
_LINES = re.compile(rb"\r\n|\r|\n")
_AUTH_CODES = (530, 534, 535, 538)
_AUTH_WORDS = ("5.7.0", "5.7.8", "5.7.9", "5.7.11", "5.7.14", "5.7.30", "5.7.57", "5.7.139")


class TooLarge(ActionError):
    """The server takes no message of this size; `limit` is what it takes in bytes, or None."""

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message, reason="client")
        self.limit = limit


@dataclass(frozen=True)
class Sent:
    """The message was taken for at least one recipient.

    `refused` are those that it will never be taken for, and `deferred` those that another try may
    reach; each with the server's words.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    deferred: Mapping[str, str] = field(default_factory=dict)
    response: str = ""


def send(message: bytes, *, sender: str, recipients: Sequence[str], server: Server, what: str) -> Sent:
    """Hand the message over for all recipients in one go.

    Raises Retryable (also where some recipient is deferred and none is taken), Unknown where the
    answer to the whole message is missing, TooLarge, and ActionError for what another try does not
    cure. `what` begins the text of an error.
    """
    for secret in (server.password, server.access_token):
        remember(secret or "")
    letter = _Letter(message, sender, list(dict.fromkeys(recipients)), server, what)
    session, problem = opened(server), None
    try:
        return letter.through(session)
    except Refusal as error:
        problem = _refusal(error, what, server)
    except NotOffered:
        told = "offers no starttls, so that nothing was sent: set tls to implicit or, in a trusted network, none"
        problem = ActionError(f"{what}: {server.where} {told}", reason="client")
    except (ActionError, ConfigError):
        raise
    except Exception as error:  # of smtplib, ssl and socket
        problem = _broken(error, letter, session)
    finally:
        session.close()
    raise problem  # outside, so that no error of theirs hangs on to it


@dataclass
class _Letter:
    message: bytes
    sender: str
    recipients: Sequence[str]
    server: Server
    what: str
    ended: bool = False  # whether the dot may have left

    def through(self, session: "SMTP") -> Sent:
        """Raises Refusal, NotOffered, ActionError, and whatever a socket raises."""
        if not self.recipients:
            raise ActionError(f"{self.what}: a mail needs a recipient", reason="client")
        for address in (self.sender, *self.recipients):
            if _UNFIT.search(address) or not address:
                told = f"no mail address: {printable(redact(address), 100)!r}: remove spaces, controls and brackets"
                raise ActionError(f"{self.what}: {told}", reason="client")
        content = _stuffed(self.message)
        greet(session, self.server)
        _log_in(session, self.server, self.what)
        self._begin(session, len(content))
        refused, deferred = self._address(session)
        _expect("message", session.docmd("DATA"), 354)
        for begin in range(0, len(content), _PIECE):
            session.send(content[begin : begin + _PIECE])
        sending()
        self.ended = True
        assert session.sock is not None
        session.sock.settimeout(max(_VERDICT, session.timeout))
        session.send(b".\r\n")
        reply = Reply(*session.getreply())
        if reply.code < 0:
            raise OSError("nonsense")
        _expect("message", reply, 250)
        with contextlib.suppress(OSError, ValueError):  # it is taken, whatever the server says to a goodbye
            session.sock.settimeout(_GOODBYE)
            session.docmd("QUIT")
        return Sent(refused, deferred, reply.text)

    def _begin(self, session: "SMTP", size: int) -> None:
        options = ""
        limit = session.esmtp_features.get("size", "")
        if session.has_extn("size"):
            if limit.isdigit() and 0 < int(limit[:20]) < size:
                told = f"the mail has {size} bytes and {self.server.where} takes {limit[:20]}: leave out attachments"
                raise TooLarge(f"{self.what}: {told}", int(limit[:20]))
            options += f" SIZE={size}"
        if not self.message.isascii() and session.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        if not (self.sender.isascii() and all(one.isascii() for one in self.recipients)):
            if not session.has_extn("smtputf8"):
                told = f"{self.server.where} offers no smtputf8: use addresses of ascii characters"
                raise ActionError(f"{self.what}: {told}", reason="client")
            session.command_encoding = "utf-8"
            options += " SMTPUTF8"
        _expect("sender", session.docmd("MAIL", f"FROM:<{self.sender}>{options}"), 250)

    def _address(self, session: "SMTP") -> tuple[dict[str, str], dict[str, str]]:
        """Who is refused and who is deferred, if anybody is left."""
        refused: dict[str, str] = {}
        deferred: dict[str, str] = {}
        for address in self.recipients:
            reply = Reply(*session.docmd("RCPT", f"TO:<{address}>"))
            if reply.code in (250, 251, 252):
                continue
            if reply.code == 421 or not 400 <= reply.code <= 599:
                raise Refusal("recipient", reply)
            (deferred if reply.code < 500 else refused)[address] = reply.text
        if len(refused) + len(deferred) < len(self.recipients):
            return refused, deferred
        told = "; ".join(f"{address}: {text}" for address, text in (refused | deferred).items())
        told = f"{self.what}: {self.server.where} takes no recipient: {printable(told, 400)}"
        raise Retryable(told, reason="server", later=True) if deferred else ActionError(told, reason="client")


def _log_in(session: "SMTP", server: Server, what: str) -> None:
    if server.username is None or (server.password is None and server.access_token is None):
        return
    user, password = server.username, server.password or ""
    offered = session.esmtp_features.get("auth", "").upper().split()
    wanted: tuple[str, ...]
    if server.access_token is not None:
        token = f"user={user}\x01auth=Bearer {server.access_token}\x01\x01"
        wanted, lines = ("XOAUTH2",), [f"XOAUTH2 {_coded(token)}", ""]
    elif "PLAIN" in offered:  # RFC 4616, in UTF-8
        wanted, lines = ("PLAIN",), [f"PLAIN {_coded(f'{chr(0)}{user}{chr(0)}{password}')}"]
    else:
        wanted, lines = ("PLAIN", "LOGIN"), ["LOGIN", _coded(user), _coded(password)]
    if not set(wanted) & set(offered):
        told = f"offers no login by {' or '.join(wanted)}: leave out the username, or use tls or another port"
        raise ActionError(f"{what}: {server.where} {told}", reason="auth")
    reply = Reply(*session.docmd("AUTH", lines[0]))
    for line in lines[1:]:
        if reply.code != 334:
            break
        reply = Reply(*session.docmd(line))
    _expect("login", reply, 235)


def _refusal(error: Refusal, what: str, server: Server) -> ActionError:
    reply = error.reply
    told = f"{what}: {server.where} refuses the {error.step}: {reply.text}"
    if 400 <= reply.code <= 499:
        return Retryable(told, reason="server", later=True)  # greylisting wants minutes (RFC 6647)
    if error.step == "login" or reply.code in _AUTH_CODES or reply.enhanced in _AUTH_WORDS:
        return ActionError(f"{told}: check username and password", reason="auth")
    if reply.enhanced in ("5.3.4", "5.2.3") or (reply.code == 552 and not reply.enhanced):
        return TooLarge(f"{told}: leave out attachments")
    if 500 <= reply.code <= 599:
        return ActionError(told, reason="client")
    told = f"{what}: {server.where} answers with what is no smtp: {reply.text}: correct host, port and tls"
    return ActionError(told, reason="client")


def _broken(error: Exception, letter: _Letter, session: "SMTP") -> ActionError:
    what, where = letter.what, letter.server.where
    late = isinstance(error, TimeoutError)
    if letter.ended:
        told = "gave no answer" if late else "broke the connection"
        return Unknown(
            f"{what}: {where} {told} to the whole message; it may have arrived",
            reason="timeout" if late else "network",
        )
    if session.sock is None:
        return unsent(error, what, where)
    if isinstance(error, OSError):
        told = "gave no answer in time: check port and tls" if late else "broke the connection before the message"
        return handshake(error, what, where) or Retryable(
            f"{what}: {where} {told}", reason="timeout" if late else "network"
        )
    return ActionError(f"{what}: {where} cannot be spoken to: correct it", reason="client")


def _expect(step: str, answer: tuple[int, bytes], code: int) -> None:
    if answer[0] != code:
        raise Refusal(step, Reply(*answer))


def _stuffed(message: bytes) -> bytes:
    """With the line ends of RFC 5322, a second dot before each that begins a line, and an end of the last line."""
    lines = _LINES.sub(b"\r\n", message)
    content = re.sub(rb"(?m)^\.", b"..", lines)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _coded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()
