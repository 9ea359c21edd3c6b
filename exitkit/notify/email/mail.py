"""A message as an e-mail: headers that nothing can be injected into, plain text, and HTML.

The headers are written here and not by `email.message`, whose writer decodes encoded words and, before
Python 3.11.10, lets a line end out of them (CVE-2024-6923).
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import policy
from email.charset import QP, Charset
from email.header import Header
from email.message import EmailMessage
from email.utils import formatdate, getaddresses

from exitkit.message import Level, Message
from exitkit.message.markup import clean, fit
from exitkit.notify.email.html import page

# RFC 5322, 2.1.1: a line has at most 998 characters, and 78 read best. A subject beyond this is cut by all.
_SUBJECT = 250
_FACT = 500
# RFC 5322, 3.2.3 and RFC 1123, 2.1, without quoted local parts, which only attacks use.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
# Suffix that Kubernetes adds to generateName: five characters without vowels, so that it is no word.
_GENERATED = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{5}$|-\d{8,}$")


@dataclass(frozen=True)
class Address:
    """One mailbox: what people read, and where it goes, in ASCII."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True)
class Envelope:
    """What the headers say beside the message itself; `date` is in Unix seconds."""

    sender: Address
    to: Sequence[Address]
    cc: Sequence[Address] = ()
    reply_to: Address | None = None
    delivery: str = ""
    thread: str = ""
    date: float = 0.0
    facts: Sequence[tuple[str, str]] = ()

    @property
    def identity(self) -> str:
        """What stands in the Message-ID, the same in every run for the same end of the same workflow."""
        return f"exitkit.{self.delivery}@{self.sender.domain}"


def parse_address(text: str) -> Address:
    """One address, such as `ops@example.com` or `Ops <ops@example.com>`. Raises ValueError."""
    if clean(text) != text or "\n" in text:
        raise ValueError("an address holds no control characters")
    found = getaddresses([text])
    name, address = found[0] if len(found) == 1 else ("", "")
    local, _, domain = address.rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        address = ""
    if not _ADDRESS.fullmatch(address):
        raise ValueError("is not one e-mail address such as ops@example.com or Ops <ops@example.com>")
    return Address(name, address)


def thread_of(namespace: str, *names: str) -> str:
    """What the mails of one cron workflow, template or name's prefix have in common, as 20 characters."""
    known = [name for name in names if name]
    subject = _GENERATED.sub("", known[0]) if known else ""
    return hashlib.sha256(f"{namespace}\0{subject}".encode("utf-8", "replace")).hexdigest()[:20]


def bodies(message: Message, level: Level, label: str) -> dict[str, str]:
    """`text`, and `html` if the level has it."""
    plain = clean(message.as_line(500) if level == "line" else message.as_text()) + "\n"
    if level in ("text", "line"):
        return {"text": plain}
    return {"text": plain, "html": page(message, level, label)}


def build(subject: str, parts: dict[str, str], envelope: Envelope) -> bytes:
    """The whole mail as it goes over the wire."""
    mail = EmailMessage(policy=policy.SMTP)
    mail.set_content(parts["text"], cte="quoted-printable")
    if "html" in parts:
        mail.add_alternative(parts["html"], subtype="html", cte="quoted-printable")
        # Never found in quoted-printable text, where = is followed by hexadecimals or a line end.
        mail.set_boundary(f"=_exitkit_{envelope.delivery}")
    headers = "".join(_header(name, value) for name, value in _headers(subject, envelope))
    return headers.encode("ascii") + mail.as_bytes()


def _headers(subject: str, envelope: Envelope) -> list[tuple[str, str]]:
    headers = [
        ("From", _mailbox(envelope.sender)),
        ("To", _mailboxes(envelope.to)),
        ("Cc", _mailboxes(envelope.cc)),
        ("Reply-To", _mailbox(envelope.reply_to) if envelope.reply_to else ""),
        ("Subject", _encoded(subject, _SUBJECT, "Subject")),
        ("Date", formatdate(envelope.date)),
        ("Message-ID", f"<{envelope.identity}>"),
    ]
    if envelope.thread:  # a root that never was: clients put together what answers the same one
        root = f"<exitkit.thread.{envelope.thread}@{envelope.sender.domain}>"
        headers += [("In-Reply-To", root), ("References", root)]
    headers += [
        ("Auto-Submitted", "auto-generated"),  # RFC 3834: no vacation notice answers this
        ("X-Auto-Response-Suppress", "All"),  # the same for Exchange, MS-OXCMAIL 2.2.3.2.14
    ]
    headers += [(f"X-Exitkit-{name}", _encoded(value, _FACT, f"X-Exitkit-{name}")) for name, value in envelope.facts]
    return [(name, value) for name, value in headers if value]


def _header(name: str, value: str) -> str:
    """One header, which ends where it is meant to: every line end in it is followed by a space."""
    value = re.sub(r"[\r\n]+\s*", "\r\n ", value.strip())
    return f"{name}: {value}\r\n"


def _encoded(text: str, limit: int, name: str) -> str:
    """Unstructured text: one line, cut, ASCII as it is and everything else as encoded words of our own making."""
    line = " ".join(clean(text.replace("\r", " ")).split())
    # What looks like an encoded word would be decoded by the reader into who knows what.
    line = fit(line.replace("=?", "= ?"), limit)
    if not line.isascii():
        charset = Charset("utf-8")
        charset.header_encoding = QP
        return Header(line, charset, maxlinelen=76, header_name=name).encode(linesep="\r\n")
    return Header(line, "us-ascii", maxlinelen=76, header_name=name).encode(linesep="\r\n")


def _mailboxes(addresses: Sequence[Address]) -> str:
    return ",\r\n ".join(_mailbox(one) for one in addresses)


def _mailbox(one: Address) -> str:
    name = " ".join(one.name.replace("=?", "= ?").split())
    if not name:
        return one.address
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{one.address}>'
    return f"{_encoded(name, 100, 'Reply-To')} <{one.address}>"
