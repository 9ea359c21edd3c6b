"""A listing taken at many places: every key exactly once, however it is split and in whichever order answers come."""

import random
from bisect import bisect_right
from zlib import crc32

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exitkit.cleanup.buckets.listing import Span, spread
from exitkit.clients.objects import Page, in_bytes
from exitkit.errors import ActionError
from exitkit.retry.clock import Clock


class Shuffled(Clock):
    """No threads: whenever somebody waits, one of the requests under way is answered, chosen by lot.

    Each look at the clock is `tick` seconds after the last one. `most` is how many requests there were at a time.
    """

    def __init__(self, seed=0, tick=0.1):
        self.lot, self.tick, self.begun, self.most, self.now = random.Random(seed), tick, [], 0, 0.0

    def monotonic(self):
        self.now += self.tick
        return self.now

    def spawn(self, target, name):
        self.begun.append(target)
        self.most = max(self.most, len(self.begun))

    def wait(self, event, seconds):
        while not event.is_set():
            self.begun.pop(self.lot.randrange(len(self.begun)))()
        return True


class Store:
    """Sorted keys, of which a page has so many.

    With `gaps`, some places in it begin with pages that have no keys, and only a token to go on with.
    """

    def __init__(self, keys, size, prefix="", gaps=0):
        self.keys = sorted((key for key in keys if key.startswith(prefix)), key=in_bytes)
        self.size, self.gaps, self.asked = size, gaps, []

    def __call__(self, after, token):
        self.asked.append((after, token))
        assert len(self.asked) < 2000, "it goes round in circles"
        passed, _, place = token.partition(" ") if token else (0, "", after)
        if self.gaps and int(passed) < crc32(in_bytes(place), self.gaps) % 4:
            return Page([], [], [], more=True, token=f"{int(passed) + 1} {place}")
        keys = self.keys
        begin = bisect_right(keys, in_bytes(place), key=in_bytes)
        found = keys[begin : begin + self.size]
        numbers = list(range(begin, begin + len(found)))
        return Page(found, numbers, [f"t{number}" for number in numbers], more=begin + self.size < len(keys))


def listed(pages, store):
    """The keys of all pages, each of which has its own sizes and times."""
    found = []
    for page in pages:
        assert page.keys, "a page of nothing was told"
        assert list(page.keys) == sorted(page.keys, key=in_bytes)
        assert list(page.sizes) == [store.keys.index(key) for key in page.keys]
        assert list(page.changed) == [f"t{size}" for size in page.sizes]
        found.extend(page.keys)
    return found


def between(keys, after, last):
    return [
        key for key in keys if in_bytes(after) < in_bytes(key) and (last is None or in_bytes(key) <= in_bytes(last))
    ]


# Keys that share beginnings, that begin each other, of several lengths in bytes, and with some that are no UTF-8.
SIGNS = "ab019/z\x01 %\x7fü\ufffd👍\udcff"
KEYS = st.lists(st.text(SIGNS, min_size=1, max_size=6), max_size=120, unique=True)


@settings(max_examples=300)
@given(KEYS, st.integers(1, 7), st.integers(1, 9), st.integers(), st.sampled_from([0, 0, 1, 2]))
@example([], 1, 1, 0, 0)
@example(["\ufffd", "👍", "\udcff"], 1, 4, 0, 0)
def test_every_key_is_found_exactly_once(keys, size, most, seed, gaps):
    """Whatever the keys are, in pages of any size, answered in any order, also where pages without keys come."""
    store, clock = Store(keys, size, gaps=gaps), Shuffled(seed)
    found = listed(spread(store, Span(""), clock, most=most), store)
    assert sorted(found, key=in_bytes) == store.keys
    assert clock.most <= most
    assert clock.begun == []


@settings(max_examples=300)
@given(KEYS, st.text(SIGNS, max_size=3), st.text(SIGNS, min_size=1, max_size=3) | st.none(), st.integers())
def test_a_span_is_listed_from_its_beginning_to_its_end(keys, after, last, seed):
    """After the one key and up to and with the other; the ends need be nobody's."""
    if last is not None and in_bytes(last) <= in_bytes(after):
        after = ""
    store = Store(keys, 3)
    found = listed(spread(store, Span("", after, last), Shuffled(seed), most=5), store)
    assert sorted(found, key=in_bytes) == between(store.keys, after, last)


