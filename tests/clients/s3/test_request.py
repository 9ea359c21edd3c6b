"""One signed request to a bucket: its URL, its region, and what S3's errors mean."""

import pytest

from exitkit.clients.aws import AWSAccess
from exitkit.clients.s3.request import AGAIN, S3Options, S3Requests, failed
from exitkit.clients.s3.xml import S3Fault
from exitkit.errors import ActionError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer, reset

pytestmark = pytest.mark.usefixtures("account")


def error(code, status=400, message="because", headers=None, **more):
    tags = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    return answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message>{tags}</Error>", headers)


def requests(server, name="models", **reach):
    return S3Requests(name, AWSAccess(endpoint_url=server.url), S3Options(**reach))


def ask(place, key="a", query=None, **more):
    return place.ask("GET", key, query or {}, what="asking", **more)


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a b+c", "/models/a%20b%2Bc"),
        ("50%/ä", "/models/50%25/%C3%A4"),
        ("line\nbreak", "/models/line%0Abreak"),
        ("a//b", "/models/a//b"),
        ("?x=#y", "/models/%3Fx%3D%23y"),
        ("\udcff", "/models/%FF"),
        ("\x01", "/models/%01"),
    ],
)
def test_every_key_is_named_by_its_bytes(key, path):
    """Encoded once, a slash as it is; also what is no UTF-8."""
    with ScriptedHTTP([answer(200, b"x")]) as server:
        ask(requests(server), key)
    assert server.requests[0].path == path


@pytest.mark.parametrize("key", ["a/../b", ".", "..", "../a", "a/.", "./a"])
def test_a_key_that_a_url_would_change_is_refused(key):
    """What is on the way would take `..` away, and the wrong object would go."""
    with ScriptedHTTP() as server, pytest.raises(ActionError, match="cannot be named"):
        ask(requests(server), key)


@pytest.mark.parametrize(
    ("name", "region", "style", "url"),
    [
        ("models", "eu-west-1", "auto", "https://models.s3.eu-west-1.amazonaws.com"),
        ("my.models", "eu-west-1", "auto", "https://s3.eu-west-1.amazonaws.com/my.models"),
        ("my.models", "eu-west-1", "never", "https://my.models.s3.eu-west-1.amazonaws.com"),
        ("models", "cn-north-1", "always", "https://s3.cn-north-1.amazonaws.com.cn/models"),
    ],
)
def test_a_bucket_is_in_the_host_unless_it_has_dots(name, region, style, url):
    """A certificate of AWS's covers one level of names."""
    assert S3Requests(name, AWSAccess(region=region), S3Options(path_style=style))._place() == (region, url)


@pytest.mark.parametrize(
    ("style", "url"),
    [("auto", "https://minio:9000/models"), ("never", "https://models.minio:9000")],
)
def test_an_endpoint_of_ones_own_has_the_bucket_in_the_path(style, url):
    """Hardly any has names for its buckets in the DNS."""
    assert (
        S3Requests("models", AWSAccess(endpoint_url="https://minio:9000/"), S3Options(path_style=style))._place()[1]
        == url
    )


def test_queries_are_sorted_and_encoded():
    """As the signature wants them; a newline and a plus survive."""
    with ScriptedHTTP([answer(200, b"x")]) as server:
        ask(requests(server), "", {"prefix": "a\n+/ ä", "list-type": "2"})
    assert server.requests[0].path == "/models?list-type=2&prefix=a%0A%2B%2F%20%C3%A4"


def test_requester_pays_goes_along_signed():
    """The header is part of what is signed, or it would be refused."""
    with ScriptedHTTP([answer(200, b"x")]) as server:
        ask(requests(server, requester_pays=True))
    assert server.requests[0].headers["x-amz-request-payer"] == "requester"
    assert "x-amz-request-payer" in server.requests[0].headers["authorization"]


@pytest.mark.parametrize(
    "moved",
    [
        error("PermanentRedirect", 301, headers={"x-amz-bucket-region": "eu-west-3"}),
        error("AuthorizationHeaderMalformed", 400, Region="eu-west-3"),
        error("IllegalLocationConstraintException", 400, Region="eu-west-3"),
    ],
)
def test_a_bucket_in_another_region_is_found_and_remembered(moved):
    """One request more, once; what follows goes there at once."""
    with ScriptedHTTP([moved, answer(200, b"x"), answer(200, b"y")]) as server:
        place = requests(server)
        assert (ask(place), ask(place)) == (b"x", b"y")
    regions = [one.headers["authorization"].split("/")[2] for one in server.requests]
    assert regions == ["us-east-1", "eu-west-3", "eu-west-3"]


