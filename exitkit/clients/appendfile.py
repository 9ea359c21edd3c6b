"""A file that lines are added to, each on its way to the disk before what follows."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import Protocol

from exitkit.errors import ActionError


class Sink(Protocol):
    """Where the list goes. Each method may raise OSError or an error of ours."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


def open_file(where: str, what: str = "receipt", so: str = ", so nothing was deleted") -> Sink:
    """A file that lines are added to. Raises ActionError, which says of what it is and what follows.

    gzip members one after the other are one gzip file (RFC 1952, 2.2), so that a second run can add to it.
    """
    try:
        return _appended(Path(where))
    except OSError as error:
        raise ActionError(f"{what} {where} cannot be written{so}: {error.strerror}") from None


class _File:
    """A file of which every piece is on its way to the disk before the next deletion, and that keeps none to itself."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def close(self) -> None:
        self._file.close()


def _appended(path: Path) -> Sink:
    """Opened to add to. Through a link the lines could end in somebody else's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no plain file")
    return _File(os.fdopen(fd, "ab", buffering=0))
