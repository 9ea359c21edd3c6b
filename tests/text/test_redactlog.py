"""Secrets cut out of a log as it streams by: all that `redact` would cut, and never a line more or less."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.text import redact
from exitkit.text.redactlog import Scrub

SECRETS = ("hunter2-hunter2", "s3cr3t/with+signs==", "geheim-ä-ö", "xy")
LOOKS = (
    "password=hunter3",
    "api_key = abc123",
    'say {"client_secret": "x y"} now',
    '\\"token\\": \\"abc\\"',
    "Authorization: Bearer abcdefghijk",
    "ghp_" + "a" * 36,
    "AKIAIOSFODNN7EXAMPLE",
    "https://user:pass@host/",
    "xoxb-123456-abcdef",
    "eyJhbGciOi.eyJzdWIiOi.abc",
    "https://hooks.slack.com/services/T0/B0/abc",
    "glpat-" + "x" * 20,
    "?sig=abcdef",
    "&key=abcdef",
)


@pytest.fixture(autouse=True)
def _remembered():
    with redact.forget_all():
        for one in SECRETS:
            redact.remember(one)
        yield


@pytest.mark.parametrize("text", [*SECRETS[:3], *LOOKS])
def test_what_redact_cuts_is_cut(text):
    """Each secret and each shape, in the middle of harmless lines."""
    piece = f"before\nsome {text} here\nafter\n".encode()
    assert Scrub()(piece).decode() == "\n".join(redact.redact(line) for line in piece.decode().split("\n"))
    assert redact.MASK.encode() in Scrub()(piece)


def test_what_is_harmless_stays_byte_by_byte():
    """Also what is no UTF-8, and what holds the words alone."""
    piece = bytes(range(1, 256)) + b"\ntokens=12 keys a=b passwords\n token\nsecret\n"
    assert Scrub()(piece) == piece


PEM = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nqL3f\n-----END RSA PRIVATE KEY-----\n"


def test_a_private_key_of_several_lines_goes_and_its_lines_are_counted():
    """Numbers of lines are what ids are made of."""
    found = Scrub()(b"a\nkey: " + PEM + b"b\n")
    assert found == b"a\nkey: ***\n***\n***\n***\nb\n"


@pytest.mark.parametrize("cut", [b"-----\n", b"AQEA\n", b"qL3f\n"])
def test_a_private_key_goes_also_where_it_spans_pieces(cut):
    """The next piece begins in the middle of it."""
    scrub, place = Scrub(), PEM.index(cut) + len(cut)
    found = scrub(PEM[:place]) + scrub(PEM[place:] + b"b\n")
    assert found == b"***\n***\n***\n***\nb\n"


def test_a_key_that_never_ends_does_not_swallow_the_log():
    """After as many lines as the longest key has."""
    found = Scrub()(b"-----BEGIN PRIVATE KEY-----\n" + b"line\n" * 300)
    assert found.count(b"\n") == 301
    assert found.endswith(b"line\n" * 100)


def test_a_secret_that_is_remembered_later_is_cut_from_then_on():
    """Credentials are found while the log is on its way."""
    scrub = Scrub()
    assert scrub(b"new-secret-1\n") == b"new-secret-1\n"
    redact.remember("new-secret-1")
    assert scrub(b"new-secret-1\n") == b"***\n"


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [*SECRETS, *LOOKS, "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "token", "=", '"', ":"]
        ),
        st.text("ab \n\t=:\"'\\/@?&äé\u00a0", max_size=8),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(PIECES)
def test_nothing_that_redact_cuts_line_by_line_is_left(parts):
    """The quick look misses nothing, and no line is lost."""
    text = "".join(parts) + "\n"
    found = Scrub()(text.encode()).decode()
    assert found.count("\n") == text.count("\n")
    assert not any(secret in found for secret in SECRETS[:3])
    if "-----" not in text:
        assert found.split("\n") == [redact.redact(line) for line in text.split("\n")]
