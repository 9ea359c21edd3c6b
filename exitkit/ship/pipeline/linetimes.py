"""The times that lines begin with, read one by one, or for a thousand alike at once."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from operator import lt

import orjson

_NANO = 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)  # noqa: UP017 - beside timezone, which is used below
_STAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?\s?(Z|[+-]\d\d:?\d\d)?(?=[\s\]]|$)"
)
_AFTER = " \t]"


def parse_time(text: str) -> int | None:
    """Unix nanoseconds of the time that a text begins with, as RFC 3339 and its kin write it; None if it has none."""
    match = _STAMP.match(text)
    return _nanoseconds(match) if match else None


def _nanoseconds(match: re.Match[str]) -> int | None:
    seconds = seconds_of(f"{match[1]}-{match[2]}-{match[3]}T{match[4]}:{match[5]}:{match[6]}{match[8] or 'Z'}")
    return seconds * _NANO + int((match[7] or "0").ljust(9, "0")) if seconds else None


@lru_cache(maxsize=256)
def seconds_of(text: str) -> int:
    """Unix seconds; 0 for what is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return max(0, (moment - _EPOCH) // timedelta(seconds=1))


def _same(heads: str, length: int, columns: Iterable[int]) -> bool:
    """Whether each of these columns holds one character."""
    return not any(heads[place::length].strip(heads[place]) for place in columns)


def alike(lines: list[str], told: int, latest: int) -> list[int]:
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
        bases = {one: seconds_of(one + zone) for one in {line[:19] for line in lines}}
        if not all(bases.values()):
            return []
        scale = 10 ** (9 - width)
        times = [bases[line[:19]] * _NANO + int(one) * scale for line, one in zip(lines, fractions, strict=True)]
    elif base := seconds_of(heads[:19] + zone):  # all of one second: the numbers are written, and read by what is in C
        times = orjson.loads(f"[{base}{f'{rest},{base}'.join(fractions)}{rest}]")
    else:
        return []
    return times if told < times[0] and times[-1] <= latest and all(map(lt, times, times[1:])) else []
