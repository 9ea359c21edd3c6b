"""A log cut into chunks of records as it streams by: lines numbered, timed, freed of secrets, and long ones split.

Memory does not grow with the log: there is one piece of it, and what its last line has so far.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from operator import lt

import orjson

from exitkit.argo.workflow import Workflow
from exitkit.ship.pipeline.chunk import MOST, Chunk, LineIds
from exitkit.ship.pipeline.records import identify
from exitkit.text.redactlog import Scrub

LONGEST = 64 * 1024
"""Bytes of a line that go into one record; a longer one becomes several, which are numbered. Loki, Google Cloud
Logging and Datadog take no more than 256 KB, and JSON may need six characters for one."""

PIECE = 1 << 18
"""Bytes of a log that are looked at together."""

_LONGEST_PIECE = 4 * PIECE
_NANO = 10**9
_END = 1 << 62  # nanoseconds: in the year 2116
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - beside timezone, which is used below
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?\s?(Z|[+-]\d\d:?\d\d)?(?=[\s\]]|$)"
)
_AFTER = " \t]"


@dataclass(frozen=True)
class Origin:
    """Where lines come from.

    `source` names it in the counts, `node` and `container` in the ids; `variant` tells apart what begins
    at another line, such as the last 100. `time`, in Unix nanoseconds, is that of lines that tell none, and what
    is after `latest` was not the time of any. With `stamped` each line begins with its time and a space, as kubelet
    writes them.
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

    def cut(self, piece: bytes) -> Iterator[Chunk]:
        text = self.scrub(piece).decode("utf-8", "backslashreplace")
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
        source, attributes = self.origin.source, self.origin.attributes
        ids = self.ids.some(first, len(messages))
        if max(map(len, messages)) <= LONGEST // 4:  # of four bytes each at most
            yield Chunk(source, ids, times, messages, attributes=attributes)
            return
        begin = 0
        for index, message in enumerate(messages):
            if len(message) <= LONGEST // 4:
                continue
            if index > begin:
                yield Chunk(source, ids[begin:index], times[begin:index], messages[begin:index], attributes=attributes)
            yield from self._parts(first + index, times[index], message)
            begin = index + 1
        if begin < len(messages):
            yield Chunk(source, ids[begin:], times[begin:], messages[begin:], attributes=attributes)

    def _parts(self, number: int, time: int, message: str) -> Iterator[Chunk]:
        """A long line as several records, the first of which has the line's own id."""
        size = LONGEST // 4
        parts = [message[at : at + size] for at in range(0, len(message), size)]
        origin = self.origin
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
                    base = _seconds(second + "Z") * _NANO
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
        times = _alike(lines, self.told, self.origin.latest)
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


def _same(heads: str, length: int, columns: Iterable[int]) -> bool:
    """Whether each of these columns holds one character."""
    return not any(heads[place::length].strip(heads[place]) for place in columns)


def _alike(lines: list[str], told: int, latest: int) -> list[int]:
    """The times of lines that all begin with one, written in one way and rising, as most logs' are; else nothing.

    The beginnings of the lines stand one behind the other in one text, so that a column of them is a slice of it.
    """
    match = _STAMP.match(lines[0])
    if match is None or not match[7]:
        return []
    stop, width = match.end(), len(match[7])
    length, end = stop + 1, 20 + width  # with the character behind the time; the end of the fraction
    heads = "".join([line[:length] for line in lines])
    if len(heads) != length * len(lines) or heads[stop::length].strip(_AFTER):
        return []
    if not _same(heads, length, (19, *range(end, stop))):
        return []  # another dot or zone
    fractions = [line[20:end] for line in lines]
    digits = "".join(fractions)
    if not (digits.isascii() and digits.isdecimal()):
        return []
    zone, rest = match[8] or "Z", "0" * (9 - width)
    if not _same(heads, length, range(19)):
        bases = {one: _seconds(one + zone) for one in {line[:19] for line in lines}}
        if not all(bases.values()):
            return []
        scale = 10 ** (9 - width)
        times = [bases[line[:19]] * _NANO + int(one) * scale for line, one in zip(lines, fractions, strict=True)]
    elif base := _seconds(heads[:19] + zone):  # all of one second: the numbers are written, and read by what is in C
        times = orjson.loads(f"[{base}{f'{rest},{base}'.join(fractions)}{rest}]")
    else:
        return []
    return times if told < times[0] and times[-1] <= latest and all(map(lt, times, times[1:])) else []


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


def parse_time(text: str) -> int | None:
    """Unix nanoseconds of the time that a text begins with, as RFC 3339 and its kin write it; None if it has none."""
    match = _STAMP.match(text)
    return _nanoseconds(match) if match else None


def _nanoseconds(match: re.Match[str]) -> int | None:
    seconds = _seconds(f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6]}{match[8] or 'Z'}")
    return seconds * _NANO + int((match[7] or "0").ljust(9, "0")) if seconds else None


@lru_cache(maxsize=256)
def _seconds(text: str) -> int:
    """Unix seconds; 0 for what is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return max(0, (moment - _EPOCH) // timedelta(seconds=1))
