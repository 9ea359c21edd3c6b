"""How a run did beside those before it, in one line: how often in a row, how long against the usual, how often it fails."""

from typing import Final

from exitkit.history.ends import End, Ends
from exitkit.text.units import human_duration

ENOUGH_TIMES: Final = 3
"""Successes whose durations are known, from which on a usual duration is told."""

ENOUGH_ENDS: Final = 5
"""Ends, this one included, from which on it is told how often the series fails."""

_LIKE = 1.25  # times longer or shorter than usual, which nobody would call unusual
_WORDS = ("", "every", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def sentence(ends: Ends, this: End, duration: float | None) -> str:
    """`4th failure in a row; took 21m, usually 8m; fails one time in five (10 of the last 50)`; "" where too little is known.

    `ends` are those with this one, `duration` is in seconds.
    """
    return "; ".join(part for part in (_streak(ends, this), _times(ends, this, duration), rate(ends, this)) if part)


def _streak(ends: Ends, this: End) -> str:
    earlier = [end for end in ends.each if end.id != this.id and end.at <= this.at]
    if this.failed:
        row = ends.failures_in_a_row()
        return f"{ordinal(row)} failure in a row" if row > 1 else ""
    row = 0
    for end in reversed(earlier):
        if not end.failed:
            break
        row += 1
    else:
        row += ends.before if earlier else 0
    if not row:
        return ""
    return "succeeded after a failure" if row == 1 else f"succeeded after {row:,} failures in a row"


def _times(ends: Ends, this: End, duration: float | None) -> str:
    usual = ends.usual_duration(but=this)
    if duration is None or usual is None or ends.times_known(but=this) < ENOUGH_TIMES:
        return ""
    if usual / _LIKE <= duration <= usual * _LIKE or coarse(duration) == coarse(usual):
        return f"took {coarse(duration)}, as usual"
    return f"took {coarse(duration)}, usually {coarse(usual)}"


def rate(ends: Ends, this: End) -> str:
    """How often the series fails, of the ends that are known up to this one."""
    each = [end for end in ends.each if end.at <= this.at]
    failed = sum(end.failed for end in each)
    if len(each) < ENOUGH_ENDS or not failed:
        return ""
    if failed == len(each):
        return f"no success in the last {len(each)}"
    if failed == 1 and this.failed:
        return f"the first failure in the last {len(each)}"
    times = round(len(each) / failed)
    counted = f"{failed} of the last {len(each)}"
    if failed * 2 > len(each):
        return f"fails more often than not ({counted})"
    word = _WORDS[times] if times < len(_WORDS) else str(times)
    return f"fails one time in {word} ({counted})"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`, `21st`."""
    end = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{end}"


def coarse(seconds: float) -> str:
    """As people say it: whole minutes from ten minutes on, whole seconds from ten seconds on."""
    step = 60 if seconds >= 600 else 1 if seconds >= 10 else 0.1
    return human_duration(round(seconds / step) * step)
