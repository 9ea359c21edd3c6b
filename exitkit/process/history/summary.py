"""What the runs of a series have in common, in numbers: how they ended, how long they took, what is flaky, slow and dear."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from exitkit.process.history.pastrun import PastRun, PastStep
from exitkit.process.usage import StepUsage, together
from exitkit.process.usage.advice import MARGIN, Advice, advise

_SLOWER: Final = 1.2
"""By how much a step's median of the last runs is above that before, that it counts as slower; and by so many seconds."""

_SLOWER_BY: Final = 5.0
_LEAST: Final = 3  # runs on either side, below which a comparison says nothing


@dataclass(frozen=True)
class FlakyStep:
    """A step that failed, and then passed on the same inputs: in another try of its run, or in a later run.

    `tries` of all runs, of which `failed` failed; `within` are the runs in which another try passed, `across` those that a
    later run's pass on the same inputs follows. `lost` is how many seconds the failed tries took in all.
    """

    name: str
    tries: int
    failed: int
    within: tuple[PastRun, ...]
    across: tuple[PastRun, ...]
    lost: float

    @property
    def runs(self) -> int:
        return len({run.name for run in (*self.within, *self.across)})


@dataclass(frozen=True)
class StepTimes:
    """How long a step took in the runs that had it, in seconds: the longest of each run where it has several items.

    `before` is the median of the earlier two thirds of the runs, `lately` that of the last third; None of too few.
    """

    name: str
    runs: int
    median: float
    most: float
    last: float
    before: float | None = None
    lately: float | None = None

    @property
    def is_slower(self) -> bool:
        if self.before is None or self.lately is None:
            return False
        return self.lately > self.before * _SLOWER and self.lately - self.before > _SLOWER_BY


@dataclass(frozen=True)
class CommonCause:
    """Failed runs that failed of the same; `cause` is the line of the last one that tells it."""

    cause: str
    runs: tuple[PastRun, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True)
class SummedBill:
    """What the runs with a bill cost together, in one currency; `steps` are the dearest first.

    `failed` is what went into runs that failed, `retries` what into failed tries of those that did not.
    """

    currency: str
    runs: int
    cost: float
    failed: float
    retries: float
    steps: tuple[tuple[str, float], ...]

    @property
    def mean(self) -> float:
        return self.cost / self.runs if self.runs else 0.0


