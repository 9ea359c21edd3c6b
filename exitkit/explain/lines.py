"""A log's bytes as lines that are numbered, whatever ends them and however they are encoded, in blocks of bounded size."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

BLOCK = 1 << 18
"""Bytes of a log that are looked at together."""

LONGEST = 1 << 14
"""Bytes that are kept of a line: most from its beginning, and some from its end, where a JSON log has its error."""

_TAIL = 1 << 12
_LOOK = 4096  # bytes in which an encoding shows
_MARKS = ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True)
class Block:
    """Some lines of a log: `first` is the number of the first of them, counted from 1; `text` has them with LF between.

    Of a line that is longer than `LONGEST` the middle is missing.
    """

    first: int
    text: bytes


def blocks(pieces: Iterable[bytes]) -> Iterator[Block]:
    """The lines of a log that comes in pieces of any length; lines end with CR LF, LF or CR, as people count them."""
    number, rest = 1, b""
    for piece in _ended(_plain(pieces)):
        text = rest + piece if rest else piece
        end = text.rfind(b"\n")
        if end < 0:
            rest = _short(text)
            continue
        whole, rest = text[:end], _short(text[end + 1 :])
        yield Block(number, _bounded(whole))
        number += whole.count(b"\n") + 1
    if rest:
        yield Block(number, rest)


def decoded(line: bytes) -> str:
    """The text of a line: UTF-8, or what has always been written where it is not."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace") if _western(line) else line.decode("utf-8", "replace")


def _western(line: bytes) -> bool:
    """Whether a line that is no UTF-8 has only single bytes beyond ASCII: more would be UTF-8 that is cut or broken."""
    beyond = [byte >= 0x80 for byte in line]
    return not any(one and other for one, other in pairwise(beyond))


def _plain(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The log in an encoding in which a line's end is one byte, in pieces that are not too large."""
    decoder: codecs.IncrementalDecoder | None = None
    head, begun = b"", False
    for piece in pieces:
        for begin in range(0, len(piece), BLOCK):
            part = piece[begin : begin + BLOCK] if len(piece) > BLOCK else piece
            if not begun:
                head += part
                if len(head) < _LOOK:
                    continue
                part, decoder, begun = *_opened(head), True
            yield decoder.decode(part).encode("utf-8", "surrogatepass") if decoder else part
    if not begun:
        head, decoder = _opened(head)
        yield decoder.decode(head).encode("utf-8", "surrogatepass") if decoder else head
    if decoder and (last := decoder.decode(b"", final=True)):
        yield last.encode("utf-8", "surrogatepass")


def _opened(head: bytes) -> tuple[bytes, codecs.IncrementalDecoder | None]:
    """The beginning of a log without its mark, and what decodes it, if it is UTF-16 and not bytes as they should be."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :], codecs.getincrementaldecoder(name)("replace") if name else None
    some = head[: _LOOK & ~1]
    for name, zeros, letters in (("utf-16-le", some[1::2], some[::2]), ("utf-16-be", some[::2], some[1::2])):
        if len(some) > 3 and zeros.count(0) > 0.7 * len(zeros) and letters.count(0) < 0.1 * len(letters):
            return head, codecs.getincrementaldecoder(name)("replace")
    return head, None


def _ended(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same with LF for each end of a line, also where CR LF is torn apart, and without NUL."""
    torn = False
    for piece in pieces:
        text = piece
        if torn:
            text, torn = b"\r" + text, False
        if b"\r" in text:
            if text.endswith(b"\r"):
                text, torn = text[:-1], True
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield text.replace(b"\0", b"") if b"\0" in text else text
    if torn:
        yield b"\n"


def _short(line: bytes) -> bytes:
    return line if len(line) <= LONGEST else line[: LONGEST - _TAIL] + line[-_TAIL:]


def _bounded(text: bytes) -> bytes:
    """The lines, none of which is longer than `LONGEST`; looked at only where one may be: no end in all of a half of that."""
    half = LONGEST // 2
    if all(text.find(b"\n", begin, begin + half) >= 0 for begin in range(0, len(text) - half, half)):
        return text
    return b"\n".join(map(_short, text.split(b"\n")))
