"""A bar for each run: as high as it took long, in the colour of how it ended; SVG that needs nothing around it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from exitkit.message.severity import BAD
from exitkit.process.history.pastrun import PastRun
from exitkit.process.html import text
from exitkit.text.units import human_duration

_WIDTH, _HEIGHT, _HEAD, _FOOT = 100.0, 120, 18, 20
_MOST_TICKS = 3
_STEPS: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 86400, 172800, 604800)
_LEAST: Final = 3.0  # pixels: what took no second, or nobody knows how long, is to be seen too

STYLE: Final = """\
.runs text{font:13px/1.2 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--faint,#59636e);
paint-order:stroke;stroke:var(--page,#fff);stroke-width:3px}
.runs .grid{stroke:var(--line,#d9dee3)}
.runs .ok{fill:var(--ok,#1a7f37)}
.runs .bad{fill:var(--bad,#c62828);stroke:var(--bad,#c62828)}
.runs .usual{stroke:var(--ink,#1f2328);stroke-dasharray:4 3}
"""


def svg(runs: Sequence[PastRun], usual: float | None, *, width: str = "100%") -> str:
    """The picture; "" without runs. `usual` is the median of the successes, in seconds, and a line across."""
    if not runs:
        return ""
    longest = max(max((run.seconds or 0.0 for run in runs), default=0.0), 1.0)
    failed = sum(run.failed for run in runs)
    height = _HEAD + _HEIGHT + _FOOT
    told = f"Durations of {len(runs)} runs, the oldest first: up to {human_duration(longest)}; {failed} failed"
    lines = [*_axis(longest)]
    body = [*(line for line, _ in lines), *_bars(runs, longest)]
    if usual:
        y = _y(usual, longest)
        body.append(f'<line class="usual" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
    body += (label for _, label in lines)  # above the bars
    body += _days(runs, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="runs" role="img" aria-label="{escape(told)}; the same as a '
        f'table below" width="{width}" height="{height}"><style>{STYLE}</style>{"".join(body)}</svg>'
    )


def _axis(longest: float) -> Iterator[tuple[str, str]]:
    """Lines, and what stands at them."""
    step = next((step for step in _STEPS if longest / step <= _MOST_TICKS), longest / _MOST_TICKS)
    for number in range(1, int(longest / step) + 1):
        y = _y(number * step, longest)
        yield (
            f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="0" y="{y - 3:.1f}">{escape(human_duration(number * step))}</text>',
        )


def _bars(runs: Sequence[PastRun], longest: float) -> Iterator[str]:
    wide = _WIDTH / max(len(runs), 10)  # a bar of one run is no wall
    for number, run in enumerate(runs):
        high = max(_LEAST, (run.seconds or 0.0) / longest * _HEIGHT)
        top = _HEAD + _HEIGHT - high
        kind = "bad" if run.failed else "ok"
        took = human_duration(run.seconds) if run.seconds is not None else "nobody knows how long"
        title = text(f"{run.name}: {run.status}, {took}, {_day(run.ended)}")
        x = number * wide + wide * 0.12
        yield (
            f'<rect class="{kind}" x="{x:.2f}%" y="{top:.1f}" width="{wide * 0.76:.2f}%" height="{high:.1f}" rx="1">'
            f"<title>{title}</title></rect>"
        )
        if run.failed:  # for those who do not see the colour
            middle = number * wide + wide / 2
            yield f'<text class="mark" x="{middle:.2f}%" y="{max(12.0, top - 4):.1f}" text-anchor="middle">{BAD.sign}</text>'


def _days(runs: Sequence[PastRun], height: int) -> Iterator[str]:
    yield f'<text x="0" y="{height - 5}">{_day(runs[0].ended)}</text>'
    if len(runs) >= 10:
        yield f'<text x="100%" y="{height - 5}" text-anchor="end">{_day(runs[-1].ended)}</text>'


def _y(seconds: float, longest: float) -> float:
    return _HEAD + _HEIGHT - seconds / longest * _HEIGHT


def _day(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
