"""A bucket's server that does not heed conditions is found out once, and told."""

import re

import pytest

from exitkit.errors import ActionError
from exitkit.retry.clock import Deadline
from exitkit.store.place import open_store
from exitkit.testing import FakeClock
from exitkit.testing.http import answer


@pytest.fixture
def deadline():
    return Deadline(300, FakeClock())


def sent(server):
    return [f"{one.method} {one.path.partition('?')[0].rpartition('/')[2]}" for one in server.requests]


def test_a_server_that_heeds_conditions_is_asked_once(server_of):
    """By writing what is there, which must fail; in each run one request more, whatever it has to do."""
    server, where = server_of("s3")
    first = open_store(where).store
    first.put_if_absent("a", b"1")
    first.put_if_absent("b", b"2")
    assert sent(server) == ["PUT exitkit-conditions"] * 2 + ["PUT a", "PUT b"]
    server.requests.clear()
    second = open_store(where).store
    second.put_if_absent("c", b"3")
    assert (sent(server), second.lacks) == (["PUT exitkit-conditions", "PUT c"], "")


@pytest.mark.parametrize("lacking", [{"heeds": False}, {"refuses": True}], ids=["ignores", "refuses"])
def test_a_server_that_does_not_is_looked_at_before_it_is_written(server_of, lacking):
    """What an earlier run left is not lost there, and that two at once are not told apart is said."""
    _, where = server_of("s3", **lacking)
    first, second = open_store(where).store, open_store(where).store
    version = first.put_if_absent("a", b"1")
    assert second.put_if_absent("a", b"2") == ""
    assert second.get("a").data == b"1"
    assert second.put_if_unchanged("a", b"3", version)
    assert first.put_if_unchanged("a", b"4", version) == ""
    assert "without heeding conditions (If-None-Match), so two runs at once" in second.lacks


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("url", "own"),
    [("", True), ("https://s3.eu-west-1.amazonaws.com", True), ("https://s3.amazonaws.com.evil.example", False)],
)
def test_awss_own_server_needs_no_question(monkeypatch, url, own):
    """It is known to heed them."""
    if url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    assert open_store("s3://bucket/x").store._is_awss_own() is own


def test_what_goes_wrong_while_asking_is_asked_again(server_of, deadline):
    """A server that is busy says nothing of what it heeds."""
    server, where = server_of("s3")
    server.faults += [answer(503, "<Error><Code>SlowDown</Code></Error>")] * 2
    store = open_store(where)
    assert store.ask(deadline, lambda one: one.put_if_absent("a", b"1"))
    assert store.lacks == ""


def test_a_refusal_names_the_request(server_of):
    """With the server's own word."""
    server, where = server_of("s3")
    server.faults.append(answer(403, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"))
    with pytest.raises(ActionError, match=re.escape("writing exitkit/exitkit-conditions to bucket: AccessDenied")):
        open_store(where).store.put_if_absent("a", b"1")
