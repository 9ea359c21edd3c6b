"""Records that a target refused in an earlier run, from the file in which that run kept them.

The file is taken aside while it is read, because what is refused again goes to a new one of the same name. It
is deleted when each of its records has a verdict, and else found by the next run. What another target refused is left
in it, and so is what may have arrived, unless it is asked for.
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, get_args

from exitkit.errors import ActionError
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.linetimes import parse_time
from exitkit.ship.pipeline.records import Kind, Level, Record
from exitkit.ship.pipeline.source import Source
from exitkit.text.safe import clean

_LONGEST = 16 << 20  # bytes of a line; a record has 64 KiB, and JSON may take six times as much


def source(path: str, own: str, *, resends: bool, dry_run: bool) -> Source:
    """The records that are kept in the file; in a dry run it stays where it is.

    With `own`, only those that this target refused; with `resends`, also those that it may have already. The others
    stay in the file.
    """
    letters = _Letters(Path(path), own, resends=resends)
    return Source("dead-letter", partial(letters.read, dry_run=dry_run), is_short=True, finish=letters.finish)


class _Letters:
    """The file, which is taken aside while it is read."""

    def __init__(self, path: Path, own: str, *, resends: bool) -> None:
        self.path, self.taken = path, Path(f"{path}.taken")
        self.own, self.resends = own, resends
        self._foreign = self._doubtful = self._broken = 0

    def read(self, source: Source, *, dry_run: bool) -> Iterator[Chunk]:
        try:
            if dry_run:
                for path in (self.taken, self.path):
                    yield from self._records(path, source)
            else:
                self._take()
                yield from self._records(self.taken, source)
        except OSError as error:
            raise ActionError(f"cannot read {self.path}: {(error.strerror or 'i/o error').lower()}") from error
        if self._broken:
            source.notes.append(f"{self._broken} lines of {self.path} are no records, and were passed over")
        if self._foreign:
            source.notes.append(f"{self._foreign} were refused by another target, and stay in {self.path}")
        if self._doubtful:
            source.notes.append(f"{self._doubtful} may have arrived, so that they stay in {self.path}")

    def finish(self) -> None:
        """Each of its records has a verdict: only those that were not for this target are kept."""
        if self._foreign or self._doubtful:
            with self._opened(self.taken) as file, self._behind(self.path) as behind:
                while line := file.readline(_LONGEST):
                    letter = _letter(line)
                    if letter is not None and not self._is_ours(letter):
                        behind.write(line)
        self.taken.unlink(missing_ok=True)

    def _take(self) -> None:
        """Put it aside; behind what an earlier run took, and did not come to the end of."""
        if not self.path.exists():
            return
        if not self.taken.exists():
            self.path.rename(self.taken)
            return
        with self._opened(self.path) as file, self._behind(self.taken) as behind:
            while piece := file.read(1 << 20):
                behind.write(piece)
        self.path.unlink()

    def _records(self, path: Path, source: Source) -> Iterator[Chunk]:
        if not path.exists():
            return
        with self._opened(path) as file:
            while line := file.readline(_LONGEST):
                letter = _letter(line)
                if letter is None:
                    self._broken += 1
                elif self._is_ours(letter):
                    yield Chunk.of(letter.record, source.name)
                elif self._is_own(letter):
                    self._doubtful += 1
                else:
                    self._foreign += 1

    def _is_ours(self, letter: "_Letter") -> bool:
        return self._is_own(letter) and (self.resends or not letter.unknown)

    def _is_own(self, letter: "_Letter") -> bool:
        return not self.own or letter.target in ("", self.own)

    @contextmanager
    def _behind(self, path: Path) -> Iterator[IO[bytes]]:
        """A file to add to, which is on the disk afterwards."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o644), "ab") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _opened(path: Path) -> IO[bytes]:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ActionError(f"cannot read {path}: it is no plain file", reason="client")
        return os.fdopen(fd, "rb")


class _Letter(NamedTuple):
    """A record, the target that refused it, and whether it may have taken it."""

    record: Record
    target: str
    unknown: bool


def _letter(line: bytes) -> _Letter | None:
    """What `DeadLetters.keep` wrote; None for anything else."""
    try:
        found = json.loads(line)
        time = parse_time(found["time"])
        attributes = found.get("attributes") or {}
        kinds, levels = get_args(Kind), get_args(Level)
        if time is None or found["kind"] not in kinds or found["level"] not in levels:
            return None
        if not isinstance(attributes, Mapping) or not all(isinstance(found[key], str) for key in ("id", "message")):
            return None
        message = clean(found["message"], _LONGEST)
        record = Record(found["id"][:100], time, found["kind"], found["level"], message, attributes)
        return _Letter(record, str(found.get("target") or ""), found.get("outcome") == "unknown")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
