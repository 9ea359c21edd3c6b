"""Objects of Google Cloud Storage."""

import re
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from exitkit.clients.gcp import GoogleAccess
from exitkit.clients.gcs import GCSBucket
from exitkit.clients.gcs.request import GCSOptions
from exitkit.ship.bucket import ToBucket

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class GCS(ToBucket):
    """Keep records as gzipped NDJSON in a bucket of Google Cloud Storage.

    Each batch is an object below `prefix`, a folder for each source, under a name that is the same in every run: what
    is there already is not written again (`ifGenerationMatch=0`). `manifest.json` comes last and lists them with their
    counts and checksums. It needs storage.objects.create, and to write the manifest anew storage.objects.delete.
    """

    scheme: ClassVar[str] = "gs"

    credentials_file: Path | None = Field(None, description="A JSON file of credentials, instead of those found.")
    anonymous: bool = Field(False, description="Send no credentials, as to an emulator.")
    endpoint_url: str = Field(
        "", description="The server, if it is not Google's or the emulator in STORAGE_EMULATOR_HOST."
    )
    user_project: str = Field("", description="The project that pays, where the bucket lets the requester pay.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket):
            raise ValueError("is no bucket's name: small letters, digits, dots, - and _, without gs:// or a slash")
        return bucket

    def reach(self) -> GCSBucket:
        access = GoogleAccess(
            credentials_file=str(self.credentials_file) if self.credentials_file else "", anonymous=self.anonymous
        )
        options = GCSOptions(
            endpoint_url=self.endpoint_url,
            user_project=self.user_project,
            ca_file=str(self.ca_file) if self.ca_file else None,
            connections=self.concurrency,
        )
        return GCSBucket(self.bucket, access, options)
