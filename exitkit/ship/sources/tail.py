"""Where the last lines of something begin that can be read at any place."""

from collections.abc import Callable

from exitkit.ship.pipeline.lines import PIECE


def beginning(read: Callable[[int, int], bytes], size: int, count: int) -> int:
    """The place from which on there are so many lines; `read` gives bytes from a place, and how many."""
    at, wanted = size, count
    while at > 0:
        begin = max(0, at - PIECE)
        piece = read(begin, at - begin)
        if at == size and piece.endswith(b"\n"):
            wanted += 1  # that of the last line stands behind it
        found = piece.count(b"\n")
        if found < wanted:
            wanted, at = wanted - found, begin
            continue
        place = len(piece)
        for _ in range(wanted):
            place = piece.rfind(b"\n", 0, place)
        return begin + place + 1
    return 0
