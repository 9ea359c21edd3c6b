"""The scripted SMTP server speaks to Python's own client, and tells when a test does something else."""

import smtplib
import ssl

import pytest

from exitkit.testing.certificates import certificate_file
from exitkit.testing.smtp import ScriptedSMTP, Session


@pytest.fixture
def context():
    return ssl.create_default_context(cafile=certificate_file())


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("LOGIN",)])
def test_smtplib_hands_over_a_mail(context, mechanisms):
    """STARTTLS, login and content, as an independent client does it."""
    with (
        ScriptedSMTP([Session(mechanisms=mechanisms)]) as server,
        smtplib.SMTP(server.host, server.port, local_hostname="me") as client,
    ):
        client.starttls(context=context)
        client.login("user", "password")
        client.sendmail("me@example.com", ["a@example.com"], b"Subject: x\r\n\r\n.dot\r\n")
    (envelope,) = server.envelopes
    assert (envelope.sender, envelope.recipients, envelope.hello) == ("me@example.com", ["a@example.com"], "me")
    assert envelope.message == b"Subject: x\r\n\r\n.dot\r\n"
    assert (envelope.tls, envelope.login) == (True, ("user", "password"))


def test_smtplib_speaks_implicit_tls(context):
    """As of port 465."""
    with (
        ScriptedSMTP([Session(starttls=False)], implicit_tls=True) as server,
        smtplib.SMTP_SSL(server.host, server.port, local_hostname="me", context=context) as client,
    ):
        client.sendmail("me@example.com", ["a@example.com"], b"x")
    assert server.envelopes[0].tls


def test_refusals_are_for_single_recipients():
    """What smtplib returns is what the script says."""
    with (
        ScriptedSMTP([Session(refuse={"b@example.com": "450 4.2.1 later"})]) as server,
        smtplib.SMTP(server.host, server.port, local_hostname="me") as client,
    ):
        refused = client.sendmail("me@example.com", ["a@example.com", "b@example.com"], b"x")
    assert refused == {"b@example.com": (450, b"4.2.1 later")}
    assert server.envelopes[0].recipients == ["a@example.com"]


def test_a_second_mail_of_one_connection_is_one_of_its_own():
    """Nothing of the first one is found in the second."""
    with ScriptedSMTP([Session()]) as server, smtplib.SMTP(server.host, server.port, local_hostname="me") as client:
        client.sendmail("me@example.com", ["a@example.com"], b"one")
        client.sendmail("me@example.com", ["b@example.com"], b"two")
    assert [(one.recipients, one.message) for one in server.envelopes] == [
        (["a@example.com"], b"one\r\n"),
        (["b@example.com"], b"two\r\n"),
    ]


def test_a_session_that_was_not_played_fails_the_test():
    """A test that expects a second try does not pass without one."""
    with pytest.raises(AssertionError, match="1 more step"), ScriptedSMTP([Session()]):
        pass


def test_a_connection_that_is_not_in_the_script_fails_the_test():
    """A test that expects no second try does not pass with one."""
    with (
        pytest.raises(AssertionError, match="a connection"),
        ScriptedSMTP() as server,
        pytest.raises(smtplib.SMTPConnectError),
    ):
        smtplib.SMTP(server.host, server.port, local_hostname="me")
