"""An object that grows: small ones with one request, large ones in parts, and after an error none at all."""

import pytest

from exitkit.clients.aws import AWSAccess
from exitkit.clients.s3 import S3Bucket
from exitkit.clients.s3 import upload as s3upload
from exitkit.clients.s3.upload import PART, Growing, open_upload
from exitkit.errors import ActionError
from exitkit.retry import RetryPolicy
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer

BEGUN = answer(200, "<R><UploadId>u1</UploadId></R>")
DONE = answer(200, "<CompleteMultipartUploadResult/>")
BUSY = answer(503, "<Error><Code>SlowDown</Code></Error>")
DENIED = answer(403, "<Error><Code>AccessDenied</Code></Error>")


def part(number):
    return answer(200, b"", {"ETag": f'"e{number}"'})


@pytest.fixture
def small(monkeypatch):
    """Parts of ten bytes, and larger ones after every second."""
    monkeypatch.setattr(s3upload, "PART", 10)
    monkeypatch.setattr(s3upload, "_GROWS", 2)


def growing(server, **terms):
    return Growing(
        S3Bucket("models", AWSAccess(endpoint_url=server.url)), "logs/k", context(terms=RetryPolicy(**terms))
    )


def told(server):
    return [(f"{one.method} {one.path.removeprefix('/models/logs/k')}", one.body) for one in server.requests]


# With moto, which keeps what it is sent.


def test_what_is_small_is_one_object(aws):
    """As it was written, whatever it was written in."""
    client = aws("s3")
    client.create_bucket(Bucket="models")
    upload = open_upload("s3://models/logs/run 1/gone.ndjson", {}, context())
    for piece in (b"a\n", b"", b"b\n"):
        upload.write(piece)
    upload.close()
    found = client.get_object(Bucket="models", Key="logs/run 1/gone.ndjson")
    assert found["Body"].read() == b"a\nb\n"


