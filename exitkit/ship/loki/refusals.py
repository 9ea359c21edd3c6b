"""What Loki's 400 says of which lines it did not take; the others it has.

Its distributor looks at each line, and groups what it says by the text: pkg/distributor/validator.go and
pkg/util/errors.go. Its ingester tells of one stream, and of the first ten lines of it: `errorForFailedEntries` in
pkg/ingester/stream.go. Both name lines by their times or lengths, so that they can be found among those that were sent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exitkit.ship.pipeline.linetimes import parse_time

_SECOND = 10**9
_LIKE = r"(?:(?P<count>\d+) errors like: )?"
_STREAM = r"entry for stream '(?:[^']|'(?! has ))*'"
_KINDS = (
    re.compile(_LIKE + _STREAM + r" has timestamp too old: (?P<time>\S+?), oldest acceptable timestamp is: [^;\s]+"),
    re.compile(_LIKE + _STREAM + r" has timestamp too new: (?P<time>[^;\s]+)"),
    re.compile(
        _LIKE + r"[Mm]ax entry size '\d+' bytes exceeded for stream '.*?' while adding an entry with length "
        r"'(?P<length>\d+)' bytes",
        re.DOTALL,
    ),
)
# Before 2.8 the stream stood with each entry, and not here.
_IGNORED = re.compile(r"total ignored: (?P<count>\d+) out of (?P<sent>\d+)\b")
_ENTRY = re.compile(
    r"^entry with timestamp (?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) \+0000 UTC ignored", re.MULTILINE
)


@dataclass(frozen=True)
class Refusals:
    """What is known: the places of those refused, how many more were, and the places of those nothing is said of."""

    places: Sequence[int] = ()
    more: int = 0
    unsaid: Sequence[int] = field(default=())


def read(text: str, times: Sequence[int], lengths: Sequence[int]) -> Refusals | None:
    """What the text says of lines with these times (in nanoseconds) and lengths (in bytes); None if it is not Loki's."""
    ignored = _IGNORED.search(text)
    if ignored is not None:
        return _by_ingester(text, int(ignored["count"]), int(ignored["sent"]), times)
    return _by_distributor(text, times, lengths)


def is_part(text: str, sent: int) -> bool:
    """Whether a word that it was too much is about a part of what was sent, so that the rest may be stored."""
    ignored = _IGNORED.search(text)
    return ignored is not None and not int(ignored["count"]) == int(ignored["sent"]) == sent


def _by_distributor(text: str, times: Sequence[int], lengths: Sequence[int]) -> Refusals | None:
    rest, found = text, list[re.Match[str]]()
    for kind in _KINDS:
        found += kind.finditer(rest)
        rest = kind.sub("", rest)
    if not found or rest.strip("; \n"):
        return None  # something else is said too, of which it is not known how many lines it means
    places, more = set[int](), 0
    for match in found:
        count = int(match["count"] or 1)
        fitting = (same for same in _alike(match.groupdict(), times, lengths) if len(same) == count)
        same = next(fitting, [])
        places |= set(same)
        more += 0 if same else count
    return Refusals(sorted(places), more)


def _alike(named: Mapping[str, str | None], times: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of lines of this length, or of this time; which is told to the second by some versions."""
    if length := named.get("length"):
        yield [place for place, size in enumerate(lengths) if size == int(length)]
    elif (moment := parse_time(named.get("time") or "")) is not None:
        yield [place for place, time in enumerate(times) if time == moment]
        yield [place for place, time in enumerate(times) if time // _SECOND == moment // _SECOND]


def _by_ingester(text: str, count: int, sent: int, times: Sequence[int]) -> Refusals:
    """The ingester counts one stream, whole or, where Loki shards it, a part."""
    listed = {moment for match in _ENTRY.finditer(text) if (moment := parse_time(f"{match['time']}Z")) is not None}
    places = [place for place, time in enumerate(times) if time in listed]
    if sent == len(times):
        if count == sent:
            return Refusals(range(sent))
        return Refusals(places) if len(places) == count else Refusals(more=count)
    known = set(places)
    return Refusals(places, 0, [place for place in range(len(times)) if place not in known])
