"""Mail is handed over once, and what became of it is told for each recipient and without a secret."""

import base64
import hmac
import logging
import os
import re
import socket
import threading
import traceback
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from exitkit.errors import ActionError, ConfigError, Exhausted, Retryable, Unknown
from exitkit.notify.email import smtp
from exitkit.notify.email.smtp import MailServer, MailTooLarge
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing.certificates import certificate_file
from exitkit.testing.clock import FakeClock
from exitkit.testing.smtp import CHALLENGE, ScriptedSMTP, Session
from exitkit.text import redact

CANARY = "c4n4ry-passw0rd"
MESSAGE = b"Subject: hello\r\n\r\n.leading dot\r\n..two\nbare line feed\r\nend"
ARRIVED = b"Subject: hello\r\n\r\n.leading dot\r\n..two\r\nbare line feed\r\nend\r\n"


@pytest.fixture(autouse=True)
def _forgetful():
    with redact.forget_all():
        yield


def at(server, **options):
    return MailServer(**{"host": server.host, "port": server.port, "ca_file": server.ca_file, "timeout": 2.0} | options)


def send(server, recipients=("a@example.com",), message=MESSAGE, sender="me@example.com", **options):
    return smtp.send(message, sender=sender, recipients=recipients, server=at(server, **options), what="email")


def error_of(call):
    with pytest.raises(ActionError) as caught:
        call()
    return caught.value


def test_a_mail_arrives_at_a_real_server(request):
    """aiosmtpd takes what we hand over by STARTTLS with a login, byte for byte."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file())
    taken = []

    class Keep:
        async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
            taken.append(envelope)
            return "250 2.0.0 queued as 1"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        Keep(),
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        authenticator=lambda *args: AuthResult(success=(args[-1].login, args[-1].password) == (b"me", "pä".encode())),
        auth_required=True,
        enable_SMTPUTF8=True,
    )
    controller.start()
    request.addfinalizer(controller.stop)
    there = SimpleNamespace(host="127.0.0.1", port=port, ca_file=certificate_file())
    sent = send(there, recipients=("a@example.com", "jürgen@example.com"), username="me", password="pä")
    assert (sent.refused, sent.deferred, sent.response) == ({}, {}, "250 2.0.0 queued as 1")
    (envelope,) = taken
    assert envelope.mail_from == "me@example.com"
    assert envelope.rcpt_tos == ["a@example.com", "jürgen@example.com"]
    assert envelope.content == ARRIVED


def test_a_mail_arrives_by_starttls():
    """Encrypted before anything is said, in full, and to each recipient once."""
    with ScriptedSMTP([Session()]) as server:
        sent = send(server, ("a@example.com", "b@example.com", "a@example.com"), username="me", password="pw-1234")
    (envelope,) = server.envelopes
    assert envelope.message == ARRIVED
    assert envelope.recipients == ["a@example.com", "b@example.com"]
    assert envelope.sender == "me@example.com"
    assert envelope.tls
    assert envelope.login == ("me", "pw-1234")
    assert envelope.hello == "[127.0.0.1]"
    assert sent.response == "250 2.0.0 queued as test"
    assert server.commands[-1] == "QUIT"


def test_the_server_is_greeted_again_inside_tls():
    """What it offers in the clear counts for nothing."""
    with ScriptedSMTP([Session()]) as server:
        send(server, local_hostname="pod.example.com")
    assert [one.replace("ehlo", "EHLO") for one in server.commands[:3]] == [
        "EHLO pod.example.com",
        "STARTTLS",
        "EHLO pod.example.com",
    ]


def test_a_mail_arrives_by_implicit_tls():
    """As of port 465."""
    with ScriptedSMTP([Session(starttls=False)], implicit_tls=True) as server:
        send(server, tls="implicit")
    assert server.envelopes[0].tls


def test_a_mail_arrives_in_the_clear_where_that_is_asked_for():
    """A relay in a trusted network may be without TLS, and without a login."""
    with ScriptedSMTP([Session()]) as server:
        send(server, tls="none")
    assert not server.envelopes[0].tls


def test_an_own_name_is_not_looked_up(monkeypatch):
    """The name of the pod would cost a question to a resolver that may not answer."""
    monkeypatch.setattr(socket, "getfqdn", lambda *args: pytest.fail("asked for its own name"))
    with ScriptedSMTP([Session()]) as server:
        send(server)


def test_starttls_is_required_where_it_was_asked_for():
    """Whoever strips the offer on the way gets neither password nor mail."""
    with ScriptedSMTP([Session(starttls=False)]) as server:
        error = error_of(lambda: send(server, username="me", password=CANARY))
    assert type(error) is ActionError
    assert "offers no starttls" in str(error)
    assert [one.split()[0].upper() for one in server.commands] == ["EHLO"]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(
    ("certificate", "trusted", "told"),
    [("localhost", False, "self-signed"), ("wrong-host", True, "another"), ("expired", True, "has expired")],
)
def test_a_bad_certificate_is_permanent_and_explained(tls, certificate, trusted, told):
    """It fails closed before the login."""
    implicit = tls == "implicit"
    with ScriptedSMTP([] if implicit else [Session()], implicit_tls=implicit, certificate=certificate) as server:
        error = error_of(lambda: send(server, tls=tls, **({} if trusted else {"ca_file": None})))
    assert type(error) is ActionError
    assert told in str(error)


def test_tls_on_the_wrong_port_is_permanent():
    """Implicit TLS where the server speaks first is a matter of configuration."""
    with ScriptedSMTP([Session()]) as server:
        error = error_of(lambda: send(server, tls="implicit"))
    assert type(error) is ActionError
    assert "does not speak tls" in str(error)


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("LOGIN",), ("CRAM-MD5", "LOGIN")])
def test_a_login_is_by_what_the_server_offers(mechanisms):
    """PLAIN before LOGIN, in UTF-8."""
    with ScriptedSMTP([Session(mechanisms=mechanisms)]) as server:
        send(server, username="me@example.com", password="pässwörd")
    assert server.envelopes[0].login == ("me@example.com", "pässwörd")


def test_a_token_is_a_login_too():
    """XOAUTH2, as Gmail and Exchange Online want it."""
    with ScriptedSMTP([Session(mechanisms=("PLAIN", "XOAUTH2"))]) as server:
        send(server, username="me", access_token="tok-1234")
    assert server.envelopes[0].login == ("XOAUTH2", "user=me\x01auth=Bearer tok-1234\x01\x01")


@pytest.mark.parametrize(
    ("session", "options", "told"),
    [
        (Session(auth="535 5.7.8 bad credentials"), {"password": CANARY}, "535 5.7.8 bad credentials"),
        (Session(auth="534 5.7.9 app password needed"), {"password": CANARY}, "534"),
        (Session(auth="535 5.7.8 no", mechanisms=("LOGIN",)), {"password": CANARY}, "535"),
        (Session(auth="535 5.7.8 no", mechanisms=("XOAUTH2",)), {"access_token": CANARY}, "535"),
        (Session(mechanisms=("GSSAPI",)), {"password": CANARY}, "no login by PLAIN, LOGIN or CRAM-MD5"),
        (Session(mechanisms=()), {"password": CANARY}, "no login"),
    ],
)
def test_a_refused_login_is_permanent(session, options, told):
    """Reason auth, with the server's words and without the password."""
    with ScriptedSMTP([session]) as server:
        error = error_of(lambda: send(server, username="me", **options))
    assert (type(error), error.reason) == (ActionError, "auth")
    assert told in str(error)


