"""Lines of files and of standard input."""

import glob
import os
import select
import stat
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import LONGEST, PIECE, chunks
from exitkit.ship.pipeline.source import Source, origin_of
from exitkit.ship.sources.tail import beginning

_MOST_FILES = 10_000
_RESERVE = 5.0  # seconds that are kept to ship what has been piped in, where the pipe does not end
_LOOK = 1.0  # seconds after which a waiting reader looks whether the end has been brought forward


def sources(name: str, tail: int, context: Context, longest: int = LONGEST) -> Iterator[Source]:
    """Standard input by its name, else the files that a path or glob fits; `longest` is in bytes of a line."""
    if name == "stdin":
        yield stdin(context, longest)
    else:
        yield from matching(name, tail, context, longest)


def matching(pattern: str, tail: int, context: Context, longest: int = LONGEST) -> Iterator[Source]:
    """Each file that the path or glob fits, in the order of their names; a path that is none is one that fails."""
    paths = [pattern]
    if glob.has_magic(pattern):
        # A Path would drop a slash at the end and `./`, and the names are part of the records' ids.
        found = sorted(glob.glob(pattern, recursive=True, include_hidden=True))  # noqa: PTH207
        paths = [path for path in found if not Path(path).is_dir()]
    for path in paths[:_MOST_FILES]:
        yield Source(path, partial(_read, path, tail, context, longest), size=_size(path))
    if len(paths) > _MOST_FILES:
        yield Source(pattern, partial(_fail, f"it fits more than {_MOST_FILES} files: name fewer"))


def stdin(context: Context, longest: int = LONGEST) -> Source:
    """What is piped in, until its end; or until there is only as much time left as shipping it may take."""

    def read(source: Source) -> Iterator[Chunk]:
        if sys.stdin is None:  # closed by whoever started this
            raise ActionError("standard input is closed: nothing is piped in", reason="client")
        if sys.stdin.isatty():
            raise ActionError("stdin is a terminal: pipe a log into this", reason="client")
        origin = origin_of(context, source, source.name, longest=longest, attributes={"file": source.name})
        piped = _Piped(sys.stdin.fileno(), context)
        yield from chunks(piped.pieces(), origin)
        if not piped.ended:
            raise ActionError("it was not closed by the time that it had to be shipped: what came later is missing")

    return Source("stdin", read)


class _Piped:
    """A pipe that is read until its end, and no longer than there is time; `ended` tells which it was."""

    def __init__(self, fd: int, context: Context) -> None:
        self.fd, self.deadline, self.ended = fd, context.deadline, False
        self.reserve = min(_RESERVE, context.deadline.remaining() / 4)

    def pieces(self) -> Iterator[bytes]:
        while (left := self.deadline.remaining() - self.reserve) > 0:
            if not select.select([self.fd], [], [], min(left, _LOOK))[0]:
                continue
            piece = os.read(self.fd, PIECE)
            if not piece:
                self.ended = True
                return
            yield piece


def _fail(why: str, source: Source) -> Iterator[Chunk]:  # noqa: ARG001 - as every source
    raise ActionError(why, reason="client")


def _read(path: str, tail: int, context: Context, longest: int, source: Source) -> Iterator[Chunk]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ActionError(f"cannot read {path}: it is no plain file", reason="client")
            if path.endswith(".gz"):
                pieces = _inflated(file, source)
            else:
                if tail:
                    file.seek(beginning(partial(_piece, file), file.seek(0, os.SEEK_END), tail))
                pieces = iter(partial(file.read, PIECE), b"")
            variant = f"tail={tail}" if tail else ""
            origin = origin_of(context, source, path, longest=longest, variant=variant, attributes={"file": path})
            yield from chunks(pieces, origin)
    except OSError as error:
        raise ActionError(f"cannot read {path}: {(error.strerror or 'i/o error').lower()}") from error


def _piece(file: IO[bytes], begin: int, count: int) -> bytes:
    file.seek(begin)
    return file.read(count)


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _inflated(file: IO[bytes], source: Source) -> Iterator[bytes]:
    """The content of a gzip file of one or several members; what is broken of it is told, and the rest shipped."""
    unpack, pending, begun = zlib.decompressobj(wbits=31), b"", False
    while chunk := pending or file.read(PIECE):
        try:
            piece = unpack.decompress(chunk, 4 * PIECE)
        except zlib.error:
            source.notes.append("it is no whole gzip file: what is behind the broken place was not read")
            return
        if piece:
            yield piece
        pending, begun = unpack.unconsumed_tail, True
        if unpack.eof:
            pending, begun = unpack.unused_data.lstrip(b"\0"), False
            unpack = zlib.decompressobj(wbits=31)
    if begun:
        source.notes.append("it is no whole gzip file: its end is missing")
