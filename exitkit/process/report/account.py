"""The account of a finished workflow, as Markdown for people and as JSON for machines, from the facts alone."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import starmap
from typing import TYPE_CHECKING

from exitkit import message
from exitkit.argo.failures import Failure, FailureGroup
from exitkit.argo.timestamp import write_moment
from exitkit.argo.workflow import Workflow
from exitkit.context import Context, Entry
from exitkit.message import markdown
from exitkit.message.markdown import code, escape, link
from exitkit.message.severity import severity
from exitkit.process.course import Course
from exitkit.process.criticalpath import AT_THE_END, WAITS
from exitkit.process.usage import display
from exitkit.text import safejson
from exitkit.text.excerpt import excerpt
from exitkit.text.safe import clean, line, safe_values
from exitkit.text.units import human_duration

if TYPE_CHECKING:
    from exitkit.history.comparison import RunComparison

MOST_BYTES = 1_000_000
"""GitHub takes 1 MiB for a step's summary.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#step-isolation-and-limits
"""

_MOST_FAILURES = 500  # in JSON; a fan-out of thousands fails for a few reasons, which the groups tell
_MOST_ROWS = 50
_MOST_PAIRS = 10
_MOST_GROUPS = 20
_MOST_NAMES = 20
_MOST_SLOWEST = 10
_LONGEST = 4000
_GIST = 500
_CELL = 200


def as_json(context: Context) -> dict[str, object]:
    """The account for machines; `version` is raised when a key changes its meaning.

    `workflow` has Argo's names, as far as known; secrets are masked. `title` and `summary` are for people.
    `failed` counts the failed steps, `rootCause` is the first of them or null, `failures` are at most 500
    of them in the order in which they finished, `gist` the line that says why, `tries` where there was more than one.
    `groups` put those
    with one message together: message, count, and some of the steps. `recovered` failed before another try
    succeeded, `handlers` are failed exit handlers and hooks. `steps` tell what the exit handler did before this,
    and `notes` what is missing. `history` is there where a store is set: how the run did beside earlier ones, and what of
    it is another than in the last success. Times are RFC 3339, durations seconds.
    """
    workflow = context.workflow
    failures = workflow.failures
    told, past = shown(context), context.compared()
    return {
        "version": 1,
        "workflow": _workflow(workflow),
        "title": told.title,
        "summary": told.summary,
        "failed": len(failures),
        "rootCause": _failure(workflow, failures.first) if failures.first else None,
        "failures": [_failure(workflow, one) for one in failures.all[:_MOST_FAILURES]],
        "groups": [
            {
                "message": excerpt(message.redacted(group.first).text, _LONGEST),
                "count": group.count,
                "steps": [line(one.name, _CELL) for one in group.failures[:10]],
            }
            for group in failures.groups[:100]
        ],
        "recovered": [_failure(workflow, one) for one in failures.recovered[:_MOST_FAILURES]],
        "handlers": [_failure(workflow, one) for one in failures.handlers[:_MOST_FAILURES]],
        "steps": [_entry(one) for one in context.entries],
        "notes": list(told.footer()),
        **({"history": past.facts()} if past else {}),
    }


def as_markdown(context: Context, course: Course | None = None, links: Mapping[str, str] | None = None) -> str:
    """The account for people: what went wrong first, all else below it; at most `MOST_BYTES`."""
    workflow = context.workflow
    told, past = shown(context), context.compared()
    sections = [*_head(workflow, told, links or {}), *_causes(workflow), *_changes(past), *_failed_steps(workflow)]
    sections += _course(course) if course and course.spans else ()
    sections += _values("Outputs", workflow.outputs)
    sections += _values("Parameters", workflow.parameters)
    sections += _values("Labels", workflow.labels)
    sections += _entries(context.entries)
    sections += _section("Notes", "\n".join(f"- {escape(note)}" for note in told.footer()))
    return markdown.fit(sections, MOST_BYTES)


def shown(context: Context) -> message.Message:
    """The run's end as people are told of it."""
    past = context.compared()
    return message.build(
        context.workflow,
        because=context.because,
        usual=past.usual if past else "",
        changed=past.changed if past else "",
    )


def _changes(past: "RunComparison | None") -> Iterator[str]:
    """All that is another than in the last success."""
    if past is None or not past.changes:
        return
    rows = [
        (escape(change.what), code(change.before), code(change.after), escape(change.remark))
        for change in past.changes[:_MOST_ROWS]
    ]
    title = f"Changed since {escape(past.since) or 'the last success'} succeeded"
    yield from _section(title, markdown.table(("What", "Before", "Now", ""), rows))


def _head(workflow: Workflow, told: message.Message, links: Mapping[str, str]) -> Iterator[str]:
    yield f"# {severity(workflow.status).mark} {escape(told.title)}"
    if summary := escape(told.summary):
        yield f"**{summary}**"
    facts = list(told.facts)
    finished = workflow.failures.finished_at
    facts += [("Last failure", f"{_time(finished)} UTC")] if finished else []
    yield " · ".join(f"{escape(label)}: {escape(value)}" for label, value in facts)
    if leads := [*([link("Open in Argo", workflow.url)] if workflow.url else []), *starmap(link, links.items())]:
        yield " · ".join(leads)
    if told.bad and not len(workflow.failures):
        yield "Argo named no failed step."


