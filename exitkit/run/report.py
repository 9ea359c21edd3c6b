"""What a run came to: its entries, its exit code, and the forms in which it is told."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from exitkit.builtin import BUILTIN
from exitkit.entry import Entry
from exitkit.text import redact
from exitkit.text.safejson import Word, dumps

if TYPE_CHECKING:
    from exitkit.argo.workflow import Workflow

FailOn = Literal["any", "required", "never"]

FAILED, REFUSED, CUT = 1, 2, 3

# Kubernetes keeps 4096 bytes of a termination message:
# https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
_TERMINATION_BYTES = 4096


@dataclass(frozen=True)
class Report:
    """Entries in the plan's order; `started` in Unix seconds; `cut` where the deadline or a signal ended it.

    `notes` tell which facts were degraded. `signal` is the number of the signal that ended it, or 0; `refused` says
    that a plan or flag was wrong, so that nothing of it ran; `unwritten` that the report could not be written where
    it was asked for.
    """

    workflow: Mapping[str, object]
    entries: tuple[Entry, ...]
    started: float
    seconds: float
    notes: tuple[str, ...] = ()
    cut: bool = False
    fail_on: FailOn = "any"
    signal: int = 0
    refused: bool = False
    unwritten: bool = False

    @property
    def failures(self) -> tuple[Entry, ...]:
        """Steps that did not do what they should, and that no fallback made good."""
        return tuple(one for one in self.entries if one.outcome in ("failed", "unknown") and not one.covered_by)

    @property
    def exit_code(self) -> int:
        """0 fine, 1 a step failed, 2 the plan is wrong, 3 the deadline cut the run, 130 and 143 a signal did.

        What failed for the workflow's own data alone counts with `any` only: a label that is missing is no reason to
        make a failed workflow of one that succeeded.
        """
        if self.signal:
            return 128 + self.signal
        if self.refused:
            return REFUSED
        if self.fail_on == "never":
            return 0
        counted = [one for one in self.failures if self.fail_on == "any" or (one.required and one.reason != "data")]
        if not counted:
            return FAILED if self.unwritten and self.fail_on == "any" else 0
        return CUT if self.cut else FAILED

    @property
    def outcome(self) -> str:
        """`ok`, `failed`, or `cut`: what happened, whatever is made to count."""
        if not self.failures:
            return "failed" if self.unwritten else "ok"
        return "cut" if self.cut else "failed"

    def to_json(self) -> dict[str, object]:
        """The report for machines; `version` is raised when a key changes its meaning."""
        status = self.workflow.get("status")
        workflow = dict(self.workflow) | ({"status": Word(status)} if isinstance(status, str) else {})
        return {
            Word("version"): 1,
            Word("outcome"): Word(self.outcome),
            Word("exitCode"): self.exit_code,
            Word("workflow"): {Word(key): value for key, value in workflow.items()},
            Word("startedAt"): Word(datetime.fromtimestamp(self.started, UTC).isoformat(timespec="seconds")),
            Word("seconds"): round(self.seconds, 3),
            Word("steps"): [entry_json(one) for one in self.entries],
            Word("notes"): list(self.notes),
        }

    def line(self) -> str:
        """One line for people: what failed and why, else how many steps are fine."""
        if self.failures:
            told = "; ".join(f"{one.step}: {redact.redact(one.summary)}" for one in self.failures)
            return redact.printable(f"exitkit: {told}", _TERMINATION_BYTES)
        done = sum(one.outcome in ("ok", "duplicate") for one in self.entries)
        idle = sum(one.outcome == "skipped" for one in self.entries)
        covered = len(self.entries) - done - idle
        made_good = f", {covered} made good by a fallback" if covered else ""
        unwritten = "; the report could not be written where it was asked for" if self.unwritten else ""
        told = f"{done} of {len(self.entries)} steps done, {idle} with nothing to do{made_good}{unwritten}"
        return f"exitkit: {told}"

    def termination(self) -> bytes:
        """The line, and what the failed steps note, cut to what Kubernetes keeps, at a character's boundary."""
        notes = "".join(f"; {one.step} notes: {_fit(note, 400)}" for one in self.failures for note in one.notes)
        whole = self.line() + notes
        return whole.encode("utf-8", "replace")[:_TERMINATION_BYTES].decode("utf-8", "ignore").encode()

    def table(self, *, width: int = 100, colour: bool = False) -> str:
        """The report for a terminal of so many columns."""
        from exitkit.message.severity import severity  # both load pydantic
        from exitkit.text.units import human_duration

        rows = [
            (severity(one.outcome).sign, one.step, one.outcome, human_duration(one.seconds), one)
            for one in self.entries
        ]
        steps = max((len(row[1]) for row in rows), default=0)
        times = max((len(row[3]) for row in rows), default=0)
        lines = []
        for mark, step, outcome, seconds, entry in rows:
            head = f"{mark} {step:<{steps}}  {outcome:<9}  {seconds:>{times}}  "
            summary = _fit(entry.summary, max(20, width * 4))
            lines.append(_paint(head, outcome, colour=colour) + summary)
            more = [f"because {_fit(entry.because, 400)}"] if entry.because else []
            more += [f"made good by {entry.covered_by}"] if entry.covered_by else []
            more += [_fit(one, 400) for one in entry.notes]
            lines += [" " * 4 + one for one in more]
        lines += [f"! {_fit(one, 400)}" for one in self.notes]
        return "\n".join(lines)


