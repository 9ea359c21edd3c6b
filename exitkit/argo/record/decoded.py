"""JSON of many thousand nodes made into objects, unless this container has no room for them.

A container that takes more memory than its limit is killed, and the message with it: rather no record than that.
"""

import contextlib
import gc
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson

from exitkit.argo.record.uncollected import uncollected
from exitkit.text.units import human_size

_IN_MEMORY: Final = 9
"""Bytes that a byte of JSON takes at its peak: measured, 15 MB of nodes raise the process by 120 MB."""

_SMALL: Final = 1 << 20  # bytes of JSON for which there is always room

_LARGE: Final = 4 << 20  # bytes of JSON that are decoded in pieces
_PIECES: Final = 8
_NODE = re.compile(rb',\s*"([^"\\]{1,300})"\s*:\s*\{[^{}]{0,1000}?"id"\s*:\s*"\1"')
"""How a node begins, behind another one: its key is its id, which Go writes first and kubectl in the alphabet's order."""

_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container finds its limit, by cgroups of version 2 and 1."""


def decoded(text: bytes, root: Path = Path("/")) -> Any:
    """What the JSON says. Raises ValueError, with words for a note where there is no room for it."""
    limit = _limit(root)
    if limit is not None and len(text) > _SMALL and _used(root) + len(text) * _IN_MEMORY > limit:
        raise ValueError(f"it is {human_size(len(text))}, too much for a container of {human_size(limit)}")
    with uncollected():
        value = in_pieces(text) if len(text) > _LARGE else None
        if value is None:
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise ValueError("it is no JSON") from None
        if len(text) > _SMALL:
            gc.freeze()  # nor when the next objects are made: these stay for as long as the run
        return value


def in_pieces(text: bytes) -> Any:
    """What the JSON of a Workflow or of its nodes says, some nodes at a time; None where it is not as Argo writes it.

    A parser holds a copy of its text and a table of all values beside what it makes of them, as much again: of an eighth
    of the text these are an eighth. Within a text of JSON every quote has a backslash, so that no text looks like the
    beginning of a node, and what is cut at another depth is no JSON.
    """
    step = len(text) // _PIECES
    begins = (_NODE.search(text, step * number) for number in range(1, _PIECES))
    cuts = {begin.start(): begin[1] for begin in begins if begin is not None}
    if len(cuts) < 2:
        return None
    first, *_, last = places = sorted(cuts)
    try:
        whole = orjson.loads(b"".join((text[:first], text[last:])))
        nodes = whole["status"]["nodes"] if "status" in whole else whole
        ends = list(nodes)
        place = ends.index(cuts[last].decode())
        rest = {key: nodes.pop(key) for key in ends[place:]}
        for begin, end in pairwise(places):
            piece = orjson.loads(b"".join((b"{", text[begin + 1 : end], b"}")))
            if not all(type(node) is dict and node.get("id") == key for key, node in piece.items()):
                return None
            nodes |= piece
        nodes |= rest
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return whole


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
