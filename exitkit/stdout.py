"""Standard output, kept for what was asked for: the report, and what a step was told to print."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

_own: list[TextIO] = []


def stream() -> TextIO:
    """Where the report goes, whatever `sys.stdout` is at the moment."""
    return _own[-1] if _own else sys.stdout


def keep() -> None:
    """Have whatever writes to file descriptor 1, from C or in another process, write to stderr from now on.

    `sys.stdout` goes on being the standard output. For once at a process's start.
    """
    try:
        own = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # one of them is closed, so there is nothing to keep apart
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    # A character that it cannot show is written as an escape; a name must not cost a listing.
    sys.stdout = open(own, "w", encoding=encoding, errors="backslashreplace")  # noqa: PTH123, SIM115 - until the end


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Have what Python prints inside go to stderr, so that only `stream()` is standard output."""
    own = stream()
    _own.append(own)
    before, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        if sys.stdout is sys.stderr:
            sys.stdout = before
        _own.pop()


def drop(stream: TextIO) -> None:
    """Have what the stream could not write thrown away, or it would be tried again with the next line."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        kept = os.dup(stream.fileno())
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()
        os.dup2(kept, stream.fileno())
        os.close(kept)