def outputs(report: Report) -> dict[str, str]:
    """What can be written to Argo's output parameters, by name: the report's own, and each step's facts.

    A step's are `<step>-<fact>`, with `-` for what Argo takes in no parameter's name, such as the dot in `notify.slack`.
    """
    found = {
        "report": dumps(report.to_json()),
        "outcome": report.outcome,
        "exit-code": str(report.exit_code),
        "summary": report.line(),
        "failed": ",".join(one.step for one in report.failures),
    }
    for entry in report.entries:
        told = {**entry.facts, "outcome": Word(entry.outcome)}
        for key, value in told.items():
            name = re.sub(r"[^A-Za-z0-9_-]", "-", f"{entry.step}-{key}")
            text = value if isinstance(value, Word) else redact.redact(value) if isinstance(value, str) else None
            found.setdefault(name, dumps(value) if text is None else str(text))
    return found


def identity(workflow: "Workflow") -> dict[str, object]:
    """What a report says of its workflow, as far as it is known."""
    known = {
        "name": workflow.name,
        "namespace": workflow.namespace,
        "uid": workflow.uid,
        "status": workflow.status,
        "url": workflow.url,
    }
    return {key: value for key, value in known.items() if value}


def entries_as_facts(entries: Iterable[Entry]) -> dict[str, object]:
    """`steps.<id>` for templates: outcome, summary and facts of the steps before."""
    return {one.step: {**one.facts, "outcome": one.outcome, "summary": one.summary} for one in entries}


def entry_json(entry: Entry) -> dict[str, object]:
    """An entry for machines; what is empty is left out."""
    is_builtin = entry.uses in BUILTIN
    told: dict[str, object] = {
        "step": Word(entry.step),
        "uses": Word(entry.uses),
        "outcome": Word(entry.outcome),
        "summary": entry.summary,
        "seconds": round(entry.seconds, 3),
        "required": entry.required,
    }
    told |= {"reason": Word(entry.reason)} if entry.reason else {}
    told |= {"because": entry.because} if entry.because else {}
    told |= {"coveredBy": Word(entry.covered_by)} if entry.covered_by else {}
    if entry.facts:  # what an action of ours calls its facts is a word of ours as well
        told["facts"] = {Word(key): value for key, value in entry.facts.items()} if is_builtin else dict(entry.facts)
    told |= {"notes": list(entry.notes)} if entry.notes else {}
    return {Word(key): value for key, value in told.items()}


def _fit(text: str, limit: int) -> str:
    return redact.printable(redact.redact(text), limit)


def _paint(text: str, outcome: str, *, colour: bool) -> str:
    from exitkit.message.severity import severity

    return f"\033[{severity(outcome).terminal}m{text}\033[0m" if colour else text
