"""E-mail: what arrives in a mailbox, for whom, and what is tried again."""

import email
import socket
from email import policy

import pytest
from aiosmtpd.controller import Controller
from pydantic import ValidationError

from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.notify.email import Email, addresses
from exitkit.notify.email.posting import server_of
from exitkit.retry import RetryPolicy
from exitkit.store.place import open_store
from exitkit.testing import ActionContract
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import ScriptedHTTP
from exitkit.testing.scene import context, failed_workflow, hostile_workflow
from exitkit.testing.smtp import ScriptedSMTP, Session

EVIL = "=?utf-8?q?x=0D=0ABcc=3A_evil?="


class TestEmail(ActionContract):
    name = "notify.email"
    action = Email

    def settings(self, folder):
        return {
            "host": "smtp.invalid",
            "username": "argo",
            "password": "password-for-this-test-only",
            "sender": "Argo <argo@example.com>",
            "to": ["ops@example.com"],
        }


def to(server, **given):
    given = {"tls": "none", "sender": "Argo <argo@example.com>", "to": ["ops@example.com"], **given}
    return Email(host=server.host, port=server.port, **given)


def read(server, index=0):
    return email.message_from_bytes(server.envelopes[index].message, policy=policy.default)


def test_a_mail_has_text_and_html_and_says_what_it_is():
    """Plain text first and HTML last, as readers expect, and headers that keep machines from answering."""
    scene = context()
    with ScriptedSMTP([Session()]) as server:
        result = to(server, cc=["Boss <boss@example.com>"], reply_to="help@example.com").run(scene)
    got = read(server)
    assert [part.get_content_type() for part in got.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert got["Subject"] == "train-x7k2p failed"
    assert got["From"] == "Argo <argo@example.com>"
    assert (got["To"], got["Cc"], got["Reply-To"]) == (
        "ops@example.com",
        "Boss <boss@example.com>",
        "help@example.com",
    )
    assert got["Message-ID"] == f"<exitkit.{scene.delivery}@example.com>" == result.facts["message_id"]
    assert (got["Auto-Submitted"], got["X-Auto-Response-Suppress"]) == ("auto-generated", "All")
    assert (got["X-Exitkit-Workflow"], got["X-Exitkit-Status"]) == ("train-x7k2p", "Failed")
    assert int(got["Date"].datetime.timestamp()) == int(scene.deadline.clock.time())
    assert server.envelopes[0].recipients == ["ops@example.com", "boss@example.com"]
    text, page = (got.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert '- evaluate: ValueError: column "price" <is> missing & 3 rows are null (exit code 1)' in text
    assert (
        "- fit(1:1), fit(3:3), fit(7:7): it used more memory than its limit (OOMKilled, exit code 137, 3 times)" in text
    )
    assert "https://argo.example.com/workflows/ml-prod/train-x7k2p" in text
    assert "&lt;is&gt; missing &amp; 3 rows are null" in page
    assert ">Open in Argo</a>" in page


def test_a_second_run_makes_the_same_mail():
    """Message-ID and boundary do not change, so that mailboxes which look for it show it once."""
    with ScriptedSMTP([Session(), Session()]) as server:
        for _ in range(2):
            to(server).run(context(clock=FakeClock(1_790_000_000.0)))
    assert server.envelopes[0].message == server.envelopes[1].message


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({"name": "train-x7k2p"}, {"name": "train-b4b4b"}, True),
        ({"name": "train-1790000000"}, {"name": "train-1790086400"}, True),
        ({"name": "train"}, {"name": "evaluate"}, False),
        ({"namespace": "a"}, {"namespace": "b"}, False),
    ],
)
def test_mails_of_one_kind_of_workflow_are_one_thread(one, other, together):
    """All answer a root that never was, made of the namespace and the cron workflow, template or name's prefix."""
    with ScriptedSMTP([Session(), Session()]) as server:
        for uid, facts in (("1", one), ("2", other)):
            to(server).run(context(workflow=failed_workflow(**{"labels": "{}", "uid": uid, **facts})))
    first, second = read(server, 0), read(server, 1)
    assert (first["References"] == second["References"]) is together
    assert first["In-Reply-To"] == first["References"]
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.parametrize(
    "name", [EVIL, f"a {EVIL} b", "x\r\nBcc: evil@example.com", "x\u2028Bcc: evil", "x\nBcc: evil\n\nbody"]
)
def test_a_name_adds_no_header(name):
    """Neither plainly nor through an encoded word, which Python before 3.11.10 writes out decoded; seen in the raw bytes."""
    with ScriptedSMTP([Session()]) as server:
        to(server, title=name, facts={name: name}).run(context(workflow=failed_workflow(name=name, uid=name)))
    raw = server.envelopes[0].message
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head
    assert b"=?utf-8?q?x=0D" not in head
    got = email.message_from_bytes(raw, policy=policy.default)
    assert got["Bcc"] is None
    assert len(got.keys()) == len(set(got.keys()))
    assert server.envelopes[0].recipients == ["ops@example.com"]
    assert [one for one in server.commands if one.startswith("RCPT")] == ["RCPT TO:<ops@example.com>"]


