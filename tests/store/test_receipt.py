"""A receipt is all there or it proves nothing, whatever stands in its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.store.receipt import Receipt, Unreadable, decode, encode

ID = "abcdefghijklmnopqrstuvwxyz"
NEWER = {"version": 2, "what": "nobody knows yet"}


@pytest.mark.parametrize(
    "receipt",
    [
        Receipt("confirmed", 1_790_000_000.5, {"ts": "1.2", "n": 3, "text": "ü \ud800"}),
        Receipt("intent", 1.0, {}, "machine/1/2", "sign"),
        Receipt("partly", 1.0, {"recipients": ["a@example.com"]}),
        Receipt("failed", 1.0),
    ],
    ids=lambda receipt: receipt.stage,
)
def test_a_receipt_comes_back_as_it_was_written(receipt):
    """Stage, time, facts, and who is at it."""
    assert decode(encode(receipt, ID), ID) == receipt


@pytest.mark.parametrize("facts", [{"a": "x" * 70_000}, {"a": {(1, 2): 3}}], ids=["long", "no JSON"])
def test_facts_that_do_not_fit_do_not_cost_the_receipt(facts):
    """That it was sent matters more than what the channel answered."""
    assert decode(encode(Receipt("confirmed", 1.0, facts), ID), ID) == Receipt("confirmed", 1.0, {})


@pytest.mark.parametrize("cut", range(0, 140, 7))
def test_a_torn_receipt_is_none(cut):
    """However much of it is there."""
    data = encode(Receipt("confirmed", 1.0, {"a": 1}, "o", "s"), ID)
    assert isinstance(decode(data[: cut % len(data)], ID), Unreadable)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1"},
        {"version": None},
        {"stage": "sent"},
        {"delivery": "another"},
        {"at": "soon"},
        {"at": 1e999},
        {"facts": 7},
        {"owner": 7},
        {"sign": []},
        {"facts": {"a": "x" * 70_000}},
    ],
    ids=str,
)
def test_what_is_not_quite_a_receipt_is_none(change):
    """Of another delivery, with other words, or too large: it proves nothing, and may be written over."""
    right = json.loads(encode(Receipt("confirmed", 1.0), ID))
    there = decode(json.dumps(right | change).encode(), ID)
    assert isinstance(there, Unreadable)
    assert not there.keep


def test_one_of_a_newer_exitkit_is_kept():
    """What it says is not known, and it is not ours to write over."""
    there = decode(json.dumps(NEWER).encode(), ID)
    assert isinstance(there, Unreadable)
    assert there.keep


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5) | st.sampled_from(["confirmed", "intent", ID]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["version", "delivery", "stage", "at", "facts"]), inner, max_size=5)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_content_is_too_strange(data):
    """Reading gives a receipt or what is wrong with it."""
    assert isinstance(decode(data, ID), Receipt | Unreadable)


def test_nothing_is_too_deep():
    """60,000 brackets."""
    assert isinstance(decode(b"[" * 60_000, ID), Unreadable)
