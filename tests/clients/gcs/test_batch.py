"""Calls in multipart/mixed, and the answers to them."""

import contextlib
import email
import email.policy
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.clients.gcs.batch import CONTENT_TYPE, MOST_CALLS, Call, read, write
from exitkit.errors import ActionError

SMALL = settings(max_examples=40)


def parts_of(body, content_type):
    """As the standard library's parser for mail reads it."""
    text = b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    return email.message_from_bytes(text, policy=email.policy.HTTP).get_payload()


def answered(replies, *, boundary="batch_a-b=1", end="\r\n", closed=True, prefix="<response-call-{}>"):
    """What a server answers; `replies` are the call's number, status and body."""
    lines = []
    for number, status, body in replies:
        lines += [f"--{boundary}", "Content-Type: application/http"]
        lines += [f"Content-ID: {prefix.format(number)}"] if prefix else []
        lines += ["", f"HTTP/1.1 {status} Some Words", "Content-Type: application/json", "Retry-After: 3", "", body]
    return end.join([*lines, f"--{boundary}--" if closed else "", ""]).encode()


MIXED = "multipart/mixed; boundary=batch_a-b=1"


def test_a_call_is_written_as_google_reads_it():
    """The part's own headers, and in it a request of a method and a path, with an empty line at its end."""
    assert write([Call("DELETE", "/storage/v1/b/models/o/a%2Fb?ifGenerationMatch=1")]) == (
        b"--exitkit-batch\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        b"Content-ID: <call-0>\r\n\r\n"
        b"DELETE /storage/v1/b/models/o/a%2Fb?ifGenerationMatch=1 HTTP/1.1\r\n\r\n\r\n--exitkit-batch--\r\n"
    )


@SMALL
@given(st.lists(st.text("abcXYZ019-_.~%/?=&", min_size=1, max_size=60), min_size=1, max_size=MOST_CALLS))
def test_what_is_written_is_what_others_read(paths):
    """In the order of the calls, each with its number."""
    read_back = parts_of(write([Call("DELETE", f"/{path}") for path in paths]), CONTENT_TYPE)
    assert [one.get_content_type() for one in read_back] == ["application/http"] * len(paths)
    assert [one["content-id"] for one in read_back] == [f"<call-{number}>" for number in range(len(paths))]
    assert [one.get_payload().strip() for one in read_back] == [f"DELETE /{path} HTTP/1.1" for path in paths]


statuses = st.lists(st.integers(100, 599), min_size=1, max_size=12)


@SMALL
@given(statuses, st.sampled_from(["\r\n", "\n"]), st.randoms(), st.text("ab-\n{}\"'é", max_size=40))
def test_answers_find_their_calls_in_any_order(codes, end, chance, body):
    """By the numbers; with any line ends, and whatever stands in a body."""
    replies = [(number, status, body) for number, status in enumerate(codes)]
    chance.shuffle(replies)
    found = read(answered(replies, end=end), MIXED, len(codes), "x")
    assert [one.status for one in found] == codes
    assert all(one.headers["retry-after"] == "3" for one in found)
    assert all(one.body.decode().strip() == body.replace("\r", "").strip() for one in found) or "\n\n" in body


@SMALL
@given(statuses, st.randoms(), st.data())
def test_an_answer_that_is_cut_off_never_tells_what_it_did_not_say(codes, chance, data):
    """Each call has its own answer or none, wherever the bytes end."""
    replies = [(number, status, '{"error": {}}') for number, status in enumerate(codes)]
    chance.shuffle(replies)
    whole = answered(replies)
    found = read(whole[: data.draw(st.integers(0, len(whole)))], MIXED, len(codes), "x")
    assert all(one is None or one.status == status for one, status in zip(found, codes, strict=True))


@SMALL
@given(st.binary(max_size=300), st.text(max_size=60))
def test_bytes_of_any_kind_are_read_or_refused(body, content_type):
    """With an error of ours, and nothing else."""
    assert read(body, "multipart/mixed; boundary=x", 3, "x") is not None
    with contextlib.suppress(ActionError):
        read(body, content_type, 3, "x")


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/mixed; boundary="batch_a-b=1"',
        "Multipart/Mixed; charset=utf-8; BOUNDARY=batch_a-b=1",
        'multipart/mixed; boundary="batch_a-b=1"; x=y',
    ],
)
def test_a_boundary_is_read_however_it_is_written(content_type):
    """Quoted or not, among other parameters."""
    assert read(answered([(0, 204, "")]), content_type, 1, "x")[0].status == 204


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json; boundary=x", "multipart/mixed"])
def test_what_is_no_multipart_is_an_error(content_type):
    """A page of a proxy, for instance."""
    with pytest.raises(ActionError, match="deleting: the answer is no multipart/mixed"):
        read(answered([(0, 204, "")]), content_type, 1, "deleting")


@pytest.mark.parametrize("prefix", ["<response-call-{}>", "response-call-{}", "<call-{}>", "<response-x + call-{}>"])
def test_names_are_known_however_they_are_given_back(prefix):
    """Servers differ in the brackets, and in what they put before."""
    found = read(answered([(1, 404, ""), (0, 204, "")], prefix=prefix), MIXED, 2, "x")
    assert [one.status for one in found] == [204, 404]


def test_without_names_the_order_counts_only_if_nothing_is_missing():
    """A server that drops the names keeps the order; but with one answer too few nobody knows whose they are."""
    two = [(0, 204, ""), (1, 404, "")]
    assert [one.status for one in read(answered(two, prefix=""), MIXED, 2, "x")] == [204, 404]
    assert read(answered(two, prefix=""), MIXED, 3, "x") == [None] * 3
    assert read(answered(two, prefix="", closed=False), MIXED, 2, "x") == [None] * 2


def test_names_that_nobody_asked_for_are_passed_over():
    """They are no answer to anything."""
    assert read(answered([(7, 204, ""), (0, 404, "")]), MIXED, 2, "x")[0].status == 404
    assert read(answered([(7, 204, "")]), MIXED, 1, "x") == [None]
    assert read(answered([(0, 204, "")], prefix="<foreign-{}>"), MIXED, 1, "x") == [None]


@pytest.mark.parametrize("line", ["HTTP/1.1 20", "HTTP/1.1 2044 x", "204 No Content", ""])
def test_a_part_without_a_status_is_no_answer(line):
    """It is asked for again."""
    body = f"--x\r\nContent-ID: <response-call-0>\r\n\r\n{line}\r\n--x--\r\n".encode()
    assert read(body, "multipart/mixed; boundary=x", 1, "x") == [None]


def test_a_status_alone_is_an_answer():
    """Without headers and body, as for a deletion."""
    body = b"--x\r\nContent-ID: <response-call-0>\r\n\r\nHTTP/1.1 204\r\n--x--"
    assert read(body, "multipart/mixed; boundary=x", 1, "x")[0].status == 204


def test_a_hundred_long_answers_are_read_at_once():
    """In no more time than their length needs."""
    body = answered([(number, 503, "e" * 20_000) for number in random.Random(1).sample(range(100), 100)])
    assert all(one.status == 503 for one in read(body, MIXED, 100, "x"))
