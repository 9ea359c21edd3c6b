"""What stands on the page of a series, and in what order: how it stands, what failed, then times, steps and costs."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from exitkit.message.severity import severity
from exitkit.process import html
from exitkit.process.history import chart, words
from exitkit.process.history.pastrun import PastRun
from exitkit.process.history.summary import CommonCause, FlakyStep, StepTimes, Summary
from exitkit.process.html import link, section, table, text
from exitkit.process.money import money
from exitkit.process.usage import display
from exitkit.text.units import human_duration

MOST_ROWS = 20
MOST_RUNS = 500


def as_html(series: str, summary: Summary, notes: Sequence[str], scope: str) -> str:
    """The page; `scope` says what it is made of."""
    return html.page(words.title(series, summary), _sections(series, summary, notes, scope))


def _sections(series: str, summary: Summary, notes: Sequence[str], scope: str) -> Iterator[str]:
    yield _head(series, summary)
    yield section("What failed, and why", _causes(summary.causes))
    yield section("Flaky steps", _flaky(summary.flaky))
    usual = "The line across is the median of the runs that succeeded." if summary.median else ""
    yield section("Durations", f'{chart.svg(summary.runs, summary.median)}<p class="faint">{text(_KEY)} {usual}</p>')
    yield section("Slower lately", _slower(summary.slower))
    yield section("Slowest steps", _slowest(summary.slowest))
    yield section("The bill", "".join(_bills(summary)))
    yield section("Asked and used", display.as_html(summary.advices))
    yield section("All runs", _runs(summary.runs))
    items = "".join(f"<li>{text(note, 500)}</li>" for note in (scope, *notes) if note)
    yield section("Notes", f"<ul>{items}</ul>")


_KEY = "A bar for each run, the oldest first, as high as it took long; those with a cross failed."


def _head(series: str, summary: Summary) -> str:
    last = summary.last
    badge = html.badge(last.status) if last else ""
    lead = f'<p class="lead">{text(words.lead(summary), 500)}</p>'
    facts = [(label, text(value, 500)) for label, value in words.facts(summary)]
    return f"<header>{badge}<h1>{text(words.title(series, summary))}</h1>{lead}{html.pairs(facts)}</header>"


def _causes(causes: Sequence[CommonCause]) -> str:
    rows = [
        (
            text(cause.cause or words.NO_CAUSE, 500),
            text(", ".join(cause.steps), 300),
            str(len(cause.runs)),
            _linked(cause.runs[-1]),
            _moment(cause.runs[-1].ended),
        )
        for cause in causes[:MOST_ROWS]
    ]
    shown = table(
        ("Cause", "Steps", "Runs", "Last run", "Ended (UTC)"), rows, caption="Causes of failures", numbers=(2,)
    )
    return shown + _more(len(causes))


def _flaky(flaky: Sequence[FlakyStep]) -> str:
    rows = [
        (
            text(step.name),
            str(step.runs),
            str(len(step.within)) if step.within else "",
            str(len(step.across)) if step.across else "",
            f"{step.failed:,} of {step.tries:,}",
            text(human_duration(step.lost)),
            _linked(max((*step.within, *step.across), key=lambda run: run.ended)),
        )
        for step in flaky[:MOST_ROWS]
    ]
    head = ("Step", "Runs", "By another try", "By a later run", "Failed tries", "Lost", "Last run")
    shown = table(head, rows, caption="Flaky steps", numbers=(1, 2, 3, 4, 5))
    return f"<p>{text(words.FLAKY)}</p>{shown}{_more(len(flaky))}" if rows else ""


def _slower(slower: Sequence[StepTimes]) -> str:
    rows = [
        (text(times.name), human_duration(times.before or 0), human_duration(times.lately or 0), words.more(times))
        for times in slower[:MOST_ROWS]
    ]
    shown = table(("Step", "Before", "Lately", "More"), rows, caption="Slower lately", numbers=(1, 2, 3))
    return f"<p>{text(words.SLOWER)}</p>{shown}{_more(len(slower))}" if rows else ""


def _slowest(slowest: Sequence[StepTimes]) -> str:
    rows = [
        (text(times.name), str(times.runs), *map(human_duration, (times.median, times.most, times.last)))
        for times in slowest[:MOST_ROWS]
    ]
    head = ("Step", "Runs", "Median", "Longest", "Last")
    return table(head, rows, caption="Slowest steps", numbers=(1, 2, 3, 4)) + _more(len(slowest))


def _bills(summary: Summary) -> Iterator[str]:
    for bill in summary.bills:
        yield f"<p>{text(words.bill(bill))}</p>"
        rows = [
            (text(step), text(money(cost, bill.currency)), f"{cost / bill.cost:.0%}" if bill.cost else "")
            for step, cost in bill.steps[:MOST_ROWS]
        ]
        yield table(("Step", "Cost", "Share"), rows, caption=f"The bill in {bill.currency}", numbers=(1, 2))
        yield _more(len(bill.steps))


def _runs(runs: Sequence[PastRun]) -> str:
    rows = [
        (
            f"{severity(run.status).mark} {_linked(run)}",
            text(run.status),
            _moment(run.ended),
            human_duration(run.seconds) if run.seconds is not None else "",
            text(", ".join(run.failed_steps)),
            str(run.ends) if run.ends > 1 else "",
            text(money(run.cost.cost, run.cost.currency)) if run.cost else "",
        )
        for run in runs[: -MOST_RUNS - 1 : -1]
    ]
    head = ("Run", "Status", "Ended (UTC)", "Took", "Failed steps", "Ended so often", "Cost")
    shown = table(head, rows, caption="All runs", numbers=(3, 5, 6))
    return html.folded(f"{len(runs):,} runs, the newest first", shown, is_open=len(runs) <= MOST_ROWS) if rows else ""


def _linked(run: PastRun) -> str:
    return link(run.name, run.url)


def _more(count: int) -> str:
    return f"<p>And {count - MOST_ROWS:,} more.</p>" if count > MOST_ROWS else ""


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
