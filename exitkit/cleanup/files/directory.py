"""Directories by descriptor: opened without following links, told apart by device, inode and mount, and emptied."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from exitkit.cleanup.files.pattern import States

# Nothing is read on the way to what is named, so that no right to read is needed there.
_PASS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FULL = (errno.ENOTEMPTY, errno.EEXIST)


@dataclass(slots=True, eq=False)
class Chunk:
    """Names in one directory, which `fd` is open for until the walk goes on.

    `place` is the directory's path and ends with a slash; `sizes` are bytes, or empty if nobody looked.
    `refusal` is why none of them can be deleted. `remove` writes down what became of them: `gone` before
    it came, `refused` with the reason, and `again` for directories that the walk comes back to unless
    the chunk is `final`.
    """

    fd: int
    place: str
    names: list[str]
    sizes: list[int] = field(default_factory=list)
    folders: bool = False
    final: bool = False
    refusal: str = ""
    removed: int = 0
    gone: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)


def remove(chunk: Chunk, names: list[str]) -> None:
    """Delete these names of the chunk, links as links and whatever else without opening it."""
    fd = chunk.fd
    act = os.rmdir if chunk.folders else os.unlink
    for name in names:
        try:
            act(name, dir_fd=fd)
        except FileNotFoundError:
            chunk.gone.append(name)
        except OSError as error:
            if chunk.folders and error.errno in _FULL and not chunk.final:
                chunk.again.append(name)
            else:
                chunk.refused[name] = why(error)
    chunk.removed = len(names) - len(chunk.gone) - len(chunk.refused) - len(chunk.again)


def why(error: OSError) -> str:
    """The system's words, in lower case."""
    if isinstance(error, IsADirectoryError | NotADirectoryError) or error.errno == errno.ELOOP:
        return "changed while it was looked at"
    return (error.strerror or "i/o error").lower()


@dataclass(slots=True, eq=False)
class Folder:
    """A directory on the way down. `states` is None inside of what is named, where everything is meant.

    `literal` says that but one name can come next, `named` that this is what the pattern names and not
    what is in it, `plain` that every step to here was named in so many words.
    """

    name: str
    fd: int
    states: States | None
    literal: bool
    named: bool
    plain: bool
    device: tuple[int, int] = (0, 0)
    inode: int = 0
    changed: float = 0.0
    entries: Iterator[os.DirEntry[str]] | None = None
    pending: list[tuple[str, States | None]] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    read: bool = False  # to the end
    stays: bool = False  # because something in it does
    took: bool = False  # something out of it
    removed: int = 0
    passes: int = 0

    def __post_init__(self) -> None:
        looked = os.fstat(self.fd)
        self.device = looked.st_dev, _mount(self.fd)
        self.inode, self.changed = looked.st_ino, looked.st_mtime

    def open(self, name: str, *, literal: bool) -> int:
        """A descriptor for the directory of that name in this one; `literal` says that it is not to be read."""
        return os.open(name, _PASS if literal else _READ, dir_fd=self.fd)

    def scan(self) -> Iterator[os.DirEntry[str]]:
        """The entries that were not read yet."""
        if self.entries is None:
            self.entries = os.scandir(self.fd)
        return self.entries

    def end(self) -> None:
        """No more entries are wanted."""
        self.read = True
        if self.entries is not None:
            self.entries.close()  # type: ignore[attr-defined]
            self.entries = None

    def close(self) -> None:
        self.end()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def reopen(self, child: "Folder") -> bool:
        """Open this again through a child that was entered before it was closed; whether it still is the same."""
        try:
            fd = child.open("..", literal=self.literal)
        except OSError:
            return False
        looked = os.fstat(fd)
        if (looked.st_dev, looked.st_ino) != (self.device[0], self.inode):
            os.close(fd)
            return False
        self.fd = fd
        return True


def root(states: States) -> Folder:
    """The directory that all paths begin at."""
    return Folder("", os.open("/", _PASS), states, literal=True, named=False, plain=True)


def _mount(fd: int) -> int:
    """The number of the mount, which also tells a bind mount of the same file system; 0 if it cannot be known."""
    try:
        info = os.open(f"/proc/self/fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0
    try:
        text = os.read(info, 500)
    finally:
        os.close(info)
    return int((text.partition(b"mnt_id:")[2].split() or [b"0"])[0])
