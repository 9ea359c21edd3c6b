"""What a cleanup found and deleted: batches of victims, what became of them, the counts and the list of what went."""

import contextlib
import errno
import gzip
import io
import json
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, Self

from exitkit.errors import ActionError
from exitkit.units import human_size

EXAMPLES = 10
"""How many names a report shows."""


class Batch(Protocol):
    """Some victims: their names, and their sizes in bytes or nothing where these are not known."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def sizes(self) -> Sequence[int]: ...
    @property
    def place(self) -> str:
        """What stands before each name to make it whole."""


@dataclass(frozen=True)
class Refusal:
    """Something that is found and cannot go, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What became of a batch.

    All of it was deleted but for `gone`, which were not there any more and need not be; `again`, which are
    left for a later batch; and `refused`, whose names are those of the batch.
    """

    gone: Sequence[str] = ()
    again: Sequence[str] = ()
    refused: Sequence[Refusal] = ()


@dataclass
class Tally:
    """The counts so far; `bytes` of what was deleted, or would be, as far as sizes are known."""

    found: int = 0
    deleted: int = 0
    gone: int = 0
    bytes: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)

    def refuse(self, refusals: Iterable[Refusal]) -> None:
        for one in refusals:
            self.refused[one.reason] += 1
            if len(self.why) < EXAMPLES:
                self.why.append(f"{readable(one.name)}: {one.reason}")

    def show(self, names: Iterable[str]) -> None:
        """Keep the first few names for people."""
        for name in names:
            if len(self.examples) >= EXAMPLES:
                return
            self.examples.append(readable(name))

    def facts(self, *, dry_run: bool) -> dict[str, object]:
        counts: dict[str, object] = {"found": self.found}
        if not dry_run:
            counts |= {"deleted": self.deleted, "gone": self.gone}
        return counts | {"refused": dict(self.refused), "bytes": self.bytes, "examples": list(self.examples)}

    def __str__(self) -> str:
        gone = f", {self.gone} were gone already" if self.gone else ""
        return f"deleted {self.deleted}{self.size}{gone}"

    @property
    def size(self) -> str:
        return f" ({human_size(self.bytes)})" if self.bytes else ""


class Ledger:
    """The file that lists what was deleted, one JSON object a line; and Argo's progress, if the pod has one."""

    def __init__(self, receipt: str, progress: str) -> None:
        self._progress = progress
        self._file: IO[str] | None = None
        self.failure = ""
        if receipt:
            try:
                self._file = _appended(Path(receipt))
            except OSError as error:
                raise ActionError(
                    f"receipt {receipt} cannot be written, so nothing was deleted: {error.strerror}"
                ) from None

    @property
    def listed(self) -> bool:
        return self._file is not None

    def write(self, names: Iterable[str]) -> None:
        """Add a line for each; bytes that are not UTF-8 stay as surrogate escapes, as Python reads them.

        A full disk is what a cleanup is for, so it does not stop one.
        """
        if self._file is not None and not self.failure:
            with self._telling():
                self._file.writelines(json.dumps({"deleted": name}) + "\n" for name in names)
                self._file.flush()

    def progress(self, tally: Tally) -> None:
        """Argo shows it as N/M. One that cannot be told is no reason to stop."""
        if self._progress:
            with contextlib.suppress(OSError):
                Path(self._progress).write_text(f"{tally.deleted}/{tally.found}\n", encoding="ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with self._telling():
                self._file.close()

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = f"the receipt is not complete: {(error.strerror or 'i/o error').lower()}"


def readable(name: str) -> str:
    """The name on one line, whatever bytes are in it."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)


def _appended(path: Path) -> IO[str]:
    """The file, opened to add lines to. Through a link they could end in somebody else's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "it is no plain file")
    file = os.fdopen(fd, "ab")
    # One gzip member after the other is one gzip file (RFC 1952, 2.2).
    return io.TextIOWrapper(_Zipped(file) if path.suffix == ".gz" else file, encoding="ascii")


class _Zipped(gzip.GzipFile):
    """A compressed stream that takes its file with it, and does not cut its blocks at every flush."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(filename="", mode="wb", fileobj=file, mtime=0)
        self._below = file

    def flush(self, zlib_mode: int = 0) -> None:
        """Small blocks pack badly; what a kill loses is the last of the list."""

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._below.close()
