"""Lines are numbered as people count them, whatever ends them and however they are encoded."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.explain import learn, rank
from exitkit.explain.lines import LONGEST, blocks


def lines_of(pieces):
    """Number and text of each line."""
    return [
        (block.first + place, line) for block in blocks(pieces) for place, line in enumerate(block.text.split(b"\n"))
    ]


@settings(max_examples=60)
@given(st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", b"\x85", b"\x0b"])), st.integers(1, 5))
def test_lines_are_those_between_cr_lf_and_both(parts, size):
    """Wherever the log is cut into pieces; an empty rest behind the last end is no line that says anything."""
    log = b"".join(parts)
    wanted = [(number, line) for number, line in enumerate(re.split(rb"\r\n|\r|\n", log), 1) if line]
    pieces = [log[begin : begin + size] for begin in range(0, len(log), size)]
    assert [(number, line) for number, line in lines_of(pieces) if line] == wanted


@pytest.mark.parametrize(
    "encoded",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("latin-1"),
        lambda text: text.encode().replace(b"\n", b"\0\n"),
        lambda text: b"\0" * 5000 + text.encode(),  # where another process cut the file off
    ],
)
def test_encodings_and_nuls_are_seen_through(encoded):
    """UTF-16 with a mark and without, Latin-1, and NUL between."""
    text = "starting\nmesuré 12 °C\nValueError: température inconnue: 400 °C\nbye\n"
    data = encoded(text)
    for pieces in ([data], [data[place : place + 1] for place in range(len(data))]):
        first = rank(pieces)[0]
        assert (first.number, first.text) == (3, "ValueError: température inconnue: 400 °C")


def test_bytes_that_mean_nothing_are_shown_as_such():
    """Half of a character costs no line."""
    first = rank([b"ok\nfatal: \xe2\x82 cannot read \xff\xfe\n"])[0]
    assert first.number == 2
    assert first.text.startswith("fatal: ")


def test_a_progress_bar_is_many_lines():
    """Each CR begins a line; what follows the bar is numbered behind them."""
    bar = b"".join(b"\r%3d%%" % done for done in range(101))
    first = rank([b"downloading" + bar + b"\nERROR: checksum mismatch\n"])[0]
    assert (first.number, first.text) == (103, "ERROR: checksum mismatch")


def test_a_line_without_end_takes_no_more_than_its_share():
    """A line of megabytes is kept by its beginning and its end, and the next is numbered 2."""
    pieces = [b'{"rows": "', *[b"x" * 100_000] * 50, b'", "error": "no space left on device"}', b"\nnext\n"]
    (one, line), (two, other) = lines_of(pieces)
    assert (one, two, other) == (1, 2, b"next")
    assert len(line) == LONGEST
    assert line.startswith(b'{"rows"')
    assert line.endswith(b'device"}')


def test_nothing_is_no_line():
    """An empty log has nothing to say, nor has one of empty lines."""
    for pieces in ([], [b""], [b"\n\n\r\n"], [b" \t\n"]):
        assert rank(pieces) == ()
        assert rank(pieces, learn([b"a\n"])) == ()
