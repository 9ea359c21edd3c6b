"""Objects of Google Cloud Storage."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from exitkit.clients.gcp import GoogleAccess
from exitkit.clients.gcs import GCSBucket
from exitkit.clients.gcs.request import GCSOptions
from exitkit.context import Context
from exitkit.ship import Ship
from exitkit.ship.pipeline.batch import Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.objects import ObjectLog

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class GCS(Ship):
    """Keep records as gzipped NDJSON in a bucket of Google Cloud Storage.

    Each batch is an object below `prefix`, a folder for each source, under a name that is the same in every run: what
    is there already is not written again (`ifGenerationMatch=0`). `manifest.json` comes last and lists them with their
    counts and checksums. It needs storage.objects.create, and to write the manifest anew storage.objects.delete.
    """

    most_bytes: ClassVar[int] = 4 << 20
    most_records: ClassVar[int] = 100_000
    by_source: ClassVar[bool] = True

    bucket: str = Field(description="The bucket's name.")
    prefix: str = Field(description="What the names begin with, such as logs/{{ workflow.name }}/.")
    credentials_file: Path | None = Field(None, description="A JSON file of credentials, instead of those found.")
    anonymous: bool = Field(False, description="Send no credentials, as to an emulator.")
    endpoint_url: str = Field(
        "", description="The server, if it is not Google's or the emulator in STORAGE_EMULATOR_HOST."
    )
    user_project: str = Field("", description="The project that pays, where the bucket lets the requester pay.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    concurrency: int = Field(2, ge=1, le=32, description="Requests at a time.")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("is no bucket's name: small letters, digits, dots, - and _, without gs:// or a slash")
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
        return f"gs://{self.bucket}/{self.prefix}"

    def is_safe_to_resend(self) -> bool:
        return True

    def encode(self, chunk: Chunk) -> Sequence[str]:
        return chunk.lines

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        access = GoogleAccess(
            credentials_file=str(self.credentials_file) if self.credentials_file else "", anonymous=self.anonymous
        )
        reach = GCSOptions(
            endpoint_url=self.endpoint_url,
            user_project=self.user_project,
            ca_file=str(self.ca_file) if self.ca_file else None,
            connections=self.concurrency,
        )
        bucket = GCSBucket(self.bucket, access, reach)
        try:
            log = ObjectLog(self.prefix, partial(bucket.add, content_type="application/x-ndjson"))
            yield log.post
            key, data = log.manifest()
            context.retry(lambda: bucket.put(key, data, "application/json"), safe=True)
        finally:
            bucket.close()
