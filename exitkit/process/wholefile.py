"""Files for others to take up: all of one or nothing, and readable by whoever comes for it."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from exitkit.errors import ActionError


def write(path: Path, content: bytes) -> None:
    """Put the content there. Whoever reads the file meanwhile finds the old one. Raises ActionError."""
    _replace(path, lambda file: file.write(content))


def move(made: Path, path: Path) -> None:
    """Put there what another file holds, which may lie on another volume. Raises ActionError."""

    def copy(file: IO[bytes]) -> None:
        with made.open("rb") as source:
            shutil.copyfileobj(source, file, 1 << 20)

    _replace(path, copy)


def _replace(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(fd, "wb") as file:
                fill(file)
                os.fchmod(fd, 0o644)  # mkstemp lets only the owner read; Argo's executor may be another
                file.flush()
                os.fsync(fd)
            os.replace(temporary, path)  # noqa: PTH105 - both are plain paths
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108 - as above
            raise
    except OSError as error:
        why = (error.strerror or "i/o error").lower()
        raise ActionError(f"cannot write {path}: {why}; choose another folder or mount a volume there") from error
