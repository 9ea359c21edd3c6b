"""Records as lines of JSON in a file: the target that needs nothing but a folder.

A second run appends only what is not there yet, told by the ids that begin the lines.
"""

import contextlib
import fcntl
import gzip
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from exitkit.context import Context
from exitkit.errors import ActionError, Retryable
from exitkit.retry import Abandoned, sending
from exitkit.settings.fields import ADDRESS
from exitkit.ship import Ship
from exitkit.ship.file import earlier
from exitkit.ship.file.earlier import Earlier
from exitkit.ship.pipeline.batch import Answer, Batch, Post
from exitkit.ship.pipeline.chunk import Chunk

_PIECE = 1 << 20  # bytes of one write, after which is asked whether anybody still waits for it


class File(Ship):
    """Write records to a file, one line of JSON each."""

    path: Annotated[Path, ADDRESS] = Field(
        Path("/tmp/exitkit/records.ndjson"),  # noqa: S108 - the pod's own folder; links are not followed
        description="The file; folders are made, and a name that ends in .gz is compressed.",
    )
    mode: Literal["append", "replace"] = Field(
        "append", description="Whether what is in the file stays; a record that is in it is not written again."
    )

    @field_validator("path")
    @classmethod
    def _stays_below(cls, path: Path) -> Path:
        """A name that a template put into the path must not lead out of it."""
        if ".." in path.parts or not path.name or "\0" in str(path):
            raise ValueError("is the path of a file, without '..'")
        return path

    def target(self) -> str:
        return str(self.path)

    def encode(self, chunk: Chunk) -> Sequence[str]:
        return chunk.lines

    @contextlib.contextmanager
    def open(self, context: Context) -> Iterator[Post]:  # noqa: ARG002 - a file is bounded by the step's time
        zipped = self.path.suffix == ".gz"
        with contextlib.ExitStack() as stack:
            fd = stack.enter_context(_opened(self.path))
            with _telling(self.path):
                old = (
                    Earlier()
                    if self.mode == "replace"
                    else earlier.read_gzip(fd, self.path)
                    if zipped
                    else earlier.read(fd)
                )
                if old.end != os.fstat(fd).st_size:
                    os.ftruncate(fd, old.end)
            lines = _Lines(self.path, os.dup(fd), old, zipped=zipped)
            stack.callback(lines.close)
            lines.begin()
            yield lines.post


class _Lines:
    """An open file that lines are added to, each batch whole or not at all.

    An attempt that was given up may still be writing when the step is over. So each writes to a descriptor of its
    own, which nobody else closes, whose number no other file can get meanwhile, and always to the same place.
    """

    def __init__(self, path: Path, fd: int, old: Earlier, *, zipped: bool) -> None:
        self.path, self.old, self.zipped = path, old, zipped
        self.end = old.end
        self._fd: int | None = fd
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    @contextlib.contextmanager
    def _own(self) -> Iterator[int]:
        """A descriptor of the file for one attempt; an attempt that comes too late is ended."""
        with self._lock:
            if self._fd is None:
                raise Abandoned
            fd = os.dup(self._fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def begin(self) -> None:
        """End a last line that has no end."""
        if self.old.before:
            self._write(self.old.before)

    def post(self, batch: Batch) -> Answer:
        new: list[str] = []
        known: list[int] = []
        place = 0
        for part in batch.parts:
            for identity, line in zip(part.chunk.ids, part.texts, strict=True):
                if identity in self.old.ids:
                    known.append(place)
                else:
                    new.append(line)
                place += 1
        if new:
            self._write("".join(new).encode("utf-8", "backslashreplace"))
        return Answer(duplicate=known, notes=self.old.notes)

    def _write(self, content: bytes) -> None:
        # Members one after the other are one gzip file (RFC 1952, 2.2); without a time the same in each run.
        data = gzip.compress(content, 6, mtime=0) if self.zipped else content
        end = self.end
        with _telling(self.path), self._own() as fd:
            try:
                done = 0
                while done < len(data):
                    sending()  # which ends this if nobody waits for it any more
                    done += os.pwrite(fd, data[done : done + _PIECE], end + done)
                sending()
                os.fsync(fd)
            except OSError:
                with contextlib.suppress(OSError):  # the disk that refused may refuse this too
                    os.ftruncate(fd, end)
                raise
        self.end = end + len(data)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """The file's descriptor, with nobody else of us writing to it."""
    with _telling(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        made = not path.exists()
        # A link could lead the lines into somebody else's file; a pipe without a reader would hang.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        with _telling(path):
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ActionError(f"cannot write {path}: it is no plain file; choose another path", reason="client")
            _lock(fd, path)
            if made:
                _keep_name(path.parent)
        yield fd
    finally:
        os.close(fd)


def _lock(fd: int, path: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Retryable(f"{path} is being written by another process", reason="other", later=True) from None
    except OSError:
        return  # a file system without locks; two writers at a time are rare


def _keep_name(folder: Path) -> None:
    """A new file's name is kept in its folder, which has to reach the disk too."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def _telling(path: Path) -> Iterator[None]:
    """The system's errors as ours."""
    try:
        yield
    except OSError as error:
        why = "it is a symbolic link" if path.is_symlink() else (error.strerror or "i/o error").lower()
        raise ActionError(f"cannot write {path}: {why}; choose another path or mount a volume there") from error
