"""However many runs of a series end at once, and whatever the store makes of that, no end is lost."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.clients.http import Response
from exitkit.errors import Retryable
from exitkit.history import History
from exitkit.history.ends import Ends, decode
from exitkit.history.provenance import Provenance, Trait
from exitkit.retry.clock import Clock, Deadline
from exitkit.store import Store, Value
from exitkit.store.bounded import BoundedStore
from exitkit.store.configmap import ConfigMapStore
from exitkit.testing import FakeClock, failed_workflow

from ..store.servers import patched  # noqa: TID252 - the same rules as the scripted server's

SERIES = "ml/nightly"


class Memory(Store):
    """Values in memory; `lose` is how often another is first with the history, `keep` that nothing can be removed."""

    where = "memory"

    def __init__(self, *, collides=False):
        self.collides = collides
        self.values, self.asked, self.lose, self.keep = {}, [], 0, False

    def get(self, name):
        data = self.values.get(name)
        return None if data is None else Value(data, data.decode())

    def put_if_absent(self, name, data):
        self.asked.append("put")
        return "" if self._lost(name) or name in self.values else self._put(name, data)

    def put_if_unchanged(self, name, data, version):
        self.asked.append("put")
        lost = self._lost(name) or self.values.get(name, b"").decode() != version
        return "" if lost else self._put(name, data)

    def delete(self, name):
        if self.keep:
            raise PermissionError(13, "Permission denied")
        self.values.pop(name, None)

    def list(self, prefix):
        self.asked.append("list")
        return sorted(name for name in self.values if name.startswith(prefix))

    def _put(self, name, data):
        self.values[name] = data
        return data.decode()

    def _lost(self, name):
        if not self.lose or name.count(".") > 2:
            return False
        self.lose -= 1
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr(clock, "jitter", lambda most: most)
    return clock


def ending(store, number, status="Failed"):
    return History(BoundedStore(store), replace(failed_workflow(status=status), uid=f"u{number}"), SERIES)


def known(store, clock):
    """How many ends are known, the one that asks not counted."""
    return ending(store, "after").standing(Deadline(300, clock)).ends.count - 1


@pytest.mark.parametrize(("collides", "waits"), [(True, [6, 49, 10, 8]), (False, [6, 0.1, 0.2, 0.4])])
def test_who_collides_with_others_waits_long_and_writes_its_own_name_alone(clock, collides, waits):
    """A sixth of its time, where writes of different names hold each other up; one request each, none for the history."""
    store = Memory(collides=collides)
    ending(store, 0).keep(Deadline(300, clock))
    store.lose, failures, plain = 1, [1, 2, 3], store.put_if_absent

    def unlucky(name, data):
        if failures:
            failures.pop()
            store.asked.append("put")
            raise Retryable("the server gave it up", reason="server")
        return plain(name, data)

    store.put_if_absent = unlucky
    store.asked.clear()
    history = ending(store, 1)
    history.keep(Deadline(300, clock))
    assert (history.notes, store.asked) == ((), ["list", *["put"] * 5])
    assert clock.slept == pytest.approx(waits, abs=0.01)
    assert known(store, clock) == 2


@pytest.mark.parametrize("stays", [False, True])
def test_of_two_that_take_in_the_same_ends_nothing_is_lost_or_counted_twice(clock, stays):
    """Also where the first was killed before it removed what it took in."""
    store = Memory()
    ending(store, 0).keep(Deadline(300, clock))
    for number in (1, 2, 3):
        store.lose = 1
        ending(store, number).keep(Deadline(300, clock))
    both = [ending(store, 4), ending(store, 5)]
    for history in both:
        history.standing(Deadline(300, clock))  # each has read the same
    store.keep = stays
    both[0].keep(Deadline(300, clock))
    store.keep = False
    both[1].keep(Deadline(300, clock))
    assert known(store, clock) == 6
    ending(store, 6).keep(Deadline(300, clock))
    assert known(store, clock) == 7


def test_of_many_successes_at_once_only_the_first_say_what_they_were_made_from(clock, monkeypatch):
    """So that what stands beside the history stays small, where each could have 8 KiB."""
    made_from = Provenance({"parameter": {f"p{number}": Trait("0" * 12, "x" * 60) for number in range(60)}})
    monkeypatch.setattr("exitkit.history.provenance", lambda *_: made_from)
    store = Memory()
    for number in range(60):
        store.lose = 1 if number else 0
        ending(store, number, "Succeeded").keep(Deadline(300, clock))
    values = [decode(data, SERIES) for data in store.values.values()]
    assert all(isinstance(one, Ends) for one in values)
    assert 1 < sum(one.success is not None for one in values) <= 12
    assert sum(map(len, store.values.values())) < 110 * 1024
    assert known(store, clock) == 60


class Jumping(Clock):
    """Of one thread: each wait is over at once, and what is done meanwhile takes no time."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds, woken=None):
        self.now += seconds
        return False

    def wait(self, event, seconds):
        return event.wait(seconds)


class Cluster:
    """The API of one ConfigMap for one client, as if many others wrote to it all the time, at random."""

    def __init__(self, luck):
        self.luck, self.there, self.sent, self.beside = luck, None, 0, 0

    def get(self, path, **_):
        self.sent += 1
        return self.there

    def send(self, method, path, *, body, **_):
        self.sent += 1
        document, fate = json.loads(body), self.luck.random()
        if fate < 0.1:
            return self._told(504)  # given up before it was written
        if method == "POST":
            if self.there is not None or fate < 0.3:
                return self._told(409)
            self.there = document
            return self._told(201)
        assert path.endswith("?timeout=3s")
        if self.there is None:
            return self._told(404)
        main = [one["path"] for one in document if one["op"] == "add" and one["path"].count(".") == 2]
        if main and fate < 0.7:
            return self._told(422)  # another was first
        changed = patched(self.there, document)
        if changed is None:
            return self._told(422)
        self.there = changed
        if fate > 0.9:
            raise Retryable("the answer was lost", reason="server", doubt=True)
        return self._told(200)

    def _told(self, status):
        body = self.there if status < 300 else {"kind": "Status", "message": "as it happens"}
        return Response(status, body=json.dumps(body).encode(), host="cluster")


@settings(max_examples=2, deadline=None)
@given(st.integers(0, 2**32))
def test_two_hundred_that_are_refused_at_random_are_all_remembered(seed):
    """With at most so many requests as a few tries take."""
    clock = Jumping()
    cluster = Cluster(random.Random(seed))
    stores = []
    for number in range(200):
        store = ConfigMapStore("argo/exitkit-state")
        store._kube = cluster
        stores.append(store)
        history = ending(store, number)
        before = cluster.sent
        history.keep(Deadline(300, clock))
        assert history.notes == ()
        assert cluster.sent - before < 60
    assert cluster.sent < 200 * 15
    assert known(stores[-1], clock) == 200
