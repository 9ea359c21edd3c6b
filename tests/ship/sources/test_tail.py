"""Where the last lines begin."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.ship.sources import tail


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("ab\n", max_size=60), st.integers(1, 8), st.integers(1, 7))
def test_the_last_lines_are_those_of_splitting(text, count, piece):
    """However small the pieces are, and whether the last line ends."""
    data = text.encode()
    before, tail.PIECE = tail.PIECE, piece
    try:
        begin = tail.beginning(lambda at, size: data[at : at + size], len(data), count)
    finally:
        tail.PIECE = before
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assert data[begin:].removesuffix(b"\n").split(b"\n") == (lines[-count:] or [b""])
