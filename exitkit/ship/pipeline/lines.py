"""A log cut into chunks of records as it streams by: lines numbered, timed, freed of secrets, and long ones split.

Memory does not grow with the log: there is one piece of it, and what its last line has so far.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exitkit.argo.workflow import Workflow
from exitkit.ship.pipeline.chunk import MOST, Chunk, LineIds
from exitkit.ship.pipeline.linetimes import alike, parse_time, seconds_of
from exitkit.ship.pipeline.records import identify
from exitkit.text.redactlog import Scrub

LONGEST = 64 * 1024
"""Bytes of a line that go into one record unless a target says otherwise; a longer one becomes several, which are
numbered. Loki, Google Cloud Logging and Datadog take no more than 256 KB, and JSON may need six characters for one."""

PIECE = 1 << 18
"""Bytes of a log that are looked at together."""

_LONGEST_PIECE = 4 * PIECE
_NANO = 10**9
_END = 1 << 62  # nanoseconds: in the year 2116


def _nothing(count: int) -> None:
    pass


@dataclass(frozen=True)
class Origin:
    """Where lines come from.

    `source` names it in the counts, `node` and `container` in the ids; `variant` tells apart what begins
    at another line, such as the last 100. `time`, in Unix nanoseconds, is that of lines that tell none, and what
    is after `latest` was not the time of any. With `stamped` each line begins with its time and a space, as kubelet
    writes them. `longest` is how many bytes of a line go into one record, and `redacted` is told of how many lines a
    secret was cut out.
    """

    workflow: Workflow
    source: str
    node: str
    container: str = ""
    variant: str = ""
    time: int = 0
    latest: int = _END
    stamped: bool = False
    attributes: Mapping[str, object] = field(default_factory=dict)
    longest: int = LONGEST
    redacted: Callable[[int], None] = _nothing


def chunks(pieces: Iterable[bytes], origin: Origin) -> Iterator[Chunk]:
    """The records of a log, whose bytes come in pieces of any length."""
    cutter = _Cutter(origin)
    for piece in _whole(pieces):
        yield from cutter.cut(piece)


class _Cutter:
    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.ids = LineIds(origin.workflow, origin.node, origin.container, ended=origin.variant)
        self.scrub = Scrub()
        self.number = 0
        self.last = self.bump = 0  # the last line's own time, and how often it was met in a row
        self.told: int | None = None  # the time of the line before, if any told one up to there
        self.parted = (0, -1)  # the times from the first to the last part of a line that was split

    def cut(self, piece: bytes) -> Iterator[Chunk]:
        clean = self.scrub(piece)
        if clean is not piece and clean != piece:
            pairs = zip(piece.split(b"\n"), clean.split(b"\n"), strict=True)
            self.origin.redacted(sum(before != after for before, after in pairs))
        text = clean.decode("utf-8", "backslashreplace")
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        if "\r" in text:
            lines = [line.rstrip("\r") for line in lines]
        for begin in range(0, len(lines), MOST):
            some = lines[begin : begin + MOST]
            first, self.number = self.number, self.number + len(some)
            times, messages = self._stamped(some) if self.origin.stamped else self._timed(first, some)
            yield from self._chunks(first, times, messages)

    def _chunks(self, first: int, times: list[int], messages: list[str]) -> Iterator[Chunk]:
        source, attributes, longest = self.origin.source, self.origin.attributes, self.origin.longest
        ids = self.ids.some(first, len(messages))
        if max(map(len, messages)) <= longest // 4 and self.parted[1] < 0:  # of four bytes each at most
            yield Chunk(source, ids, times, messages, attributes=attributes)
            return
        begin = 0
        for index, message in enumerate(messages):
            times[index] = self._after_parts(times[index])
            if len(message) <= longest // 4 or len(message.encode("utf-8", "backslashreplace")) <= longest:
                continue
            if index > begin:
                yield Chunk(source, ids[begin:index], times[begin:index], messages[begin:index], attributes=attributes)
            yield from self._parts(first + index, times[index], message)
            begin = index + 1
        if begin < len(messages):
            yield Chunk(source, ids[begin:], times[begin:], messages[begin:], attributes=attributes)

    def _after_parts(self, time: int) -> int:
        """The time of a line, or the next one after the parts of the line before, which have those that follow its own."""
        first, last = self.parted
        if last < 0:
            return time
        if not first <= time <= last:
            self.parted = (0, -1)
            return time
        self.parted = (first, last + 1)
        return last + 1

    def _parts(self, number: int, time: int, message: str) -> Iterator[Chunk]:
        """A long line as several records, the first of which has the line's own id."""
        parts = split(message, self.origin.longest)
        origin = self.origin
        self.parted = (time, time + len(parts) - 1)
        for index, part in enumerate(parts):
            identity = self.ids.some(number, 1)[0]
            if index:
                identity = identify(origin.workflow, "log", identity, container=origin.container, line=index)
            attributes = {**origin.attributes, "part": index + 1, "parts": len(parts)}
            yield Chunk(origin.source, (identity,), (time + index,), (part,), attributes=attributes)

    def _stamped(self, lines: list[str]) -> tuple[list[int], list[str]]:
        """As kubelet writes them: a time, a space, and what was printed."""
        times, messages = [], []
        last, bump, second, base = self.last, self.bump, "", 0
        for line in lines:
            stamp, _, message = line.partition(" ")
            if stamp[-1:] == "Z" and stamp[19:20] == ".":
                if stamp[:19] != second:
                    second = stamp[:19]
                    base = seconds_of(second + "Z") * _NANO
                fraction = stamp[20:-1]
                time = base + int(fraction) * 10 ** (9 - len(fraction)) if fraction.isdecimal() and base else None
            else:
                time = parse_time(stamp)
            if time is None:  # no time of kubelet's: all of it was printed
                message, time = line, last or self.origin.time
            # Two lines of one moment stay two, and in order, where a target tells records apart by their times.
            last, bump = (last, bump + 1) if time == last else (time, 0)
            times.append(time + bump)
            messages.append(message)
        self.last, self.bump = last, bump
        return times, messages

    def _timed(self, first: int, lines: list[str]) -> tuple[list[int], list[str]]:
        """Lines that may begin with a time of their own; the others follow the one before by a nanosecond.

        No line is before the one above it, so that a target that sorts them by their times keeps their order, and two
        that are alike stay two. What comes before the first that tells a time is as much before it.
        """
        if self.told is None:
            owns = ((place, self._own(line)) for place, line in enumerate(lines))
            self.told = next((own - place - 1 for place, own in owns if own), None)
        if self.told is None:
            begin = self.origin.time + first + 1
            return list(range(begin, begin + len(lines))), lines
        times = alike(lines, self.told, self.origin.latest)
        told = self.told
        if not times:
            for line in lines:
                own = self._own(line)
                told = own if own is not None and own > told else told + 1
                times.append(told)
        self.told = times[-1]
        return times, lines

    def _own(self, line: str) -> int | None:
        """The time that a line begins with."""
        found = parse_time(line) if line[:1] == "2" and line[4:5] == "-" else None
        return found if found and found <= self.origin.latest else None


def split(text: str, most: int) -> list[str]:
    """A text in pieces of so many bytes of UTF-8 at most, each of whole characters."""
    data, pieces, begin = text.encode("utf-8", "backslashreplace"), list[str](), 0
    while begin < len(data):
        end = begin + most
        while begin < end < len(data) and data[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        pieces.append(data[begin:end].decode())
        begin = end
    return pieces


def _whole(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same in pieces that end where a line does; a line without end is cut before it fills the memory.

    Where they end hangs on the log alone and not on how it came, so that a second run makes the same of it.
    """
    rest = bytearray()
    for piece in pieces:
        rest += piece
        while len(rest) >= PIECE:
            end = rest.rfind(b"\n", 0, PIECE) + 1 or rest.find(b"\n", PIECE) + 1
            if not 0 < end <= _LONGEST_PIECE:
                if len(rest) < _LONGEST_PIECE:
                    break
                end = _LONGEST_PIECE
            yield bytes(rest[:end])
            del rest[:end]
    if rest:
        yield bytes(rest)
