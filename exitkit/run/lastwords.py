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


class _Known:
    """What the run had told."""

    def __init__(self, messages: Sequence[tuple[str, Any]]) -> None:
        self.run: dict[str, Any] = {}
        self.place: output.Place | None = None
        self.fail_on: FailOn = "any"
        self.entries: dict[str, Entry] = {}
        self.begun: set[str] = set()
        for kind, what in messages:
            if kind == "place":
                self.place = output.Place(*what)
            elif kind == "counts":
                self.fail_on = what[0]
            elif kind == "plan":
                self.run = what[0]
            elif kind == "began":
                self.begun.add(what[0])
            elif kind == "entry":
                entry = _entry(json.loads(what[0]), what[1])
                self.entries[entry.step] = entry

    def settled(self, words: tuple[str, str, str]) -> tuple[Entry, ...]:
        """An entry for every step, or one for the plan where it is not known."""
        if self.run:
            return settle([Told(*step) for step in self.run["steps"]], self.entries, self.begun, words)
        return (Entry("plan", "", "failed", f"not run: {words[1]}", reason=words[2], required=True),)


def tell(messages: Sequence[tuple[str, Any]], why: str, number: int, died: str, decided: Callable[[int], None]) -> int:
    """Write the report wherever the run would have written it, and its exit code.

    `messages` are what the run told, in order; `why` is `time`, `signal` or `death`, `number` the signal's and `died`
    how the process ended. `decided` hears of the exit code before anything is printed, which may take for ever.
    """
    known = _Known(messages)
    run, place = known.run, known.place
    note = _NOTES[why].format(died=died, number=number) + ("" if run else "; no step had begun")
    if place is None:  # it is not known what was to be done, or nothing is to be written
        if why != "signal":
            output.say(note)
        return {"time": 3, "signal": 128 + number}.get(why, 1)
    report = Report(
        workflow=run.get("workflow", {}),
        entries=known.settled(_DEATH if why == "death" else TIME),
        started=run.get("started", time.time()),
        seconds=time.monotonic() - run["began"] if run else 0.0,
        notes=(*run.get("notes", ()), note),
        cut=why != "death",
        fail_on=known.fail_on,
        signal=number if why == "signal" else 0,
    )
    decided(report.exit_code)
    if not run and why == "signal":  # whoever sent it before anything began knows what comes of it
        return output.fill(report, place).exit_code
    return output.write(report, place, decided).exit_code


_DEATH = ("when the process ended", "the process had ended", "other")
_NOTES = {
    "time": "the time ran out, and what was under way did not let go",
    "signal": "ended by signal {number}; it did not end by itself",
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
