"""What was only read: it holds no more than was asked for, and nothing of it is unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.engine.reading import ForeignListing, check_asked, read, reading
from exitkit.errors import ActionError, Exhausted, Unknown


def unknown(*_):
    raise Unknown("no verdict", reason="timeout", facts={"found": 3}, notes=("a note",))


def pages():
    yield 1
    unknown()


def test_a_read_without_an_answer_is_a_failure_and_not_unknown():
    """Nothing can have happened; what was known of it is kept."""
    seen = []
    for attempt in (lambda: read(unknown), lambda: seen.extend(reading(pages()))):
        with pytest.raises(Exhausted, match="nothing went by it") as caught:
            attempt()
        error = caught.value
        assert (error.reason, error.facts, error.notes) == ("timeout", {"found": 3}, ("a note",))
    assert seen == [1]


def test_other_errors_stay_what_they_are():
    """Also those of whoever uses the pages."""

    def refused():
        raise ActionError("403")

    with pytest.raises(ActionError, match="403"):
        read(refused)
    with pytest.raises(Unknown):
        for _ in reading(iter([1])):
            unknown()


@given(st.lists(st.text("ab/\udcff", max_size=4)), st.text("ab/", max_size=2))
def test_one_that_does_not_begin_with_the_prefix_is_seen(keys, prefix):
    """Wherever it stands, and in whatever order they come."""
    foreign = [key for key in keys if not key.startswith(prefix)]
    if foreign:
        with pytest.raises(ForeignListing):
            check_asked(keys, prefix, "listing")
    else:
        check_asked(keys, prefix, "listing")
