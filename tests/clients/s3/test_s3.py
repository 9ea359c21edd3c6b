"""What can be asked of a bucket, and what its answers mean."""

import base64
import hashlib

import pytest

from exitkit.cleanup.s3.sweeper import S3Batch
from exitkit.clients.aws import AWSAccess
from exitkit.clients.objects import NoSuchObject
from exitkit.clients.s3 import S3Bucket, name_of
from exitkit.clients.s3.xml import Upload, Version
from exitkit.errors import ActionError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer

pytestmark = pytest.mark.usefixtures("account")


def bucket(server):
    return S3Bucket("models", AWSAccess(endpoint_url=server.url))


def listing(*keys, more=False, token="", root="ListBucketResult"):
    rows = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    token = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    head = f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{token}"
    return answer(200, f"<{root}>{head}{rows}</{root}>")


def deletion(*errors):
    rows = "".join(
        f"<Error><Key>{key}</Key><Code>{code}</Code><Message>m</Message>{more}</Error>" for key, code, more in errors
    )
    return answer(200, f"<DeleteResult>{rows}</DeleteResult>")


def test_a_page_is_asked_for_after_a_key_or_by_a_token():
    """With URL-encoded keys, as XML cannot hold every key."""
    with ScriptedHTTP([listing("a"), listing("b"), listing("c")]) as server:
        place = bucket(server)
        assert place.page("p/").keys == ["a"]
        assert place.page("", "a+").keys == ["b"]
        place.page("", "", token="T=")
    first, second, third = (one.path.partition("?")[2] for one in server.requests)
    assert first == "encoding-type=url&list-type=2&max-keys=1000&prefix=p%2F"
    assert "start-after=a%2B" in second
    assert "continuation-token=T%3D" in third
    assert "start-after" not in third


@pytest.mark.parametrize(("after", "keys"), [("b", ("a", "c")), ("b", ("b",)), ("", ("c", "a"))])
def test_a_listing_that_goes_backwards_is_refused(after, keys):
    """A server that ignores start-after would be listed for ever, and one without order in part."""
    with ScriptedHTTP([listing(*keys)]) as server, pytest.raises(ActionError, match="no order"):
        bucket(server).page("", after)


def test_order_is_that_of_bytes():
    """A key beyond U+FFFF comes after one below, which is otherwise in UTF-16."""
    with ScriptedHTTP([listing("%EF%BF%BD", "%F0%9F%91%8D")]) as server:
        assert bucket(server).page("").keys == ["\ufffd", "👍"]


def test_more_without_a_place_to_go_on_is_refused():
    """Else it would be taken for the end, and what is left would stay without a word."""
    with ScriptedHTTP([listing(more=True), listing(more=True, token="t")]) as server:
        with pytest.raises(ActionError, match="nothing says where"):
            bucket(server).page("")
        assert bucket(server).page("").token == "t"


def test_a_deletion_carries_its_checksum():
    """Without one S3 refuses it."""
    with ScriptedHTTP([deletion()]) as server:
        assert not bucket(server).delete(["a", "b"]).refused
    sent = server.requests[0]
    assert sent.headers["content-md5"] == base64.b64encode(hashlib.md5(sent.body).digest()).decode()
    assert sent.path == "/models?delete="


def test_a_deletions_errors_are_sorted_by_what_they_mean():
    """A 200 may hold errors: those that another request may cure, those that stay, and keys that were gone."""
    said = deletion(
        ("a", "SlowDown", ""), ("b", "AccessDenied", ""), ("c", "NoSuchKey", ""), ("d&amp;\n", "InternalError", "")
    )
    with ScriptedHTTP([said]) as server:
        done = bucket(server).delete(["a", "b", "c", "d&\n", "e"])
    assert [(one.name, one.reason) for one in done.refused] == [("b", "AccessDenied: m")]
    assert done.later == {"a": "SlowDown", "d&\n": "InternalError"}


def test_an_error_of_a_version_is_that_versions():
    """Two versions of a key are told apart; a server that leaves the id out is understood for a plain key."""
    one, two = Version("a", "1"), Version("a", "2")
    with ScriptedHTTP([deletion(("a", "AccessDenied", "<VersionId>2</VersionId>"))]) as server:
        done = bucket(server).delete([one, two])
    assert [refusal.name for refusal in done.refused] == ["a?versionId=2"]


def test_an_error_for_a_key_nobody_asked_about_is_not_taken_for_success():
    """Whichever key it is about, it is still there."""
    with ScriptedHTTP([deletion(("x", "AccessDenied", ""))]) as server:
        with pytest.raises(Retryable, match="was not asked about"):
            bucket(server).delete(["a"])


@pytest.mark.parametrize("body", ["", "<html>ok</html>", "<Error><Code>InternalError</Code></Error>"])
def test_a_200_that_is_no_deletion_is_not_taken_for_one(body):
    """S3 itself answers 200 before it knows; a foreign server answers anything."""
    with ScriptedHTTP([answer(200, body)]) as server, pytest.raises(Retryable):
        bucket(server).delete(["a"])


