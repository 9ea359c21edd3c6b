"""What a run was made from: kept within bounds and without secrets, and compared with what the last success was."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo import record as records
from exitkit.argo.workflow import Workflow
from exitkit.history.ends import End, Ends, Success, decode, encode
from exitkit.history.provenance import ROOM, Provenance, pool_of, provenance, shown, split_image
from exitkit.text import redact

RECORDS = Path(__file__).parents[1] / "data/records"
SERIES = "ml/cron/nightly"
DIGEST = "sha256:" + "ab12" * 16


def made(image="reg.io:5000/ranker:1.4", args="fit", host="gke-ml-pool-a-0123abcd-x9z1", parameters=None, **more):
    """A record of one step `fit`, and the workflow that it tells of."""
    document = {
        "kind": "Workflow",
        "metadata": {"name": "w"},
        "spec": {
            "templates": [{"name": "fit", "container": {"image": image, "args": [args]}, **more}],
            "arguments": {"parameters": [{"name": k, "value": v} for k, v in (parameters or {}).items()]},
        },
        "status": {
            "nodes": {
                "w-1": {
                    "id": "w-1",
                    "name": "w.fit",
                    "type": "Pod",
                    "templateName": "fit",
                    "hostNodeName": host,
                    "inputs": {"parameters": [{"name": "tag", "value": "7"}]},
                }
            }
        },
    }
    return provenance(Workflow(parameters=parameters or {}), records.read(document), SERIES)


def changes(before, after):
    return [str(change) for change in after.changes(before)]


@pytest.mark.parametrize(
    "before, after, told",
    [
        ({}, {}, []),
        ({}, {"image": "reg.io:5000/ranker:1.5"}, ["image ranker 1.4 → 1.5"]),
        ({}, {"image": f"reg.io:5000/ranker@{DIGEST}"}, ["image ranker 1.4 → @sha256:ab12ab12ab12"]),
        ({"image": "ranker:{{inputs.parameters.tag}}"}, {"image": "ranker:8"}, ["image ranker 7 → 8"]),
        ({"image": "a/x:1"}, {"image": "b/y:1"}, ["image y is new (1)"]),
        ({}, {"args": "fit --fast"}, ["template fit"]),
        ({}, {"host": "gke-ml-pool-b-0123abcd-x9z1"}, ["node pool of fit ml-pool-a → ml-pool-b"]),
        ({}, {"host": "gke-ml-pool-a-99999999-qqqq"}, []),
        ({}, {"host": ""}, []),
        ({"parameters": {"lr": "0.1"}}, {"parameters": {"lr": "0.2"}}, ["parameter lr 0.1 → 0.2"]),
        ({"parameters": {"lr": "0.1"}}, {"parameters": {}}, ["parameter lr is gone (0.1)"]),
        ({"parameters": {}}, {"parameters": {"lr": "0.1"}}, ["parameter lr is new (0.1)"]),
    ],
    ids=str,
)
def test_what_is_another_is_told(before, after, told):
    """Images by their tag or digest, parameters by value, templates, and the pool that a node's name tells."""
    assert changes(made(**before), made(**after)) == told


def test_a_record_that_lacks_changes_nothing():
    """Without it nobody knows of images and templates, and none is told as new or gone."""
    without = provenance(Workflow(parameters={"lr": "0.2"}), None, SERIES)
    assert changes(made(parameters={"lr": "0.1"}), without) == ["parameter lr 0.1 → 0.2"]
    assert changes(without, made(parameters={"lr": "0.1"})) == ["parameter lr 0.2 → 0.1"]
    assert changes(provenance(Workflow(), None, SERIES), made(parameters={"lr": "1"})) == []


def test_another_exitkit_is_a_change_too():
    """The message may be another for that alone."""
    other = Provenance({"exitkit": {"version": made().traits["exitkit"]["version"]._replace(hash="0", shown="0.0.9")}})
    assert [str(change).partition(" → ")[0] for change in made().changes(other)] == ["exitkit 0.0.9"]


SECRETS = {
    "api_token": "hunter2",
    "url": "postgres://me:hunter2@db/x",
    "note": "known-secret-42",
    "key": "AKIAIOSFODNN7EXAMPLE",
    "blob": "x" * 41,
    "free": "a b",
}


def test_no_value_that_may_be_a_secret_is_kept():
    """By its name, by its look, or because it is one: a hash stays, short enough to fit thousands of guesses."""
    with redact.forget_all():
        redact.remember("known-secret-42")
        kept = made(parameters=SECRETS)
        text = json.dumps(kept.dump())
        assert [value for value in SECRETS.values() if value in text] == []
        assert {len(trait.hash) for trait in kept.traits["parameter"].values()} == {4}
        told = changes(made(parameters=SECRETS | {"api_token": "other"}), kept)
    assert told == ["parameter api_token"]


