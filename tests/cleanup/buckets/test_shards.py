"""Ranges of keys for several pods: together they are all there is, none has what another has, and each passes through a manifest."""

import random
import re
import weakref

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exitkit.cleanup.buckets.shards import Shard, divide
from exitkit.clients.objects import Page, in_bytes

SIGNS = "ab01/~-%:+ \n\"'$`{}ü\ufffd👍\udcff"
KEYS = st.lists(st.text(SIGNS, min_size=1, max_size=6), max_size=60, unique=True)
KEY = st.text(SIGNS, max_size=6)


def pages(keys, size, seed=0):
    """As a listing at many places tells them: each in order, and all of them in none."""
    ordered = sorted(keys, key=in_bytes)
    found = [Page(ordered[begin : begin + size]) for begin in range(0, len(ordered), size)]
    random.Random(seed).shuffle(found)
    return found


def holds(shard, key):
    return in_bytes(shard.after) < in_bytes(key) and (shard.last is None or in_bytes(key) <= in_bytes(shard.last))


@given(KEYS, KEYS, st.integers(1, 9), st.integers(1, 12), st.integers())
@example(["\ufffd", "👍", "\udcff"], [], 1, 3, 0)
def test_every_key_is_in_exactly_one_range(keys, others, size, count, seed):
    """Those that were there, and whatever comes meanwhile; also after its way through text."""
    shards, total = divide(pages(keys, size, seed), count)
    assert total == len(keys)
    assert 1 <= len(shards) <= count
    read = [Shard.read(str(one)) for one in shards]
    assert read == shards
    for key in [*keys, *others, "a", "👍👍"]:
        assert sum(holds(one, key) for one in read) == 1


@given(st.integers(1, 400), st.integers(1, 10), st.integers(1, 20), st.integers())
def test_ranges_are_of_like_size(number, size, count, seed):
    """Within a page of it, as they end where pages do; and as many as were asked for, where there are pages enough."""
    keys = [f"{one:05}" for one in range(number)]
    shards, _ = divide(pages(keys, size, seed), count)
    held = [sum(holds(one, key) for key in keys) for one in shards]
    assert max(held) <= number / count + size
    assert min(held) > 0
    if number // size >= 2 * count:
        assert len(shards) == count


def test_ranges_are_in_the_order_of_keys():
    """The first has no beginning and the last no end."""
    shards, total = divide(pages("abcdef", 1), 3)
    assert shards == [Shard("", "b"), Shard("b", "d"), Shard("d", None)]
    assert total == 6


@pytest.mark.parametrize("count", [1, 5])
def test_nothing_there_is_one_range_of_all(count):
    """Keys may come before the pod does."""
    assert divide([Page([]), Page([], more=True)], count) == ([Shard()], 0)


def test_one_range_is_all():
    """However many pages there are."""
    assert divide(pages("abcdef", 2), 1) == ([Shard()], 6)


@given(KEY, KEY)
def test_the_text_passes_through_anything(after, last):
    """A shell, JSON, Argo's templates: nothing in it means anything to them, and it is read back as it was."""
    if last and in_bytes(last) <= in_bytes(after):
        after = ""
    shard = Shard(after, last or None)
    assert re.fullmatch(r"[A-Za-z0-9_.%/-]*:[A-Za-z0-9_.%/-]*", str(shard))
    assert Shard.read(str(shard)) == shard


@pytest.mark.parametrize(
    ("text", "shard"),
    [
        (":", Shard()),
        ("logs/a:logs/m", Shard("logs/a", "logs/m")),
        ("logs/a:", Shard("logs/a", None)),
        (":logs/m", Shard("", "logs/m")),
        ("a%3Ab:b%20c", Shard("a:b", "b c")),
        ("a+b:b", Shard("a+b", "b")),
        ("%EF%BF%BD:%FF", Shard("\ufffd", "\udcff")),
        ("%FF:", Shard("\udcff", None)),
    ],
)
def test_a_text_is_read(text, shard):
    """With or without ends, as keys are ordered by their bytes."""
    assert Shard.read(text) == shard


@pytest.mark.parametrize("text", ["", "a", "a:b:c", "::"])
def test_what_is_no_range_is_refused(text):
    """With an example of one."""
    with pytest.raises(ValueError, match="is one of the ranges that --shards prints, such as logs/a:logs/m"):
        Shard.read(text)


@pytest.mark.parametrize("text", ["b:a", "a:a", "%FF:%EF%BF%BD", "%F0%9F%91%8D:%EF%BF%BD"])
def test_a_range_that_ends_before_it_begins_is_refused(text):
    """It would delete nothing, and say that all went well."""
    with pytest.raises(ValueError, match="ends before it begins"):
        Shard.read(text)


def test_pages_are_not_held():
    """A bucket of a million keys is divided by the last key of each thousand."""
    told = []

    def coming():
        for number in range(20):
            page = Page([f"{number:02}{leaf}" for leaf in range(10)])
            told.append(weakref.ref(page))
            yield page
            del page
            assert sum(one() is not None for one in told) <= 1

    assert divide(coming(), 4) == ([Shard("", "049"), Shard("049", "099"), Shard("099", "149"), Shard("149")], 200)
