"""Logs of a workflow's pods: by the API, from the archive, or the fuller of the two."""

from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from moto.s3.models import s3_backends

from exitkit.argo.failures import Failure, Failures
from exitkit.errors import ActionError
from exitkit.ship import sources
from exitkit.testing import context, failed_workflow
from exitkit.testing.kube import ScriptedKube

BASE = failed_workflow()
NAME, SPACE = BASE.name, BASE.namespace
LABEL = {"workflows.argoproj.io/workflow": NAME}


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        made.add("workflows", NAME, namespace=SPACE)
        yield made


@pytest.fixture
def wanted(cluster, tmp_path):
    def make(*names, **more):
        given = {
            "dead_letters": "own",
            "tail": 0,
            "since": 0.0,
            "only": "all",
            "containers": ["main"],
            "archive": "s3://logs",
            "dead_letter": "",
        }
        return SimpleNamespace(from_=names or ("pods",), kubeconfig=cluster.kubeconfig(tmp_path), **{**given, **more})

    return make


@pytest.fixture
def archived(aws):
    """Puts logs into the artifact repository, as Argo does by default."""
    aws("s3").create_bucket(Bucket="logs")

    def put(pod, text, container="main", prefix=f"{NAME}/"):
        s3_backends["123456789012"]["aws"].put_object("logs", f"{prefix}{pod}/{container}.log", text.encode())

    return put


def pod(
    cluster, name, log=None, *, code=0, container="main", state="terminated", restarts=0, phase="Succeeded", **more
):
    one = {
        "name": container,
        "state": {state: {"exitCode": code, "startedAt": "2026-11-23T07:00:00Z"}},
        "restartCount": restarts,
    }
    status = {"phase": phase, "containerStatuses": [one, {"name": "wait", "state": {"terminated": {"exitCode": 0}}}]}
    cluster.add("pods", name, namespace=SPACE, labels=LABEL, status=status, **more)
    if log is not None:
        cluster.logs[f"{name}/{container}"] = log


def stamped(*lines):
    return "".join(f"2026-11-23T07:00:{number:02d}.{number:09d}Z {line}\n" for number, line in enumerate(lines, 1))


def lines(wanted, workflow=BASE):
    told = {}
    for one in sources.sources(wanted, context(workflow=workflow)):
        told[one.name] = [record for chunk in one.chunks() for record in chunk.records()]
    return told


def test_each_containers_log_is_a_source(cluster, wanted):
    """With its times, and where it is from; other containers only if they are asked for."""
    pod(
        cluster,
        "p-1",
        stamped("a", "b"),
        annotations={"workflows.argoproj.io/node-id": "n-1", "workflows.argoproj.io/node-name": f"{NAME}.step"},
    )
    cluster.logs["p-1/wait"] = stamped("w")
    found = lines(wanted())
    assert list(found) == ["p-1/main"]
    first, second = found["p-1/main"]
    assert (first.message, second.message) == ("a", "b")
    assert second.time == 1_795_417_202_000_000_002
    assert first.attributes["pod"] == "p-1"
    assert (first.attributes["container"], first.attributes["node"]) == ("main", f"{NAME}.step")
    assert sorted(lines(wanted(containers=[]))) == ["p-1/main", "p-1/wait"]


def test_failed_pods_come_first(cluster, wanted):
    """Those that the workflow names, that Kubernetes calls failed, or whose main container did."""
    for name in ("a", "b", "c", "d"):
        pod(cluster, name, stamped(name), code=1 if name == "c" else 0, phase="Failed" if name == "d" else "Succeeded")
    workflow = replace(BASE, failures=Failures(all=(Failure("x", "boom", pod_name="b"),)))
    assert list(lines(wanted(), workflow)) == ["b/main", "c/main", "d/main", "a/main"]
    assert list(lines(wanted(only="failed"), workflow)) == ["b/main", "c/main", "d/main"]


def test_its_own_pod_is_left_out(cluster, wanted):
    """It would ship what it prints about shipping."""
    pod(cluster, "exit-pod", stamped("x"))
    pod(cluster, "other", stamped("y"), annotations={"workflows.argoproj.io/node-id": "n-1"})
    workflow = replace(BASE, pod_name="exit-pod", node_id="n-1")
    assert lines(wanted(), workflow) == {}


def test_a_container_that_was_restarted_has_two_logs(cluster, wanted):
    """The one before is a source of its own, with ids of its own."""
    pod(cluster, "p", stamped("a"), restarts=1)
    found = lines(wanted())
    assert list(found) == ["p/main (before its restart)", "p/main"]
    before, after = found.values()
    assert before[0].id != after[0].id
    assert any("previous=true" in path for path in cluster.sent("GET"))


