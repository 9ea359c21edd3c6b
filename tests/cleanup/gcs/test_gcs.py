"""What cleanup.gcs deletes, and what it leaves alone."""

import gzip
import json
from urllib.parse import unquote

import pytest

from exitkit.cleanup.engine.removal import Removal
from exitkit.cleanup.gcs import GCS
from exitkit.cli import run
from exitkit.errors import ActionError, ConfigError, Exhausted, Retryable, Skip
from exitkit.plan.registry import prefix
from exitkit.retry import RetryPolicy
from exitkit.settings import SettingsError, load
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.gcs import ScriptedGCS
from exitkit.testing.http import answer, answer_json, break_off, reset

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
HOME = f"runs/{NAME}/"
ODD = ["a b+c%2F", "line\nbreak", "<&\"'>", "ünï/👍", "tab\there", "trailing/", "a//b", "{{x}}", "?generation=1", "#5"]


@pytest.fixture
def storage(monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with ScriptedGCS() as server:
        yield server


def gcs(storage, *prefixes, **more):
    given = {"bucket": "models", "prefixes": list(prefixes or (HOME,)), "anonymous": True, **more}
    if storage is not None:
        given["endpoint_url"] = storage.url
    return load(GCS, given, {}, prefix("cleanup.gcs"))


def fill(storage, *names, **more):
    storage.add(*(f"{HOME}{one}" for one in names), **more)


def sent(storage, method):
    return [unquote(path) for one, path in storage.calls if one == method]


# What goes.


def test_what_is_below_a_prefix_goes_and_nothing_else(storage):
    """The counts and bytes are those of what went; a neighbour of a longer name stays."""
    others = [f"runs/{NAME}-2/part", "runs/other/part", f"runs/{NAME}"]
    fill(storage, *(f"{number}/part" for number in range(12)))
    storage.add(*others)
    result = gcs(storage).run(context())
    assert storage.names() == sorted(others)
    assert (result.facts["deleted"], result.facts["bytes"]) == (12, 60)
    assert result.facts["examples"][0] == f"gs://models/{HOME}0/part"
    assert gcs(storage).run(context()).summary == "nothing to delete"


def test_more_than_a_page_goes_a_hundred_at_a_time(storage):
    """Several listings, and batches of no more than 100 calls, each call with its own generation."""
    fill(storage, *(f"{number:05d}" for number in range(2150)))
    assert gcs(storage).run(context()).facts["deleted"] == 2150
    assert storage.names() == []
    batches = [one for one in storage.requests if one.method == "POST"]
    assert max(one.body.count(b"\r\nDELETE ") for one in batches) == 100
    assert len(batches) == 22  # 10, 10 and 2 for the pages of 1000, 1000 and 150
    assert all("?ifGenerationMatch=17900" in path for path in sent(storage, "DELETE"))


def test_names_of_every_kind_go(storage):
    """Line breaks, percent signs, question marks, number signs, names that end in a slash."""
    fill(storage, *ODD)
    assert gcs(storage).run(context()).facts["deleted"] == len(ODD)
    assert storage.names() == []


def test_a_prefix_of_every_kind_is_asked_for(storage):
    """It is encoded like a name."""
    odd = "runs/train-x7k2p/ü &#%25=+/"
    storage.add(f"{odd}a", "runs/train-x7k2p/ü")
    assert gcs(storage, odd).run(context()).facts["deleted"] == 1
    assert storage.names() == ["runs/train-x7k2p/ü"]


def test_a_dry_run_deletes_nothing_and_counts_the_same(storage):
    """What would go is what goes; not one request that changes anything leaves."""
    fill(storage, *(str(number) for number in range(5)))
    said = gcs(storage).run(context(dry_run=True))
    assert said.summary == "would delete 5 (25 B)"
    assert {method for method, _ in storage.calls} == {"GET"}
    assert gcs(storage).run(context()).facts["deleted"] == said.facts["found"]


def test_only_what_is_needed_is_asked_for(storage):
    """A mask of fields makes a page a tenth as long; times and holds are asked for where they play a part."""
    fill(storage, "a")
    gcs(storage, older_than=60).run(context())
    listing = sent(storage, "GET")[0]
    assert listing.endswith("&fields=kind,nextPageToken,items(name,generation,size,updated)")
    gcs(storage).run(context(dry_run=True))
    assert "temporaryHold" in sent(storage, "GET")[-1]


def test_include_and_exclude_see_the_path_below_the_prefix(storage):
    """A glob is about what is in the place, not about where it is."""
    fill(storage, "a.tmp", "deep/b.tmp", "deep/keep.tmp", "c.parquet")
    result = gcs(storage, include=["*.tmp"], exclude=["keep.*"]).run(context())
    assert result.facts["deleted"] == 2
    assert storage.names() == [f"{HOME}c.parquet", f"{HOME}deep/keep.tmp"]


def test_what_is_too_young_stays(storage):
    """Compared with the time that the server tells, to the second; what is exactly as old as asked goes."""
    fill(storage, "older", updated="2026-09-21T12:13:19.999Z")
    fill(storage, "same", updated="2026-09-21T12:13:20.000Z")
    fill(storage, "newer", updated="2026-09-21T12:13:21.000Z")
    ctx = context()
    assert ctx.deadline.clock.time() - 7200 == 1_789_992_800  # which is 2026-09-21T12:13:20Z
    assert gcs(storage, older_than=7200).run(ctx).facts["deleted"] == 2
    assert storage.names() == [f"{HOME}newer"]


def test_every_generation_goes(storage):
    """With versions nothing is left of a versioned bucket's folder; without, the live one becomes a version."""
    storage.settings = {"versioning": {"enabled": True}}
    fill(storage, "a", "a", "b")
    storage.add("runs/other/a", "runs/other/a")
    result = gcs(storage).run(context())
    assert result.facts["deleted"] == 2
    assert "noncurrent versions" in result.notes[0]
    assert storage.names(versions=True).count(f"{HOME}a") == 2
    result = gcs(storage, versions=True).run(context())
    assert (result.facts["deleted"], result.notes) == (3, ())
    assert "#17900" in result.facts["examples"][0]
    assert storage.names(versions=True) == ["runs/other/a", "runs/other/a"]


def test_generations_are_listed_across_pages(storage):
    """A page may end between two generations of one name, and none is lost or told twice."""
    storage.settings = {"versioning": {"enabled": True}}
    storage.page = 3
    fill(storage, *("a",) * 5, *("b",) * 4, "c")
    assert gcs(storage, versions=True).run(context()).facts["deleted"] == 10
    assert storage.names(versions=True) == []


def test_an_empty_page_that_leads_on_is_followed(storage):
    """Google may answer with a token and nothing else, where much was deleted lately."""
    fill(storage, "a")
    storage.fault("GET", "/o?", answer_json({"kind": "storage#objects", "nextPageToken": "a"}))
    assert gcs(storage, concurrency=1).run(context()).facts["deleted"] == 1
    assert "pageToken=a" in sent(storage, "GET")[0]


# What is there in its place, and what is gone.


def test_what_was_replaced_meanwhile_stays(storage):
    """A second run of a workflow has written it anew; that is told, and the others go."""
    fill(storage, "a", "b")
    first = storage.names()
    storage.fault("GET", "/o?", _listing(storage, first))
    fill(storage, "a")
    with pytest.raises(ActionError, match=r"deleted 1 .*could not delete 1 replaced meanwhile"):
        gcs(storage).run(context())
    assert storage.names() == [f"{HOME}a"]


def _listing(storage, names):
    """The answer to a listing as it would be now."""
    items = [one.body for one in storage._objects if one.name in names]
    return answer_json({"kind": "storage#objects", "items": [dict(one) for one in items]})


@pytest.mark.parametrize("missing", [404, 412])
def test_what_is_gone_already_is_fine(storage, missing):
    """Somebody else deleted it; a condition on what is not there may also be told as one that failed."""
    fill(storage, "a", "b")
    storage.missing = missing
    storage.fault("GET", "/o?", _listing(storage, storage.names()))
    storage._objects.pop(0)
    result = gcs(storage).run(context())
    assert (result.facts["deleted"], result.facts["gone"]) == (1, 1)
    assert result.summary == "deleted 1 (5 B), 1 were gone already"


def test_without_the_right_to_look_a_failed_condition_is_told_as_what_it_may_be(storage):
    """Who may delete need not be allowed to read."""
    fill(storage, "a")
    storage.trouble("/o/", 412, "conditionNotMet", "no")
    storage.trouble("fields=generation", 403, "forbidden", "no")
    with pytest.raises(ActionError, match="1 replaced meanwhile, or gone"):
        gcs(storage).run(context())


# What may not go.


def test_holds_and_retention_are_told_by_kind_and_keep_nothing_else(storage):
    """A hold has the reason of a missing right, and the times of retention differ; each kind is one line all the same."""
    fill(storage, "a", "b", temporaryHold=True)
    fill(storage, "c", eventBasedHold=True)
    fill(storage, "d", retentionExpirationTime="2026-12-01T00:00:00.123Z")
    fill(storage, "e", retentionExpirationTime="2026-12-02T00:00:00.123Z")
    fill(storage, "f", "g")
    with pytest.raises(ActionError) as caught:
        gcs(storage).run(context())
    assert caught.value.facts["refused"] == {
        "under a temporary hold": 2,
        "under an event-based hold": 1,
        "under a retention policy": 2,
    }
    assert caught.value.facts["deleted"] == 2
    assert len(storage.names()) == 5


def test_a_dry_run_knows_of_holds(storage):
    """What would not go is told before anybody tries; a retention that is over keeps nothing."""
    fill(storage, "a", temporaryHold=True)
    fill(storage, "b", eventBasedHold=True)
    fill(storage, "c", retentionExpirationTime="2026-12-01T00:00:00.123Z")
    fill(storage, "d", retentionExpirationTime="2026-01-01T00:00:00.123Z")
    fill(storage, "e", temporaryHold=False)
    said = gcs(storage).run(context(dry_run=True))
    assert said.summary == "would delete 2 (10 B), 3 more cannot go"
    assert set(said.facts["refused"].values()) == {1}


def test_a_held_object_of_a_versioned_bucket_becomes_a_version(storage):
    """So that a dry run must not call it kept; with versions it is."""
    storage.settings = {"versioning": {"enabled": True}}
    fill(storage, "a", temporaryHold=True)
    assert gcs(storage).run(context(dry_run=True)).summary == "would delete 1 (5 B)"
    assert gcs(storage, versions=True).run(context(dry_run=True)).facts["refused"] == {"under a temporary hold": 1}
    assert gcs(storage).run(context()).facts["deleted"] == 1


def test_a_missing_right_is_told_for_each_and_not_tried_again(storage):
    """Nothing will change by itself."""
    fill(storage, "a", "b")
    told = "robot@x.iam does not have storage.objects.delete access to the Google Cloud Storage object."
    storage.trouble("/o/", 403, "forbidden", told, times=2)
    with pytest.raises(ActionError, match=r"2 403 forbidden: a right is missing, storage\.objects\.delete"):
        gcs(storage).run(context())
    assert len(sent(storage, "DELETE")) == 2


# What the bucket makes of it.


def test_soft_delete_is_told(storage):
    """New buckets keep and bill what was deleted, for a week unless told otherwise."""
    storage.settings = {"softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": "x"}}
    fill(storage, "a")
    said = gcs(storage).run(context(dry_run=True))
    result = gcs(storage).run(context())
    assert result.summary == "deleted 1 (5 B); soft delete keeps and bills it for 7d"
    assert said.summary == "would delete 1 (5 B); soft delete keeps and bills it for 7d"
    assert result.facts["soft_delete_seconds"] == 604_800


