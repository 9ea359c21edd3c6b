"""What servers do that speak S3's language in part: what they cannot do is done another way, or is an error."""

import re

import pytest

from exitkit.cleanup.s3 import S3
from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.plan.registry import prefix
from exitkit.retry import RetryPolicy
from exitkit.settings import load
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, break_off

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
HERE = f"runs/{NAME}/"
# What Google's interoperable endpoint, riak, a gateway and an old proxy say to DeleteObjects.
NO_DELETE_OBJECTS = [
    (400, "<Error><Code>InvalidArgument</Code><Message>Invalid argument.</Message></Error>"),
    (400, "<Error><Code>NotImplemented</Code><Message>A header or query you provided</Message></Error>"),
    (501, "<Error><Code>NotImplemented</Code></Error>"),
    (405, ""),
]


def s3(server, **more):
    given = {"bucket": "models", "prefixes": [HERE], "endpoint_url": server.url, "concurrency": 1, **more}
    return load(S3, given, {}, prefix("cleanup.s3"))


def listing(*keys):
    rows = "".join(f"<Contents><Key>{HERE}{key}</Key><Size>10</Size></Contents>" for key in keys)
    return answer(200, f"<ListBucketResult>{rows}</ListBucketResult>")


def versions(*entries, root="ListVersionsResult"):
    rows = "".join(
        f"<Version><Key>{HERE}{key}</Key><VersionId>{version}</VersionId><Size>10</Size></Version>"
        for key, version in entries
    )
    return answer(200, f"<{root}><IsTruncated>false</IsTruncated>{rows}</{root}>")


def errors(*entries):
    rows = "".join(
        f"<Error><Key>{HERE}{key}</Key><Code>{code}</Code>{f'<VersionId>{version}</VersionId>' if version else ''}</Error>"
        for key, version, code in entries
    )
    return answer(200, f"<DeleteResult>{rows}</DeleteResult>")


@pytest.mark.parametrize(("status", "said"), NO_DELETE_OBJECTS)
def test_a_server_without_deleteobjects_gets_a_request_for_each(account, status, said):
    """All go, and it is said why it took so many requests; the server is asked once whether it can."""
    with ScriptedHTTP([listing("a", "b", "c"), answer(status, said), *[answer(204)] * 3]) as server:
        result = s3(server).run(context())
    assert (result.facts["deleted"], result.facts["bytes"]) == (3, 30)
    assert sorted(one.path for one in server.requests[2:]) == [f"/models/{HERE}{key}" for key in "abc"]
    assert {one.method for one in server.requests[2:]} == {"DELETE"}
    assert any("DeleteObjects" in note for note in result.notes)


def test_one_by_one_tells_which_stayed(account):
    """As DeleteObjects would."""
    denied = answer(403, "<Error><Code>AccessDenied</Code></Error>")
    steps = [listing("a", "b"), answer(*NO_DELETE_OBJECTS[0]), denied, denied]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="could not delete 2") as caught:
        s3(server).run(context())
    assert caught.value.facts["deleted"] == 0


def test_what_went_one_by_one_counts_when_the_server_goes_away(account):
    """It is told what went, what may have gone, and that the rest was left."""
    keys = [f"{number:02d}" for number in range(30)]
    away = answer(503, "<Error><Code>ServiceUnavailable</Code></Error>")
    steps = [listing(*keys), answer(*NO_DELETE_OBJECTS[0]), *[answer(204)] * 10, away]
    with ScriptedHTTP(steps) as server, pytest.raises(Exhausted) as caught:
        s3(server).run(context(terms=RetryPolicy(attempts=1)))
    facts = caught.value.facts
    assert (facts["found"], facts["deleted"], facts["unknown"], facts["refused"]) == (30, 10, 0, {})


def test_one_by_one_without_an_answer_is_looked_at(account):
    """As a whole batch is."""
    steps = [listing("a"), answer(*NO_DELETE_OBJECTS[0]), break_off(), listing()]
    with ScriptedHTTP(steps) as server:
        assert s3(server).run(context(terms=RetryPolicy(attempts=1))).facts["deleted"] == 1
    with ScriptedHTTP([*steps[:-1], listing("a")]) as server, pytest.raises(ActionError, match="and still there"):
        s3(server).run(context(terms=RetryPolicy(attempts=1)))
    with ScriptedHTTP([*steps[:-1], answer(403)]) as server, pytest.raises(Unknown) as caught:
        s3(server).run(context(terms=RetryPolicy(attempts=1)))
    assert (caught.value.facts["deleted"], caught.value.facts["unknown"]) == (0, 1)


