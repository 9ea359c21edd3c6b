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


def read_out(parts):
    """Each part as whoever ranks it reads it: its bytes, whether it is the end, and whether it was cut."""
    return [(b"".join(part.pieces), part.is_end, part.is_cut()) for part in parts]


def by_kubernetes(cluster):
    return read_out(failedlogs.by_kubernetes("ml", FAILED, cluster.environ, Deadline(20)))


def test_a_log_is_read_from_its_beginning(cluster):
    """As it is, by one request."""
    cluster.logs[f"{POD}/main"] = "a\nb\n"
    assert by_kubernetes(cluster) == [(b"a\nb\n", False, False)]
    assert len(cluster.requests) == 1


@pytest.fixture
def small(monkeypatch):
    """A long log is one of some lines."""
    for name, value in {"FIRST": 20, "BEGINNING": 40, "END": 60, "_LAST": (20, 2)}.items():
        monkeypatch.setattr(failedlogs, name, value)


def test_of_a_long_log_the_end_is_read_before_the_beginning(cluster, small):
    """After a look at whether it is long; of long lines fewer, as a node cuts what it gives at the end."""
    cluster.logs[f"{POD}/main"] = "".join(f"line {number}\n" for number in range(100))
    first, cut_end, end, beginning = by_kubernetes(cluster)
    assert first == (b"line 0\nline 1\nline 2", False, True)
    assert (cut_end[0][:8], cut_end[1]) == (b"line 80\n", True)
    assert end[:2] == (b"line 98\nline 99\n", True)
    assert (beginning[0][:7], len(beginning[0]), beginning[1:]) == (b"line 0\n", 40, (False, True))


def test_a_log_that_is_whole_after_all_is_not_told_as_cut(cluster, small):
    """It was longer than what is read at first, and no longer than what may be."""
    cluster.logs[f"{POD}/main"] = "".join(f"line {number}\n" for number in range(5))
    assert [part[1:] for part in by_kubernetes(cluster)] == [(False, True), (True, False), (False, False)]


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
    return read_out(failedlogs.by_archive(record, FAILED, context(), Deadline(20)))


@pytest.mark.parametrize("key", ["of/any/format/main.log", ""])
def test_the_archive_has_what_the_cluster_has_no_more(put, key):
    """Under the key that the node tells, or under Argo's own where the node does not tell yet."""
    put(key or f"train-x7k2p/{POD}/main.log", "a\nb\n")
    assert by_archive(recorded(key, s3={"bucket": "logs"})) == [(b"a\nb\n", False, False)]


def test_of_a_long_archived_log_the_end_is_read_first(put, monkeypatch):
    """By ranges of the object."""
    for name, value in {"FIRST": 2, "BEGINNING": 4, "END": 3}.items():
        monkeypatch.setattr(failedlogs, name, value)
    put("k/main.log", "0123456789")
    record = recorded("k/main.log", s3={"bucket": "logs"})
    assert by_archive(record) == [(b"789", True, False), (b"0123", False, True)]
    put("k/main.log", "0123")
    assert by_archive(record) == [(b"123", True, False), (b"0123", False, False)]


def test_without_a_repository_or_an_object_there_is_nothing(put):
    """Which is no error either."""
    assert by_archive(recorded("k/main.log")) == []
    assert by_archive(recorded("k/main.log", s3={"bucket": "logs"})) == []