@pytest.mark.parametrize("seconds", ["0", "", "x", None])
def test_a_bucket_without_soft_delete_says_nothing_of_it(storage, seconds):
    """A policy of no time is none."""
    storage.settings = {"softDeletePolicy": {"retentionDurationSeconds": seconds}}
    fill(storage, "a")
    assert gcs(storage).run(context()).summary == "deleted 1 (5 B)"


def test_settings_that_may_not_be_read_are_no_reason_to_fail(storage):
    """storage.buckets.get is a right that deleting does not need."""
    storage.settings = None
    fill(storage, "a")
    assert gcs(storage).run(context()).summary == "deleted 1 (5 B)"


@pytest.mark.parametrize("step", [answer(503, "later"), reset(), answer(200, "[]"), answer(200, "no json")])
def test_settings_that_cannot_be_read_at_the_moment_are_done_without(storage, step):
    """All is deleted by then; one try is enough."""
    fill(storage, "a")
    storage.fault("GET", "/models?fields", step)
    ctx = context()
    assert gcs(storage).run(ctx).summary == "deleted 1 (5 B)"
    assert ctx.deadline.clock.slept == []


def test_a_success_at_the_last_moment_is_one(storage, monkeypatch):
    """When there is no time left to read the settings."""
    fill(storage, "a")
    ctx = context()
    monkeypatch.setattr(Removal, "_result", _late_result(ctx, Removal._result))
    assert gcs(storage).run(ctx).facts["deleted"] == 1