@given(KEYS, st.sampled_from(["a", "a/", "ü", "zz"]), st.integers())
def test_a_prefix_stays_the_prefix(keys, prefix, seed):
    """No guess leaves it, so that none asks for what is somebody else's."""
    keys = [*keys, *(prefix + key for key in keys)]
    store = Store(dict.fromkeys(keys), 3, prefix)
    found = listed(spread(store, Span(prefix), Shuffled(seed), most=5), store)
    assert sorted(found, key=in_bytes) == store.keys
    assert all(after.startswith(prefix) for after, _ in store.asked if after)


@given(KEYS, st.integers(1, 5), st.integers())
def test_what_is_deleted_meanwhile_hides_nothing(keys, size, seed):
    """A cleanup deletes each page that it gets, while the others are listed."""
    store, found = Store(keys, size), []
    for page in spread(store, Span(""), Shuffled(seed), most=6):
        found.extend(page.keys)
        store.keys = [key for key in store.keys if key not in page.keys]
    assert sorted(found) == sorted(keys)
    assert store.keys == []


@given(KEYS, KEYS, st.integers())
def test_what_comes_meanwhile_hides_nothing_that_was_there(keys, more, seed):
    """New keys are found or not, and none twice."""
    store, found, more = Store(keys, 3), [], [one for one in more if one not in keys]
    for page in spread(store, Span(""), Shuffled(seed), most=6):
        found.extend(page.keys)
        store.keys = sorted([*store.keys, *more[:3]], key=in_bytes)
        more = more[3:]
    assert len(found) == len(set(found))
    assert set(keys) <= set(found)


def paged(count=4000, size=100):
    return Store([f"runs/{number % 16:x}/{number:05}" for number in range(count)], size, "runs/")


class Rounds(Shuffled):
    """No threads either: each request takes `away` seconds, and those that began together end in the order they began."""

    def __init__(self, away=0.08):
        super().__init__()
        self.away = away

    def monotonic(self):
        return self.now

    def spawn(self, target, name):
        super().spawn((self.now, target), name)

    def wait(self, event, seconds):
        while not event.is_set():
            began, target = self.begun.pop(0)
            before, self.now = self.now, began
            target()
            self.now = max(before, self.now)
        return True


@pytest.mark.parametrize(("most", "rounds"), [(1, 40), (2, 26), (16, 8)])
def test_requests_overlap_as_far_as_is_allowed(most, rounds):
    """Forty pages one after the other take forty round trips; sixteen at a time a fraction."""
    store, clock = paged(), Rounds()

    def fetch(after, token):
        clock.now += clock.away
        return store(after, token)

    found = [key for page in spread(fetch, Span("runs/"), clock, most=most) for key in page.keys]
    assert sorted(found) == store.keys
    assert clock.most == most
    assert round(clock.now / clock.away) <= rounds


def test_a_server_nearby_is_asked_for_its_pages_and_nothing_else():
    """Below a hundredth of a second, guesses would only take time from the same core."""
    store, clock = paged(), Shuffled(tick=0.001)
    list(spread(store, Span("runs/"), clock, most=16))
    assert len(store.asked) == 40
    assert clock.most == 1


def test_guesses_are_no_multiple_of_pages():
    """Each costs money: two for each page, and fourteen to begin with."""
    for seed in range(5):
        store = paged()
        list(spread(store, Span("runs/"), Shuffled(seed), most=32))
        assert len(store.asked) <= 40 + 16 + 2 * (40 + 16) + 14


def test_a_small_folder_is_one_request():
    """What fits into a page is known after it."""
    store = Store(["a", "b"], 1000)
    assert [list(page.keys) for page in spread(store, Span(""), Shuffled(), most=32)] == [["a", "b"]]
    assert store.asked == [("", "")]


def test_an_empty_place_is_one_request():
    """And no page."""
    store = Store([], 1000)
    assert list(spread(store, Span("x/"), Shuffled(), most=32)) == []
    assert store.asked == [("", "")]


def test_an_error_of_one_request_ends_the_listing():
    """Else what it would have found were missing without a word; wherever it comes."""
    for number in range(1, 30):
        store = paged()

        def fetch(after, token, store=store, number=number):
            if len(store.asked) == number:
                raise ActionError("403 from the store")
            return store(after, token)

        with pytest.raises(ActionError, match="403"):
            list(spread(fetch, Span("runs/"), Shuffled(number), most=8))


def test_pages_are_told_as_they_come():
    """The first is there after one request, and nothing is listed far ahead of whoever deletes."""
    store = paged()
    pages = spread(store, Span("runs/"), Shuffled(), most=4)
    next(pages)
    assert len(store.asked) == 1
    pages.close()
    assert len(store.asked) == 1
