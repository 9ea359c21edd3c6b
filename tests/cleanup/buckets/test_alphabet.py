"""Guesses at where more keys may be: always between the two that are known, and where keys really are."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.buckets.alphabet import Alphabet

KEYS = st.text("ab09/ü👍\n", min_size=1, max_size=8)


def taught(*keys, fixed=0):
    alphabet = Alphabet(fixed)
    if keys:
        alphabet.learn(sorted(keys))
    return alphabet


@given(st.lists(KEYS, max_size=20), KEYS, KEYS | st.none(), st.integers(0, 3))
def test_a_guess_is_strictly_between(seen, after, last, fixed):
    """Whatever has been seen: one outside would be a request for nothing."""
    prefix = after[:fixed]
    for guess in taught(*(prefix + key for key in seen), fixed=fixed).between(after, last):
        assert guess > after
        assert last is None or guess < last
        assert guess.startswith(prefix)


@given(st.lists(KEYS, min_size=1, max_size=20), KEYS, KEYS | st.none())
def test_guesses_are_few_and_different(seen, after, last):
    """A dozen at the first place that can differ, and one at each other."""
    guesses = list(taught(*seen).between(after, last))
    assert len(guesses) == len(set(guesses)) <= 12 + len(after) - 1
    assert sum(len(one) == len(guesses[0]) for one in guesses) <= 12


def test_the_first_guesses_are_where_the_range_is_the_widest():
    """At the first place that can differ; those behind it split what is smaller."""
    alphabet = taught(*(f"{top}/{leaf}" for top in "abcdef" for leaf in "xyz"))
    assert list(alphabet.between("a/x", None)) == ["b", "c", "d", "e", "f", "a/y"]
    assert list(alphabet.between("a/x", "c")) == ["b", "a/y"]


def test_many_guesses_are_spread_evenly():
    """With the first of them; twelve of forty are not the first twelve."""
    signs = [chr(ord("A") + number) for number in range(40)]
    guesses = list(taught(*signs).between("A", None))
    assert len(guesses) == 12
    assert guesses[0] == "B"
    steps = [ord(two) - ord(one) for one, two in pairwise(guesses)]
    assert set(steps) <= {3, 4}


def test_all_keys_of_a_prefix_keep_it():
    """Below it, nothing is guessed at its own places."""
    alphabet = taught("runs/a", "runs/b", "runs/c", fixed=5)
    assert list(alphabet.between("runs/a", None)) == ["runs/b", "runs/c"]
    assert list(alphabet.between("runs/", None)) == []


@pytest.mark.parametrize(
    ("seen", "after", "expected"),
    [
        (("3",), "3", "456789Aa"),  # a number goes on to 9, and a hash to its letters
        (("3", "b"), "b", "cdefg"),  # beside digits, a letter may be one of a hash
        (("3", "B"), "B", "CDEFGa"),
        (("b", "c"), "b", "c"),  # by themselves, letters are those that were seen
        (("x",), "x", ""),
    ],
)
def test_what_one_page_has_not_shown_is_guessed_for_numbers(seen, after, expected):
    """The first page of a listing by time or hash has only seen the first digits."""
    assert "".join(taught(*seen).between(after, None)) == expected


def test_what_varies_at_one_place_may_vary_at_another():
    """Names whose second letter has only been seen as a few, and whose first as all."""
    alphabet = taught(*(f"{one}k" for one in "abcdefg"), "al", "ak")
    assert "am" not in set(alphabet.between("ak", None))
    assert set(alphabet.between("ak", "b")) == {"al"}
    wide = taught(*(f"{one}{two}" for one in "klmnopq" for two in "kl"))
    assert {"km", "kq"} <= set(wide.between("kk", "l"))


@pytest.mark.parametrize(
    ("after", "last", "shared"),
    [("abc", "abd", 2), ("abc", "abcd", 3), ("abc", "b", 0), ("", "b", 0), ("abc", None, 4), ("abcdef", None, 4)],
)
def test_a_range_has_what_both_its_ends_begin_with(after, last, shared):
    """One without an end has only the prefix."""
    assert taught(fixed=4).shared(after, last) == shared


def test_long_keys_are_looked_at_in_part():
    """A guess at the thousandth character would split nothing worth it."""
    long = "a" * 1000
    assert list(taught(f"{long}b", f"{long}c").between(f"{long}b", None)) == []
    alphabet = taught("p" * 900 + "a", "p" * 900 + "b", fixed=900)
    assert list(alphabet.between("p" * 900 + "a", None)) == ["p" * 900 + "b"]


def test_a_page_is_not_read_as_a_whole():
    """Some thirty of its keys are enough, its ends among them."""

    class Counting(list):
        looked = 0

        def __getitem__(self, which):
            found = super().__getitem__(which)
            Counting.looked += len(found) if isinstance(which, slice) else 1
            return found

    alphabet = Alphabet(0)
    alphabet.learn(Counting([*(f"m{number:04}" for number in range(1000)), "z"]))
    assert Counting.looked < 40
    assert "z" in set(alphabet.between("m0000", None))
