"""A bucket of objects, whatever store it is in: what all of them can be asked, and part of a listing."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from exitkit.errors import ActionError

PLAIN = "application/octet-stream"
"""The type of a content of which nothing is known."""

_MOST_EMPTY = 250  # pages in a row: a store may have to pass over what was deleted, but not for ever


@dataclass(frozen=True)
class Page:
    """Part of a listing, in the order of UTF-8 bytes: keys, and where they were asked for sizes and times.

    `changed` holds UTC times as `2026-11-23T12:00:00`, whose order is that of the text. `token` leads to
    the next page where there is `more` and this one has no key to go on from.
    """

    keys: Sequence[str]
    sizes: Sequence[int] = ()
    changed: Sequence[str] = ()
    more: bool = False
    token: str = ""


@dataclass(frozen=True)
class Level:
    """What is right below a prefix: the `folders` there, each with its slash, and `keys`; `token` leads to more."""

    folders: Sequence[str]
    keys: Sequence[str] = ()
    token: str = ""


def check_advance(token: object, seen: set[object], what: str) -> None:
    """Raises ActionError where a page leads to one that has been read."""
    if token in seen:
        raise ActionError(f"{what}: a page leads to itself, or to one before it", reason="server")
    seen.add(token)


class Progress:
    """How a listing goes on from page to page; both methods raise ActionError where it leads nowhere."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._tokens, self._firsts, self._empty = set[object](), set[object](), 0

    def came(self, first: object | None) -> None:
        """A page has this as its first, or nothing in it. It comes again where tokens are new, and the pages are not."""
        self._empty = 0 if first is not None else self._empty + 1
        if self._empty > _MOST_EMPTY:
            raise ActionError(f"{self.what}: page after page has nothing in it", reason="server")
        if first is not None:
            check_advance(first, self._firsts, self.what)

    def leads_to(self, token: object) -> None:
        """There is more, behind this token."""
        check_advance(token, self._tokens, self.what)


@dataclass(frozen=True)
class Content:
    """Bytes of an object. `version` tells it from what was there before and comes after; `truncated` tells of more."""

    body: bytes = field(repr=False)
    version: str
    truncated: bool = False


class NoSuchObject(ActionError):
    """There is no object of this name."""


class Bucket(ABC):
    """A bucket, for several threads. Each method sends a request or two, and tries nothing again.

    They raise Retryable and ActionError, and ConfigError for a configuration that cannot be used. A key is text
    whose bytes are UTF-8. What another try sends a second time does no harm. Nothing counts as written that the
    store has not confirmed in its own words.
    """

    name: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """End the connections that nobody uses."""

    @abstractmethod
    def page(self, prefix: str, after: str = "", *, token: str = "", timed: bool = False) -> Page:
        """The next keys that begin with the prefix, after a key or a page's token, with sizes, and times if asked for."""

    @abstractmethod
    def level(self, prefix: str, token: str = "") -> Level:
        """Up to a thousand folders and keys right below a prefix that ends in a slash, or is empty."""

    @abstractmethod
    def get(self, key: str, *, limit: int, begin: int = 0) -> Content:
        """Up to so many bytes of an object, from a byte on. Raises NoSuchObject."""

    @abstractmethod
    def put(self, key: str, body: bytes, content_type: str = PLAIN) -> None:
        """Write an object, whole, in the place of one that may be there."""

    @abstractmethod
    def add(self, key: str, body: bytes, content_type: str = PLAIN) -> str:
        """Write an object that is not there yet: its version, or "" if one is.

        A server that does not know the condition replaces it.
        """

    @abstractmethod
    def replace(self, key: str, body: bytes, version: str, content_type: str = PLAIN) -> str:
        """Write an object in the place of this version of it: the new one, or "" if it is another by now, or none."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Delete an object by its key; one that is gone is fine."""


def in_bytes(key: str) -> bytes:
    """What keys are ordered by; for those that are not UTF-8, that is not the order of their text."""
    return key.encode("utf-8", "surrogateescape")
