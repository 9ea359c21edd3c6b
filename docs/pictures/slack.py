"""Draw what exitkit really sends to Slack: the payload of a dry run, as a page that a browser takes a picture of.

With `mail` it prints the HTML of the same workflow's mail, which needs no drawing.

    python docs/pictures/slack.py > /tmp/slack.html
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir=/tmp/chromium \
        --window-size=720,560 --screenshot=docs/pictures/slack.png file:///tmp/slack.html

It knows the few kinds of block that exitkit uses, and stops at any other. It is a drawing, not Slack.
"""

import re
import sys
from html import escape, unescape

from exitkit import message
from exitkit.cli import recording
from exitkit.notify.email import mail
from exitkit.notify.slack import Slack
from exitkit.testing.scene import context, failed_workflow

PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<title>What exitkit sends to Slack</title>
<style>
body {{ margin: 0; padding: 20px 24px; background: #fff; color: #1d1c1d; font: 15px/22px Lato, Helvetica, Arial, sans-serif; }}
.post {{ display: flex; gap: 10px; max-width: 680px; }}
.face {{ flex: none; width: 36px; height: 36px; border-radius: 6px; background: #2f5d8a; color: #fff;
  font: 600 18px/36px Arial, sans-serif; text-align: center; }}
.who {{ font-weight: 700; }}
.app {{ margin: 0 6px; padding: 1px 4px; border-radius: 3px; background: #e8e8e8; color: #616061; font: 10px/14px Arial, sans-serif; }}
.at, .context {{ color: #616061; font-size: 12px; }}
.header {{ margin: 8px 0; font: 700 18px/24px Lato, Helvetica, Arial, sans-serif; }}
.section {{ margin: 8px 0; }}
.context {{ margin: 8px 0; line-height: 18px; }}
.fields {{ display: grid; grid-template-columns: 1fr 1fr; gap: 8px 24px; max-width: 560px; }}
pre {{ margin: 4px 0; padding: 8px; border: 1px solid #ddd; border-radius: 4px; background: #f8f8f8; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 12px/18px Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
a {{ color: #1264a3; text-decoration: none; }}
.ping {{ padding: 0 2px; border-radius: 3px; background: #e8f5fa; color: #1264a3; }}
</style>
<div class="post"><div class="face">e</div><div>
<div><span class="who">exitkit</span><span class="app">APP</span><span class="at">12:40 PM</span></div>
{blocks}
</div></div>
"""


def drawn(block):
    match block["type"]:
        case "header":
            return f'<div class="header">{text_of(block["text"])}</div>'
        case "section" if "fields" in block:
            return (
                f'<div class="section fields">{"".join(f"<div>{text_of(one)}</div>" for one in block["fields"])}</div>'
            )
        case "section":
            return f'<div class="section">{text_of(block["text"])}</div>'
        case "rich_text":
            return f'<div class="section">{"".join(map(rich, block["elements"]))}</div>'
        case "context":
            return f'<div class="context">{"<br>".join(text_of(one) for one in block["elements"])}</div>'
    raise ValueError(f"no drawing for the block {block['type']}")


def rich(element):
    """Literal text, with bold and links."""
    parts = []
    for part in element["elements"]:
        text = escape(part.get("text") or part.get("url", "")).replace("\n", "<br>")
        if part["type"] == "link":
            text = f'<a href="{escape(part["url"])}">{text}</a>'
        parts.append(f"<b>{text}</b>" if part.get("style", {}).get("bold") else text)
    tag = "pre" if element["type"] == "rich_text_preformatted" else "div"
    return f"<{tag}>{''.join(parts)}</{tag}>"


def text_of(one):
    if one["type"] == "plain_text":
        return escape(one["text"]).replace("\n", "<br>")
    parts = re.split(r"```\n(.*?)\n```", one["text"], flags=re.DOTALL)
    return "".join(f"<pre>{shown(part)}</pre>" if index % 2 else marked(part) for index, part in enumerate(parts))


def marked(text):
    """Slack's markup, as far as exitkit writes it: bold, links, mentions."""
    found = []
    for part in re.split(r"(<[^>]*>)", text):
        link = re.fullmatch(r"<(https?://[^|>]*)\|([^>]*)>", part)
        if link:
            found.append(f'<a href="{shown(link[1])}">{shown(link[2])}</a>')
        elif part.startswith("<"):
            found.append(f'<span class="ping">@{shown(part.strip("<>@!"))}</span>')
        else:
            found.append(shown(part))
    return re.sub(r"\*(.+?)\*", r"<b>\1</b>", "".join(found)).strip().replace("\n", "<br>")


def shown(text):
    """Slack's three entities are HTML's too."""
    return escape(unescape(text))


def main():
    scene = recording.sampled(context(workflow=failed_workflow(), dry_run=True)).explained()
    if sys.argv[1:] == ["mail"]:
        sys.stdout.write(mail.bodies(message.build(scene.workflow), "rich", "Open in Argo")["html"])
        return
    action = Slack(token="xoxb-for-the-picture-only", channel="C0000000000", mention=["here"])
    payload = action.run(scene).facts["payload"]
    sys.stdout.write(PAGE.format(blocks="\n".join(map(drawn, payload["blocks"]))))


if __name__ == "__main__":
    main()