@dataclass(frozen=True)
class Summary:
    """Of runs in the order of time; `margin` is the part of a step's peak that what is suggested leaves free above it."""

    runs: Sequence[PastRun]
    margin: float = MARGIN

    @cached_property
    def succeeded(self) -> int:
        return sum(not run.failed for run in self.runs)

    @property
    def failed(self) -> int:
        return len(self.runs) - self.succeeded

    @property
    def last(self) -> PastRun | None:
        return self.runs[-1] if self.runs else None

    @property
    def last_success(self) -> PastRun | None:
        return next((run for run in reversed(self.runs) if not run.failed), None)

    @property
    def failures_in_a_row(self) -> int:
        """Up to the last run."""
        count = 0
        for run in reversed(self.runs):
            if not run.failed:
                break
            count += 1
        return count

    @cached_property
    def durations(self) -> Sequence[float]:
        """Seconds of the runs that succeeded: a failure's duration says little."""
        return sorted(run.seconds for run in self.runs if run.seconds is not None and not run.failed)

    @property
    def median(self) -> float | None:
        return statistics.median(self.durations) if self.durations else None

    def percentile(self, share: float) -> float | None:
        """The least duration that so large a share of the successes did not exceed."""
        known = self.durations
        return known[max(0, math.ceil(share * len(known)) - 1)] if known else None

    @cached_property
    def causes(self) -> Sequence[CommonCause]:
        """The commonest first, of equals the latest."""
        groups: dict[str, list[PastRun]] = defaultdict(list)
        for run in self.runs:
            if run.failed:
                groups[run.key or run.cause].append(run)
        causes = []
        for each in groups.values():
            cause = next((run.cause for run in reversed(each) if run.cause), "")
            steps = dict.fromkeys(step for run in reversed(each) for step in run.failed_steps)
            causes.append(CommonCause(cause, tuple(each), tuple(steps)[:5]))
        return sorted(causes, key=lambda cause: (-len(cause.runs), -cause.runs[-1].ended))

    @cached_property
    def steps(self) -> Mapping[str, Sequence[tuple[PastRun, PastStep]]]:
        """By a step's name, the runs that had it, in the order of time."""
        steps: dict[str, list[tuple[PastRun, PastStep]]] = defaultdict(list)
        for run in self.runs:
            for name, step in run.steps.items():
                steps[name].append((run, step))
        return steps

    @cached_property
    def flaky(self) -> Sequence[FlakyStep]:
        """The one that failed in most runs first."""
        each = [flaky for name, runs in self.steps.items() if (flaky := _flaky(name, runs))]
        return sorted(each, key=lambda flaky: (-flaky.runs, -flaky.failed, flaky.name))

    @cached_property
    def slowest(self) -> Sequence[StepTimes]:
        """By their medians, the longest first."""
        each = (_times(name, runs) for name, runs in self.steps.items())
        return sorted((times for times in each if times), key=lambda times: (-times.median, times.name))

    @property
    def slower(self) -> Sequence[StepTimes]:
        """Those that take longer lately, the most seconds first."""
        slower = [times for times in self.slowest if times.is_slower]
        return sorted(slower, key=lambda times: (times.before or 0) - (times.lately or 0))

    @cached_property
    def bills(self) -> Sequence[SummedBill]:
        """One for each currency, that of most runs first."""
        currencies = {run.cost.currency for run in self.runs if run.cost}
        bills = [_summed(currency, self.runs) for currency in currencies]
        return sorted(bills, key=lambda bill: (-bill.runs, bill.currency))

    @cached_property
    def advices(self) -> Sequence[Advice]:
        """What the steps asked for and used in all runs of which that is known, those that ran out of memory first."""
        steps: dict[str, list[StepUsage]] = defaultdict(list)
        for run in self.runs:
            for usage in run.usage:
                steps[usage.step].append(usage)
        advices = [advise(together(usages), self.margin) for usages in steps.values()]
        return sorted(advices, key=lambda advice: (not advice.usage.out, not advice.requests, advice.usage.step))


def _flaky(name: str, runs: Sequence[tuple[PastRun, PastStep]]) -> FlakyStep | None:
    within = tuple(run for run, step in runs if step.failed_on & step.passed_on)
    across: list[PastRun] = []
    passed_later: set[str] = set()
    for run, step in reversed(runs):
        if step.failed_on & passed_later and not step.failed_on & step.passed_on:
            across.append(run)
        passed_later |= step.passed_on
    if not within and not across:
        return None
    steps = [step for _, step in runs]
    return FlakyStep(
        name,
        sum(step.runs for step in steps),
        sum(step.failed for step in steps),
        within,
        tuple(reversed(across)),
        math.fsum(step.lost for step in steps),
    )


def _times(name: str, runs: Sequence[tuple[PastRun, PastStep]]) -> StepTimes | None:
    """Of the runs in which it passed; None where it did in none."""
    seconds = [step.seconds for _, step in runs if step.passed_on]
    if not seconds:
        return None
    late = len(seconds) // 3
    before, lately = seconds[: len(seconds) - late], seconds[len(seconds) - late :]
    is_comparable = late >= _LEAST
    return StepTimes(
        name,
        len(seconds),
        statistics.median(seconds),
        max(seconds),
        seconds[-1],
        statistics.median(before) if is_comparable else None,
        statistics.median(lately) if is_comparable else None,
    )


def _summed(currency: str, runs: Sequence[PastRun]) -> SummedBill:
    billed = [(run.cost, run.failed) for run in runs if run.cost and run.cost.currency == currency]
    costs = [cost for cost, _ in billed]
    steps: dict[str, list[float]] = defaultdict(list)
    for cost in costs:
        for step, amount in cost.steps.items():
            steps[step].append(amount)
    summed = sorted(((step, math.fsum(each)) for step, each in steps.items()), key=lambda item: (-item[1], item[0]))
    return SummedBill(
        currency,
        len(costs),
        math.fsum(cost.cost for cost in costs),
        math.fsum(cost.cost for cost, failed in billed if failed),
        math.fsum(cost.retries for cost, failed in billed if not failed),
        tuple(summed),
    )
