"""Which messages are the same message: what differs from pod to pod is left out, what tells causes apart stays."""

import re

from exitkit.argo.failures.reason import read

# 4 KiB is the longest termination message that Kubernetes keeps.
_LONGEST = 4096
_VARIES = re.compile(
    r"0x[0-9a-f]+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?=[a-f]*[0-9])[0-9a-f]{7,}\b|[0-9]+", re.IGNORECASE
)
# The number that these name is what happened: `exit status 2`, `HTTP/1.1 503`, `[Errno 28]`, `code: 42`.
_NAMES_A_CODE = re.compile(
    r"(?:\bhttp(?:/[0-9.]+)?|status(?:[ _-]?code)?|\bcode|\berrno|\bexit(?:ed)?(?: with)?|\bsignal|\berror|\bora-|\bsqlstate)"
    r"[\s:=#(\[\"']{0,3}\Z",
    re.IGNORECASE,
)
# A number between 400 and 599 is an answer of a web server, unless one of these counts with it; after a slash they are part of an address.
_COUNTS = re.compile(
    r"(?:(?<![\w/])(?:rows?|lines?|shards?|items?|index|idx|ids?|parts?|partitions?|batch(?:es)?|pages?|offset|chunks?|blocks?"
    r"|records?|steps?|epochs?|iterations?|attempts?|tries|retry|number|no|pid|process|ports?|users?|jobs?|tasks?|pods?"
    r"|workers?|ranks?|nodes?|columns?|col|positions?|pos|bytes?|size|length|count|total|of|at|seed|version|keys?|orders?"
    r"|runs?|folds?|files?|customers?|accounts?|in|after|took|for|than|to|from)[\s:=#(\[\"'-]{0,3}|[\w.,/-])\Z",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"(?:\s?(?:ms|s|min|h|[kmgt]i?b|bytes|rows|records|items|lines|files|%)\b|[%/.,-]?[0-9]|\s(?:of|out of)\b|[-_]\w)",
    re.IGNORECASE,
)


def fingerprint(message: str) -> str:
    """The message without what differs from pod to pod: numbers, addresses, ids, spaces.

    Exit codes, statuses and error numbers stay, so that a 404 and a 503 are two messages.
    """
    end = read(message)
    detail = end.detail[:_LONGEST]
    shape = _VARIES.sub(lambda match: match[0] if _tells(match, detail) else "#", detail)
    return f"{end.container}|{end.reason}|{end.exit_code}|{' '.join(shape.split())}"


def _tells(match: re.Match[str], text: str) -> bool:
    """Whether the number says what happened, and not to whom."""
    digits = match[0]
    if not (digits.isdecimal() and len(digits) <= 5):
        return False
    before = text[max(0, match.start() - 24) : match.start()]
    if _NAMES_A_CODE.search(before):
        return True
    answer = len(digits) == 3 and digits[0] in "45"
    return answer and not _COUNTS.search(before) and not _UNIT.match(text, match.end())
