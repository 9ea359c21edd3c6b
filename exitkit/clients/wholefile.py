"""Files that are written whole or not at all, and never through a link or into a pipe that somebody put there.

Content is a text, bytes, or another file's path, of which what it holds is taken.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

Content = str | bytes | Path

# Others read these files: Argo's executor, and whoever mounts the volume.
_MODE, _FOLDER_MODE = 0o644, 0o755
# What is not a place for a result: a device of a container is not to be replaced by a file.
_NOT_THERE = ("/dev/", "/proc/", "/sys/")
# What says that nothing can be put beside the file, such as one that is mounted by itself; it may take text all the same.
_NO_NEIGHBOUR = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
# Where systems have links of their own, such as /tmp of macOS and /var/run; nobody but root can put one there.
_SYSTEMS = ("/", "/var")
# O_PATH asks for no right to read a folder that is only passed through; where there is none, reading has to do.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_PIECE = 1 << 20  # bytes of another file at a time


class WholeFiles:
    """Contents on their way into files: first all beside where they go, then each in its place, or none of them.

    So a disk that is full for the last leaves the others as they were.
    """

    def __init__(self) -> None:
        self._pending: list[_Pending] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pending in self._pending:
            pending.drop()

    def add(self, path: str, content: Content) -> None:
        """Have the file hold the content, in a folder that is made if need be.

        A link, a pipe or a socket of this name is replaced; a folder that is a link is not followed. Raises OSError,
        and ValueError where it is no path.
        """
        data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        self._pending.append(_Pending(path, data))

    def place(self) -> Iterator[tuple[str, OSError]]:
        """Put each in its place; those that cannot be, and why."""
        for pending in self._pending:
            try:
                pending.place()
            except OSError as error:
                yield pending.path, error


def write(path: str, content: Content) -> None:
    """Have this one file hold the content; as `WholeFiles.add`."""
    with WholeFiles() as files:
        files.add(path, content)
        for _, error in files.place():
            raise error


def overwrite(path: str, content: bytes) -> bool:
    """Write into the file that is there, and leave it empty where that fails; False if there is none. Raises OSError."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    return _overwritten(fd, content)


def remove(path: str) -> None:
    """Have no file there, as what it holds is not true any more. What cannot be removed stays."""
    with contextlib.suppress(OSError, ValueError), _folder(path, make=False) as (folder, name):
        if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.unlink(name, dir_fd=folder)


class _Pending:
    """What lies beside the file that is to hold it, or waits for its place where nothing can lie there."""

    def __init__(self, path: str, content: bytes | Path) -> None:
        self.path, self.content = path, content
        self.folder, self.name, self.temporary = -1, "", ""
        self.alone: OSError | None = None
        """What keeps anything from lying beside it."""
        with _folder(path) as (folder, name):
            with contextlib.suppress(FileNotFoundError):
                mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                    raise IsADirectoryError(errno.EISDIR, "is not a file")
            try:
                self.temporary = _beside(folder, content)
            except OSError as error:
                if error.errno not in _NO_NEIGHBOUR:
                    raise
                os.close(_plain(folder, name, error))
                self.alone = error
            self.folder, self.name = os.dup(folder), name

    def place(self) -> None:
        """Raises OSError."""
        if self.alone is None:
            try:
                os.rename(self.temporary, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
                self.temporary = ""
                return
            except OSError as error:
                if error.errno not in _NO_NEIGHBOUR:
                    raise
                self.alone = error
        _overwritten(_plain(self.folder, self.name, self.alone), self.content)

    def drop(self) -> None:
        """Nothing of it is left beside the file."""
        if self.temporary:
            with contextlib.suppress(OSError):
                os.unlink(self.temporary, dir_fd=self.folder)
        if self.folder >= 0:
            os.close(self.folder)


@contextlib.contextmanager
def _folder(path: str, *, make: bool = True) -> Iterator[tuple[int, str]]:
    """The folder that the path is in, as a descriptor, and the name in it. Raises OSError and ValueError."""
    whole = os.path.abspath(path)  # noqa: PTH100 - resolve would follow links
    folder, name = os.path.split(whole)
    if not name or path.endswith("/"):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if folder.startswith(_NOT_THERE) or f"{folder}/" in _NOT_THERE:
        raise PermissionError(errno.EPERM, "not a place for a file")
    fd, here = os.open("/", _FOLDER), "/"
    try:
        for part in folder.split("/"):
            if part:
                inner = _entered(fd, here, part, make=make)
                os.close(fd)
                fd, here = inner, f"{here.rstrip('/')}/{part}"
        yield fd, name
    finally:
        os.close(fd)


def _entered(fd: int, here: str, name: str, *, make: bool) -> int:
    """The folder of this name in the open one that is `here`; made if need be, and never a link of somebody's."""
    follow = 0 if here in _SYSTEMS else os.O_NOFOLLOW
    try:
        return os.open(name, _FOLDER | follow, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        if stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, f"{here.rstrip('/')}/{name} is a symbolic link") from None
        raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=fd)
        os.chmod(name, _FOLDER_MODE, dir_fd=fd)  # the umask keeps others out, and these are for others
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=fd)


def _plain(folder: int, name: str, error: OSError) -> int:
    """The plain file that is there, open to be written into. Raises the error where there is none."""
    try:
        fd = os.open(name, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        raise error from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise error
    return fd


def _beside(folder: int, content: bytes | Path) -> str:
    """The name of a new file in the folder that holds this."""
    temporary = f".exitkit-{os.getpid()}-{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600, dir_fd=folder)
    try:
        try:
            _write(fd, content)
            os.fchmod(fd, _MODE)
        finally:
            os.close(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    return temporary


def _overwritten(fd: int, content: bytes | Path) -> bool:
    """Whether it is a plain file, which then holds this. Raises OSError, and leaves it empty."""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return False
        os.ftruncate(fd, 0)
        try:
            _write(fd, content)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, 0)
            raise
    finally:
        os.close(fd)
    return True


def _write(fd: int, content: bytes | Path) -> None:
    for piece in _pieces(content) if isinstance(content, Path) else (content,):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(fd, rest) :]


def _pieces(source: Path) -> Iterator[bytes]:
    with source.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            yield piece
