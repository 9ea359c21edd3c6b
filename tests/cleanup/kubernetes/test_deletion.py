"""Objects deleted by name and uid, and watched until they are gone."""

import itertools
import threading

import pytest

from exitkit.cleanup.kubernetes.deletion import KindDeletion
from exitkit.clients.kubernetes import Kube, Resource, find
from exitkit.retry import RetryPolicy
from exitkit.retry.throttle import Throttle
from exitkit.testing import context
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import answer, answer_json, break_off, hang, slow
from exitkit.testing.kube import ScriptedKube

PODS = Resource("", "v1", "pods", "Pod")
LABELS = {"app": "train"}


@pytest.fixture
def cluster():
    with ScriptedKube() as made:
        yield made


@pytest.fixture
def remove(cluster, tmp_path):
    path = str(cluster.kubeconfig(tmp_path))

    def run(*, wait=60.0, retry=None, **options):
        retry = retry or context().retry
        with Kube(lambda: find.find(path, "", retry.deadline.clock)) as kube:
            victims = kube.page(PODS, "ml", {"labelSelector": "app=train"}).objects
            cluster.requests.clear()
            deletion = KindDeletion(kube, retry, PODS, "ml", "app=train", options, wait, Throttle(retry.deadline))
            return deletion.remove(victims)

    return run


def add(cluster, *names, **more):
    return [cluster.add("pods", name, labels=LABELS, **more) for name in names]


def reasons(outcome):
    return {one.name: one.reason for one in outcome.refused}


def test_each_goes_by_its_uid_with_the_options_given(cluster, remove):
    """One request for each, and one look afterwards."""
    uids = add(cluster, "a", "b")
    remove(propagationPolicy="Orphan", gracePeriodSeconds=5)
    sent = [one.json() for one in cluster.requests if one.method == "DELETE"]
    assert sorted(one["preconditions"]["uid"] for one in sent) == uids
    assert {(one["propagationPolicy"], one["gracePeriodSeconds"]) for one in sent} == {("Orphan", 5)}
    assert {(one["kind"], one["apiVersion"]) for one in sent} == {("DeleteOptions", "v1")}
    assert len(cluster.sent("GET")) == 1


def test_eight_go_at_a_time_and_no_more(cluster, remove):
    """The API server has places for everybody else, too."""
    add(cluster, *(f"p-{number:02d}" for number in range(24)))
    together, under_way, most = threading.Barrier(8, timeout=20), [], []

    def wait():
        under_way.append(1)
        together.wait()
        most.append(len(under_way))
        together.wait()
        under_way.pop()

    for number in range(24):
        cluster.fault("DELETE", f"/pods/p-{number:02d}", slow(wait, answer(404, b"{}")))
    assert len(remove(wait=0).gone) == 24
    assert set(most) == {8}


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (
            403,
            {"message": 'pods "a" is forbidden: User "u" cannot delete resource "pods"'},
            "may not delete pods in ml",
        ),
        (403, {"message": 'admission webhook "keep" denied "a"'}, 'admission webhook "keep" denied it'),
        (405, {"message": "the server does not allow this method"}, "405: the server does not allow this method"),
        (422, {}, "422"),
    ],
)
def test_a_refusal_is_told_without_the_objects_name(cluster, remove, status, body, told):
    """So that the same reasons are counted together; the others go, and none is tried again."""
    add(cluster, "a", "b")
    cluster.fault("DELETE", "/pods/a", answer_json(body, status))
    outcome = remove()
    assert told in reasons(outcome)["a"]
    assert '"a"' not in reasons(outcome)["a"]
    assert cluster.names("pods") == ["a"]
    assert len(cluster.sent("DELETE")) == 2


