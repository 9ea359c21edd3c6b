"""A message as the HTML of an e-mail: tables and inline styles, because that is what mail programs agree on.

No picture, no script, no style sheet of another place; the colours hold on white and on dark.
"""

import re
from html import escape

from exitkit.message import Level, Message, ShownFailure
from exitkit.message.markup import clean, ends, fit, href
from exitkit.message.severity import severity

_TEXT, _GIST, _MESSAGE, _STEPS = 7000, 400, 1500, 200
_FAILURES, _FACTS = 10, 30
_SANS = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace"
_INK, _FAINT, _LINE, _SHADE = "#1f2328", "#59636e", "#d9dee3", "#f5f6f8"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{title}</title>
<style>
@media (prefers-color-scheme: dark) {{
  .back {{ background: #0f1216 !important; }}
  .card {{ background: #1a1e24 !important; border-color: {colour} #343b44 #343b44 !important; }}
  .ink {{ color: #e8ebee !important; }}
  .faint {{ color: #a2abb5 !important; }}
  .code {{ background: #0f1216 !important; border-color: #343b44 !important; color: #e8ebee !important; }}
  .rule {{ border-color: #343b44 !important; }}
  .link {{ color: #6cb2ff !important; }}
}}
@media (max-width: 480px) {{ .pad {{ padding-left: 20px !important; padding-right: 20px !important; }} }}
</style>
</head>
<body class="back" style="margin:0;padding:0;background:{shade};">
<div style="display:none;max-height:0;overflow:hidden;">{preview}</div>
<table role="presentation" class="back" width="100%" cellpadding="0" cellspacing="0" style="background:{shade};">
<tr><td align="center" style="padding:24px 8px;">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" \
style="max-width:600px;background:#ffffff;border:1px solid {line};border-top:4px solid {colour};border-radius:6px;">
{rows}</table>
</td></tr>
</table>
</body>
</html>
"""


def page(message: Message, level: Level, label: str) -> str:
    """The whole page; `reduced` has one failure and no table of facts. `label` names the message's link."""
    colour = severity(message.status).colour
    rich = level == "rich"
    facts = tuple(fact for fact in message.facts if fact != ("Status", message.status)) if rich else ()
    shown = message.failures[: _FAILURES if rich else 1]
    more = len(message.failures) - len(shown) + message.more
    # The failures stand right below, and say what the summary would say of the first.
    summary = message.headline if shown else message.summary
    rows = [_row(_heading(message, summary, colour), top=24)]
    rows += [_row(_paragraph(message.text), top=16)] if message.text.strip() and rich else []
    rows += [_row(_failure(failure), top=20) for failure in shown]
    rows += [_row(f'<span class="faint" style="{_small()}">and {more} more</span>', top=12)] if more else []
    rows += [_row(_facts(facts[:_FACTS]), top=24)] if facts else []
    rows += [_row(_button(message.link, label, colour), top=24)] if href(message.link) else []
    rows += [_row(_footer(message), top=20)] if message.footer() else []
    rows.append('<tr><td style="height:24px;line-height:24px;font-size:1px;">&nbsp;</td></tr>\n')
    return _PAGE.format(
        title=_html(message.title, 300),
        preview=_html(message.summary or message.title, 200),
        shade=_SHADE,
        line=_LINE,
        colour=colour,
        rows="".join(rows),
    )


def _row(inner: str, *, top: int) -> str:
    return f'<tr><td class="pad" style="padding:{top}px 32px 0 32px;">{inner}</td></tr>\n'


def _heading(message: Message, summary: str, colour: str) -> str:
    badge = (
        f'<span style="display:inline-block;padding:3px 10px;border-radius:4px;background:{colour};color:#ffffff;'
        f'font:600 12px/18px {_SANS};">{_html(message.status or "Unknown", 30)}</span>'
    )
    below = _html(summary, 1000)
    return (
        f"{badge}"
        f'<h1 class="ink" style="margin:12px 0 0 0;color:{_INK};font:600 22px/29px {_SANS};word-break:break-word;">'
        f"{_html(message.title, 300)}</h1>"
        + (
            f'<p class="faint" style="margin:6px 0 0 0;color:{_FAINT};font:400 15px/22px {_SANS};'
            f'word-break:break-word;">{below}</p>'
            if below
            else ""
        )
    )


def _paragraph(text: str) -> str:
    return (
        f'<div class="ink" style="color:{_INK};font:400 15px/22px {_SANS};word-break:break-word;">'
        f"{_html(text.strip(), _TEXT)}</div>"
    )


def _failure(failure: ShownFailure) -> str:
    """Who failed, the line that says why, and what it is taken from, with its line ends and columns."""
    link = href(failure.link)
    logs = (
        f'<a class="link" href="{escape(link)}" style="color:#0b66c3;font:400 13px/20px {_SANS};">Logs</a>'
        if link
        else ""
    )
    beside = _html(" · ".join(failure.beside()), _STEPS)
    beside = f'<span class="faint" style="{_small()}">&nbsp; {beside}</span>' if beside else ""
    gist = _html(failure.gist or failure.message, _GIST)
    advice = _html(failure.advice, _GIST)
    rest = _columns(failure.message) if failure.gist else ""
    return (
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>'
        f'<td class="ink" style="color:{_INK};font:600 15px/20px {_SANS};word-break:break-word;">'
        f"{_html(failure.names(_STEPS), _STEPS)}{beside}</td>"
        f'<td align="right" valign="top" style="padding-left:12px;white-space:nowrap;">{logs}</td></tr></table>'
        + (
            f'<div class="ink" style="margin-top:4px;color:{_INK};font:400 15px/22px {_SANS};overflow-wrap:anywhere;">'
            f"{gist}</div>"
            if gist
            else ""
        )
        + (f'<div class="faint" style="margin-top:4px;{_small()}">&rarr; {advice}</div>' if advice else "")
        + "".join(map(_code, [_columns("\n".join(failure.lines)), rest if rest != gist else ""]))
    )


def _code(html: str) -> str:
    """A box with text of a fixed width, or nothing for none."""
    if not html:
        return ""
    return (
        f'<div class="code" style="margin-top:8px;padding:10px 12px;background:{_SHADE};border:1px solid {_LINE};'
        f'border-radius:4px;color:{_INK};font:400 12px/18px {_MONO};white-space:pre-wrap;overflow-wrap:anywhere;">'
        f"{html}</div>"
    )


def _facts(facts: tuple[tuple[str, str], ...]) -> str:
    cell = f"padding:7px 0;border-top:1px solid {_LINE};font:400 14px/20px {_SANS};"
    rows = "".join(
        f'<tr><td class="faint rule" valign="top" width="34%" style="{cell}padding-right:16px;color:{_FAINT};">'
        f"{_html(label, 100)}</td>"
        f'<td class="ink rule" valign="top" style="{cell}color:{_INK};overflow-wrap:anywhere;">{_value(value)}</td></tr>'
        for label, value in facts
    )
    return f'<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;">{rows}</table>'


def _value(text: str) -> str:
    """A fact's value; one that is a link leads where it says."""
    link = escape(href(text, 1000)) if len(text.split()) == 1 else ""
    return f'<a class="link" href="{link}" style="color:#0b66c3;">{link}</a>' if link else _html(text, 1000)


def _button(url: str, label: str, colour: str) -> str:
    """A link that looks like a button, and the address itself for programs that show no colours."""
    link = escape(href(url))
    name = _html(label, 60)
    return (
        f'<a href="{link}" style="display:inline-block;padding:10px 20px;border-radius:5px;background:{colour};'
        f'color:#ffffff;font:600 15px/20px {_SANS};text-decoration:none;">{name}</a>'
        f'<div style="margin-top:10px;font:400 12px/18px {_SANS};overflow-wrap:anywhere;">'
        f'<a class="link" href="{link}" style="color:#0b66c3;">{link}</a></div>'
    )


def _footer(message: Message) -> str:
    notes = "<br>".join(_html(note, 500) for note in message.footer()[:20])
    return f'<div class="faint rule" style="padding-top:12px;border-top:1px solid {_LINE};{_small()}">{notes}</div>'


def _small() -> str:
    return f"color:{_FAINT};font:400 13px/20px {_SANS};"


def _columns(text: str) -> str:
    """As `_html`, for a fixed width: spaces in a row stay, also where a mail program does not know white-space."""
    html = ends(text.expandtabs(8), _MESSAGE, escape).replace("\n", "<br>")
    return re.sub(r"(?:^|(?<=<br>)) | (?= )", "\u00a0", html)


def _html(text: str, limit: int) -> str:
    """Escaped for text and for attributes in double quotes alike, with line ends kept."""
    return fit(clean(text), limit, escape).replace("\n", "<br>")
