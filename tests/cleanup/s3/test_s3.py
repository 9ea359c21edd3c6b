"""What cleanup.s3 deletes, and what it leaves alone."""

import gzip
import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from moto.s3.models import s3_backends

from exitkit.cleanup.s3 import S3
from exitkit.cli import run
from exitkit.errors import ActionError, ConfigError, Exhausted, Skip, Unknown
from exitkit.plan.registry import prefix
from exitkit.retry import RetryPolicy
from exitkit.settings import SettingsError, load
from exitkit.store.place import open_store
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer, break_off

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
ODD = ["a b+c%2F", "line\nbreak", "<&\"'>", "ünï/👍", "tab\there", "trailing/", "a//b", "{{x}}", "?versionId=1"]


@pytest.fixture
def client(aws):
    made = aws("s3")
    made.create_bucket(Bucket="models")
    return made


def s3(*prefixes, **more):
    given = {"bucket": "models", "prefixes": list(prefixes or (f"runs/{NAME}/",)), **more}
    return load(S3, given, {}, prefix("cleanup.s3"))


def fill(*keys, body=b"12345"):
    """Past moto's door, which has no room for line breaks and takes five milliseconds an object."""
    for key in keys:
        s3_backends["123456789012"]["aws"].put_object("models", key, body)


def keys(client):
    found = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket="models"):
        found += [one["Key"] for one in page.get("Contents", [])]
    return found


# What goes.


def test_what_is_below_a_prefix_goes_and_nothing_else(client):
    """The counts and bytes are those of what went; a neighbour of a longer name stays."""
    mine = [f"runs/{NAME}/{number}/part" for number in range(12)]
    others = [f"runs/{NAME}-2/part", "runs/other/part", f"runs/{NAME}"]
    fill(*mine, *others)
    result = s3().run(context())
    assert keys(client) == sorted(others)
    assert result.facts["deleted"] == 12
    assert result.facts["bytes"] == 60
    assert result.facts["examples"][0] == f"s3://models/runs/{NAME}/0/part"
    assert s3().run(context()).summary == "nothing to delete"


def test_more_than_a_page_goes(client):
    """Several listings and several batches."""
    fill(*(f"runs/{NAME}/{number:05d}" for number in range(2100)), body=b"")
    assert s3().run(context()).facts["deleted"] == 2100
    assert keys(client) == []


def test_keys_of_every_kind_go(client):
    """Line breaks, percent signs, XML's own characters, names that end in a slash."""
    fill(*(f"runs/{NAME}/{key}" for key in ODD))
    assert s3().run(context()).facts["deleted"] == len(ODD)
    assert keys(client) == []


def test_a_dry_run_deletes_nothing_and_counts_the_same(client):
    """What would go is what goes."""
    fill(*(f"runs/{NAME}/{number}" for number in range(5)))
    said = s3().run(context(dry_run=True))
    assert said.summary == "would delete 5 (25 B)"
    assert len(keys(client)) == 5
    assert s3().run(context()).facts["deleted"] == said.facts["found"]


def test_a_dry_run_only_asks(aws, account):
    """Not one request that changes anything leaves; credentials for reading are enough."""
    listing = "<ListBucketResult><Contents><Key>runs/train-x7k2p/a</Key><Size>1</Size></Contents></ListBucketResult>"
    with ScriptedHTTP([answer(200, listing)]) as server:
        s3(endpoint_url=server.url).run(context(dry_run=True))
    assert [one.method for one in server.requests] == ["GET"]


def test_include_and_exclude_see_the_path_below_the_prefix(client):
    """A glob is about what is in the place, not about where it is."""
    fill(*(f"runs/{NAME}/{key}" for key in ("a.tmp", "deep/b.tmp", "deep/keep.tmp", "c.parquet")))
    result = s3(include=["*.tmp"], exclude=["keep.*"]).run(context())
    assert result.facts["deleted"] == 2
    assert keys(client) == [f"runs/{NAME}/c.parquet", f"runs/{NAME}/deep/keep.tmp"]


def test_what_is_too_young_stays(account):
    """Compared with the server's time of changing, to the second; what is exactly as old as asked goes."""
    ctx = context()
    when = ctx.deadline.clock.time() - 3600
    rows = "".join(
        f"<Contents><Key>runs/{NAME}/{key}</Key><Size>1</Size><LastModified>{_iso(when + more)}</LastModified></Contents>"
        for key, more in (("newer", 1), ("same", 0), ("older", -1))
    )
    listing = (
        f"<ListBucketResult>{rows}</ListBucketResult>".replace("newer", "a").replace("same", "b").replace("older", "c")
    )
    with ScriptedHTTP([answer(200, listing), answer(200, "<DeleteResult/>")]) as server:
        assert s3(older_than=3600, endpoint_url=server.url).run(ctx).facts["deleted"] == 2
    assert b"/a<" not in server.requests[1].body


