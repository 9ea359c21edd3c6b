"""Text and values that may leave: without secrets and what no reader can show, cut visibly."""

import re
from collections.abc import Mapping

from exitkit.text import redact, unsafe
from exitkit.text.plain import plain

LONGEST = 64 * 1024
"""Characters of a record's message; the rest is cut, and the record says so."""


_LONGEST_READ = 1 << 20


_LONGEST_SECRET = 4096


_LONGEST_VALUE = 500


_MOST_VALUES = 100


_LONE = unsafe.Unseen(f"[{unsafe.SURROGATES}]")


_SECRET_NAME = re.compile(
    r"passw|passphrase|pwd|secret|token(?!i[sz])|credential|authorization|bearer|cookie|connectionstring|dsn$"
    r"|(?:api|access|account|private|signing|encryption|ssh|storage|shared)key|webhook"
)


def is_secret_name(name: str) -> bool:
    """Whether a parameter of this name holds something that nobody should read."""
    return _SECRET_NAME.search(re.sub(r"[^a-z0-9]", "", name.lower())) is not None


def safe_values(values: Mapping[str, object]) -> dict[str, str]:
    """Parameters, labels or the like by name: masked where the name says so, cleaned, and not too many."""
    found = {}
    for name, value in sorted(values.items(), key=lambda item: str(item[0]))[:_MOST_VALUES]:
        text = redact.MASK if is_secret_name(str(name)) else clean(str(value), _LONGEST_VALUE)
        found[line(str(name), 100)] = text
    return found


def clean(text: str, limit: int = LONGEST) -> str:
    """Text of several lines without secrets, control characters and broken UTF-8, cut visibly at the limit."""
    told = text[:_LONGEST_READ]
    # Once more after the invisible is gone, which may have stood inside of a secret.
    told = _LONE.sub("\ufffd", redact.redact(plain(redact.redact(told))))
    if len(text) > _LONGEST_READ:
        told = told[:-_LONGEST_SECRET]  # the cut may have halved one
    if len(text) <= _LONGEST_READ and len(told) <= limit:
        return told
    return f"{told[:limit]}… (cut, of {len(text)} characters)"


def line(text: str, limit: int) -> str:
    """As `clean`, in one line."""
    return redact.printable(redact.redact(text[:_LONGEST_READ]), limit)