def test_one_by_one_uses_the_url():
    """Keys that XML cannot hold, versions of them, uploads; 404 is fine."""
    gone = answer(404, "<Error><Code>NoSuchUpload</Code></Error>")
    with ScriptedHTTP([answer(204), answer(204), gone]) as server:
        place = bucket(server)
        place.delete_one("a\x01")
        place.delete_one(Version("a\x01", "v+1"))
        place.delete_one(Upload("b", "u"))
    assert [f"{one.method} {one.path}" for one in server.requests] == [
        "DELETE /models/a%01",
        "DELETE /models/a%01?versionId=v%2B1",
        "DELETE /models/b?uploadId=u",
    ]


def test_an_object_is_read_from_a_byte_on():
    """As much of it as is wanted."""
    with ScriptedHTTP([answer(206, b"defgh", {"ETag": '"e1"'})]) as server:
        found = bucket(server).get("k", limit=3, begin=3)
    assert (found.body, found.version, found.truncated) == (b"def", '"e1"', True)
    assert server.requests[0].headers["range"] == "bytes=3-5"


def test_an_upload_in_parts_is_completed_and_its_late_error_seen():
    """CompleteMultipartUpload answers 200 before it knows."""
    begun = answer(200, "<R><UploadId>u1</UploadId></R>")
    late = answer(200, "<Error><Code>InternalError</Code><Message>m</Message></Error>")
    part = answer(200, b"", {"ETag": '"e1"'})
    with ScriptedHTTP([begun, part, late, answer(200, "<CompleteMultipartUploadResult/>")]) as server:
        place = bucket(server)
        assert place.begin_upload("k") == "u1"
        etag = place.put_part("k", "u1", 1, b"x")
        with pytest.raises(Retryable, match="InternalError"):
            place.complete_upload("k", "u1", [etag])
        place.complete_upload("k", "u1", [etag])
    assert b"<PartNumber>1</PartNumber><ETag>&quot;e1&quot;</ETag>" in server.requests[-1].body


def test_an_upload_without_an_id_is_an_error():
    """Nothing could be written to it."""
    with ScriptedHTTP([answer(200, "<R/>")]) as server, pytest.raises(ActionError, match="names no upload"):
        bucket(server).begin_upload("k")


def test_names_say_which_version_or_upload():
    """As the S3 console's URLs do."""
    batch = S3Batch([Version("a", "1"), Version("b", "null")], [0, 0], "s3://models/")
    assert batch.names == ["a?versionId=1", "b?versionId=null"]
    assert name_of(Upload("k", "u")) == "k?uploadId=u"
    assert S3Batch(["a"], [1], "s3://models/").names == ["a"]


PORTAL = answer(200, "<html><body>Welcome to the guest network</body></html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    "request_of",
    [
        lambda place: place.put("k", b"x"),
        lambda place: place.add("k", b"x"),
        lambda place: place.replace("k", b"x", '"e1"'),
        lambda place: place.get("k", limit=10),
        lambda place: place.remove("k"),
        lambda place: place.put_part("k", "u1", 1, b"x"),
        lambda place: place.complete_upload("k", "u1", ['"e1"']),
        lambda place: place.delete(["k"]),
    ],
    ids=["put", "add", "replace", "get", "remove", "part", "complete", "delete"],
)
def test_a_page_of_html_is_no_success(request_of):
    """What stands between here and S3 answers 200 to everything; nothing counts as done by that."""
    with ScriptedHTTP([PORTAL]) as server, pytest.raises(Retryable, match="is this an S3 endpoint"):
        request_of(bucket(server))


def test_a_missing_page_of_somebody_elses_is_no_deletion():
    """404 without S3's own word for it says nothing of the object."""
    with ScriptedHTTP(
        [answer(404, "<html>not here</html>"), answer(404, "<Error><Code>NoSuchKey</Code></Error>")]
    ) as server:
        place = bucket(server)
        with pytest.raises(ActionError, match="404"):
            place.remove("k")
        place.remove("k")


def test_a_version_is_replaced_only_by_its_tag():
    """Who comes second learns of it; a key that is not there has an error of its own."""
    changed = answer(412, "<Error><Code>PreconditionFailed</Code></Error>")
    gone = answer(404, "<Error><Code>NoSuchKey</Code></Error>")
    with ScriptedHTTP([answer(200, headers={"ETag": '"e2"'}), changed, gone]) as server:
        place = bucket(server)
        assert place.replace("k", b"x", '"e1"') == '"e2"'
        assert place.replace("k", b"x", '"e1"') == ""
        with pytest.raises(NoSuchObject):
            place.get("k", limit=100)
    assert [one.headers.get("if-match") for one in server.requests] == ['"e1"', '"e1"', None]


def test_a_server_that_ignores_ranges_is_an_error():
    """Its first bytes would be taken for later ones."""
    with ScriptedHTTP([answer(200, b"abc", {"ETag": '"e"'})]) as server, pytest.raises(ActionError, match="ranges"):
        bucket(server).get("k", begin=3, limit=3)
