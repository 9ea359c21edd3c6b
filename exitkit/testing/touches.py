"""What code touches outside itself, as CPython's audit events tell it: files, programs, the network."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# https://docs.python.org/3/library/audit_events.html
_NETWORK = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"}
)
_FILES = frozenset(
    f"os.{name}"
    for name in ("remove", "rename", "rmdir", "mkdir", "link", "symlink", "truncate", "chmod", "chown", "setxattr")
)
_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"})
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """Refuses what must not be touched, and remembers it: `seen` has a line for each refusal.

    What is refused fails as it would on a machine without network and with a read-only file system.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = None if folder is None else os.path.realpath(folder)
        self.seen: list[str] = []

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        """One audit event. Raises OSError where it must not happen."""
        if event in _NETWORK:
            self.seen.append(f"{event} {_address(event, args)}")
            if event.startswith("socket.get"):
                raise socket.gaierror(socket.EAI_NONAME, "there is no network in this test")
            raise ConnectionRefusedError(111, "there is no network in this test")
        if event in _PROGRAMS:
            self.seen.append(f"{event} {args[:1]!r}")
            raise PermissionError(1, "no program may be started in this test")
        for path in self._written(event, args):
            if not self._allows(path):
                self.seen.append(f"{event} {path}")
                raise PermissionError(1, "nothing may be written here in this test")

    def _written(self, event: str, args: tuple[Any, ...]) -> list[str]:
        if event == "open":
            return [_text(args[0])] if isinstance(args[2], int) and args[2] & _WRITES and _is_path(args[0]) else []
        if event not in _FILES or not args:
            return []
        both = args[:2] if event in ("os.rename", "os.link") else args[1:2] if event == "os.symlink" else args[:1]
        return [_text(one) for one in both if _is_path(one)]

    def _allows(self, path: str) -> bool:
        # The interpreter keeps bytecode of what is imported on the way; devices hold nothing.
        if "__pycache__" in path or path.startswith("/dev/"):
            return True
        if self.folder is None:
            return False
        # A relative path is relative to the test's folder, or to one that was opened below it.
        return not path.startswith("/") or os.path.realpath(path).startswith(f"{self.folder}{os.sep}")


@contextmanager
def watch(folder: Path | None = None) -> Iterator[Watch]:
    """Inside, the network and programs are out of reach, and files can be written below the folder alone.

    Without a folder nothing at all can be written. Holds for all threads.
    """
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)  # it cannot be taken away again
    one = Watch(folder)
    _watches.append(one)
    try:
        yield one
    finally:
        _watches.remove(one)


_installed: list[bool] = []
_watches: list[Watch] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _watches and (event == "open" or event in _FILES or event in _NETWORK or event in _PROGRAMS):
        for one in tuple(_watches):
            one.look(event, args)


def _address(event: str, args: tuple[Any, ...]) -> str:
    return repr(args[0] if event.startswith("socket.get") else args[-1])


def _is_path(value: object) -> bool:
    return isinstance(value, str | bytes | os.PathLike)


def _text(value: Any) -> str:
    return os.fsdecode(value)
