"""The server that plays Google Cloud Storage: what it refuses is what the real one refuses."""

import pytest

from exitkit.clients.http import request
from exitkit.testing.gcs import ScriptedGCS
from exitkit.testing.http import answer

API = "/storage/v1/b/models"


@pytest.fixture
def storage():
    with ScriptedGCS() as server:
        yield server


def ask(storage, path, method="GET", token=""):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return request(method, f"{storage.url}{path}", what="test", headers=headers, limit=1 << 20)


def reason(response):
    return response.status, response.json()["error"]["errors"][0]["reason"]


def test_a_listing_has_an_order_pages_and_a_mask(storage):
    """By the bytes of names, from the offset on, with what the mask lets through."""
    storage.add("b", "a", "é", "z")
    assert [one["name"] for one in ask(storage, f"{API}/o").json()["items"]] == ["a", "b", "z", "é"]
    page = ask(storage, f"{API}/o?maxResults=1&startOffset=b&fields=nextPageToken,items(name)").json()
    assert page["items"] == [{"name": "b"}]
    assert set(page) == {"items", "nextPageToken"}


def test_an_object_goes_only_by_its_generation(storage):
    """A condition that fails is a 412, and nothing to delete is a 404."""
    number = storage.add("a")
    assert reason(ask(storage, f"{API}/o/a?ifGenerationMatch=1", "DELETE")) == (412, "conditionNotMet")
    assert ask(storage, f"{API}/o/a?ifGenerationMatch={number}", "DELETE").status == 204
    assert reason(ask(storage, f"{API}/o/a", "DELETE")) == (404, "notFound")


def test_holds_and_retention_refuse_with_the_real_ones_reasons(storage):
    """A hold with that of a missing right; a failed condition comes before either."""
    number = storage.add("held", temporaryHold=True)
    storage.add("kept", retentionExpirationTime="2099-01-01T00:00:00Z")
    assert reason(ask(storage, f"{API}/o/held?ifGenerationMatch={number}", "DELETE")) == (403, "forbidden")
    assert reason(ask(storage, f"{API}/o/held?ifGenerationMatch=1", "DELETE")) == (412, "conditionNotMet")
    assert reason(ask(storage, f"{API}/o/kept", "DELETE")) == (403, "retentionPolicyNotMet")


def test_a_versioned_bucket_keeps_what_went(storage):
    """Until its generation is named."""
    storage.settings = {"versioning": {"enabled": True}}
    number = storage.add("a")
    ask(storage, f"{API}/o/a", "DELETE")
    assert (storage.names(), storage.names(versions=True)) == ([], ["a"])
    assert ask(storage, f"{API}/o/a?generation={number}", "DELETE").status == 204
    assert storage.names(versions=True) == []


def test_tokens_payers_and_rights(storage):
    """As far as it was told of them."""
    storage.tokens = {"good"}
    assert reason(ask(storage, f"{API}/o")) == (401, "authError")
    assert ask(storage, f"{API}/o", token="good").status == 200
    storage.payer = "p"
    assert reason(ask(storage, f"{API}/o", token="good")) == (400, "required")
    storage.settings = None
    assert reason(ask(storage, f"{API}?userProject=p", token="good")) == (403, "forbidden")


def test_faults_are_played_once_and_troubles_as_often_as_told(storage):
    """A fault is a whole answer, a trouble that of one call."""
    storage.fault("GET", "/o", answer(500, "oops"))
    storage.trouble("/o", 429, "rateLimitExceeded", "slow", times=2)
    assert [ask(storage, f"{API}/o").status for _ in range(4)] == [500, 429, 429, 200]


def test_what_it_does_not_know_is_not_there(storage):
    """Another bucket, another call."""
    for path in ("/storage/v1/b/other/o", f"{API}/acl", "/upload/storage/v1/b/models/o"):
        assert ask(storage, path).status == 404
