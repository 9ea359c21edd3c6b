"""A person at a terminal, who is asked."""

import sys

from exitkit.errors import ActionError


def is_there() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agrees(question: str) -> bool:
    """Whether the answer begins with a y. Raises ActionError where there is none.

    The question goes to stderr, because stdout carries the report.
    """
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except (OSError, ValueError):
        answer = ""
    if not answer:
        raise ActionError("nobody answered, so nothing was done")
    return answer.strip().lower() in ("y", "yes")
