"""Which of a log's suspicious lines says best why the run failed."""

import math
import re
from dataclasses import dataclass
from typing import Final

from exitkit.explain import traces
from exitkit.explain.candidate import Candidate, Findings, candidate
from exitkit.explain.head import Level

_MENTION = re.compile(r"\b(?:[a-z_$][\w$]*\.)+[A-Z]\w*(?:Error|Exception)\b|\b[A-Z]\w+(?:Error|Exception)\b")
# A place in a source file that whoever compiles or checks it complains of.
_LOCATED = re.compile(
    r"(?:^|[\s(\[])[\w./\\@+-]*\w\.[A-Za-z]{1,12}(?::\d+|:?\[\d+,\d+\]|\(\d+(?:,\d+)?\)):?(?::?\d+)?(?:[:\s-]|$)"
)
_EXECUTOR: Final = "argo=true"  # in lines of Argo's executor, which speaks after the program
_TEST = re.compile(r"-{3} FAIL|\bFAILED\b|^(?:\u2715|\u2717|\u2716|\u25cf|not ok\b)|^E {2,}\S|\bFAIL:")
_NEAR: Final = 1.5  # how much weaker a line may be that said the same before
_EVENT: Final = 15  # lines between two candidates of one event at most
_AGAIN: Final = 2.0  # how much weaker a line is that only repeats a better one
_MEANS: Final = 3  # words that a line must have to be repeated
_SAME: Final = 0.8
_SOUND: Final = re.compile(r"[A-Za-z]{2,}")
_TOKEN: Final = re.compile(r"\w+")


_ONLY_BAD = re.compile(r"\b(?:error|fatal|fail(?:ed|ure)?|warning|exception|npm|err)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Weights:
    """What speaks for a line and against it."""

    fatal: float = 2.6
    error: float = 2.0
    warning: float = -0.5
    info: float = -1.5
    debug: float = -2.5
    exception: float = 1.8
    mention: float = 0.6
    thrown: float = 1.2
    root: float = 1.0
    later: float = -0.8
    located: float = 0.8
    test: float = 0.9
    cause: float = 1.6
    causes: float = 0.3
    word: float = 0.8
    words: float = 0.2
    summary: float = -1.6
    summaries: float = -0.4
    advice: float = -2.5
    calm: float = -1.6
    bare: float = -1.5
    follows: float = 0.6
    repeated: float = -0.15
    excused: float = 0.6
    indented: float = -1.0
    executor: float = -1.8
    first: float = 1.2
    fading: float = 0.75
    strong: float = 2.0
    late: float = 1.2
    last: float = -0.3
    back: float = -0.15


WEIGHTS: Final = Weights()
_LEVELS: Final[dict[Level, str]] = {
    "fatal": "fatal",
    "error": "error",
    "warning": "warning",
    "info": "info",
    "debug": "debug",
}


def strength(one: Candidate, weights: Weights = WEIGHTS) -> float:
    """How much a line by itself says of what went wrong."""
    message, kinds = one.head.message, one.kinds
    level = _LEVELS.get(one.head.level)
    total = getattr(weights, level) if level else 0.0
    total += (
        weights.exception
        if traces.EXCEPTION.match(message) or (one.thrown and not one.thrown.later)
        else weights.mention
        if _MENTION.search(message)
        else 0
    )
    if one.thrown:
        total += weights.thrown + weights.root * one.thrown.root + weights.later * one.thrown.later
    total += weights.located * bool(_LOCATED.search(message)) + weights.test * bool(_TEST.search(message))
    for single, more, name in (
        (weights.cause, weights.causes, "cause"),
        (weights.word, weights.words, "word"),
        (weights.summary, weights.summaries, "summary"),
    ):
        if kinds[name]:
            total += single + more * (kinds[name] - 1)
    if kinds["summary"] and kinds["cause"]:
        total -= weights.excused * (weights.summary + weights.summaries * (kinds["summary"] - 1))
    if level in ("error", "fatal") and message == "":
        total += weights.bare
    if one.head.message and text_indent(one):
        total += weights.indented
    total += weights.executor * (_EXECUTOR in one.text)
    total += weights.advice * bool(kinds["advice"]) + weights.calm * bool(kinds["calm"])
    total += weights.bare * (len(_TOKEN.findall(_ONLY_BAD.sub("", message))) < 2) + weights.follows * one.follows
    return total + weights.repeated * math.log2(one.count)


def text_indent(one: Candidate) -> bool:
    """Whether what is said goes on from the line before: it has a level, and is indented behind it."""
    return (
        bool(one.head.level) and one.text[max(0, one.head.begin - 2) : one.head.begin].isspace() and one.head.begin > 3
    )


def ranked(findings: Findings, *, compared: bool, weights: Weights = WEIGHTS) -> list[tuple[float, Candidate]]:
    """The candidates and the log's last lines with their strengths, best first."""
    scored = []
    rank = begin = before = 0
    for one in sorted(findings.candidates, key=lambda one: one.number):
        # Lines near each other are one event, of which no line is later than another.
        begin = one.number if one.number > before + _EVENT else begin
        before = one.number
        own = strength(one, weights)
        if own >= weights.strong:
            own += weights.first * weights.fading**rank if compared else 0
            rank += 1
        own += 0 if compared else weights.late * begin / max(1, findings.lines)
        scored.append((own, one))
    numbers = {one.number for one in findings.candidates}
    for back, (number, line) in enumerate(reversed(findings.ending or ([] if scored else findings.last))):
        if number not in numbers and not any(number in each for each in findings.traces):
            last = candidate(number, line)
            scored.append((min(strength(last, weights), 0) + weights.last + weights.back * back, last))
    return sorted(scored, key=lambda pair: (-pair[0], pair[1].number))


def chosen(findings: Findings, *, compared: bool, top: int) -> list[tuple[float, Candidate]]:
    """The best, each with a score between 0 and 1; one that only repeats another comes after those that do not."""
    best: list[tuple[float, Candidate]] = []
    again: list[tuple[float, Candidate]] = []
    for own, one in ranked(findings, compared=compared):
        if len(best) >= top and own < best[-1][0] - _NEAR:
            break
        place = next((place for place, (_, other) in enumerate(best) if _repeats(one, other)), None)
        if place is None:
            best.append((own, one))
        elif one.number < best[place][1].number and own > best[place][0] - _NEAR and not one.kinds["summary"]:
            # Said before, nearly as well: where it was said first is nearer to the cause.
            again.append((own - _AGAIN, best[place][1]))
            best[place] = (best[place][0], one)
        else:
            again.append((own - _AGAIN, one))
    found = sorted([*best, *again], key=lambda pair: -pair[0])[:top]
    return [(1 / (1 + math.exp(-own / 2)), one) for own, one in found]


def _repeats(one: Candidate, other: Candidate) -> bool:
    """Whether nearly all the words of one are those of the other."""
    words, others = (set(_SOUND.findall(each.head.message)) for each in (one, other))
    fewer = min(len(words), len(others))
    return fewer >= _MEANS and len(words & others) >= _SAME * fewer