def test_a_server_that_wants_a_login_says_so():
    """530 to the sender is a matter of credentials as well."""
    with ScriptedSMTP([Session(mail="530 5.7.0 authentication required")]) as server:
        assert error_of(lambda: send(server)).reason == "auth"


def test_some_recipients_may_be_refused():
    """The others get the mail; who can be tried again stands apart from who cannot."""
    refuse = {"later@example.com": "450 4.2.1 greylisted", "no@example.com": "550 5.1.1 no such user"}
    with ScriptedSMTP([Session(refuse=refuse)]) as server:
        sent = send(server, ("yes@example.com", *refuse))
    assert sent.deferred == {"later@example.com": "450 4.2.1 greylisted"}
    assert sent.refused == {"no@example.com": "550 5.1.1 no such user"}
    assert server.envelopes[0].recipients == ["yes@example.com"]


@pytest.mark.parametrize(
    ("refuse", "kind"),
    [
        ({"a@example.com": "450 4.2.1 later"}, Retryable),
        ({"a@example.com": "550 5.1.1 no"}, ActionError),
        ({"a@example.com": "450 4.2.1 later", "b@example.com": "550 5.1.1 no"}, Retryable),
    ],
)
def test_nothing_is_sent_when_nobody_may_have_it(refuse, kind):
    """It may be tried again as long as one of them is only deferred."""
    with ScriptedSMTP([Session(refuse=refuse)]) as server:
        error = error_of(lambda: send(server, tuple(refuse)))
    assert type(error) is kind
    assert all(address in str(error) for address in refuse)
    assert server.envelopes == []


BEFORE = ("connect", "greeting", "ehlo", "mail", "rcpt", "data", "content")


