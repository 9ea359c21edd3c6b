"""The critical path: the steps that, had they been shorter, would have made the workflow shorter.

Walked from the end backwards: from what ended last to what ended last before it could begin, and so on. Between two of
them the workflow waited, for the controller, a node, an image or a lock. All segments together are the whole time.
"""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from exitkit.process.spans import NodeSpan, Spans

_SLACK = 1.0
"""Seconds by which a predecessor may end after its successor's start: Argo keeps times in whole seconds."""


WAITS: Final = MappingProxyType({"run": "", "wait": "waiting", "retry": "waiting for another try"})
"""What people are told of a segment in which no step ran, by its kind."""

AT_THE_END: Final = "until the workflow had ended"
"""The same of the last one, behind which no step came."""


class Segment(NamedTuple):
    """A part of the path, in Unix seconds. `span` runs in it, or is what was waited for."""

    kind: Literal["run", "wait", "retry"]
    start: float
    end: float
    span: NodeSpan | None

    @property
    def seconds(self) -> float:
        return self.end - self.start


def critical_path(spans: Spans) -> tuple[Segment, ...]:
    """In the order of time; without gap or overlap from the start of the whole to its end. Empty without a span.

    What ran for less than a second has a segment of none.
    """
    steps = [span for span in spans if span.does and not span.hook]
    # A daemon ends because all else has: nothing waited for its end.
    steps = [span for span in steps if not span.daemon] or steps
    if not steps:
        return ()
    last = max(steps, key=lambda span: (span.end, span.start))
    path = [last]
    seen = {last.id}
    while (before := _before(path[-1], spans, seen)) is not None:
        seen.add(before.id)
        path.append(before)
    return tuple(_segments(path[::-1], spans))


def _segments(path: list[NodeSpan], spans: Spans) -> Iterator[Segment]:
    now, previous = spans.start, None
    for span in path:
        start, end = max(now, min(span.start, spans.end)), min(span.end, spans.end)
        if start > now:
            kind: Literal["wait", "retry"] = (
                "retry" if previous and previous.parent == span.parent and _is_retry(span, spans) else "wait"
            )
            yield Segment(kind, now, start, span)
        end = max(start, end)
        yield Segment("run", start, end, span)  # also of no second: Argo keeps no shorter times
        now, previous = max(now, start, end), span
    if spans.end > now:
        yield Segment("wait", now, spans.end, None)


def _before(span: NodeSpan, spans: Spans, seen: set[str]) -> NodeSpan | None:
    """Of all that had to end before it could begin, what ended last."""

    def fits(other: NodeSpan | None) -> bool:
        return other is not None and not other.hook and other.id not in seen and other.end <= span.start + _SLACK

    if _is_retry(span, spans):
        tries = [spans.by_id.get(child) for child in spans.nodes[span.parent].children]
        earlier = [other for other in tries if other and fits(other)]
        if earlier:
            return max(earlier, key=_end)
    return max((other for other in _above(span, spans) if fits(other)), key=_end, default=None)


def _above(span: NodeSpan, spans: Spans) -> Iterator[NodeSpan]:
    """What did something, and led to this one: right before it, or before what holds it."""
    looked = {span.id}
    waiting = [span.id]
    while waiting:
        for parent in spans.parents.get(waiting.pop(), ()):
            if parent in looked:
                continue
            looked.add(parent)
            other = spans.by_id.get(parent)
            if other is not None and other.does:
                yield other
            # What came before a group, a daemon or a hook came before this too.
            if other is None or not other.does or other.hook or other.daemon:
                waiting.append(parent)


def _end(span: NodeSpan) -> float:
    return span.end


def _is_retry(span: NodeSpan, spans: Spans) -> bool:
    parent = spans.nodes.get(span.parent)
    return parent is not None and parent.type == "Retry"
