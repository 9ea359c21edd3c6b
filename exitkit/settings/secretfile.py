"""A secret from a file, such as kubelet or an agent mounts it."""

import os
import stat
from pathlib import Path

# Kubernetes keeps at most 1 MiB in a whole Secret, so a longer file is a mistake.
_LIMIT = 1 << 20

_PEEK = 256 << 10
"""Bytes of a file of credentials; a kubeconfig of a hundred clusters has as many."""

_KINDS = (
    (stat.S_ISFIFO, "is a FIFO, which may never end; give a regular file"),
    (stat.S_ISSOCK, "is a socket; give a regular file"),
    (stat.S_ISCHR, "is a device, which may never end; give a regular file"),
    (stat.S_ISBLK, "is a device; give a regular file"),
    (stat.S_ISDIR, "is a directory"),
)


def read(path: str) -> str:
    """The secret in the file, which may be reached through links, as kubelet makes them. Raises ValueError."""
    content = _content(path, _LIMIT)
    if len(content) > _LIMIT:
        raise ValueError("is larger than 1 MiB, so it is not a secret")
    try:
        text = without_line_end(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    if not text or "\0" in text:
        raise ValueError("holds a NUL byte" if text else "is empty")
    return text


def peek(path: str) -> str:
    """What a small file holds, or "" where there is none that can be read; never waits."""
    try:
        return _content(path, _PEEK).decode("utf-8", "replace") if path else ""
    except ValueError:
        return ""


def without_line_end(text: str) -> str:
    """Without the line end that editors and `kubectl create secret` leave."""
    return text.removesuffix("\n").removesuffix("\r")


def _content(path: str, limit: int) -> bytes:
    """At most one byte more than the limit, of a file that has an end. Raises ValueError."""
    try:
        # Opening a FIFO would wait for somebody to write to it, and opening a device may do anything.
        _check_kind(Path(path).stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - it is open already
            _check_kind(os.fstat(descriptor).st_mode)  # it may be another one by now
            return file.read(limit + 1) or b""  # None where it would have to be waited for
    except OSError as error:
        raise ValueError(f"cannot be read: {(error.strerror or 'not a path').lower()}") from None
    except ValueError as error:
        if "null" in str(error):
            raise ValueError("cannot be read: not a path") from None
        raise


def _check_kind(mode: int) -> None:
    """Raises ValueError for what is no file."""
    for is_kind, what in _KINDS:
        if is_kind(mode):
            raise ValueError(f"cannot be read: {what}")
