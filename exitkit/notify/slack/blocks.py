"""A message as Slack's Block Kit, within every one of its limits, in which nothing that data says is markup.

What comes from a workflow stands in rich text and plain text, where `*`, `_`, `:100:` and `<!channel>` are characters;
only our own links and mentions are written in Slack's markup, which has no way to escape the others.

Links are links and no buttons: Slack puts a warning sign beside a button of an app that does not answer
clicks, which no incoming webhook can (github.com/slackapi/node-slack-sdk/issues/869).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from exitkit.message import Level, Message, ShownFailure
from exitkit.message.markup import clean, ends, fit, href
from exitkit.message.severity import severity

# https://docs.slack.dev/reference/block-kit/blocks/header-block
HEADER = 150
# https://docs.slack.dev/reference/block-kit/blocks/context-block
ELEMENTS = 10
# Not documented: somewhere above 11,000 characters in all blocks together Slack answers msg_blocks_too_long
# (github.com/slackapi/bolt-js/issues/2509 and 2867). The shares below come to less, and to less than the
# 50 blocks of https://docs.slack.dev/reference/block-kit/blocks.
_SUMMARY, _WORDS = 600, 1500
_FAILURES, _STEPS, _GIST, _MESSAGE, _LEAST, _LINK = 4, 150, 300, 900, 100, 500
_FACTS, _LABEL, _VALUE, _ADDRESS = 12, 60, 140, 200
_NOTES, _NOTE = 3, 200
# https://docs.slack.dev/reference/methods/chat.postMessage#truncating: 4,000 at best. Here without mentions and link.
_SPOKEN, _LINE, _TEXT = 1500, 500, 2500


def render(message: Message, level: Level, *, label: str = "Open", mention: Sequence[str] = ()) -> dict[str, Any]:
    """`text`, and `blocks` if the level has them; `label` names the message's link.

    `mention` are ids of users (U…), groups (S…), or here, channel, everyone; they alone can ping anybody.
    """
    pings = " ".join(_ping(name) for name in mention)
    if level == "text":
        return _bare(_all(replace(message, link="").as_text(), message, label, pings, _TEXT))
    if level == "line":
        return _bare(_all(replace(message, link="").as_line(), message, label, pings, _LINE))
    blocks = [_header(message)]
    blocks += _rich(message, label, pings) if level == "rich" else _reduced(message, label, pings)
    return _bare(_spoken(message, label, pings)) | {"blocks": blocks}


def escape(text: str) -> str:
    """For mrkdwn and `text`: these three and no others.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _bare(text: str) -> dict[str, Any]:
    """Text in which links and mentions are what they are, and `*`, `_`, `~` and backticks mean nothing.

    https://docs.slack.dev/messaging/formatting-message-text#disabling-formatting
    """
    return {"text": text, "mrkdwn": False}


def _rich(message: Message, label: str, pings: str) -> list[dict[str, Any]]:
    shown = message.failures[:_FAILURES]
    more = len(message.failures) - len(shown) + message.more
    # The failures stand right below, and say what the summary would say of the first.
    blocks = _plain(message.headline if shown else message.summary, _SUMMARY)
    blocks += [_mrkdwn(pings)] if pings else []
    blocks += _plain(message.text, _WORDS)
    blocks += [_failure(failure) for failure in shown]
    blocks += [_context([f"and {more} more"])] if more else []
    facts = tuple(fact for fact in message.facts if not _is_in_title(fact, message))
    blocks += _facts(facts)
    blocks += _open(message, label)
    unseen = len(facts) - _FACTS
    notes = [*message.footer()[:_NOTES], *([f"{unseen} more facts are not shown"] if unseen > 0 else [])]
    return blocks + ([_context(notes)] if notes else [])


def _reduced(message: Message, label: str, pings: str) -> list[dict[str, Any]]:
    """Of blocks that every server has known for years."""
    blocks = _plain(message.summary, _SUMMARY) + ([_mrkdwn(pings)] if pings else [])
    for failure in message.failures[:1]:
        blocks += _plain(f"{_title(failure)}\n{failure.whole(_GIST)}", _STEPS + 2 * _GIST)
    return blocks + _open(message, label)


def _header(message: Message) -> dict[str, Any]:
    return {"type": "header", "text": _plain_text(f"{severity(message.status).mark} {message.title}", HEADER)}


def _plain(text: str, limit: int) -> list[dict[str, Any]]:
    """A section in which nothing is markup, or none for no text."""
    return [{"type": "section", "text": _plain_text(text, limit)}] if clean(text).strip() else []


