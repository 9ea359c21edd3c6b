"""A part of a listing for one of several pods: a range of keys, as text that passes through any manifest."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

from exitkit.clients.objects import Page, in_bytes


@dataclass(frozen=True)
class Shard:
    """The keys after one, up to and with another; to the end if that is None."""

    after: str = ""
    last: str | None = None

    @classmethod
    def read(cls, text: str) -> "Shard":
        """From its text. Raises ValueError."""
        after, colon, last = text.partition(":")
        if not colon or ":" in last:
            raise ValueError("is one of the ranges that --shards prints, such as logs/a:logs/m")
        found = cls(_read(after), _read(last) or None)
        if found.last is not None and in_bytes(found.last) <= in_bytes(found.after):
            raise ValueError("ends before it begins")
        return found

    def __str__(self) -> str:
        """Percent-encoded, so that neither a shell, nor JSON, nor Argo's templates find anything in it."""
        return f"{_written(self.after)}:{_written(self.last or '')}"


def divide(pages: Iterable[Page], count: int) -> tuple[list[Shard], int]:
    """Ranges with about as many keys each, at most so many, and how many keys there are.

    They end where pages do. The first has no beginning and the last no end, so that together they are all
    there is, whatever comes and goes meanwhile.
    """
    ends = sorted(((page.keys[-1], len(page.keys)) for page in pages if page.keys), key=lambda end: in_bytes(end[0]))
    total = sum(number for _, number in ends)
    inner = _cuts(ends, total, count)
    return [Shard(after, last) for after, last in zip(["", *inner], [*inner, None], strict=True)], total


def _written(key: str) -> str:
    return quote(key, safe="/", errors="surrogateescape").replace("~", "%7E")  # a shell takes ~ for a home


def _read(text: str) -> str:
    return unquote(text, errors="surrogateescape")


def _cuts(ends: Sequence[tuple[str, int]], total: int, count: int) -> list[str]:
    found: list[str] = []
    passed = 0
    for key, number in ends[:-1]:
        passed += number
        if passed * count >= total * (len(found) + 1) and len(found) + 1 < count:
            found.append(key)
    return found
