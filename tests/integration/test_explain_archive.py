"""A message says what the archived log of a pod that is gone says, from real servers of both kinds of bucket."""

import json
import urllib.request
import uuid
from urllib.parse import quote

import boto3
import pytest

from exitkit import cli, recordreader
from exitkit.testing.kube import ScriptedKube
from exitkit.text import redact

NAME, NODE, POD = "train-x7k2p", "train-x7k2p-1170427545", "train-x7k2p-fit-1170427545"
LINE = "2026-08-21T12:00:{:02}Z INFO epoch {} of many: loss 0.2913\n"
WHY = 'Traceback (most recent call last):\n  File "/app/fit.py", line 31, in main\n    frame["price"]\nKeyError: \'price\'\n'
SHORT = LINE.format(1, 1) + WHY
# Some 30 MiB, of which the middle is not read: the beginning, the end and its last line but one are.
LONG = "ERROR cannot reach cache\n" + "".join(LINE.format(n % 60, n) for n in range(520_000)) + WHY + "bye\n"


@pytest.fixture
def bucket():
    return f"explained-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def s3(bucket, gateway, monkeypatch, no_account):
    """A bucket that the record alone names, with its server's address; and what puts an object into it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "root")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-gateway")
    client = boto3.Session().client("s3", region_name="us-east-1", endpoint_url=gateway[0])
    client.create_bucket(Bucket=bucket)
    host = gateway[0].removeprefix("http://")
    place = {"s3": {"bucket": bucket, "endpoint": host, "insecure": True, "region": "us-east-1"}}
    return place, lambda key, text: client.put_object(Bucket=bucket, Key=key, Body=text.encode())


@pytest.fixture
def gcs(bucket, fake_gcs, monkeypatch):
    """The same of Google Cloud Storage, whose address is always the environment's."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs)

    def post(path, body):
        urllib.request.urlopen(urllib.request.Request(fake_gcs + path, body, method="POST")).close()

    post("/storage/v1/b", json.dumps({"name": bucket}).encode())
    where = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name="
    return {"gcs": {"bucket": bucket}}, lambda key, text: post(where + quote(key, safe=""), text.encode())


@pytest.fixture(params=["s3", "gcs"])
def archive(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def told(archive, tmp_path, monkeypatch, capsys):
    """What a message and the report of the pod say, whose log is archived under the key; the cluster has none of it."""
    monkeypatch.chdir(tmp_path)
    # The machine may be busy; how long is waited is shown elsewhere.
    monkeypatch.setattr(recordreader, "PATIENCE", 60.0)
    monkeypatch.setattr("exitkit.logreader.PATIENCE", 60.0)
    place, put = archive

    def tell(key, text):
        put(key or f"{NAME}/{POD}/main.log", text)
        (kind,) = place
        outputs = (
            {"artifacts": [{"name": "main-logs", kind: {"key": key}}], "exitCode": "1"} if key else {"exitCode": "1"}
        )
        times = {"startedAt": "2026-08-21T12:00:00Z", "finishedAt": "2026-08-21T12:10:00Z"}
        node = {"id": NODE, "name": f"{NAME}.fit", "displayName": "fit", "type": "Pod", "templateName": "fit", **times}
        node |= {"phase": "Failed", "message": "main: Error (exit code 1)", "outputs": outputs}
        root = {"id": NAME, "name": NAME, "displayName": NAME, "type": "DAG", "phase": "Failed", **times}
        status = {"phase": "Running", "nodes": {NAME: root, NODE: node}}
        status["artifactRepositoryRef"] = {"artifactRepository": place}
        failure = {
            "displayName": "fit",
            "templateName": "fit",
            "podName": POD,
            "phase": "Failed",
            "message": node["message"],
        }
        facts = ["--name", NAME, "--namespace", "ml", "--status", "Failed", "--failures", json.dumps([failure])]
        with ScriptedKube() as cluster, redact.forget_all():
            cluster.add("workflows", NAME, namespace="ml", status=status)
            environ = {"KUBECONFIG": str(cluster.kubeconfig(tmp_path))}
            words = ["--timeout", "200", "--report-format", "json"]
            code = cli.run(["notify", "console", *facts, *words], environ=environ)
        out, said = capsys.readouterr()
        assert code == 0, said
        return said, json.loads(out)["notes"]

    return tell


@pytest.mark.parametrize("key", ["by date/2026-08-21+ü/fit/main.log", ""], ids=["its own key", "Argo's key"])
def test_the_archive_tells_why(told, key):
    """With the line's number and its place, and nobody has said where the archive is but Argo."""
    said, notes = told(key, SHORT)
    assert "fit failed (exit code 1): KeyError: 'price'" in said
    assert "5: KeyError: 'price' (/app/fit.py:31 in main)" in said
    assert notes == []


def test_of_a_long_log_both_ends_are_read(told):
    """By ranges, and not what lies between; what is at the end has no number."""
    said, notes = told("", LONG)
    assert "fit failed (exit code 1): KeyError: 'price'" in said
    assert "    KeyError: 'price' (/app/fit.py:31 in main)" in said
    assert "1: ERROR cannot reach cache" in said
    assert notes == []
