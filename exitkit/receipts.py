"""Receipts of deliveries: intent before the first byte, confirmed after the verdict.

They make a second run of the same exit handler leave alone what the first one did. A receipt that
cannot be read or written never stops a delivery.
"""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from exitkit.errors import ConfigError

Stage = Literal["intent", "confirmed"]

_LIMIT = 64 * 1024
_VERSION = 1


@dataclass(frozen=True)
class Receipt:
    """How far a delivery has come; `at` is in Unix seconds, `facts` what the channel answered."""

    stage: Stage
    at: float
    facts: Mapping[str, object] = field(default_factory=dict)


class State(Protocol):
    """Where receipts are kept. Each method may raise OSError; the delivery then goes on without."""

    def read(self, delivery: str) -> Receipt | None: ...
    def write(self, delivery: str, receipt: Receipt) -> None: ...
    def forget(self, delivery: str) -> None: ...


class Nowhere:
    """No memory: every run delivers."""

    def read(self, delivery: str) -> Receipt | None:  # noqa: ARG002 - the protocol's name
        return None

    def write(self, delivery: str, receipt: Receipt) -> None: ...

    def forget(self, delivery: str) -> None: ...


class Folder:
    """One small JSON file for each delivery in a folder, such as a mounted volume."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, delivery: str) -> Receipt | None:
        """The receipt, or None where there is none or it is unreadable: then it is no proof of anything."""
        try:
            fd = os.open(self._file(delivery), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            content = file.read(_LIMIT + 1)
        try:
            found = json.loads(content)
            if found["version"] != _VERSION or found["stage"] not in ("intent", "confirmed"):
                return None
            return Receipt(found["stage"], float(found["at"]), dict(found["facts"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, delivery: str, receipt: Receipt) -> None:
        """All of it or nothing, and on the disk before this returns."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = _text(receipt)
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

    def _file(self, delivery: str) -> Path:
        return self.path / f"{delivery}.json"


def _text(receipt: Receipt) -> str:
    """As JSON; facts that are too long to be read back, or no JSON, are left out, as the stage matters most."""
    told = {"version": _VERSION, "stage": receipt.stage, "at": receipt.at}
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
