"""The last fifty ends of a series, in the order of their times, and what is said of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.history.ends import KEPT, End, Ends, UnreadableHistory, decode, encode

SERIES = "ml/cron/nightly"


def end(at, status="Failed", **more):
    return End(float(at), **({"id": f"id-{at}", "status": status} | more))


def ends(*each):
    found = Ends()
    for one in each:
        found = found.with_end(one)
    return found


def test_fifty_are_kept_and_all_are_counted():
    """The oldest go; how many failures in a row they were stays."""
    found = ends(*(end(number) for number in range(120)))
    assert (len(found.each), found.count, found.each[0].at) == (KEPT, 120, 70.0)
    assert found.failures_in_a_row() == 120
    assert found.with_end(end(120, "Succeeded")).failures_in_a_row() == 0
    again = ends(*(end(number, "Succeeded" if number == 30 else "Failed") for number in range(100)))
    assert again.failures_in_a_row() == 69


def test_what_was_dropped_is_not_counted_again():
    """Of two hundred that end at once each is told of twice, and in any order."""
    each = [end(5.0, id=str(number)) for number in range(200)]
    found = ends(*each, *reversed(each))
    assert (found.count, found.failures_in_a_row(), len(found.each)) == (200, 200, KEPT)
    assert decode(encode(found, SERIES), SERIES) == found


def test_an_end_counts_once_and_in_its_place():
    """Whoever tells of it again, and in whichever order the pods come."""
    found = ends(end(3), end(1, "Succeeded"), end(2), end(3))
    assert [one.at for one in found.each] == [1.0, 2.0, 3.0]
    assert (found.count, found.failures_in_a_row()) == (3, 2)


def test_what_is_usual_is_the_median_of_successes():
    """A failure's duration says nothing, nor does the one that is asked about."""
    last = end(9, "Succeeded", duration=1000.0)
    each = [end(n, "Succeeded", duration=float(n)) for n in (1, 2, 30)]
    found = ends(*each, end(4, duration=5000.0), end(5, "Succeeded"), last)
    assert found.usual_duration(but=last) == 2.0
    assert found.last_success(but=last) == each[2]
    assert Ends().usual_duration(but=last) is None


@given(
    st.lists(
        st.builds(
            End,
            at=st.floats(0, 2e9),
            id=st.text("abc", max_size=3),
            status=st.sampled_from(["Failed", "Error", "Succeeded"]),
            duration=st.none() | st.floats(0, 1e6),
            cause=st.text("abc", max_size=3),
            name=st.text(max_size=10),
        ),
        max_size=60,
    )
)
def test_it_comes_back_as_it_was_written(each):
    """Whatever the names hold."""
    found = ends(*each)
    assert decode(encode(found, SERIES), SERIES) == found


def test_long_names_cost_old_ends_and_nothing_else():
    """What is written can be read back."""
    found = ends(*(End(float(n), str(n), "Failed", name="\U0001f44d" * 300) for n in range(50)))
    there = decode(encode(found, SERIES), SERIES)
    assert isinstance(there, Ends)
    assert (there.count, there.failures_in_a_row()) == (50, 50)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1"},
        {"series": "other"},
        {"ends": [[1, "a"]]},
        {"ends": [[2.0, "a", "Failed", None, "", ""], [1.0, "b", "Failed", None, "", ""]]},
        {"ends": [["x", "a", "Failed", None, "", ""]]},
        {"ends": [[1e999, "a", "Failed", None, "", ""]]},
        {"ends": 7},
        {"count": -1},
        {"before": -1},
    ],
    ids=str,
)
def test_what_is_damaged_is_nothing(change):
    """It may be written over."""
    right = json.loads(encode(ends(end(1)), SERIES))
    there = decode(json.dumps(right | change).encode(), SERIES)
    assert isinstance(there, UnreadableHistory)
    assert not there.keep


def test_one_of_a_newer_exitkit_is_kept():
    """Its ends are not ours to lose."""
    there = decode(b'{"version": 2}', SERIES)
    assert isinstance(there, UnreadableHistory)
    assert there.keep


@given(st.binary(max_size=100))
def test_no_content_is_too_strange(data):
    """Reading gives ends or what is wrong."""
    assert isinstance(decode(data, SERIES), Ends | UnreadableHistory)
