"""What steps asked for and used, as a page, Markdown and JSON tell it."""

from collections.abc import Mapping, Sequence
from typing import Any

from exitkit.argo.record import loose
from exitkit.message import markdown
from exitkit.message.markdown import code
from exitkit.process import html
from exitkit.process.html import block, table, text
from exitkit.process.usage import CPU, MEMORY, StepUsage, quantity
from exitkit.process.usage.advice import Advice, patch
from exitkit.text.safe import line

_NAME = 200
_HEAD = ("Step", "Pods", "Memory asked", "At most", "CPU asked", "At most", "Out of memory", "Better")
_INTRO = (
    "What the steps' main containers asked for, and the most that one of them used. What is better leaves a margin above the "
    "peak, and is the next size after one ran out of memory."
)


def as_html(advices: Sequence[Advice]) -> str:
    """A table, and the patch to paste; "" where nothing is known."""
    if not advices:
        return ""
    rows = [tuple(text(cell) for cell in _row(advice)) for advice in advices]
    shown = table(_HEAD, rows, caption="Asked and used", numbers=range(1, 6))
    better = patch(advices)
    return f"<p>{text(_INTRO, 500)}</p>{shown}" + (
        html.folded("A patch for the workflow's templates", block(better, "Patch of the templates")) if better else ""
    )


def as_markdown(advices: Sequence[Advice]) -> str:
    if not advices:
        return ""
    rows = [tuple(map(code, _row(advice))) for advice in advices]
    better = patch(advices)
    return "\n\n".join((_INTRO, markdown.table(_HEAD, rows), *((markdown.block(better),) if better else ())))


def as_json(advices: Sequence[Advice]) -> list[dict[str, object]]:
    """By step: numbers are CPUs and bytes, `requests` and `limits` what would be better, as Kubernetes writes it."""
    return [
        {
            "step": line(advice.usage.step, _NAME),
            "template": advice.usage.kind,
            "runs": advice.usage.runs,
            "pods": advice.usage.pods,
            "seen": advice.usage.seen,
            "asked": dict(advice.usage.asked),
            "limited": dict(advice.usage.limits),
            "peak": dict(advice.usage.peak),
            "outOfMemory": advice.usage.out,
            "outOfMemoryAt": advice.usage.out_at,
            "requests": dict(advice.requests),
            "limits": dict(advice.limits),
            "summary": line(advice.said, 2 * _NAME),
        }
        for advice in advices
    ]


def read(value: object) -> tuple[StepUsage, ...]:
    """What a report tells of it, in whatever state that is."""
    return tuple(_usage(each) for each in loose.mappings(value) if loose.text(each, "step"))


def _usage(told: Mapping[str, Any]) -> StepUsage:
    kind = loose.text(told, "template")
    return StepUsage(
        line(loose.text(told, "step"), _NAME),
        kind if kind in ("container", "script") else "",
        runs=max(1, loose.integer(told.get("runs")) or 1),
        pods=loose.integer(told.get("pods")) or 0,
        seen=loose.integer(told.get("seen")) or 0,
        asked=_known(told.get("asked")),
        limits=_known(told.get("limited")),
        peak=_known(told.get("peak")),
        out=loose.flag(told.get("outOfMemory")),
        out_at=loose.numbers(told).get("outOfMemoryAt", 0.0),
    )


def _known(value: object) -> dict[str, float]:
    return {name: number for name, number in loose.numbers(value).items() if name in (CPU, MEMORY)}


def _row(advice: Advice) -> tuple[str, ...]:
    usage = advice.usage
    out = (quantity.memory(usage.out_at) if usage.out_at else "yes") if usage.out else ""
    better = [f"{name} {value}" for name, value in advice.requests.items()]
    better += [f"{name} limit {value}" for name, value in advice.limits.items() if value != advice.requests.get(name)]
    pods = f"{usage.pods:,}" if usage.seen == usage.pods else f"{usage.seen:,} of {usage.pods:,}"
    cells = [
        tell(values[name]) if name in values else ""
        for name, tell in ((MEMORY, quantity.memory), (CPU, quantity.cpu))
        for values in (usage.asked, usage.peak)
    ]
    return (usage.step, pods, *cells, out, ", ".join(better))
