"""What stands on the page, and in what order: what failed and why, then when, how long and for how much, then all else."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from exitkit import message
from exitkit.argo.failures import Failure, FailureGroup
from exitkit.argo.workflow import Workflow
from exitkit.context import Context, Entry
from exitkit.message.severity import severity
from exitkit.process import html
from exitkit.process.bill import Bill
from exitkit.process.course import Course
from exitkit.process.criticalpath import AT_THE_END, WAITS, Segment
from exitkit.process.html import block, link, section, table, text
from exitkit.process.money import money
from exitkit.process.report import account, timeline
from exitkit.process.spans import NodeSpan, Spans
from exitkit.process.usage import display
from exitkit.text.excerpt import excerpt
from exitkit.text.safe import line, safe_values
from exitkit.text.units import human_duration

_MOST_GROUPS, _MOST_ROWS, _MOST_STEPS = 20, 50, 1000
_SLOWEST = 10
_MOST_ARTIFACTS = 200
_LONGEST = 8000
_GIST = 500


def as_html(context: Context, course: Course, links: Mapping[str, str] | None = None) -> str:
    """The page; without a record it has no times but those of the facts. `links` are more of them, by what they say."""
    workflow = context.workflow
    shown = account.shown(context)
    head = _head(workflow, shown, course, links or {})
    return html.page(shown.title, (head, *_sections(context, workflow, course), _notes(shown)))


def _sections(context: Context, workflow: Workflow, course: Course) -> Iterator[str]:
    yield section("What failed, and why", "\n".join(_causes(workflow)))
    if changed := _changed(context):
        yield changed
    if course.spans:
        yield section("Timeline", f"{timeline.svg(course.spans, course.path, course.phases)}{_key(course)}")
        yield section("The critical path", _path(course))
        yield section("Slowest steps", _steps(course.slowest[:_SLOWEST], "Slowest steps", course))
    if course.bill:
        yield section("The bill", _bill(course.bill))
    yield section("Asked and used", display.as_html(course.advices))
    yield section("Failed, then succeeded when tried again", _failures(workflow.failures.recovered, workflow))
    yield section("Failed exit handlers and hooks", _failures(workflow.failures.handlers, workflow))
    yield section("Parameters", _values(workflow.parameters, "Parameters"))
    yield section("Outputs", _values(workflow.outputs, "Outputs"))
    yield section("Artifacts", _artifacts(course))
    if course.spans:
        every = _steps(course.spans[:_MOST_STEPS], "All steps", course, is_all=True)
        yield section("All steps", html.folded(f"{len(course.spans):,} steps, in the order of their start", every))
    yield section("What this exit handler did before", _entries(context.entries))
    yield section("Labels", _values(workflow.labels, "Labels"))


def _notes(shown: message.Message) -> str:
    notes = "".join(f"<li>{text(note, 1000)}</li>" for note in shown.footer())
    return section("Notes", f"<ul>{notes}</ul>" if notes else "")


_KEY = (
    '<p class="key faint"><span><i style="background:var(--ok)"></i>succeeded</span>'
    '<span><i style="background:var(--bad)"></i>failed</span>'
    '<span><i style="border:1px dashed var(--bad)"></i>failed, then succeeded</span>'
    '<span><i style="background:var(--hook)"></i>hook</span>'
    '<span><i style="background:var(--wait);opacity:.6"></i>waiting on the critical path</span>'
    '<span><i style="background:var(--ink);height:.2rem"></i>the critical path</span></p>'
)
_PODS_KEY = (
    '<p class="key faint"><span><i style="background:var(--ok);opacity:.3"></i>lighter: its pod was pending</span>'
    '<span><i style="background:var(--ok);opacity:.6"></i>then initialising</span></p>'
)


def _key(course: Course) -> str:
    return _KEY + (_PODS_KEY if course.phases else "")


_TOLD_BY_SPANS = frozenset({"Status", "Duration", "Started", "Finished"})
"""What the badge and the first line say already."""


def _ran(spans: Spans) -> str:
    """`3m 20s, 2026-11-27 03:00:00 to 03:03:20 UTC`."""
    start, end = _moment(spans.start), _moment(spans.end)
    return f"{human_duration(spans.seconds)}, {start} to {end.removeprefix(start[:11])} UTC"


def _head(workflow: Workflow, shown: message.Message, course: Course, links: Mapping[str, str]) -> str:
    lead = f'<p class="lead">{text(shown.summary, 1000)}</p>' if shown.summary else ""
    facts = [(label, text(value)) for label, value in shown.facts if not course.spans or label not in _TOLD_BY_SPANS]
    if course.spans:
        facts.insert(0, ("Ran", text(_ran(course.spans))))
        did = [span for span in course.spans if span.does and not span.hook]
        if len(did) > 1:
            facts.append(("At once", text(f"at most {_parallel(did):,} of {len(did):,} that ran, each try by itself")))
        if course.bill:
            facts.append(("Cost", text(money(course.bill.cost, course.bill.currency))))
    if workflow.url:
        facts.append(("Argo", link("Open in Argo", workflow.url)))
    if links:
        facts.append(("Links", " · ".join(link(label, url) for label, url in links.items())))
    return f"<header>{html.badge(workflow.status)}<h1>{text(shown.title, 300)}</h1>{lead}{html.pairs(facts)}</header>"


def _causes(workflow: Workflow) -> Iterator[str]:
    """Each message once and whole, the likeliest cause first and unfolded."""
    groups = workflow.failures.groups
    for number, group in enumerate(groups[:_MOST_GROUPS]):
        yield _cause(workflow, group, is_open=number < 3)
    if len(groups) > _MOST_GROUPS:
        yield f"<p>And {len(groups) - _MOST_GROUPS} more messages.</p>"
    if not groups and workflow.failed:
        yield "<p>Argo named no failed step.</p>"


def _cause(workflow: Workflow, group: FailureGroup, *, is_open: bool) -> str:
    first = message.redacted(group.first)
    beside = [*first.remarks, *([f"{_time(first.finished_at)} UTC"] if first.finished_at else [])]
    beside += [f"{group.count} steps with this message"] if group.count > 1 else []
    remarks = text(" · ".join(beside), 500)
    gist = text(first.gist, _GIST) or "It failed without a message."
    summary = f'<strong>{text(first.name)}</strong> <span class="faint">{remarks}</span><br>{gist}'
    detail = excerpt(first.detail, _LONGEST)
    content = (
        block(detail, f"Message of {first.name}")
        if detail and ("\n" in detail or not first.gist.startswith(line(detail, _GIST)))
        else ""
    )
    if group.count > 1:
        names = ", ".join(text(failure.name) for failure in group.failures[1:21])
        content += f"<p>Also: {names}{f' and {group.count - 21} more' if group.count > 21 else ''}</p>"
    lines = "\n".join(line(said.shown, _GIST) for said in first.lines)
    content = (block(lines, f"Lines of the log of {first.name} that say why") if lines else "") + content
    content = (f"<p>→ {text(first.advice, _GIST)}</p>" if first.advice else "") + content
    content += _given(first.inputs, "Inputs") + _given(first.outputs, "Outputs")
    logs = workflow.failure_url(group.first)
    content += f"<p>{link('Logs', logs)}</p>" if logs else ""
    if not content:  # what opens on nothing disappoints
        return f'<div class="failure">{summary}</div>'
    return html.folded(summary, content, is_open=is_open, kind="failure")


def _changed(context: Context) -> str:
    """All that is another than in the last success."""
    past = context.compared()
    if past is None or not past.changes:
        return ""
    rows = [
        (text(change.what), text(change.before), text(change.after), text(change.remark))
        for change in past.changes[:_MOST_ROWS]
    ]
    head = ("What", "Before", "Now", "")
    title = f"Changed since {past.since or 'the last success'} succeeded"
    return section(title, table(head, rows, caption="What changed"))


def _given(values: Mapping[str, str], caption: str) -> str:
    """The first few parameters of a step."""
    shown = list(safe_values(values).items())[:10]
    return html.pairs([(f"{caption}: {name}", text(value)) for name, value in shown])


def _path(course: Course) -> str:
    """What the run waited for, one segment a row, and what share of the whole each is."""
    whole = course.spans.seconds or 1.0
    rows = [
        (
            text(_said(segment)),
            text(segment.span.node.display_name if segment.kind != "run" and segment.span else ""),
            text(human_duration(segment.seconds)),
            f"{segment.seconds / whole:.0%}",
        )
        for segment in course.path
    ]
    waits = sum(segment.seconds for segment in course.path if segment.kind != "run")
    intro = f"<p>{text(human_duration(course.spans.seconds))} in all, of which {text(human_duration(waits))} waiting. What is not on it could have taken longer without harm.</p>"
    shown = table(("Step", "Before", "Took", "Share"), rows[:_MOST_ROWS], caption="The critical path", numbers=(2, 3))
    more = f"<p>And {len(rows) - _MOST_ROWS} more.</p>" if len(rows) > _MOST_ROWS else ""
    return intro + shown + more


def _said(segment: Segment) -> str:
    if segment.span is None:
        return AT_THE_END
    return WAITS[segment.kind] or segment.span.node.display_name


def _steps(spans: Sequence[NodeSpan], caption: str, course: Course, *, is_all: bool = False) -> str:
    on_path = {segment.span.id for segment in course.path if segment.span and segment.kind == "run"}
    names = html.texts([span.node.display_name for span in spans])
    templates = html.texts([span.template for span in spans])
    hosts = html.texts([span.node.host for span in spans])
    phases = html.texts([span.phase for span in spans], 30)
    rows = [
        (
            f"{'&nbsp;' * 2 * min(span.depth, 8) if is_all else ''}{name}",
            template,
            phase,
            _moment(span.start),
            f"{human_duration(span.seconds)}{_phases(span, course)}",
            str(span.attempts) if span.attempts > 1 else "",
            "" if span.node.exit_code in (None, 0) else str(span.node.exit_code),
            host,
            "yes" if span.id in on_path else "",
        )
        for span, name, template, phase, host in zip(spans, names, templates, phases, hosts, strict=True)
    ]
    head = ("Step", "Template", "Phase", "Started (UTC)", "Took", "Tries", "Exit code", "Node", "Critical")
    hidden = len(course.spans) - len(spans) if is_all else 0
    more = f"<p>And {hidden:,} more.</p>" if hidden else ""
    return table(head, rows, caption=caption, numbers=(4, 5, 6)) + more


def _phases(span: NodeSpan, course: Course) -> str:
    """What the timeline shows by shades, in words."""
    known = course.phases.get(span.id)
    return f" ({text(str(known))})" if known and known.running > known.start else ""


def _bill(bill: Bill) -> str:
    rows = [
        (
            text(item.step),
            f"{item.pods:,}",
            text(human_duration(item.seconds)),
            *(f"{item.hours.get(resource, 0):.3f}" for resource in ("cpu", "memory")),
            text(money(item.cost, bill.currency)),
            text(money(item.retries, bill.currency)) if item.retries else "",
        )
        for item in bill.items[:_MOST_ROWS]
    ]
    told = f"<p>{text(money(bill.cost, bill.currency))} for what was requested"
    told += f", of which {text(money(bill.retries, bill.currency))} for tries that failed" if bill.retries else ""
    told += f"; prices of {text(bill.date)}" if bill.date else ""
    told += f"; no price is known for {text(', '.join(bill.missing))}" if bill.missing else ""
    head = ("Step", "Pods", "Ran", "CPU hours", "GiB hours", "Cost", "Of it retries")
    return f"{told}.</p>" + table(head, rows, caption="The bill", numbers=range(1, 7))


def _failures(failures: Sequence[Failure], workflow: Workflow) -> str:
    rows = [
        (
            link(failure.name, workflow.failure_url(failure)),
            text(failure.template_name),
            "" if failure.exit_code is None else str(failure.exit_code),
            text(message.redacted(failure).gist, _GIST),
            text(_time(failure.finished_at)),
        )
        for failure in failures[:_MOST_ROWS]
    ]
    return table(("Step", "Template", "Exit code", "Message", "Finished (UTC)"), rows, caption="Failures", numbers=(2,))


def _values(values: Mapping[str, str], caption: str) -> str:
    rows = [
        (f"<code>{text(name)}</code>", text(value, 500)) for name, value in safe_values(values).items() if name.strip()
    ]
    shown = table(("Name", "Value"), rows, caption=caption)
    return html.folded(f"{len(rows)} of them", shown) if len(rows) > 12 else shown


def _artifacts(course: Course) -> str:
    """Where outputs lie, logs aside, which the failures link to."""
    rows: list[tuple[str, str, str]] = []
    for span in course.spans if course.record else ():
        outputs = span.node.raw.get("outputs")
        if not isinstance(outputs, dict) or "artifacts" not in outputs or not span.does:
            continue
        for artifact in span.node.artifacts:
            name, places = str(artifact.get("name", "")), artifact.values()
            key = next((str(place["key"]) for place in places if isinstance(place, Mapping) and place.get("key")), "")
            if key and not name.endswith("-logs"):
                rows.append((text(span.node.display_name), text(name), f"<code>{text(key, 500)}</code>"))
        if len(rows) > _MOST_ARTIFACTS:
            break
    shown = table(("Step", "Artifact", "Key"), rows, caption="Artifacts")
    return html.folded(f"{len(rows):,} of them", shown) if len(rows) > 12 else shown


def _entries(entries: Sequence[Entry]) -> str:
    rows = [
        (
            f"{severity(entry.outcome).mark} {text(entry.step)}",
            text(entry.outcome),
            text("; ".join((entry.summary, *entry.notes)), 600),
            text(human_duration(entry.seconds)),
        )
        for entry in entries[:_MOST_ROWS]
    ]
    shown = table(("Step", "Outcome", "Summary", "Took"), rows, caption="Steps of the exit handler", numbers=(3,))
    return shown + "".join(map(_rows_of, entries[:_MOST_ROWS]))


def _rows_of(entry: Entry) -> str:
    """What a step has told as rows of columns, as process.query does."""
    columns, rows = entry.facts.get("columns"), entry.facts.get("rows")
    if not (isinstance(columns, list) and isinstance(rows, list) and columns and rows):
        return ""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows if isinstance(row, Mapping)]
    count = entry.facts.get("count")
    more = count - len(rows) if isinstance(count, int) else 0
    shown = table([str(column) for column in columns], cells[:_MOST_STEPS], caption=f"Rows of {entry.step}")
    return f"<h3>{text(entry.step)}</h3>{shown}" + (f"<p>And {more:,} more rows.</p>" if more > 0 else "")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return text(f"{value:.6g}" if isinstance(value, float) else str(value))


def _parallel(spans: Sequence[NodeSpan]) -> int:
    """How many ran at once, at most."""
    changes = sorted([(span.start, 1) for span in spans] + [(max(span.end, span.start + 0.5), -1) for span in spans])
    most = now = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def _time(moment: datetime | None) -> str:
    return _moment(moment.timestamp()) if moment else ""
