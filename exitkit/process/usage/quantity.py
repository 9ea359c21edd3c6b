"""Kubernetes' quantities: `16Gi` and `500m` as numbers, and the sizes that people write."""

import math
import re
from typing import Final

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(
    r"\+?([0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(?:([eE][+-]?[0-9]{1,2})|(m|k|[MGTPE]|[KMGTPE]i)?)"
)
_FACTORS: Final = {"m": 1e-3, "k": 1e3} | {
    f"{letter}{binary}": (1024.0 if binary else 1000.0) ** power
    for power, letter in enumerate("KMGTPE", 1)
    for binary in ("", "i")
}
_MI: Final = 1 << 20
_GI: Final = 1 << 30
_SIZES: Final = tuple(size * (1 << power) // 2 for power in range(26, 43) for size in (2, 3))
"""Bytes of memory that people give to containers: 64Mi, 96Mi, 128Mi, 192Mi and so on up to 6Ti."""


def parse(text: str) -> float | None:
    """Bytes of `16Gi`, CPUs of `500m`; None for what is no quantity."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    value = float(f"{match[1]}{match[2] or ''}") * _FACTORS.get(match[3] or "", 1.0)
    return value if math.isfinite(value) else None


def memory(size: float) -> str:
    """`3.1Gi`, `640Mi`: as it is told, to the nearest tenth."""
    return f"{_plain(size / _GI)}Gi" if size >= _GI else f"{_plain(size / _MI)}Mi"


def cpu(cores: float) -> str:
    """`2.4`, `350m`."""
    return _plain(cores) if cores >= 1 else f"{math.ceil(cores * 1000 - 1e-9)}m"


def memory_above(size: float) -> tuple[int, str]:
    """The least size that is not below so many bytes, as one writes it: of 64 Mi, of 256 Mi from 1 Gi, of 1 Gi from 8 Gi on."""
    step = 64 * _MI if size <= _GI else 256 * _MI if size <= 8 * _GI else _GI
    whole = max(step, math.ceil(size / step) * step)
    return whole, f"{whole // _GI}Gi" if whole % _GI == 0 else f"{whole // _MI}Mi"


def cpu_above(cores: float) -> tuple[float, str]:
    """The least number of CPUs that is not below this, as one writes it: of 50m, of 250m from one on, of a half from four."""
    step = 50 if cores <= 1 else 250 if cores <= 4 else 500
    milli = max(50, math.ceil(round(cores * 1000 / step, 9)) * step)
    return milli / 1000, str(milli // 1000) if milli % 1000 == 0 else f"{milli}m"


def next_size(size: float) -> float:
    """The next one that people give, above so many bytes: 24Gi after 16Gi, 32Gi after that."""
    return next((float(each) for each in _SIZES if each > size), size * 1.5)


def _plain(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
