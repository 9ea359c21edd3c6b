"""What every markup needs: text cut to a budget before it is escaped, and links that lead to the web only."""

import re
from collections.abc import Callable
from urllib.parse import quote

from exitkit.text import unsafe
from exitkit.text.excerpt import excerpt

_WEB = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
# RFC 3986: reserved and unreserved characters, and % because a link arrives encoded.
_URL_SAFE = "%/:?#[]@!$&'()*+,;=~-._"
# Control characters but tab and line feed, and what only orders text about: no channel shows them.
_UNSEEN = unsafe.Unseen(f"(?![\t\n])[{unsafe.C0}{unsafe.C1}{unsafe.DIRECTION}{unsafe.LINES}]")
_LONE = unsafe.Unseen(f"[{unsafe.SURROGATES}]")


def clean(text: str) -> str:
    """The text without control characters and halves of characters, as any encoding can carry it."""
    return _LONE.sub("\ufffd", _UNSEEN.sub("", text.replace("\r\n", "\n")))


def fit(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    """The cleaned text, escaped, in at most so many UTF-16 units.

    Too long a text is cut between two characters and ends in `…`, so that no entity is ever halved.
    """
    text = clean(text)
    whole = escape(text)
    if units(whole) <= limit:
        return whole
    kept, left = [], limit - 1
    for char in text:
        escaped = escape(char)
        left -= units(escaped)
        if left < 0:
            break
        kept.append(escaped)
    return "".join(kept).rstrip() + "…" if limit > 0 else ""


def ends(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    """The cleaned text, escaped, in at most so many UTF-16 units: of a longer one its beginning and more of its end."""
    text = clean(text)
    room = limit
    while units(whole := escape(excerpt(text, room))) > limit and room > 0:
        room = min(room - 1, room * limit // units(whole))
    return whole


def href(url: str, limit: int = 3000) -> str:
    """The link with everything percent-encoded that could end it, or empty if it is not http(s) or too long.

    A link is never cut: half a link leads elsewhere.
    """
    text = url.strip()
    if not _WEB.match(text):
        return ""
    scheme, _, rest = text.partition(":")
    encoded = f"{scheme.lower()}:{quote(rest, safe=_URL_SAFE, errors='replace')}"
    return encoded if len(encoded) <= limit else ""


def units(text: str) -> int:
    """Length as services written in other languages count it: a character beyond U+FFFF is two."""
    return len(text) + sum(char > "\uffff" for char in text)