def _late_result(ctx, then):
    def play(*args):
        ctx.deadline.clock.advance(1000)
        return then(*args)

    return play


def test_folders_of_a_hierarchical_namespace_are_told(storage):
    """They are no objects, and stay."""
    storage.settings = {"hierarchicalNamespace": {"enabled": True}}
    fill(storage, "a")
    assert "whose folders stay" in gcs(storage).run(context()).notes[0]


# Managed folders.


def test_managed_folders_go_after_what_is_in_them(storage):
    """The deepest first; those of others stay."""
    fill(storage, *(f"a/b/{number}" for number in range(250)))
    storage.add_folder(HOME, f"{HOME}a/", f"{HOME}a/b/", f"{HOME}c/", "runs/other/")
    result = gcs(storage, managed_folders=True).run(context())
    assert (storage.names(), storage.folders()) == ([], ["runs/other/"])
    assert result.facts["deleted"] == 254
    gone = [path.split("?")[0].split("managedFolders/")[1] for path in sent(storage, "DELETE") if "managed" in path]
    assert gone[0] == f"{HOME}a/b/"
    assert gone[-1] == HOME
    assert all("ifMetagenerationMatch=1" in path for path in sent(storage, "DELETE") if "managed" in path)


def test_managed_folders_stay_unless_asked_for(storage):
    """They carry rights that somebody has given."""
    storage.add_folder(HOME)
    assert gcs(storage).run(context()).summary == "nothing to delete"
    assert storage.folders() == [HOME]


