"""A container's log read to its end, over as many connections as it takes.

A new connection begins at the time at which the last one broke off, and what was seen already is dropped. Places in
bytes would not do: with a number of last lines, or after the node has thrown away the beginning, the same place is
another line.
"""

from collections.abc import Callable, Iterator

from exitkit.clients.kubernetes.logs import Log
from exitkit.ship.pipeline.linetimes import parse_time

_HUGE = 1 << 20
"""Bytes of a line's beginning that are kept while its end has not come; of a longer one what came is passed on."""
_SLACK = 2
"""Seconds before the last line's time from which on the log is asked for: a container's clock may be set back a little."""
_FRUITLESS = 3
"""Connections in a row that break before anything new came, after which the rest is given up."""


class ResumedLog:
    """`opened` asks for the log from a time on (Unix seconds, 0 for all) and the number of its last lines (0 for all).

    `notes` tell, at the end, what is not whole.
    """

    def __init__(self, opened: Callable[[float, int], Log], since: float, tail: int) -> None:
        self._opened, self._since, self._tail = opened, since, tail
        self.notes: list[str] = []
        self._last = b""  # the last line that was passed on
        self._same = 0  # how often it was, one after the other
        self._recent: list[bytes] = []  # lines that were passed on together with it
        self._rest = b""  # the beginning of a line whose end has not come
        self._is_inside = False  # whether the beginning of a huge line was passed on

    def pieces(self) -> Iterator[bytes]:
        """Whole lines, but for a last one without an end."""
        fruitless = 0
        while True:
            log = self._opened(*self._from())
            fresh = False
            for piece in self._unseen(log):
                fresh = True
                yield piece
            if not log.broken:
                break
            fruitless = 0 if fresh else fruitless + 1
            if fruitless >= _FRUITLESS:
                break
            self._rest = b""  # comes again, as a whole line
        if self._rest:
            yield self._rest
        if log.cut:
            self.notes.append(f"not all of it was read: {log.cut}")

    def _from(self) -> tuple[float, int]:
        time = parse_time(self._last.decode("ascii", "replace")) if self._last else None
        return (time // 10**9 - _SLACK, 0) if time else (self._since, self._tail)

    def _unseen(self, log: Log) -> Iterator[bytes]:
        """What has not been passed on before."""
        dropping = SeenLines(self._recent, self._same) if self._recent else None
        if self._is_inside:
            self.notes.append(
                f"a line of more than {_HUGE >> 20} MiB was cut where the connection broke, and comes again"
            )
            self._is_inside = False
        for piece in log:
            *lines, self._rest = (self._rest + piece).split(b"\n")
            if self._is_inside and lines:
                yield lines.pop(0) + b"\n"
                self._is_inside = False
            if len(self._rest) > _HUGE and dropping is None and not lines:
                yield self._rest
                self._rest, self._is_inside = b"", True
                continue
            if dropping is not None:
                lines = dropping.drop(lines)
                if dropping.missing:
                    when = self._last.partition(b" ")[0].decode("ascii", "replace")
                    self.notes.append(f"the node has thrown away what it had after {when}: lines may be missing")
                if dropping.done:
                    dropping = None
            if lines:
                self._remember(lines)
                yield b"\n".join(lines) + b"\n"

    def _remember(self, lines: list[bytes]) -> None:
        last = lines[-1]
        again = 0
        for line in reversed(lines):
            if line != last:
                break
            again += 1
        self._same = again + (self._same if again == len(lines) and last == self._last else 0)
        self._last, self._recent = last, lines


class SeenLines:
    """Drops the lines up to the last that was seen, which was so many times; they come again in the same order.

    `done` once there are none left, and `missing` where a line came before it that is later than all of them.
    """

    def __init__(self, recent: list[bytes], times: int) -> None:
        self.last, self.times = recent[-1], times
        self.done = self.missing = False
        self._latest = max((time for line in recent if (time := _time(line)) is not None), default=None)

    def drop(self, lines: list[bytes]) -> list[bytes]:
        """Those of the lines that are new."""
        for place, line in enumerate(lines):
            if line == self.last:
                self.times -= 1
                if not self.times:
                    self.done = True
                    return lines[place + 1 :]
            elif self._latest is not None and (time := _time(line)) is not None and time > self._latest:
                self.done = self.missing = True
                return lines[place:]
        return []


def _time(line: bytes) -> int | None:
    return parse_time(line[:40].decode("ascii", "replace"))
