"""What Google Cloud Storage tells of a bucket."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.clients.gcs.json import ManagedFolder, read_about, read_folders, read_page
from exitkit.errors import ActionError

ROW = {"name": "a", "generation": "1", "size": "5", "updated": "2026-08-21T12:00:00.123Z"}


def listing(*rows, **more):
    return {"kind": "storage#objects", "items": list(rows), **more}


def test_a_page_is_read():
    """With times to the second, and what keeps each object."""
    held = {**ROW, "name": "b", "temporaryHold": True, "retentionExpirationTime": "2027-01-01T00:00:00.5Z"}
    event = {**ROW, "name": "c", "temporaryHold": False, "eventBasedHold": True}
    until = {**ROW, "name": "d", "retentionExpirationTime": "2027-01-01T00:00:00.5Z"}
    page = read_page(listing(ROW, held, event, until, nextPageToken="t"), "x", timed=True)
    assert (page.keys, page.sizes, page.generations) == (["a", "b", "c", "d"], [5] * 4, ["1"] * 4)
    assert page.changed == ["2026-08-21T12:00:00"] * 4
    assert page.kept == ["", "temporary hold", "event-based hold", "2027-01-01T00:00:00"]
    assert (page.more, page.token) == (True, "t")
    assert not read_page(listing(ROW), "x", timed=False).changed


@pytest.mark.parametrize("lacks", ["name", "generation", "size", "updated"])
@pytest.mark.parametrize("instead", [None, "", 5, []])
def test_what_lacks_something_is_an_error(lacks, instead):
    """A time is only missed where somebody wants to know it."""
    row = {**ROW, lacks: instead}
    with pytest.raises(ActionError, match="lacks"):
        read_page(listing(row), "x", timed=True)
    if lacks == "updated":
        assert read_page(listing(row), "x", timed=False).keys == ["a"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ROW, "items", "kind"]), inner),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["items", "nextPageToken", "versioning", "softDeletePolicy"]), anything))
def test_json_of_any_kind_is_read_or_refused(found):
    """With an error of ours, and nothing else."""
    for read in (
        lambda: read_page({"kind": "storage#objects", **found}, "x", timed=True),
        lambda: read_folders(found, "x"),
    ):
        try:
            read()
        except ActionError as error:
            assert error.reason == "server"
    assert read_about(found).soft_delete >= 0


def test_folders_without_a_time_are_too_young():
    """Nothing is old enough whose age nobody knows; one without a name would be everything."""
    assert read_folders({"items": [{"name": "a/"}]}, "x") == ([ManagedFolder("a/", "", "9999")], "")
    assert read_folders({}, "x") == ([], "")
    with pytest.raises(ActionError, match="lacks a name"):
        read_folders({"items": [{"name": "/"}]}, "x")
