"""The course of a run, worked out once: its spans, critical path and bill, for every form in which it is told."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from exitkit.argo.record import WorkflowRecord
from exitkit.argo.record.uncollected import uncollected
from exitkit.argo.timestamp import write_moment
from exitkit.clients.kubernetes.podtimes import PodTimes
from exitkit.process.bill import Bill, Prices, bill
from exitkit.process.criticalpath import Segment, critical_path
from exitkit.process.inputs import Inputs
from exitkit.process.podphases import PodPhases, phases_of
from exitkit.process.spans import NodeSpan, Spans
from exitkit.process.usage import display
from exitkit.process.usage.advice import Advice, patch
from exitkit.text.safe import line

_NAME = 200
_MOST_SPANS = 2000  # in JSON, for which a reader has no more use than for a summary


@dataclass(frozen=True, eq=False)
class Course:
    """What a record tells of times and costs. Empty for None and for a record without nodes."""

    record: WorkflowRecord | None
    prices: Prices | None = None
    watched: Callable[[WorkflowRecord | None, Spans], tuple[Advice, ...]] | None = None
    """What tells what the steps used, and what they should ask for."""
    pods: Mapping[str, PodTimes] = field(default_factory=dict)
    """The pods by the ids of their nodes, as far as they are known."""

    @cached_property
    def spans(self) -> Spans:
        with uncollected():
            return Spans(self.record.nodes.values() if self.record else ())

    @cached_property
    def path(self) -> tuple[Segment, ...]:
        with uncollected():
            return critical_path(self.spans)

    @cached_property
    def bill(self) -> Bill | None:
        """None without prices, and where no pod tells what it had."""
        with uncollected():
            made = bill(self.spans, self.prices) if self.prices else None
        return made if made and made.hours else None

    @cached_property
    def advices(self) -> tuple[Advice, ...]:
        """What the steps asked for and used; empty where nobody is asked, or nobody knows."""
        return self.watched(self.record, self.spans) if self.watched else ()

    @cached_property
    def phases(self) -> Mapping[str, PodPhases]:
        """Those of the pods that are known, by the ids of their nodes."""
        nodes = self.spans.nodes
        known = ((nodes[key], pod) for key, pod in self.pods.items() if key in nodes and nodes[key].type == "Pod")
        return {span.id: phases_of(span, pod) for span, pod in known}

    @cached_property
    def slowest(self) -> tuple[NodeSpan, ...]:
        """What did something itself, hooks aside, the longest first."""
        return tuple(
            sorted((span for span in self.spans if span.does and not span.hook), key=lambda span: -span.seconds)
        )

    def as_json(self) -> dict[str, object]:
        """`timeline` in Unix-independent times (RFC 3339), at most 2,000 spans; `criticalPath`; `bill`; `usage`. {} if empty."""
        if not self.spans:
            return {}
        told = self.spans[:_MOST_SPANS]
        inputs = Inputs(self.record, self.spans).digests(_that_do(told)) if self.record else {}
        made: dict[str, object] = {
            "startedAt": _moment(self.spans.start),
            "finishedAt": _moment(self.spans.end),
            "seconds": self.spans.seconds,
            "timeline": [_span(span, inputs.get(span.id, ""), self.phases.get(span.id)) for span in told],
            "timelineTotal": len(self.spans),
            "criticalPath": [_segment(segment) for segment in self.path],
        }
        if self.bill:
            made["bill"] = _bill(self.bill)
        if self.advices:
            made |= {"usage": display.as_json(self.advices), "patch": patch(self.advices)}
        return made


def _that_do(spans: Iterable[NodeSpan]) -> Iterator[NodeSpan]:
    return (span for span in spans if span.does and not span.hook)


def _moment(seconds: float) -> str | None:
    return write_moment(datetime.fromtimestamp(seconds, UTC))


def _span(span: NodeSpan, inputs: str, phases: PodPhases | None) -> dict[str, Any]:
    node = span.node
    facts = {
        "id": node.id,
        "parent": span.parent,
        "name": line(node.display_name, _NAME),
        "template": line(span.template, _NAME),
        "type": span.type,
        "phase": span.phase,
        "startedAt": _moment(span.start),
        "finishedAt": _moment(span.end) if node.finished_at else "",
        "seconds": span.seconds,
        "phases": phases.seconds() if phases else None,
        "attempts": span.attempts if span.attempts > 1 else 0,
        "exitCode": node.exit_code,
        "host": line(node.host, _NAME),
        "hook": span.hook,
        "inputs": inputs,
        "recovered": span.recovered,
        "memoised": node.memoised,
    }
    return {
        key: value
        for key, value in facts.items()
        if value or key == "seconds" or (key == "exitCode" and value is not None)
    }


def _segment(segment: Segment) -> dict[str, Any]:
    step = line(segment.span.node.display_name, _NAME) if segment.span else ""
    made = {"kind": segment.kind, "step": step, "startedAt": _moment(segment.start), "seconds": segment.seconds}
    return {key: value for key, value in made.items() if value != ""}


def _bill(made: Bill) -> Mapping[str, object]:
    return {
        "currency": made.currency,
        "pricesOf": made.date,
        "cost": round(made.cost, 6),
        "retries": round(made.retries, 6),
        "hours": {name: round(hours, 6) for name, hours in made.hours.items()},
        "missing": list(made.missing),
        "steps": [
            {
                "step": line(item.step, _NAME),
                "pods": item.pods,
                "cost": round(item.cost, 6),
                "retries": round(item.retries, 6),
                "seconds": item.seconds,
            }
            for item in made.items[:100]
        ],
    }