def test_display_names_add_no_header_either():
    """They come from settings, and are held to the same."""
    with ScriptedSMTP([Session()]) as server:
        to(server, sender=f'"{EVIL}" <argo@example.com>', to=['"Zoë, boss" <zoe@example.com>']).run(context())
    got = read(server)
    assert got["Bcc"] is None
    assert got["From"].addresses[0].addr_spec == "argo@example.com"
    assert [one.addr_spec for one in got["To"].addresses] == ["zoe@example.com"]


def test_hostile_facts_arrive_as_a_readable_mail():
    """Whatever is in a name and a message, it is ASCII on the wire, of two parts, and without a script."""
    with ScriptedSMTP([Session()]) as server:
        to(server).run(context(workflow=hostile_workflow(5000)))
    got = read(server)
    assert server.envelopes[0].message.isascii()
    assert got.defects == []
    page = got.get_body(("html",)).get_content()
    assert "<script" not in page
    assert 'href="javascript' not in page


def test_who_is_refused_is_told_and_the_others_have_it():
    """A mail that some recipients took is a success with a note."""
    with ScriptedSMTP([Session(refuse={"gone@example.com": "550 5.1.1 no such user"})]) as server:
        result = to(server, to=["ops@example.com", "gone@example.com"]).run(context())
    assert result.summary == "sent to 1 of 2"
    assert result.notes == ("not sent to gone@example.com: 550 5.1.1 no such user",)
    assert result.facts["recipients"] == ["ops@example.com"]
    assert list(result.facts["refused"]) == ["gone@example.com"]


def test_only_who_was_put_off_is_tried_again():
    """Nobody gets a second copy because a neighbour was greylisted."""
    later = Session(refuse={"slow@example.com": "450 4.7.1 greylisted", "gone@example.com": "550 5.1.1 no such user"})
    with ScriptedSMTP([later, Session()]) as server:
        result = to(server, to=["ops@example.com", "slow@example.com", "gone@example.com"]).run(context())
    assert [one.recipients for one in server.envelopes] == [["ops@example.com"], ["slow@example.com"]]
    assert (
        server.envelopes[0].message.partition(b"\r\n\r\n")[2] == server.envelopes[1].message.partition(b"\r\n\r\n")[2]
    )
    assert result.facts["recipients"] == ["ops@example.com", "slow@example.com"]
    assert len(result.notes) == 1


def test_who_is_refused_in_the_end_is_told_as_well():
    """Put off first and refused then: the others have it, so it is a success with a note."""
    later = Session(refuse={"slow@example.com": "450 4.7.1 greylisted"})
    never = Session(refuse={"slow@example.com": "550 5.7.1 go away"})
    with ScriptedSMTP([later, never]) as server:
        result = to(server, to=["ops@example.com", "slow@example.com"]).run(context())
    assert result.facts["recipients"] == ["ops@example.com"]
    assert "550 5.7.1 go away" in result.notes[0]


