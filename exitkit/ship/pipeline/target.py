"""What a run needs to know of a target: its limits, its encoding, and how a second arrival ends."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import ClassVar

from pydantic import Field, field_validator

from exitkit.action import Settings
from exitkit.context import Context
from exitkit.ship.pipeline.batch import Items, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.lines import LONGEST
from exitkit.text.units import Bytes

Encode = Callable[[Chunk], Items]
"""Puts records in a target's form; as bytes only where its `separator` is empty."""


class Target(Settings, ABC):
    """Where records go, in batches within its limits."""

    batch_bytes: Bytes | None = Field(
        None,
        ge=1 << 10,
        le=64 << 20,
        description="The most in one request, before it is compressed; by default what the target is known to take.",
    )
    batch_records: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="The most records in one request; by default what the target is known to take.",
    )
    line_bytes: Bytes | None = Field(
        None,
        ge=1 << 10,
        le=1 << 20,
        description="Bytes of a line, beyond which it goes as several records, which are numbered; by default 64Ki, or "
        "what the target takes if that is less.",
    )
    dead_letter: str = Field(
        "/tmp/exitkit-dead-letter/",  # noqa: S108 - the pod's own folder; links are not followed
        description="A file that keeps what the target refuses for good, and what may not have arrived; or a folder, "
        "which ends in /, for a file named after the step. Empty for none.",
    )
    dead_letter_bytes: Bytes = Field(
        16 << 20, description="Size of that file from which on nothing more is kept, which the report then tells."
    )

    most_bytes: ClassVar[int] = 1 << 20
    """Encoded bytes of a batch, as far as the target documents a limit."""

    most_records: ClassVar[int] = 1000

    longest_line: ClassVar[int] = LONGEST

    separator: ClassVar[str] = ""
    """What stands between two encoded records of one chunk."""

    by_source: ClassVar[bool] = False
    """Whether a batch holds records of one source only: for a target that does not say which record it refused."""

    @property
    def in_flight(self) -> int:
        """How many batches are sent at a time; with more than one, the post is called from several threads."""
        return 1

    @abstractmethod
    def target(self) -> str:
        """Where it goes, for people and without a secret: `Loki at logs.example`."""

    @abstractmethod
    def encode(self, chunk: Chunk) -> Items:
        """Each of its records in the target's form; as bytes only where `separator` is empty."""

    @abstractmethod
    def open(self, context: Context) -> AbstractContextManager[Post]:
        """What posts the batches of one run, and is closed after the last one; a `Sender` if answers are not all it says.

        A target that keeps nothing open gives `nullcontext(post)`.
        """

    def encoder(self, context: Context) -> Encode:  # noqa: ARG002 - few hang on when they run
        """What puts records in the target's form in this run."""
        return self.encode

    def together(self, chunk: Chunk) -> Hashable:
        """What has to be alike in the records of one batch."""
        return chunk.source if self.by_source else None

    def is_safe_to_resend(self) -> bool:
        """Whether the target takes a second arrival of a record for the first."""
        return False

    def limits(self) -> tuple[int, int]:
        """Bytes and records of a batch."""
        return self.batch_bytes or self.most_bytes, self.batch_records or self.most_records

    def longest(self) -> int:
        """Bytes of a line that go into one record."""
        return self.line_bytes or self.longest_line

    @field_validator("dead_letter")
    @classmethod
    def _is_a_file(cls, path: str) -> str:
        if path and (not path.startswith("/") or ".." in path.split("/") or path == "/" or "\0" in path):
            raise ValueError("is the absolute path of a file or folder, without '..'")
        return path
