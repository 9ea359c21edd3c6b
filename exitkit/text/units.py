"""Durations and sizes as people write them: 90s, 1h30m, 10Mi."""

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

# Go's suffixes, because Argo's own durations are Go's, and d for a day, which Go lacks.
_DURATION = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
# Kubernetes' suffixes for quantities of bytes.
_SIZE = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def parse_duration(text: str) -> float:
    """Seconds of `90`, `90s`, `1h30m`, `1.5h` or `7d`. Raises ValueError."""
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    if parts and "".join(number + unit for number, unit in parts) == text.strip():
        seconds = float(sum(float(number) * _DURATION[unit] for number, unit in parts))
    else:
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError("a duration is a number of seconds or such as 30s, 5m, 1h30m, 7d")
    return seconds


def parse_size(text: str) -> int:
    """Bytes of `512`, `64Ki`, `10Mi`, `5G`. Raises ValueError."""
    # 15 digits are what a float holds exactly; no disk needs more.
    match = re.fullmatch(r"\s*([0-9]{1,15}(?:\.[0-9]{1,9})?)(k|M|G|T|Ki|Mi|Gi|Ti|)B?\s*", text)
    if match is None:
        raise ValueError("a size is a number of bytes or such as 64Ki, 10Mi, 5G")
    return int(float(match[1]) * _SIZE[match[2]])


def human_duration(seconds: float) -> str:
    """`4.2s`, `3m 20s`, `2h 5m`, `3d 4h`: two units at most."""
    if not math.isfinite(seconds):
        return "unknown"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f}s".replace(".0s", "s")
    whole = max(60, int(seconds))
    for (big, above), (small, below) in (
        (("d", 86400), ("h", 3600)),
        (("h", 3600), ("m", 60)),
        (("m", 60), ("s", 1)),
    ):
        if whole >= above:
            rest = whole % above // below
            return f"{whole // above}{big} {rest}{small}" if rest else f"{whole // above}{big}"
    raise AssertionError(seconds)


def human_size(size: float) -> str:
    """`512 B`, `1.5 KiB`, `20 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}".replace(".0 ", " ")
        size /= 1024
    return f"{size:.1f} TiB"


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _size(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


Seconds = Annotated[
    float,
    BeforeValidator(_duration),
    Field(ge=0, le=31_622_400, allow_inf_nan=False),  # a leap year: more is a mistake
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^[0-9].*[smhd0-9}]$|\\{\\{"}]}
    ),
]
"""A duration in seconds; text such as 5m is read as such."""

Bytes = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=0),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]|\\{\\{"}]}),
]
"""A size in bytes; text such as 10Mi is read as such."""