def test_who_is_put_off_for_ever_makes_it_fail():
    """Not all have it, and the error says who has not."""
    later = Session(refuse={"slow@example.com": "450 4.7.1 greylisted"})
    with (
        ScriptedSMTP([later]) as server,
        pytest.raises(Exhausted, match=r"not yet taken for slow@example.com: 450"),
    ):
        to(server, to=["ops@example.com", "slow@example.com"]).run(context(terms=RetryPolicy(attempts=1)))
    assert len(server.envelopes) == 1


def test_all_refused_is_an_error():
    """Nobody has it."""
    with (
        ScriptedSMTP([Session(refuse={"ops@example.com": "550 5.1.1 no such user"})]) as server,
        pytest.raises(ActionError, match=r"5\.1\.1 no such user"),
    ):
        to(server).run(context())


def test_too_large_a_mail_becomes_smaller():
    """552 is about the form: text alone, and then a line."""
    steps = [Session(dot="552 5.3.4 too big"), Session(size=3000), Session()]
    with ScriptedSMTP(steps) as server:
        result = to(server).run(context())
    assert result.notes[0].startswith("degraded to text: ")
    assert read(server, -1).get_content_type() == "text/plain"


def test_a_lost_verdict_is_not_sent_again():
    """SMTP promises nothing for a Message-ID that comes twice, so what is in doubt stays so unless resending is asked for."""
    with ScriptedSMTP([Session(drop="dot")]) as server, pytest.raises(Unknown, match="may have arrived"):
        to(server).run(context())
    with ScriptedSMTP([Session(drop="dot"), Session()]) as server:
        to(server).run(context(terms=RetryPolicy(resend=True)))
    assert len({read(server, index)["Message-ID"] for index in range(2)}) == 1


@pytest.mark.parametrize(
    "session", [Session(greeting="421 4.3.2 busy"), Session(mail="451 4.3.0 later"), Session(drop="ehlo")]
)
def test_what_passes_is_tried_again(session):
    """A busy server, and a connection that ends before the message does."""
    with ScriptedSMTP([session, Session()]) as server:
        assert to(server).run(context()).summary.startswith("sent to ops@example.com")


def test_a_wrong_password_is_told_without_it():
    """With a cure, at once, and no word of the secret."""
    with (
        ScriptedSMTP([Session(auth="535 5.7.8 wrong")]) as server,
        pytest.raises(ActionError, match="check username and password") as caught,
    ):
        to(server, username="argo", password="hunter2-hunter2").run(context())
    assert caught.value.reason == "auth"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_login_and_mail_go_through_tls(tls):
    """Both ways of encryption, verified against the given authority."""
    with ScriptedSMTP([Session()], implicit_tls=tls == "implicit") as server:
        to(server, tls=tls, ca_file=server.ca_file, username="argo", password="pw-pw-pw-pw").run(context())
    assert server.envelopes[0].tls
    assert server.envelopes[0].login == ("argo", "pw-pw-pw-pw")


def test_a_token_logs_in_by_oauth():
    """XOAUTH2, as Gmail and Exchange want it."""
    with ScriptedSMTP([Session(mechanisms=("XOAUTH2",))]) as server:
        to(server, username="argo@example.com", token="ya29.token").run(context())
    assert server.envelopes[0].login == ("XOAUTH2", "user=argo@example.com\x01auth=Bearer ya29.token\x01\x01")


def test_a_server_without_starttls_gets_nothing():
    """Encryption that was asked for is not silently left out."""
    with ScriptedSMTP([Session(starttls=False)]) as server, pytest.raises(ActionError, match="starttls"):
        to(server, tls="starttls").run(context())
    assert not any(one.startswith(("AUTH", "MAIL")) for one in server.commands)


