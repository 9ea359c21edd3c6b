"""A message as Slack's Block Kit, within every one of its limits and with everything escaped once.

Links are links and no buttons: Slack puts a warning sign beside a button of an app that does not answer
clicks, which no incoming webhook can (github.com/slackapi/node-slack-sdk/issues/869).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from exitkit.message import Level, Message, Trouble
from exitkit.message.markup import clean, fit, href

# https://docs.slack.dev/reference/block-kit/blocks/header-block
HEADER = 150
# https://docs.slack.dev/reference/block-kit/blocks/section-block; a text has at most 3,000 characters there,
# one of several fields 2,000.
FIELDS = 10
# https://docs.slack.dev/reference/block-kit/blocks/context-block
ELEMENTS = 10
# Not documented: somewhere above 11,000 characters in all blocks together Slack answers msg_blocks_too_long
# (github.com/slackapi/bolt-js/issues/2509 and 2867). The shares below come to less, and to less than the
# 50 blocks of https://docs.slack.dev/reference/block-kit/blocks.
TOTAL = 11_000
_SUMMARY, _WORDS = 600, 1500
_CAUSES, _STEP, _CAUSE, _LINK = 4, 150, 500, 500
_LABEL, _VALUE, _ADDRESS = 60, 140, 200
_NOTES, _NOTE = 3, 200
# https://docs.slack.dev/reference/methods/chat.postMessage#truncating: 4,000 at best. Here without mentions and link.
_SPOKEN, _LINE, _TEXT = 1500, 500, 2500

_MARKS = {"Succeeded": "✅", "Failed": "❌", "Error": "❌", "": "⚠️"}


def render(message: Message, level: Level, *, label: str = "Open", mention: Sequence[str] = ()) -> dict[str, Any]:
    """`text`, and `blocks` if the level has them; `label` names the message's link.

    `mention` are ids of users (U…), groups (S…), or here, channel, everyone; they alone can ping anybody.
    """
    pings = " ".join(_ping(one) for one in mention)
    if level == "text":
        return {"text": _all(replace(message, link="").as_text(), message, label, pings, _TEXT)}
    if level == "line":
        return {"text": _all(replace(message, link="").as_line(), message, label, pings, _LINE)}
    blocks = [_header(message), *_plain(message.summary, _SUMMARY)]
    blocks += [_mrkdwn(pings)] if pings else []
    if level == "reduced":
        blocks += [_cause(one) for one in message.troubles[:1]]
        blocks += _open(message, label)
    else:
        blocks += _rich(message, label)
    return {"text": _spoken(message, label, pings), "blocks": blocks}


def escape(text: str) -> str:
    """For mrkdwn and `text`: these three and no others.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rich(message: Message, label: str) -> list[dict[str, Any]]:
    shown = message.troubles[:_CAUSES]
    more = len(message.troubles) - len(shown) + message.more
    blocks = _plain(message.text, _WORDS)
    blocks += [_cause(one) for one in shown]
    blocks += [_context([f"and {more} more"])] if more else []
    blocks += _fields(message.facts)
    blocks += _open(message, label)
    unseen = len(message.facts) - FIELDS
    notes = [*message.footer()[:_NOTES], *([f"{unseen} more facts are not shown"] if unseen > 0 else [])]
    return blocks + ([_context(notes)] if notes else [])


def _header(message: Message) -> dict[str, Any]:
    return {"type": "header", "text": _plain_text(f"{_mark(message)} {message.title}", HEADER)}


def _plain(text: str, limit: int) -> list[dict[str, Any]]:
    """A section in which nothing is markup, or none for no text."""
    return [{"type": "section", "text": _plain_text(text, limit)}] if clean(text).strip() else []


def _plain_text(text: str, limit: int) -> dict[str, Any]:
    """Nothing is a mention here for Slack; the spaces of no width are for what only speaks like Slack."""
    kept_apart = re.sub("<(?=[!@#])", "<\u200b", clean(text).strip())
    return {"type": "plain_text", "text": fit(kept_apart, limit) or "…", "emoji": False}


def _mrkdwn(text: str) -> dict[str, Any]:
    # Verbatim: nothing in it becomes a link or a mention by itself.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _cause(trouble: Trouble) -> dict[str, Any]:
    facts = [f"*{_words(trouble.step, _STEP) or 'a step'}*"]
    if trouble.exit_code is not None and f"exit code {trouble.exit_code}" not in trouble.message:
        facts.append(f"exit code {trouble.exit_code}")
    facts += [f"{trouble.count} times"] if trouble.count > 1 else []
    facts += [link] if (link := _link(trouble.link, "Logs")) else []
    return _mrkdwn(f"{' · '.join(facts)}\n```\n{_words(trouble.message, _CAUSE) or '…'}\n```")


def _words(text: str, limit: int) -> str:
    """Escaped for mrkdwn. Three backticks are kept apart by spaces of no width, so that they fence nothing."""
    return fit(clean(text).replace("```", "`\u200b`\u200b`"), limit, escape)


def _fields(facts: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    fields = [
        {
            "type": "mrkdwn",
            "text": f"*{_words(name, _LABEL) or '…'}*\n{_value(value)}",
            "verbatim": True,
        }
        for name, value in facts[:FIELDS]
    ]
    return [{"type": "section", "fields": fields}] if fields else []


def _value(text: str) -> str:
    """A fact's value; one that is a link leads where it says."""
    found = escape(href(text)) if len(text.split()) == 1 else ""
    return f"<{found}>" if 0 < len(found) <= _ADDRESS else _words(text, _VALUE)


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
    cause = message.troubles[0].line() if message.troubles else message.summary
    return _all(f"{message.title}{status}" + (f": {fit(cause, 500)}" if cause else ""), message, label, pings, _SPOKEN)


def _all(text: str, message: Message, label: str, pings: str, limit: int) -> str:
    """The mark, the mentions, as much of the text as there is room for, and the link, whole."""
    link = f"\n{_link(message.link, label)}".rstrip()
    head = f"{_mark(message)} {pings} " if pings else f"{_mark(message)} "
    return head + fit(text, limit, escape) + link


def _link(url: str, label: str) -> str:
    """A link, whole, or nothing if it is none or too long."""
    found = escape(href(url))
    return f"<{found}|{fit(label, 60, escape).replace('|', '/')}>" if 0 < len(found) <= _LINK else ""


def _mark(message: Message) -> str:
    return _MARKS.get(message.status, "🔵")


def _ping(one: str) -> str:
    if one in ("here", "channel", "everyone"):
        return f"<!{one}>"
    return f"<!subteam^{one}>" if one.startswith("S") else f"<@{one}>"
