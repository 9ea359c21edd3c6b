"""Objects of S3, and of any server that speaks its language."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from exitkit.clients.aws import AWSAccess
from exitkit.clients.objects import Bucket
from exitkit.clients.s3 import S3Bucket
from exitkit.clients.s3.request import NotUnderstood, PathStyle, S3Options
from exitkit.ship.bucket import NDJSON, ToBucket

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class S3(ToBucket):
    """Keep records as gzipped NDJSON in a bucket of S3.

    Each batch is an object below `prefix`, a folder for each source, under a name that is the same in every run: what
    is there already is not written again (`If-None-Match`), but on servers without such conditions. `manifest.json`
    comes last and lists them with their counts and checksums. It needs s3:PutObject.
    """

    scheme: ClassVar[str] = "s3"

    endpoint_url: str = Field("", description="The server, if it is not AWS's or the one in AWS_ENDPOINT_URL_S3.")
    region: str = Field("", description="The bucket's region; found by asking if it is another one.")
    profile: str = Field("", description="A profile of the AWS configuration.")
    path_style: PathStyle = Field("auto", description="Whether the bucket is in the path.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("is no bucket's name: letters, digits, dots and hyphens, without s3:// or a slash")
        return bucket

    def reach(self) -> S3Bucket:
        ca_file = str(self.ca_file) if self.ca_file else None
        access = AWSAccess(region=self.region, profile=self.profile, endpoint_url=self.endpoint_url, ca_file=ca_file)
        return S3Bucket(self.bucket, access, S3Options(path_style=self.path_style, connections=self.concurrency))

    def adding(self, bucket: Bucket) -> Callable[[str, bytes], str]:
        return _Objects(bucket).add


class _Objects:
    """Adds objects, under conditions as far as the server has them: else what is there is written over, by the same."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._has_conditions = True

    def add(self, key: str, data: bytes) -> str:
        """As a bucket's; taken for new where that cannot be known."""
        if self._has_conditions:
            try:
                return self.bucket.add(key, data, NDJSON)
            except NotUnderstood:
                self._has_conditions = False
        self.bucket.put(key, data, NDJSON)
        return "written"
