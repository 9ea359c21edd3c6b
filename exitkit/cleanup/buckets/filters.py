"""Which objects of a listing are wanted: old enough, and with a path that is asked for."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from exitkit.cleanup.engine.globs import Globs

if TYPE_CHECKING:
    from exitkit.cleanup import Cleanup


class ObjectFilter:
    """What is old enough and has a path that is asked for. `now` is in Unix seconds.

    `before` is empty where any age will do.
    """

    def __init__(self, cleanup: "Cleanup", now: float) -> None:
        self.include, self.exclude = Globs(cleanup.include), Globs(cleanup.exclude)
        self.before = moment(now - cleanup.older_than) if cleanup.older_than else ""
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