def _causes(workflow: Workflow) -> Iterator[str]:
    """Each message once and whole, the first failure's at the top."""
    groups = workflow.failures.groups
    if not groups:
        return
    yield "## Root cause" if len(groups) == 1 else "## Root cause and what followed"
    for group in groups[:_MOST_GROUPS]:
        first = message.redacted(group.first)
        beside = [f"**{link(line(first.name, _CELL), workflow.failure_url(group.first))}**"]
        beside += [escape(line(remark, _CELL)) for remark in first.remarks]
        beside += [f"{_time(first.finished_at)} UTC"] if first.finished_at else []
        beside += [f"{group.count} steps with this message"] if group.count > 1 else []
        yield " · ".join(beside)
        if group.count > 1 and (others := _others(group)):
            yield f"Also: {others}"
        gist = line(first.gist, _GIST)
        yield escape(gist) or "It failed without a message."
        if first.advice:
            yield f"→ {escape(line(first.advice, _CELL))}"
        if inputs := _pairs(first.inputs):
            yield f"Inputs: {inputs}"
        if first.lines:
            yield markdown.block("\n".join(line(said.shown, _GIST) for said in first.lines))
        detail = excerpt(first.detail, _LONGEST)
        if "\n" in detail or (detail and not gist.startswith(line(detail, _GIST))):
            yield markdown.block(detail)
    if len(groups) > _MOST_GROUPS:
        yield f"And {len(groups) - _MOST_GROUPS} more messages."


def _pairs(values: Mapping[str, str]) -> str:
    """The first few on one line, without those that are secret."""
    shown = list(safe_values(values).items())[:_MOST_PAIRS]
    return ", ".join(f"{code(name)} {code(line(value, _CELL))}" for name, value in shown)


def _others(group: FailureGroup) -> str:
    """The steps that had the message besides the first, as many as people read."""
    names = [escape(line(failure.name, _CELL)) for failure in group.failures[1 : 1 + _MOST_NAMES]]
    more = group.count - 1 - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _failed_steps(workflow: Workflow) -> Iterator[str]:
    failures = workflow.failures
    if len(failures) > 1:  # else the root cause has said it all
        yield from _steps(f"Failed steps ({len(failures)})", failures.all, workflow)
    yield from _steps("Failed, then succeeded when tried again", failures.recovered, workflow)
    yield from _steps("Failed exit handlers and hooks", failures.handlers, workflow)


def _steps(title: str, failures: Sequence[Failure], workflow: Workflow) -> list[str]:
    today = _day(failures)
    rows = [
        (
            link(line(one.name, _CELL), workflow.failure_url(one)),
            code(line(one.template_name, _CELL)),
            "" if one.exit_code is None else str(one.exit_code),
            escape(line(one.reason, _CELL)),
            str(one.tries) if one.tries > 1 else "",
            escape(line(message.redacted(one).gist, _CELL)),
            _time(one.finished_at, today=today),
        )
        for one in failures[:_MOST_ROWS]
    ]
    head = ("Step", "Template", "Exit code", "Reason", "Tries", "Message", "Finished (UTC)")
    more = f"\n\nAnd {len(failures) - _MOST_ROWS} more." if len(failures) > _MOST_ROWS else ""
    return _section(title, markdown.table(head, rows) + more if rows else "")


def _course(course: Course) -> Iterator[str]:
    """When, how long, and for how much."""
    whole = course.spans.seconds or 1.0
    rows = [
        (
            escape(line(segment.span.node.display_name if segment.span else AT_THE_END, _CELL)),
            WAITS[segment.kind] if segment.span else "",
            human_duration(segment.seconds),
            f"{segment.seconds / whole:.0%}",
        )
        for segment in course.path
    ]
    more = f"\n\nAnd {len(rows) - _MOST_ROWS} more." if len(rows) > _MOST_ROWS else ""
    title = f"The critical path ({human_duration(course.spans.seconds)})"
    yield from _section(title, markdown.table(("Step", "", "Took", "Share"), rows[:_MOST_ROWS]) + more)
    slowest = [
        (escape(line(span.node.display_name, _CELL)), human_duration(span.seconds), code(line(span.node.host, _CELL)))
        for span in course.slowest[:_MOST_SLOWEST]
    ]
    yield from _section("Slowest steps", markdown.table(("Step", "Took", "Node"), slowest))
    if bill := course.bill:
        costs = [
            (
                code(line(item.step, _CELL)),
                str(item.pods),
                f"{item.cost:.4f}",
                f"{item.retries:.4f}" if item.retries else "",
            )
            for item in bill.items[:_MOST_ROWS]
        ]
        told = f"{bill.cost:.4f} {escape(bill.currency)} for what was requested"
        told += f", at prices of {escape(bill.date)}" if bill.date else ""
        told += f"; no price is known for {escape(', '.join(bill.missing))}" if bill.missing else ""
        head = ("Step", "Pods", f"Cost ({escape(bill.currency)})", "Of it retries")
        yield from _section("The bill", f"{told}.\n\n{markdown.table(head, costs)}")
    yield from _section("Asked and used", display.as_markdown(course.advices))


