"""The series as Markdown for people, and as JSON for machines."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from exitkit.argo.timestamp import write_moment
from exitkit.message import markdown
from exitkit.message.markdown import code, escape, link
from exitkit.message.severity import severity
from exitkit.process.history import words
from exitkit.process.history.pastrun import PastRun
from exitkit.process.history.summary import FlakyStep, StepTimes, Summary, SummedBill
from exitkit.process.money import money
from exitkit.process.usage import display
from exitkit.process.usage.advice import patch
from exitkit.text.safe import line
from exitkit.text.units import human_duration

_MOST_BYTES = 1_000_000  # as of the report's Markdown
_MOST_ROWS, _MOST_RUNS, _MOST_STEPS = 20, 100, 200
_CELL = 300


def as_json(series: str, namespace: str, summary: Summary, notes: Sequence[str]) -> dict[str, object]:
    """For machines; `version` is raised when a key changes its meaning. Times are RFC 3339, durations seconds."""
    last, success = summary.last, summary.last_success
    return {
        "version": 1,
        "series": series,
        "namespace": namespace,
        "title": words.title(words.short(series), summary),
        "summary": words.lead(summary),
        "counts": {"total": len(summary.runs), "succeeded": summary.succeeded, "failed": summary.failed},
        "failuresInARow": summary.failures_in_a_row,
        "last": _run(last) if last else None,
        "lastSuccess": _run(success) if success else None,
        "duration": {
            "median": summary.median,
            "p95": summary.percentile(0.95),
            "least": summary.durations[0] if summary.durations else None,
            "most": summary.durations[-1] if summary.durations else None,
        },
        "causes": [
            {"cause": cause.cause, "count": len(cause.runs), "steps": list(cause.steps), "last": cause.runs[-1].name}
            for cause in summary.causes
        ],
        "flaky": [_flaky(step) for step in summary.flaky[:_MOST_STEPS]],
        "slowest": [_times(times) for times in summary.slowest[:_MOST_STEPS]],
        "bills": [_bill(bill) for bill in summary.bills],
        "usage": display.as_json(summary.advices),
        "patch": patch(summary.advices),
        "runs": [_run(run) for run in summary.runs],
        "notes": list(notes),
    }


def _flaky(step: FlakyStep) -> dict[str, object]:
    return {
        "step": step.name,
        "runs": step.runs,
        "passedWhenTriedAgain": [run.name for run in step.within],
        "passedInALaterRun": [run.name for run in step.across],
        "tries": step.tries,
        "failed": step.failed,
        "lost": step.lost,
    }


def _times(times: StepTimes) -> dict[str, object]:
    return {
        "step": times.name,
        "runs": times.runs,
        "median": times.median,
        "most": times.most,
        "last": times.last,
        "before": times.before,
        "lately": times.lately,
        "slower": times.is_slower,
    }


def _bill(bill: SummedBill) -> dict[str, object]:
    return {
        "currency": bill.currency,
        "runs": bill.runs,
        "cost": round(bill.cost, 6),
        "mean": round(bill.mean, 6),
        "failed": round(bill.failed, 6),
        "retries": round(bill.retries, 6),
        "steps": [{"step": step, "cost": round(cost, 6)} for step, cost in bill.steps[:_MOST_STEPS]],
    }


def _run(run: PastRun) -> dict[str, object]:
    facts = {
        "name": run.name,
        "uid": run.uid,
        "status": run.status,
        "startedAt": _written(run.started),
        "finishedAt": _written(run.ended),
        "seconds": run.seconds,
        "cause": run.cause,
        "failedSteps": list(run.failed_steps),
        "retries": sum(step.failed for step in run.steps.values() if step.failed_on & step.passed_on),
        "cost": round(run.cost.cost, 6) if run.cost else None,
        "currency": run.cost.currency if run.cost else "",
        "ends": run.ends if run.ends > 1 else None,
        "url": run.url,
        "from": run.source,
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [], 0) or key == "seconds"}


def as_markdown(series: str, summary: Summary, notes: Sequence[str], scope: str) -> str:
    """For people: how it stands first; at most a megabyte."""
    return markdown.fit(list(_parts(series, summary, notes, scope)), _MOST_BYTES)


def _parts(series: str, summary: Summary, notes: Sequence[str], scope: str) -> Iterator[str]:
    mark = severity(summary.last.status).mark if summary.last else ""
    yield f"# {mark} {escape(words.title(series, summary))}"
    yield f"**{escape(words.lead(summary))}**"
    yield "\n".join(f"- {escape(label)}: {escape(value)}" for label, value in words.facts(summary))
    causes = [
        (escape(line(cause.cause or words.NO_CAUSE, _CELL)), escape(", ".join(cause.steps)), str(len(cause.runs)), _linked(cause.runs[-1]))
        for cause in summary.causes[:_MOST_ROWS]
    ]  # fmt: skip
    yield from _section("What failed, and why", markdown.table(("Cause", "Steps", "Runs", "Last run"), causes))
    flaky = [
        (code(step.name), str(step.runs), str(len(step.within) or ""), str(len(step.across) or ""), f"{step.failed} of {step.tries}", human_duration(step.lost))
        for step in summary.flaky[:_MOST_ROWS]
    ]  # fmt: skip
    head = ("Step", "Runs", "By another try", "By a later run", "Failed tries", "Lost")
    yield from _section("Flaky steps", f"{words.FLAKY}\n\n{markdown.table(head, flaky)}" if flaky else "")
    slower = [
        (code(times.name), human_duration(times.before or 0), human_duration(times.lately or 0), words.more(times))
        for times in summary.slower[:_MOST_ROWS]
    ]
    told = f"{words.SLOWER}\n\n{markdown.table(('Step', 'Before', 'Lately', 'More'), slower)}"
    yield from _section("Slower lately", told if slower else "")
    slowest = [
        (code(times.name), str(times.runs), *map(human_duration, (times.median, times.most, times.last)))
        for times in summary.slowest[:_MOST_ROWS]
    ]
    yield from _section("Slowest steps", markdown.table(("Step", "Runs", "Median", "Longest", "Last"), slowest))
    for bill in summary.bills:
        steps = [(code(step), escape(money(cost, bill.currency))) for step, cost in bill.steps[:_MOST_ROWS]]
        yield from _section("The bill", f"{escape(words.bill(bill))}\n\n{markdown.table(('Step', 'Cost'), steps)}")
    yield from _section("Asked and used", display.as_markdown(summary.advices))
    yield from _section("Runs", _runs(summary.runs))
    yield from _section("Notes", "\n".join(f"- {escape(note)}" for note in (scope, *notes) if note))


def _runs(runs: Sequence[PastRun]) -> str:
    rows = [
        (
            f"{severity(run.status).mark} {_linked(run)}",
            f"{datetime.fromtimestamp(run.ended, UTC):%Y-%m-%d %H:%M}",
            human_duration(run.seconds) if run.seconds is not None else "",
            escape(", ".join(run.failed_steps)),
            escape(money(run.cost.cost, run.cost.currency)) if run.cost else "",
        )
        for run in runs[: -_MOST_RUNS - 1 : -1]
    ]
    more = f"\n\nAnd {len(runs) - _MOST_RUNS} more." if len(runs) > _MOST_RUNS else ""
    return markdown.table(("Run", "Ended (UTC)", "Took", "Failed steps", "Cost"), rows) + more


def _section(title: str, content: str) -> tuple[str, ...]:
    return (f"## {title}", content) if content else ()


def _linked(run: PastRun) -> str:
    return link(run.name, run.url)


def _written(seconds: float | None) -> str | None:
    return write_moment(datetime.fromtimestamp(seconds, UTC)) if seconds is not None else None
