"""GCSBatch of Google Cloud Storage."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import Field, field_validator, model_validator

from exitkit.action import Result
from exitkit.cleanup.buckets import BucketCleanup
from exitkit.cleanup.gcs.sweeper import GCSSweeper
from exitkit.clients.gcp import GoogleAccess
from exitkit.clients.gcs import GCSBucket
from exitkit.clients.gcs.json import About
from exitkit.clients.gcs.request import GCSOptions
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.text.units import human_duration

# https://cloud.google.com/storage/docs/buckets#naming: up to 222 characters with dots.
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


class GCS(BucketCleanup):
    """Delete what is below prefixes of a Google Cloud Storage bucket: objects, versions, managed folders.

    It needs storage.objects.list and storage.objects.delete; with managed folders also
    storage.managedFolders.list and storage.managedFolders.delete. With storage.buckets.get it can say what
    the bucket's settings make of a deletion. Credentials come as Google's tools find them: workload identity,
    GOOGLE_APPLICATION_CREDENTIALS, a login of gcloud.

    An object goes only if it is still the one that was listed. One that was replaced meanwhile, is under a
    hold or a retention policy, or may not be deleted, fails the step and does not keep the others.

    A bucket with soft delete, as new ones have, keeps what was deleted and bills it until its time is over;
    the result says for how long. Folders of a bucket with a hierarchical namespace stay, empty.

    With more objects than one pod should delete, `exitkit cleanup gcs ... --shards N` prints a JSON list of ranges
    of names of like size, for `withParam`; each pod then runs with `--shard`. Together they are all that is below
    the prefix, whatever comes and goes meanwhile.
    """

    versions: bool = Field(
        False,
        description="Delete every generation, so that no version is left; else a versioned bucket keeps what was "
        "there as a noncurrent version.",
    )
    managed_folders: bool = Field(
        False, description="Delete also managed folders below the prefixes, which must be empty by then."
    )
    credentials_file: Path | None = Field(
        None,
        description="A JSON file of credentials, such as a service account's key, instead of those that are found.",
    )
    anonymous: bool = Field(False, description="Send no credentials, as to an emulator.")
    endpoint_url: str = Field(
        "", description="The server, if it is not Google's or the emulator in STORAGE_EMULATOR_HOST."
    )
    user_project: str = Field("", description="The project that pays, where the bucket lets the requester pay.")
    ca_file: Path | None = Field(None, description="The authorities that the server's certificate is checked with.")
    gives: ClassVar[Mapping[str, str] | None] = {
        **(BucketCleanup.gives or {}),
        "soft_delete_seconds": "how long soft delete keeps and bills what went, where it does",
    }

    scheme: ClassVar[str] = "gs"
    whole: ClassVar[tuple[str, ...]] = ("versions", "managed_folders")

    @field_validator("bucket")
    @classmethod
    def _is_a_name(cls, bucket: str) -> str:
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise ValueError("is no bucket's name: small letters, digits, dots, - and _, without gs:// or a slash")
        return bucket

    @model_validator(mode="after")
    def _credentials_fit(self) -> "GCS":
        if self.anonymous and self.credentials_file:
            raise ValueError("anonymous sends no credentials, and credentials_file has some: give one of them")
        return self

    def run(self, context: Context) -> Result:
        result = super().run(context)
        if self.shards or not result.facts["found"]:
            return result
        about = None
        with contextlib.suppress(ActionError), self.open(context) as place:  # no time left, for instance
            about = place.about()
        return result if about is None else self._told(result, about, dry_run=context.dry_run)

    @contextlib.contextmanager
    def open(self, context: Context) -> Iterator[GCSSweeper]:
        file = str(self.credentials_file) if self.credentials_file else ""
        access = GoogleAccess(credentials_file=file, anonymous=self.anonymous)
        reach = GCSOptions(
            endpoint_url=self.endpoint_url,
            user_project=self.user_project,
            ca_file=str(self.ca_file) if self.ca_file else None,
            connections=self.concurrency,
        )
        bucket = GCSBucket(self.bucket, access, reach)
        try:
            context.retry(bucket.account.log_in)  # or the first page would seem to take long
            yield GCSSweeper(self, bucket, context)
        finally:
            bucket.close()

    def _told(self, result: Result, about: About, *, dry_run: bool) -> Result:
        """The result, and what the bucket's settings make of it."""
        facts: dict[str, Any] = {**result.facts}
        summary, notes = result.summary, list(result.notes)
        went = cast("int", facts["found" if dry_run else "deleted"])
        stays = about.versioned and not self.versions  # as a version, and so it is not deleted at all
        if stays and went:
            notes.append("the bucket keeps noncurrent versions of what went: versions: true deletes these too")
        elif about.soft_delete and went:
            facts["soft_delete_seconds"] = about.soft_delete
            summary += f"; soft delete keeps and bills it for {human_duration(about.soft_delete)}"
        if about.hierarchical:
            notes.append("the bucket has a hierarchical namespace, whose folders stay: only objects were deleted")
        return replace(result, summary=summary, facts=facts, notes=tuple(notes))
