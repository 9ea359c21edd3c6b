"""Logging in to a mail server, and what a refused login means."""

import base64
import binascii
import hmac
import json
import re
from typing import TYPE_CHECKING

from exitkit.errors import ActionError
from exitkit.notify.email.session import MailServer, SMTPRefusal, SMTPReply
from exitkit.text.redact import printable, redact

if TYPE_CHECKING:
    from smtplib import SMTP

_CODES = (530, 534, 535, 538)
_WORDS = ("5.7.0", "5.7.8", "5.7.9", "5.7.11", "5.7.14", "5.7.30", "5.7.57", "5.7.139")
# What servers say beside the code, and what helps. Google's and Microsoft's words among them.
_CURES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"starttls", re.IGNORECASE),
        "the server wants encryption first: set tls to starttls, or to implicit for port 465",
    ),
    (
        re.compile(
            r"5\.7\.30|5\.7\.139|basic authentication is (?:disabled|not supported)|SmtpClientAuth", re.IGNORECASE
        ),
        "the server takes no passwords for this mailbox: give a token (OAuth 2), or have SMTP AUTH allowed for it",
    ),
    (
        re.compile(r"5\.7\.9\b|application-specific|app(?:lication)? ?password", re.IGNORECASE),
        "the server wants a password made for programs (an app password), or a token (OAuth 2)",
    ),
)
# At a recipient or sender, with a code that means many things.
_STRANGERS = re.compile(
    r"relay(?:ing)? (?:access )?(?:denied|not (?:permitted|allowed))|unable to relay|authentication required|not authenticated",
    re.IGNORECASE,
)
_EXPIRED = "the token is not taken: it has expired, or is not for this mailbox and for sending mail; give a fresh one"


def log_in(session: "SMTP", server: MailServer, what: str) -> None:
    """By the best way that both know. Raises SMTPRefusal, and ActionError where there is none."""
    if server.username is None or (server.password is None and server.access_token is None):
        return
    user, password = server.username, server.password or ""
    offered = session.esmtp_features.get("auth", "").upper().split()
    if server.access_token is not None:
        if "XOAUTH2" not in offered:
            raise _no_way(server, what, "XOAUTH2", "give a password in place of the token")
        _with_token(session, user, server.access_token)
        return
    # CRAM-MD5 keeps a password from who listens, and is weaker than any other way where nobody can.
    ways = ("CRAM-MD5", "PLAIN", "LOGIN") if server.tls == "none" else ("PLAIN", "LOGIN", "CRAM-MD5")
    way = next((way for way in ways if way in offered), None)
    if way is None:
        raise _no_way(server, what, "PLAIN, LOGIN or CRAM-MD5", "leave out the username, or use tls or another port")
    if way == "PLAIN":  # RFC 4616, in UTF-8
        reply = SMTPReply(*session.docmd("AUTH", f"PLAIN {_coded(f'{chr(0)}{user}{chr(0)}{password}')}"))
    elif way == "LOGIN":
        reply = SMTPReply(*session.docmd("AUTH", "LOGIN"))
        for line in (user, password):
            reply = SMTPReply(*session.docmd(_coded(line))) if reply.code == 334 else reply
    else:  # RFC 2195
        reply = SMTPReply(*session.docmd("AUTH", "CRAM-MD5"))
        if reply.code == 334:
            digest = hmac.new(password.encode("utf-8", "replace"), _decoded(reply.said), "md5").hexdigest()
            reply = SMTPReply(*session.docmd(_coded(f"{user} {digest}")))
    if reply.code != 235:
        raise SMTPRefusal("login", reply)


def _with_token(session: "SMTP", user: str, token: str) -> None:
    """XOAUTH2, as Google and Microsoft have it: a refusal is a challenge that says why, and wants an empty line."""
    reply = SMTPReply(
        *session.docmd("AUTH", f"XOAUTH2 {_coded(f'user={user}{chr(1)}auth=Bearer {token}{chr(1)}{chr(1)}')}")
    )
    if reply.code == 334:
        why = _why(reply.said)
        reply = SMTPReply(*session.docmd(""))
        reply = SMTPReply(reply.code, reply.said + (f" ({why})".encode() if why else b""))
    if reply.code != 235:
        raise SMTPRefusal("login", reply)


def is_about_login(step: str, reply: SMTPReply) -> bool:
    known = reply.code in _CODES or reply.enhanced in _WORDS
    return step == "login" or known or (reply.code >= 500 and _STRANGERS.search(reply.text) is not None)


def cure(step: str, reply: SMTPReply, server: MailServer) -> str:
    """What to do about a refusal that has to do with who we are."""
    for pattern, text in _CURES:
        if pattern.search(reply.text):
            return text
    if step != "login" and "relay" in reply.text.lower():
        who = (
            "from whoever has not logged in: give username and password"
            if server.username is None
            else "from this login"
        )
        return f"the server hands on nothing {who}, or use the server that these addresses are of"
    if step != "login" and (server.username is None or reply.code == 530):
        return "the server wants a login: give username and password, or a token"
    if server.access_token is not None:
        return _EXPIRED
    return "check username and password"


def _no_way(server: MailServer, what: str, ways: str, cure: str) -> ActionError:
    return ActionError(f"{what}: {server.where} offers no login by {ways}: {cure}", reason="auth")


def _why(challenge: bytes) -> str:
    """The status in the challenge, such as `status 401`; what else is there is for machines."""
    try:
        status = json.loads(_decoded(challenge)).get("status", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f"status {printable(redact(str(status)), 20)}" if status else ""


def _coded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
