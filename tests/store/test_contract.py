"""What every store promises, on each of the four kinds: the same steps, and the same answers."""

import threading
import time

import pytest

from exitkit.retry.clock import Deadline
from exitkit.store import MOST


@pytest.fixture
def store(opened):
    return opened().store


def test_a_value_comes_back_as_it_was_put(store):
    """With a version; there is none before, nor after it is deleted, which may be said twice."""
    assert store.get("a") is None
    version = store.put_if_absent("a", '{"x": "ü"}'.encode())
    assert version
    assert store.get("a") == ('{"x": "ü"}'.encode(), version)
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None


def test_what_is_there_is_not_put_again(store):
    """The first one stays, whoever comes second."""
    assert store.put_if_absent("a", b"first")
    assert store.put_if_absent("a", b"second") == ""
    assert store.get("a").data == b"first"


def test_only_the_version_that_is_known_is_replaced(store):
    """A version that has passed is refused, and so is one of what is gone."""
    first = store.put_if_absent("a", b"1")
    second = store.put_if_unchanged("a", b"2", first)
    assert second
    assert store.put_if_unchanged("a", b"3", first) == ""
    assert store.get("a") == (b"2", second)
    store.delete("a")
    assert store.put_if_unchanged("a", b"4", second) == ""
    assert store.get("a") is None


def test_values_are_listed_by_prefix_and_in_order(store):
    """Only those of this store, and nothing that it needs itself."""
    for name in ("receipt.b", "receipt.a", "history.a"):
        store.put_if_absent(name, b"x")
    assert store.list("receipt.") == ["receipt.a", "receipt.b"]
    assert store.list("") == ["history.a", "receipt.a", "receipt.b"]
    assert store.list("none") == []


def test_it_is_told_when_values_were_written(store):
    """From a name on and round, so that each has its turn; by a clock that is right to a minute here."""
    for name in ("sent.a", "receipt.c", "receipt.a", "receipt.b"):
        store.put_if_absent(name, b"x")
    written = store.written("receipt.", "receipt.a")
    assert list(written) == ["receipt.b", "receipt.c", "receipt.a"]
    assert list(store.written("receipt.", "receipt.bb")) == ["receipt.c", "receipt.a", "receipt.b"]
    assert all(abs(at - time.time()) < 60 for at in written.values())
    assert store.written("none", "none.a") == {}


def test_an_empty_store_is_read_as_one(store):
    """Nothing needs to be made before."""
    assert store.list("") == []
    assert store.written("receipt.", "receipt.a") == {}
    store.delete("a")


@pytest.mark.parametrize("data", [b"", b"\x00\xff\n\r\t\x7f", "<b>&amp; 100% \u2028\\".encode(), b"a\nb\n"])
def test_any_bytes_are_a_value(store, data):
    """They come back, and are replaced."""
    version = store.put_if_absent("a", data)
    assert store.get("a") == (data, version)
    assert store.put_if_unchanged("a", b"next", version)


def test_a_value_may_have_64_kib(store):
    """It comes back whole."""
    version = store.put_if_absent("a", b"x" * MOST)
    assert store.get("a") == (b"x" * MOST, version)


@pytest.mark.parametrize("name", ["", "../a", "a/b", ".a", "a b", "ü", "a" * 201])
def test_a_name_that_some_store_cannot_have_is_refused(store, name):
    """So that a plan that runs with one store runs with each."""
    with pytest.raises(ValueError, match="is no name"):
        store.put_if_absent(name, b"x")


def test_of_many_at_once_one_is_first(opened):
    """Also where each is a run of its own."""
    stores, first = [opened() for _ in range(8)], []

    def put(store, number):
        if store.ask(Deadline(60), lambda one: one.put_if_absent("a", str(number).encode())):
            first.append(number)

    threads = [threading.Thread(target=put, args=(store, number)) for number, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(first) == 1
    assert opened().store.get("a").data == str(first[0]).encode()


def test_of_many_that_replace_one_version_one_does(opened):
    """The others learn of it."""
    version = opened().store.put_if_absent("a", b"old")
    stores, done = [opened() for _ in range(8)], []

    def put(store, number):
        if store.ask(Deadline(60), lambda one: one.put_if_unchanged("a", str(number).encode(), version)):
            done.append(number)

    threads = [threading.Thread(target=put, args=(store, number)) for number, store in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert opened().store.get("a").data == str(done[0]).encode()
