"""What one request to delete achieved, and what cannot go."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Refusal:
    """Something that is found and cannot go, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class PartialResult(Generic[T]):
    """What one request achieved of a batch: what cannot go, and what another request may cure.

    `later` has a reason for each victim that is to be tried again, some of which may have gone, the `doubtful`. `after` is how many seconds the server asked for.
    `slow` says that part of the answer was a word to be slower, such as SlowDown: what is waited for, not what fails.
    """

    gone: Sequence[str] = ()
    refused: Sequence[Refusal] = ()
    later: Mapping[T, str] = field(default_factory=dict)
    after: float | None = None
    slow: bool = False
    doubtful: Collection[T] = ()


def readable(name: str) -> str:
    """The name on one line, whatever bytes are in it."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in name)