def _plain_text(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": _literal(text, limit) or "…", "emoji": False}


def _literal(text: str, limit: int) -> str:
    """Nothing is a mention here for Slack; the spaces of no width are for what only speaks like Slack."""
    return fit(re.sub("<(?=[!@#])", "<\u200b", clean(text).strip()), limit)


def _mrkdwn(text: str) -> dict[str, Any]:
    # Verbatim: nothing in it becomes a link or a mention by itself.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _rich_text(*elements: dict[str, Any]) -> dict[str, Any]:
    # https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
    return {"type": "rich_text", "elements": list(elements)}


def _section(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(parts)}


def _text(text: str, *, bold: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"style": {"bold": True}} if bold else {})}


def _failure(failure: ShownFailure) -> dict[str, Any]:
    """Who failed, the line that says why, and what it is taken from, in a fixed width with its line ends."""
    parts = [_text(_literal(failure.names(_STEPS), _STEPS) or "a step", bold=True)]
    beside = _literal(" · ".join(failure.beside()), _STEPS)
    parts += [_text(f" · {beside}")] if beside else []
    link = href(failure.link)
    parts += [_text(" · "), {"type": "link", "url": link, "text": "Logs"}] if 0 < len(link) <= _LINK else []
    gist = _literal(failure.gist or failure.message, _GIST)
    parts += [_text(f"\n{gist}")] if gist else []
    advice = _literal(failure.advice, _GIST)
    parts += [_text(f"\n→ {advice}")] if advice else []
    said = _literal("\n".join(failure.lines), _MESSAGE)
    room = _MESSAGE - len(said)  # both together take no more than one alone
    rest = _literal(ends(failure.message, room), room + 100) if failure.gist and room > _LEAST else ""
    codes = [said, rest if rest != gist else ""]
    boxes = [{"type": "rich_text_preformatted", "elements": [_text(code)]} for code in codes if code]
    return _rich_text(_section(*parts), *boxes)


def _title(failure: ShownFailure) -> str:
    return " · ".join((failure.names(_STEPS), *failure.beside()))


def _facts(facts: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """A line for each, so that a label and its value stand side by side on a telephone as well."""
    parts: list[dict[str, Any]] = []
    for label, value in facts[:_FACTS]:
        parts += [_text("\n")] if parts else []
        parts += [_text(_literal(label, _LABEL) or "…", bold=True), _text("  "), _value(value)]
    return [_rich_text(_section(*parts))] if parts else []


def _is_in_title(fact: tuple[str, str], message: Message) -> bool:
    """Whether it is the status, and the title has said it."""
    return fact == ("Status", message.status) and message.status.lower() in message.title.lower()


def _value(text: str) -> dict[str, Any]:
    """A fact's value; one that is a link leads where it says."""
    link = href(text) if len(text.split()) == 1 else ""
    if 0 < len(link) <= _ADDRESS:
        return {"type": "link", "url": link}
    return _text(_literal(text, _VALUE) or "…")


def _open(message: Message, label: str) -> list[dict[str, Any]]:
    link = _link(message.link, label)
    return [_mrkdwn(f"*{link}*")] if link else []


def _context(notes: list[str]) -> dict[str, Any]:
    return {"type": "context", "elements": [_plain_text(note, _NOTE) for note in notes[:ELEMENTS]]}


def _spoken(message: Message, label: str, pings: str) -> str:
    """What screen readers read and notifications show in place of the blocks: status, step and link.

    https://docs.slack.dev/reference/methods/chat.postMessage#text
    """
    status = "" if message.status.lower() in message.title.lower() else f" ({message.status})"
    said = message.failures[0].line() if message.failures else message.summary
    return _all(f"{message.title}{status}" + (f": {fit(said, 500)}" if said else ""), message, label, pings, _SPOKEN)


def _all(text: str, message: Message, label: str, pings: str, limit: int) -> str:
    """The mark, the mentions, as much of the text as there is room for, and the link, whole."""
    link = f"\n{_link(message.link, label)}".rstrip()
    mark = severity(message.status).mark
    head = f"{mark} {pings} " if pings else f"{mark} "
    # No name of an emoji stands between two colons: there is no other way to keep it from becoming one.
    apart = re.sub(r":(?=[a-z0-9_+'-]{1,100}:)", ":\u200b", text)
    return head + fit(apart, limit, escape) + link


def _link(url: str, label: str) -> str:
    """A link, whole, or nothing if it is none or too long."""
    link = escape(href(url))
    return f"<{link}|{fit(label, 60, escape).replace('|', '/')}>" if 0 < len(link) <= _LINK else ""


def _ping(name: str) -> str:
    if name in ("here", "channel", "everyone"):
        return f"<!{name}>"
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"
