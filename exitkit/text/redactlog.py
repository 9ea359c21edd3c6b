"""Secrets cut out of a log as it streams by: one pass over what is harmless, and a closer look at the few lines that are not.

`redact` looks for each secret and each shape in turn, which at 5 MB/s is right for a message and too slow for
a log. RE2 looks for all of them at once, at some 500 MB/s, and what it finds is left to `redact`.
"""

import re
from functools import lru_cache
from typing import Any

import re2

from exitkit.text import redact

_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----")
_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}-----")
_LONGEST_KEY = 200
"""Lines of a private key; an RSA key of 16384 bits has 201 with those around it."""


class Scrub:
    """The secrets of one log; its pieces are given in order, and each ends where a line does."""

    def __init__(self) -> None:
        self._key = 0  # how many more lines may belong to a private key

    def __call__(self, piece: bytes) -> bytes:
        """The piece with `***` for each secret, and as many lines as before."""
        pattern = _pattern(*redact.signs())
        if not self._key and pattern.search(piece) is None:
            return piece
        parts: list[bytes] = []
        at = 0
        while at < len(piece):
            if self._key:
                at = self._masked(piece, at, parts)
                continue
            found = pattern.search(piece, at)
            if found is None:
                break
            first = piece.rfind(b"\n", at, found.start()) + 1 or at
            # A sign may reach over a line's end; all of its lines are looked at together.
            last = piece.find(b"\n", max(found.start(), found.end() - 1))
            last = len(piece) if last < 0 else last
            parts.append(piece[at:first])
            at = self._cut(piece, first, last, parts)
        parts.append(piece[at:])
        return b"".join(parts)

    def _cut(self, piece: bytes, first: int, last: int, parts: list[bytes]) -> int:
        """A line without its secrets, and where it ends."""
        line = piece[first:last]
        begin = _BEGIN.search(line)
        if begin is None or _END.search(line, begin.end()):
            parts.append(_redacted(line))
            return last
        self._key = _LONGEST_KEY  # its other lines follow
        parts.append(_redacted(line[: begin.start()]) + redact.MASK.encode())
        end = piece.find(b"\n", first + begin.end())
        return len(piece) if end < 0 else end

    def _masked(self, piece: bytes, at: int, parts: list[bytes]) -> int:
        """The rest of a line, and the next line of a private key, of which nothing is kept but that it was there."""
        start = at + 1 if piece[at : at + 1] == b"\n" else at
        parts.append(piece[at:start])
        end = piece.find(b"\n", start)
        end = len(piece) if end < 0 else end
        line = piece[start:end]
        if line:
            parts.append(redact.MASK.encode())
        self._key = 0 if _END.search(line) else self._key - 1
        return end


def _redacted(line: bytes) -> bytes:
    """By itself, so that a mask never swallows the end of a line; then as a whole, for what has several."""
    text = line.decode("utf-8", "surrogateescape")
    told = redact.redact(text)
    if told.count("\n") != text.count("\n"):
        told = "\n".join(redact.redact(one) for one in text.split("\n"))
    return told.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=2)
def _pattern(texts: tuple[str, ...], patterns: tuple[str, ...]) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1  # bytes, whatever they mean
    options.max_mem = 64 << 20
    known = [re2.escape(one.encode("utf-8", "surrogatepass")) for one in texts]
    return re2.compile(b"|".join((*known, *(one.encode() for one in patterns))), options)
