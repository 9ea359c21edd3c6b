"""Receipts of deliveries: intent before the first byte, confirmed after the verdict.

They make a second run of the same exit handler leave alone what the first one did. A receipt that
cannot be read or written never stops a delivery.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, get_args

from exitkit.errors import ConfigError

Stage = Literal["intent", "partly", "confirmed"]
"""`partly` is confirmed for those whom the facts name, and not begun for the others."""

_LIMIT = 64 * 1024
_VERSION = 1


@dataclass(frozen=True)
class Receipt:
    """How far a delivery has come; `at` is in Unix seconds, `facts` what the channel answered."""

    stage: Stage
    at: float
    facts: Mapping[str, object] = field(default_factory=dict)


class Claim:
    """The right to deliver, of one run at a time, until it is released; and what is known of earlier runs.

    `note` says what is odd about it.
    """

    def __init__(
        self, receipt: Receipt | None = None, note: str = "", release: Callable[[], None] | None = None
    ) -> None:
        self.receipt, self.note, self._release = receipt, note, release

    def release(self) -> None:
        """Leave it to others. A process that ends does so as well."""
        if self._release is not None:
            self._release()


class State(Protocol):
    """Where receipts are kept. Each method may raise OSError; the delivery then goes on without.

    `claim` gives None where another run holds the same delivery at the moment.
    """

    def claim(self, delivery: str) -> Claim | None: ...
    def read(self, delivery: str) -> Receipt | None: ...
    def write(self, delivery: str, receipt: Receipt) -> None: ...
    def forget(self, delivery: str) -> None: ...


class Nowhere:
    """No memory: every run delivers."""

    def claim(self, delivery: str) -> Claim | None:  # noqa: ARG002 - the protocol's name
        return Claim()

    def read(self, delivery: str) -> Receipt | None:  # noqa: ARG002 - the protocol's name
        return None

    def write(self, delivery: str, receipt: Receipt) -> None: ...

    def forget(self, delivery: str) -> None: ...


class Folder:
    """One small JSON file for each delivery in a folder, such as a mounted volume."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def claim(self, delivery: str) -> Claim | None:
        """The delivery for this run alone, by a lock that ends with the process; None where another has it."""
        lock = str(self.path / f".{delivery}.lock")
        try:
            fd = _locked(self.path, lock)
        except BlockingIOError:
            return None
        except OSError as error:  # of another's, read-only, or of a kind that knows no locks
            why = (error.strerror or "i/o error").lower()
            return self._claim(delivery, f"{lock}: {why}, so two runs at once may both deliver", None)
        return self._claim(delivery, "", partial(_unlock, fd, lock))

    def read(self, delivery: str) -> Receipt | None:
        """The receipt, or None where there is none or it is unreadable: then it is no proof of anything."""
        content = self._content(delivery)
        return None if content is None else _receipt(content, delivery)

    def write(self, delivery: str, receipt: Receipt) -> None:
        """All of it or nothing, and on the disk before this returns."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = _text(receipt, delivery)
        fd, temporary = tempfile.mkstemp(dir=self.path, prefix=".receipt-")  # mode 0600
        try:
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._file(delivery))  # noqa: PTH105 - both are plain paths
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def forget(self, delivery: str) -> None:
        self._file(delivery).unlink(missing_ok=True)

    def _claim(self, delivery: str, note: str, release: Callable[[], None] | None) -> Claim:
        try:
            content = self._content(delivery)
        except OSError as error:
            content, note = None, f"the receipt cannot be read ({error.strerror}), so this may be a second delivery"
        receipt = None if content is None else _receipt(content, delivery)
        if content is not None and receipt is None:
            note = "the receipt is not one of this delivery, or is damaged, so this may be a second delivery"
        return Claim(receipt, note, release)

    def _content(self, delivery: str) -> bytes | None:
        try:
            fd = os.open(self._file(delivery), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read(_LIMIT + 1)

    def _file(self, delivery: str) -> Path:
        return self.path / f"{delivery}.json"


def _receipt(content: bytes, delivery: str) -> Receipt | None:
    """What stands there, or None where that is no receipt of this delivery."""
    try:
        found = json.loads(content)
        if found["version"] != _VERSION or found["stage"] not in get_args(Stage):
            return None
        if found.get("delivery", delivery) != delivery:
            return None
        return Receipt(found["stage"], float(found["at"]), dict(found["facts"]))
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def _locked(folder: Path, lock: str) -> int:
    """The lock's file, held until it is closed. Raises BlockingIOError where another has it, and OSError."""
    import fcntl

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise
        if _is_at(fd, lock):
            return fd
        os.close(fd)  # whoever had it removed it as he went


def _is_at(fd: int, path: str) -> bool:
    """Whether the file that is open is the one that stands there."""
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def _unlock(fd: int, path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)  # noqa: PTH108 - a plain path; while it is held, so that nobody waits for one that has gone
    os.close(fd)


def _text(receipt: Receipt, delivery: str) -> str:
    """As JSON; facts that are too long to be read back, or no JSON, are left out, as the stage matters most."""
    told = {"version": _VERSION, "delivery": delivery, "stage": receipt.stage, "at": receipt.at}
    try:
        text = json.dumps({**told, "facts": dict(receipt.facts)}, default=str)
    except (TypeError, ValueError, RecursionError):
        text = ""
    return text if 0 < len(text) <= _LIMIT else json.dumps({**told, "facts": {}})


def open_state(where: str) -> State:
    """The state named by a setting: empty for none, or the path of a folder. Raises ConfigError."""
    if not where:
        return Nowhere()
    if re.match(r"[a-z][a-z0-9+.-]*://", where):
        raise ConfigError("state: only a folder can keep receipts; give the path of a mounted volume")
    return Folder(Path(where))
