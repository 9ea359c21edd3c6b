"""Part of a store's listing, and which of it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

from exitkit.errors import ActionError

_MOST_EMPTY = 100_000  # pages, of a thousand keys each


@dataclass(frozen=True)
class Page:
    """Part of a listing, in the order of UTF-8 bytes: keys, and where they were asked for sizes and times.

    `changed` holds UTC times as `2026-11-23T12:00:00`, whose order is that of the text. `token` leads to
    the next page where there is `more` and this one has no key to go on from.
    """

    keys: Sequence[str]
    sizes: Sequence[int] = ()
    changed: Sequence[str] = ()
    more: bool = False
    token: str = ""


def check_advance(token: object, seen: set[object], what: str) -> None:
    """Raises ActionError where a page leads to one that has been read, or too many pages have nothing in them."""
    if token in seen or len(seen) > _MOST_EMPTY:
        raise ActionError(f"{what}: a page leads to itself, or to one before it", reason="server")
    seen.add(token)


def in_bytes(key: str) -> bytes:
    """What keys are ordered by; for those that are not UTF-8, that is not the order of their text."""
    return key.encode("utf-8", "surrogateescape")
