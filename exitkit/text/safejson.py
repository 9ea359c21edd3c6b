"""JSON of whatever it is given: without secrets, circles and what JSON lets stand that readers stumble on."""

import json
import math
from collections.abc import Mapping

from exitkit.text import redact, unsafe

_KEY = 8
"""Characters that a secret must have to be looked for in a key, which others read by its name."""

# Deeper is no fact but a circle; larger is no number that a reader of JSON takes.
_DEPTH, _INTEGER_BITS = 30, 1024


# C1 controls, separators of lines, marks of direction, lone surrogates: JSON lets them stand as they are.
_UNFIT = unsafe.Unseen(f"[\x7f{unsafe.C1}{unsafe.DIRECTION}{unsafe.LINES}{unsafe.BOM}{unsafe.SURROGATES}]")


class Word(str):
    """A word of our own, such as a key or a status: no secret that happens to be in it alters it."""

    __slots__ = ()


def dumps(value: object) -> str:
    """One line of JSON that any reader takes, without secrets and without what a terminal would obey."""
    text = json.dumps(_clean(value), ensure_ascii=False, allow_nan=False)
    return _UNFIT.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _clean(value: object, depth: int = 0) -> object:
    """Without secrets, NaN and what is no JSON, at any depth; facts are made by whoever wrote the action."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Word):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value.bit_length() < _INTEGER_BITS else None
    if depth < _DEPTH and isinstance(value, Mapping):
        return {_key(key): _clean(one, depth + 1) for key, one in value.items()}
    if depth < _DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_clean(one, depth + 1) for one in value]
    try:
        return redact.redact(str(value))
    except Exception:
        return f"({type(value).__name__})"


def _key(key: object) -> str:
    return str(key) if isinstance(key, Word) else redact.redact(str(key), _KEY)