def _iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_versions_and_delete_markers_go(client):
    """With versions nothing is left of a versioned bucket's folder; without, only a marker is added."""
    client.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    fill(f"runs/{NAME}/a", f"runs/{NAME}/a", f"runs/{NAME}/b", "runs/other/a")
    client.delete_object(Bucket="models", Key=f"runs/{NAME}/b")
    assert s3().run(context()).facts["deleted"] == 1  # only a is there to be seen
    result = s3(versions=True).run(context())
    assert result.facts["deleted"] == 5  # two of a, one of b, two markers
    left = client.list_object_versions(Bucket="models")
    assert [one["Key"] for one in left["Versions"]] == ["runs/other/a"]
    assert "DeleteMarkers" not in left


def test_uploads_that_were_left_go(client):
    """Their parts are billed and seen by nobody."""
    for key in (f"runs/{NAME}/big", f"runs/{NAME}/big", "runs/other/big"):
        client.create_multipart_upload(Bucket="models", Key=key)
    fill(f"runs/{NAME}/a")
    result = s3(uploads=True).run(context())
    assert result.facts["deleted"] == 3
    assert [one["Key"] for one in client.list_multipart_uploads(Bucket="models")["Uploads"]] == ["runs/other/big"]


def test_uploads_are_aborted_and_not_deleted(account):
    """A DELETE without the upload's id would delete the finished object of that name."""
    listing = (
        f"<ListMultipartUploadsResult><Upload><Key>runs/{NAME}/x</Key><UploadId>u1</UploadId>"
        "<Initiated>2026-01-01T00:00:00Z</Initiated></Upload></ListMultipartUploadsResult>"
    )
    with ScriptedHTTP([answer(200, "<ListBucketResult/>"), answer(200, listing), answer(204)]) as server:
        s3(uploads=True, endpoint_url=server.url).run(context())
    assert server.requests[-1].path == f"/models/runs/{NAME}/x?uploadId=u1"


def test_keys_that_xml_cannot_hold_go_one_by_one(account):
    """And the others of the page go together, beside them."""
    listing = (
        "<ListBucketResult><EncodingType>url</EncodingType>"
        f"<Contents><Key>runs/{NAME}/%01</Key><Size>1</Size></Contents>"
        f"<Contents><Key>runs/{NAME}/plain</Key><Size>1</Size></Contents></ListBucketResult>"
    )
    steps = [answer(200, listing), answer(200, "<DeleteResult/>"), answer(204)]
    with ScriptedHTTP(steps) as server:
        assert s3(endpoint_url=server.url, concurrency=1).run(context()).facts["deleted"] == 2
    assert sorted(one.method for one in server.requests) == ["DELETE", "GET", "POST"]


def by_method(**steps):
    """The steps of each method in their order, whichever comes first."""

    def play(exchange):
        steps[exchange.read().method.lower()].pop(0)(exchange)

    return [play] * sum(len(some) for some in steps.values())


# What is refused before anything is asked.


@pytest.mark.parametrize("given", ["", "/", " ", "//", "/runs", "runs//x", " / "])
def test_a_prefix_that_means_too_much_is_refused(given):
    """Also one that a template with an empty value became."""
    with pytest.raises(SettingsError):
        s3(given)


@pytest.mark.parametrize("bucket", ["", "s3://models", "models/x", "a", "my--use1-az4--x-s3", "a b"])
def test_what_is_no_bucket_is_refused(bucket):
    """A URL or a path; and a directory bucket, whose listing has no order."""
    with pytest.raises(SettingsError):
        s3(bucket=bucket)


@pytest.mark.parametrize("given", ["runs/other/", f"runs/{NAME}", f"runs/x{NAME}/", "runs/"])
def test_what_is_not_the_workflows_own_is_refused(given):
    """The name is a whole part of the key: without the slash it begins other workflows' names too."""
    with ScriptedHTTP() as server, pytest.raises(ConfigError, match="anything: true"):
        s3(given, endpoint_url=server.url).run(context())


def test_the_uid_is_as_good_as_the_name_and_anything_is_said_in_words(client):
    """Two ways of saying that it is meant."""
    uid = failed_workflow().uid
    fill(f"by-uid/x-{uid}/a", "shared/a")
    assert s3(f"by-uid/x-{uid}/").run(context()).facts["deleted"] == 1
    assert s3("shared/", anything=True).run(context()).facts["deleted"] == 1


