"""Part of a store's listing, and which of it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass


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


def in_bytes(key: str) -> bytes:
    """What keys are ordered by; for those that are not UTF-8, that is not the order of their text."""
    return key.encode("utf-8", "surrogateescape")
