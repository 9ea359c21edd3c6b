"""The report of a run that did not make its own, from what it had told its watchdog by then.

It loads little, because there may be little time and memory left.
"""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from exitkit.entry import Entry
from exitkit.run import output
from exitkit.run.report import FailOn, Report
from exitkit.run.unfinished import TIME, settle


class Told(NamedTuple):
    """A step of the plan, as the run told it before the first one began."""

    id: str
    uses: str
    required: bool
    fallback: tuple[str, ...]


def tell(messages: Sequence[tuple[str, Any]], why: str, number: int, died: str, decided: Callable[[int], None]) -> int:
    """Write the report wherever the run would have written it, and its exit code.

    `messages` are what the run told, in order; `why` is `time`, `signal` or `death`, `number` the signal's and `died`
    how the process ended. `decided` hears of the exit code before anything is printed, which may take for ever.
    """
    run: dict[str, Any] = {}
    place: output.Place | None = None
    fail_on: FailOn = "any"
    entries: dict[str, Entry] = {}
    begun: set[str] = set()
    for kind, what in messages:
        if kind == "place":
            place = output.Place(*what)
        elif kind == "counts":
            fail_on = what[0]
        elif kind == "plan":
            run = what[0]
        elif kind == "began":
            begun.add(what[0])
        elif kind == "entry":
            entry = _entry(json.loads(what[0]), what[1])
            entries[entry.step] = entry
    before = "" if run else "; no step had begun"
    if place is None:  # it is not known what was to be done, or nothing is to be written
        if why != "signal":
            output.say(_NOTES[why].format(died=died) + before)
        return {"time": 3, "signal": 128 + number}.get(why, 1)
    words = ("when the process ended", "the process had ended", "other") if why == "death" else TIME
    note = f"ended by signal {number}; it did not end by itself" if why == "signal" else _NOTES[why].format(died=died)
    if run:
        found = settle([Told(*step) for step in run["steps"]], entries, begun, words)
    else:
        found = (Entry("plan", "", "failed", f"not run: {words[1]}", reason=words[2], required=True),)
    report = Report(
        workflow=run.get("workflow", {}),
        entries=found,
        started=run.get("started", time.time()),
        seconds=time.monotonic() - run["began"] if run else 0.0,
        notes=(*run.get("notes", ()), note + before),
        cut=why != "death",
        fail_on=fail_on,
        signal=number if why == "signal" else 0,
    )
    decided(report.exit_code)
    if not run and why == "signal":  # whoever sent it before anything began knows what comes of it
        return output.fill(report, place).exit_code
    return output.write(report, place, decided).exit_code


_NOTES = {
    "time": "the time ran out, and what was under way did not let go",
    "death": "the process was ended from within, {died}",
}


def _entry(told: dict[str, Any], printed: str) -> Entry:
    return Entry(
        told["step"],
        told["uses"],
        told["outcome"],
        told["summary"],
        reason=told.get("reason", ""),
        seconds=told["seconds"],
        required=told["required"],
        because=told.get("because", ""),
        facts=told.get("facts", {}),
        notes=tuple(told.get("notes", ())),
        covered_by=told.get("coveredBy", ""),
        output=printed,
    )