@pytest.mark.parametrize(
    "more",
    [
        {"shards": 2, "shard": "a:b"},
        {"shards": 2, "versions": True},
        {"shard": "a:b", "uploads": True},
        {"shards": 2, "prefixes": ["a/", "b/"]},
        {"shard": "b:a"},
        {"shard": "no colon"},
    ],
)
def test_shards_that_make_no_sense_are_refused(more):
    """Before anything is listed."""
    with pytest.raises(SettingsError):
        s3(**more)


def test_a_run_that_is_kept_asks_nothing():
    """Evidence survives a failure."""
    with ScriptedHTTP() as server, pytest.raises(Skip, match="kept"):
        s3(keep_on=["Failed"], endpoint_url=server.url).run(context())


# What goes wrong.


def listing(count, start=0, *, more=False):
    rows = "".join(
        f"<Contents><Key>runs/{NAME}/{number:05d}</Key><Size>10</Size></Contents>"
        for number in range(start, start + count)
    )
    return answer(200, f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{rows}</ListBucketResult>")


def refused(*entries):
    rows = "".join(f"<Error><Key>runs/{NAME}/{key}</Key><Code>{code}</Code></Error>" for key, code in entries)
    return answer(200, f"<DeleteResult>{rows}</DeleteResult>")


def test_only_the_keys_that_failed_are_sent_again(account):
    """Three of five are busy, then one, then none."""
    first = refused(("00001", "SlowDown"), ("00002", "InternalError"), ("00004", "SlowDown"))
    with ScriptedHTTP([listing(5), first, refused(("00002", "SlowDown")), refused()]) as server:
        result = s3(endpoint_url=server.url).run(context())
    assert result.facts["deleted"] == 5
    sent = [one.body.count(b"<Key>") for one in server.requests[1:]]
    assert sent == [5, 3, 1]


def test_a_key_that_cannot_go_fails_the_step_and_not_the_others(account):
    """Object Lock and denied access, counted by their reasons."""
    with ScriptedHTTP([listing(4), refused(("00001", "AccessDenied"), ("00002", "AccessDenied"))]) as server:
        with pytest.raises(ActionError, match=r"deleted 2 .*could not delete 2 AccessDenied") as caught:
            s3(endpoint_url=server.url).run(context())
    assert caught.value.facts["deleted"] == 2
    assert caught.value.facts["bytes"] == 20
    assert caught.value.facts["refused"] == {"AccessDenied": 2}


def test_a_key_that_fails_again_and_again_is_counted_as_refused(account):
    """After as many tries as the step has."""
    again = [refused(("00000", "InternalError")) for _ in range(2)]
    with ScriptedHTTP([listing(2), *again]) as server:
        with pytest.raises(ActionError, match="1 InternalError") as caught:
            s3(endpoint_url=server.url).run(context(terms=RetryPolicy(attempts=2)))
    assert caught.value.facts["deleted"] == 1


def test_a_busy_server_gets_fewer_requests(account):
    """The room of requests shrinks at each SlowDown, and what was refused still goes."""
    busy = answer(503, "<Error><Code>SlowDown</Code></Error>")
    with ScriptedHTTP([busy, listing(1), busy, busy, refused()]) as server:
        assert s3(endpoint_url=server.url).run(context()).facts["deleted"] == 1
    assert len(server.requests) == 5


ONCE = RetryPolicy(attempts=1)


def test_what_went_without_an_answer_is_found_out(account):
    """The first key is asked for by itself, because a listing begins behind one; then what is behind it."""
    empty, rest = answer(200, "<ListBucketResult/>"), listing(1, 2)
    with ScriptedHTTP([listing(3), break_off(), empty, rest]) as server:
        with pytest.raises(ActionError, match="a second look found 1 of 3 still there") as caught:
            s3(endpoint_url=server.url).run(context(terms=ONCE))
    assert (caught.value.facts["deleted"], caught.value.facts["refused"]) == (2, {"no answer, and still there": 1})
    assert f"prefix=runs%2F{NAME}%2F00000" in server.requests[2].path
    assert f"start-after=runs%2F{NAME}%2F00000" in server.requests[3].path


def test_what_all_went_without_an_answer_is_a_success(account):
    """A slow server has done its work."""
    empty = answer(200, "<ListBucketResult/>")
    with ScriptedHTTP([listing(3), break_off(), empty, empty]) as server:
        assert s3(endpoint_url=server.url).run(context(terms=ONCE)).facts["deleted"] == 3


def test_a_second_look_that_fails_leaves_it_unknown(account):
    """And `deleted 0` is not all that is said."""
    with ScriptedHTTP([listing(3), break_off(), answer(403, "<Error><Code>AccessDenied</Code></Error>")]) as server:
        with pytest.raises(Unknown, match="0 were deleted and 3 may have gone") as caught:
            s3(endpoint_url=server.url).run(context(terms=ONCE))
    assert caught.value.facts["unknown"] == 3


def test_a_second_look_at_what_was_not_asked_for_leaves_it_unknown(account):
    """A server that does not heed the prefix lists another key in the place of the first one."""
    with ScriptedHTTP([listing(3), break_off(), listing(1, start=5)]) as server:
        with pytest.raises(Unknown, match="0 were deleted and 3 may have gone") as caught:
            s3(endpoint_url=server.url).run(context(terms=ONCE))
    assert caught.value.facts["unknown"] == 3


def test_versions_are_looked_at_again(client):
    """Each by its id, and also those of the first key, behind which the listing begins."""
    client.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    fill(*[f"runs/{NAME}/a"] * 3, f"runs/{NAME}/b")
    cleanup = s3(versions=True)
    step = context()
    with cleanup.open(step) as sweeper:
        (batch,) = sweeper.find(step)
        names = list(batch.names)
        gone = batch.victims[1]
        client.delete_object(Bucket="models", Key=gone.key, VersionId=gone.id)
        assert sweeper.still_there(batch, step, len(names)) == {*names} - {names[1]}
        assert sweeper.still_there(batch, step, 1) == {names[0]}


def test_an_old_version_is_found_behind_newer_ones(client):
    """The first that is to go need not be the first of its key; it is not taken to be gone."""
    client.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    fill(*[f"runs/{NAME}/a"] * 4, f"runs/{NAME}/a-b", f"runs/{NAME}/b")
    step = context()
    with s3(versions=True).open(step) as sweeper:
        (batch,) = sweeper.find(step)
        older = replace(batch, victims=batch.victims[2:])
        assert sweeper.still_there(older, step, 4) == {*older.names}


def test_a_second_look_follows_pages_with_nothing_in_them(account):
    """A store may pass over what was deleted, page by page."""
    empty = answer(200, "<ListBucketResult/>")
    passed = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    steps = [
        listing(3),
        break_off(),
        empty,
        answer(200, f"<ListBucketResult>{passed}</ListBucketResult>"),
        listing(1, 2),
    ]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="a second look found 1 of 3"):
        s3(endpoint_url=server.url).run(context(terms=ONCE))


