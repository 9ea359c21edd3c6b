"""A bucket of Google Cloud Storage, asked."""

import pytest

from exitkit.clients.gcp import GoogleAccess
from exitkit.clients.gcs import GCSBucket, name_of, under
from exitkit.clients.gcs.json import About, ManagedFolder, Object
from exitkit.clients.gcs.request import GCSOptions
from exitkit.clients.objects import NoSuchObject
from exitkit.errors import ActionError, Retryable
from exitkit.testing import ScriptedHTTP
from exitkit.testing.gcs import ScriptedGCS
from exitkit.testing.http import answer, answer_json


@pytest.fixture
def storage():
    with ScriptedGCS() as server:
        yield server


@pytest.fixture
def bucket(storage):
    made = GCSBucket("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url=storage.url))
    yield made
    made.close()


def test_a_page_goes_on_after_a_name(storage, bucket):
    """Google begins with the name itself, which has been seen; where it is gone, nothing is left out."""
    storage.add("a/1", "a/2", "a/3", "b")
    assert bucket.page("a/", "a/1").keys == ["a/2", "a/3"]
    assert bucket.page("a/", "a/15").keys == ["a/2", "a/3"]
    assert bucket.page("a/", "a/3").keys == []


def test_a_page_that_holds_only_the_name_it_began_with_leads_on(storage, bucket):
    """By its token, since there is no key to go on from."""
    storage.add("a/1", "a/2")
    storage.page = 1
    page = bucket.page("a/", "a/1")
    assert (page.keys, page.more) == ([], True)
    assert bucket.page("a/", "a/1", token=page.token).keys == ["a/2"]


def test_a_listing_of_generations_begins_at_a_name_with_all_of_them(storage, bucket):
    """Of which some may not have been seen."""
    storage.settings = {"versioning": {"enabled": True}}
    storage.add("a/1", "a/1")
    assert bucket.page("a/", "a/1", versions=True).keys == ["a/1", "a/1"]


def test_what_became_of_each_is_told(storage, bucket):
    """Deleted, gone, replaced, kept, and to be tried again; whatever the order of the answers."""
    old = storage.add("a")
    new = storage.add("a")
    held = storage.add("held", temporaryHold=True)
    plain = storage.add("plain")
    busy = storage.add("busy")
    storage.trouble("/o/busy", 503, "backendError", "later", headers={"Retry-After": "4"})
    victims = [
        Object("a", old),
        Object("held", held),
        Object("plain", plain),
        Object("busy", busy),
        Object("none", "1"),
    ]
    done = bucket.delete(victims)
    assert {one.name: one.reason for one in done.refused} == {
        "a": "replaced meanwhile",
        "held": "under a temporary hold",
    }
    assert (list(done.gone), done.after, done.slow) == (["none"], 4, True)
    assert done.later == {Object("busy", busy): "503 service unavailable: later"}
    assert storage.names() == ["a", "busy", "held"]
    assert bucket.delete([Object("a", new)]).refused == []


def test_a_generation_goes_for_good(storage, bucket):
    """Also the live one of a versioned bucket, and never another one."""
    storage.settings = {"versioning": {"enabled": True}}
    first, second = storage.add("a"), storage.add("a")
    bucket.delete([Object("a", first, pinned=True)])
    assert storage.names(versions=True) == ["a"]
    assert bucket.delete([Object("a", first, pinned=True)]).gone == [f"a#{first}"]
    bucket.delete([Object("a", second, pinned=True)])
    assert storage.names(versions=True) == []


@pytest.mark.parametrize(
    ("reason", "message", "told"),
    [
        ("forbidden", "Object 'b/o' is under active Temporary hold and cannot be deleted", "under a temporary hold"),
        ("forbidden", "Object 'b/o' is under active Event-Based hold and cannot", "under an event-based hold"),
        ("objectUnderActiveHold", "Object replacement or deletion is not allowed", "under a hold"),
        ("retentionPolicyNotMet", "cannot be deleted until 2026-12-01T00:00:00Z", "under a retention policy"),
        ("forbidden", "x does not have storage.objects.delete access", "a right is missing"),
        ("accountDisabled", "The account is disabled", "403 forbidden: The account is disabled"),
    ],
)
def test_why_an_object_may_not_go_is_told_by_its_kind(storage, bucket, reason, message, told):
    """The words differ from object to object, and a hold has the reason of a missing right."""
    storage.add("a")
    storage.trouble("/o/a", 403, reason, message)
    (refusal,) = bucket.delete([Object("a", "1")]).refused
    assert told in refusal.reason


def test_settings_are_read_as_far_as_they_are_told(storage, bucket):
    """One request, with a mask."""
    assert bucket.about() == About()
    storage.settings = {
        "softDeletePolicy": {"retentionDurationSeconds": "3600"},
        "versioning": {"enabled": True},
        "hierarchicalNamespace": {"enabled": True},
        "name": "models",
    }
    assert bucket.about() == About(3600, versioned=True, hierarchical=True)
    storage.settings = {"softDeletePolicy": [], "versioning": "x", "hierarchicalNamespace": {"enabled": False}}
    assert bucket.about() == About()


def test_managed_folders_are_listed_and_deleted(storage, bucket):
    """By their metageneration; one that is not empty is told, one that is gone is fine."""
    storage.add_folder("a/", "a/b/", "c/")
    folders, token = bucket.folders("a/")
    assert (folders, token) == (
        [ManagedFolder("a/", "1", "2026-08-21T12:00:00"), ManagedFolder("a/b/", "1", "2026-08-21T12:00:00")],
        "",
    )
    with pytest.raises(ActionError, match=r"^not empty$"):
        bucket.delete_folder(folders[0])
    assert bucket.delete_folder(folders[1]) is True
    assert bucket.delete_folder(folders[1]) is False
    storage.trouble("managedFolders", 403, "forbidden", "no right")
    with pytest.raises(ActionError, match="403 forbidden: no right"):
        bucket.delete_folder(folders[0])


def test_names_in_a_report_are_those_of_googles_tools():
    """A generation after a number sign."""
    assert name_of(Object("a", "1")) == "a"
    assert name_of(Object("a", "1", pinned=True)) == "a#1"
    assert name_of(ManagedFolder("a/")) == "a/"
    assert (under("hold"), under("event-based hold")) == ("under a hold", "under an event-based hold")


def object_answer(name, status=200, generation="7"):
    return answer_json({"kind": "storage#object", "name": name, "generation": generation}, status)


@pytest.fixture
def scripted():
    def make(*steps):
        server = ScriptedHTTP(steps)
        return server, lambda: GCSBucket("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url=server.url))

    return make


def test_an_object_is_read_with_its_generation(scripted):
    """By which alone it is replaced; one that is not there has an error of its own."""
    media = answer(200, b"abc", {"x-goog-generation": "7"})
    server, place = scripted(media, object_answer("a/b"), answer(412, b"{}"), answer(404, b"{}"), answer(204))
    with server:
        found = place().get("a/b", limit=10)
        assert (found.body, found.version, found.truncated) == (b"abc", "7", False)
        assert place().replace("a/b", b"x", "7") == "7"
        assert place().replace("a/b", b"x", "7") == ""
        with pytest.raises(NoSuchObject):
            place().get("a/b", limit=10)
        place().remove("a/b")
    paths = [one.path for one in server.requests]
    assert paths[0] == "/storage/v1/b/models/o/a%2Fb?alt=media"
    assert paths[1] == "/upload/storage/v1/b/models/o?uploadType=media&name=a%2Fb&ifGenerationMatch=7"


@pytest.mark.parametrize(
    ("request_of", "kind"),
    [
        (lambda place: place.put("k", b"x"), Retryable),
        (lambda place: place.add("k", b"x"), Retryable),
        (lambda place: place.get("k", limit=10), Retryable),
        (lambda place: place.remove("k"), ActionError),
        (lambda place: place.page(""), ActionError),
    ],
    ids=["put", "add", "get", "remove", "page"],
)
def test_a_page_of_html_is_no_success(scripted, request_of, kind):
    """What stands between here and Google answers 200 to everything; nothing counts as done by that."""
    server, place = scripted(answer(200, "<html>guest network</html>"))
    with server, pytest.raises(kind):
        request_of(place())


def test_another_objects_confirmation_is_none(scripted):
    """The name that comes back is the one that was written."""
    server, place = scripted(object_answer("other"))
    with server, pytest.raises(Retryable, match="without the object"):
        place().put("k", b"x")


def test_a_level_has_folders_and_names(storage, bucket):
    """Of what stands right below the prefix, however much is in a folder."""
    storage.add("p/a/1", "p/a/2", "p/b/c/1", "p/x", "q/y")
    level = bucket.level("p/")
    assert (level.folders, level.keys, level.token) == (["p/a/", "p/b/"], ["p/x"], "")


def test_a_level_whose_folders_are_none_is_refused():
    """As an answer of something else than Google's."""
    with ScriptedHTTP([answer_json({"kind": "storage#objects", "prefixes": [1]})]) as server:
        made = GCSBucket("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url=server.url))
        with pytest.raises(ActionError, match="folders"):
            made.level("p/")
        made.close()
