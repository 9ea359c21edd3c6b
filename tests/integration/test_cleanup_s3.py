"""cleanup.s3 against a real S3 server: versitygw, which keeps objects as files."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from exitkit.cleanup.s3 import S3
from exitkit.errors import ActionError
from exitkit.retry import RetryPolicy
from exitkit.testing import context

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
# None that XML cannot hold: this server does not encode them in a listing, and names a replacement instead.
ODD = ["a b+c%2F", "line\nbreak", "<&\"'>", "ünï/👍", "tab\there", "{{x}}", "?versionId=1", "\x7f"]


@pytest.fixture
def client(gateway, monkeypatch, no_account):
    """A new bucket, asked through boto3."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-gateway")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", gateway[0])
    made = boto3.Session().client("s3", region_name="us-east-1", endpoint_url=gateway[0])
    number = len(made.list_buckets()["Buckets"])
    made.bucket = f"models-{number}"
    made.create_bucket(Bucket=made.bucket, ObjectLockEnabledForBucket=False)
    return made


def s3(client, *prefixes, **more):
    return S3(bucket=client.bucket, prefixes=list(prefixes or (f"runs/{NAME}/",)), **more)


def fill(client, *keys):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put_object(Bucket=client.bucket, Key=key, Body=b"12345"), keys))


def keys(client):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=client.bucket)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


def ours():
    """Real time, and no patience beyond it."""
    from exitkit.retry.clock import Clock

    return context(clock=Clock(), seconds=120, terms=RetryPolicy(attempts=3))


def test_a_prefix_of_several_pages_goes_and_its_neighbours_stay(client):
    """2500 objects over folders; counts and bytes are exact, and a second run finds nothing."""
    fill(client, *(f"runs/{NAME}/{number % 7}/{number:05d}" for number in range(2500)), f"runs/{NAME}-2/a", "runs/b")
    rehearsed = s3(client).run(context(dry_run=True))
    assert (rehearsed.facts["found"], len(keys(client))) == (2500, 2502)
    result = s3(client).run(ours())
    assert (result.facts["deleted"], result.facts["bytes"]) == (2500, 12500)
    assert keys(client) == ["runs/b", f"runs/{NAME}-2/a"]
    assert s3(client).run(ours()).summary == "nothing to delete"


def test_keys_of_every_kind_go(client):
    """Spaces, percent signs, line breaks, XML's own characters."""
    fill(client, *(f"runs/{NAME}/{key}" for key in ODD))
    assert s3(client).run(ours()).facts["deleted"] == len(ODD)
    assert keys(client) == []


def test_versions_and_markers_go(client):
    """Nothing is left in a versioned bucket."""
    client.put_bucket_versioning(Bucket=client.bucket, VersioningConfiguration={"Status": "Enabled"})
    fill(client, f"runs/{NAME}/a", f"runs/{NAME}/b")
    fill(client, f"runs/{NAME}/a")
    client.delete_object(Bucket=client.bucket, Key=f"runs/{NAME}/b")
    assert s3(client, versions=True).run(ours()).facts["deleted"] == 4
    left = client.list_object_versions(Bucket=client.bucket)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_uploads_that_were_left_are_aborted(client):
    """Those below the prefix; the object of the same name stays out of it."""
    for key in (f"runs/{NAME}/a", f"runs/{NAME}/b", "runs/other"):
        client.create_multipart_upload(Bucket=client.bucket, Key=key)
    assert s3(client, uploads=True).run(ours()).facts["deleted"] == 2
    assert [one["Key"] for one in client.list_multipart_uploads(Bucket=client.bucket)["Uploads"]] == ["runs/other"]


def test_an_object_under_lock_stays_and_the_others_go(client):
    """The step fails, and says which and why."""
    client.bucket += "-locked"
    client.create_bucket(Bucket=client.bucket, ObjectLockEnabledForBucket=True)
    fill(client, f"runs/{NAME}/a", f"runs/{NAME}/b", f"runs/{NAME}/c")
    client.put_object_legal_hold(Bucket=client.bucket, Key=f"runs/{NAME}/b", LegalHold={"Status": "ON"})
    with pytest.raises(ActionError, match="could not delete 1") as caught:
        s3(client, versions=True).run(ours())
    assert caught.value.facts["deleted"] == 2
    assert [one["Key"] for one in client.list_object_versions(Bucket=client.bucket)["Versions"]] == [f"runs/{NAME}/b"]


def test_shards_together_are_all(client):
    """Each pod deletes its range; the union is exact."""
    fill(client, *(f"runs/{NAME}/{number:05d}" for number in range(2500)))
    shards = json.loads(s3(client, shards=3).run(ours()).output)
    fill(client, f"runs/{NAME}/!", f"runs/{NAME}/~", f"runs/{NAME}/01000x")
    assert len(shards) == 3
    deleted = [s3(client, shard=one).run(ours()).facts["deleted"] for one in shards]
    assert sum(deleted) == 2503
    assert min(deleted) > 400
    assert keys(client) == []


def test_a_receipt_is_written_to_the_bucket(client):
    """And is what went."""
    fill(client, f"runs/{NAME}/a", f"runs/{NAME}/b")
    s3(client, receipt=f"s3://{client.bucket}/audit/r.gz").run(ours())
    data = client.get_object(Bucket=client.bucket, Key="audit/r.gz")["Body"].read()
    listed = [json.loads(line)["deleted"] for line in gzip.decompress(data).splitlines()]
    assert sorted(listed) == [f"s3://{client.bucket}/runs/{NAME}/{key}" for key in "ab"]


def test_wrong_credentials_are_told(client, monkeypatch, no_account):
    """As the server says it."""
    from exitkit.clients import aws

    aws._session.cache_clear()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-wrong-wrong")
    with pytest.raises(ActionError, match="SignatureDoesNotMatch") as caught:
        s3(client).run(ours())
    assert caught.value.reason == "auth"