def test_a_web_server_is_no_mail_server():
    """A wrong port is told as such."""
    with ScriptedHTTP([]) as server:
        server.serve = lambda connection: connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises((ActionError, Retryable)):
            to(server).run(context(terms=RetryPolicy(attempts=1)))


def test_a_real_server_takes_it():
    """aiosmtpd, which is nothing of ours, reads what we mean."""
    taken = []

    class Box:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
            taken.append(envelope)
            return "250 OK"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        Email(host="127.0.0.1", port=port, tls="none", sender="argo@example.com", to=["ops@example.com"]).run(context())
    finally:
        controller.stop()
    assert taken[0].rcpt_tos == ["ops@example.com"]
    assert email.message_from_bytes(taken[0].content, policy=policy.default)["Subject"] == "train-x7k2p failed"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"to": []}, "at least 1"),
        ({"username": "u"}, "needs a password or a token"),
        ({"host": "h:25", "port": 26}, "port is another one"),
        ({"to": ["a@example.com, nobody"]}, "not one e-mail address"),
        ({"to": ["team-(x?)@example.com"]}, "not one e-mail address"),
        ({"to": ["(oncall?)"]}, "not one e-mail address"),
        ({"to": ["a@example.com\r\nBcc: b@example.com"]}, "control characters"),
        ({"to": ["a@example.com>\nRCPT TO:<b@example.com"]}, "control characters"),
        ({"to": ["nobody"]}, "not one e-mail address"),
        ({"sender": ""}, "sender is missing"),
        ({"sender": "a b@c"}, "not one e-mail address"),
        ({"password": "s3cr3t"}, "needs a username"),
        ({"username": "u", "password": "s3cr3t", "token": "t"}, "not both"),
        ({"username": "u", "password": "s3cr3t", "tls": "none"}, "readable by all"),
        ({"tls": "maybe"}, "starttls"),
    ],
)
def test_wrong_settings_say_what_is_right(given, told):
    """Before anything runs, and without quoting a secret."""
    with pytest.raises(ValidationError, match=told) as caught:
        Email(**{"host": "smtp.example.com", "sender": "a@example.com", "to": ["b@example.com"], **given})
    assert "s3cr3t" not in str(caught.value)


def test_an_address_of_another_script_is_written_for_the_wire():
    """A domain becomes its ASCII form; a local part stays as it is, for servers that take it (RFC 6531)."""
    assert addresses.parse_address("Büro <ops@bücher.example>").address == "ops@xn--bcher-kva.example"
    assert addresses.parse_address("bücher@example.com").address == "bücher@example.com"


@pytest.mark.parametrize(
    ("text", "mailboxes"),
    [
        ("a@x.example; b@x.example", [("", "a@x.example"), ("", "b@x.example")]),
        ("Ann <a@x.example>, b@x.example,", [("Ann", "a@x.example"), ("", "b@x.example")]),
        ('"Doe; Jane" <j@x.example>;c@x.example', [("Doe; Jane", "j@x.example"), ("", "c@x.example")]),
        (
            "Doe, Jane <j@x.example>; Roe, Rick <r@x.example>",
            [("Doe, Jane", "j@x.example"), ("Roe, Rick", "r@x.example")],
        ),
    ],
)
def test_lists_are_read_as_people_write_them(text, mailboxes):
    """By comma or semicolon, with names that may hold either."""
    assert [(one.name, one.address) for one in addresses.parse_addresses(text)] == mailboxes


def test_a_mail_beyond_ascii_arrives_where_the_server_takes_it():
    """Sender, recipients and headers by SMTPUTF8; elsewhere the others have it, and a clear word tells who has not."""
    with ScriptedSMTP([Session(), Session(smtputf8=False)]) as server:
        for _ in range(2):
            result = to(server, to="Jürgen <jürgen@example.com>; ops@example.com").run(context())
    first, second = server.envelopes
    assert first.recipients == ["jürgen@example.com", "ops@example.com"]
    assert "jürgen@example.com".encode() in first.message
    assert second.recipients == ["ops@example.com"]
    assert second.message.isascii()
    assert result.notes[0].startswith("not sent to jürgen@example.com: ")
    assert "offers no smtputf8" in result.notes[0]


