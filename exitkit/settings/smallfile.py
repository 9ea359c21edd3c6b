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


def whole(path: str, limit: int) -> str:
    """A path for libraries that open files by themselves, and would wait for a pipe and read a device for ever.

    That of a plain file or a folder stays. What a pipe holds, such as `<(vault read …)`, is read within bounds and kept in
    memory, for as long as the process lives. Raises OSError, also for more than so many bytes, and ValueError for no path.
    """
    mode = os.stat(path).st_mode  # noqa: PTH116 - pathlib takes longer to load
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return path
    content = read(path, limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is no plain file, and longer than {limit >> 10} KiB")
    fd = os.memfd_create("exitkit")
    os.write(fd, content)
    return f"/proc/self/fd/{fd}"


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
