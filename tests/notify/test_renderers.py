"""Whatever a message says, each channel's form of it is within the channel's limits and holds no foreign markup."""

import email
import html
import json
import re
from email import policy
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from exitkit.message import LEVELS, Message, Trouble
from exitkit.message.markup import clean, fit, href
from exitkit.notify.email import mail
from exitkit.notify.slack import blocks as blockkit
from exitkit.notify.webhook import event
from exitkit.testing.scene import NASTY, context, hostile_workflow

# Each channel's own dangers more often than chance would have them, and any character at all, lone surrogates too.
_PIECES = st.sampled_from(
    [
        "<!channel>",
        "<@U123>",
        "<#C1>",
        "&lt;",
        "&amp;amp;",
        "```",
        "<https://e.example|x>",
        "\r\n",
        "=?utf-8?q?x=0D=0ABcc=3A_e?=",
        "<script>",
        "' onx=\"",
        "javascript:alert(1)",
        "]]>",
        "\u2028",
        "👍",
        "\ud83d",
        "\x00",
        "&",
        "<",
        ">",
        "|",
        "`",
        "*_~",
        NASTY,
    ]
)
_TEXTS = st.lists(st.one_of(_PIECES, st.text(max_size=40)), max_size=12).map("".join)
_LONG = st.tuples(_TEXTS, st.integers(1, 90)).map(lambda pair: (pair[0] or "&") * pair[1])
_WORDS = st.one_of(_TEXTS, _LONG)
_LINKS = st.one_of(
    _TEXTS,
    _TEXTS.map(lambda text: f"https://argo.example.com/{text}"),
    st.sampled_from(
        ["javascript:alert(1)", "https://a.example/?a=1&b=<2>|3", "HTTP://A", "data:text/html,x", "https://"]
    ),
)
_TROUBLES = st.builds(
    Trouble,
    step=_TEXTS,
    message=_WORDS,
    count=st.integers(1, 10**6),
    exit_code=st.none() | st.integers(-1, 255),
    link=_LINKS,
)
MESSAGES = st.builds(
    Message,
    status=st.sampled_from(["Succeeded", "Failed", "Error", "Running", ""]),
    title=_WORDS,
    summary=_WORDS,
    text=_WORDS,
    link=_LINKS,
    facts=st.lists(st.tuples(_TEXTS, _WORDS), max_size=15).map(tuple),
    troubles=st.lists(_TROUBLES, max_size=12).map(tuple),
    more=st.integers(0, 1000),
    notes=st.lists(_TEXTS, max_size=8).map(tuple),
    because=_TEXTS,
)
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
FULL = Message(
    "Failed",
    "&" * 5000,
    "<" * 5000,
    "`" * 9000,
    "https://a.example/?" + "&" * 400,
    tuple(("&" * 400, ">" * 4000) for _ in range(15)),
    tuple(Trouble("<" * 900, "&" * 9000, 9, 1, "https://a.example/?" + "&" * 400) for _ in range(12)),
    7,
    tuple("<" * 999 for _ in range(9)),
    "&" * 999,
)
MENTION = ("U0ABC1", "S0DEF2", "here")
LEVEL = pytest.mark.parametrize("level", LEVELS)


def units(text):
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def texts_of(value):
    """Every text object in a payload, with its `text` and `type`."""
    if isinstance(value, dict):
        if value.get("type") in ("mrkdwn", "plain_text"):
            yield value
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)


def within_limits(blocks):
    """Slack's documented limits, written down a second time."""
    assert len(blocks) <= 50
    for block in blocks:
        match block["type"]:
            case "header":
                assert block["text"]["type"] == "plain_text"
                assert 1 <= units(block["text"]["text"]) <= 150
            case "section":
                assert ("text" in block) != ("fields" in block)
                assert all(1 <= units(one["text"]) <= 3000 for one in texts_of(block.get("text")))
                assert len(block.get("fields", [])) <= 10
                assert all(1 <= units(one["text"]) <= 2000 for one in block.get("fields", []))
            case "context":
                assert 1 <= len(block["elements"]) <= 10
                assert all(1 <= units(one["text"]) <= 3000 for one in block["elements"])
            case other:
                raise AssertionError(f"a block of an unknown kind: {other}")
    assert sum(units(one["text"]) for one in texts_of(blocks)) <= blockkit.TOTAL
    for block in blocks:
        Block.parse(block).validate_json()  # slack-sdk's own limits