def test_a_managed_folder_that_is_not_empty_stays_and_is_told(storage):
    """Also where what is in it may not go; a folder that is gone already is fine."""
    fill(storage, "a/x", temporaryHold=True)
    storage.add_folder(f"{HOME}a/", f"{HOME}b/")
    storage.trouble("managedFolders/runs%2Ftrain-x7k2p%2Fb", 404, "notFound", "no")
    with pytest.raises(ActionError) as caught:
        gcs(storage, managed_folders=True).run(context())
    assert caught.value.facts["refused"] == {"under a temporary hold": 1, "not empty": 1}
    assert caught.value.facts["gone"] == 1


def test_managed_folders_are_picked_like_objects(storage):
    """By age and globs; and a dry run counts them."""
    storage.page = 2
    storage.add_folder(*(f"{HOME}{one}/" for one in "abc"))
    storage.add_folder(f"{HOME}young/", updated="2099-01-01T00:00:00Z")
    chosen = gcs(storage, managed_folders=True, exclude=["b"], older_than=60)
    assert chosen.run(context(dry_run=True)).facts["found"] == 2
    assert chosen.run(context()).facts["deleted"] == 2
    assert storage.folders() == [f"{HOME}b/", f"{HOME}young/"]


def test_one_request_at_a_time_is_enough_for_folders(storage):
    """Nothing waits for what nobody does."""
    fill(storage, "a/x")
    storage.add_folder(f"{HOME}a/")
    assert gcs(storage, managed_folders=True, concurrency=1).run(context()).facts["deleted"] == 2