def test_the_limit_holds_exactly(account):
    """What is beyond it is never sent, and the error says what to do."""
    with ScriptedHTTP([listing(10), refused()]) as server:
        with pytest.raises(ActionError, match="limit=3") as caught:
            s3(endpoint_url=server.url, limit=3).run(context())
    assert server.requests[1].body.count(b"<Key>") == 3
    assert caught.value.facts["deleted"] == 3


def test_a_limit_of_bytes_holds_before_it_is_passed(account):
    """Thirty-five bytes are three objects of ten."""
    with ScriptedHTTP([listing(10), refused()]) as server:
        with pytest.raises(ActionError, match="limit_bytes"):
            s3(endpoint_url=server.url, limit_bytes=35).run(context())
    assert server.requests[1].body.count(b"<Key>") == 3


def test_no_such_bucket_is_told_once(client):
    """With S3's own word for it."""
    with pytest.raises(ActionError, match="listing nobodys: NoSuchBucket"):
        s3(bucket="nobodys").run(context())


def test_a_listing_that_fails_half_way_tells_what_went(account):
    """The counts so far are facts of the error."""
    denied = answer(403, "<Error><Code>AccessDenied</Code></Error>")
    with ScriptedHTTP(by_method(get=[listing(1000, more=True), denied], post=[refused()])) as server:
        with pytest.raises(ActionError, match="AccessDenied") as caught:
            s3(endpoint_url=server.url).run(context())
    assert caught.value.facts["complete"] is False
    assert caught.value.facts["deleted"] == 1000


def test_time_that_runs_out_ends_it_truthfully(client):
    """What is left stays until it runs again."""
    fill(f"runs/{NAME}/a")
    ctx = context(seconds=10)
    ctx.deadline.clock.advance(11)
    with pytest.raises(Exhausted):
        s3().run(ctx)
    assert len(keys(client)) == 1


# The list of what went.


