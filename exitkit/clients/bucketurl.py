"""The bucket that a URL such as `s3://models/runs/` names, with the credentials that its tools would find."""

from typing import NamedTuple

from exitkit.clients.objects import Bucket
from exitkit.errors import ConfigError


class Location(NamedTuple):
    """A bucket of a store, and where in it: a key, or the beginning of some."""

    scheme: str
    bucket: str
    key: str


def parse(url: str) -> Location:
    """Raises ConfigError for anything but `s3://bucket/…` and `gs://bucket/…`."""
    scheme, separator, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "gs") or not separator or not bucket:
        raise ConfigError("a url of objects is s3://bucket/key or gs://bucket/key: correct it")
    return Location(scheme, bucket, key)


def open_bucket(location: Location, *, connections: int = 8, endpoint_url: str = "", region: str = "") -> Bucket:
    """The bucket; close it. Nothing is asked yet. Of S3 it may be said where it is served, and in which region."""
    if location.scheme == "s3":
        from exitkit.clients.aws import AWSAccess
        from exitkit.clients.s3 import S3Bucket
        from exitkit.clients.s3.request import S3Options

        return S3Bucket(
            location.bucket, AWSAccess(endpoint_url=endpoint_url, region=region), S3Options(connections=connections)
        )
    from exitkit.clients.gcp import GoogleAccess
    from exitkit.clients.gcs import GCSBucket
    from exitkit.clients.gcs.request import GCSOptions

    return GCSBucket(location.bucket, GoogleAccess(), GCSOptions(connections=connections))
