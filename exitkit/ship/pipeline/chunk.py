"""Some records of one source, in columns: a log of a million lines is never a million objects.

What a target needs of each line is made for the whole chunk at once, by what is written in C.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import product

import orjson

from exitkit.argo.timestamp import rfc3339
from exitkit.argo.workflow import Workflow
from exitkit.ship.pipeline.records import Kind, Level, Record, identify
from exitkit.text import unsafe

MOST = 1000
"""Records of a chunk; some targets take no more in a request."""

# What JSON lets stand but some readers take for the end of a line, or terminals for an order.
_UNSAFE = re.compile(f"[\x7f{unsafe.C1}{unsafe.DIRECTION}{unsafe.LINES}{unsafe.BOM}]")
_NANO = 10**9
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple("".join(pair) for pair in product(_BASE32, repeat=2))
_KEPT = 19  # characters of a source's id that stand before the seven of a line's number


class Chunk:
    """Records of one source whose kind, level and attributes are the same; the columns are as long as each other.

    `times` are Unix nanoseconds, `messages` have no secrets any more. `begin` is the place of the first among all
    records of its source.
    """

    def __init__(  # noqa: PLR0913 - what a record is made of, by name
        self,
        source: str,
        ids: Sequence[str],
        times: Sequence[int],
        messages: Sequence[str],
        *,
        kind: Kind = "log",
        level: Level = "info",
        attributes: Mapping[str, object] | None = None,
    ) -> None:
        self.source, self.ids, self.times, self.messages = source, ids, times, messages
        self.kind, self.level, self.attributes = kind, level, attributes or {}
        self.begin = 0

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, begin: int, end: int) -> "Chunk":
        """Some of them, by their places."""
        some = slice(begin, end)
        part = self._with(self.ids[some], self.times[some], self.messages[some])
        part.begin = self.begin + begin
        return part

    def only(self, places: Sequence[int]) -> "Chunk":
        """Those at these places."""
        ids, times, messages = self.ids, self.times, self.messages
        return self._with([ids[n] for n in places], [times[n] for n in places], [messages[n] for n in places])

    def _with(self, ids: Sequence[str], times: Sequence[int], messages: Sequence[str]) -> "Chunk":
        return Chunk(self.source, ids, times, messages, kind=self.kind, level=self.level, attributes=self.attributes)

    @classmethod
    def of(cls, record: Record, source: str) -> "Chunk":
        """One record by itself."""
        return cls(
            source,
            (record.id,),
            (record.time,),
            (record.message,),
            kind=record.kind,
            level=record.level,
            attributes=record.attributes,
        )

    def records(self) -> Iterator[Record]:
        for identity, time, message in zip(self.ids, self.times, self.messages, strict=True):
            yield Record(identity, time, self.kind, self.level, message, self.attributes)

    @property
    def quoted(self) -> Sequence[str]:
        """The messages as JSON strings, with their quotes; made anew each time, as a batch in flight should not keep them."""
        try:
            # No string in JSON holds a bare line feed, so it can stand between them.
            return b"\n".join(map(orjson.dumps, self.messages)).decode().split("\n") if self.messages else []
        except orjson.JSONEncodeError:  # a lone surrogate
            return [json.dumps(message, ensure_ascii=False) for message in self.messages]

    @property
    def stamps(self) -> Sequence[str]:
        """The times as RFC 3339 with nanoseconds."""
        low, high = min(self.times, default=0) // _NANO, max(self.times, default=0) // _NANO
        if low == high:  # as in most chunks of a long log
            base, start = _second(low), low * _NANO
            return [f"{base}{time - start:09d}Z" for time in self.times]
        return [f"{_second(time // _NANO)}{time % _NANO:09d}Z" for time in self.times]

    @cached_property
    def shared(self) -> str:
        """What is the same in all of them, as members of a JSON object with a comma at the end, or nothing."""
        text = json.dumps(dict(self.attributes), ensure_ascii=False, separators=(",", ":"), default=str)[1:-1]
        return f"{text}," if text else ""

    @property
    def lines(self) -> Sequence[str]:
        """Each record as a line of JSON, as `Record.to_json` has it, that no reader and no terminal takes for more."""
        head = f'"kind":"{self.kind}","level":"{self.level}"'
        tail = f',"attributes":{{{self.shared.removesuffix(",")}}}}}\n'
        found = [
            f'{{"id":"{identity}","time":"{stamp}",{head},"message":{quoted}{tail}'
            for identity, stamp, quoted in zip(self.ids, self.stamps, self.quoted, strict=True)
        ]
        if _UNSAFE.search("".join(found)):
            return [_UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", line) for line in found]
        return found


class LineIds:
    """Ids of a source's lines, by their numbers from 0 to 2**35: as unlike as any, and cheap for many in a row."""

    def __init__(self, workflow: Workflow, node: str, container: str = "", *, ended: str = "") -> None:
        self._stem = identify(workflow, "log", node, ended=ended, container=container)[:_KEPT]

    def some(self, first: int, count: int) -> list[str]:
        """The ids of so many lines from one on."""
        found: list[str] = []
        while count > 0:
            high, low = divmod(first, 1024)
            here = min(count, 1024 - low)
            stem = self._stem + _digits(high)
            found += [stem + pair for pair in _PAIRS[low : low + here]]
            first, count = first + here, count - here
        return found


def _digits(number: int) -> str:
    """Five digits of base 32."""
    return "".join(_BASE32[number >> shift & 31] for shift in (20, 15, 10, 5, 0))


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    """As `2026-11-23T07:57:41.`, to which the nanoseconds are added."""
    return rfc3339(seconds * _NANO)[:20]
