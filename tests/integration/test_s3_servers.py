"""cleanup.s3 and ship.s3 against servers that speak S3's language in part, judged by what is there afterwards.

SeaweedFS takes Go some eight minutes to build, so it is tested where a program `weed` is there: v0.0.0-20261109003541.
"""

import gzip
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from exitkit.cleanup.s3 import S3
from exitkit.clients.aws import AWSAccess
from exitkit.clients.s3 import S3Bucket
from exitkit.errors import ActionError
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.ship import s3 as s3_of_ship
from exitkit.testing import context

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
KEY, SECRET = "root", "secret-of-the-server"


@pytest.fixture(scope="session")
def moto(serve, free_port):
    port = free_port()
    serve([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def gofakes3(program, serve, free_port):
    port = free_port()
    serve([program("gofakes3"), "-backend", "memory", "-host", f"127.0.0.1:{port}"], port)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def unversioned_gateway(program, serve, free_port, tmp_path_factory):
    """A versitygw that has no place for versions."""
    port, top = free_port(), tmp_path_factory.mktemp("unversioned")
    words = ["--port", f"127.0.0.1:{port}", "--access", KEY, "--secret", SECRET, "--quiet", "posix", str(top)]
    serve([program("versitygw"), *words], port)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def seaweedfs(program, serve, free_port, tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("seaweedfs")
    identity = f'{{"name":"a","credentials":[{{"accessKey":"{KEY}","secretKey":"{SECRET}"}}],"actions":["Admin"]}}'
    (folder / "s3.json").write_text(f'{{"identities":[{identity}]}}')
    words = [f"-s3.port={port}", *(f"-{part}.port={free_port()}" for part in ("master", "volume", "filer"))]
    words += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
    words += ["-filer", "-s3", f"-s3.config={folder}/s3.json", "-master.volumeSizeLimitMB=8", "-volume.max=400"]
    serve([program("weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *words], port)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(params=["moto", "gofakes3", "unversioned_gateway", "seaweedfs"])
def client(request, monkeypatch, no_account):
    """A new bucket of each server, asked through boto3."""
    url = request.getfixturevalue(request.param)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    # gofakes3 stores the frames of a body with a checksum behind it.
    plain = Config(request_checksum_calculation="when_required")
    made = boto3.Session().client("s3", region_name="us-east-1", endpoint_url=url, config=plain)
    made.bucket = f"models-{len(made.list_buckets()['Buckets'])}"
    made.create_bucket(Bucket=made.bucket)
    return made


def s3(client, **more):
    return S3(bucket=client.bucket, prefixes=[f"runs/{NAME}/"], **more)


def ours():
    return context(clock=Clock(), seconds=120, terms=RetryPolicy(attempts=3))


def fill(client, *keys):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put_object(Bucket=client.bucket, Key=key, Body=b"12345"), keys))


def keys(client):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=client.bucket)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


def test_what_is_below_a_prefix_goes_and_nothing_else(client):
    """Over more than a page, and a neighbour of a longer name stays."""
    fill(client, *(f"runs/{NAME}/{number:04d}" for number in range(1010)), f"runs/{NAME}-2/a", "runs/b")
    result = s3(client).run(ours())
    assert (result.facts["deleted"], result.facts["bytes"]) == (1010, 5050)
    assert keys(client) == ["runs/b", f"runs/{NAME}-2/a"]


def test_with_versions_nothing_is_left(client):
    """Whether the bucket has versions, had none when they were written, or cannot have any."""
    fill(client, f"runs/{NAME}/before", "runs/other")
    try:
        client.put_bucket_versioning(Bucket=client.bucket, VersioningConfiguration={"Status": "Enabled"})
    except ClientError:
        has_versions = False
    else:
        has_versions = True
    fill(client, f"runs/{NAME}/a")
    fill(client, f"runs/{NAME}/a")
    client.delete_object(Bucket=client.bucket, Key=f"runs/{NAME}/a")
    s3(client, versions=True).run(ours())
    left = client.list_object_versions(Bucket=client.bucket) if has_versions else {}
    found = [one["Key"] for one in left.get("Versions", []) + left.get("DeleteMarkers", [])] or keys(client)
    assert found == ["runs/other"]


def test_uploads_that_were_left_are_aborted(client):
    """Those below the prefix, and no object."""
    fill(client, f"runs/{NAME}-2/a")
    for key in (f"runs/{NAME}/a", f"runs/{NAME}/b", "runs/other"):
        client.create_multipart_upload(Bucket=client.bucket, Key=key)
    assert s3(client, uploads=True).run(ours()).facts["deleted"] == 2
    assert [one["Key"] for one in client.list_multipart_uploads(Bucket=client.bucket)["Uploads"]] == ["runs/other"]
    assert keys(client) == [f"runs/{NAME}-2/a"]


def test_what_is_under_lock_stays_and_the_rest_goes(client):
    """The step fails, and says how many; what is held is all that is left."""
    client.bucket += "-locked"
    try:
        client.create_bucket(Bucket=client.bucket, ObjectLockEnabledForBucket=True)
        fill(client, f"runs/{NAME}/a", f"runs/{NAME}/b")
        client.put_object_legal_hold(Bucket=client.bucket, Key=f"runs/{NAME}/b", LegalHold={"Status": "ON"})
    except ClientError as error:
        pytest.skip(f"this server has no object lock: {error}")
    if client.get_object(Bucket=client.bucket, Key=f"runs/{NAME}/b")["Body"].read() != b"12345":
        pytest.skip("this server has no object lock: it writes the hold over the object")
    with pytest.raises(ActionError, match="could not delete 1") as caught:
        s3(client, versions=True).run(ours())
    assert caught.value.facts["deleted"] == 1
    assert keys(client) == [f"runs/{NAME}/b"]


def test_a_receipt_is_added_once(client):
    """A second object of the name is refused, on servers that heed conditions; the first one's text stays."""
    bucket = S3Bucket(client.bucket, AWSAccess())
    try:
        assert bucket.add("audit/a", b"first")
        assert not bucket.add("audit/a", b"second")
        assert not bucket.replace("audit/a", b"third", '"of-another"')
    finally:
        bucket.close()
    assert client.get_object(Bucket=client.bucket, Key="audit/a")["Body"].read() == b"first"


def test_what_is_shipped_is_there_once(client, tmp_path):
    """Also after a second run, which finds it there; each record is read back."""
    (tmp_path / "log").write_text("".join(f"number {n}\n" for n in range(3000)))
    made = s3_of_ship.S3(
        bucket=client.bucket,
        prefix="logs/",
        batch_records=1000,
        dead_letter="",
        **{"from": [str(tmp_path / "log")]},
    )
    first, second = (made.run(ours()).facts for _ in range(2))
    assert (first["accepted"], second["accepted"] + second["duplicate"]) == (3000, 3000)
    names = [key for key in keys(client) if key.endswith(".gz")]
    read = [client.get_object(Bucket=client.bucket, Key=key)["Body"].read() for key in names]
    rows = [json.loads(line) for data in read for line in gzip.decompress(data).splitlines()]
    assert sorted(int(row["message"].split()[1]) for row in rows) == list(range(3000))
