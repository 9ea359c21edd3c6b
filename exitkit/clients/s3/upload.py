"""An object that is written as it grows: parts leave as they are full, and it appears when all is there."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from exitkit.clients.aws import AWSAccess
from exitkit.clients.s3 import S3Bucket
from exitkit.clients.s3.xml import Upload
from exitkit.context import Context
from exitkit.errors import ActionError

PART = 8 << 20
"""Bytes of each of the first parts; S3 wants 5 MiB at least, and takes 10,000 parts:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""

_GROWS = 1000  # parts after which each has PART bytes more, so that 460 GB fit, and 80 MiB is the most to be held


class Growing:
    """An object under way. What is small is written at once when it is closed, and else in parts.

    After an error it is given up: nothing appears, as there would be a hole in it, and no part is left to be paid for.
    """

    def __init__(self, bucket: S3Bucket, key: str, context: Context) -> None:
        self.bucket, self.key, self.context = bucket, key, context
        self._held = bytearray()
        self._upload = ""
        self._etags: list[str] = []
        self._given_up = False

    def write(self, data: bytes) -> None:
        """Raises ActionError."""
        if self._given_up:
            raise ActionError(f"{self.key} is not written any more, since a part of it could not be")
        self._held += data
        while len(self._held) >= (size := PART * (1 + len(self._etags) // _GROWS)):
            part = bytes(self._held[:size])
            del self._held[:size]
            with self._whole_or_not():
                self._put_part(part)

    def close(self) -> None:
        """Have it appear, unless it was given up. Raises ActionError, and then there is none."""
        try:
            if not self._given_up:
                with self._whole_or_not():
                    self._finish()
        finally:
            self.bucket.close()

    def _finish(self) -> None:
        if not self._upload:
            self._retried(lambda: self.bucket.put(self.key, bytes(self._held)))
            return
        if self._held:
            self._put_part(bytes(self._held))
        self._retried(lambda: self.bucket.complete_upload(self.key, self._upload, self._etags))

    def _put_part(self, part: bytes) -> None:
        if not self._upload:
            self._upload = self._retried(lambda: self.bucket.begin_upload(self.key))
        number = len(self._etags) + 1
        self._etags.append(self._retried(lambda: self.bucket.put_part(self.key, self._upload, number, part)))

    @contextlib.contextmanager
    def _whole_or_not(self) -> Iterator[None]:
        try:
            yield
        except ActionError:
            self._given_up = True
            self._held.clear()
            if self._upload:
                with contextlib.suppress(ActionError):  # the first error tells more
                    self._retried(lambda: self.bucket.delete_one(Upload(self.key, self._upload)))
            raise

    def _retried(self, request: Any) -> Any:
        return self.context.retry(request, safe=True)


def open_upload(url: str, access: Mapping[str, Any], context: Context) -> Growing:
    """An object at s3://bucket/key. Raises ActionError if it cannot be written, before anything is deleted."""
    name, _, key = url.removeprefix("s3://").partition("/")
    bucket = S3Bucket(name, access.get("access", AWSAccess()), access.get("reach"))
    try:  # an empty object now, so that what forbids it is known before there is anything to write
        context.retry(lambda: bucket.put(key, b""), safe=True)
    except ActionError as error:
        bucket.close()
        raise ActionError(
            f"receipt {url} cannot be written, so nothing was deleted: {error}", reason=error.reason
        ) from None
    return Growing(bucket, key, context)
