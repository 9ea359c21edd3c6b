"""How a cleanup goes through a bucket of Google's."""

import threading

import pytest

from exitkit.cleanup.buckets.listing import Span
from exitkit.cleanup.gcs import GCS
from exitkit.cleanup.gcs.sweeper import GCSBatch, GCSSweeper
from exitkit.clients.gcp import GoogleAccess
from exitkit.clients.gcs import GCSBucket
from exitkit.clients.gcs.json import Object
from exitkit.clients.gcs.request import GCSOptions
from exitkit.retry.clock import Clock
from exitkit.testing import context
from exitkit.testing.gcs import ScriptedGCS
from exitkit.testing.http import answer


@pytest.fixture
def storage():
    with ScriptedGCS() as server:
        yield server


@pytest.fixture
def sweep(storage):
    bucket = GCSBucket("models", GoogleAccess(anonymous=True), GCSOptions(endpoint_url=storage.url))
    settings = GCS(bucket="models", prefixes=["runs/train-x7k2p/"], concurrency=32)
    yield GCSSweeper(settings, bucket, context())
    bucket.close()


def deleted(sweep, *names):
    objects = [Object(name, "1") for name in names]
    return sweep.delete(GCSBatch(objects, [1] * len(objects), "gs://models/"), sweep.context, len(objects))


@pytest.mark.parametrize("status", [429, 503, 408])
def test_a_word_to_be_slower_slows_all_down(storage, sweep, status):
    """Also where only a part of a batch got it, whose own status is 200; and it is no failed try."""
    for _ in range(7):
        storage.trouble("/o/", status, "rateLimitExceeded", "slow down")
    done = deleted(sweep, "a", "b")
    assert (sorted(done.gone), done.refused) == (["a", "b"], [])
    assert sweep.throttle.rate is not None


@pytest.mark.parametrize("status", [429, 503, 408])
def test_a_batch_that_was_too_fast_as_a_whole_is_waited_for(storage, sweep, status):
    """As long as there is time: nothing of it was done."""
    for _ in range(7):
        storage.fault("POST", "/batch", answer(status, "later"))
    assert deleted(sweep, "a").gone == ["a"]
    assert sum(sweep.clock.slept) > 10


def test_a_failure_that_is_no_word_to_be_slower_slows_nothing(storage, sweep):
    """A server's error is not about the pace."""
    storage.trouble("/o/", 500, "internalError", "oops")
    deleted(sweep, "a")
    assert sweep.throttle.rate is None


@pytest.mark.parametrize("worth", [0.0, 1000.0])
def test_every_object_is_told_once_however_its_listing_is_split(storage, sweep, monkeypatch, worth):
    """Names that differ early and late, and pages that are cut where another range begins."""
    monkeypatch.setattr("exitkit.cleanup.buckets.listing._WORTH", worth)  # seconds from which on a listing is split
    storage.page = 7
    names = {f"runs/train-x7k2p/{a}/{b:02x}/{c}" for a in "aé👍0" for b in range(0, 256, 16) for c in "xy"}
    storage.add(*names)
    found = [key for page in sweep.pages(Span("runs/train-x7k2p/")) for key in page.keys]
    assert sorted(found) == sorted(names)
    unneeded = len(storage.calls) - len(names) // storage.page - 1  # requests beyond those of a plain listing
    assert (unneeded > 10) == (worth == 0)


def test_each_object_goes_with_the_generation_that_it_was_listed_with(storage, sweep):
    """Also where its page was cut short, at the end of a shard."""
    numbers = {storage.add(f"runs/train-x7k2p/{one}"): f"runs/train-x7k2p/{one}" for one in "abcdef"}
    (page,) = sweep.pages(Span("runs/train-x7k2p/", "runs/train-x7k2p/a", "runs/train-x7k2p/d"))
    (batch,) = sweep._picked(page, "runs/train-x7k2p/")
    assert [(one.name[-1], numbers[one.generation][-1]) for one in batch.victims] == [
        ("b", "b"),
        ("c", "c"),
        ("d", "d"),
    ]


def test_folders_wait_for_what_is_being_deleted(storage, sweep):
    """A folder is asked for only when its objects are gone, or it would not be empty."""
    settings = GCS(bucket="models", prefixes=["runs/train-x7k2p/"], managed_folders=True)
    sweep = GCSSweeper(settings, sweep.bucket, context(clock=Clock()))
    storage.add("runs/train-x7k2p/a/x")
    storage.add_folder("runs/train-x7k2p/a/")
    found = sweep.find(sweep.context)
    objects = next(found)
    folders = []
    waiting = threading.Thread(target=lambda: folders.append(next(found)))
    waiting.start()
    waiting.join(0.05)
    assert folders == []
    sweep.delete(objects, sweep.context, 1)
    waiting.join(5)
    assert folders[0].names == ["runs/train-x7k2p/a/"]
