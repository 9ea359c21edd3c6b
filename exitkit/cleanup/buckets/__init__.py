"""A bucket of an object store, in which places are prefixes of names."""

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol, Self

from pydantic import Field, field_validator, model_validator

from exitkit.action import Result
from exitkit.argo.ownership import bears_folder
from exitkit.cleanup import Cleanup
from exitkit.cleanup.buckets.listing import Span
from exitkit.cleanup.buckets.shards import Shard, divide
from exitkit.cleanup.engine.deletion import Sweeper
from exitkit.clients.objects import Page
from exitkit.context import Context


class BucketSweeper(Sweeper, Protocol):
    """What finds and deletes in a bucket, and lists what is there."""

    def pages(self, span: Span) -> Iterator[Page]: ...


class BucketCleanup(Cleanup):
    """A bucket of an object store, in which places are prefixes of names."""

    bucket: str = Field(description="The bucket's name.")
    prefixes: list[str] = Field(
        min_length=1,
        description="What the names begin with; one that means a folder ends in /, as logs also begins logs-2.",
    )
    # As many as keep within 64 MiB, by bench/cleanup.py.
    concurrency: int = Field(
        44,
        ge=1,
        le=256,
        description="The most requests at a time; deletions begin with few, and keep to the rate that the server takes.",
    )
    shards: int = Field(
        0, ge=0, le=1000, description="Delete nothing, and print a list of so many ranges of like size for --shard."
    )
    shard: str = Field("", description="Delete only one of the ranges that --shards prints.")

    gives: ClassVar[Mapping[str, str] | None] = {
        **(Cleanup.gives or {}),
        "shards": "the ranges, where those are asked for",
    }

    reads_in_dry_run: ClassVar[bool] = True
    looks_again: ClassVar[bool] = True

    places: ClassVar[tuple[str, ...]] = ("prefixes",)

    scheme: ClassVar[str]
    """What a name begins with in a report: `s3`."""

    whole: ClassVar[tuple[str, ...]] = ()
    """The switches that no shard goes with."""

    @field_validator("prefixes")
    @classmethod
    def _are_not_all(cls, prefixes: list[str]) -> list[str]:
        for one in prefixes:
            if not one.strip("/ "):
                raise ValueError("a prefix is empty, which is the whole bucket: was a template filled in with nothing?")
            if one.startswith("/") or "//" in one:
                raise ValueError(f"{one!r} has an empty part: was a template filled in with nothing?")
            if {".", ".."} & set(one.split("/")):  # a key to S3, and to a server on a file system the folder above
                raise ValueError(f"{one!r} holds '.' or '..': give the prefix that is meant")
        return prefixes

    @field_validator("shard")
    @classmethod
    def _is_a_shard(cls, shard: str) -> str:
        if shard:
            Shard.read(shard)
        return shard

    @model_validator(mode="after")
    def _shards_fit(self) -> Self:
        if (self.shards or self.shard) and (len(self.prefixes) > 1 or any(getattr(self, one) for one in self.whole)):
            raise ValueError(f"shards are of one prefix, without {' and '.join(self.whole)}")
        if self.shards and self.shard:
            raise ValueError("shards prints the ranges, and shard takes one: give one of them")
        return self

    def targets(self) -> list[str]:
        return [f"{self.scheme}://{self.bucket}/{prefix}" for prefix in self.prefixes]

    def bears(self, target: str, own: str) -> bool:
        """Whether a folder in the bucket says whose it is; the bucket itself is many a workflow's."""
        return bears_folder(target.removeprefix(f"{self.scheme}://{self.bucket}/"), own)

    @property
    def in_flight(self) -> int:
        return self.concurrency

    @abstractmethod
    def open(self, context: Context) -> AbstractContextManager[BucketSweeper]: ...

    def run(self, context: Context) -> Result:
        if not self.shards:
            return super().run(context)
        self.guard(context)
        with self.open(context) as place:
            found, total = divide(place.pages(Span(self.prefixes[0])), self.shards)
        summary = f"{len(found)} ranges of {total} objects at {self.scheme}://{self.bucket}/{self.prefixes[0]}"
        ranges = [str(one) for one in found]
        return Result(summary, {"shards": ranges, "found": total}, output=json.dumps(ranges))
