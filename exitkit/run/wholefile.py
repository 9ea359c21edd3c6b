"""Files that are written whole or not at all, and never through a link or into a pipe that somebody put there."""

import contextlib
import errno
import os
import stat

# Others read these files: Argo's executor, and whoever mounts the volume.
_MODE, _FOLDER_MODE = 0o644, 0o755
# What is not a place for a result: a device of a container is not to be replaced by a file.
_NOT_THERE = ("/dev/", "/proc/", "/sys/")
# What says that nothing can be put beside the file, such as one that is mounted by itself; it may take text all the same.
_NO_NEIGHBOUR = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)


def write(path: str, text: str) -> None:
    """Have the file hold the text, in a folder that is made if need be.

    A link, a pipe or a socket of this name is replaced. Raises OSError, and ValueError where it is no path.
    """
    content = text.encode("utf-8", "backslashreplace")
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - resolve would follow links
    if not name or path.endswith("/"):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if folder.startswith(_NOT_THERE) or f"{folder}/" in _NOT_THERE:
        raise PermissionError(errno.EPERM, "not a place for a file")
    if not os.path.exists(folder):  # noqa: PTH110 - as above
        os.makedirs(folder)  # noqa: PTH103
        os.chmod(folder, _FOLDER_MODE)  # noqa: PTH101 - the umask keeps others out, and these are for others
    with contextlib.suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise IsADirectoryError(errno.EISDIR, "is not a file")
    try:
        _replace(folder, path, content)
    except OSError as error:
        if error.errno not in _NO_NEIGHBOUR:
            raise
        if not overwrite(path, content):
            raise


def overwrite(path: str, content: bytes) -> bool:
    """Write into the file that is there; False if there is none. Raises OSError where that fails."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return False
        os.ftruncate(fd, 0)
        _write(fd, content)
    finally:
        os.close(fd)
    return True


def _replace(folder: str, path: str, content: bytes) -> None:
    temporary = f"{folder}/.exitkit-{os.getpid()}-{os.urandom(6).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(temporary, flags, 0o600)
    try:
        try:
            _write(fd, content)
            os.fchmod(fd, _MODE)
        finally:
            os.close(fd)
        os.rename(temporary, path)  # noqa: PTH104 - plain paths
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def _write(fd: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest) :]
