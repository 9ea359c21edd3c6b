"""One thing that the doctor found."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """How it stands with something: `wrong` makes the exit code 1, a `note` is for people to judge."""

    level: Literal["ok", "note", "wrong"]
    what: str
    text: str