def test_the_longest_wait_that_anybody_asks_for_is_kept(cluster, remove):
    """Only those that were told to wait are sent again."""
    add(cluster, "a", "b", "c")
    cluster.fault("DELETE", "/pods/a", answer(429, b"{}", {"Retry-After": "2"}))
    cluster.fault("DELETE", "/pods/b", answer(429, b"{}", {"Retry-After": "9"}))
    retry = context().retry
    assert remove(wait=0, retry=retry).refused == []
    assert retry.deadline.clock.monotonic() >= 9
    assert sorted(path[-1] for path in cluster.sent("DELETE")) == ["a", "a", "b", "b", "c"]


def test_throttling_is_bounded_by_the_deadline_alone(cluster, remove):
    """An API that says 429 more often than there are tries, and says no time, gets all of its objects deleted."""
    names = [f"p-{number:02d}" for number in range(12)]
    add(cluster, *names)
    for name in names[::3] * 3:
        cluster.fault("DELETE", f"/pods/{name}", answer(429, b"{}"))
    retry = context(terms=RetryPolicy(attempts=2)).retry
    assert remove(wait=0, retry=retry).refused == []
    assert cluster.names("pods") == []
    assert retry.deadline.clock.monotonic() > 1


def test_what_went_without_an_answer_is_found_out(cluster, remove):
    """By one look at what is there still."""
    add(cluster, "a", "b", "c")
    cluster.fault("DELETE", "/pods/a", slow(lambda: cluster.replace("pods", "a"), break_off()))
    cluster.fault("DELETE", "/pods/b", break_off())
    outcome = remove(wait=0, retry=context(terms=RetryPolicy(attempts=1)).retry)
    assert reasons(outcome) == {"b": "no answer, and still there"}
    assert (outcome.gone, outcome.unknown) == ([], [])


def test_an_api_that_is_ill_is_not_asked_for_all(cluster, remove):
    """Eight in a row that fail after all tries are enough to know it."""
    names = [f"p-{number:02d}" for number in range(40)]
    add(cluster, *names)
    for name in names * 2:
        cluster.fault("DELETE", f"/pods/{name}", answer_json({"message": "etcd is tired"}, 500))
    told = reasons(remove(retry=context(terms=RetryPolicy(attempts=2)).retry))
    assert told[names[0]] == "500: etcd is tired"
    assert told[names[-1]] == "not asked to go: 500: etcd is tired"
    assert len(cluster.sent("DELETE")) <= 2 * 16


def test_one_that_is_always_too_busy_is_refused_with_the_last_reason(cluster, remove):
    """After as many tries as the terms allow; the others are gone."""
    add(cluster, "a", "b")
    for _ in range(3):
        cluster.fault("DELETE", "/pods/a", answer_json({"message": "etcd is tired"}, 500))
    outcome = remove(retry=context(terms=RetryPolicy(attempts=3)).retry)
    assert reasons(outcome) == {"a": "500: etcd is tired"}
    assert cluster.names("pods") == ["a"]


def test_a_conflict_over_another_one_of_that_name_is_no_failure(cluster, remove):
    """What was found is gone, and the new one stays."""
    add(cluster, "a")

    def replaced():
        cluster.replace("pods", "a")

    told = answer_json({"message": "Precondition failed: UID in precondition"}, 409)
    cluster.fault("DELETE", "/pods/a", slow(replaced, told))
    outcome = remove()
    assert (outcome.gone, outcome.refused) == (["a"], [])
    assert cluster.names("pods") == ["a"]
    assert len(cluster.sent("DELETE")) == 1


def test_a_conflict_that_cannot_be_looked_into_is_told(cluster, remove):
    """Nobody guesses which of the two it was."""
    add(cluster, "a")
    cluster.fault("DELETE", "/pods/a", answer_json({"message": "conflict"}, 409))
    cluster.fault("GET", "metadata.name", answer_json({"message": "no"}, 403))
    assert "listing pods in ml: 403 forbidden" in reasons(remove())["a"]


