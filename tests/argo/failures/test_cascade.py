"""Of several failures the one that caused the others comes first, also where its end is written down after theirs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.record import Node
from exitkit.explain import LogLine

START = datetime(2026, 8, 21, 12, tzinfo=UTC)


def failure(name, second, says="", message="main: Error (exit code 1)", template="", line="", **more):
    lines = (LogLine(7, line, 0.9, line),) if line else ()
    return Failure(
        display_name=name,
        message=f"{message}: {says}" if says else message,
        template_name=template or name,
        pod_name=f"w-{template or name}-{abs(hash(name)) % 10**9}",
        finished_at=START + timedelta(seconds=second),
        lines=lines,
        **more,
    )


def order(*failures):
    return [group.first.name for group in Failures(all=tuple(failures), raw_count=len(failures)).groups]


REFUSED = [
    "dial tcp: lookup db on 10.0.0.10:53: no such host",
    "psycopg2.OperationalError: could not connect to server db: Connection refused",
    "java.net.ConnectException: Connection refused: db.ml.svc.cluster.local/10.4.1.2:5432",
    "Error: connect ECONNREFUSED db.ml:5432",
    "requests.exceptions.ConnectionError: HTTPConnectionPool(host='db', port=80): Failed to connect",
    "rpc error: code = Unavailable desc = connection closed by db before the answer",
]


@pytest.mark.parametrize("said", REFUSED)
def test_who_lost_a_step_that_failed_comes_after_it(said):
    """By its log or by its termination message, whichever was written down first."""
    died = failure("db", 9, message="main: Error (exit code 139)")
    assert order(failure("load", 5, line=said), died) == ["db", "load"]
    assert order(failure("load", 5, says=said), died) == ["db", "load"]


@pytest.mark.parametrize(
    "said",
    [
        "could not connect to api.github.com: connection refused",
        "could not connect to warehouse: connection refused",
        "db has no column price",
    ],
)
def test_who_lost_somebody_else_is_a_cause(said):
    """Another service's name, the internet's, or no loss at all: the first in time is the first."""
    assert order(failure("load", 5, line=said), failure("api", 9), failure("db", 9)) == ["load", "api", "db"]


def test_a_daemon_is_known_by_its_address():
    """As Argo hands it to the steps that use it."""
    daemon = failure("redis", 30, node=Node({"podIP": "10.4.7.9"}))
    assert order(failure("load", 5, line="Connection refused: 10.4.7.9:6379"), daemon) == ["redis", "load"]


def test_a_killed_step_comes_before_those_that_lost_it():
    """Although what is killed has a cause of its own, mostly."""
    killed = failure("db", 9, message="main: Error (exit code 137)")
    assert order(failure("load", 5, line="connection refused by db"), killed) == ["db", "load"]


def test_two_that_lost_each_other_are_in_the_order_of_time():
    """Nobody can tell which was first."""
    one, other = failure("ps", 5, line="lost connection to chief"), failure("chief", 4, line="lost connection to ps")
    assert order(one, other) == ["chief", "ps"]


RANKS = "RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.4.0.7]:34421"


def test_a_rank_that_lost_its_peer_comes_after_the_one_that_failed():
    """Although that one's pod ended later, as it had more to store; a line of its own tells."""
    ranks = [failure(f"rank({n}:{n})", n, says=RANKS, template="rank") for n in range(3)]
    cause = failure("rank(3:3)", 20, says="torch.OutOfMemoryError: CUDA out of memory", template="rank")
    assert order(*ranks, cause) == ["rank(3:3)", "rank(0:0)"]
    late = replace(cause, finished_at=START + timedelta(seconds=200))
    assert order(*ranks, late) == ["rank(0:0)", "rank(3:3)"]
    elsewhere = replace(cause, template_name="report")
    assert order(*ranks, elsewhere) == ["rank(0:0)", "rank(3:3)"]


def test_silent_steps_whose_logs_say_the_same_are_one_cause():
    """Told once with its count, whichever templates they are of; ids and numbers aside."""
    line = "KeyError: 'price' in row {}"
    alike = [failure(name, n, line=line.format(n)) for n, name in enumerate(("load", "clean", "join"))]
    other = failure("plot", 9, line="ValueError: no data")
    groups = Failures(all=(*alike, other), raw_count=4).groups
    assert [(group.count, group.first.name) for group in groups] == [(3, "load"), (1, "plot")]
    assert Failures(all=(*alike, other), raw_count=4).headline == "4 steps failed, the same message 3 times"


def test_steps_that_say_why_themselves_are_told_apart_by_that():
    """A line that they share, such as a warning, makes no one cause of two."""
    one, other = failure("a", 1, says="disk full", line="boom"), failure("b", 2, says="bad password", line="boom")
    assert order(one, other) == ["a", "b"]


def test_of_thousands_the_order_is_found_at_once():
    """In the time in which one reads them."""
    many = [failure(f"s{n}", n % 50, says=f"connection refused by s{n - 1}") for n in range(5000)]
    assert order(*many)[0] == "s0"
