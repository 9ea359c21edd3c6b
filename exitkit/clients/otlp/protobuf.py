"""As much of protobuf's wire format as a hot path needs; what it makes is compared with Google's library in the tests.

https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Iterator
from functools import lru_cache

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10  # bytes of a varint


@lru_cache(maxsize=1 << 14)
def varint(number: int) -> bytes:
    """An unsigned number, or a negative one of 64 bits in two's complement."""
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def nested(field: int, content: bytes) -> bytes:
    """A field of bytes, of text, or with a message in it."""
    return b"%b%b%b" % (varint(field << 3 | _LENGTH), varint(len(content)), content)


def text(field: int, content: str) -> bytes:
    """A field of text; lone surrogates, which UTF-8 cannot hold, as their escapes."""
    return nested(field, content.encode("utf-8", "backslashreplace"))


def number(field: int, value: int) -> bytes:
    """A field of an integer, a truth value or an enum."""
    return varint(field << 3 | _VARINT) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field of a floating point number."""
    return varint(field << 3 | _FIXED64) + struct.pack("<d", value)


def fixed(field: int, value: int) -> bytes:
    """A field of an unsigned number of 64 bits in full, as times are."""
    return varint(field << 3 | _FIXED64) + struct.pack("<Q", max(0, value))


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message by their numbers: integers, or bytes. Raises ValueError for what is no message."""
    place = 0
    while place < len(data):
        tag, place = _varint_at(data, place)
        size, kind = 0, tag & 7
        if kind == _VARINT:
            value, place = _varint_at(data, place)
            yield tag >> 3, value
            continue
        if kind == _LENGTH:
            size, place = _varint_at(data, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no field of protobuf is of type {kind}")
        if place + size > len(data):
            raise ValueError("a message of protobuf ends in the middle")
        yield tag >> 3, data[place : place + size]
        place += size


def _varint_at(data: bytes, place: int) -> tuple[int, int]:
    """The number that stands there, and the place behind it."""
    found = 0
    for count, byte in enumerate(data[place : place + _LONGEST]):
        found |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return found & (1 << 64) - 1, place + count + 1
    raise ValueError("a number of protobuf has no end")
