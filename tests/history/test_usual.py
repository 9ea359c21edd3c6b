"""How a run did beside those before it, in one line, and nothing where too little is known."""

from pathlib import Path

import pytest

from exitkit.history.ends import End, Ends
from exitkit.history.usual import ENOUGH_ENDS, ENOUGH_TIMES, coarse, ordinal, sentence


@pytest.fixture
def told():
    """What is said of the last of those ends: S or F, each with its seconds."""

    def tell(letters, *seconds, now=None):
        ends = Ends()
        for place, letter in enumerate(letters):
            duration = float(seconds[place]) if place < len(seconds) else None
            status = "Failed" if letter == "F" else "Succeeded"
            ends = ends.with_end(End(float(place), f"id-{place}", status, duration))
        return sentence(ends, ends.each[-1], now if now is not None else ends.each[-1].duration)

    return tell


def test_the_line_is_what_a_colleague_would_say(told):
    """In a row, how long, how often."""
    line = told("SSSSSSSSSSSSSSSSFFFF", *[480.0] * 16, 400, 400, 400, 1275)
    assert line == "4th failure in a row; took 21m, usually 8m; fails one time in five (4 of the last 20)"


@pytest.mark.parametrize(
    "letters, said",
    [
        ("F", ""),
        ("SF", ""),
        ("SFF", "2nd failure in a row"),
        ("FFF", "3rd failure in a row"),
        ("FFFFF", "5th failure in a row; no success in the last 5"),
        ("SSSSF", "the first failure in the last 5"),
        ("SFSSSSSSSF", "fails one time in five (2 of the last 10)"),
        ("SFS", "succeeded after a failure"),
        ("SFFS", "succeeded after 2 failures in a row"),
        ("FFFFS", "succeeded after 4 failures in a row; fails more often than not (4 of the last 5)"),
        ("SFSSS", "fails one time in five (1 of the last 5)"),
        ("SSSSSSSS", ""),
    ],
)
def test_in_a_row_and_how_often(told, letters, said):
    """How often from five ends on; nothing of a series in which all goes well."""
    assert told(letters) == said


@pytest.mark.parametrize(
    "seconds, said",
    [
        (480, "took 8m, as usual"),
        (590, "took 9m 50s, as usual"),
        (1260, "took 21m, usually 8m"),
        (30, "took 30s, usually 8m"),
        (None, ""),
    ],
)
def test_the_usual_duration_is_that_of_successes(told, seconds, said):
    """From three of them on; a quarter more or less is as usual."""
    assert told("SSS" + "S", 480, 470, 490, now=seconds) == said
    assert told("SS" + "S", 480, 470, now=seconds) == ""


def test_what_is_enough_is_what_the_page_says():
    """docs/once.md names both numbers."""
    page = (Path(__file__).parents[2] / "docs/once.md").read_text("utf-8")
    assert (ENOUGH_TIMES, ENOUGH_ENDS) == (3, 5)
    assert "three successes" in page
    assert "five ends" in page


def test_numbers_are_read_aloud():
    """1st, 11th, 22nd, and minutes without seconds where these say nothing."""
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 112)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "21st",
        "112th",
    ]
    assert [coarse(n) for n in (0.24, 9.96, 12.3, 599.9, 1275.2, 7200)] == ["0.2s", "10s", "12s", "10m", "21m", "2h"]
