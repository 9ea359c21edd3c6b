"""A secret from a file, such as kubelet or an agent mounts it."""

import os
import stat
from pathlib import Path

from exitkit.settings import smallfile

# Kubernetes keeps at most 1 MiB in a whole Secret, so a longer file is a mistake.
_LIMIT = 1 << 20

_PEEK = 256 << 10
"""Bytes of a file of credentials; a kubeconfig of a hundred clusters has as many."""


def read(path: str) -> str:
    """The secret in the file, which may be reached through links, as kubelet makes them. Raises ValueError."""
    try:
        content = smallfile.read(path, _LIMIT + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise ValueError(f"cannot be read: {why.lower()}") from None
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
        # Opening a FIFO would wait for somebody to write to it, and opening a device may do anything.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            return ""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - it is open already
            return (file.read(_PEEK) or b"").decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def without_line_end(text: str) -> str:
    """Without the line end that editors and `kubectl create secret` leave."""
    return text.removesuffix("\n").removesuffix("\r")
