"""What must not be told is cut out, in every writing, and what is told cannot steer a terminal."""

import base64
import html
import json
import re
import threading
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.text import redact

SECRET = 'pä ss/w"o\\rd+&<1>%='


@pytest.fixture(autouse=True)
def _forgetful():
    with redact.forget_all():
        yield


def test_a_remembered_secret_is_cut_out_wherever_it_stands():
    """Every occurrence goes, and the rest of the text stays."""
    redact.remember("hunter22")
    assert redact.redact("a hunter22 b hunter22") == "a *** b ***"


@pytest.mark.parametrize(
    "write",
    [
        str,
        repr,
        json.dumps,
        lambda text: json.dumps(text, ensure_ascii=False),
        lambda text: json.dumps(text).replace("/", "\\/"),
        quote,
        lambda text: quote(text, safe=""),
        lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
        quote_plus,
        html.escape,
        lambda text: html.escape(text, quote=False),
        lambda text: text.encode().hex(),
    ],
)
def test_other_writings_of_a_secret_are_cut_out(write):
    """Encoding a secret for a URL, JSON, HTML or a log does not make it pass."""
    redact.remember(SECRET)
    assert "***" in redact.redact(f"before {write(SECRET)} after")
    assert write(SECRET).strip("'\"") not in redact.redact(f"before {write(SECRET)} after")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_is_cut_out_at_every_alignment(encode, before, after):
    """Whatever stands before and after the secret, its base64 is not told."""
    redact.remember("s3cr3t-value")
    coded = encode(before + b"s3cr3t-value" + after).decode()
    assert redact.redact(f"Basic-x {coded}") == "Basic-x ***"


def test_the_longest_secret_goes_first_and_overlaps_leave_nothing():
    """A secret inside another one, or one that overlaps another, uncovers no part of it."""
    for one in ("abcd", "abcdefgh", "ghijkl"):
        redact.remember(one)
    assert redact.redact("abcdefgh") == "***"
    assert redact.redact("-abcdefghijkl-") == "-***-"


def test_a_secret_url_is_known_by_its_path_alone():
    """A server that echoes the path of a webhook gives nothing away."""
    redact.remember("https://hooks.example.com/services/AAAA/BBBB?key=CCCC")
    assert redact.redact("no route for /services/AAAA/BBBB") == "no route for ***"


def test_the_last_part_of_a_secret_url_is_known_alone():
    """As that of a webhook, which some write without the rest; one that is a word is none."""
    redact.remember("https://hooks.example.com/services/T0AB/B0CD/x1y2z3x1y2z3x1y2")
    redact.remember("https://hooks.example.com/notifications-of-production")
    assert (
        redact.redact("got x1y2z3x1y2z3x1y2, of notifications-of-production")
        == "got ***, of notifications-of-production"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://gw.example.com/hook/train-resnet50-x7k2p",
        "https://gw.example.com/api/v1/ml-production-2/train-resnet50-x7k2p",
        "https://gw.example.com/x?workflow=train-resnet50-x7k2p&ns=ml-production-2",
    ],
)
def test_what_all_may_read_is_no_secret_for_standing_in_one(url):
    """A webhook's URL that names the workflow takes its name out of no message; the URL as a whole stays secret."""
    redact.publish(["train-resnet50-x7k2p", "ml-production-2", "train"])
    redact.remember(url)
    told = "train-resnet50-x7k2p failed in ml-production-2"
    assert redact.redact(told) == told
    assert redact.redact(f"POST {url}") == "POST ***"


def test_a_key_beside_what_all_may_read_is_still_one():
    """And a name that is a part of a longer word makes that no shorter."""
    redact.publish(["train", "8"])
    redact.remember("https://gw.example.com/train/8f3k-trainx-99aabbcc1?run=train")
    for part in ("/train/8f3k-trainx-99aabbcc1", "8f3k-trainx-99aabbcc1"):
        assert redact.redact(f"to {part}") == "to ***"


