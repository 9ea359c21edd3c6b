"""Secrets cut out of text, and text made fit for one line.

Redact first and make printable second: a cut or a collapsed space may hide a secret from its search.
"""

import base64
import contextlib
import json
import re
import threading
from bisect import insort
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from exitkit.text import unsafe
from exitkit.text.shapes import SHAPES, STRONG, WEAK

MASK = "***"

SHORTEST = 4
"""Characters that a secret must have: one of fewer cannot be told from the words around it, and is ignored."""

_ALONE = 6
"""Characters from which on a secret is cut out of the middle of a word; a shorter one would be in too many."""

_PATH = 12
"""Characters from which on the path of a secret URL is a secret by itself, as that of a webhook is."""

_LINE = 16
"""Characters from which on a line of a secret with several lines is a secret by itself, as in a PEM file."""

_CODED = 6
"""Characters that what is sure of a secret in base64 must have: fewer turn up by chance in other runs."""

# A URL of a host alone gives nothing away, and every error names the host.
_PLACE = re.compile(r"https?://[^\s/?#@]+/?", re.IGNORECASE)

_lock = threading.Lock()
_needles: list[tuple[int, str, bool]] = []  # minus the length, the text, and whether it is base64
_snapshot: tuple[tuple[int, str, bool], ...] = ()
_public: tuple[str, ...] = ()

# The key of Standard Webhooks is what stands behind it. https://www.standardwebhooks.com
_SIGNING = "whsec_"


def publish(texts: Iterable[str]) -> None:
    """Have these count for nothing in a part of a secret: a webhook's URL may hold the workflow's name, which all may read."""
    global _public  # noqa: PLW0603 - as below
    _public = tuple(sorted({text for text in texts if text}, key=len, reverse=True))


def remember(secret: str) -> None:
    """Have this text cut out from now on, everywhere in the process.

    White space around it is not part of it. Shorter ones than `SHORTEST` characters are ignored.
    """
    global _snapshot  # noqa: PLW0603 - one list for the process, replaced whole so that readers need no lock
    found = {(-len(form), form, coded) for part in _parts(secret.strip()) for form, coded in _forms(part)}
    with _lock:
        for needle in found.difference(_needles):
            insort(_needles, needle)
        _snapshot = tuple(_needles)


def redact(text: str, shortest: int = SHORTEST) -> str:
    """The text with every remembered secret of so many characters, and what looks like one, replaced by `***`.

    Takes time in proportion to the text, whatever stands in it.
    """
    spans = [
        span
        for length, needle, coded in _snapshot
        if -length >= shortest
        for span in _occurrences(text, needle, coded=coded)
    ]
    lower = text.lower()
    for triggers, pattern in SHAPES:
        if any(trigger in lower for trigger in triggers):
            spans += [match.span(match.lastindex or 0) for match in _compiled(pattern).finditer(text)]
    if not spans:
        return text
    parts, end = [], 0
    for first, last in _merged(sorted(spans)):
        parts += [text[end:first], MASK]
        end = last
    return "".join((*parts, text[end:]))


