"""What a cleanup finds in a namespace: batches, kinds that fail, and what is left alone."""

import pytest

from exitkit.cleanup.kubernetes import Kubernetes, sweeper
from exitkit.cleanup.kubernetes.sweeper import Herd
from exitkit.clients.deletion import Refusal
from exitkit.errors import Exhausted
from exitkit.retry import RetryPolicy
from exitkit.testing import context, failed_workflow
from exitkit.testing.http import answer
from exitkit.testing.kube import ScriptedKube

SPACE = failed_workflow().namespace
MINE = {"workflows.argoproj.io/workflow": failed_workflow().name}
SELECTOR = f"workflows.argoproj.io/workflow={failed_workflow().name}"


@pytest.fixture
def cluster():
    with ScriptedKube(page=4) as made:
        yield made


@pytest.fixture
def find(cluster, tmp_path):
    def run(*kinds, ctx=None, **more):
        ctx = ctx or context()
        given = {"kinds": kinds, "selector": SELECTOR, "kubeconfig": cluster.kubeconfig(tmp_path), **more}
        with Kubernetes(**given).open(ctx) as sweep:
            return list(sweep.find(ctx))

    return run


def add(cluster, *names, kind="pods", **more):
    return [cluster.add(kind, name, namespace=SPACE, labels=MINE, **more) for name in names]


def test_batches_are_of_one_kind_and_begin_before_all_is_listed(cluster, find, monkeypatch):
    """So that memory holds some thousand objects, however many there are."""
    monkeypatch.setattr(sweeper, "_BATCH", 8)
    add(cluster, *(f"p-{number:02d}" for number in range(18)))
    add(cluster, "c", kind="configmaps")
    found = find("pods", "configmaps")
    assert [(one.resource.label, len(one.names), one.place) for one in found] == [
        ("pods", 8, f"{SPACE}/pods/"),
        ("pods", 8, f"{SPACE}/pods/"),
        ("pods", 2, f"{SPACE}/pods/"),
        ("configmaps", 1, f"{SPACE}/configmaps/"),
    ]


def test_what_is_younger_or_has_no_age_is_left(cluster, find):
    """Nobody knows that it is old."""
    add(cluster, "old")
    add(cluster, "new", created="2099-01-01T00:00:00Z")
    add(cluster, "ageless", created="")
    assert [one.names for one in find("pods", older_than=60.0)] == [["old"]]
    assert sorted(find("pods")[0].names) == ["ageless", "new", "old"]


def test_a_kind_that_may_not_be_listed_is_refused_and_the_next_is_found(cluster, find):
    """It has a name of its own in the report."""
    add(cluster, "c", kind="configmaps")
    cluster.forbidden = {"list pods"}
    refused, found = find("pods", "configmaps")
    assert isinstance(refused, Refusal)
    assert refused.name == f"{SPACE}/pods"
    assert isinstance(found, Herd)


def test_an_api_that_does_not_answer_is_not_asked_for_the_next_kind(cluster, find):
    """It would take the time of all that comes after."""
    add(cluster, "a")
    for _ in range(2):
        cluster.fault("GET", "/pods?", answer(500, b"{}"))
    with pytest.raises(Exhausted):
        find("pods", "configmaps", ctx=context(terms=RetryPolicy(attempts=2)))
    assert not any("/configmaps?" in path for path in cluster.sent("GET"))
