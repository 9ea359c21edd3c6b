"""One earlier run, as far as it is known: from its record, from the report that it left, or from its end in the store."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exitkit.argo import ui
from exitkit.argo.failures import Failure
from exitkit.argo.failures.fingerprint import fingerprint
from exitkit.argo.record import WorkflowRecord, loose
from exitkit.argo.record.failed import failures
from exitkit.argo.timestamp import parse_moment
from exitkit.history.ends import End
from exitkit.message import redacted
from exitkit.process.bill import Prices
from exitkit.process.course import Course
from exitkit.process.inputs import Inputs, step_name
from exitkit.process.spans import Spans
from exitkit.process.usage import StepUsage, display
from exitkit.text.safe import line

_NAME = 200
_GIST = 300
_MOST_STEPS = 2000  # names of a run
_ENDED = frozenset({"Succeeded", "Failed", "Error"})


@dataclass(slots=True)
class PastStep:
    """All that ran in one run under one name: how many, how many tries of them failed, the longest in seconds.

    `lost` is how many seconds went into tries that failed; `passed_on` and `failed_on` are digests of inputs.
    """

    runs: int = 0
    failed: int = 0
    seconds: float = 0.0
    lost: float = 0.0
    passed_on: set[str] = field(default_factory=set)
    failed_on: set[str] = field(default_factory=set)

    def add(self, seconds: float, inputs: str, *, passed: bool, failed: bool) -> None:
        self.runs += 1
        self.seconds = max(self.seconds, seconds)
        if failed:
            self.failed, self.lost = self.failed + 1, self.lost + seconds
            self.failed_on.add(inputs)
        elif passed:
            self.passed_on.add(inputs)


@dataclass(frozen=True)
class PastCost:
    """What a run cost, `retries` of it in tries that failed; `steps` by their names."""

    currency: str
    cost: float
    retries: float
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PastRun:
    """A run that has ended. Times are Unix seconds, None where nobody knows.

    `key` is the cause's fingerprint, the same for the same cause, and `cause` the line that says why. `ends` is how often
    it ended: more than once where somebody retried it. `source` says where most of it is from.
    """

    name: str
    status: str
    ended: float
    source: str
    uid: str = ""
    started: float | None = None
    seconds: float | None = None
    key: str = ""
    cause: str = ""
    failed_steps: tuple[str, ...] = ()
    steps: Mapping[str, PastStep] = field(default_factory=dict, repr=False)
    cost: PastCost | None = None
    url: str = ""
    ends: int = 1
    usage: tuple[StepUsage, ...] = ()

    @property
    def failed(self) -> bool:
        return self.status != "Succeeded"


def of_end(end: End) -> PastRun:
    """What the store keeps of it."""
    started = end.at - end.duration if end.duration is not None else None
    return PastRun(
        line(end.name, _NAME), end.status, end.at, "store", started=started, seconds=end.duration, key=end.cause
    )


def of_record(
    record: WorkflowRecord,
    prices: Prices | None,
    argo_url: str = "",
    source: str = "argo",
    used: Callable[[WorkflowRecord, Spans], tuple[StepUsage, ...]] | None = None,
) -> PastRun | None:
    """The run that a record tells of; None for one that has not ended. `used` tells what its steps used."""
    if record.status not in _ENDED:
        return None
    course = Course(record, prices)
    spans, told = course.spans, failures(record)
    finished = record.finished_at.timestamp() if record.finished_at else spans.end
    steps: defaultdict[str, PastStep] = defaultdict(PastStep)
    inputs = Inputs(record, spans)
    acting = [span for span in spans if span.does and not span.hook]
    digests = inputs.digests(acting)
    names: dict[str, str] = {}
    for span in acting:
        name = step_name(inputs.step(span))
        known = names.get(name) or names.setdefault(name, line(name, _NAME))
        steps[known].add(span.seconds, digests[span.id], passed=span.phase == "Succeeded", failed=span.failed)
    bill, first = course.bill, told.first
    return PastRun(
        line(record.name, _NAME),
        record.status,
        finished,
        source,
        uid=line(record.uid, _NAME),
        started=record.started_at.timestamp() if record.started_at else None,
        seconds=record.duration,
        key=key_of(first.message) if first else "",
        cause=_cause(record, first),
        failed_steps=_names(failure.name for failure in told),
        steps=dict(steps),
        cost=PastCost(bill.currency, bill.cost, bill.retries, {item.step: item.cost for item in bill.items})
        if bill
        else None,
        url=ui.workflow_url(argo_url, record.namespace, record.name, record.uid),
        usage=used(record, spans) if used else (),
    )


def of_report(report: Mapping[str, Any], argo_url: str = "", written: float = 0.0) -> PastRun | None:
    """The run that a report.json tells of; None for one that has not ended. What is broken in it is as if it were not there.

    `written` is when that was, in Unix seconds, for one that tells no time.
    """
    workflow = loose.mapping(report.get("workflow"))
    status = loose.text(workflow, "status")
    if status not in _ENDED:
        return None
    name, uid, namespace = (line(loose.text(workflow, key), _NAME) for key in ("name", "uid", "namespace"))
    finished = _moment(report, "finishedAt") or _moment(workflow, "finishedAt")
    started = _moment(report, "startedAt") or _moment(workflow, "startedAt") or _moment(workflow, "creationTimestamp")
    seconds = _number(report.get("seconds")) if "seconds" in report else _number(workflow.get("duration"))
    if finished is None and started is not None and seconds is not None:
        finished = started + seconds
    if finished is None:
        ends = [_moment(failure, "finishedAt") for failure in loose.mappings(report.get("failures"))]
        finished = max((end for end in ends if end is not None), default=None)
    cause = loose.mapping(report.get("rootCause"))
    bill = loose.mapping(report.get("bill"))
    cost = _number(bill.get("cost"))
    return PastRun(
        name,
        status,
        finished or written,
        "report",
        uid=uid,
        started=started,
        seconds=seconds,
        key=key_of(loose.text(cause, "message")) if cause else "",
        cause=line(loose.text(cause, "gist") or loose.text(cause, "message"), _GIST),
        failed_steps=_names(loose.text(failure, "step") for failure in loose.mappings(report.get("failures"))),
        steps=_steps(loose.mappings(report.get("timeline"))),
        cost=PastCost(
            line(loose.text(bill, "currency"), 10),
            cost,
            _number(bill.get("retries")) or 0.0,
            {line(loose.text(item, "step"), _NAME): _number(item.get("cost")) or 0.0 for item in loose.mappings(bill.get("steps"))},
        )
        if cost is not None
        else None,
        url=loose.text(workflow, "url") or ui.workflow_url(argo_url, namespace, name, uid),
        usage=display.read(report.get("usage")),
    )  # fmt: skip


def _cause(record: WorkflowRecord, first: Failure | None) -> str:
    """The line that says why, as the report has it; that of the workflow itself where no step says more."""
    if first is not None:
        shown = redacted(first)
        return line(shown.gist or shown.text, _GIST)
    return line(record.message, _GIST) if record.status != "Succeeded" else ""


def key_of(message: str) -> str:
    """The same for the same cause, as the store has it."""
    return hashlib.sha256(fingerprint(message).encode("utf-8", "replace")).hexdigest()[:16] if message else ""


def _steps(timeline: Iterable[Mapping[str, Any]]) -> Mapping[str, PastStep]:
    """Of the spans that do something themselves, which hold no other and are no hook."""
    spans = tuple(timeline)
    tried = {loose.text(span, "id"): loose.text(span, "name") for span in spans if loose.text(span, "type") == "Retry"}
    holders = {"Steps", "DAG", "Retry", "StepGroup", "TaskGroup"}
    steps: defaultdict[str, PastStep] = defaultdict(PastStep)
    for span in spans:
        if loose.text(span, "type") in holders or loose.flag(span.get("hook")):
            continue
        parent, phase = loose.text(span, "parent"), loose.text(span, "phase")
        name = line(step_name(tried.get(parent) or loose.text(span, "name")), _NAME)
        # A report of an older exitkit tells no digest: then the tries of one step are all that is comparable.
        inputs = loose.text(span, "inputs") or f"{id(spans)}/{parent if parent in tried else loose.text(span, 'id')}"
        seconds = _number(span.get("seconds")) or 0.0
        if name in steps or len(steps) < _MOST_STEPS:
            steps[name].add(seconds, inputs, passed=phase == "Succeeded", failed=phase in ("Failed", "Error"))
    return dict(steps)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line(step_name(name), _NAME) for name in names))[:20]


def _moment(holder: Mapping[str, Any], key: str) -> float | None:
    moment = parse_moment(loose.text(holder, key))
    return moment.timestamp() if moment else None


def _number(value: object) -> float | None:
    kept = loose.numbers({"value": value})
    return kept.get("value")
