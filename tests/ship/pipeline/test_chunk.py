"""Records in columns, and the ids of lines."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exitkit.argo.timestamp import rfc3339
from exitkit.argo.workflow import Workflow
from exitkit.ship.pipeline.chunk import Chunk, LineIds
from exitkit.ship.pipeline.records import Record
from exitkit.testing import failed_workflow

RECORD = Record("a" * 26, 1_700_000_000_123_456_789, "failure", "error", 'say "hi"\nä\x00', {"pod": "p", "n": 1})


def test_a_record_survives_being_a_chunk():
    """All of it."""
    assert list(Chunk.of(RECORD, "status").records()) == [RECORD]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.text(), max_size=6))
@example(["a\ud800", "b"])
def test_messages_are_quoted_as_json(messages):
    """Whatever is in them, one for each, as Python's own writer has it."""
    chunk = Chunk("x", ["i"] * len(messages), [0] * len(messages), messages)
    assert chunk.quoted == [json.dumps(one, ensure_ascii=False) for one in messages]
    assert all("\n" not in one for one in chunk.quoted)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=6))
def test_times_are_stamped_to_the_nanosecond(times):
    """As `rfc3339` writes them."""
    assert list(Chunk("x", [""] * len(times), times, [""] * len(times)).stamps) == [rfc3339(one) for one in times]


def test_what_is_shared_can_stand_in_an_object():
    """With a comma for what follows; nothing where there is nothing."""
    assert json.loads("{" + Chunk.of(RECORD, "x").shared + '"a":0}') == {"pod": "p", "n": 1, "a": 0}
    assert Chunk("x", (), (), ()).shared == ""


def test_some_of_a_chunk_are_the_same_records():
    """By a range, and by their places."""
    chunk = Chunk("x", ["a", "b", "c"], [1, 2, 3], ["A", "B", "C"], level="error", attributes={"k": 1})
    records = list(chunk.records())
    assert list(chunk.part(1, 3).records()) == records[1:]
    assert list(chunk.only([0, 2]).records()) == [records[0], records[2]]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.integers(0, 5000), st.lists(st.integers(1, 1500), max_size=4))
def test_a_lines_id_is_that_of_its_number(first, counts):
    """However the lines come in pieces; all unlike, and as long as any id."""
    ids, found, at = LineIds(failed_workflow(), "pod", "main"), [], first
    for count in counts:
        found += ids.some(at, count)
        at += count
    assert found == LineIds(failed_workflow(), "pod", "main").some(first, sum(counts))
    assert len(set(found)) == len(found)
    assert all(len(one) == 26 and set(one) <= set("abcdefghijklmnopqrstuvwxyz234567") for one in found)


@pytest.mark.parametrize(
    "other",
    [
        LineIds(Workflow(name="other"), "pod", "main"),
        LineIds(failed_workflow(), "pod-2", "main"),
        LineIds(failed_workflow(), "pod", "wait"),
        LineIds(failed_workflow(), "pod", "main", ended="tail=5"),
    ],
)
def test_other_places_have_other_ids(other):
    """Workflow, pod, container, and where the reading began."""
    assert not set(other.some(0, 100)) & set(LineIds(failed_workflow(), "pod", "main").some(0, 100))


def test_far_lines_have_ids_of_their_own():
    """The billionth line too."""
    ids = LineIds(failed_workflow(), "pod")
    assert ids.some(10**9, 1) != ids.some(10**9 + 1024, 1)
