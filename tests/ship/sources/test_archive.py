"""Archived logs where the workflow's nodes say that they are."""

from types import SimpleNamespace

import pytest
from moto.s3.models import s3_backends

from exitkit.clients.s3 import S3Bucket
from exitkit.errors import ActionError
from exitkit.ship import sources
from exitkit.testing import context, failed_workflow
from exitkit.testing.kube import ScriptedKube

BASE = failed_workflow()
NAME, SPACE = BASE.name, BASE.namespace


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


@pytest.fixture
def wanted(cluster, tmp_path):
    def make(*names, **more):
        given = {"tail": 0, "since": 0.0, "only": "all", "containers": ["main"], "archive": "s3://logs"}
        path = cluster.kubeconfig(tmp_path)
        return SimpleNamespace(from_=names or ("archive",), kubeconfig=path, dead_letter="", **{**given, **more})

    return make


@pytest.fixture
def put(aws):
    aws("s3").create_bucket(Bucket="logs")
    return lambda key, text: s3_backends["123456789012"]["aws"].put_object("logs", key, text.encode())


def nodes(cluster, *keys, **more):
    """A workflow with a node for each of the keys; their ids are numbered from 1."""
    found = {}
    for number, key in enumerate(keys, 1):
        container = key.rpartition("/")[2].removesuffix(".log")
        artifact = {"name": f"{container}-logs", "s3": {"key": key}}
        one = {"id": f"{NAME}-{number}", "type": "Pod", "templateName": "fit", "outputs": {"artifacts": [artifact]}}
        found[f"{NAME}-{number}"] = one
    cluster.add("workflows", NAME, namespace=SPACE, status={"nodes": found, **more})


def read(wanted):
    return list(sources.sources(wanted, context()))


def lines(found):
    return {one.name: [line for chunk in one.chunks() for line in chunk.messages] for one in found}


def test_keys_of_any_format_are_found(cluster, put, wanted):
    """In folders of dates too, one by one; what others have there is not asked for."""
    put("2026/11/23/a b%2F+/main.log", "a\n")
    put("2026/11/24/x/main.log", "b\n")
    put("2026/11/24/other/main.log", "no\n")
    nodes(cluster, "2026/11/23/a b%2F+/main.log", "2026/11/24/x/main.log")
    assert lines(read(wanted())) == {f"{NAME}-fit-1/main (archive)": ["a"], f"{NAME}-fit-2/main (archive)": ["b"]}


def test_many_in_a_folder_of_the_workflows_take_one_listing(cluster, put, wanted, monkeypatch):
    """And not one for each."""
    asked, page = [], S3Bucket.page
    monkeypatch.setattr(
        S3Bucket, "page", lambda self, prefix, *rest, **more: asked.append(prefix) or page(self, prefix, *rest, **more)
    )
    keys = [f"logs/{NAME}/{number}/main.log" for number in range(1, 41)]
    for key in keys:
        put(key, "x\n")
    nodes(cluster, *keys)
    assert len(read(wanted())) == 40
    assert asked == [f"{NAME}/", f"logs/{NAME}/"]  # where they are by default, and where they are


def test_what_the_nodes_do_not_tell_yet_is_found_below_the_name(cluster, put, wanted):
    """The controller hears of a log a moment after its pod's end."""
    put(f"{NAME}/{NAME}-fit-1/main.log", "a\n")
    put(f"{NAME}/{NAME}-fit-2/main.log", "b\n")
    nodes(cluster, f"{NAME}/{NAME}-fit-1/main.log")
    assert lines(read(wanted())) == {f"{NAME}-fit-{n}/main (archive)": [one] for n, one in ((1, "a"), (2, "b"))}


def test_ids_do_not_hang_on_how_a_log_was_found(cluster, put, wanted):
    """Or a second run would ship it again."""
    put(f"{NAME}/{NAME}-fit-1/main.log", "a\n")
    nodes(cluster, f"{NAME}/{NAME}-fit-1/main.log")
    listed, named = (read(wanted(archive=url)) for url in (f"s3://logs/{NAME}/", "s3://logs"))
    assert [one for chunk in listed[0].chunks() for one in chunk.ids] == [
        one for chunk in named[0].chunks() for one in chunk.ids
    ]


def test_a_log_that_is_named_and_gone_fails_by_itself(cluster, put, wanted):
    """The others go; where the pods are asked too it is no more than a note."""
    put("a/main.log", "a\n")
    nodes(cluster, "a/main.log", "b/main.log", "b/wait.log")
    good, lost = read(wanted())
    assert lines([good]) == {f"{NAME}-fit-1/main (archive)": ["a"]}
    with pytest.raises(ActionError, match=r"b/main\.log as its log, and it is not there"):
        list(lost.chunks())
    _, noted = read(wanted("pods", "archive"))
    assert list(noted.chunks()) == []
    assert "b/main.log" in noted.notes[0]


def test_where_the_nodes_cannot_be_asked_the_name_has_to_do(cluster, put, wanted):
    """And the report says so."""
    cluster.forbidden.add("get workflows")
    put(f"{NAME}/p/main.log", "a\n")
    good, noted = read(wanted())
    assert lines([good]) == {"p/main (archive)": ["a"]}
    assert list(noted.chunks()) == []
    assert noted.notes[0].startswith(f"only looked for below {NAME}/, because the workflow's nodes cannot be asked: ")


def test_a_prefix_that_is_given_is_all(cluster, put, wanted):
    """Nobody is asked."""
    put("by-date/p/main.log", "a\n")
    assert lines(read(wanted(archive="s3://logs/by-date/"))) == {"p/main (archive)": ["a"]}
    assert cluster.requests == []


def test_without_an_archive_the_workflows_own_is_taken(cluster, put, wanted):
    """The record names bucket and keys; where it names none, or cannot be read, the step says what to give."""
    put("2026/11/23/x/main.log", "a\n")
    kept = {"artifactRepositoryRef": {"artifactRepository": {"s3": {"bucket": "logs", "endpoint": "s3.amazonaws.com"}}}}
    nodes(cluster, "2026/11/23/x/main.log", **kept)
    assert list(lines(read(wanted(archive=""))).values()) == [["a"]]
    cluster.forbidden.add("get workflows")
    (failing,) = read(wanted(archive=""))
    with pytest.raises(ActionError, match=r"give archive, for the workflow's record, .*forbidden"):
        list(failing.chunks())


def test_a_workflow_whose_artifacts_are_nowhere_says_so(cluster, wanted):
    """Or in a kind of store that exitkit does not read."""
    nodes(cluster, artifactRepositoryRef={"artifactRepository": {"azure": {"container": "logs"}}})
    (failing,) = read(wanted(archive=""))
    with pytest.raises(ActionError, match="names no bucket"):
        list(failing.chunks())