def test_a_receipt_in_the_bucket_lists_what_went(client):
    """NDJSON, gzipped by its name."""
    fill(*(f"runs/{NAME}/{key}" for key in ODD))
    s3(receipt="s3://models/audit/receipt.ndjson.gz").run(context())
    data = client.get_object(Bucket="models", Key="audit/receipt.ndjson.gz")["Body"].read()
    listed = [json.loads(line)["deleted"] for line in gzip.decompress(data).splitlines()]
    assert sorted(listed) == sorted(f"s3://models/runs/{NAME}/{key}" for key in ODD)


def test_a_second_runs_receipt_takes_no_place_of_the_first_ones(client, tmp_path):
    """It writes none where nothing was left to delete, and else one beside it."""
    for key in keys(client):
        client.delete_object(Bucket="models", Key=key)
    place = "s3://models/audit/receipt.ndjson.gz"

    def run(*left):
        for key in left:
            client.put_object(Bucket="models", Key=key, Body=b"x")
        s3(receipt=place).run(context(state=open_store(str(tmp_path))))
        listed = [one for one in keys(client) if one.startswith("audit/")]
        bodies = (client.get_object(Bucket="models", Key=key)["Body"].read() for key in listed)
        return sorted(json.loads(gzip.decompress(body))["deleted"].removeprefix("s3://models/") for body in bodies)

    one, other = f"runs/{NAME}/1", f"runs/{NAME}/2"
    assert run(one) == [one]
    assert run() == [one]
    assert run(other) == [one, other]


def test_a_receipt_that_cannot_be_written_stops_everything(client):
    """Before the first deletion."""
    fill(f"runs/{NAME}/a")
    with pytest.raises(ActionError, match="nothing was deleted"):
        s3(receipt="s3://no-such-bucket-here/receipt").run(context())
    assert len(keys(client)) == 1


# Beyond one machine.


def test_shards_are_all_there_is_and_each_goes_once(client, capsys):
    """The union of what the pods delete is exact, also with keys that came meanwhile."""
    before = [f"runs/{NAME}/{key}" for key in ODD] + [f"runs/{NAME}/{number:05d}" for number in range(3000)]
    fill(*before, body=b"")
    words = ["cleanup", "s3", "--bucket", "models", "--prefixes", f"runs/{NAME}/", "--name", NAME]
    assert run([*words, "--shards", "4"], environ=dict(os.environ)) == 0
    shards = json.loads(capsys.readouterr().out)
    assert 1 < len(shards) <= 4
    fill(f"runs/{NAME}/!first", f"runs/{NAME}/zz-last", f"runs/{NAME}/01500-meanwhile")
    deleted = [s3(shard=one).run(context()).facts["deleted"] for one in shards]
    assert sum(deleted) == len(before) + 3
    assert max(deleted) < 2 * len(before) / len(shards)
    assert keys(client) == []


def test_a_shard_survives_being_text(client):
    """Whatever is in a key, its range is plain ASCII without quotes, braces or spaces."""
    fill(*(f"runs/{NAME}/{key}" for key in ODD))
    result = s3(shards=8).run(context())
    for one in json.loads(result.output):
        assert one.isascii()
        assert not set(one) & set(" \"'{}\n")


# Many at a time.


def test_deletions_overlap(account):
    """Two batches are under way before either is answered."""
    both = threading.Barrier(2, timeout=30)

    def together(exchange):
        exchange.read()
        both.wait()
        refused()(exchange)

    steps = by_method(get=[listing(1000, more=True), listing(1000, start=1000)], post=[together, together])
    with ScriptedHTTP(steps) as server:
        assert s3(endpoint_url=server.url).run(context()).facts["deleted"] == 2000


def test_uploads_are_looked_at_again(account):
    """One that went without an answer is deleted, and one that did not is there still."""

    def uploads(*ids):
        entries = "".join(
            f"<Upload><Key>runs/{NAME}/{one}</Key><UploadId>{one}</UploadId>"
            "<Initiated>2026-01-01T00:00:00Z</Initiated></Upload>"
            for one in ids
        )
        return answer(200, f"<ListMultipartUploadsResult>{entries}</ListMultipartUploadsResult>")

    steps = [answer(200, "<ListBucketResult/>"), uploads("u1", "u2"), uploads("u1"), uploads("u2")]
    with ScriptedHTTP(steps) as server, s3(uploads=True, endpoint_url=server.url).open(step := context()) as sweeper:
        (batch,) = sweeper.find(step)
        assert sweeper.still_there(batch, step, 2) == {*batch.names}
    with ScriptedHTTP([*steps[:2], uploads(), uploads("u2")]) as server:
        with s3(uploads=True, endpoint_url=server.url).open(step := context()) as sweeper:
            (batch,) = sweeper.find(step)
            assert sweeper.still_there(batch, step, 2) == {batch.names[1]}