@pytest.mark.parametrize("how", ["drop", "reset", "hang"])
@pytest.mark.parametrize("point", BEFORE)
def test_what_breaks_before_the_dot_is_retryable(how, point):
    """Half a mail is no mail, so that another try makes no second one."""
    message = (b"x" * 998 + b"\r\n") * (16_000 if point == "content" else 1)  # more than fits on the way
    with ScriptedSMTP([Session(**{how: point})]) as server:
        error = error_of(lambda: send(server, message=message, timeout=0.2))
    assert isinstance(error, Retryable)
    assert server.envelopes == []


@pytest.mark.parametrize("how", ["drop", "reset"])
def test_what_breaks_after_the_dot_is_unknown(how):
    """The mail may be on its way, and only a Message-ID tells a second one."""
    with ScriptedSMTP([Session(**{how: "dot"})]) as server:
        error = error_of(lambda: send(server))
    assert isinstance(error, Unknown)
    assert "may have arrived" in str(error)
    assert len(server.envelopes) == 1


def test_silence_after_the_dot_is_unknown_when_time_is_up():
    """A filter that thinks for too long is given up by the clock outside."""
    clock = FakeClock(patience=0.3)
    with ScriptedSMTP([Session(hang="dot")]) as server:
        error = error_of(lambda: Retry(RetryPolicy(), Deadline(60, clock))(lambda: send(server)))
    assert isinstance(error, Unknown)


def test_an_attempt_that_is_given_up_before_the_dot_sends_nothing_later():
    """A server that lets us wait with its 354 does not get the mail behind the report's back."""
    clock = FakeClock(patience=0.3)
    go, done = threading.Event(), threading.Event()

    with ScriptedSMTP([Session(on={"data": lambda: go.wait(10)})]) as server:

        def attempt():
            try:
                send(server, timeout=10)
            finally:
                done.set()

        error = error_of(lambda: Retry(RetryPolicy(attempts=1), Deadline(60, clock))(attempt))
        assert isinstance(error, Exhausted)
        go.set()
        assert done.wait(5)
    assert server.envelopes == []


@pytest.mark.parametrize(
    ("session", "kind"),
    [
        (Session(greeting="421 4.3.2 too busy"), Retryable),
        (Session(greeting="554 5.7.1 not you"), ActionError),
        (Session(greeting="SSH-2.0-OpenSSH"), ActionError),
        (Session(mail="451 4.3.0 later"), Retryable),
        (Session(mail="550 5.7.1 relaying denied"), ActionError),
        (Session(refuse={"a@example.com": "421 4.3.2 going down"}), Retryable),
        (Session(data="451 4.3.0 later"), Retryable),
        (Session(data="554 5.5.1 no"), ActionError),
        (Session(dot="451 4.7.1 later"), Retryable),
        (Session(dot="550 5.7.1 spam"), ActionError),
        (Session(dot="552 5.3.4 too big"), MailTooLarge),
        (Session(dot="552 too big"), MailTooLarge),
        (Session(dot="552 mailbox size limit exceeded, quota"), ActionError),
        (Session(dot="552 refused"), ActionError),
        (Session(mail="552 5.3.4 too big"), MailTooLarge),
        (Session(dot="552 5.2.2 mailbox full"), ActionError),
        (Session(dot="what?"), Unknown),
    ],
)
def test_an_answer_means_what_its_code_says(session, kind):
    """4yz may be tried again, 5yz may not, and too large can be told from the rest."""
    with ScriptedSMTP([session]) as server:
        error = error_of(lambda: send(server))
    assert type(error) is kind


def test_a_mail_that_is_too_large_is_not_begun():
    """The limit the server states is known before a byte is sent."""
    with ScriptedSMTP([Session(size=20)]) as server:
        error = error_of(lambda: send(server))
    assert isinstance(error, MailTooLarge)
    assert error.limit == 20
    assert not any(one.startswith("MAIL") for one in server.commands)


def test_addresses_beyond_ascii_need_a_server_that_knows_them():
    """They are announced where they can be, and a clear error where not."""
    with ScriptedSMTP([Session(), Session(smtputf8=False)]) as server:
        send(server, ("jürgen@example.com",))
        error = error_of(lambda: send(server, ("jürgen@example.com",)))
    assert server.envelopes[0].recipients == ["jürgen@example.com"]
    assert "SMTPUTF8" in server.envelopes[0].options
    assert "offers no smtputf8" in str(error)