def test_a_user_without_a_password_and_a_signing_key_are_known_alone():
    """As trackers and git have a key for a user, and Standard Webhooks base64 behind whsec_."""
    redact.remember("https://0a1b2c3d4e5f60718293@o1.ingest.example.com/42")
    redact.remember("whsec_" + base64.b64encode(b"signing-key-of-ours").decode())
    for part in ("0a1b2c3d4e5f60718293", "signing-key-of-ours", base64.b64encode(b"signing-key-of-ours").decode()):
        assert redact.redact(f"it is {part}.") == "it is ***."
    redact.remember("postgresql://cleaner@db.example.com/ml")
    assert redact.redact("the user cleaner") == "the user cleaner"


def test_a_line_of_a_secret_with_several_is_known_alone():
    """A log that breaks a key into lines gives none of them away."""
    redact.remember("first-line-of-the-key\nsecond-line-of-the-key\n")
    assert redact.redact("got second-line-of-the-key") == "got ***"


@pytest.mark.parametrize("secret", ["", " ", "abc", " abc\n"])
def test_what_is_too_short_is_no_secret(secret):
    """Cutting out single letters would leave nothing to read."""
    redact.remember(secret)
    assert redact.redact("abc and so on") == "abc and so on"


def test_white_space_around_a_secret_is_no_part_of_it():
    """A file's last line end does not hide the secret that stands before it."""
    redact.remember("hunter22\r\n")
    assert redact.redact("is hunter22.") == "is ***."


TOKENS = {
    "slack bot": "xoxb-1234567890-abcdefABCDEF",
    "slack app": "xapp-1-A012345-678-abcdef",
    "slack rotated": "xoxe.xoxp-1-Mi0yLTEyMzQ1",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "github": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github fine": "github_pat_11ABCDEFG0123456789_abcdefghijkl",
    "gitlab": "glpat-0123456789abcdefghij",
    "google": "AIza" + "x" * 35,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
    "cut key": "-----BEGIN PRIVATE KEY-----\nMIIE\nabc",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_what_looks_like_a_token_is_cut_out(token):
    """Nobody needs to have said that it is one."""
    assert redact.redact(f"got {token}") == "got ***"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/***"),
        ("https://discord.com/api/webhooks/1/ab-c", "https://discord.com/api/webhooks/***"),
        ("https://api.telegram.org/bot1:abc/send", "https://api.telegram.org/bot***/send"),
        ("Authorization: Bearer abcdef0123", "Authorization: ***"),
        ("'authorization': 'Basic dXNlcjpwdw=='", "'authorization': '***'"),
        ("sent Bearer abcdef0123", "sent Bearer ***"),
        ("postgres://user:pa:ss@db/x", "postgres://***@db/x"),
        ("password=hunter2&x=1", "password=***&x=1"),
        ("https://x/y?sv=1&sig=a%2Bb&se=2", "https://x/y?sv=1&sig=***&se=2"),
        ("AWS_SECRET_ACCESS_KEY = 'abc'", "AWS_SECRET_ACCESS_KEY = '***'"),
        ('{"password": "a\\"b", "x": 1}', '{"password": "***", "x": 1}'),
    ],
)
def test_the_words_around_a_secret_stay(text, told):
    """What it was can still be read; what it is cannot."""
    assert redact.redact(text) == told


@pytest.mark.parametrize(
    "text",
    [
        *("", "workflow hello-x failed: exit code 1", "https://argo.example.com/workflows/ns/a", "a = b", "a@b.c"),
        *(
            "max_tokens=512",
            "the token=5 of the lexer",
            "pad_token=-100)",
            "password=None",
            "x?token=null&y=1",
            "secret=false",
        ),
    ],
)
def test_harmless_text_stays_as_it_is(text):
    """What is no secret is told."""
    redact.remember("hunter22")
    assert redact.redact(text) == text


@given(st.text())
def test_cutting_twice_is_cutting_once(text):
    """What was redacted can be redacted again."""
    once = redact.redact(text)
    assert redact.redact(once) == once