# What goes wrong on the way.


@pytest.mark.parametrize("status", [429, 503, 408, 500, 502, 504, 409])
def test_only_what_failed_in_passing_is_sent_again(storage, status):
    """Not the hundred of its batch."""
    fill(storage, *(str(number) for number in range(10)))
    storage.trouble(f"{HOME}3".replace("/", "%2F"), status, "x", "later")
    assert gcs(storage).run(context()).facts["deleted"] == 10
    batches = [one.body.count(b"\r\nDELETE ") for one in storage.requests if one.method == "POST"]
    assert batches == [10, 1]


def test_a_rate_that_comes_as_403_is_tried_again(storage):
    """As some of Google's quotas do."""
    fill(storage, "a")
    storage.trouble("/o/", 403, "userRateLimitExceeded", "User Rate Limit Exceeded")
    assert gcs(storage).run(context()).facts["deleted"] == 1


def test_what_the_server_asks_to_wait_is_waited(storage):
    """Also where only one part of a batch asks."""
    fill(storage, "a", "b")
    storage.trouble("/o/", 503, "backendError", "later", headers={"Retry-After": "7"})
    ctx = context()
    assert gcs(storage).run(ctx).facts["deleted"] == 2
    assert 7 <= ctx.deadline.clock.slept[0] <= 8.4


def test_what_fails_for_as_long_as_is_tried_is_told_with_the_reason(storage):
    """And the others are gone."""
    fill(storage, "a", "b")
    storage.trouble("%2Fa?", 500, "backendError", "We are broken", times=99)
    with pytest.raises(
        ActionError, match=r"deleted 1 .*could not delete 1 500 internal server error: We are broken"
    ) as caught:
        gcs(storage).run(context(terms=RetryPolicy(attempts=3)))
    assert len(sent(storage, "DELETE")) == 4
    assert caught.value.facts["deleted"] == 1


def test_an_answer_that_is_lost_is_asked_for_again(storage):
    """What went with it is gone by then, which is fine."""
    fill(storage, "a", "b")
    storage.fault("POST", "/batch", reset())
    assert gcs(storage).run(context()).facts["deleted"] == 2


def test_a_deletion_whose_answer_was_lost_is_none_that_was_replaced(storage):
    """The condition fails the second time, because nothing is there; somebody looks before it is called replaced."""
    fill(storage, "a")
    storage.missing = 412
    storage.fault("POST", "/batch", _deleting(storage, f"{HOME}a", break_off()))
    result = gcs(storage).run(context())
    assert (result.facts["deleted"], result.facts["gone"]) == (1, 0)


@pytest.mark.parametrize("versions", [False, True])
def test_what_went_without_an_answer_is_found_out(storage, versions):
    """A server that is too slow has done some of it when it is given up, which a second look tells."""
    fill(storage, "a", "b", "c", "d")
    storage.add(f"{HOME}a-b")
    storage.fault("POST", "/batch", _deleting(storage, f"{HOME}b", break_off()))
    with pytest.raises(ActionError, match="a second look found 4 of 5 still there") as caught:
        gcs(storage, versions=versions).run(context(terms=RetryPolicy(attempts=1)))
    assert caught.value.facts["deleted"] == 1
    for name in ("a", "a-b", "c"):
        storage.fault("POST", "/batch", _deleting(storage, f"{HOME}{name}", reset()))
    storage.fault("POST", "/batch", _deleting(storage, f"{HOME}d", break_off()))
    result = gcs(storage, versions=versions).run(context(terms=RetryPolicy(attempts=4)))
    assert (result.facts["deleted"], result.facts["gone"], storage.names()) == (4, 0, [])


def test_an_object_that_has_the_prefix_for_a_name_hides_no_other_from_a_second_look(storage):
    """It is the first of the listing, and what is behind it is looked at as well."""
    fill(storage, "a", "a-b", "a-c")
    storage.fault("POST", "/batch", break_off())
    with pytest.raises(ActionError, match="a second look found 3 of 3 still there") as caught:
        gcs(storage, f"{HOME}a").run(context(terms=RetryPolicy(attempts=1)))
    assert caught.value.facts["deleted"] == 0


