"""Small values under names, kept from one run to the next: get, put if absent, put if unchanged, delete, list; nothing else.

What is kept there stands in `receipt` and `claim`, how long it is kept in `expiry`; how long a run waits for it, in `bounded`.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

MOST = 64 * 1024
"""Bytes of one value; more is not read, and is no value of ours."""

MOST_LISTED = 6000
"""Values of which `written` tells at most: of S3 and Google Cloud Storage six pages."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class Value(NamedTuple):
    """What stands under a name. `version` tells it from what was there before and comes after."""

    data: bytes
    version: str


class Store(ABC):
    """Values of at most 64 KiB under names of letters, digits, dots and hyphens.

    Each method sends a request or two, and tries nothing again; what another try sends a second time does no harm.
    They raise OSError, Retryable, ActionError, and ConfigError for a configuration that cannot be used. A version is
    never empty. `where` names it for people; `lacks` says what it cannot promise, as far as that is known; `collides` that
    writes hold each other up although they are of different values.
    """

    where: str
    lacks: str = ""
    collides: bool = False

    @abstractmethod
    def get(self, name: str) -> Value | None:
        """The value, or None where there is none."""

    def get_all(self, names: Iterable[str]) -> dict[str, Value]:
        """Those of the values that are there."""
        values = ((name, self.get(name)) for name in names)
        return {name: value for name, value in values if value is not None}

    @abstractmethod
    def put_if_absent(self, name: str, data: bytes) -> str:
        """Write a value where there is none: its version, or "" where there is one."""

    @abstractmethod
    def put_if_unchanged(self, name: str, data: bytes, version: str) -> str:
        """Write a value in the place of this version: the new one's, or "" where it is another by now, or none."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove a value; one that is gone is fine."""

    @abstractmethod
    def list(self, prefix: str) -> list[str]:
        """The names that begin so, in order."""

    def written(self, prefix: str, after: str) -> dict[str, float]:  # noqa: ARG002 - where this is known
        """When the values were written whose names begin so: those after this name, then the others, 6000 at most.

        In Unix seconds, by the clock of whoever keeps them, or of who wrote them.
        """
        return {}

    def tidy(self, before: float) -> int:  # noqa: ARG002 - most have nothing of the kind
        """Remove what processes left that were killed before this moment while they wrote, and that is no value: how many."""
        return 0


def check_name(name: str) -> str:
    """The name, which is the same in every store. Raises ValueError for one that some store cannot have."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a value: letters, digits, dots and hyphens")
    return name
