"""What a step should ask for, by what it used: never less than its peak and a margin, more after it ran out of memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from exitkit.process.usage import CPU, MEMORY, StepUsage, quantity

MARGIN: Final = 0.25
"""Of the peak that stays free above it."""

_WORTH: Final = 0.1  # of what is asked for, below which a change is not worth a word
_SEEN: Final = (
    0.9  # of the pods that Prometheus must have known, before less is suggested: the others may have used more
)


@dataclass(frozen=True)
class Advice:
    """What one step should ask for, as Kubernetes writes it, where that is not what it asks for."""

    usage: StepUsage
    requests: Mapping[str, str]
    limits: Mapping[str, str]

    @property
    def said(self) -> str:
        """`fit: 16Gi asked, 3.1Gi at most in 9 runs`."""
        usage = self.usage
        parts = [part for name in (MEMORY, CPU) if (part := _compared(usage, name))]
        if usage.out:
            parts.append(f"out of memory at {quantity.memory(usage.out_at)}" if usage.out_at else "out of memory")
        runs = "" if not usage.peak else f" in {usage.runs} runs" if usage.runs > 1 else " in this run"
        missing = usage.pods - usage.seen
        unseen = f"; Prometheus knew {usage.seen} of {usage.pods} pods" if missing and usage.peak else ""
        return (
            f"{usage.step}: {'; '.join(parts)}{runs}{unseen}"
            if parts
            else f"{usage.step}: Prometheus knew none of its pods"
        )


def unfit(advices: Sequence[Advice]) -> list[str]:
    """What is told of the steps that should ask for something else, at most 20 of them."""
    return [advice.said for advice in advices if advice.requests or advice.limits][:20]


def advise(usage: StepUsage, margin: float = MARGIN) -> Advice:
    """By resource: the peak and its margin, rounded up; nothing where that is about what is asked for already."""
    requests, limits = dict[str, str](), dict[str, str]()
    for name in (MEMORY, CPU):
        asked, limit = usage.asked.get(name), usage.limits.get(name)
        apart = limit is not None and asked is not None and asked < limit
        least = usage.peak.get(name, 0.0) * (1 + margin)
        most = max(least, _after_out(usage) if name == MEMORY else 0.0)
        # Where the limit is above the request, it is the limit that was too low.
        wanted, written = _written(name, least if apart else most)
        if wanted and _is_worth(usage, name, wanted):
            requests[name] = written
        else:
            wanted = asked or 0.0
        if limit is None or not most:
            continue
        cap, capped = _written(name, max(most, wanted))
        if limit < cap or (not apart and name in requests):
            limits[name] = capped
    return Advice(usage, requests, limits)


def _after_out(usage: StepUsage) -> float:
    """What was killed would have used more than it did: its peak is no measure, and the next size is."""
    at = usage.out_at or usage.asked.get(MEMORY, 0.0)
    return quantity.next_size(at) if usage.out and at else 0.0


def _written(name: str, least: float) -> tuple[float, str]:
    if not least:
        return 0.0, ""
    return quantity.cpu_above(least) if name == CPU else quantity.memory_above(least)


def _is_worth(usage: StepUsage, name: str, wanted: float) -> bool:
    asked = usage.asked.get(name)
    if asked is None:
        return True
    if wanted < asked:
        return wanted <= asked * (1 - _WORTH) and usage.seen >= usage.pods * _SEEN
    return wanted > asked and (wanted >= asked * (1 + _WORTH) or usage.peak.get(name, 0.0) >= asked or usage.out)


def _compared(usage: StepUsage, name: str) -> str:
    tell = quantity.memory if name == MEMORY else quantity.cpu
    asked, peak = usage.asked.get(name), usage.peak.get(name)
    if peak is None:
        return f"{tell(asked)} asked" if asked is not None and usage.out and name == MEMORY else ""
    what = "" if name == MEMORY else " CPU"
    return f"{f'{tell(asked)}{what} asked, ' if asked is not None else ''}{tell(peak)}{what if asked is None else ''} at most"


def patch(advices: Iterable[Advice]) -> str:
    """YAML for the templates of the workflow, "" where nothing is to be changed."""
    templates = []
    for advice in advices:
        changes = {"requests": dict(advice.requests), "limits": dict(advice.limits)}
        asked = {key: values for key, values in changes.items() if values}
        if not asked or not advice.usage.kind:
            continue
        templates.append({"name": advice.usage.step, advice.usage.kind: {"resources": asked}})
    if not templates:
        return ""
    return yaml.safe_dump({"spec": {"templates": templates}}, sort_keys=False, allow_unicode=True)
