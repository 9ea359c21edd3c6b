"""Objects of S3, and of any server that speaks its language."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from exitkit.clients.aws import AWSAccess
from exitkit.clients.s3 import S3Bucket
from exitkit.clients.s3.request import NotUnderstood, PathStyle, S3Options
from exitkit.context import Context
from exitkit.settings.fields import ADDRESS
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.objects import ObjectLog

_TYPE = "application/x-ndjson"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class S3(Ship):
    """Keep records as gzipped NDJSON in a bucket of S3.

    Each batch is an object below `prefix`, a folder for each source, under a name that is the same in every run: what
    is there already is not written again (`If-None-Match`), but on servers without such conditions. `manifest.json` comes last and lists them with their counts
    and checksums. It needs s3:PutObject.
    """

    # Objects of about half a MiB when compressed: few requests, and little memory.
    most_bytes: ClassVar[int] = 4 << 20
    most_records: ClassVar[int] = 100_000
    by_source: ClassVar[bool] = True

    bucket: Annotated[str, ADDRESS] = Field(description="The bucket's name.")
    prefix: Annotated[str, ADDRESS] = Field(description="What the keys begin with, such as logs/{{ workflow.name }}/.")
    endpoint_url: str = Field("", description="The server, if it is not AWS's or the one in AWS_ENDPOINT_URL_S3.")
    region: str = Field("", description="The bucket's region; found by asking if it is another one.")
    profile: str = Field("", description="A profile of the AWS configuration.")
    path_style: PathStyle = Field("auto", description="Whether the bucket is in the path.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    concurrency: int = Field(2, ge=1, le=32, description="Requests at a time.")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("is no bucket's name: letters, digits, dots and hyphens, without s3:// or a slash")
        return bucket

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
        return f"s3://{self.bucket}/{self.prefix}"

    def is_safe_to_resend(self) -> bool:
        return True

    def encode(self, chunk: Chunk) -> Sequence[str]:
        return chunk.lines

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        ca_file = str(self.ca_file) if self.ca_file else None
        access = AWSAccess(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url, ca_file=ca_file)
        bucket = S3Bucket(self.bucket, access, S3Options(path_style=self.path_style, connections=self.concurrency))
        try:
            log = ObjectLog(self.prefix, _Objects(bucket).add)
            yield log.post
            key, data = log.manifest()
            context.retry(lambda: bucket.put(key, data, "application/json"), safe=True)
        finally:
            bucket.close()


class _Objects:
    """Adds objects, under conditions as far as the server has them: else what is there is written over, by the same."""

    def __init__(self, bucket: S3Bucket) -> None:
        self.bucket = bucket
        self._has_conditions = True

    def add(self, key: str, data: bytes) -> str:
        """As a bucket's; taken for new where that cannot be known."""
        if self._has_conditions:
            try:
                return self.bucket.add(key, data, _TYPE)
            except NotUnderstood:
                self._has_conditions = False
        self.bucket.put(key, data, _TYPE)
        return "written"
