"""The timeline: a bar for each span, as SVG that needs nothing around it.

Widths are percentages and heights pixels, so that bars shrink with the page and words do not; each word stands above
its bar, so that a phone has room for it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, NamedTuple

from exitkit.process.criticalpath import Segment
from exitkit.process.podphases import PodPhases
from exitkit.process.spans import NodeSpan, Spans
from exitkit.text.safe import line
from exitkit.text.units import human_duration

MOST_ROWS: Final = 300
"""Rows that are drawn; of more, items of one template below one node become one row, then the shortest go."""


Phases = Mapping[str, PodPhases]


class Limits(NamedTuple):
    """How much is drawn: `rows`, `bars` of a folded row, and characters of a name. More bars could not be told apart."""

    rows: int = MOST_ROWS
    bars: int = 200
    name: int = 120


PAGE: Final = Limits()

_ROW, _BAR, _HEAD = 34, 10, 24
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
_MOST_TICKS = 5
_LEAST = 0.4  # percent of the width: what took no second is to be seen on a phone too
_INDENT, _DEEPEST = 12, 8

STYLE: Final = """\
.tl text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:13px;fill:var(--ink,#1f2328);
paint-order:stroke;stroke:var(--page,#fff);stroke-width:3px}
.tl .faint{fill:var(--faint,#59636e)}
.tl .grid{stroke:var(--line,#d9dee3)}
.tl .ok{fill:var(--ok,#1a7f37)}.tl .bad{fill:var(--bad,#c62828)}.tl .other{fill:var(--faint,#59636e)}
.tl .tried{fill:none;stroke:var(--bad,#c62828);stroke-dasharray:3 2}
.tl .holds{fill:var(--line,#d9dee3)}.tl .hook{fill:var(--hook,#6e4fb3)}
.tl .path{fill:var(--ink,#1f2328)}.tl .waits{fill:var(--wait,#b58900);opacity:.55}
.tl .pending,.tl .init{fill:var(--page,#fff)}.tl .pending{opacity:.8}.tl .init{opacity:.5}
"""
"""The colours are variables of the page, with those of a light one as their defaults."""


class Row(NamedTuple):
    """A bar. `spans` are more than one where a fan-out has been folded."""

    spans: Sequence[NodeSpan]
    depth: int

    @property
    def start(self) -> float:
        return min(span.start for span in self.spans)

    @property
    def end(self) -> float:
        return max(span.end for span in self.spans)


def svg(spans: Spans, path: Sequence[Segment], phases: Phases | None = None) -> str:
    """The whole picture, as wide as there is room; "" without spans. `phases` are by the ids of nodes."""
    body, height = drawn(spans, path, PAGE, phases)
    if not body:
        return ""
    told = f"Timeline of {len(spans):,} steps over {human_duration(spans.seconds)}; the same as a table below"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" role="img" aria-label="{escape(told)}" '
        f'width="100%" height="{height}"><style>{STYLE}</style>{"".join(body)}</svg>'
    )


def drawn(
    spans: Spans, path: Sequence[Segment], limits: Limits, phases: Phases | None = None
) -> tuple[Sequence[str], int]:
    """The elements of the picture, and its height in pixels; none without spans."""
    rows, hidden = folded(spans, limits.rows)
    if not rows or not spans:
        return (), 0
    whole = max(max(row.end for row in rows) - spans.start, 1.0)
    height = _HEAD + _ROW * len(rows) + (_ROW if hidden else 0)
    on_path: dict[str, list[Segment]] = defaultdict(list)
    for segment in path:
        if segment.span:
            on_path[segment.span.id].append(segment)
    canvas = _Canvas(spans.start, whole, on_path, phases or {}, limits)
    body = [*_axis(whole, height)]
    for number, row in enumerate(rows):
        body += canvas.row(row, _HEAD + _ROW * number)
    if hidden:
        body.append(text(0, height - 12, f"and {hidden:,} shorter ones, which are not drawn", "faint"))
    return body, height


def folded(spans: Spans, most: int = MOST_ROWS) -> tuple[Sequence[Row], int]:
    """The rows that are drawn, and how many spans have none."""
    if len(spans) <= most:
        return [Row((span,), span.depth) for span in spans], 0
    groups: dict[tuple[str, str, str], list[NodeSpan]] = {}
    for span in spans:
        key = span.parent, span.template, "" if span.does else span.id
        groups.setdefault(key, []).append(span)
    rows = [Row(each, each[0].depth) for each in groups.values()]
    if len(rows) <= most:
        return rows, 0
    kept = sorted(rows, key=_weight, reverse=True)[:most]
    chosen = {id(row) for row in kept}
    return [row for row in rows if id(row) in chosen], sum(len(row.spans) for row in rows if id(row) not in chosen)


def _weight(row: Row) -> tuple[bool, float]:
    return any(span.failed for span in row.spans), row.end - row.start


def _axis(whole: float, height: int) -> Iterator[str]:
    step = next((step for step in _STEPS if whole / step <= _MOST_TICKS), whole / _MOST_TICKS)
    for number in range(int(whole / step) + 1):
        share = number * step / whole * 100
        yield f'<line class="grid" x1="{share:.2f}%" x2="{share:.2f}%" y1="18" y2="{height}"/>'
        anchor = "end" if share > 90 else "start"
        yield f'<text class="faint" x="{share:.2f}%" y="13" text-anchor="{anchor}">{escape(human_duration(number * step))}</text>'


@dataclass(frozen=True)
class _Canvas:
    """What a row is drawn on: `zero` and `whole` are seconds, of its left edge and from edge to edge."""

    zero: float
    whole: float
    on_path: Mapping[str, Sequence[Segment]]
    phases: Phases
    limits: Limits

    def row(self, row: Row, top: int) -> Iterator[str]:
        label = label_of(row, self.limits.name)
        y = top + 18
        yield "<g>"
        alone = row.spans[0] if len(row.spans) == 1 else None
        phases = self.phases.get(alone.id) if alone else None
        yield f"<title>{escape(label)}{escape(f': {phases}') if phases else ''}</title>"
        yield text(min(row.depth, _DEEPEST) * _INDENT, top + 14, label, "")
        for span in self._chosen(row.spans):
            for segment in self.on_path.get(span.id, ()):
                if segment.kind != "run":
                    yield self._bar("waits", segment.start, segment.end, y + 3, _BAR - 6)
            thin = 0 if span.does else _BAR // 2 - 1
            yield self._bar(_class(span), span.start, span.end, y + thin, _BAR - thin)
            if phases:
                yield from self._lighter(phases, y)
            for segment in self.on_path.get(span.id, ()):
                if segment.kind == "run":
                    yield self._bar("path", segment.start, segment.end, y + _BAR + 1, 2)
        yield "</g>"

    def _lighter(self, phases: PodPhases, y: int) -> Iterator[str]:
        """What lies over a bar where its pod did not run yet."""
        for kind, start, end in (
            ("pending", phases.start, phases.initialising),
            ("init", phases.initialising, phases.running),
        ):
            if end > start:
                yield self._bar(kind, start, end, y + 1, _BAR - 2)

    def _chosen(self, spans: Sequence[NodeSpan]) -> Sequence[NodeSpan]:
        """Those of a row that get a bar: of too many what stands out, above some of the rest from its whole length."""
        most = self.limits.bars
        if len(spans) <= most:
            return spans
        chosen = [span for span in spans if span.failed or span.id in self.on_path]
        return [*spans[:: -(-len(spans) // most)], *chosen[:: max(1, -(-len(chosen) // most))]]

    def _bar(self, kind: str, start: float, end: float, y: int, height: int) -> str:
        left = (start - self.zero) / self.whole * 100
        share = max((end - start) / self.whole * 100, _LEAST)
        return f'<rect class="{kind}" x="{left:.2f}%" y="{y}" width="{share:.2f}%" height="{height}" rx="1"/>'


def label_of(row: Row, limit: int) -> str:
    """`fit · 3m 20s`, `score · 200 of them, 3 failed · 10m`."""
    span = row.spans[0]
    if len(row.spans) == 1:
        tries = f" · {span.attempts} tries" if span.attempts > 1 else ""
        how = "" if span.phase == "Succeeded" else f" · {span.phase.lower() or 'unknown'}"
        memo = " · from the cache" if span.node.memoised else ""
        return f"{line(span.node.display_name, limit)} · {human_duration(span.seconds)}{tries}{how}{memo}"
    failed = sum(each.failed and not each.recovered for each in row.spans)
    name = line(span.template or span.node.display_name, limit)
    return f"{name} · {len(row.spans):,} of them{f', {failed:,} failed' if failed else ''} · {human_duration(row.end - row.start)}"


def _class(span: NodeSpan) -> str:
    if span.hook:
        return "hook"
    if span.recovered:
        return "tried"
    if not span.does:
        return "holds" if not span.failed else "bad"
    return "bad" if span.failed else "ok" if span.phase == "Succeeded" else "other"


def text(x: int, y: int, words: str, kind: str) -> str:
    """Words of the class `kind` at pixels from the left and the top."""
    shown = f' class="{kind}"' if kind else ""
    return f'<text{shown} x="{x}" y="{y}">{escape(words)}</text>'
