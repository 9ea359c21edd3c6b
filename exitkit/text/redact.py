"""Secrets cut out of text, and text made fit for one line.

Redact first and make printable second: a cut or a collapsed space may hide a secret from its search.
"""

import base64
import contextlib
import json
import re
import threading
from bisect import insort
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote, quote_plus, urlsplit

MASK = "***"

SHORTEST = 4
"""Characters that a secret must have: one of fewer cannot be told from the words around it, and is ignored."""

_PATH = 12
"""Characters from which on the path of a secret URL is a secret by itself, as that of a webhook is."""

_LINE = 16
"""Characters from which on a line of a secret with several lines is a secret by itself, as in a PEM file."""

_CODED = 6
"""Characters that what is sure of a secret in base64 must have: fewer turn up by chance in other runs."""

_lock = threading.Lock()
_needles: list[tuple[int, str, bool]] = []  # minus the length, the text, and whether it is base64
_snapshot: tuple[tuple[int, str, bool], ...] = ()


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
    for triggers, pattern in _SHAPES:
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
    words = (trigger for triggers, _ in _SHAPES for trigger in triggers if trigger not in _WEAK)
    return (*(needle for _, needle, _ in _snapshot), *words), _STRONG


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
    global _snapshot  # noqa: PLW0603 - as above
    with _lock:
        _needles.clear()
        _snapshot = ()


def _parts(secret: str) -> Iterator[str]:
    """The secret, and what of it gives it away when it stands alone."""
    if len(secret) < SHORTEST:
        return
    yield secret
    lines = [line.strip() for line in secret.splitlines()]
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LINE and " " not in line and "-----" not in line)
    elif "://" in secret:
        with contextlib.suppress(ValueError):
            url = urlsplit(secret)
            rest = [url.path + "?" + url.query if url.query else url.path, url.path, url.query]
            yield from (one for one in rest if len(one) >= _PATH)
            if url.password and len(url.password) >= SHORTEST:
                yield url.password


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
        if coded:
            run = _BASE64.match(text, last)
            last = run.end() if run else last
            while first > 0 and text[first - 1] in _BASE64_CHARACTERS:
                first -= 1
        yield first, last
        first = text.find(needle, last if coded else first + 1)


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

_ESCAPE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\x9d]*(?:\x07|\x1b\\|\x9c)")
# C0 and C1, soft marks of direction, line separators, tags, the byte order mark, lone surrogates.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)

_NAMED = (
    r"password|passwd|pwd|passphrase|secret|token|credential|signature|"
    r"api[_-]?key|apikey|access[_-]?key|client[_-]?secret|private[_-]?key|routing[_-]?key"
)

# Triggers that stand in most logs, and what stands in those in which their shapes are.
_WEAK = frozenset({"gh", "://", "=", '"', "akia", "asia"})
_SPACE = r"[\s\x0b\x1c-\x1f\x80-\xff]"  # also in UTF-8, where one may have three bytes
_STRONG = (
    r"gh[pousr]_\w{20}",
    r"github_pat_",
    r"a[ks]ia[0-9a-z]{16}",
    r"://[^\s/?#\"'<>:@]*:[^\s/?#\"'<>]*@",
    rf"(?:{_NAMED}|\bsig|[?&]key){_SPACE}{{0,6}}=",
    rf'(?:{_NAMED})\\?"{_SPACE}{{0,12}}:',
)

# What the text must hold in lower case for the shape to be looked for, and the shape; its last group
# is what is cut out. No shape can match in two ways, so that none goes back and forth.
_SHAPES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("xox", "xapp-"), r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{6,}"),
    (("hooks.slack",), r"hooks\.slack(?:-gov)?\.com/(?:services|triggers|workflows)/([\w/-]+)"),
    (("/webhooks/",), r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/([\w/-]+)"),
    (("webhook.office.com",), r"webhook\.office\.com/(\S+)"),
    (("telegram.org/bot",), r"telegram\.org/bot([^/\s]+)"),
    (("akia", "asia"), r"\bA[KS]IA[0-9A-Z]{16}\b"),
    (("gh", "glpat-"), r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,})"),
    (("aiza",), r"\bAIza[\w-]{35}"),
    (("eyj",), r"(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?"),
    (("bearer",), r"(?i)\bbearer\s{1,4}([\w.~+/=-]{8,})"),
    (("authorization",), r"(?i)authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?((?:[a-z]{1,16}\s{1,4})?[^\s\"',;]+)"),
    (
        ("private key-----",),
        r"(?s)-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)",
    ),
    (("://",), r"://([^\s/?#\"'<>:@]*:[^\s/?#\"'<>]*)@"),
    (("=",), rf"(?i)(?:{_NAMED}|\bsig|[?&]key)\s{{0,2}}=\s{{0,2}}[\"']?([^\s&\"',;<>]+)"),
    (('"',), rf'(?is)(?:{_NAMED})\\?"\s{{0,4}}:\s{{0,4}}\\?"([^"\\]*(?:\\.[^"\\]*)*)'),
)
