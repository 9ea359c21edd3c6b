"""Which files are meant: a path with wildcards, read component by component, and what is asked of each file."""

import fnmatch
import os
import re
import stat
from dataclasses import dataclass

from exitkit.cleanup.engine.globs import _NOTHING, Globs, is_magic

States = frozenset[int]
"""How many components of a pattern may be behind us; several, because `**` stands for any number of directories."""


class Pattern:
    """An absolute path in which `*`, `?` and `[…]` stand for part of a name, and `**` for any directories.

    As in a shell, no wildcard stands for a name's leading dot.
    """

    def __init__(self, path: str) -> None:
        self.parts = [part for part in path.split("/") if part]
        if self.parts and self.parts[-1] == "**":
            self.parts.append("*")
        self.ends = frozenset([len(self.parts)])
        self._tests = [_test(part) for part in self.parts]
        self.start = self._closed({0})

    def only(self, states: States) -> str | None:
        """The one name that can come next, if there is but one."""
        if len(states) != 1:
            return None
        (at,) = states
        return None if at == len(self.parts) or is_magic(self.parts[at]) else self.parts[at]

    def step(self, states: States, name: str) -> tuple[States, bool]:
        """Where the name leads, and whether it completes what is named."""
        after = set[int]()
        for at in states:
            test = self._tests[at]
            if test is None:
                if not name.startswith("."):
                    after.add(at)
            elif name == self.parts[at] or (test.match(name) and (name[0] != "." or self.parts[at][0] == ".")):
                after.add(at + 1)
        if not after:
            return _NOWHERE, False
        closed = self._closed(after)
        return closed - self.ends, not self.ends.isdisjoint(closed)

    def holds(self, path: str) -> bool:
        """Whether a path is what is named here, or in it."""
        states, hit = self.start, False
        for name in path.strip("/").split("/"):
            states, hit = self.step(states, name)
            if hit or not states:
                break
        return hit

    def _closed(self, states: set[int]) -> States:
        found = set(states)
        for at in sorted(states):
            following = at
            while following < len(self.parts) and self._tests[following] is None:
                following += 1
                found.add(following)
        return frozenset(found)


_NOWHERE: States = frozenset()


def _test(part: str) -> re.Pattern[str] | None:
    return None if part == "**" else re.compile(fnmatch.translate(part))


@dataclass(frozen=True)
class Wanted:
    """What is asked of a file before it goes; by default nothing.

    `before` is Unix time, the sizes are bytes, paths for `include` and `exclude` are relative to what
    was named. `measure` asks for the sizes of what goes.
    """

    before: float | None = None
    larger: int | None = None
    smaller: int | None = None
    include: Globs = _NOTHING
    exclude: Globs = _NOTHING
    measure: bool = False
    keep_root: bool = False
    empty_directories: bool = True

    @property
    def filters(self) -> bool:
        """Whether anything can stay."""
        return self.sized or self.before is not None or bool(self.include) or bool(self.exclude)

    @property
    def sized(self) -> bool:
        return self.larger is not None or self.smaller is not None

    @property
    def stats(self) -> bool:
        """Whether each file has to be looked at."""
        return self.measure or self.before is not None or self.sized

    def enters(self, path: str) -> bool:
        """Whether anything in this directory can be wanted."""
        return not self.exclude.match(path)

    def picks(self, path: str) -> bool:
        return not self.exclude.match(path) and (not self.include or self.include.match(path))

    def takes(self, path: str, looked: os.stat_result) -> bool:
        """Whether a file goes."""
        if self.before is not None and looked.st_mtime > self.before:
            return False
        if self.sized and stat.S_ISREG(looked.st_mode):
            if self.larger is not None and looked.st_size <= self.larger:
                return False
            if self.smaller is not None and looked.st_size >= self.smaller:
                return False
        elif self.sized:
            return False
        return self.picks(path)

    def drops(self, path: str, changed: float, *, took: bool) -> bool:
        """Whether a directory goes that nothing is left in; `took` says that something was."""
        if not self.empty_directories:
            return False
        if not self.filters or took:
            return True
        return not self.sized and self.picks(path) and (self.before is None or changed <= self.before)
