"""The log of a step that failed: from the cluster, else from where Argo archived it; both ends of a long one."""

import pytest
from moto.s3.models import s3_backends

from exitkit.argo.failures import Failure
from exitkit.argo.record import read
from exitkit.clients.argo import failedlogs
from exitkit.errors import ActionError
from exitkit.retry.clock import Deadline
from exitkit.testing import context
from exitkit.testing.kube import ScriptedKube
from exitkit.testing.kubespeech import failure

POD = "train-x7k2p-fit-1"
FAILED = Failure("fit", "main: Error (exit code 1)", "fit", pod_name=POD)


@pytest.fixture
def cluster(tmp_path):
    with ScriptedKube() as made:
        made.environ = {"KUBECONFIG": str(made.kubeconfig(tmp_path))}
        yield made


def by_kubernetes(cluster):
    return list(failedlogs.by_kubernetes("ml", FAILED, cluster.environ, Deadline(20)))


def test_a_log_is_read_from_its_beginning(cluster):
    """As it is, by one request."""
    cluster.logs[f"{POD}/main"] = "a\nb\n"
    assert b"".join(by_kubernetes(cluster)) == b"a\nb\n"
    assert len(cluster.requests) == 1


def test_of_a_long_log_both_ends_are_read(cluster, monkeypatch):
    """With None between, where some of it is left out."""
    monkeypatch.setattr(failedlogs, "BEGINNING", 40)
    monkeypatch.setattr(failedlogs, "_LAST", 2)
    cluster.logs[f"{POD}/main"] = "".join(f"line {number}\n" for number in range(100))
    pieces = by_kubernetes(cluster)
    middle = pieces.index(None)
    assert b"".join(pieces[:middle]).startswith(b"line 0\nline 1\n")
    assert len(b"".join(pieces[:middle])) == 40
    assert b"".join(pieces[middle + 1 :]) == b"line 98\nline 99\n"


@pytest.mark.parametrize("status", [404, 400])
def test_a_pod_that_is_gone_or_never_began_has_no_log(cluster, status):
    """Which is no error."""
    cluster.logs[f"{POD}/main"] = failure(status, "NotFound", "not here")
    assert by_kubernetes(cluster) == []


def test_a_missing_right_is_told_with_what_gives_it(cluster):
    """By the name of the level in deploy/."""
    cluster.logs[f"{POD}/main"] = failure(403, "Forbidden", "no")
    with pytest.raises(ActionError, match="rights level `pod-logs`") as caught:
        by_kubernetes(cluster)
    assert caught.value.reason == "auth"


def recorded(key, **repository):
    """A record whose node has this archived log."""
    artifacts = [{"name": "main-logs", "s3": {"key": key}}] if key else []
    node = {
        "id": POD,
        "name": "train-x7k2p.fit",
        "type": "Pod",
        "templateName": "fit",
        "outputs": {"artifacts": artifacts},
    }
    metadata = {"name": "train-x7k2p", "annotations": {"workflows.argoproj.io/pod-name-format": "v1"}}
    status = {"nodes": {POD: node}}
    if repository:
        status["artifactRepositoryRef"] = {"artifactRepository": repository}
    return read({"kind": "Workflow", "metadata": metadata, "status": status})


@pytest.fixture
def put(aws):
    aws("s3").create_bucket(Bucket="logs")
    return lambda key, text: s3_backends["123456789012"]["aws"].put_object("logs", key, text.encode())


def by_archive(record):
    return list(failedlogs.by_archive(record, FAILED, context(), Deadline(20)))


@pytest.mark.parametrize("key", ["of/any/format/main.log", ""])
def test_the_archive_has_what_the_cluster_has_no_more(put, key):
    """Under the key that the node tells, or under Argo's own where the node does not tell yet."""
    put(key or f"train-x7k2p/{POD}/main.log", "a\nb\n")
    assert by_archive(recorded(key, s3={"bucket": "logs"})) == [b"a\nb\n"]


def test_of_a_long_archived_log_both_ends_are_read(put, monkeypatch):
    """By pieces of the object."""
    monkeypatch.setattr(failedlogs, "BEGINNING", 4)
    monkeypatch.setattr(failedlogs, "END", 3)
    put("k/main.log", "0123456789")
    assert by_archive(recorded("k/main.log", s3={"bucket": "logs"})) == [b"0123", None, b"789"]


def test_without_a_repository_or_an_object_there_is_nothing(put):
    """Which is no error either."""
    assert by_archive(recorded("k/main.log")) == []
    assert by_archive(recorded("k/main.log", s3={"bucket": "logs"})) == []
