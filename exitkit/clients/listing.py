"""Part of a store's listing, and which of it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from exitkit.clients.pattern import Globs


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


class Filters(Protocol):
    """Which objects are wanted; the fields are those of a cleanup."""

    @property
    def older_than(self) -> float: ...
    @property
    def include(self) -> Sequence[str]: ...
    @property
    def exclude(self) -> Sequence[str]: ...


class Wanted:
    """What is old enough and has a path that is asked for. `now` is in Unix seconds.

    `before` is empty where any age will do.
    """

    def __init__(self, filters: Filters, now: float) -> None:
        self.include, self.exclude = Globs(filters.include), Globs(filters.exclude)
        self.before = moment(now - filters.older_than) if filters.older_than else ""
        self.anything = not (self.before or self.include or self.exclude)

    def has(self, key: str, changed: str, prefix: str) -> bool:
        """Whether a key below a prefix is wanted; the globs see its path from the folder that the prefix is in."""
        if changed > self.before and self.before:
            return False
        path = key[len(prefix) if prefix.endswith("/") else prefix.rfind("/") + 1 :]
        return not self.exclude.match(path) and (not self.include or self.include.match(path))


def moment(seconds: float) -> str:
    """As stores write a time, to the second; times of changing are compared with it as text."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def in_bytes(key: str) -> bytes:
    """What keys are ordered by; for those that are not UTF-8, that is not the order of their text."""
    return key.encode("utf-8", "surrogateescape")
