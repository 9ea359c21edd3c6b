"""What targets that are buckets have in common: objects below a prefix, and a manifest of them that comes last."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from exitkit.clients.objects import Bucket
from exitkit.context import Context
from exitkit.settings.fields import ADDRESS
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.objects import ObjectLog

NDJSON = "application/x-ndjson"


class ToBucket(Ship):
    """A target whose batches are gzipped objects; a kind adds how its bucket is reached."""

    # Objects of about half a MiB when compressed: few requests, and little memory.
    most_bytes: ClassVar[int] = 4 << 20
    most_records: ClassVar[int] = 100_000
    by_source: ClassVar[bool] = True
    scheme: ClassVar[str]

    bucket: Annotated[str, ADDRESS] = Field(description="The bucket's name.")
    prefix: Annotated[str, ADDRESS] = Field(description="What the keys begin with, such as logs/{{ workflow.name }}/.")
    concurrency: int = Field(2, ge=1, le=32, description="Requests at a time.")

    @abstractmethod
    def reach(self) -> Bucket:
        """The bucket, which whoever asked closes."""

    def adding(self, bucket: Bucket) -> Callable[[str, bytes], str]:
        """What writes an object that is not there yet; "" where one is."""
        return partial(bucket.add, content_type=NDJSON)

    @field_validator("prefix")
    @classmethod
    def _is_a_folder(cls, prefix: str) -> str:
        if not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix:
            raise ValueError("ends in / and has no empty part: was a template filled in with nothing?")
        return prefix

    @property
    def in_flight(self) -> int:
        return self.concurrency

    def target(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}"

    def is_safe_to_resend(self) -> bool:
        return True

    def encode(self, chunk: Chunk) -> Sequence[str]:
        return chunk.lines

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        with self.reach() as bucket:
            log = ObjectLog(self.prefix, self.adding(bucket))
            yield log.post
            key, data = log.manifest()
            context.retry(lambda: bucket.put(key, data, "application/json"), safe=True)
