"""Records that a target refused in an earlier run, from the file in which that run kept them.

The file is taken aside while it is read, because what is refused again goes to a new one of the same name. It
is deleted when each of its records has a verdict, and else found by the next run.
"""

import json
import os
import stat
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, get_args

from exitkit.errors import ActionError
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import parse_time
from exitkit.ship.pipeline.records import Kind, Level, Record
from exitkit.ship.pipeline.source import Source
from exitkit.text.safe import clean

_LONGEST = 16 << 20  # bytes of a line; a record has 64 KiB, and JSON may take six times as much


def source(path: str, *, dry_run: bool) -> Source:
    """The records that are kept in the file; in a dry run it stays where it is."""
    taken = Path(f"{path}.taken")
    finish = partial(taken.unlink, missing_ok=True)
    read = partial(_read, Path(path), taken, dry_run=dry_run)
    return Source("dead-letter", read, is_short=True, finish=finish)


def _read(path: Path, taken: Path, source: Source, *, dry_run: bool) -> Iterator[Chunk]:
    try:
        if dry_run:
            for one in (taken, path):
                yield from _records(one, source)
        else:
            _take(path, taken)
            yield from _records(taken, source)
    except OSError as error:
        raise ActionError(f"cannot read {path}: {(error.strerror or 'i/o error').lower()}") from error


def _take(path: Path, taken: Path) -> None:
    """Put it aside; behind what an earlier run took, and did not come to the end of."""
    if not path.exists():
        return
    if not taken.exists():
        path.rename(taken)
        return
    with _opened(path) as file, taken.open("ab") as behind:
        while piece := file.read(1 << 20):
            behind.write(piece)
        os.fsync(behind.fileno())
    path.unlink()


def _records(path: Path, source: Source) -> Iterator[Chunk]:
    if not path.exists():
        return
    broken = 0
    with _opened(path) as file:
        while line := file.readline(_LONGEST):
            record = _record(line)
            if record is None:
                broken += 1
                continue
            yield Chunk.of(record, source.name)
    if broken:
        source.notes.append(f"{broken} lines of {path} are no records, and were passed over")


def _opened(path: Path) -> IO[bytes]:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ActionError(f"cannot read {path}: it is no plain file", reason="client")
    return os.fdopen(fd, "rb")


def _record(line: bytes) -> Record | None:
    """What `Record.to_json` wrote; None for anything else."""
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
        return Record(found["id"][:100], time, found["kind"], found["level"], message, attributes)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
