"""Families of gauges as Prometheus reads them: its text format, and its remote write.

https://prometheus.io/docs/instrumenting/exposition_formats/,
https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from exitkit.clients.otlp import protobuf
from exitkit.process.metrics.families import Family

REMOTE_WRITE_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}

_LITERAL: Final = 65_536  # bytes of one piece of snappy


def as_text(families: Iterable[Family], labels: Mapping[str, str]) -> str:
    """With the labels on every sample; empty for none."""
    return "".join(_lines(families, labels))


def as_remote_write(families: Iterable[Family], labels: Mapping[str, str], milliseconds: int) -> bytes:
    """A WriteRequest of prompb, packed: https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto."""
    series = []
    for family in families:
        for own, value in family.samples:
            named = sorted({"__name__": family.name, **labels, **own}.items())
            pairs = b"".join(
                protobuf.nested(1, protobuf.text(1, name) + protobuf.text(2, said)) for name, said in named if said
            )
            sample = protobuf.nested(2, protobuf.double(1, value) + protobuf.number(2, milliseconds))
            series.append(protobuf.nested(1, pairs + sample))
    return _snappy(b"".join(series))


def number(value: float) -> str:
    """`3`, `0.25`, `1.7e+308`."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _lines(families: Iterable[Family], labels: Mapping[str, str]) -> Iterator[str]:
    for family in families:
        said = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {family.name} {said}\n# TYPE {family.name} gauge\n"
        for own, value in family.samples:
            pairs = ",".join(f'{name}="{_quoted(text)}"' for name, text in {**labels, **own}.items() if text)
            yield f"{family.name}{{{pairs}}} {number(value)}\n" if pairs else f"{family.name} {number(value)}\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _snappy(data: bytes) -> bytes:
    """Snappy's block format without any compression, which a few kilobytes do not need.

    https://github.com/google/snappy/blob/main/format_description.txt: the length, then literals of up to 64 KiB each.
    """
    pieces = (data[place : place + _LITERAL] for place in range(0, len(data), _LITERAL))
    return protobuf.varint(len(data)) + b"".join(
        b"\xf4" + (len(piece) - 1).to_bytes(2, "little") + piece for piece in pieces
    )