HOSTILE = {
    "key": "-----BEGIN RSA PRIVATE KEY-----",
    "jwt": "eyJ",
    "jwt dots": "eyJabcdefgh.",
    "url": "://a:",
    "colons": ":",
    "bearer": "bearer    ",
    "json": '"password":"\\',
    "pairs": "password = ",
    "escape": "\x1b[",
    "osc": "\x1b]\x9d",
    "base64": "aHVudGVyMjI",
    "same": "a",
    "auth": "authorization: ",
    "hooks": "hooks.slack.com/services/",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_time_in_proportion(piece):
    """Eight times the text takes nowhere near the 64 times of a square."""
    for secret in ("hunter22", "aaaa"):
        redact.remember(secret)

    def seconds(size):
        text = "://" + piece * (size // len(piece))
        began = time.process_time()
        redact.redact(text)
        redact.printable(text, size)
        return time.process_time() - began

    small = min(seconds(25_000) for _ in range(3))
    assert min(seconds(200_000) for _ in range(2)) < 32 * small + 0.02


def test_threads_may_remember_together():
    """No secret is lost when many are remembered at once."""
    names = [f"secret-number-{number:04}" for number in range(40)]
    threads = [threading.Thread(target=redact.remember, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {redact.redact(name) for name in names} == {"***"}


def test_forgetting_is_complete():
    """One test's secrets are not another's."""
    redact.remember("hunter22")
    with redact.forget_all():
        assert redact.redact("hunter22") == "hunter22"
        redact.remember("hunter33")
    assert redact.redact("hunter33") == "hunter33"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\n\tb\x0b c\u2028d\x85e", "a b c d e"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07shell", "shell"),
        ("\x9b31mred", "red"),
        ("a\x00b\x07c", "a\ufffdb\ufffdc"),
        ("evil\u202etxt.exe\u2066", "evil\ufffdtxt.exe\ufffd"),
        ("\ud800", "\ufffd"),
        ("café ✅ 👩‍💻", "café ✅ 👩‍💻"),
    ],
)
def test_a_line_is_harmless(text, line):
    """Colours, titles, line breaks and turns of direction do not reach a terminal."""
    assert redact.printable(text, 100) == line


@given(st.text(alphabet=st.characters(codec=None)), st.integers(-1, 30))
def test_a_line_keeps_its_limit(text, limit):
    """One line, never longer than allowed, always writable, with an ellipsis where it was cut."""
    line = redact.printable(text, limit)
    assert len(line) <= max(0, limit)
    assert line.isprintable() or not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line)
    line.encode()


def test_a_cut_is_seen():
    """Whoever reads a part knows that it is one."""
    assert redact.printable("abcdef", 4) == "abc…"
    assert redact.printable("abcd", 4) == "abcd"
    assert redact.printable("a" + " " * 100_000 + "b", 10) == "a…"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://argo.example.com/w/a?uid=1#x", "https://argo.example.com/w/a?uid=1#x"),
        ("https://user:p4ss@argo:8443/w?x=1", "https://argo:8443/w?x=1"),
        ("https://ghp-token@argo", "https://argo"),
        ("https://argo/w?a=@b", "https://argo/w?a=@b"),
        ("https://argo/w?access_token=abcdefgh&x=1", "https://argo/w?access_token=***&x=1"),
        ("https://argo/w?key=abcdefgh&sig=ab%2Fcd", "https://argo/w?key=***&sig=***"),
        ("https://s3/b?X-Amz-Signature=0123abcd", "https://s3/b?X-Amz-Signature=***"),
        ("no link", "no link"),
        ("", ""),
    ],
)
def test_a_link_leads_there_without_what_gives_access(url, shown):
    """A user and a password go, a token in the query is masked."""
    assert redact.link(url) == shown


def test_a_short_secret_is_cut_out_where_it_stands_alone():
    """In the middle of a word it would be cut out of everything."""
    for secret in ("fail", "step"):
        redact.remember(secret)
    assert redact.redact("fail: steps failed, step=fail") == "***: steps failed, ***=***"


@pytest.mark.parametrize("url", ["https://hooks.example.com", "http://10.0.0.5:8080/", "HTTPS://Hooks.example.com/"])
def test_a_url_of_a_host_alone_is_no_secret(url):
    """A webhook without a path is still named in what is said of it."""
    with redact.forget_all():
        redact.remember(url)
        assert redact.redact(f"the webhook at {url}/… is away") == f"the webhook at {url}/… is away"


@pytest.mark.parametrize("url", ["https://hooks.example.com/T0K3N-abcdef", "https://h.example/?sig=abcdef0123456"])
def test_a_url_with_more_is_a_secret(url):
    """Its path or query is what lets somebody post."""
    with redact.forget_all():
        redact.remember(url)
        assert "***" in redact.redact(f"the webhook at {url} is away")