def test_an_api_that_goes_silent_ends_it_truthfully(cluster, remove):
    """Some may be gone, which nobody knows; the rest was not asked to go, and says so."""
    names = [f"p-{number:03d}" for number in range(70)]
    add(cluster, *names)
    for name in names * 2:
        cluster.fault("DELETE", f"/pods/{name}", hang())
    outcome = remove(retry=context(clock=FakeClock(patience=0.1), seconds=20).retry)
    told = reasons(outcome)
    assert sorted(outcome.unknown) == names[:8]
    assert told[names[8]] == told[names[69]] == "not asked to go: no time left"
    assert not any(name in path for path in cluster.sent("DELETE") for name in names[8:])


@pytest.mark.parametrize(
    ("more", "options", "told"),
    [
        ({"finalizers": ["b.io/x", "a.io/y"]}, {}, "held by the finalizer a.io/y, b.io/x"),
        ({"finalizers": ["orphan"]}, {}, "what it owns is not set free"),
        ({"linger": 1000}, {}, "it takes its time to end"),
    ],
)
def test_what_is_still_there_says_what_holds_it(cluster, remove, more, options, told):
    """After the wait, and not before."""
    add(cluster, "a", **more)
    retry = context().retry
    assert reasons(remove(wait=30, retry=retry, **options)) == {"a": f"still there after 30 s: {told}"}
    assert retry.deadline.clock.monotonic() == pytest.approx(30, abs=0.1)


def test_what_its_own_things_hold_says_so(cluster, remove):
    """Foreground deletion waits for what it owns."""
    (owner,) = add(cluster, "a")
    cluster.add("configmaps", "owned", owners=[owner])
    assert "what it owns is not gone" in reasons(remove(propagationPolicy="Foreground"))["a"]


def test_a_deletion_that_was_accepted_and_did_nothing_is_told(cluster, remove):
    """As where something between takes requests and forgets them."""
    add(cluster, "a")
    cluster.fault("DELETE", "/pods/a", answer_json({"kind": "Status", "status": "Success"}, 202))
    assert reasons(remove()) == {"a": "still there after 60 s: it is not about to go"}


def test_a_finalizer_that_is_released_while_somebody_watches(cluster, remove):
    """Then it is gone, and all is well; until then looks get rarer."""
    (uid,) = add(cluster, "a", finalizers=["x.io/slow"])
    retry = context().retry
    looks = []

    def look(answer_now):
        def play(exchange):
            looks.append(retry.deadline.clock.monotonic())
            answer_now(exchange)

        return play

    held = {"metadata": {"name": "a", "uid": uid, "finalizers": ["x.io/slow"]}}

    def begin():
        for items in ([held], [held], [held], [held], []):
            cluster.fault("GET", "labelSelector", look(answer_json({"items": items})))

    cluster.fault("DELETE", "/pods/a", slow(begin, answer_json({"kind": "Status"})))
    assert remove(retry=retry).refused == []
    gaps = [after - before for before, after in itertools.pairwise(looks)]
    assert len(looks) == 5
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0] > 0


def test_a_wait_beyond_the_deadline_ends_with_it(cluster, remove):
    """And what was asked to go is not said to be gone."""
    add(cluster, "a", finalizers=["x.io/held"])
    retry = context(seconds=20).retry
    told = reasons(remove(wait=600, retry=retry))["a"]
    assert told.startswith(("still there after", "asked to go, and not known to be gone: no time left"))
    assert retry.deadline.clock.monotonic() <= 21


def test_a_look_that_fails_for_good_leaves_it_unknown(cluster, remove):
    """It was asked to go; whether it went nobody knows."""
    add(cluster, "a")

    def forbid():
        cluster.forbidden = {"list pods"}

    cluster.fault("DELETE", "/pods/a", slow(forbid, answer_json({"kind": "Status"})))
    assert reasons(remove())["a"].startswith("asked to go, and not known to be gone: listing pods in ml: 403")


def test_without_a_wait_nobody_looks(cluster, remove):
    """It is enough to have asked."""
    add(cluster, "a", finalizers=["x.io/held"])
    assert remove(wait=0).refused == []
    assert cluster.sent("GET") == []