@pytest.mark.parametrize(
    "address",
    [
        "a@b.c\r\nRCPT TO:<evil@x.y>",
        "a@b.c\nDATA",
        "a b@c.d",
        "a@b.c> X",
        "<a@b.c>",
        "",
        "a\x00@b.c",
        "a@b\u2028c",
        "\ud800",
    ],
)
@pytest.mark.parametrize("where", ["sender", "recipient"])
def test_an_address_cannot_break_out(address, where):
    """No address makes another command, and the server is not even asked."""
    with ScriptedSMTP() as server:
        given = {"sender": address} if where == "sender" else {"recipients": ("a@example.com", address)}
        error = error_of(lambda: send(server, **given))
    assert (type(error), error.reason) == (ActionError, "client")
    assert "\n" not in str(error)


def test_a_mail_needs_a_recipient():
    """Nobody is not everybody."""
    with ScriptedSMTP() as server:
        assert "needs a recipient" in str(error_of(lambda: send(server, ())))


def test_no_one_there_is_retryable():
    """Neither a closed port nor an unknown name is for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host in ("127.0.0.1", "mail.invalid"):
        there = SimpleNamespace(host=host, port=port, ca_file=None)
        assert isinstance(error_of(lambda there=there: send(there)), Retryable)


def test_a_missing_authority_is_a_matter_of_configuration():
    """The file is named."""
    with ScriptedSMTP([Session()]) as server, pytest.raises(ConfigError, match=r"/nowhere\.pem"):
        send(server, ca_file="/nowhere.pem")


@pytest.mark.parametrize("answer", [b"250-x\r\n" * 100_000, b"250 " + b"x" * 100_000])
def test_an_answer_without_end_is_ended(answer):
    """A server cannot fill the memory."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            sock, _ = listener.accept()
            with sock:
                try:
                    sock.sendall(b"220 x\r\n" + answer)
                    sock.recv(100_000)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        there = SimpleNamespace(host="127.0.0.1", port=listener.getsockname()[1], ca_file=None)
        error = error_of(lambda: send(there, tls="none"))
        thread.join()
    assert "what is no smtp" in str(error)
    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "session",
    [
        Session(auth=f"535 5.7.8 {CANARY} is \x1b[31mwrong"),
        Session(mechanisms=("LOGIN",), drop="auth"),
        Session(mail=f"550 {CANARY}"),
        Session(refuse={"a@example.com": f"550 {CANARY}"}),
        Session(dot=f"550 {CANARY}"),
        Session(drop="dot"),
        Session(greeting=f"554 {CANARY}"),
    ],
)
def test_no_password_is_told(session, caplog, capfd):
    """Not in an error, in what it hangs on to, in a log at DEBUG, in a setting's repr, or on a stream."""
    caplog.set_level(logging.DEBUG)
    with ScriptedSMTP([session]) as server:
        error = error_of(lambda: send(server, username="me", password=CANARY))
        told = repr(at(server, username="me", password=CANARY, access_token=CANARY))
    seen = error
    while seen is not None:
        told += str(seen) + repr(seen)
        seen = seen.__cause__ or seen.__context__
    told += "".join(traceback.format_exception(error)) + caplog.text + "".join(capfd.readouterr())
    assert CANARY not in told
    assert "\x1b" not in str(error)


def test_cram_md5_says_no_password():
    """Where nothing is encrypted it comes first, and elsewhere where nothing else is offered (RFC 2195)."""
    for options in ({"tls": "none"}, {}):
        mechanisms = ("LOGIN", "CRAM-MD5") if options else ("CRAM-MD5",)
        with ScriptedSMTP([Session(mechanisms=mechanisms)]) as server:
            send(server, username="me", password="tanstaaf", **options)
        digest = hmac.new(b"tanstaaf", CHALLENGE, "md5").hexdigest()
        assert server.envelopes[0].login == ("me", digest)
        assert not any("tanstaaf" in line or base64.b64encode(b"tanstaaf").decode() in line for line in server.commands)


@pytest.mark.parametrize(
    ("session", "options", "told"),
    [
        (Session(mail="530 5.7.0 Must issue a STARTTLS command first"), {"tls": "none"}, "set tls to starttls"),
        (Session(mail="530 5.7.0 Authentication required"), {}, "give username and password, or a token"),
        (
            Session(auth="535 5.7.8 bad credentials"),
            {"username": "me", "password": "pw-1234"},
            "check username and password",
        ),
        (
            Session(auth="535 5.7.3 Authentication unsuccessful", mechanisms=("XOAUTH2",)),
            {"username": "me", "access_token": "tok-1234"},
            r"\(status 400\): the token is not taken: it has expired",
        ),
        (
            Session(auth="534 5.7.9 Application-specific password required"),
            {"username": "me", "password": "pw-1234"},
            "an app password",
        ),
        (
            Session(auth="535 5.7.139 Authentication unsuccessful, basic authentication is disabled."),
            {"username": "me", "password": "pw-1234"},
            "takes no passwords for this mailbox: give a token",
        ),
    ],
)
def test_each_refusal_of_who_we_are_has_its_own_advice(session, options, told):
    """No encryption, no login, an expired token and a wrong password are mended in different places."""
    with ScriptedSMTP([session]) as server:
        error = error_of(lambda: send(server, **options))
    assert error.reason == "auth"
    assert re.search(told, str(error)), str(error)