def test_who_has_it_stands_in_the_error_and_in_the_receipt(tmp_path):
    """The error speaks only of who has it not, and a second run writes to nobody else."""
    later = Session(refuse={"slow@example.com": "450 4.7.1 greylisted"})
    both = ["ops@example.com", "slow@example.com"]
    state = open_store(str(tmp_path))
    with ScriptedSMTP([later, Session()]) as server:
        with pytest.raises(Exhausted) as caught:
            to(server, to=both).run(context(terms=RetryPolicy(attempts=1), state=state))
        assert "ops@example.com" not in str(caught.value)
        assert str(caught.value).startswith("for slow@example.com: ")
        assert "slow@example.com: 450" in str(caught.value)
        assert caught.value.facts["recipients"] == ["ops@example.com"]
        assert caught.value.notes == ("sent to ops@example.com",)
        second = to(server, to=both).run(context(state=state))
        third = to(server, to=both).run(context(state=state))
    assert [one.recipients for one in server.envelopes] == [["ops@example.com"], ["slow@example.com"]]
    assert second.facts["recipients"] == both
    assert third.duplicate


def test_who_has_it_is_known_also_where_the_rest_is_in_doubt(tmp_path):
    """Greylisted first, and the verdict lost then: a resend is for the one in doubt alone."""
    later = Session(refuse={"slow@example.com": "450 4.7.1 greylisted"})
    both = ["ops@example.com", "slow@example.com"]
    state = open_store(str(tmp_path))
    with ScriptedSMTP([later, Session(drop="dot"), Session()]) as server:
        with pytest.raises(Unknown) as caught:
            to(server, to=both).run(context(state=state))
        assert str(caught.value).startswith("for slow@example.com: ")  # a fallback says so, and nothing of the other
        assert caught.value.facts["recipients"] == ["ops@example.com"]
        to(server, to=both).run(context(state=state, terms=RetryPolicy(resend=True)))
    assert [one.recipients for one in server.envelopes] == [
        ["ops@example.com"],
        ["slow@example.com"],
        ["slow@example.com"],
    ]


def test_a_size_that_is_refused_twice_is_not_why():
    """552 to a mail of some kilobytes is about something else, and four copies would not change it."""
    with ScriptedSMTP([Session(dot="552 message size exceeds limit")] * 2) as server:
        with pytest.raises(ActionError, match="a smaller one was refused as well"):
            to(server).run(context())
    assert len(server.envelopes) == 2


def test_a_mailbox_that_is_full_is_final():
    """A bare 552 means that to most servers."""
    with (
        ScriptedSMTP([Session(dot="552 mailbox is over quota")]) as server,
        pytest.raises(ActionError, match="over quota"),
    ):
        to(server).run(context())
    assert len(server.envelopes) == 1


def test_the_port_follows_the_encryption():
    """587, 465 and 25, unless another one is given."""
    base = {"host": "h", "sender": "a@example.com", "to": ["b@example.com"]}
    assert [server_of(Email(**base, tls=tls)).port for tls in ("starttls", "implicit", "none")] == [587, 465, 25]
    assert server_of(Email(**base, port=2525)).port == 2525
    for host, place in (("h:25", ("h", 25)), ("[::1]:26", ("::1", 26)), ("[::1]", ("::1", 587)), ("h", ("h", 587))):
        server = server_of(Email(**{**base, "host": host}))
        assert (server.host, server.port) == place


def test_the_name_in_ehlo_can_be_set():
    """As a relay may want it."""
    with ScriptedSMTP([Session()]) as server:
        to(server, hello="exitkit.example.com").run(context())
    assert server.envelopes[0].hello == "exitkit.example.com"
