"""S3Batch of S3, and of any server that speaks its language."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from exitkit.cleanup.buckets import BucketCleanup
from exitkit.cleanup.s3.sweeper import S3Sweeper
from exitkit.clients.aws import AWSAccess
from exitkit.clients.s3 import S3Bucket
from exitkit.clients.s3.request import PathStyle, S3Options
from exitkit.context import Context

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")  # of AWS's own 3 to 63, but other servers take more


class S3(BucketCleanup):
    """Delete what is below prefixes of a bucket of S3: objects, their versions, uploads left behind.

    It needs s3:ListBucket and s3:DeleteObject; with versions also s3:ListBucketVersions and
    s3:DeleteObjectVersion, with uploads s3:ListBucketMultipartUploads and s3:AbortMultipartUpload. An object
    under Object Lock, or one that may not be deleted, fails the step and does not keep the others.

    Whatever speaks S3's language is a place for it, by `endpoint_url`; versitygw, SeaweedFS, gofakes3 and moto are
    tested. A server that takes no DeleteObjects, as Google's interoperable endpoint, gets a request for each object;
    versions and uploads of one that lists none are an error, and `cleanup gcs` deletes Google's versions. How many keys
    a second the server takes is learnt, and what it left goes again.

    With more objects than one pod should delete, `exitkit cleanup s3 ... --shards N` prints a JSON list of ranges
    of keys of like size, for `withParam`; each pod then runs with `--shard`. Together they are all that is below
    the prefix, whatever comes and goes meanwhile.
    """

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
    scheme: ClassVar[str] = "s3"
    whole: ClassVar[tuple[str, ...]] = ("versions", "uploads")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if bucket.endswith("--x-s3"):
            raise ValueError("is a directory bucket, which lists in no order and is not supported")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("is no bucket's name: letters, digits, dots and hyphens, without s3:// or a slash")
        return bucket

    def receipt_access(self) -> dict[str, Any]:
        return {"access": self._access, "reach": self._reach}

    @property
    def _access(self) -> AWSAccess:
        ca_file = str(self.ca_file) if self.ca_file else None
        return AWSAccess(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url, ca_file=ca_file)

    @property
    def _reach(self) -> S3Options:
        return S3Options(path_style=self.path_style, requester_pays=self.requester_pays, connections=self.concurrency)

    @contextlib.contextmanager
    def open(self, context: Context) -> Iterator[S3Sweeper]:
        bucket = S3Bucket(self.bucket, self._access, self._reach)
        try:
            context.retry(bucket.account.log_in)  # or the first page would seem to take long
            yield S3Sweeper(self, bucket, context)
        finally:
            bucket.close()