@pytest.mark.parametrize("more", [{"versions": True}, {"uploads": True}])
def test_a_server_that_does_not_know_what_is_asked_for_is_an_error(account, more):
    """It lists its objects, whatever is asked; which is not 'nothing to delete', and nothing goes for it."""
    steps = [listing("a")] if "versions" in more else [listing(), listing("a")]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="does not know what was asked for"):
        s3(server, **more).run(context())
    assert {one.method for one in server.requests} == {"GET"}


def test_another_name_of_the_same_listing_is_read(account):
    """As gofakes3 has it."""
    with ScriptedHTTP([versions(("a", "1"), root="ListBucketVersionsResult"), errors()]) as server:
        assert s3(server, versions=True).run(context()).facts["deleted"] == 1


def test_objects_of_a_bucket_without_versions_go_by_their_keys(account):
    """A server may list them as versions named null, and know no such version when it is to delete it."""
    refused = errors(("a", "null", "InvalidArgument"), ("b", "null", "InvalidArgument"))
    unversioned = answer(200, "<VersioningConfiguration/>")
    steps = [versions(("a", "null"), ("b", "null")), refused, unversioned, answer(204), answer(204)]
    with ScriptedHTTP(steps) as server:
        assert s3(server, versions=True).run(context()).facts["deleted"] == 2
    assert [one.path for one in server.requests[3:]] == [f"/models/{HERE}{key}" for key in "ab"]


def test_a_bucket_that_has_versions_gets_no_delete_marker_instead(account):
    """Without its version's name, an object would go below a marker, and stay."""
    has_them = answer(200, "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
    steps = [versions(("a", "null")), errors(("a", "null", "InvalidArgument")), has_them]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="could not delete 1"):
        s3(server, versions=True).run(context())


@pytest.mark.parametrize("failure", [answer(403, "<Error><Code>AccessDenied</Code></Error>"), answer(500)])
def test_what_was_deleted_counts_where_it_cannot_be_asked_for_versions(account, failure):
    """The deletion was answered before, and one key's refusal leaves the other's deletion what it is."""
    unknown = errors(("a", "null", "InvalidArgument"))
    with ScriptedHTTP([versions(("a", "null"), ("b", "1")), unknown, failure]) as server:
        with pytest.raises(ActionError) as caught:
            s3(server, versions=True).run(context(terms=RetryPolicy(attempts=1)))
    facts = caught.value.facts
    assert (facts["deleted"], sum(facts["refused"].values()), facts["unknown"]) == (1, 1, 0)


def test_a_bucket_is_asked_for_versions_once_more(account):
    """What stayed is tried again, alone, and the answer may come by then."""
    unknown, unversioned = errors(("a", "null", "InvalidArgument")), answer(200, "<VersioningConfiguration/>")
    steps = [versions(("a", "null"), ("b", "1")), unknown, answer(500), unknown, unversioned, answer(204)]
    with ScriptedHTTP(steps) as server:
        assert s3(server, versions=True).run(context()).facts["deleted"] == 2
    assert b"versionId=1" not in server.requests[3].body


def test_an_error_that_names_no_version_is_that_of_the_only_one(account):
    """As moto says which object is under lock."""
    steps = [versions(("a", "1"), ("b", "2")), errors(("b", "", "AccessDenied"))]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="could not delete 1") as caught:
        s3(server, versions=True).run(context())
    assert caught.value.facts["deleted"] == 1
    assert re.search(r"b\?versionId=2", str(caught.value.facts) + str(caught.value) + str(caught.value.notes))


def test_an_error_that_may_be_of_several_versions_is_asked_about_one_by_one(account):
    """Each of them has its own answer then; what is gone already counts as deleted."""
    gone, held = answer(204), answer(403, "<Error><Code>AccessDenied</Code></Error>")
    steps = [versions(("a", "1"), ("a", "2"), ("b", "3")), errors(("a", "", "AccessDenied")), gone, held]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="could not delete 1") as caught:
        s3(server, versions=True).run(context())
    assert caught.value.facts["deleted"] == 2
    assert [one.path for one in server.requests[2:]] == [f"/models/{HERE}a?versionId={number}" for number in (1, 2)]
