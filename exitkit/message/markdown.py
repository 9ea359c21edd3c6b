"""Markdown that says what the text says, and nothing else: no link, picture, mention or table of its own.

GitHub, GitLab and Argo's viewer read different dialects, and look for addresses, mentions and issue
numbers after the backslashes are gone. So what is special to the grammar is escaped, and what is special
to those who read after it is split by a zero-width space.
"""

import re
from collections.abc import Iterable, Sequence

from exitkit.message import markup

_SPLIT = "\u200b"
# https://spec.commonmark.org/0.31.2/#backslash-escapes, and GitHub's tables, strikethrough and formulas.
_GRAMMAR = re.compile(r"([\\`*_\[\]|~$])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What begins a heading, a list or a rule, where the text is the first on its line.
_OPENING = re.compile(r"^(\d{1,9}(?=[.)])|(?=[#+=-]))")
# @somebody, a@b.example, #12, !12, GH-12, %12, ~label, $12: GitHub's and GitLab's references.
_MENTION = re.compile(r"@(?=\S)|[#!%~$](?=[\w\"'])|\bgh-(?=\d)", re.IGNORECASE)
# https://github.github.com/gfm/#autolinks-extension-
_ADDRESS = re.compile(r":(?=//)|\bwww\.(?=\S)|\b(?:mailto|xmpp):", re.IGNORECASE)
_TICKS = re.compile("`+")


def escape(text: str) -> str:
    """The text in one line, as text wherever a paragraph, an item, a heading or a cell holds it."""
    line = " ".join(markup.clean(text).split())
    line = _ADDRESS.sub(_split, _MENTION.sub(_split, line))
    line = re.sub("[&<>]", lambda match: _ENTITIES[match[0]], line)
    line = _GRAMMAR.sub(r"\\\1", line)
    return _OPENING.sub(r"\1\\", line)


def code(text: str) -> str:
    """The text in one line and in a fixed width, where it can be; there nothing else has a meaning."""
    line = " ".join(markup.clean(text).split())
    # How a backslash or a bar ends a cell inside of code differs between readers.
    return f"`{line}`" if line and not re.search(r"[`|\\]", line) else escape(line)


def link(text: str, url: str) -> str:
    """The text, which leads to the address if that is one of the web."""
    target = re.sub(r"[()<>\[\]\\*_`|~]", lambda match: f"%{ord(match[0]):02X}", markup.href(url))
    return f"[{escape(text)}]({target})" if target else escape(text)


def block(text: str) -> str:
    """The text as it stands, in a fence that nothing in it can close."""
    content = markup.clean(text).strip("\n").replace("\t", "    ")
    longest = max((len(run) for run in _TICKS.findall(content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{content}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already; columns in which every cell is empty are left out.

    Empty if no cell holds anything.
    """
    kept = list(rows)
    columns = [index for index in range(len(head)) if any(row[index] for row in kept)]
    if not columns:
        return ""
    lines = [_row([head[index] for index in columns]), _row(["---"] * len(columns))]
    return "\n".join(lines + [_row([row[index] for index in columns]) for row in kept])


def fit(sections: Sequence[str], limit: int) -> str:
    """The sections with an empty line between them, as many as fit into so many bytes; a last line tells of the rest."""
    kept: list[str] = []
    left = limit - 200  # for that line
    for number, section in enumerate(sections):
        left -= len(section.encode()) + 2
        if left < 0:
            missing = len(sections) - number
            return "\n\n".join(
                [*kept, f"**Cut here: {missing} more parts would make this larger than {limit} bytes.**\n"]
            )
        kept.append(section)
    return "\n\n".join(kept) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _split(match: re.Match[str]) -> str:
    return match[0] + _SPLIT
