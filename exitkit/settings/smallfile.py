"""A small file that may be a pipe, read within bounds: of size, and of the time that whoever writes it may take."""

import errno
import os
import select
import stat
import time

PATIENCE = 5.0
"""Seconds in which a pipe must have been written to its end, such as that of `<(vault read …)`."""


def read(path: str, limit: int) -> bytes:
    """At most so many bytes of the file. Raises OSError, also where a pipe does not end, and ValueError for no path."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        waits = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)
        return _read(fd, limit, time.monotonic() + PATIENCE if waits else None)
    finally:
        os.close(fd)


def _read(fd: int, limit: int, until: float | None) -> bytes:
    content = bytearray()
    while len(content) < limit:
        if until is not None and not select.select([fd], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError(errno.ETIMEDOUT, f"is a pipe that nobody wrote to its end within {PATIENCE:.0f} s")
        piece = os.read(fd, limit - len(content))
        if not piece:
            break
        content += piece
    return bytes(content)
