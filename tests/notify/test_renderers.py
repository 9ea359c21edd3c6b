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

from exitkit.message import LEVELS, Message, ShownFailure
from exitkit.message.markup import clean, fit, href
from exitkit.notify.email import mail
from exitkit.notify.email.addresses import parse_address
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
_FAILURES = st.builds(
    ShownFailure,
    step=_TEXTS,
    message=_WORDS,
    count=st.integers(1, 10**6),
    exit_code=st.none() | st.integers(-1, 255),
    link=_LINKS,
    gist=_WORDS,
    others=st.lists(_TEXTS, max_size=5).map(tuple),
    remarks=st.lists(_TEXTS, max_size=4).map(tuple),
)
MESSAGES = st.builds(
    Message,
    status=st.sampled_from(["Succeeded", "Failed", "Error", "Running", ""]),
    title=_WORDS,
    summary=_WORDS,
    text=_WORDS,
    link=_LINKS,
    facts=st.lists(st.tuples(_TEXTS, _WORDS), max_size=15).map(tuple),
    failures=st.lists(_FAILURES, max_size=12).map(tuple),
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
    tuple(
        ShownFailure(
            "<" * 900, "&" * 9000, 9, 1, "https://a.example/?" + "&" * 400, "<" * 999, ("&" * 99,) * 8, (">" * 99,) * 4
        )
        for _ in range(12)
    ),
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
        if value.get("type") in ("mrkdwn", "plain_text", "text", "link") and isinstance(value.get("text", ""), str):
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
            case "rich_text":
                assert 1 <= len(block["elements"]) <= 2
                assert {one["type"] for one in block["elements"]} <= {"rich_text_section", "rich_text_preformatted"}
                assert all(one["elements"] for one in block["elements"])
            case other:
                raise AssertionError(f"a block of an unknown kind: {other}")
    # What Slack takes of all blocks together is not documented; above 11,000 people have seen msg_blocks_too_long.
    assert sum(units(one.get("text", "")) for one in texts_of(blocks)) <= 11_000
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
            assert re.sub(r"<[^>]*>", "", one["text"]).replace("**", "", 1).count("*") == 0
            assert one["verbatim"] is True
        elif one["type"] == "link":
            assert re.match("https?://", one["url"])
        else:
            assert one.get("emoji", False) is False
            assert not re.search("<[!@#]", one["text"])
    assert payload["mrkdwn"] is False


def test_a_fact_that_is_a_link_can_be_clicked():
    """It leads to where it says, and a link of another kind stays text."""
    facts = (("Dashboard", "https://grafana.example.com/d/x?a=1&b=2"), ("Evil", "javascript:alert(1)"))
    (facts_block,) = [
        one
        for one in blockkit.render(Message("Failed", "t", facts=facts), "rich")["blocks"]
        if one["type"] == "rich_text"
    ]
    values = [
        one for one in facts_block["elements"][0]["elements"] if "style" not in one and one.get("text", "").strip()
    ]
    links = [one for one in facts_block["elements"][0]["elements"] if one["type"] == "link"]
    assert links == [{"type": "link", "url": "https://grafana.example.com/d/x?a=1&b=2"}]
    assert [one["text"] for one in values] == ["javascript:alert(1)"]
    page = mail.bodies(Message("Failed", "t", facts=facts), "rich", "Open")["html"]
    assert 'href="https://grafana.example.com/d/x?a=1&amp;b=2"' in page
    assert page.count("href=") == 1


@FEW
@given(_TEXTS.map("s{}".format))
def test_slack_shows_what_was_said(text):
    """What Slack reads back out of a name, a message and a fact is the text itself, whatever it would mean in markup."""
    told = Message("Failed", "t", failures=(ShownFailure(text, text),), facts=(("k", text),))
    parts = [one["text"] for one in texts_of(blockkit.render(told, "rich")["blocks"]) if one["type"] == "text"]
    wanted = clean(text).strip().replace("\u200b", "")
    for part in (parts[0], parts[1], parts[-1]):
        shown = part.removeprefix("\n").replace("\u200b", "")
        assert shown in (wanted, "…", "a step") or (shown.endswith("…") and wanted.startswith(shown[:-1]))


@pytest.mark.parametrize(
    "text", ["*_2026_*", ":100:", "<!channel>", "~x~", "`x`", "```", "a_b_c", "<https://e.example|x>"]
)
@LEVEL
def test_no_name_or_fact_is_slacks_markup(level, text):
    """Names and facts stand in rich or plain text, where nothing has a meaning, or in text whose formatting is off."""
    told = Message(
        "Failed",
        text,
        text,
        text,
        facts=((text, text),),
        failures=(ShownFailure(text, text, gist=text, others=(text,), count=2),),
    )
    payload = blockkit.render(told, level)
    marked = [one["text"] for one in texts_of(payload.get("blocks", [])) if one["type"] == "mrkdwn"]
    assert not any(text in one for one in marked)
    assert payload["mrkdwn"] is False
    assert ":100:" not in payload["text"]
    if level == "rich":
        shown = [one["text"].replace("\u200b", "") for one in texts_of(payload["blocks"])]
        assert shown.count(text) >= 3
        assert f"{text}, {text}" in shown


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
    envelope = mail.MailHeaders(
        parse_address("Argo <argo@example.com>"),
        [parse_address("ops@example.com")],
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


LONG = "".join(f"2026-08-21 12:00:{n % 60:02d} INFO row {n} is read\n" for n in range(80)) + "ValueError: no price"


def test_every_channel_shows_the_cause_at_the_end_of_a_long_message():
    """With its line ends, and the line that says why before the rest."""
    told = Message("Failed", "t", failures=(ShownFailure("load", LONG, exit_code=1, gist="ValueError: no price"),))
    scene = context()
    slack = [one["text"].strip() for one in texts_of(blockkit.render(told, "rich")["blocks"])]
    assert slack.index("ValueError: no price") < next(n for n, one in enumerate(slack) if "row 0 is read\n" in one)
    assert slack[-1].endswith("is read\nValueError: no price")
    sent = event.data(told, "rich", scene)["failures"][0]["message"]
    assert sent.startswith("ValueError: no price\n\n2026")
    assert sent.endswith("is read\nValueError: no price")
    bodies = mail.bodies(told, "rich", "Open")
    assert "- load: ValueError: no price\n    2026-08-21 12:00:00 INFO row 0 is read\n" in bodies["text"]
    assert bodies["text"].count("ValueError: no price") == 2
    assert ">ValueError: no price</div>" in bodies["html"]
    assert "is read<br>ValueError: no price</div>" in bodies["html"]


def test_columns_keep_their_spaces_in_html():
    """A table that a program printed is one in the mail, too, also where the reader does not know white-space."""
    told = Message("Failed", "t", failures=(ShownFailure("load", "  a    b\n\tc d", gist="x"),))
    page = mail.bodies(told, "rich", "Open")["html"]
    assert "\u00a0 a\u00a0\u00a0\u00a0 b<br>" in page
    assert "white-space:pre-wrap" in page
    assert "c d</div>" in page
