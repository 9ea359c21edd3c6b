"""Values as files of a folder, such as a mounted volume; also on NFS, and where the file system knows no locks."""

import bisect
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from exitkit.errors import Retryable
from exitkit.retry import sending
from exitkit.store import MOST, MOST_LISTED, Store, Value, check_name

_TEMPORARY = ".new-"
_STALE = 10.0  # seconds after which a lock that is a link is taken for one of a process that was killed
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


class FolderStore(Store):
    """Each value is a file, written whole and linked or moved to its name; who replaces one holds the folder's lock."""

    def __init__(self, path: str) -> None:
        self.path, self.where = Path(path), path

    def get(self, name: str) -> Value | None:
        data = self._read(name)
        return None if data is None else Value(data, _version(data))

    def put_if_absent(self, name: str, data: bytes) -> str:
        with self._written(data) as temporary:
            try:
                os.link(temporary, self._file(name))
            except FileExistsError:
                # Over NFS the answer can be lost after the link was made, and the second try then finds it.
                if not _is_same(temporary, self._file(name)):
                    return ""
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                    raise
                return self._put_locked(name, data, None, temporary)  # a file system without links
        self._keep()
        return _version(data)

    def put_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        with self._written(data) as temporary:
            return self._put_locked(name, data, version, temporary)

    def delete(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def list(self, prefix: str) -> list[str]:
        try:
            names = [one.name for one in self.path.iterdir()]
        except FileNotFoundError:
            return []
        ends = (one.removesuffix(".json") for one in names if one.endswith(".json") and not one.startswith("."))
        return sorted(name for name in ends if name.startswith(prefix))

    def written(self, prefix: str, after: str) -> dict[str, float]:
        names = self.list(prefix)
        later = bisect.bisect_right(names, after)
        times: dict[str, float] = {}
        for name in [*names[later:], *names[:later]][:MOST_LISTED]:
            with contextlib.suppress(OSError, ValueError):  # gone, or no name of ours
                times[name] = os.lstat(self._file(name)).st_mtime
        return times

    def tidy(self, before: float) -> int:
        gone = 0
        for path in self.path.glob(f"{_TEMPORARY}*"):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < before:
                    path.unlink()
                    gone += 1
        return gone

    def _put_locked(self, name: str, data: bytes, version: str | None, temporary: str) -> str:
        with self._locked(temporary):
            there = self._read(name)
            if (None if there is None else _version(there)) != version:
                return ""
            os.replace(temporary, self._file(name))  # noqa: PTH105 - both are plain paths
        self._keep()
        return _version(data)

    def _read(self, name: str) -> bytes | None:
        """Not through a link, which anybody may have put there, nor out of a pipe that nobody writes to."""
        try:
            fd = os.open(self._file(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read(MOST + 1)

    def _file(self, name: str) -> Path:
        return self.path / f"{check_name(name)}.json"

    @contextlib.contextmanager
    def _written(self, data: bytes) -> Iterator[str]:
        """A file of the folder's own with all of it, on the disk, which only the owner can read; gone afterwards."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd, temporary = tempfile.mkstemp(dir=self.path, prefix=_TEMPORARY)  # mode 0600
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108 - a plain path

    def _keep(self) -> None:
        """The names as well on the disk."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _locked(self, temporary: str) -> Iterator[None]:
        """The folder's lock, in turn with others; the system gives it back when a process ends."""
        import fcntl

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(self.path / ".lock", flags, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                with self._linked(temporary):
                    yield
                return
            sending()  # whoever waited may have given up meanwhile
            yield
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _linked(self, temporary: str) -> Iterator[None]:
        """In place of a lock, a name that one at a time can give; one that was left by a process that was killed is taken away.

        Raises Retryable where another has it.
        """
        held, here = self.path / ".held", os.lstat(temporary)
        mine = f"{temporary}-mine"  # a file of its own, because the other one moves to its place
        Path(mine).touch(mode=0o600)
        try:
            try:
                os.link(mine, held)
            except FileExistsError:
                with contextlib.suppress(OSError):
                    there = os.lstat(held)
                    # Both times are by the clock of whoever keeps the files.
                    if here.st_ctime - there.st_ctime > _STALE:
                        _put_away(held, there, mine)
                raise Retryable("another process is writing there", reason="server", later=True) from None
            try:
                sending()
                yield
            finally:
                held.unlink(missing_ok=True)
        finally:
            Path(mine).unlink(missing_ok=True)


def _put_away(held: Path, stale: os.stat_result, spare: str) -> None:
    """Remove the name if it is still the one that was seen; another's, which came between, is given back."""
    os.rename(held, spare)  # noqa: PTH104 - plain paths; one of several does it
    if not os.path.samestat(os.lstat(spare), stale):
        with contextlib.suppress(OSError):
            os.link(spare, held)


def _version(data: bytes) -> str:
    """By what is in it: a value that is the same again is as good as one that has not changed."""
    return hashlib.sha256(data).hexdigest()[:32]


def _is_same(one: str, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False
