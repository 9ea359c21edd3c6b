"""Archived logs read from real servers of both kinds of bucket, by the nodes of the workflow and by its name."""

import urllib.request
from urllib.parse import quote

import boto3
import pytest

from exitkit.plan import registry
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.settings import load
from exitkit.testing import context, failed_workflow
from exitkit.testing.kube import ScriptedKube

NAME, SPACE = failed_workflow().name, failed_workflow().namespace
LONG = "".join(f"number {number} {'ü' * (number % 100)}\n" for number in range(100_000))


def in_s3(request, monkeypatch):
    url, _ = request.getfixturevalue("gateway")
    request.getfixturevalue("no_account")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-gateway")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    client = boto3.Session().client("s3", region_name="us-east-1", endpoint_url=url)
    client.create_bucket(Bucket="archived-logs")
    return "s3://archived-logs", lambda key, text: client.put_object(Bucket="archived-logs", Key=key, Body=text)


def in_gcs(request, monkeypatch):
    url = request.getfixturevalue("fake_gcs")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)

    def post(path, body):
        urllib.request.urlopen(urllib.request.Request(url + path, body, method="POST")).close()

    post("/storage/v1/b", b'{"name": "archived-logs"}')
    where = "/upload/storage/v1/b/archived-logs/o?uploadType=media&name="
    return "gs://archived-logs", lambda key, text: post(where + quote(key, safe=""), text)


@pytest.mark.parametrize("store", [in_s3, in_gcs])
def test_archived_logs_arrive_whole(request, monkeypatch, tmp_path, store):
    """Several megabytes in pieces, from an odd key that only the nodes tell, and one below the workflow's name."""
    bucket, put = store(request, monkeypatch)
    odd = "by date/2026%2F+ü/main.log"
    put(odd, LONG.encode())
    put(f"{NAME}/{NAME}-fit-2/main.log", b"short\n")
    artifact = {"name": "main-logs", ("s3" if store is in_s3 else "gcs"): {"key": odd}}
    node = {"id": f"{NAME}-1", "type": "Pod", "templateName": "fit", "outputs": {"artifacts": [artifact]}}
    out = tmp_path / "out.ndjson"
    with ScriptedKube() as cluster:
        cluster.add("workflows", NAME, namespace=SPACE, status={"nodes": {"x": node}})
        given = {"path": str(out), "from": ["archive"], "archive": bucket, "dead_letter": ""}
        given["kubeconfig"] = str(cluster.kubeconfig(tmp_path))
        made = load(registry.find("ship.file"), given, {}, "X_")
        result = made.run(context(clock=Clock(), seconds=60, terms=RetryPolicy(attempts=3)))
    assert result.facts["accepted"] == 100_001
    text = out.read_text()
    assert text.count("\n") == 100_001
    assert f"number 99999 {'ü' * 99}" in text
    assert '"message":"short"' in text
