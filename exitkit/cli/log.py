"""The log: to stderr, a line a record, without secrets and without what a terminal would obey."""

import logging
import sys

from exitkit.text import redact


def set_up(level: str) -> None:
    """Write records of this level and above; a word that is no level means warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("exitkit: %(message)s"))
    log = logging.getLogger("exitkit")
    log.handlers[:] = [handler]
    log.propagate = False
    known = level.upper() in ("DEBUG", "INFO", "WARNING", "ERROR")
    log.setLevel(level.upper() if known else "WARNING")


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text: str = redact.redact(super().format(record))
        if record.levelno >= logging.ERROR:  # a traceback keeps its lines
            return "\n".join(redact.printable(line, 1000) for line in text.splitlines())
        return redact.printable(text, 2000)
