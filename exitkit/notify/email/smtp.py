"""Mail by SMTP: one message to several recipients, and what became of each.

`sending()` is called right before the line with the single dot that ends the message: a server may
deliver from there on and not before (RFC 5321, 4.1.1.4). So what fails earlier is `Retryable`, also
in the middle of a large message, and a missing answer to the dot is `Unknown`.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from exitkit.clients.tcp import handshake, unsent
from exitkit.errors import ActionError, ConfigError, Retryable, Unknown
from exitkit.notify.email.login import cure, is_about_login, log_in
from exitkit.notify.email.session import MailServer, NotOffered, SMTPRefusal, SMTPReply, greet, opened
from exitkit.retry import sending
from exitkit.text import unsafe
from exitkit.text.redact import printable, redact, remember

if TYPE_CHECKING:
    from smtplib import SMTP

__all__ = ["MailServer", "MailTooLarge", "SentMail", "send"]

_VERDICT = 60.0  # seconds for the answer to the dot: filters look at the message first; the attempt's time is less
_GOODBYE = 1.0  # seconds for the answer to QUIT, when all is said
_PIECE = 65_536  # bytes of one write, so that the time-out is not one for the whole of a large mail
_UNFIT = re.compile(f"[{unsafe.C0}{unsafe.C1}{unsafe.SPACES}{unsafe.LINES}{unsafe.SURROGATES}<>]")
_LINES = re.compile(rb"\r\n|\r|\n")
_MAILBOX_FULL = re.compile(r"quota|storage|mailbox|over ?limit|\bfull\b", re.IGNORECASE)
_TOO_LARGE = re.compile(r"size|large|big|maximum|exceed", re.IGNORECASE)
# `Greylisted for 5 minutes`, `try again in 300 seconds`, as the servers' own words have it; there is no field for it.
_LATER = re.compile(
    r"(?:gr[ea]y|again|retry|later|wait|defer).{0,60}?\b([0-9]{1,5}) ?(s|sec|seconds?|m|min|minutes?)\b", re.IGNORECASE
)


class MailTooLarge(ActionError):
    """The server takes no message of this size; `limit` is what it takes in bytes, or None."""

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message, reason="client")
        self.limit = limit


@dataclass(frozen=True)
class SentMail:
    """The message was taken for at least one recipient.

    `refused` are those that it will never be taken for, and `deferred` those that another try may
    reach; each with the server's words.
    """

    refused: Mapping[str, str] = field(default_factory=dict)
    deferred: Mapping[str, str] = field(default_factory=dict)
    response: str = ""


def send(  # noqa: PLR0913 - a mail has no fewer parts
    message: bytes,
    *,
    sender: str,
    recipients: Sequence[str],
    server: MailServer,
    what: str,
    in_ascii: bytes | None = None,
) -> SentMail:
    """Hand the message over for all recipients in one go.

    Raises Retryable (also where some recipient is deferred and none is taken), Unknown where the
    answer to the whole message is missing, MailTooLarge, and ActionError for what another try does not
    cure. `what` begins the text of an error. `in_ascii` is the message for a server that takes no addresses beyond
    ASCII: those who have one are refused there, and the others get this.
    """
    for secret in (server.password, server.access_token):
        remember(secret or "")
    letter = _Letter(message, sender, list(dict.fromkeys(recipients)), server, what, in_ascii)
    session, problem = opened(server), None
    try:
        return letter.through(session)
    except SMTPRefusal as error:
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
    server: MailServer
    what: str
    in_ascii: bytes | None = None
    unfit: dict[str, str] = field(default_factory=dict)
    ended: bool = False  # whether the dot may have left

    def through(self, session: "SMTP") -> SentMail:
        """Raises SMTPRefusal, NotOffered, ActionError, and whatever a socket raises."""
        if not self.recipients:
            raise ActionError(f"{self.what}: a mail needs a recipient", reason="client")
        for address in (self.sender, *self.recipients):
            if _UNFIT.search(address) or not address:
                told = f"no mail address: {printable(redact(address), 100)!r}: remove spaces, controls and brackets"
                raise ActionError(f"{self.what}: {told}", reason="client")
        greet(session, self.server)
        log_in(session, self.server, self.what)
        self._fit(session)
        content = _stuffed(self.message)
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
        reply = SMTPReply(*session.getreply())
        if reply.code < 0:
            raise OSError("nonsense")
        _expect("message", reply, 250)
        with contextlib.suppress(OSError, ValueError):  # it is taken, whatever the server says to a goodbye
            session.sock.settimeout(_GOODBYE)
            session.docmd("QUIT")
        return SentMail(refused, deferred, reply.text)

    def _fit(self, session: "SMTP") -> None:
        """Leave out who cannot be addressed here, so that the others get it all the same."""
        addresses = (self.sender, *self.recipients)
        if all(address.isascii() for address in addresses) or session.has_extn("smtputf8"):
            return
        told = f"{self.server.where} offers no smtputf8: use addresses of ascii characters"
        reachable = [address for address in self.recipients if address.isascii()]
        if not self.sender.isascii() or not reachable or (self.in_ascii is None and not self.message.isascii()):
            raise ActionError(f"{self.what}: {told}", reason="client")
        self.unfit = {address: told for address in self.recipients if not address.isascii()}
        self.recipients, self.message = reachable, self.in_ascii or self.message

    def _begin(self, session: "SMTP", size: int) -> None:
        options = ""
        if not (self.sender.isascii() and all(address.isascii() for address in self.recipients)):
            session.command_encoding = "utf-8"
            options += " SMTPUTF8"
        limit = session.esmtp_features.get("size", "")
        if session.has_extn("size"):
            if limit.isdigit() and 0 < int(limit[:20]) < size:
                told = f"the mail has {size} bytes and {self.server.where} takes {limit[:20]}: leave out attachments"
                raise MailTooLarge(f"{self.what}: {told}", int(limit[:20]))
            options += f" SIZE={size}"
        if not self.message.isascii() and session.has_extn("8bitmime"):
            options += " BODY=8BITMIME"
        _expect("sender", session.docmd("MAIL", f"FROM:<{self.sender}>{options}"), 250)

    def _address(self, session: "SMTP") -> tuple[dict[str, str], dict[str, str]]:
        """Who is refused and who is deferred, if anybody is left."""
        cured = ""
        refused: dict[str, str] = dict(self.unfit)
        deferred: dict[str, str] = {}
        for address in self.recipients:
            reply = SMTPReply(*session.docmd("RCPT", f"TO:<{address}>"))
            if reply.code in (250, 251, 252):
                continue
            if reply.code == 421 or not 400 <= reply.code <= 599:
                raise SMTPRefusal("recipient", reply)
            (deferred if reply.code < 500 else refused)[address] = reply.text
            if is_about_login("recipient", reply):
                cured = f": {cure('recipient', reply, self.server)}"
        if len(refused) + len(deferred) < len(self.recipients) + len(self.unfit):
            return refused, deferred
        told = "; ".join(f"{address}: {text}" for address, text in (refused | deferred).items())
        told = f"{self.what}: {self.server.where} takes no recipient: {printable(told, 400)}{cured}"
        raise (
            Retryable(told, reason="server", later=True, after=asked(told))
            if deferred
            else ActionError(told, reason="client")
        )


def _refusal(error: SMTPRefusal, what: str, server: MailServer) -> ActionError:
    reply = error.reply
    told = f"{what}: {server.where} refuses the {error.step}: {reply.text}"
    if 400 <= reply.code <= 499:
        return Retryable(told, reason="server", later=True, after=asked(reply.text))
    if is_about_login(error.step, reply):
        return ActionError(f"{told}: {cure(error.step, reply, server)}", reason="auth")
    if _is_too_large(reply):
        return MailTooLarge(f"{told}: leave out attachments")
    if 500 <= reply.code <= 599:
        return ActionError(told, reason="client")
    told = f"{what}: {server.where} answers with what is no smtp: {reply.text}: correct host, port and tls"
    return ActionError(told, reason="client")


def _is_too_large(reply: SMTPReply) -> bool:
    """Whether a smaller mail may pass. A bare 552 says so only in words: most who say it mean a full mailbox."""
    if reply.enhanced:
        return reply.enhanced in ("5.3.4", "5.2.3")
    return reply.code == 552 and bool(_TOO_LARGE.search(reply.text)) and not _MAILBOX_FULL.search(reply.text)


def asked(text: str) -> float | None:
    """How many seconds the server's words ask for."""
    match = _LATER.search(text)
    if match is None:
        return None
    return float(match[1]) * (60.0 if match[2].casefold().startswith("m") else 1.0)


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
        raise SMTPRefusal(step, SMTPReply(*answer))


def _stuffed(message: bytes) -> bytes:
    """With the line ends of RFC 5322, a second dot before each that begins a line, and an end of the last line."""
    lines = _LINES.sub(b"\r\n", message)
    content = re.sub(rb"(?m)^\.", b"..", lines)
    return content if content.endswith(b"\r\n") else content + b"\r\n"
