"""A receipt, and how it stands in a store: JSON with its version, in whatever state that may be found."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from exitkit.store import MOST

Stage = Literal["intent", "partly", "confirmed", "failed"]
"""`partly` is confirmed for those whom the facts name, and not begun for the others; `failed` for nobody."""

_VERSION = 1


def name_of(delivery: str) -> str:
    """The name of its value in the store."""
    return f"receipt.{delivery}"


@dataclass(frozen=True)
class Receipt:
    """How far a delivery has come; `at` is in Unix seconds, `facts` what the channel answered.

    `began` is when the workflow began whose end it tells of, or "" where that is not known or of no concern.
    `owner` is the process that is at it at the moment, or "" where none is; `sign` tells its signs of life apart.
    """

    stage: Stage
    at: float
    facts: Mapping[str, object] = field(default_factory=dict)
    owner: str = ""
    sign: str = ""
    began: str = ""


@dataclass(frozen=True)
class Unreadable:
    """What stands where a receipt should; `keep` says that it is not ours to write over."""

    why: str
    keep: bool = False


def decode(data: bytes, delivery: str) -> Receipt | Unreadable:
    """What stands there, in whatever state it is."""
    damaged = Unreadable("the receipt is not one of this delivery, or is damaged")
    if len(data) > MOST:
        return damaged
    try:
        found = json.loads(data)
        version = found["version"]
        if isinstance(version, int) and version > _VERSION:
            return Unreadable(f"the receipt is of a newer exitkit (version {version})", keep=True)
        if version != _VERSION or found["stage"] not in get_args(Stage) or found["delivery"] != delivery:
            return damaged
        at = float(found["at"])
        texts = [found.get(name, "") for name in ("owner", "sign", "began")]
        if not math.isfinite(at) or not all(isinstance(text, str) for text in texts):
            return damaged
        return Receipt(found["stage"], at, dict(found["facts"]), *texts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return damaged


def encode(receipt: Receipt, delivery: str) -> bytes:
    """As JSON; facts that are too long to be read back, or no JSON, are left out, as the stage matters most."""
    plain = {
        "version": _VERSION,
        "delivery": delivery,
        "stage": receipt.stage,
        "at": receipt.at,
        "owner": receipt.owner,
        "sign": receipt.sign,
        **({"began": receipt.began} if receipt.began else {}),
    }
    try:
        text = json.dumps({**plain, "facts": dict(receipt.facts)}, default=str)
    except (TypeError, ValueError, RecursionError):
        text = ""
    return (text if 0 < len(text) <= MOST else json.dumps({**plain, "facts": {}})).encode("ascii")