def test_what_a_gateway_says_of_a_part_is_looked_at(storage):
    """What stands behind it may have done its work; the rest of the batch has its answers."""
    fill(storage, "a", "b", "c")
    storage.trouble("%2Fa?", 502)
    with pytest.raises(ActionError) as caught:
        gcs(storage).run(context(terms=RetryPolicy(attempts=1)))
    facts = caught.value.facts
    assert (facts["deleted"], facts["refused"]) == (2, {"no answer, and still there": 1})


def test_folders_that_went_count_when_the_server_goes_away(storage):
    """In the middle of a level of them."""
    storage.add_folder(*(f"{HOME}{name}/" for name in "abcd"))
    storage.trouble("managedFolders/runs%2Ftrain-x7k2p%2Fc", 503, times=100)
    with pytest.raises(Exhausted) as caught:
        gcs(storage, managed_folders=True).run(context(terms=RetryPolicy(attempts=1)))
    facts = caught.value.facts
    assert (facts["found"], facts["deleted"], facts["refused"]) == (4, 2, {})


def test_what_is_gone_after_an_answer_was_lost_is_deleted(storage):
    """The first request is what took it, so that nobody else did."""
    fill(storage, "a", "b")
    storage.fault("POST", "/batch", _deleting(storage, f"{HOME}a", break_off()))
    result = gcs(storage).run(context())
    assert (result.facts["deleted"], result.facts["gone"]) == (2, 0)


def _deleting(storage, name, then):
    def play(exchange):
        storage._remove_live(name)
        then(exchange)

    return play


def test_an_answer_that_lacks_a_part_is_no_deletion(storage):
    """What was not told is asked for again."""
    fill(storage, "a", "b")
    part = "--x\r\nContent-Type: application/http\r\nContent-ID: <response-call-0>\r\n\r\nHTTP/1.1 503 x\r\n\r\n\r\n"
    storage.fault("POST", "/batch", answer(200, f"{part}--x--\r\n", {"Content-Type": "multipart/mixed; boundary=x"}))
    assert gcs(storage).run(context()).facts["deleted"] == 2
    assert storage.names() == []


def test_what_is_no_batch_answer_deletes_nothing(storage):
    """A proxy's page with status 200 is not taken for success."""
    fill(storage, "a")
    storage.fault("POST", "/batch", answer(200, "<html>hello</html>", {"Content-Type": "text/html"}))
    with pytest.raises(ActionError, match="is this Google Cloud Storage") as caught:
        gcs(storage).run(context())
    assert caught.value.facts["deleted"] == 0


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "no listing"),
        ({"kind": "storage#buckets"}, "no listing"),
        ([], "no JSON object"),
        ({"kind": "storage#objects", "items": [{"name": f"{HOME}a", "size": "1"}]}, "lacks a name, a generation"),
        ({"kind": "storage#objects", "items": [{"name": f"{HOME}a", "generation": "x", "size": "1"}]}, "lacks"),
        ({"kind": "storage#objects", "items": {"a": 1}}, "items of the listing"),
        ({"kind": "storage#objects", "items": [{"name": "\ud800", "generation": "1", "size": "1"}]}, "no UTF-8"),
    ],
)
def test_a_listing_that_is_none_is_an_error(storage, body, told):
    """And not an empty folder; without a generation nothing is deleted."""
    storage.fault("GET", "/o?", answer_json(body))
    with pytest.raises(ActionError, match=told):
        gcs(storage).run(context())


def test_names_in_no_order_are_an_error(storage):
    """A listing that goes on after a name would lose some."""
    rows = [{"name": f"{HOME}{one}", "generation": "1", "size": "1"} for one in "ba"]
    storage.fault("GET", "/o?", answer_json({"kind": "storage#objects", "items": rows}))
    with pytest.raises(ActionError, match="no order"):
        gcs(storage).run(context())


def test_a_page_that_leads_to_itself_is_an_error(storage):
    """And not an endless loop."""
    page = {"kind": "storage#objects", "nextPageToken": "x"}
    for _ in range(2):
        storage.fault("GET", "/o?", answer_json(page))
    with pytest.raises(ActionError, match="leads to itself"):
        gcs(storage, versions=True).run(context())


