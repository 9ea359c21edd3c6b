"""All objects that fit a selector, also where the API forgets a listing half-way."""

import pytest

from exitkit.clients.kubernetes import Kube, Resource, find
from exitkit.clients.kubernetes.listing import listed
from exitkit.errors import ActionError
from exitkit.testing import context
from exitkit.testing.http import answer
from exitkit.testing.kube import ScriptedKube

PODS = Resource("", "v1", "pods", "Pod")
NAMES = [f"p-{number:02d}" for number in range(25)]


@pytest.fixture
def cluster():
    with ScriptedKube(page=10) as made:
        for name in NAMES:
            made.add("pods", name)
        yield made


@pytest.fixture
def names(cluster, tmp_path):
    path = str(cluster.kubeconfig(tmp_path))

    def ask():
        retry = context().retry
        with Kube(lambda: find.find(path, "", retry.deadline.clock)) as kube:
            return [one.name for page in listed(kube, retry, PODS, "ml", {}) for one in page]

    return ask


def test_pages_are_read_to_the_end(cluster, names):
    """Three of them."""
    assert names() == NAMES
    assert len(cluster.requests) == 3


@pytest.mark.parametrize("leads_on", [True, False])
def test_a_listing_that_is_forgotten_goes_on_without_repetition(cluster, names, leads_on):
    """With a token for what is there now, or from the beginning."""
    cluster.expiring, cluster.leads_on = 2, leads_on
    assert names() == NAMES


def test_pages_that_are_never_kept_end(cluster, names):
    """Something else is wrong then, and nobody waits for it."""
    cluster.expiring = 1000
    with pytest.raises(ActionError, match="listing pods in ml: each page is gone before it is read"):
        names()
    assert len(cluster.requests) < 10


def test_a_page_that_fails_is_asked_for_again_and_the_others_are_not(cluster, names):
    """By itself, with its own token."""
    cluster.fault("GET", "continue=p-09", answer(503, b"{}"))
    assert names() == NAMES
    assert len(cluster.requests) == 4
