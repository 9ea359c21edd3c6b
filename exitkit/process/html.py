"""The account as one page of HTML that needs nothing else: no script, no address, nothing of another place.

Readable on a phone and on paper, light and dark, by keyboard and by screen reader; long lists are folded.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from exitkit.message import markup
from exitkit.message.severity import severity
from exitkit.text import redact
from exitkit.text.safe import clean, line

MOST_BYTES: Final = 3_000_000
"""More than that a browser on a phone takes seconds for; lists are cut long before."""

_OPEN = 3  # failures that are unfolded
_CELL = 300
_BLOCK = 20_000

_STYLE = """\
:root{--ink:#1f2328;--faint:#59636e;--line:#d9dee3;--page:#fff;--shade:#f5f6f8;--link:#0b57b0;--ok:#1a7f37;
--bad:#c62828;--wait:#b58900;--hook:#6e4fb3;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebee;--faint:#a2abb5;--line:#343b44;--page:#14171b;--shade:#1d2228;
--link:#6cb2ff;--ok:#4ac26b;--bad:#ff7b72;--wait:#d4a72c;--hook:#b392f0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
main{max-width:70rem;margin:0 auto;padding:1.25rem}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2rem 0 .5rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:1rem 0 .25rem;overflow-wrap:anywhere}
a{color:var(--link)}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.badge{display:inline-block;padding:.1rem .6rem;border-radius:4px;color:#fff;font-weight:600;font-size:.85rem}
.lead{font-size:1.05rem;margin:.25rem 0 1rem;overflow-wrap:anywhere}
.faint{color:var(--faint)}
p,li,dt{overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:fit-content(16rem) 1fr;gap:.15rem 1rem;margin:.5rem 0}
dt{color:var(--faint)}dd{margin:0;overflow-wrap:anywhere}
pre{margin:.5rem 0;padding:.75rem;background:var(--shade);border:1px solid var(--line);border-radius:6px;
overflow:auto;max-height:28rem;font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;white-space:nowrap}td{overflow-wrap:anywhere;min-width:6rem}td.number{min-width:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
details,.failure{border:1px solid var(--line);border-radius:6px;padding:.5rem .75rem;margin:.5rem 0}
summary{cursor:pointer;overflow-wrap:anywhere}
.failure{border-left:4px solid var(--bad)}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--page);padding:.5rem}
.key span{white-space:nowrap;margin-right:1rem}
.key i{display:inline-block;width:.8rem;height:.6rem;margin-right:.3rem;border-radius:2px}
@media (max-width:520px){main{padding:.9rem}dl{grid-template-columns:1fr}dt{margin-top:.4rem}}
@media print{main{max-width:none;padding:0}pre{max-height:none;white-space:pre-wrap}a{color:inherit;text-decoration:none}
details,table,svg,.failure{break-inside:avoid}h2,h3{break-after:avoid}.skip{display:none}}
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">To the report</a>
<main id="main">
{body}
</main>
</body>
</html>
"""


def page(title: str, body: Iterable[str]) -> str:
    """The whole page around sections, as many of them as fit."""
    kept: list[str] = []
    left = MOST_BYTES - len(_PAGE) - len(_STYLE)
    for section in body:
        left -= len(section.encode("utf-8", "replace"))
        if left < 0:
            kept.append('<p class="faint">Cut here: the rest would make this page larger than 3 MB.</p>')
            break
        kept.append(section)
    return _PAGE.format(title=text(title, 300), style=_STYLE, body="\n".join(kept))


def text(value: str, limit: int = _CELL) -> str:
    """In one line, without secrets, escaped."""
    return escape(line(value, limit))


def texts(values: Sequence[str], limit: int = _CELL) -> list[str]:
    """As `text` for each, at a fraction of the time: what is short and plain is looked through for secrets together."""
    plain = [value if len(value) <= limit and value.isascii() and value.isprintable() else "" for value in values]
    together = redact.redact("\n".join(plain)).split("\n")
    if len(together) != len(values):  # what looks like a secret of several lines
        return [text(value, limit) for value in values]
    return [
        escape(" ".join(seen.split())) if seen or not value else text(value, limit)
        for value, seen in zip(values, together, strict=True)
    ]


def block(value: str, label: str) -> str:
    """Lines as they stand; it can be scrolled by keyboard, so it has a name."""
    return f'<pre tabindex="0" role="region" aria-label="{text(label)}">{escape(clean(value, _BLOCK))}</pre>'


def link(label: str, url: str) -> str:
    """The label, which leads to the address if that is one of the web."""
    target = markup.href(url)
    return f'<a href="{escape(target)}" rel="noreferrer">{text(label)}</a>' if target else text(label)


def badge(status: str) -> str:
    # White on these colours has a contrast of 4.5 in a light and in a dark page, because they are the same in both.
    return f'<span class="badge" style="background:{severity(status).colour}">{text(status or "Unknown", 30)}</span>'


def section(title: str, content: str) -> str:
    """A heading and what is below it; nothing where that is nothing."""
    return f"<section><h2>{text(title)}</h2>\n{content}\n</section>" if content else ""


def pairs(values: Iterable[tuple[str, str]]) -> str:
    """Labels and values, which are HTML already."""
    shown = "".join(f"<dt>{text(label)}</dt><dd>{value}</dd>" for label, value in values if value)
    return f"<dl>{shown}</dl>" if shown else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, numbers: Iterable[int] = ()) -> str:
    """A table of cells that are HTML already. Columns in which every cell is empty are left out, as is one without rows.

    `numbers` are the columns that are aligned as such.
    """
    kept = list(rows)
    columns = [index for index in range(len(head)) if any(row[index] for row in kept)]
    if not columns:
        return ""
    aligned = set(numbers)

    def cells(row: Sequence[str], tag: str) -> Iterator[str]:
        for index in columns:
            kind = ' class="number"' if index in aligned else ""
            scope = ' scope="col"' if tag == "th" else ""
            yield f"<{tag}{scope}{kind}>{row[index]}</{tag}>"

    lines = ["".join(("<tr>", *cells(row, "td"), "</tr>")) for row in kept]
    titles = "".join(cells([text(title) for title in head], "th"))
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f"<thead><tr>{titles}</tr></thead>\n<tbody>{''.join(lines)}</tbody></table></div>"
    )


def folded(summary: str, content: str, *, is_open: bool = False, kind: str = "") -> str:
    """What opens when it is asked for; both are HTML already."""
    shown = f' class="{kind}"' if kind else ""
    return f"<details{shown}{' open' if is_open else ''}><summary>{summary}</summary>{content}</details>"