@pytest.mark.parametrize("value", ["0.1", "2026-08-20", "true", "s3://bucket/data/2026", "ranker", "", "nightly,eu"])
def test_what_is_short_and_plain_is_shown(value):
    """As people write parameters."""
    assert shown("lr", value) == value


def test_what_changes_each_time_is_told_last_and_not_in_a_line():
    """A nightly run's date is no news."""
    first, second = made(parameters={"date": "1", "lr": "0.1"}), made(parameters={"date": "2", "lr": "0.1"})
    now = made(parameters={"date": "3", "lr": "0.2"}).changes(second.after(first))
    assert [(str(change), change.is_usual) for change in now] == [
        ("parameter lr 0.1 → 0.2", False),
        ("parameter date 2 → 3", True),
    ]


@settings(max_examples=20)
@given(st.dictionaries(st.text(max_size=300), st.text(max_size=60), max_size=300))
def test_it_stays_within_its_bytes_and_comes_back(parameters):
    """Whatever names and values hold; what is left out is told neither as new nor as gone."""
    kept = provenance(Workflow(parameters=parameters), None, SERIES)
    assert len(json.dumps(kept.dump())) <= sum(ROOM.values()) + 200
    assert Provenance.load(json.loads(json.dumps(kept.dump()))) == kept
    assert kept.changes(kept) == ()


def test_the_kinds_that_are_cut_tell_nothing_new():
    """Of a thousand parameters only those that are kept are compared."""
    many = {f"p{n:04}": "1" for n in range(1000)}
    kept = provenance(Workflow(parameters=many), None, SERIES)
    assert kept.cut == {"parameter"}
    assert changes(kept, provenance(Workflow(parameters={**many, "a": "1"}), None, SERIES)) == []
    assert changes(kept, provenance(Workflow(parameters={**many, "p0001": "2"}), None, SERIES)) == [
        "parameter p0001 1 → 2"
    ]


def success(at, parameters):
    return Success(float(at), f"id-{at}", f"w{at}", provenance(Workflow(parameters=parameters), None, SERIES))


def test_the_latest_success_stays_whoever_writes_when():
    """Of two that end at once the later one; it is written and read as it was."""
    ends = Ends().with_end(End(1.0, "id-1", "Succeeded")).with_success(success(2, {"a": "2"}))
    assert ends.with_success(success(1, {"a": "1"})) == ends
    later = ends.with_success(success(3, {"a": "3"}))
    assert later.success.provenance.often == {("parameter", "a")}
    assert decode(encode(later, SERIES), SERIES) == later


@pytest.mark.parametrize(
    "damage", [7, [], [1.0, "id", "w", {}], [1.0, "id", "w", {"traits": {"a": 1}}], ["x"] * 4], ids=str
)
def test_a_damaged_one_costs_no_end(damage):
    """Nothing is compared then."""
    value = json.loads(encode(Ends().with_end(End(1.0, "id-1", "Failed")), SERIES))
    there = decode(json.dumps({**value, "success": damage}).encode(), SERIES)
    assert isinstance(there, Ends)
    assert (len(there.each), there.success) == (1, None)


@pytest.mark.parametrize(
    "image, parts",
    [
        ("busybox", ("busybox", "latest")),
        ("reg:5000/a/b", ("reg:5000/a/b", "latest")),
        ("reg:5000/a/b:1", ("reg:5000/a/b", "1")),
        (f"a:1@{DIGEST}", ("a", "1@sha256:ab12ab12ab12")),
        ("", ("", "latest")),
    ],
)
def test_an_image_is_a_name_and_a_version(image, parts):
    """A registry's port is no tag."""
    assert split_image(image) == parts


def test_pools_are_told_by_names_of_nodes():
    """GKE's and AKS'; other clouds' names tell none."""
    hosts = ("gke-ml-pool-a-0123abcd-x9z1", "aks-gpu1-12345678-vmss00000a", "ip-10-0-1-2.ec2.internal", "")
    assert [pool_of(records.Node({"hostNodeName": host})) for host in hosts] == ["ml-pool-a", "gpu1", "", ""]


def test_recorded_workflows_are_unlike_themselves_in_nothing():
    """Each shape that Argo writes, compared with itself."""
    for shape in ("steps", "dag", "retries", "containerset", "templateref", "loops"):
        record = records.read(json.loads((RECORDS / f"{shape}.json").read_text("utf-8")))
        kept = provenance(Workflow(), record, SERIES)
        assert set(kept.traits["image"]) == {"busybox"}
        assert kept.changes(replace(kept)) == ()
