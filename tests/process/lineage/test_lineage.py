"""A run as OpenLineage tells of it."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.errors import Skip
from exitkit.process.lineage import Lineage
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer

UID = "0b3c8a52-6d4e-4f7a-9a51-2f6f6d1c7e90"
FAILED = Failures(all=(Failure("fit", "OOMKilled (exit code 137)"),), raw_count=1)
CRON = {"workflows.argoproj.io/cron-workflow": "nightly"}
WORKFLOW = Workflow(name="etl-x7k2p", namespace="ml", uid=UID, status="Failed", failures=FAILED, labels=CRON)
REPOSITORY = {"artifactRepositoryRef": {"artifactRepository": {"s3": {"bucket": "artifacts"}}}}


def events(context, tmp_path, **settings):
    path = tmp_path / "events.jsonl"
    Lineage(path=str(path), **settings).run(context)
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(datasets):
    return [f"{one['namespace']}/{one['name']}" for one in datasets]


def test_a_run_is_told_from_its_start_to_its_end(etl, with_record, tmp_path):
    """One run, whose id is the workflow's, with the times that it had."""
    start, end = events(with_record(etl, WORKFLOW), tmp_path)
    assert (start["eventType"], start["eventTime"]) == ("START", "2026-11-27T03:00:00Z")
    assert (end["eventType"], end["eventTime"]) == ("FAIL", "2026-11-27T03:21:30Z")
    assert start["run"]["runId"] == end["run"]["runId"] == UID
    assert (end["job"]["namespace"], end["job"]["name"]) == ("argo://ml", "nightly")
    assert end["run"]["facets"]["errorMessage"]["message"].startswith("fit: ")
    assert "errorMessage" not in start["run"]["facets"]


@pytest.mark.parametrize(
    "status, more, kind",
    [
        ("Succeeded", {}, "COMPLETE"),
        ("Error", {}, "FAIL"),
        ("Failed", {"labels": {"workflows.argoproj.io/action": "Stop"}}, "ABORT"),
    ],
)
def test_each_end_has_its_word(etl, with_record, tmp_path, status, more, kind):
    """Also that somebody stopped it."""
    workflow = Workflow(**{"name": "etl-x7k2p", "uid": UID, "status": status, **more})
    assert [event["eventType"] for event in events(with_record(etl, workflow), tmp_path, start=False)] == [kind]


def test_a_hook_on_running_tells_of_the_start_alone(etl, with_record, tmp_path):
    """The end comes with the exit handler."""
    workflow = Workflow(name="etl-x7k2p", uid=UID, status="Running")
    assert [event["eventType"] for event in events(with_record(etl, workflow), tmp_path)] == ["START"]


def test_datasets_are_the_artifacts_and_what_the_plan_names(etl, with_record, tmp_path):
    """What one step wrote for another is no input of the run; archived logs are no data."""
    etl["fit"]["inputs"] = {
        "artifacts": [
            {"name": "table", "s3": {"key": "etl-x7k2p/score0.parquet"}},
            {"name": "raw", "gcs": {"bucket": "landing", "key": "day/1.csv"}},
        ]
    }
    etl["extract1"]["outputs"] = {"artifacts": [{"name": "main-logs", "s3": {"key": "x/main.log"}}]}
    end = events(
        with_record(etl, WORKFLOW, **REPOSITORY), tmp_path, reads=["s3://lake/users"], writes=["bigquery://x/y.z"]
    )[-1]
    assert names(end["inputs"]) == ["s3://lake/users", "gs://landing/day/1.csv"]
    assert names(end["outputs"]) == [
        "bigquery://x/y.z",
        *(f"s3://artifacts/etl-x7k2p/score{i}.parquet" for i in range(4)),
    ]


def test_every_facet_says_who_made_it_and_what_it_is(etl, with_record, tmp_path):
    """As the specification wants of each."""
    workflow = Workflow(
        name="a", uid=UID, status="Failed", failures=FAILED, scheduled_time=datetime(2026, 11, 27, tzinfo=UTC)
    )
    end = events(with_record(etl, workflow), tmp_path)[-1]
    facets = [*end["run"]["facets"].values(), *end["job"]["facets"].values()]
    assert len(facets) == 4
    for facet in facets:
        assert facet["_producer"].startswith("urn:argo-exitkit:") and facet["_schemaURL"].startswith(
            "https://openlineage.io/spec/"
        )
    assert end["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-11-27T00:00:00Z"


def test_a_uid_that_is_no_uuid_becomes_one(etl, with_record, tmp_path):
    """The specification takes no other id, and the same each time."""
    ids = {
        events(with_record(etl, Workflow(uid="run-7", status="Succeeded")), tmp_path)[0]["run"]["runId"]
        for _ in range(2)
    }
    assert len(ids) == 1 and uuid.UUID(ids.pop())


def test_events_are_posted_one_by_one(etl, with_record):
    """To Marquez's path, where the URL has none."""
    with ScriptedHTTP([answer(201)] * 2) as server:
        result = Lineage(url=server.url, bearer="t0psecret-token").run(with_record(etl, WORKFLOW))
    assert [request.path for request in server.requests] == ["/api/v1/lineage"] * 2
    assert server.requests[0].headers["authorization"] == "Bearer t0psecret-token"
    assert result.facts["events"] == ["START", "FAIL"]


def test_a_run_without_an_id_is_skipped(etl, with_record, tmp_path):
    """It could be told apart from no other."""
    with pytest.raises(Skip):
        events(with_record(etl, Workflow(status="Failed")), tmp_path)