def test_a_bucket_that_is_not_there_is_an_error(storage):
    """And not an empty folder."""
    with pytest.raises(ActionError, match="404 not found: The specified bucket does not exist"):
        gcs(storage, bucket="modells").run(context())


def test_time_that_runs_out_leaves_true_counts(storage):
    """What is left stays until the next run."""
    fill(storage, *(str(number) for number in range(300)))
    ctx = context(terms=RetryPolicy(attempts=1))
    storage.fault("POST", "/batch", _late(ctx, answer(503, "later")))
    with pytest.raises(ActionError) as caught:
        gcs(storage, concurrency=1).run(ctx)
    assert caught.value.facts["complete"] is False
    assert len(storage.names()) == 300 - caught.value.facts["deleted"]


def _late(ctx, then):
    def play(exchange):
        ctx.deadline.clock.advance(1000)
        then(exchange)

    return play


# What is refused before anything is asked, and limits.


@pytest.mark.parametrize("given", ["", "/", " ", "//", "/runs", "runs//x", " / "])
def test_a_prefix_that_means_too_much_is_refused(given):
    """Also one that a template with an empty value became."""
    with pytest.raises(SettingsError):
        gcs(None, given)


@pytest.mark.parametrize("bucket", ["", "gs://models", "models/x", "a", "Models", "a b", "a..b"])
def test_what_is_no_bucket_is_refused(bucket):
    """A URL, a path, or what Google does not name one."""
    with pytest.raises(SettingsError):
        gcs(None, bucket=bucket)


@pytest.mark.parametrize(
    "more",
    [
        {"shards": 2, "versions": True},
        {"shard": "a:b", "managed_folders": True},
        {"shards": 2, "shard": "a:b"},
        {"shard": "b:a"},
        {"shards": 2, "prefixes": ["a/", "b/"]},
        {"credentials_file": "/key.json"},
    ],
)
def test_settings_that_do_not_go_together_are_refused(more):
    """Before anything runs."""
    with pytest.raises(SettingsError):
        gcs(None, **more)


@pytest.mark.parametrize("given", ["runs/other/", f"runs/{NAME}", f"runs/x{NAME}/", "runs/"])
def test_what_is_not_the_workflows_own_is_refused(given):
    """The name is a whole part of the key: without the slash it begins other workflows' names too."""
    with pytest.raises(ConfigError, match="anything: true"):
        gcs(None, given).guard(context())


def test_a_prefix_that_is_no_unicode_finds_nothing(storage):
    """It must not become the prefix of something else."""
    storage.add("runs/?/a", "runs/\ufffd/a")
    assert gcs(storage, "runs/\udcff/", anything=True).run(context()).facts["deleted"] == 0
    assert len(storage.names()) == 2


def test_what_is_shared_goes_if_it_is_said(storage):
    """A folder without the workflow's name."""
    storage.add("shared/a")
    assert gcs(storage, "shared/", anything=True).run(context()).facts["deleted"] == 1


def test_the_limit_holds_exactly(storage):
    """Whatever is under way."""
    fill(storage, *(f"{number:03d}" for number in range(500)))
    with pytest.raises(ActionError, match="more than limit=250"):
        gcs(storage, limit=250).run(context())
    assert len(storage.names()) == 250


def test_evidence_is_kept(storage):
    """A failed run's files stay if that is asked for; nobody is asked anything."""
    fill(storage, "a")
    with pytest.raises(Skip):
        gcs(storage, keep_on=["Failed"]).run(context(workflow=failed_workflow()))
    assert storage.calls == []


def test_the_receipt_lists_what_went(storage, tmp_path):
    """With the bucket, so that it can be found again."""
    fill(storage, "a", "line\nbreak")
    gcs(storage, receipt=str(tmp_path / "gone.ndjson.gz")).run(context())
    lines = gzip.decompress((tmp_path / "gone.ndjson.gz").read_bytes()).decode().splitlines()
    assert [json.loads(line)["deleted"] for line in lines] == [f"gs://models/{HOME}a", f"gs://models/{HOME}line\nbreak"]