def test_a_region_that_sends_back_and_forth_ends():
    """Two servers that name each other are not asked for ever."""
    with (
        ScriptedHTTP(
            [error("PermanentRedirect", 301, Region="a-1"), error("PermanentRedirect", 301, Region="b-1")]
        ) as server,
        pytest.raises(ActionError, match="PermanentRedirect"),
    ):
        ask(requests(server))


def test_a_region_that_is_no_name_is_not_followed():
    """It would become part of a host's name."""
    with ScriptedHTTP([error("PermanentRedirect", 301, Region="evil.example.com/")]) as server:
        with pytest.raises(ActionError, match="PermanentRedirect"):
            ask(requests(server))


@pytest.mark.parametrize("code", AGAIN)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_what_may_be_cured_is_tried_again_whatever_its_status(code, status):
    """S3 says what it means in the code, and some servers use other numbers."""
    problem = failed([S3Fault(code, "wait")], "deleting")
    assert isinstance(problem, Retryable)
    with ScriptedHTTP([error(code, status if status != 200 else 503)]) as server:
        with pytest.raises(Retryable, match=code) as caught:
            ask(requests(server))
    assert caught.value.reason == AGAIN[code]


def test_the_servers_wish_to_be_left_alone_is_told():
    """Retry-After, for who waits."""
    with ScriptedHTTP([error("SlowDown", 503, headers={"Retry-After": "7"})]) as server:
        with pytest.raises(Retryable) as caught:
            ask(requests(server))
    assert caught.value.after == 7


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_who_may_not_is_told_so(code):
    """The reason is auth, and nothing is tried again."""
    with ScriptedHTTP([error(code, 403)]) as server:
        with pytest.raises(ActionError, match=rf"asking: {code} \(403\): because") as caught:
            ask(requests(server))
    assert caught.value.reason == "auth"
    assert not isinstance(caught.value, Retryable)


def test_a_clock_that_is_wrong_is_told_with_the_servers():
    """Nothing else says why every signature fails."""
    with ScriptedHTTP([error("RequestTimeTooSkewed", 403, ServerTime="2026-11-23T12:00:00Z")]) as server:
        with pytest.raises(ActionError, match=r"clock of this machine is wrong.*2026-11-23T12:00:00Z"):
            ask(requests(server))


def test_what_is_gone_is_fine_where_that_is_asked_for():
    """A second run deletes what the first has deleted; but a bucket that is gone is an error."""
    with ScriptedHTTP(
        [error("NoSuchUpload", 404), answer(404), error("NoSuchBucket", 404), error("NoSuchKey", 404)]
    ) as server:
        place = requests(server)
        ask(place, gone=True)
        ask(place, gone=True)
        with pytest.raises(ActionError, match="NoSuchBucket"):
            ask(place, gone=True)
        with pytest.raises(ActionError, match="NoSuchKey"):
            ask(place)


def test_what_is_no_answer_of_s3_is_told_by_its_status():
    """A proxy's page, an answer without a body."""
    with ScriptedHTTP([answer(502, b"<html>bad gateway</html>"), answer(404, b"<html>")]) as server:
        with pytest.raises(Retryable, match="502"):
            ask(requests(server))
        with pytest.raises(ActionError, match="404") as caught:
            ask(requests(server))
    assert not isinstance(caught.value, Retryable)


def test_a_secret_in_an_error_is_cut():
    """A server may echo what was sent, on several lines."""
    with ScriptedHTTP([error("Weird", 400, message="key\nsecret-made-up-for-this-test\x1b[31m")]) as server:
        with pytest.raises(ActionError) as caught:
            ask(requests(server))
    assert "made-up" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_connection_that_breaks_may_be_tried_again():
    """Every request to S3 here does no harm twice."""
    with ScriptedHTTP([reset()]) as server, pytest.raises(Retryable):
        ask(requests(server))


def test_an_answer_without_end_is_refused(monkeypatch):
    """More than a page can have is not read."""
    monkeypatch.setattr("exitkit.clients.s3.request._PAGE", 100)
    with ScriptedHTTP([answer(200, b"x" * 101)]) as server, pytest.raises(ActionError, match="larger than any"):
        ask(requests(server))
