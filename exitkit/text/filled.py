"""A text that a template was filled in with, which still tells what stood there from what was put in."""

from collections.abc import Callable
from typing import Self


class Filled(str):
    """A text in `parts`: each a piece of it, and whether a template put that in."""

    __slots__ = ("parts",)
    parts: tuple[tuple[str, bool], ...]

    def __new__(cls, parts: tuple[tuple[str, bool], ...]) -> Self:
        made = super().__new__(cls, "".join(piece for piece, _ in parts))
        made.parts = parts
        return made

    @property
    def ends_with_nothing(self) -> bool:
        """Whether a template stands at the end, and nothing came of it."""
        return bool(self.parts) and self.parts[-1] == ("", True)


def written(text: str, write: Callable[[str], str]) -> str:
    """The text with each piece that was put in as `write` gives it, such as with its wildcards escaped."""
    if not isinstance(text, Filled):
        return text
    return "".join(write(piece) if put_in else piece for piece, put_in in text.parts)


def put_in(text: str) -> str:
    """All that a template put into the text."""
    return "".join(piece for piece, data in text.parts if data) if isinstance(text, Filled) else ""
