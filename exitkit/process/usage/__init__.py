"""What steps asked for and what they used at most, as Prometheus has it, of one run or of several."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from exitkit.argo.failures import reason
from exitkit.argo.record import WorkflowRecord, loose
from exitkit.argo.record.resources import resources
from exitkit.process.spans import NodeSpan, Spans
from exitkit.process.usage import quantity

MOST_PODS: Final = 200
"""Pods that are asked about of one step, those that ran longest: their names are all in one query."""

MOST_STEPS: Final = 30
"""Steps that are asked about, those whose pods ran longest in all."""

MEMORY: Final = "memory"
CPU: Final = "cpu"


class Pods(NamedTuple):
    """The pods of one step, by their names, and the Unix seconds within which they ran."""

    names: tuple[str, ...]
    start: float
    end: float


class Peak(NamedTuple):
    """The most that one container of one pod used: bytes of `memory`, CPUs of `cpu`."""

    pod: str
    container: str
    resource: str
    value: float


Ask = Callable[[Pods], Iterable[Peak]]


@dataclass(frozen=True)
class StepUsage:
    """What the pods of a step asked for and used, by resource: CPUs, and bytes of memory.

    `kind` is the key of its template that holds the resources, `container` or `script`, or "" where there are several.
    `asked` and `limits` are those of the last run, `peak` the most of all; `seen` is how many of the `pods` Prometheus
    knew. `out_at` is the highest limit at which one ran out of memory, in bytes, 0 where none did.
    """

    step: str
    kind: str = ""
    runs: int = 1
    pods: int = 0
    seen: int = 0
    asked: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    peak: Mapping[str, float] = field(default_factory=dict)
    out: bool = False
    out_at: float = 0.0


def measured(record: WorkflowRecord, spans: Spans, ask: Ask) -> tuple[StepUsage, ...]:
    """Of the steps whose pods ran longest, with one question each. Raises what `ask` does."""
    steps: dict[str, list[NodeSpan]] = defaultdict(list)
    for span in spans:
        if span.type == "Pod" and not span.hook and span.phase in ("Succeeded", "Failed", "Error"):
            steps[span.template or span.node.display_name].append(span)
    longest = sorted(steps.items(), key=lambda item: -sum(span.seconds for span in item[1]))
    return tuple(_measured(step, each, record, ask) for step, each in longest[:MOST_STEPS])


def _measured(step: str, spans: Sequence[NodeSpan], record: WorkflowRecord, ask: Ask) -> StepUsage:
    chosen = sorted(spans, key=lambda span: -span.seconds)[:MOST_PODS]
    names = tuple(dict.fromkeys(name for span in chosen if (name := record.pod_name(span.node))))
    pods = Pods(names, min(span.start for span in chosen), max(span.end for span in chosen))
    peaks = [peak for peak in ask(pods) if peak.pod in set(names) and peak.container == "main"] if names else []
    requested = [resources(record, span.node) for span in chosen]
    asked = _most([each.requests for each in requested])
    limits = _most([each.limits for each in requested])
    out = [span for span in spans if reason.read(span.node.message).reason == "OOMKilled"]
    at = _most([resources(record, span.node).limits for span in out])
    template = record.template_of(chosen[0].node)
    return StepUsage(
        step,
        next((kind for kind in ("container", "script") if loose.mapping(template.get(kind))), ""),
        pods=len(names),
        seen=len({peak.pod for peak in peaks if peak.resource == MEMORY}),
        asked=asked,
        limits=limits,
        peak={
            name: max(values)
            for name in (CPU, MEMORY)
            if (values := [peak.value for peak in peaks if peak.resource == name])
        },
        out=bool(out),
        out_at=at.get(MEMORY, 0.0),
    )


def together(usages: Iterable[StepUsage]) -> StepUsage:
    """Of several runs of one step, in the order of time: what the last one asked for, and the most that any used."""
    each = tuple(usages)
    last = each[-1]
    peak: dict[str, float] = {}
    for usage in each:
        for name, value in usage.peak.items():
            peak[name] = max(peak.get(name, 0.0), value)
    return replace(
        last,
        runs=sum(usage.runs for usage in each),
        pods=sum(usage.pods for usage in each),
        seen=sum(usage.seen for usage in each),
        peak=peak,
        out=any(usage.out for usage in each),
        out_at=max(usage.out_at for usage in each),
    )


def _most(quantities: Iterable[Mapping[str, str]]) -> dict[str, float]:
    """Of CPU and memory the most that one asks for."""
    most: dict[str, float] = {}
    for each in quantities:
        for name in (CPU, MEMORY):
            value = quantity.parse(each.get(name, ""))
            if value is not None:
                most[name] = max(most.get(name, 0.0), value)
    return most