def signs() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Texts, and patterns in the syntax of RE2, one of which is in whatever `redact` changes; case does not matter."""
    words = (trigger for triggers, _ in SHAPES for trigger in triggers if trigger not in WEAK)
    return (*(needle for _, needle, _ in _snapshot), *words), STRONG


def link(url: str) -> str:
    """The URL without a user and password, which a link does without, and with `***` for what in its query is secret."""
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        return redact(url)
    end = min((at for sign in "/?#" if (at := rest.find(sign)) >= 0), default=len(rest))
    return redact(f"{scheme}://{rest[:end].rpartition('@')[2]}{rest[end:]}")


def looks_secret(text: str) -> bool:
    """Whether something in the text has the shape of a secret, whatever is remembered."""
    lower = text.lower()
    return any(
        _compiled(pattern).search(text) is not None
        for triggers, pattern in SHAPES
        if any(trigger in lower for trigger in triggers)
    )


@contextlib.contextmanager
def forget_all() -> Iterator[None]:
    """Nothing is remembered inside, nor afterwards what was before; for tests."""
    _forget()
    try:
        yield
    finally:
        _forget()


def printable(text: str, limit: int) -> str:
    """The text as one line of at most `limit` characters, which cannot steer a terminal or a log's reader.

    Escape sequences go, white space of any kind becomes one space, other controls, marks of
    direction and lone surrogates become U+FFFD.
    """
    head = text[: 16 * limit + 4096]  # enough, were nearly all of it white space
    line = _CONTROL.sub("\ufffd", " ".join(_ESCAPE.sub("", head).split()))
    if len(line) <= limit and len(head) == len(text):
        return line
    return line[: limit - 1] + "…" if limit > 0 else ""


def _forget() -> None:
    global _snapshot, _public  # noqa: PLW0603 - as above
    with _lock:
        _needles.clear()
        _snapshot = _public = ()


def _parts(secret: str) -> Iterator[str]:
    """The secret, and what of it gives it away when it stands alone."""
    if len(secret) < SHORTEST or _PLACE.fullmatch(secret):
        return
    yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LINE and " " not in line and "-----" not in line)
    elif "://" in secret:
        with contextlib.suppress(ValueError):
            url = urlsplit(secret)
            rest = [url.path + "?" + url.query if url.query else url.path, url.path, url.query]
            yield from (one for one in rest if len(_unpublished(one)) >= _PATH)
            # A webhook's last part is its secret, and no word; so is a user without a password.
            lonely = "" if url.password else url.username or ""
            yield from (one for one in (url.path.rpartition("/")[2], lonely) if _is_key(one))
            query = [value for _, value in parse_qsl(url.query)]
            known = [
                url.password or "",
                unquote(url.password or ""),
                *(value for value in query if len(_unpublished(value)) >= _PATH),
            ]
            yield from (one for one in known if len(one) >= SHORTEST)
    elif secret.startswith(_SIGNING):
        yield from _signing(secret.removeprefix(_SIGNING))
    if "%" in secret and len(decoded := unquote(secret)) >= SHORTEST:
        yield decoded


def _is_key(part: str) -> bool:
    own = _unpublished(part)
    return len(own) >= _LINE and any(sign.isdigit() for sign in own)


def _unpublished(part: str) -> str:
    """What is left of it without what is no secret anywhere, such as the workflow's name."""
    for text in _public:
        if text in part:
            part = re.sub(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", "", part)
    return part


def _signing(code: str) -> Iterator[str]:
    """A key in base64, and the text that it is if it is one."""
    if len(code) >= _CODED:
        yield code
    with contextlib.suppress(ValueError):
        text = base64.b64decode(code, validate=True).decode()
        if text.isprintable() and len(text) >= _CODED:
            yield text


def _forms(secret: str) -> Iterator[tuple[str, bool]]:
    """How the secret looks in other writings, and whether that is base64."""
    raw = secret.encode("utf-8", "surrogatepass")
    plain = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    plain |= {one.replace("/", "\\/") for one in plain}
    plain |= {secret.translate(_HTML), secret.translate(_HTML | _QUOTES), raw.hex(), raw.hex().upper()}
    for coded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        plain |= {coded, re.sub("%..", lambda match: match[0].lower(), coded)}
    yield from ((form, False) for form in plain)
    for offset in range(3):
        # The characters at either end that also depend on the neighbours are left out.
        code = base64.b64encode(bytes(offset) + raw).decode().rstrip("=")
        whole = code[(0, 2, 3)[offset] : len(code) if (offset + len(raw)) % 3 == 0 else -1]
        if len(whole) >= _CODED:
            yield from ((form, True) for form in {whole, whole.replace("+", "-").replace("/", "_")})


def _occurrences(text: str, needle: str, *, coded: bool) -> Iterator[tuple[int, int]]:
    """Where the needle stands; one in base64 takes the whole run along, as its ends depend on it too."""
    first = text.find(needle)
    while first >= 0:
        last = first + len(needle)
        if len(needle) < _ALONE and not coded and _is_inside(text, first, last):
            first = text.find(needle, first + 1)
            continue
        if coded:
            run = _BASE64.match(text, last)
            last = run.end() if run else last
            while first > 0 and text[first - 1] in _BASE64_CHARACTERS:
                first -= 1
        yield first, last
        first = text.find(needle, last if coded else first + 1)


def _is_inside(text: str, first: int, last: int) -> bool:
    """Whether it is a part of a longer word."""
    return (text[first - 1 : first].isalnum() and text[first].isalnum()) or (
        text[last : last + 1].isalnum() and text[last - 1].isalnum()
    )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Made where it is first looked for: a run meets few of the shapes, and making all takes 1.5 ms."""
    return re.compile(pattern)


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    first, last = spans[0]
    for start, end in spans:
        if start > last:
            yield first, last
            first = start
        last = max(last, end)
    yield first, last


# As html.escape has them; that module reads a table of 2,000 entities, for 1.5 ms of each start.
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_QUOTES = str.maketrans({'"': "&quot;", "'": "&#x27;"})

_BASE64_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+")

_ESCAPE = unsafe.Unseen(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\x9d]*(?:\x07|\x1b\\|\x9c)")
_CONTROL = unsafe.Unseen(
    f"[{unsafe.C0}{unsafe.C1}{unsafe.DIRECTION}{unsafe.LINES}{unsafe.BOM}{unsafe.SURROGATES}{unsafe.TAGS}]"
)