def test_what_is_large_is_one_object_too(aws):
    """In parts as S3 wants them, none of which is left behind."""
    client = aws("s3")
    client.create_bucket(Bucket="models")
    upload = open_upload("s3://models/k", {}, context(seconds=10_000))
    data = bytes(range(256)) * (PART // 256)
    for begin in range(0, 2 * PART + 1000, 1_000_000):
        upload.write((data * 3)[begin : min(begin + 1_000_000, 2 * PART + 1000)])
    upload.close()
    found = client.get_object(Bucket="models", Key="k")
    assert found["ETag"].endswith('-3"')
    assert found["Body"].read() == (data * 3)[: 2 * PART + 1000]
    assert "Uploads" not in client.list_multipart_uploads(Bucket="models")


# What is sent.

pytestmark = pytest.mark.usefixtures("account")


def test_parts_leave_as_they_are_full_and_it_appears_at_the_end(small):
    """Numbered, in order, and named with their marks when it is completed; the last may be small."""
    with ScriptedHTTP([BEGUN, part(1), part(2), part(3), DONE]) as server:
        upload = growing(server)
        upload.write(b"0123456")
        assert server.requests == []
        upload.write(b"789abcdefghij01234")
        assert [one for one, _ in told(server)] == [
            "POST ?uploads=",
            "PUT ?partNumber=1&uploadId=u1",
            "PUT ?partNumber=2&uploadId=u1",
        ]
        upload.close()
    sent = told(server)
    assert [body for _, body in sent[1:4]] == [b"0123456789", b"abcdefghij", b"01234"]
    assert sent[4][0] == "POST ?uploadId=u1"
    assert sent[4][1].count(b"<Part>") == 3
    assert b"<PartNumber>3</PartNumber><ETag>&quot;e3&quot;</ETag>" in sent[4][1]


def test_what_ends_with_a_part_has_no_empty_one(small):
    """S3 would refuse it."""
    with ScriptedHTTP([BEGUN, part(1), DONE]) as server:
        upload = growing(server)
        upload.write(b"0123456789")
        upload.close()
    assert len(server.requests) == 3


def test_nothing_is_an_empty_object(small):
    """And no upload of no parts."""
    with ScriptedHTTP([part(0)]) as server:
        growing(server).close()
    assert told(server) == [("PUT ", b"")]


def test_parts_grow_so_that_ten_thousand_are_enough(small):
    """After so many each is larger by one; nothing is lost where one piece fills several."""
    data = bytes(number % 251 for number in range(130))
    with ScriptedHTTP([BEGUN, *(part(number) for number in range(1, 8)), DONE]) as server:
        upload = growing(server)
        upload.write(data[:95])
        upload.write(data[95:])
        upload.close()
    bodies = [body for one, body in told(server) if "partNumber" in one]
    assert [len(body) for body in bodies] == [10, 10, 20, 20, 30, 30, 10]
    assert b"".join(bodies) == data


def test_the_real_numbers_fit_what_s3_takes():
    """At least 5 MiB a part, never more than a pod can hold, and enough in all."""
    sizes = [PART * (1 + number // s3upload._GROWS) for number in range(10_000)]
    assert min(sizes) >= 5 << 20
    assert max(sizes) <= 80 << 20
    assert sum(sizes) >= 460e9


def test_a_part_that_fails_once_is_sent_again(small):
    """With its own number, and the rest goes on."""
    with ScriptedHTTP([BUSY, BEGUN, BUSY, part(1), BUSY, DONE]) as server:
        upload = growing(server)
        upload.write(b"0123456789")
        upload.close()
    assert [one for one, _ in told(server)].count("PUT ?partNumber=1&uploadId=u1") == 2


def test_a_part_that_cannot_be_written_gives_it_up(small):
    """Nothing appears, as there would be a hole in it, and what was sent is not left to be paid for."""
    with ScriptedHTTP([BEGUN, part(1), DENIED, answer(204)]) as server:
        upload = growing(server)
        with pytest.raises(ActionError, match="AccessDenied"):
            upload.write(b"0123456789" * 2)
        assert told(server)[-1] == ("DELETE ?uploadId=u1", b"")
        with pytest.raises(ActionError, match="logs/k is not written any more"):
            upload.write(b"0123456789")
        upload.close()
    assert len(server.requests) == 4


def test_an_upload_that_cannot_be_begun_needs_no_abort(small):
    """There is nothing to give up."""
    with ScriptedHTTP([DENIED]) as server:
        upload = growing(server)
        with pytest.raises(ActionError, match="AccessDenied"):
            upload.write(b"0123456789")
        upload.close()
    assert len(server.requests) == 1


@pytest.mark.parametrize("late", [DENIED, answer(200, "<Error><Code>InvalidPart</Code><Message>m</Message></Error>")])
def test_an_upload_that_cannot_be_completed_is_aborted(small, late):
    """Also where the error comes with a 200."""
    with ScriptedHTTP([BEGUN, part(1), late, answer(204)]) as server:
        upload = growing(server)
        upload.write(b"0123456789")
        with pytest.raises(ActionError, match=r"AccessDenied|InvalidPart"):
            upload.close()
    assert told(server)[-1] == ("DELETE ?uploadId=u1", b"")


def test_the_first_error_is_told_and_not_that_of_the_abort(small):
    """It is the one to be mended."""
    with ScriptedHTTP([BEGUN, DENIED, BUSY]) as server:
        upload = growing(server, attempts=1)
        with pytest.raises(ActionError, match="AccessDenied"):
            upload.write(b"0123456789")
        upload.close()


def test_connections_are_closed_however_it_ends(small, monkeypatch):
    """Also where nothing could be opened."""
    closed = []
    monkeypatch.setattr(S3Bucket, "close", lambda self: closed.append(self.name))
    with ScriptedHTTP([part(0), DENIED, DENIED]) as server:
        growing(server).close()
        with pytest.raises(ActionError):
            growing(server).close()
        with pytest.raises(ActionError):
            open_upload("s3://models/k", {"access": AWSAccess(endpoint_url=server.url)}, context())
    assert closed == ["models"] * 3


# Opening.


def test_what_forbids_it_is_known_before_anything_is_deleted():
    """By an empty object; the error says that nothing was deleted, and keeps its reason."""
    with ScriptedHTTP([DENIED]) as server:
        with pytest.raises(
            ActionError, match=r"^receipt s3://models/a/k cannot be written, so nothing was del"
        ) as caught:
            open_upload("s3://models/a/k", {"access": AWSAccess(endpoint_url=server.url)}, context())
    assert caught.value.reason == "auth"
    assert "AccessDenied" in str(caught.value)
    assert (server.requests[0].method, server.requests[0].path, server.requests[0].body) == ("PUT", "/models/a/k", b"")


def test_opening_is_tried_again():
    """A busy moment is no reason to delete nothing."""
    with ScriptedHTTP([BUSY, part(0)]) as server:
        open_upload("s3://models/k", {"access": AWSAccess(endpoint_url=server.url)}, context())
    assert len(server.requests) == 2
