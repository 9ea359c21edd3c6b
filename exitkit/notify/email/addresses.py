"""Mail addresses as people write them: with names, in lists by comma or semicolon, in any script."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr

from exitkit.message.markup import clean

# RFC 5322, 3.2.3 and RFC 6531, 3.3, without quoted local parts, which only attacks use; RFC 1123, 2.1.
_LOCAL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~\u00a1-\u1fff\u2c00-\ud7ff\uf900-\ufefe\U00010000-\U0003ffff-]{1,64}"
)
_DOMAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_WRONG = "is not one e-mail address such as ops@example.com or Ops <ops@example.com>"


@dataclass(frozen=True)
class Mailbox:
    """What people read, and where it goes; the domain is in ASCII, the local part as it was given."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def parse_address(text: str) -> Mailbox:
    """One address, such as `ops@example.com` or `Ops <ops@example.com>`. Raises ValueError."""
    mailboxes = parse_addresses(text)
    if len(mailboxes) != 1:
        raise ValueError(_WRONG)
    return mailboxes[0]


def parse_addresses(text: str) -> list[Mailbox]:
    """All addresses of a list by comma or semicolon; a comma in a name needs no quotes. Raises ValueError."""
    if clean(text) != text or "\n" in text:
        raise ValueError("an address holds no control characters")
    mailboxes = [_mailbox(part) for part in _parts(text)]
    if not mailboxes:
        raise ValueError(_WRONG)
    return mailboxes


def _parts(text: str) -> Iterator[str]:
    """The pieces between separators outside of quotes; one without an address begins the name of the next."""
    waiting = ""
    for piece in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^",;])+|[,;]', text):
        if piece in ",;":
            waiting += piece if waiting.strip() and piece == "," else ""
            if piece == ";" and waiting.strip():
                yield waiting
                waiting = ""
        elif "@" in piece:
            yield (waiting + piece).strip()
            waiting = ""
        else:
            waiting += piece
    if waiting.strip(" ,"):
        yield waiting.strip()


def _mailbox(text: str) -> Mailbox:
    match = re.fullmatch(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>", text)
    if match:
        name = match["name"].strip()
        quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', name)
        name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else name
        address = match["address"].strip()
    else:
        name, address = parseaddr(text) if "(" in text and not re.search(r"\([^)]*\?\)", text) else ("", text.strip())
    local, _, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    if not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)):
        raise ValueError(_WRONG)
    return Mailbox(name, f"{local}@{domain}")
