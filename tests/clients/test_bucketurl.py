"""A URL of objects names a store, a bucket and a key, and whatever store it is the bucket is asked alike."""

import inspect

import pytest

from exitkit.clients.bucketurl import Location, open_bucket, parse
from exitkit.clients.gcs import GCSBucket
from exitkit.clients.objects import Bucket
from exitkit.clients.s3 import S3Bucket
from exitkit.errors import ConfigError


def test_a_url_is_a_store_a_bucket_and_a_key():
    """The key may be empty, or hold what a URL would encode."""
    assert parse("s3://models/runs/a b") == Location("s3", "models", "runs/a b")
    assert parse("gs://models") == Location("gs", "models", "")


@pytest.mark.parametrize("url", ["", "models/runs", "s3://", "s3:///key", "http://models/x", "azure://m/x"])
def test_what_names_no_bucket_is_refused(url):
    """Before anything is asked."""
    with pytest.raises(ConfigError, match="s3://bucket/key"):
        parse(url)


@pytest.mark.parametrize(("scheme", "kind"), [("s3", S3Bucket), ("gs", GCSBucket)])
def test_each_store_has_its_bucket(scheme, kind):
    """Opening one asks nothing."""
    with open_bucket(Location(scheme, "models", "")) as bucket:
        assert type(bucket) is kind
        assert bucket.name == "models"


@pytest.mark.parametrize("kind", [S3Bucket, GCSBucket])
def test_buckets_take_the_same_arguments(kind):
    """Who knows one knows the other; a store may take more, by name."""
    for name in Bucket.__abstractmethods__:
        ours = inspect.signature(getattr(Bucket, name)).parameters
        theirs = inspect.signature(getattr(kind, name)).parameters
        assert list(theirs)[: len(ours)] == list(ours), name
        assert all(one.kind is one.KEYWORD_ONLY for key, one in theirs.items() if key not in ours), name