def _values(title: str, values: Mapping[str, str]) -> list[str]:
    rows = [(code(name), code(line(value, _CELL))) for name, value in safe_values(values).items() if name.strip()]
    return _section(title, markdown.table(("Name", "Value"), rows) if rows else "")


def _entries(entries: Sequence[Entry]) -> list[str]:
    rows = [
        (
            f"{severity(one.outcome).mark} {escape(line(one.step, _CELL))}",
            one.outcome,
            escape(line("; ".join((one.summary, *one.notes)), 2 * _CELL)),
            human_duration(one.seconds),
        )
        for one in entries[:_MOST_ROWS]
    ]
    return [
        *_section(
            "What this exit handler did before",
            markdown.table(("Step", "Outcome", "Summary", "Took"), rows) if rows else "",
        ),
        *(part for one in entries[:_MOST_ROWS] for part in _tables(one)),
    ]


def _tables(entry: Entry) -> Iterator[str]:
    """What a step has told as a fact `table`, which is Markdown."""
    table = entry.facts.get("table")
    if isinstance(table, str) and table:
        yield from _section(escape(line(entry.step, _CELL)), table)


def _section(title: str, content: str) -> list[str]:
    return [f"## {title}", content] if content else []


def _workflow(workflow: Workflow) -> dict[str, object]:
    facts = {
        "name": line(workflow.name, _CELL),
        "namespace": line(workflow.namespace, _CELL),
        "uid": line(workflow.uid, _CELL),
        "status": line(workflow.status, _CELL),
        "duration": workflow.duration if math.isfinite(workflow.duration or 0) else None,
        "creationTimestamp": write_moment(workflow.creation_timestamp),
        "startedAt": write_moment(workflow.started_at),
        "finishedAt": write_moment(workflow.finished_at),
        "submittedBy": line(workflow.submitted_by, _CELL),
        "counts": dict(workflow.counts),
        "scheduledTime": write_moment(workflow.scheduled_time),
        "mainEntrypoint": line(workflow.main_entrypoint, _CELL),
        "url": workflow.url,
        "subject": line(workflow.subject, _CELL),
    }
    known = {key: value for key, value in facts.items() if value not in (None, "", {})}
    values = {"parameters": workflow.parameters, "outputs": workflow.outputs, "labels": workflow.labels}
    return {**known, **{name: safe_values(one) for name, one in values.items()}}


def _failure(workflow: Workflow, one: Failure) -> dict[str, object]:
    facts = {
        "step": line(one.name, _CELL),
        "template": line(one.template_name, _CELL),
        "phase": line(one.phase, _CELL),
        "pod": line(one.pod_name, _CELL),
        "container": line(one.container, _CELL),
        "exitCode": one.exit_code,
        "reason": line(one.reason, _CELL),
        "gist": line(message.redacted(one).gist, _GIST),
        "message": excerpt(message.redacted(one).text, _LONGEST),
        "tries": one.tries if one.tries > 1 else None,
        "startedAt": write_moment(one.node.started_at) if one.node else "",
        "finishedAt": write_moment(one.finished_at),
        "duration": one.node.duration if one.node else None,
        "host": line(one.node.host, _CELL) if one.node else "",
        "inputs": safe_values(one.inputs),
        "outputs": safe_values(one.outputs),
        "requests": safe_values(one.resources.requests),
        "limits": safe_values(one.resources.limits),
        "lines": [said.facts() for said in one.lines],
        "cure": line(one.cure, _CELL),
        "platform": True if one.platform else None,
        "url": workflow.failure_url(one),
    }
    return {key: value for key, value in facts.items() if value not in (None, "", {}, [])}


def _entry(one: Entry) -> dict[str, object]:
    told: dict[str, object] = {"step": one.step, "uses": one.uses, "outcome": one.outcome}
    told |= {"summary": clean(one.summary, _LONGEST), "seconds": round(one.seconds, 3)}
    told |= {"facts": json.loads(safejson.dumps(one.facts))} if one.facts else {}
    return told | ({"notes": [clean(note, _LONGEST) for note in one.notes]} if one.notes else {})


def _day(failures: Sequence[Failure]) -> str:
    """The day on which all failed, if it was one: it need not stand in every row."""
    days = {f"{one.finished_at.astimezone(UTC):%Y-%m-%d}" for one in failures if one.finished_at}
    return days.pop() if len(days) == 1 else ""


def _time(time: datetime | None, *, today: str = "") -> str:
    if time is None:
        return ""
    text = f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return text.removeprefix(today).strip()