def test_one_that_never_began_has_none(cluster, wanted):
    """An image that could not be pulled."""
    pod(cluster, "p", state="waiting")
    assert lines(wanted()) == {}


def test_a_log_that_cannot_be_read_fails_by_itself(cluster, wanted):
    """The others are read."""
    pod(cluster, "a")
    pod(cluster, "b", stamped("x"))
    first, second = sources.sources(wanted(), context())
    with pytest.raises(ActionError):
        list(first.chunks())
    assert sum(len(chunk) for chunk in second.chunks()) == 1


def test_pods_that_may_not_be_listed_are_a_source_that_fails(cluster, wanted, archived):
    """And the archive is read all the same."""
    cluster.forbidden = {"list pods"}
    archived("p-1", "a\n")
    first, second = sources.sources(wanted("pods", "archive"), context())
    with pytest.raises(ActionError, match="cannot list resource"):
        list(first.chunks())
    assert second.name == "p-1/main (archive)"
    assert sum(len(chunk) for chunk in second.chunks()) == 1


def test_a_log_that_breaks_off_is_read_on_from_there(cluster, wanted):
    """No line twice, none missing."""
    whole = stamped(*(f"line {number}" for number in range(50)))
    cut = whole.encode()[:777]
    turns = []

    def play(exchange):
        exchange.read()
        turns.append(1)
        data = whole.encode() if len(turns) > 1 else cut
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole.encode()) + data)

    pod(cluster, "p", play)
    (source,) = sources.sources(wanted(), context())
    found = [line for chunk in source.chunks() for line in chunk.messages]
    assert found == [f"line {number}" for number in range(50)]
    assert source.notes == []
    assert len(turns) == 2


def node(lines, *, breaks, forgets=()):
    """A kubelet that has these lines, with their times; it heeds `sinceTime` and `tailLines`.

    The n-th answer breaks off after so many bytes; before it, the node has forgotten so many lines.
    """
    answers = []

    def play(exchange):
        asked = parse_qs(urlsplit(exchange.read().path).query)
        number = len(answers)
        answers.append(asked)
        kept = lines[sum(forgets[: number + 1]) :]
        if "sinceTime" in asked:  # the real one too looks at each line by itself
            kept = [line for line in kept if line[:19] >= asked["sinceTime"][0][:19]]
        if "tailLines" in asked:
            kept = kept[-int(asked["tailLines"][0]) :]
        data = "".join(f"{line}\n" for line in kept).encode()
        sent = data[: breaks[number]] if number < len(breaks) else data
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + sent)

    return play, answers


def at(second, text, nano=0):
    return f"2026-11-23T07:00:{second:02d}.{nano:09d}Z {text}"


@pytest.mark.parametrize("cut", [1, 37, 38, 39, 60, 76, 100, 113])
@pytest.mark.parametrize("tail", [0, 3])
def test_a_log_goes_on_by_time_wherever_it_broke(cluster, wanted, cut, tail):
    """Also with a number of last lines, to which lines are added meanwhile: none is missing, none comes twice."""
    old = [at(number, f"line {number}", number) for number in range(1, 6)]
    play, answers = node(old, breaks=[cut])
    pod(cluster, "p", play)

    def growing(exchange):
        if answers:
            old.append(at(7, "line 7"))
        play(exchange)

    cluster.logs["p/main"] = growing
    (source,) = sources.sources(wanted(tail=tail), context())
    found = [line for chunk in source.chunks() for line in chunk.messages]
    first = 1 if not tail else 3 if cut >= 38 else 4  # with none seen, the last three are others by now
    assert found == [f"line {number}" for number in (*range(first, 6), 7)]
    assert len(answers) == 2


def test_a_log_that_was_rotated_while_it_was_read_loses_what_the_node_lost_and_says_so(cluster, wanted):
    """Never a line more: places in bytes would have left some out silently."""
    old = [at(number, f"line {number}") for number in range(1, 9)]
    play, _ = node(old, breaks=[100], forgets=[0, 4])
    pod(cluster, "p", play)
    (source,) = sources.sources(wanted(), context())
    found = [line for chunk in source.chunks() for line in chunk.messages]
    assert found == ["line 1", "line 2", *(f"line {number}" for number in range(5, 9))]
    assert "lines may be missing" in source.notes[0]


def test_lines_that_are_alike_to_the_nanosecond_are_each_passed_on_once(cluster, wanted):
    """As a program prints several in one write; and one whose clock was set back is not taken for seen."""
    old = [at(3, "a"), at(3, "same"), at(3, "same"), at(3, "same"), at(2, "earlier"), at(4, "b")]
    for cut in range(40, 200, 7):
        play, _ = node(old, breaks=[cut])
        cluster.logs["p/main"] = play
        if cut == 40:
            pod(cluster, "p", play)
        (source,) = sources.sources(wanted(since=0.0), context())
        found = [line for chunk in source.chunks() for line in chunk.messages]
        assert found == ["a", "same", "same", "same", "earlier", "b"], cut


