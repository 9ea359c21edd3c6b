"""A line of a log taken apart: how bad whoever wrote it says it is, and what it says behind times, names and levels."""

import json
import re
from typing import Any, Final, Literal, NamedTuple

Level = Literal["", "debug", "info", "warning", "error", "fatal"]

_LOOK = 160  # characters in which a line's level stands
_LEVELS: Final[dict[str, Level]] = {
    **dict.fromkeys(("trace", "debug", "debu", "verbose"), "debug"),
    **dict.fromkeys(("info", "notice", "information"), "info"),
    **dict.fromkeys(("warn", "warning"), "warning"),
    **dict.fromkeys(("error", "err", "erro", "severe"), "error"),
    **dict.fromkeys(("fatal", "fata", "critical", "crit", "panic", "pani", "emerg", "alert"), "fatal"),
}
_KLOG: Final[dict[str, Level]] = {"I": "info", "W": "warning", "E": "error", "F": "fatal"}
_PINO: Final[dict[int, Level]] = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal"}
# Those of four letters are logrus' own.
_WORDS = (
    "TRACE|DEBUG|DEBU|INFO|NOTICE|WARN|WARNING|ERROR|ERRO|ERR|SEVERE|CRITICAL|CRIT|FATAL|FATA|PANIC|PANI|EMERG|ALERT"
)
_UPPER = re.compile(rf"(?:^|[\s\[(<|*#:/])({_WORDS})!?(?=$|[\s\]):>|*,/]|\[\d+\])")
_NAMED = re.compile(r"(?:level|lvl|severity|loglevel)[\"']?\s?[:=]\s?[\"']?([A-Za-z]{3,11})\b", re.IGNORECASE)
_BEGINS = re.compile(
    r"(?:\[|##\[|::|[\w./-]{1,40}: )?(error|fatal|panic|warning|warn|info|debug|notice|critical)\b(?: error)?(?: from server(?: \(\w+\))?)?(?:\[\w*\])?(?:\]|:|::| -)",
    re.IGNORECASE,
)
_STAMP = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"
_TIMED = re.compile(rf"[\w./ \t@|:\[({{-]{{0,80}}?{_STAMP}")
# What stands before the message, one after the other.
_BEFORE = re.compile(
    rf"[\s\]}})>|,;-]+(?=\S)|{_STAMP}|\d\d?:\d\d:\d\d(?:[.,]\d+)?|(?:[A-Z][a-z]{{2}} )?[A-Z][a-z]{{2}} +\d\d? (?:\d\d:\d\d:\d\d)(?: \d{{4}})?"
    rf"|\[[^\[\]]{{0,60}}\](?=[\s:\]\[]|$)|##\[\w+\]|::error [^:]*::|\((?:pid|ip)=[^)]*\)"
    rf"|[IWEF]\d{{4}} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w./-]+:\d+\] ?|(?:{_WORDS})!?\b(?:\[\d+\]|:[\w.]+)?:?(?=[\s\]|:-]|$)|[\w.-]{{1,50}} {{0,10}}\| "
    rf"|#\d+ (?:\d+\.\d+ )?|npm (?:ERR!|error)|<\d+>|\d{{1,2}}/\d\d?/\d\d \d\d:\d\d:\d\d|:(?=\s)"
)
_KLOG_LINE = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d")
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,512}(?:\x07|\x1b\\)|\x1b[ -/]{0,8}[0-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Where structured logs put what was said, and what was thrown.
_SAID = ("msg", "message", "event", "@m", "@message", "log", "textPayload", "text", "body")
_THROWN = (
    "error",
    "err",
    "exception",
    "exc_info",
    "exception_message",
    "error_message",
    "reason",
    "cause",
    "stack",
    "stack_trace",
    "stacktrace",
    "traceback",
    "errorVerbose",
)
_LOGFMT = re.compile(r"(?:^|\s)(msg|message|err|error|reason)=(\"(?:[^\"\\]|\\.)*\"|\S+)")


class Head(NamedTuple):
    """A line: its level, its message without what stands before it, and where in the line that begins."""

    level: Level
    message: str
    begin: int = 0
    structured: bool = False


def bare(text: str) -> str:
    """The line without colours and controls."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return _CONTROLS.sub("", text) if not text.isprintable() else text


def head(text: str) -> Head:
    """Of a line without colours."""
    begin = text.find("{", 0, 200)
    if begin >= 0 and text.rstrip().endswith("}") and (parsed := _json(text, begin)):
        return parsed
    at = 0
    if timed := _TIMED.match(text):
        at = timed.end()
    while at < len(text) and (before := _BEFORE.match(text, at)) and before.end() > at:
        at = before.end()
    message = text[at:]
    level = _level(text, message)
    if "=" in message and (fields := dict(_LOGFMT.findall(message))):
        said = ": ".join(
            value.strip('"') for name in ("msg", "message", "error", "err", "reason") if (value := fields.get(name))
        )
        return Head(level, said, at, structured=True)
    return Head(level, message, at)


def _level(text: str, message: str) -> Level:
    if klog := _KLOG_LINE.match(text):
        return _KLOG[klog[1]]
    if named := _NAMED.search(text[: 2 * _LOOK]):
        return _LEVELS.get(named[1].lower(), "")
    # What stands before the message first, then what the message begins with.
    before = text[: max(0, min(len(text) - len(message) + 1, _LOOK))]
    if upper := _UPPER.search(before):
        return _LEVELS[upper[1].lower()]
    if "##[error]" in text or text.startswith("::error"):
        return "error"
    if begins := _BEGINS.match(message) or _BEGINS.match(before.strip()):
        return _LEVELS[begins[1].lower()]
    if text.startswith(("npm ERR!", "npm error")):
        return "error"
    return ""


def _json(text: str, begin: int) -> Head | None:
    """A record in JSON, alone in its line or after a time."""
    try:
        record = json.loads(text[begin:])
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    flat = {
        **record,
        **{
            key: value
            for key in ("log", "fields", "data", "error", "err")
            if isinstance(inner := record.get(key), dict)
            for key, value in inner.items()
        },
    }
    level: Any = next(
        (
            flat[key]
            for key in ("level", "severity", "lvl", "log.level", "loglevel", "levelname", "@level", "@l", "status")
            if key in flat
        ),
        "",
    )
    known = _PINO.get(level, "") if isinstance(level, int) else _LEVELS.get(str(level).lower(), "")
    said = [str(flat[key]) for key in _SAID if isinstance(flat.get(key), str) and flat[key]][:1]
    thrown = [value for key in _THROWN if isinstance(value := flat.get(key), str) and value][:2]
    if not said and not thrown:
        return None
    return Head(known, ": ".join([*said, *map(_last_of_stack, thrown)]), begin, structured=True)


def _last_of_stack(text: str) -> str:
    """Of a stack trace in one field the line that names what was thrown."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return text.strip()
    return lines[-1].strip() if lines[0].startswith("Traceback") else lines[0].strip()
