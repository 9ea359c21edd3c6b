"""Which objects of a listing are wanted: old enough, and with a path that is asked for."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from exitkit.cleanup.engine.globs import Globs


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