def test_a_full_disk_does_not_keep_an_archived_log(cluster, wanted, archived, monkeypatch):
    """What is to be compared cannot be put aside; the archive is whole, and is shipped."""
    pod(cluster, "p", stamped("a", "b"))
    archived("p", "a\nb\n")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    (source,) = sources.sources(wanted("pods", "archive"), context())
    assert [line for chunk in source.chunks() for line in chunk.messages] == ["a", "b"]
    assert source.how.startswith("archive: ")


def test_a_log_that_breaks_off_again_and_again_says_so(cluster, wanted):
    """What came is there."""

    def play(exchange):
        exchange.read()
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + stamped("a").encode())

    pod(cluster, "p", play)
    (source,) = sources.sources(wanted(), context())
    assert [line for chunk in source.chunks() for line in chunk.messages] == ["a"]
    assert "broke off" in source.notes[0]


def test_a_long_log_whose_beginning_is_gone_says_so(cluster, wanted):
    """kubelet keeps the newest 10 MiB; the first line is much later than the container's start."""
    pod(cluster, "p", "".join(f"2026-11-23T09:00:00.000000001Z {'x' * 9000}\n" for _ in range(1000)))
    (source,) = sources.sources(wanted(), context())
    list(source.chunks())
    assert "its beginning may be gone" in source.notes[0]


def test_tail_and_since_are_asked_of_the_api(cluster, wanted):
    """The node sends no more than is wanted."""
    pod(cluster, "p", stamped("a", "b", "c"))
    found = lines(wanted(tail=2, since=3600.0))
    assert [one.message for one in found["p/main"]] == ["b", "c"]
    path = next(path for path in cluster.sent("GET") if "/log" in path)
    assert "tailLines=2" in path
    assert "sinceTime=" in path


# The archive.


def test_archived_logs_are_found_below_the_workflows_name(archived, wanted):
    """By Argo's own key format, or below a prefix that is given."""
    archived("p-1", "a\nb\n")
    archived("p-1", "w\n", container="wait")
    archived("p-2", "c\n", prefix="other/")
    archived("p-3", "d\n", prefix="by-date/2026/")
    assert {name: [one.message for one in found] for name, found in lines(wanted("archive")).items()} == {
        "p-1/main (archive)": ["a", "b"]
    }
    assert list(lines(wanted("archive", archive="s3://logs/by-date/2026/"))) == ["p-3/main (archive)"]


def test_a_large_archived_log_is_read_in_pieces(archived, wanted):
    """And from its end where only that is wanted."""
    archived("p", "".join(f"line {number} {'x' * 500}\n" for number in range(20_000)))
    assert len(lines(wanted("archive"))["p/main (archive)"]) == 20_000
    (last,) = lines(wanted("archive", tail=1)).values()
    assert [one.message.split()[1] for one in last] == ["19999"]


def test_without_a_bucket_the_archive_fails_by_itself(aws, wanted):
    """The status goes all the same."""
    status, failing = sources.sources(wanted("archive", "status"), context())
    assert status.name == "status"
    with pytest.raises(ActionError, match="NoSuchBucket"):
        list(failing.chunks())


# Both.


@pytest.mark.parametrize("end", ["\n", ""])
def test_of_two_that_are_alike_the_one_with_times_is_shipped(cluster, wanted, archived, end):
    """Each log once."""
    pod(cluster, "p", stamped("a", "b"))
    archived("p", f"a\nb{end}")
    (source,) = sources.sources(wanted("pods", "archive"), context())
    records = [one for chunk in source.chunks() for one in chunk.records()]
    assert [one.message for one in records] == ["a", "b"]
    assert records[0].time == 1_795_417_201_000_000_001
    assert source.how == "api"


def test_the_archive_is_shipped_where_the_node_has_less(cluster, wanted, archived):
    """Its beginning is gone from the node; the report says so."""
    pod(cluster, "p", stamped("c"))
    archived("p", "a\nb\nc\n")
    (source,) = sources.sources(wanted("pods", "archive"), context())
    assert [line for chunk in source.chunks() for line in chunk.messages] == ["a", "b", "c"]
    assert source.how == "archive: it has 6 B, and the node 2 B"


def test_what_only_one_has_is_shipped_from_there(cluster, wanted, archived):
    """A pod that is gone, and one that was not archived."""
    pod(cluster, "here", stamped("a"))
    archived("gone", "b\n")
    assert sorted(lines(wanted("pods", "archive"))) == ["gone/main (archive)", "here/main"]
