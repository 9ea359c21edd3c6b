"""Objects of S3, and of any server that speaks its language."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from exitkit.action import Result
from exitkit.actions.cleanup import Cleanup
from exitkit.clients.aws import Access
from exitkit.clients.s3 import Bucket
from exitkit.clients.s3request import PathStyle, Reach
from exitkit.clients.s3sweep import Sweep
from exitkit.clients.shard import Shard, divide
from exitkit.clients.spread import Span
from exitkit.context import Context

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")  # of AWS's own 3 to 63, but other servers take more


class S3(Cleanup):
    """Delete what is below prefixes of a bucket of S3: objects, their versions, uploads left behind.

    It needs s3:ListBucket and s3:DeleteObject; with versions also s3:ListBucketVersions and
    s3:DeleteObjectVersion, with uploads s3:ListBucketMultipartUploads and s3:AbortMultipartUpload. An object
    under Object Lock, or one that may not be deleted, fails the step and does not keep the others.

    Whatever speaks S3's language is a place for it: MinIO, Ceph, R2, versitygw, or Google's interoperable
    endpoint, all by `endpoint_url`. A server that is too busy gets fewer requests at a time, and those objects again that it left.

    With more objects than one pod should delete, `exitkit cleanup s3 ... --shards N` prints a JSON list of ranges
    of keys of like size, for `withParam`; each pod then runs with `--shard`. Together they are all that is below
    the prefix, whatever comes and goes meanwhile.
    """

    bucket: str = Field(description="The bucket's name.")
    prefixes: list[str] = Field(
        min_length=1,
        description="What the keys begin with; one that means a folder ends in /, as logs also begins logs-2.",
    )
    versions: bool = Field(
        False,
        description="Delete every version and delete marker, so that nothing is left; else a versioned bucket keeps "
        "what was there, below a marker.",
    )
    uploads: bool = Field(False, description="Abort the multipart uploads that were begun and not completed.")
    endpoint_url: str = Field("", description="The server, if it is not AWS's or the one in AWS_ENDPOINT_URL_S3.")
    region: str = Field("", description="The bucket's region; found by asking if it is another one.")
    profile: str = Field(
        "", description="A profile of the AWS configuration; credentials come as the AWS tools find them."
    )
    path_style: PathStyle = Field(
        "auto", description="Whether the bucket is in the path; auto is for servers of one's own and names with dots."
    )
    requester_pays: bool = Field(False, description="Agree to pay for the requests.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    concurrency: int = Field(
        32, ge=1, le=256, description="Requests at a time; fewer as soon as the server is too busy."
    )
    shards: int = Field(
        0, ge=0, le=1000, description="Delete nothing, and print a list of so many ranges of like size for --shard."
    )
    shard: str = Field("", description="Delete only one of the ranges that --shards prints.")

    reads_in_dry_run: ClassVar[bool] = True

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if bucket.endswith("--x-s3"):
            raise ValueError("is a directory bucket, which lists in no order and is not supported")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("is no bucket's name: letters, digits, dots and hyphens, without s3:// or a slash")
        return bucket

    @field_validator("prefixes")
    @classmethod
    def _are_not_all(cls, prefixes: list[str]) -> list[str]:
        for one in prefixes:
            if not one.strip("/ "):
                raise ValueError("a prefix is empty, which is the whole bucket: was a template filled in with nothing?")
            if one.startswith("/") or "//" in one:
                raise ValueError(f"{one!r} has an empty part: was a template filled in with nothing?")
        return prefixes

    @field_validator("shard")
    @classmethod
    def _is_a_shard(cls, shard: str) -> str:
        if shard:
            Shard.read(shard)
        return shard

    @model_validator(mode="after")
    def _fits(self) -> "S3":
        if (self.shards or self.shard) and (len(self.prefixes) > 1 or self.versions or self.uploads):
            raise ValueError("shards are of one prefix, without versions and uploads")
        if self.shards and self.shard:
            raise ValueError("shards prints the ranges, and shard takes one: give one of them")
        return self

    def targets(self) -> list[str]:
        # Without a slash at its end, a prefix is also that of names which only begin like its last part.
        return [f"{self.bucket}/{one}" if one.endswith("/") else f"{self.bucket}/{one}*" for one in self.prefixes]

    @property
    def in_flight(self) -> int:
        return self.concurrency

    def receipt_access(self) -> dict[str, Any]:
        return {"access": self._access, "reach": self._reach}

    @property
    def _access(self) -> Access:
        ca_file = str(self.ca_file) if self.ca_file else None
        return Access(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url, ca_file=ca_file)

    @property
    def _reach(self) -> Reach:
        return Reach(path_style=self.path_style, requester_pays=self.requester_pays, connections=self.concurrency)

    def run(self, context: Context) -> Result:
        if not self.shards:
            return super().run(context)
        self.guard(context)
        with self.open(context) as place:
            found, total = divide(place.pages(Span(self.prefixes[0])), self.shards)
        summary = f"{len(found)} ranges of {total} objects at s3://{self.bucket}/{self.prefixes[0]}"
        ranges = [str(one) for one in found]
        return Result(summary, {"shards": ranges, "found": total}, output=json.dumps(ranges))

    @contextlib.contextmanager
    def open(self, context: Context) -> Iterator[Sweep]:
        bucket = Bucket(self.bucket, self._access, self._reach)
        try:
            context.retry(bucket.account.log_in)  # or the first page would seem to take long
            yield Sweep(self, bucket, context)
        finally:
            bucket.close()
