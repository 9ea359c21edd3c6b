"""JSON of many thousand nodes made into objects, unless this container has no room for them.

A container that takes more memory than its limit is killed, and the message with it: rather no record than that.
"""

import contextlib
import gc
import re
from pathlib import Path
from typing import Any, Final

import orjson

from exitkit.text.units import human_size

_IN_MEMORY: Final = 9
"""Bytes that a byte of JSON takes at its peak: measured, 15 MB of nodes raise the process by 120 MB."""

_SMALL: Final = 1 << 20  # bytes of JSON for which there is always room

_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container finds its limit, by cgroups of version 2 and 1."""


def decoded(text: bytes, root: Path = Path("/")) -> Any:
    """What the JSON says. Raises ValueError, with words for a note where there is no room for it."""
    limit = _limit(root)
    if limit is not None and len(text) > _SMALL and _used(root) + len(text) * _IN_MEMORY > limit:
        raise ValueError(f"it is {human_size(len(text))}, too much for a container of {human_size(limit)}")
    collects = gc.isenabled()
    gc.disable()  # it would look again and again through new objects, of which none can go
    try:
        value = orjson.loads(text)
        if len(text) > _SMALL:
            gc.freeze()  # nor when the next objects are made: these stay for as long as the run
        return value
    except orjson.JSONDecodeError:
        raise ValueError("it is no JSON") from None
    finally:
        if collects:
            gc.enable()


def _limit(root: Path) -> int | None:
    """Bytes that this container may take, or None where nobody set a limit."""
    for path in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            return int((root / path).read_text(encoding="ascii"))
    return None


def _used(root: Path) -> int:
    """Bytes that this process takes by now."""
    with contextlib.suppress(OSError):
        match = re.search(r"VmRSS:\s+([0-9]+) kB", (root / "proc/self/status").read_text(encoding="ascii"))
        return int(match[1]) << 10 if match else 0
    return 0
