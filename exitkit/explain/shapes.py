"""What a log's lines look like without what differs from run to run, and the little that is kept of it from runs that passed."""

import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import Any

LIMIT = 64 * 1024
"""Bytes that `dump` gives at most."""

RUNS = 5
"""Runs that are remembered: what none of the last so many had is forgotten."""

_MAGIC = b"xs1"
_ENTRY = struct.Struct("<IB")  # a hash, and in which of the last runs it was met: bit 0 is the latest
_MOST = (LIMIT - len(_MAGIC)) // _ENTRY.size
_DIGITS = b"0123456789"
_HEX = _DIGITS + b"abcdefABCDEF"


@dataclass(frozen=True)
class Shapes:
    """The shapes of the lines that runs of a step had when they passed: hash, and the runs as bits, the latest first.

    Hashes have 32 bits: among 13,000 a line that was never met is taken for one of them once in 330,000 times.
    """

    runs: dict[int, int] = field(default_factory=dict)

    def __contains__(self, key: int) -> bool:
        return key in self.runs

    def __len__(self) -> int:
        return len(self.runs)

    def merge(self, later: "Shapes") -> "Shapes":
        """These, and those of a run after them; what was last met `RUNS` runs ago goes."""
        kept = {key: bits for key, old in self.runs.items() if (bits := (old << 1) & ((1 << RUNS) - 1))}
        for key in later.runs:
            kept[key] = kept.get(key, 0) | 1
        return Shapes(kept)

    def dump(self) -> bytes:
        """In at most `LIMIT` bytes; where there are more, those that fewer of the runs had are left out."""
        entries = sorted(self.runs.items(), key=lambda entry: (-entry[1].bit_count(), entry[1], entry[0]))[:_MOST]
        return _MAGIC + b"".join(_ENTRY.pack(key, bits) for key, bits in sorted(entries))

    @classmethod
    def load(cls, data: bytes) -> "Shapes":
        """What `dump` gave. Of anything else there is nothing to be known: no shapes."""
        body = data[len(_MAGIC) :]
        if not data.startswith(_MAGIC) or len(body) % _ENTRY.size or len(data) > LIMIT:
            return cls()
        return cls({key: bits for key, bits in _ENTRY.iter_unpack(body) if bits})

    @classmethod
    def of(cls, keys: Iterable[int]) -> "Shapes":
        """Those of one run."""
        return cls(dict.fromkeys(keys, 1))


def coarse(text: bytes, *, codes: bool = True) -> list[int]:
    """A hash of each line without its digits: enough to know most lines again.

    With `codes` digits that say that something failed count as well.
    """
    keys = list(map(zlib.crc32, text.translate(None, _DIGITS).split(b"\n")))
    if not codes:
        return keys
    begin = place = 0
    for match in islice(_telling().finditer(text), _MOST_TELLING):
        place += text.count(b"\n", begin, match.start())
        begin = match.start()
        keys[place] = zlib.crc32(match[0].lower(), keys[place])
    return keys


def loose(text: bytes) -> list[int]:
    """A hash of each line without its hex digits, which are letters as well: for logs in which every line is new."""
    return list(map(zlib.crc32, text.translate(None, _HEX).split(b"\n")))


def fine(text: bytes) -> int:
    """A hash of a line without colours, times, ids, numbers and paths of a run's own; codes that say what happened stay."""
    return zlib.crc32(shape(text), 1)


def shape(text: bytes) -> bytes:
    """The line that `fine` makes a hash of."""
    line = _COLOUR.sub(b"", text) if b"\x1b" in text else text
    codes = _CODES.findall(line) if _HAS_CODE.search(line) else ()
    if _OWN in line:
        line = _OWN_PLACE.sub(b"#", line)
    line = _DAY.sub(b"#", _VARIES.sub(b"#", line), 1)
    return b" ".join(line.split()) + b"|" + b",".join(codes).lower()


@cache
def _telling() -> Any:
    import re2

    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(_TELLING, options)


_MOST_TELLING = 500  # in a block, as a log may have nothing else
# Codes of what failed, by which a line is another one than without: 404 of 200, 1 of 0.
_TELLING = (
    rb"(?:(?:status(?:[ _-]?code)?|\bcode|http/[\d.]+[\"']?)[\s:=#(\[\"']{1,3}[45]\d\d|(?:exit(?:ed)?(?: with)?(?: code| status)?|errno|signal)[\s:=#(\[\"']{1,3}[1-9]\d{0,2})\b"
    rb"|\b[1-9]\d* (?:errors?|fail(?:ed|ures?)|failing)\b|\b(?:errors?|fail(?:ed|ures?))[\"']?[:=] ?[1-9]"
)
_COLOUR = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
# What differs from run to run: each word with a digit in it, and what belongs to it in a time, an id or a version.
_VARIES = re.compile(rb"\b[A-Za-z]*[0-9][0-9A-Za-z]*(?:[.,:+-][0-9A-Za-z]*[0-9][0-9A-Za-z]*)*")
_OWN = b"/tmp/"
_OWN_PLACE = re.compile(rb"/tmp/[^\s:'\",)\]]+")
_DAY = re.compile(
    rb"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +#|# +(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) #)"
)
# Numbers that say what happened: a status, an exit code, an error's number, and whether any failed.
_HAS_CODE = re.compile(rb"[a-z][\s:=#(\[\"']{1,3}-?[0-9]|\b0 [a-z]")
_CODES = re.compile(
    rb"\b(?:exit(?:ed)?(?: with)?(?: code| status)?|status(?:[ _-]?code)?|code|errno|signal|http(?:/[0-9.]+)?)[\s:=#(\[\"']{1,3}-?[0-9]{1,5}\b"
    rb"|\b0 (?:errors?|fail(?:ed|ures?)?|problems?|warnings?)\b|\b(?:errors?|fail(?:ed|ures?))[:=] ?0\b",
    re.IGNORECASE,
)
