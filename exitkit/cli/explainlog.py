"""`exitkit explain`: the lines of a log on this machine that say why its run failed."""

import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, Field

from exitkit import settings
from exitkit.errors import ConfigError
from exitkit.explain import LogLine, Shapes, learn, rank

_PIECE = 1 << 18  # bytes that are read at once
_GZIP = b"\x1f\x8b"
_STDIN = "-"


class ExplainOptions(BaseModel):
    """What the log is compared with, and how the lines are shown."""

    model_config = settings.STRICT

    against: tuple[str, ...] = Field(
        (), description="Log of a run that passed, whose lines are left out; again for more runs, the latest last."
    )
    top: int = Field(5, ge=1, le=1000, description="How many lines to show.")
    format: Literal["text", "json"] = Field("text", description="How to show them.")


def explained(logs: list[str], options: ExplainOptions) -> str:
    """The lines of the log, best first, or "" if it has none. Raises ConfigError if a log cannot be read."""
    if len(logs) > 1:
        raise ConfigError(f"name one log, not {len(logs)}; those of runs that passed go after --against")
    if not logs and (sys.stdin is None or sys.stdin.isatty()):
        raise ConfigError("name a log, or pipe one into this")
    known = Shapes()
    for name in options.against:
        known = known.merge(learn(_pieces(name)))
    lines = rank(_pieces(logs[0] if logs else _STDIN), known, options.top)
    if options.format == "json":
        return json.dumps([_record(line) for line in lines], indent=2, ensure_ascii=False)
    width = max((len(str(line.number)) for line in lines), default=0)
    return "\n".join(f"{line.number:>{width}}: {line.text}{_place(line)}" for line in lines)


def _record(line: LogLine) -> dict[str, object]:
    record: dict[str, object] = {"line": line.number, "text": line.text, "score": line.score}
    return {**record, "place": line.place} if line.place else record


def _place(line: LogLine) -> str:
    return f"  ({line.place})" if line.place else ""


def _pieces(name: str) -> Iterator[bytes]:
    """The log's bytes, unpacked where it is gzip, whatever it is called. Raises ConfigError."""
    try:
        if name == _STDIN:
            yield from _unpacked(sys.stdin.buffer, "standard input")
        else:
            with Path(name).open("rb") as file:
                yield from _unpacked(file, name)
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {(error.strerror or 'i/o error').lower()}") from error


def _unpacked(file: IO[bytes], name: str) -> Iterator[bytes]:
    """A gzip file may have several members, and end in the middle: what there is of it counts."""
    piece = file.read(_PIECE)
    if not piece.startswith(_GZIP):
        while piece:
            yield piece
            piece = file.read(_PIECE)
        return
    unpack, some = zlib.decompressobj(wbits=31), False
    while piece:
        try:
            if data := unpack.decompress(piece, 4 * _PIECE):
                some = True
                yield data
        except zlib.error as error:
            if some:
                return
            raise ConfigError(f"cannot read {name}: it is no gzip file") from error
        piece = unpack.unconsumed_tail or (unpack.unused_data.lstrip(b"\0") if unpack.eof else b"") or file.read(_PIECE)
        if unpack.eof:
            unpack = zlib.decompressobj(wbits=31)
