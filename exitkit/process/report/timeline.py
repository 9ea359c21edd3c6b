"""The timeline: a bar for each span, as SVG that needs nothing around it.

Widths are percentages and heights pixels, so that bars shrink with the page and words do not; each word stands above
its bar, so that a phone has room for it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from exitkit.process.criticalpath import Segment
from exitkit.process.spans import NodeSpan, Spans
from exitkit.text.safe import line
from exitkit.text.units import human_duration

MOST_ROWS: Final = 300
"""Rows that are drawn; of more, items of one template below one node become one row, then the shortest go."""

_ROW, _BAR, _HEAD = 34, 10, 24
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
_MOST_TICKS = 5
_NAME = 120
_LEAST = 0.4  # percent of the width: what took no second is to be seen on a phone too
_INDENT, _DEEPEST = 12, 8

STYLE: Final = """\
.tl text{font:13px/1.2 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--ink,#1f2328);
paint-order:stroke;stroke:var(--page,#fff);stroke-width:3px}
.tl .faint{fill:var(--faint,#59636e)}
.tl .grid{stroke:var(--line,#d9dee3)}
.tl .ok{fill:var(--ok,#1a7f37)}.tl .bad{fill:var(--bad,#c62828)}.tl .other{fill:var(--faint,#59636e)}
.tl .tried{fill:none;stroke:var(--bad,#c62828);stroke-dasharray:3 2}
.tl .holds{fill:var(--line,#d9dee3)}.tl .hook{fill:var(--hook,#6e4fb3)}
.tl .path{fill:var(--ink,#1f2328)}.tl .waits{fill:var(--wait,#b58900);opacity:.55}
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


def svg(spans: Spans, path: Sequence[Segment], *, width: str = "100%") -> str:
    """The whole picture; "" without spans. `width` is that of the picture, as SVG has it."""
    rows, hidden = folded(spans)
    if not rows or not spans:
        return ""
    whole = max(max(row.end for row in rows) - spans.start, 1.0)
    height = _HEAD + _ROW * len(rows) + (_ROW if hidden else 0)
    on_path: dict[str, list[Segment]] = defaultdict(list)
    for segment in path:
        if segment.span:
            on_path[segment.span.id].append(segment)
    body = [*_axis(whole, height)]
    for number, row in enumerate(rows):
        body += _row(row, _HEAD + _ROW * number, spans.start, whole, on_path)
    if hidden:
        body.append(_text(0, height - 12, f"and {hidden:,} shorter ones, which the numbers count", "faint"))
    told = f"Timeline of {len(spans):,} steps over {human_duration(spans.seconds)}; the same as a table below"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" role="img" aria-label="{escape(told)}" '
        f'width="{width}" height="{height}"><style>{STYLE}</style>{"".join(body)}</svg>'
    )


def folded(spans: Spans) -> tuple[Sequence[Row], int]:
    """The rows that are drawn, and how many spans have none."""
    if len(spans) <= MOST_ROWS:
        return [Row((span,), span.depth) for span in spans], 0
    groups: dict[tuple[str, str, str], list[NodeSpan]] = {}
    for span in spans:
        key = span.parent, span.template, "" if span.does else span.id
        groups.setdefault(key, []).append(span)
    rows = [Row(each, each[0].depth) for each in groups.values()]
    if len(rows) <= MOST_ROWS:
        return rows, 0
    kept = sorted(rows, key=_weight, reverse=True)[:MOST_ROWS]
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


def _row(row: Row, top: int, zero: float, whole: float, on_path: dict[str, list[Segment]]) -> Iterator[str]:
    label = label_of(row)
    y = top + 18
    yield "<g>"
    yield f"<title>{escape(label)}</title>"
    yield _text(min(row.depth, _DEEPEST) * _INDENT, top + 14, label, "")
    for span in _drawn(row.spans, on_path):
        for segment in on_path.get(span.id, ()):
            if segment.kind != "run":
                yield _bar("waits", segment.start, segment.end, y + 3, _BAR - 6, zero, whole)
        thin = 0 if span.does else _BAR // 2 - 1
        yield _bar(_class(span), span.start, span.end, y + thin, _BAR - thin, zero, whole)
        for segment in on_path.get(span.id, ()):
            if segment.kind == "run":
                yield _bar("path", segment.start, segment.end, y + _BAR + 1, 2, zero, whole)
    yield "</g>"


_MOST_BARS = 200  # of a folded row: more cannot be told apart


def _drawn(spans: Sequence[NodeSpan], on_path: Mapping[str, object]) -> Sequence[NodeSpan]:
    """Those of a row that get a bar: of too many what stands out, above some of the rest from its whole length."""
    if len(spans) <= _MOST_BARS:
        return spans
    chosen = [span for span in spans if span.failed or span.id in on_path]
    return [*spans[:: -(-len(spans) // _MOST_BARS)], *chosen[:: max(1, -(-len(chosen) // _MOST_BARS))]]


def label_of(row: Row) -> str:
    """`fit · 3m 20s`, `score · 200 of them, 3 failed · 10m`."""
    span = row.spans[0]
    if len(row.spans) == 1:
        tries = f" · {span.attempts} tries" if span.attempts > 1 else ""
        how = "" if span.phase == "Succeeded" else f" · {span.phase.lower() or 'unknown'}"
        memo = " · from the cache" if span.node.memoised else ""
        return f"{line(span.node.display_name, _NAME)} · {human_duration(span.seconds)}{tries}{how}{memo}"
    failed = sum(each.failed and not each.recovered for each in row.spans)
    name = line(span.template or span.node.display_name, _NAME)
    return f"{name} · {len(row.spans):,} of them{f', {failed:,} failed' if failed else ''} · {human_duration(row.end - row.start)}"


def _class(span: NodeSpan) -> str:
    if span.hook:
        return "hook"
    if span.recovered:
        return "tried"
    if not span.does:
        return "holds" if not span.failed else "bad"
    return "bad" if span.failed else "ok" if span.phase == "Succeeded" else "other"


def _bar(kind: str, start: float, end: float, y: int, height: int, zero: float, whole: float) -> str:  # noqa: PLR0913, PLR0917 - the numbers of a rectangle
    left = (start - zero) / whole * 100
    share = max((end - start) / whole * 100, _LEAST)
    return f'<rect class="{kind}" x="{left:.2f}%" y="{y}" width="{share:.2f}%" height="{height}" rx="1"/>'


def _text(x: int, y: int, text: str, kind: str) -> str:
    shown = f' class="{kind}"' if kind else ""
    return f'<text{shown} x="{x}" y="{y}">{escape(text)}</text>'
