"""cleanup.gcs against fake-gcs-fake_gcs, which is not Google's but was written by somebody else.

What it has of its own: a deletion in it heeds no condition, so that what was replaced is deleted too; a mask
of fields, holds, retention and soft delete are unknown to it; and a listing's order is that of names alone,
with generations as they come.
"""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from exitkit.cleanup.gcs import GCS
from exitkit.errors import ActionError
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.testing import context

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
HOME = f"runs/{NAME}/"
ODD = ["a b+c%2F", "<&\"'>", "ünï/👍", "tab\there", "{{x}}", "?generation=1", "#5", "a//b", "line\nbreak"]


class Storage:
    """The fake_gcs, asked by hand."""

    def __init__(self, url, bucket, *, versioned=False):
        self.url, self.bucket = url, bucket
        versioning = "true" if versioned else "false"
        self._ask("POST", "/storage/v1/b", f'{{"name": "{bucket}", "versioning": {{"enabled": {versioning}}}}}')

    def add(self, *names):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._upload, names))

    def names(self, *, versions=False):
        found = json.loads(self._ask("GET", f"/storage/v1/b/{self.bucket}/o?versions={str(versions).lower()}"))
        return [one["name"] for one in found.get("items", [])]

    def _upload(self, name):
        path = f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={quote(name, safe='')}"
        self._ask("POST", path, "12345")

    def _ask(self, method, path, body=""):
        request = urllib.request.Request(f"{self.url}{path}", body.encode() or None, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()


@pytest.fixture
def storage(fake_gcs, request, monkeypatch):
    """A new bucket, which is found as an emulator's."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs)
    name = "".join(one if one.isalnum() else "-" for one in request.node.name.lower())[:60].strip("-")
    return Storage(fake_gcs, name)


def gcs(storage, *prefixes, **more):
    return GCS(bucket=storage.bucket, prefixes=list(prefixes or (HOME,)), **more)


def ours():
    """Real time, and no patience beyond it."""
    return context(clock=Clock(), seconds=120, terms=RetryPolicy(attempts=3))


def test_a_prefix_of_several_pages_goes_and_its_neighbours_stay(storage):
    """2500 objects over folders; counts and bytes are exact, and a second run finds nothing."""
    storage.add(*(f"{HOME}{number % 7}/{number:05d}" for number in range(2500)), f"runs/{NAME}-2/a", "runs/b")
    rehearsed = gcs(storage).run(context(dry_run=True))
    assert (rehearsed.facts["found"], len(storage.names())) == (2500, 2502)
    result = gcs(storage).run(ours())
    assert (result.facts["deleted"], result.facts["bytes"]) == (2500, 12500)
    assert storage.names() == ["runs/b", f"runs/{NAME}-2/a"]
    assert gcs(storage).run(ours()).summary == "nothing to delete"


def test_names_of_every_kind_go(storage):
    """Through another one's reading of URLs and of multipart."""
    storage.add(*(f"{HOME}{one}" for one in ODD))
    assert gcs(storage).run(ours()).facts["deleted"] == len(ODD)
    assert storage.names() == []


def test_shards_together_are_all(storage):
    """Each range of names is deleted by itself."""
    storage.add(*(f"{HOME}{number:05d}" for number in range(2200)))
    shards = gcs(storage, shards=3).run(ours()).facts["shards"]
    counts = [gcs(storage, shard=one).run(ours()).facts["deleted"] for one in shards]
    assert sum(counts) == 2200
    assert len(counts) >= 2
    assert storage.names() == []


def test_a_bucket_that_is_not_there_is_an_error(storage):
    """And not an empty folder."""
    with pytest.raises(ActionError, match="404"):
        GCS(bucket="not-there", prefixes=[HOME]).run(ours())


def test_generations_go(fake_gcs, monkeypatch):
    """Nothing is left in a versioned bucket; without versions the live ones become noncurrent."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs)
    storage = Storage(fake_gcs, "versioned", versioned=True)
    storage.add(f"{HOME}a", f"{HOME}b")
    storage.add(f"{HOME}a")
    result = gcs(storage).run(ours())
    assert result.facts["deleted"] == 2
    assert "noncurrent versions" in result.notes[0]
    assert storage.names(versions=True) == [f"{HOME}a", f"{HOME}a", f"{HOME}b"]
    assert gcs(storage, versions=True).run(ours()).facts["deleted"] == 3
    assert storage.names(versions=True) == []
