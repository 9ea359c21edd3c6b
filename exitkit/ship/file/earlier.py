"""What earlier runs left in a file: the ids of its records, and where new lines go."""

import json
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from exitkit.errors import ActionError
from exitkit.text.units import human_size

# How far back the file is searched for what an earlier run wrote: some 100,000 lines, in about 0.1 s.
_LOOK = 16 << 20
# A compressed file can only be read from its start; this takes about a second.
_INFLATE = 256 << 20
_CHUNK = 1 << 16
_LINE = re.compile(rb'^\{"id":"([a-z2-7]{26})"', re.MULTILINE)


@dataclass(frozen=True)
class Earlier:
    """What an earlier run left: the ids, where new lines go, and what has to stand before them."""

    ids: frozenset[str] = frozenset()
    end: int = 0
    before: bytes = b""
    notes: tuple[str, ...] = ()


def read(fd: int) -> Earlier:
    """The ids in the last part of the file, and how its last line ends."""
    size = os.fstat(fd).st_size
    start = max(0, size - _LOOK)
    parts, at = [], start
    while at < size and (part := os.pread(fd, min(1 << 20, size - at), at)):
        parts.append(part)
        at += len(part)
    text = b"".join(parts)
    notes = (f"only the last {human_size(_LOOK)} were searched for records of earlier runs",) if start else ()
    tail = text[text.rfind(b"\n") + 1 :]
    if not tail or _is_json(tail):
        return Earlier(_ids(text), size, b"\n" if tail else b"", notes)
    if _LINE.match(tail) or b'{"id":"'.startswith(tail[:7]):
        cut = "an earlier run was cut in the middle of a line, which was removed"
        return Earlier(_ids(text[: len(text) - len(tail)]), size - len(tail), b"", (*notes, cut))
    return Earlier(_ids(text), size, b"\n", notes)  # somebody else's line, which stays


def read_gzip(fd: int, path: Path) -> Earlier:
    """The ids in the whole file, and where its last whole member ends: after half a one nothing can be read."""
    size = os.fstat(fd).st_size
    ids, found, text, last = set[str](), set[str](), b"", b""
    inflated = at = end = 0
    unpack, pending = zlib.decompressobj(wbits=31), b""
    while pending or at < size:
        chunk = pending or os.pread(fd, _CHUNK, at)
        at += 0 if pending else len(chunk)
        try:
            part = unpack.decompress(chunk, 16 * _CHUNK)
        except zlib.error:
            why = "what is in it is not gzip; choose another path, or one that does not end in .gz"
            raise ActionError(f"cannot append to {path}: {why}", reason="client") from None
        pending = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
        inflated += len(part)
        if inflated > _INFLATE:
            note = f"it holds more than {human_size(_INFLATE)}, so it was not searched for records of earlier runs"
            return Earlier(end=size, notes=(note,))
        text += part
        whole = text.rfind(b"\n") + 1
        found |= _ids(text[:whole])
        text = text[whole:][-_CHUNK:]
        if unpack.eof:
            ids, end, last = ids | found, at - len(pending), text
            unpack = zlib.decompressobj(wbits=31)
    notes = ("an earlier run was cut in the middle of a batch, which was removed",) if end < size else ()
    return Earlier(frozenset(ids), end, b"\n" if last else b"", notes)


def _ids(text: bytes) -> frozenset[str]:
    return frozenset(match.decode() for match in _LINE.findall(text))


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