def foreign_markup(text):
    """Control sequences that are neither our links nor our mentions, and entities that Slack does not have."""
    ours = re.compile(r"<(https?://[^<>|]*(\|(Logs|Open))?|@U0ABC1|!subteam\^S0DEF2|!here)>")
    rest = ours.sub("", text)
    return [*re.findall(r"[<>]", rest), *re.findall(r"&(?!amp;|lt;|gt;)", rest)]


@LEVEL
@FEW
@given(MESSAGES, st.sampled_from([(), MENTION]))
@example(FULL, MENTION)
@example(Message("Failed", ""), ())
def test_slack_takes_every_message(level, message, mention):
    """No text whatever makes a payload that Slack would refuse, or that pings, links or formats what data says."""
    payload = blockkit.render(message, level, mention=mention)
    json.dumps(payload, ensure_ascii=False).encode()
    assert 1 <= units(payload["text"]) <= 4000
    assert foreign_markup(payload["text"]) == []
    assert ("blocks" in payload) == (level in ("rich", "reduced"))
    within_limits(payload.get("blocks", []))
    for one in texts_of(payload):
        if one["type"] == "mrkdwn":
            assert foreign_markup(one["text"]) == []
            assert one["text"].count("```") in (0, 2)
            assert one["verbatim"] is True
        else:
            assert one["emoji"] is False
            assert not re.search("<[!@#]", one["text"])


def test_a_fact_that_is_a_link_can_be_clicked():
    """It leads to where it says, and a link of another kind stays text."""
    facts = (("Dashboard", "https://grafana.example.com/d/x?a=1&b=2"), ("Evil", "javascript:alert(1)"))
    fields = blockkit.render(Message("Failed", "t", facts=facts), "rich")["blocks"][1]["fields"]
    assert [one["text"] for one in fields] == [
        "*Dashboard*\n<https://grafana.example.com/d/x?a=1&amp;b=2>",
        "*Evil*\njavascript:alert(1)",
    ]
    page = mail.bodies(Message("Failed", "t", facts=facts), "rich", "Open")["html"]
    assert 'href="https://grafana.example.com/d/x?a=1&amp;b=2"' in page
    assert page.count("href=") == 1


@FEW
@given(_TEXTS)
def test_slack_shows_what_was_said(text):
    """Escaping happens once: what Slack reads back out of the markup is the text itself."""
    payload = blockkit.render(Message("Failed", "t", troubles=(Trouble("s", text),), facts=(("k", text),)), "rich")
    fence = next(one["text"] for one in texts_of(payload["blocks"]) if "```" in one["text"])
    shown = html.unescape(re.search(r"```\n(.*)\n```", fence, re.DOTALL)[1]).replace("\u200b", "")
    wanted = clean(text).replace("\u200b", "")
    assert shown == (wanted or "…") or (shown.endswith("…") and wanted.startswith(shown[:-1]))


@FEW
@given(_TEXTS, st.integers(1, 60))
def test_a_cut_never_halves_an_entity(text, limit):
    """What is cut is cut before it is escaped, and says so."""
    fitted = fit(text, limit, blockkit.escape)
    assert units(fitted) <= limit
    assert re.fullmatch(r"(?:[^&<>]|&amp;|&lt;|&gt;)*", fitted, re.DOTALL)
    assert fitted == blockkit.escape(clean(text)) or fitted.endswith("…")


@FEW
@given(_LINKS)
def test_links_lead_to_the_web_or_nowhere(link):
    """Only http(s), whole, and without a character that ends it in some markup."""
    found = href(link)
    assert found == "" or re.fullmatch(r"https?://[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+", found)