# Several pods.


def test_shards_are_printed_and_together_they_are_all(storage, capsys):
    """Ranges of like size, as JSON for withParam; each pod deletes one."""
    storage.page = 50
    fill(storage, *(f"{number:04d}" for number in range(1000)))
    words = ["cleanup", "gcs", "--bucket", "models", "--prefixes", HOME, "--endpoint-url", storage.url, "--anonymous"]
    assert run([*words, "--shards", "4", "--name", NAME]) == 0
    ranges = json.loads(capsys.readouterr().out)
    assert len(ranges) == 4
    assert len(storage.names()) == 1000
    counts = [gcs(storage, shard=one).run(context()).facts["deleted"] for one in ranges]
    assert sum(counts) == 1000
    assert min(counts) >= 200
    assert storage.names() == []


# Who asks, and who pays.


def test_the_requester_pays(storage):
    """Every call names the project, in batches too; without it the error says what to set."""
    storage.payer = "our-project"
    fill(storage, "a")
    with pytest.raises(ActionError, match="say user_project"):
        gcs(storage).run(context())
    assert gcs(storage, user_project="our-project").run(context()).facts["deleted"] == 1
    assert all("userProject=our-project" in path for _, path in storage.calls[1:])


def test_an_emulator_is_found_and_told_no_secret(storage, monkeypatch):
    """STORAGE_EMULATOR_HOST, with a scheme and without; no credentials are looked for."""
    for number, value in enumerate((storage.url, storage.url.removeprefix("http://"), f"{storage.url}/")):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", value)
        fill(storage, str(number))
        result = GCS(bucket="models", prefixes=[HOME]).run(context())
        assert result.facts["deleted"] == 1
    assert not any("authorization" in one.headers for one in storage.requests)


def test_a_token_goes_over_tls_only(tmp_path):
    """Over http to another machine everybody on the way could use it."""
    action = gcs(None, anonymous=False, endpoint_url="http://storage.internal:4443")
    with pytest.raises(ConfigError, match="https only"):
        action.run(context())


def test_a_server_with_its_own_authority(monkeypatch):
    """Its certificate is checked with the file that is given."""
    with ScriptedGCS(tls=True) as storage:
        fill(storage, "a")
        url = storage.url.replace("127.0.0.1", "localhost")
        action = GCS(bucket="models", prefixes=[HOME], endpoint_url=url, ca_file=storage.ca_file, anonymous=True)
        assert action.run(context()).facts["deleted"] == 1


def test_a_redirect_is_not_followed():
    """A token must not go where it was not sent."""
    steps = [answer(301, "", {"Location": "http://127.0.0.1:1/"})]
    with ScriptedHTTP(steps) as server:
        with pytest.raises(ActionError, match="correct endpoint_url"):
            GCS(bucket="models", prefixes=[HOME], endpoint_url=server.url, anonymous=True).run(context())


def test_folders_are_looked_at_again(storage):
    """A folder that went without an answer is deleted, and one that did not is there still."""
    storage.add_folder(*(f"{HOME}{name}/" for name in "ab"))
    step = context()
    with gcs(storage, managed_folders=True).open(step) as sweeper:
        (batch,) = sweeper.find(step)
        assert sweeper.still_there(batch, step, 2) == {*batch.names}
        sweeper.bucket.delete_folder(batch.victims[0])
        assert sweeper.still_there(batch, step, 2) == {batch.names[1]}


def test_a_folder_whose_answer_was_lost_is_deleted(storage):
    """The second try finds nothing, because the first one took it away."""
    storage.add_folder(f"{HOME}a/")
    with gcs(storage, managed_folders=True).open(step := context()) as sweeper:
        (batch,) = sweeper.find(step)
        delete, tries = sweeper.bucket.delete_folder, []

        def lost(folder):
            tries.append(delete(folder))
            if len(tries) == 1:
                raise Retryable("reset", reason="network", doubt=True)
            return tries[-1]

        sweeper.bucket.delete_folder = lost
        assert sweeper.delete(batch, step, 1).gone == []
