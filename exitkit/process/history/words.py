"""What people are told of a series, in words that the page, Markdown and the step's summary share."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from exitkit.process.history.summary import StepTimes, Summary, SummedBill
from exitkit.process.money import money
from exitkit.text.units import human_duration

NO_CAUSE: Final = "Nobody told why."

FLAKY: Final = (
    "Steps that failed, and then passed on the same inputs: in another try of their run, or in a later run with the same "
    "template, inputs and parameters. What passes by chance will fail by chance."
)

SLOWER: Final = "Medians of the last third of the runs, against those before them."


def short(series: str) -> str:
    """The series as people call it: `nightly` of `cron/nightly`."""
    return series.removeprefix("cron/").removeprefix("template/") or "all"


def title(series: str, summary: Summary) -> str:
    """`nightly: 27 of 30 runs succeeded`."""
    return (
        f"{series}: {summary.succeeded} of {len(summary.runs)} {'runs' if len(summary.runs) != 1 else 'run'} succeeded"
    )


def lead(summary: Summary) -> str:
    """How the series stands by now, in a sentence."""
    row, success = summary.failures_in_a_row, summary.last_success
    if not row:
        fixed = len(summary.runs) > 1 and summary.runs[-2].failed
        return "The last run succeeded, after one that failed." if fixed else "The last run succeeded."
    since = (
        f"; the last success was {success.name} on {_day(success.ended)}"
        if success
        else "; none is known to have succeeded"
    )
    return f"The last {'run' if row == 1 else f'{row} runs'} failed{since}."


def facts(summary: Summary) -> Iterator[tuple[str, str]]:
    if summary.runs:
        yield "Ended", f"{_day(summary.runs[0].ended)} to {_day(summary.runs[-1].ended)} (UTC)"
    if summary.median is not None:
        most = summary.percentile(0.95)
        yield "Usual duration", f"{human_duration(summary.median)}; 95% took at most {human_duration(most or 0)}"
    if (last := summary.last) and last.seconds is not None and summary.median:
        yield (
            "Last run",
            f"{last.status} after {human_duration(last.seconds)}, {last.seconds / summary.median:.0%} of the usual",
        )
    if summary.flaky:
        yield (
            "Flaky",
            ", ".join(step.name for step in summary.flaky[:5]) + (" and more" if len(summary.flaky) > 5 else ""),
        )
    for each in summary.bills:
        yield "Cost", f"{money(each.cost, each.currency)}, {money(each.mean, each.currency)} a run"


def bill(each: SummedBill) -> str:
    """What all runs cost, what one does, and what went into tries that failed."""
    vain = [
        f"{money(amount, each.currency)} for {what}"
        for amount, what in ((each.failed, "runs that failed"), (each.retries, "tries that failed in the others"))
        if amount
    ]
    runs = f"{each.runs} runs" if each.runs != 1 else "1 run"
    told = f"{money(each.cost, each.currency)} for what {runs} requested"
    told += f", of which {' and '.join(vain)}" if vain else ""
    return f"{told}; {money(each.mean, each.currency)} a run."


def more(times: StepTimes) -> str:
    """`+45%`."""
    return f"+{times.lately / times.before - 1:.0%}" if times.before and times.lately else ""


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