@pytest.mark.parametrize(
    ("words", "options", "told"),
    [
        ("554 5.7.1 <b@example.com>: Relay access denied", {}, "from whoever has not logged in: give username"),
        (
            "550 5.7.54 SMTP; Unable to relay recipient",
            {"username": "me", "password": "pw-1234"},
            "from this login, or",
        ),
        ("550 5.7.1 Authentication required", {}, "give username and password, or a token"),
        ("550 5.1.1 no such user", {}, "no such user$"),
    ],
)
def test_a_recipient_that_is_refused_for_who_we_are_has_its_advice(words, options, told):
    """The code alone does not tell it from one that is not there."""
    with ScriptedSMTP([Session(refuse={"a@example.com": words})]) as server:
        assert re.search(told, str(error_of(lambda: send(server, **options))))


def test_a_refusal_at_ehlo_is_told_and_not_hidden_by_another_command():
    """HELO is for servers that do not know EHLO; of a 421 the words are what matters."""
    with ScriptedSMTP([Session(ehlo="421 4.7.0 too many connections from you")]) as server:
        error = error_of(lambda: send(server))
    assert isinstance(error, Retryable)
    assert "refuses the ehlo: 421 4.7.0 too many connections from you" in str(error)
    assert [line.split()[0].upper() for line in server.commands] == ["EHLO"]


def test_a_server_that_does_not_know_ehlo_is_greeted_with_helo():
    """And if it does not take that either, what it said first is told."""
    with ScriptedSMTP([Session(ehlo="502 5.5.1 what?")]) as server:
        error = error_of(lambda: send(server, tls="none"))
    assert "502 5.5.1 what?" in str(error)
    assert [line.split()[0].upper() for line in server.commands] == ["EHLO", "HELO"]


@pytest.mark.parametrize(
    ("name", "setting", "hello"),
    [
        ("mailer.pod.example.com", None, "mailer.pod.example.com"),
        ("mailer-x7k2p", None, "[127.0.0.1]"),
        ("mailer.pod.example.com", "relay.example.com", "relay.example.com"),
    ],
)
def test_the_own_name_is_the_hosts_if_that_is_a_full_one(monkeypatch, name, setting, hello):
    """Servers that check it refuse half a name, and take an address."""
    monkeypatch.setenv("HOSTNAME", name)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(nodename="mailer-x7k2p"))
    with ScriptedSMTP([Session()]) as server:
        send(server, local_hostname=setting)
    assert server.envelopes[0].hello == hello


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("450 4.2.0 Greylisted for 5 minutes", 300),
        ("451 4.7.1 Greylisting in action, please come back later; try again in 120 seconds", 120),
        ("450 4.7.1 please retry in 30s", 30),
        ("450 4.2.1 mailbox busy", None),
    ],
)
def test_a_wait_that_the_server_names_is_kept(words, seconds):
    """SMTP has no field for it, so it stands in the words."""
    with ScriptedSMTP([Session(refuse={"a@example.com": words})]) as server:
        error = error_of(lambda: send(server))
    assert (type(error), error.after) == (Retryable, seconds)


def test_others_have_it_where_one_address_cannot_be_said():
    """A server without SMTPUTF8 takes the mail for those whom it can address, in headers that it understands."""
    with ScriptedSMTP([Session(smtputf8=False)]) as server:
        sent = smtp.send(
            "To: jürgen@example.com\r\n\r\nbody\r\n".encode(),
            sender="me@example.com",
            recipients=("jürgen@example.com", "b@example.com"),
            server=at(server),
            what="e-mail",
            in_ascii=b"Subject: x\r\n\r\nbody\r\n",
        )
    assert server.envelopes[0].message == b"Subject: x\r\n\r\nbody\r\n"
    assert list(sent.refused) == ["jürgen@example.com"]
    assert "offers no smtputf8" in sent.refused["jürgen@example.com"]
    assert server.envelopes[0].recipients == ["b@example.com"]
    assert "SMTPUTF8" not in server.envelopes[0].options