class Reader(HTMLParser):
    """Collects what a mail program would act upon."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.shown = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_data(self, data):
        self.shown.append(data)


_TAGS = {"html", "head", "meta", "title", "style", "body", "div", "table", "tr", "td", "span", "h1", "p", "a", "br"}
_ATTRIBUTES = {
    "lang",
    "charset",
    "name",
    "content",
    "class",
    "style",
    "role",
    "width",
    "cellpadding",
    "cellspacing",
} | {
    "align",
    "valign",
    "href",
}


@FEW
@given(MESSAGES, st.sampled_from(["rich", "reduced"]))
@example(FULL, "rich")
def test_html_mail_holds_no_foreign_markup(message, level):
    """No tag, handler, script or address of another kind comes out of data, and the page is not clipped for its size."""
    page = mail.bodies(message, level, "Open")["html"]
    reader = Reader()
    reader.feed(page)
    assert reader.tags <= _TAGS
    assert {name for _, name, _ in reader.attributes} <= _ATTRIBUTES
    assert all(re.match(r"(?i)https?://", value) for _, name, value in reader.attributes if name == "href")
    styles = {value for _, name, value in reader.attributes if name == "style"}
    assert not any("url(" in one or "expression" in one for one in styles)
    assert len(page.encode()) < 102_000  # beyond which Gmail clips a message


_INTENDED = [
    "From",
    "To",
    "Cc",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
]
_INTENDED += ["X-Auto-Response-Suppress", "X-Exitkit-Workflow", "X-Exitkit-Status", "X-Exitkit-Uid"]
_OF_THE_BODY = ["Content-Type", "MIME-Version", "Content-Transfer-Encoding"]


def raw_mail(subject, text="text\n", **parts):
    envelope = mail.Envelope(
        mail.parse_address("Argo <argo@example.com>"),
        [mail.parse_address("ops@example.com")],
        delivery="d" * 26,
        thread="t" * 20,
        date=1.0,
        facts=(("Workflow", subject), ("Status", "Failed"), ("Uid", "u")),
    )
    return mail.build(subject, {"text": text, **parts}, envelope)


@FEW
@given(_WORDS, _WORDS)
@example("=?utf-8?q?x=0D=0ABcc=3A_evil?=", "")
@example("a\r\nBcc: evil@example.com", ".\r\n.\r\n")
@example("x" * 3000, "")
@example("é" * 3000, "")
def test_mail_has_exactly_the_headers_that_were_meant(subject, text):
    """No subject, whatever is encoded in it, adds, ends or folds a header in the bytes that leave."""
    for parts in ({}, {"html": f"<p>{html.escape(clean(text))}</p>"}):
        raw = raw_mail(subject, clean(text) + "\n", **parts)
        raw.decode("ascii")
        head, _, _ = raw.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        assert not any("\r" in line or "\n" in line or len(line) > 998 for line in lines)
        names = [line.partition(":")[0] for line in lines if not line.startswith((" ", "\t"))]
        assert set(names) <= {*_INTENDED, *_OF_THE_BODY}
        assert len(names) == len(set(names))
        for read in (policy.compat32, policy.default):
            assert email.message_from_bytes(raw, policy=read)["Bcc"] is None


@FEW
@given(_TEXTS)
def test_a_subject_reads_as_it_was_said(subject):
    """A mail program shows the subject on one line; what looks like an encoded word is text, too."""
    read = email.message_from_bytes(raw_mail(subject), policy=policy.default)["Subject"]
    wanted = " ".join(clean(subject.replace("\r", " ")).split()).replace("=?", "= ?")
    shown = " ".join(str(read or "").split())
    assert shown == wanted or (shown.endswith("…") and wanted.startswith(shown[:-1]))


@LEVEL
@FEW
@given(MESSAGES)
@example(FULL)
def test_a_webhooks_body_is_json_of_the_documented_shape(level, message):
    """Any text arrives as JSON that any reader takes, and each simpler level is no larger."""
    data = event.data(message, level, context(workflow=hostile_workflow(500)))
    sent = json.loads(event.encode(data).decode("utf-8"))
    assert sent["version"] == 1
    assert sent["id"].isalnum()
    assert {"id", "link", "status", "summary", "title", "version", "workflow"} <= set(sent)
    assert "\\ud" not in json.dumps(sent, ensure_ascii=False)


def test_each_level_is_smaller_than_the_one_before():
    """A step down the ladder leaves something out."""
    scene = context()
    slack = [len(json.dumps(blockkit.render(FULL, level))) for level in LEVELS]
    sent = [len(event.encode(event.data(FULL, level, scene))) for level in LEVELS]
    mails = [sum(map(len, mail.bodies(FULL, level, "Open").values())) for level in LEVELS]
    for sizes in (slack, sent, mails):
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) == len(sizes)
