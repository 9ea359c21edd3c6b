"""What ship.s3 keeps, and that it keeps it once."""

import gzip
import json

import pytest

from exitkit.errors import ActionError
from exitkit.settings import SettingsError, load
from exitkit.ship.s3 import S3
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer


@pytest.fixture
def client(aws):
    made = aws("s3")
    made.create_bucket(Bucket="logs")
    return made


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text("".join(f"line {number} {'x' * 200}\n" for number in range(30_000)))
    return str(tmp_path / "log")


def s3(tmp_path, *names, **more):
    given = {
        "bucket": "logs",
        "prefix": "runs/w/",
        "from": list(names) or ["status"],
        "dead_letter": str(tmp_path / "dead"),
    }
    return load(S3, {**given, **more}, {}, "X_")


def objects(client):
    return {one["Key"]: one["ETag"] for one in client.list_objects_v2(Bucket="logs").get("Contents", [])}


def lines(client, key):
    data = client.get_object(Bucket="logs", Key=key)["Body"].read()
    return [json.loads(line) for line in gzip.decompress(data).splitlines()]


def test_each_batch_is_an_object_and_the_manifest_lists_them(client, tmp_path, log):
    """In the order of their names all lines are there, once."""
    result = s3(tmp_path, "status", log).run(context())
    found = objects(client)
    manifest = json.loads(client.get_object(Bucket="logs", Key="runs/w/manifest.json")["Body"].read())
    assert sorted(found) == sorted([*(one["key"] for one in manifest["objects"]), "runs/w/manifest.json"])
    assert sum(one["records"] for one in manifest["objects"]) == result.facts["accepted"]
    kept = [record for one in manifest["objects"] if one["source"] == log for record in lines(client, one["key"])]
    assert [one["message"].split()[1] for one in kept] == [str(number) for number in range(30_000)]
    assert len({one["id"] for one in kept}) == 30_000


def test_a_second_run_writes_nothing_again(client, tmp_path, log):
    """The same names, which are there already; also where the log came in other pieces."""
    s3(tmp_path, "status", log).run(context())
    before = objects(client)
    result = s3(tmp_path, "status", log).run(context())
    assert result.duplicate
    assert result.facts["duplicate"] == result.facts["read"]
    assert objects(client) == before


def test_one_at_a_time_or_many_make_the_same(client, tmp_path, log):
    """Names hang on what is in them."""
    s3(tmp_path, log, concurrency=1).run(context())
    before = objects(client)
    assert s3(tmp_path, log, concurrency=8).run(context()).duplicate
    assert objects(client) == before


def test_the_condition_is_sent_and_its_answers_understood(account, tmp_path):
    """412 is there already, 409 a conflict to try again."""
    conflict = answer(409, "<Error><Code>ConditionalRequestConflict</Code></Error>")
    there = answer(412, "<Error><Code>PreconditionFailed</Code></Error>")
    with ScriptedHTTP([conflict, there, answer(200, headers={"ETag": '"e1"'})]) as server:
        (tmp_path / "log").write_text("a\n")
        result = s3(tmp_path, str(tmp_path / "log"), endpoint_url=server.url).run(context())
    assert result.facts["duplicate"] == 1
    assert [one.headers.get("if-none-match") for one in server.requests] == ["*", "*", None]


def test_who_may_not_write_is_told(account, tmp_path):
    """And there is no manifest of nothing."""
    with ScriptedHTTP([answer(403, "<Error><Code>AccessDenied</Code></Error>")]) as server:
        with pytest.raises(ActionError, match="AccessDenied") as told:
            s3(tmp_path, endpoint_url=server.url, concurrency=1).run(context())
    assert told.value.facts["accepted"] == 0


@pytest.mark.parametrize(
    "more", [{"prefix": ""}, {"prefix": "/"}, {"prefix": "a"}, {"prefix": "a//"}, {"bucket": "s3://x"}]
)
def test_places_that_cannot_be(tmp_path, more):
    """As a template leaves them."""
    with pytest.raises(SettingsError):
        s3(tmp_path, **more)


@pytest.mark.parametrize("status", [400, 501])
def test_a_server_without_conditions_has_it_all_the_same(account, tmp_path, status):
    """It is asked once whether it knows them; then what is there is written over, by the same bytes."""
    (tmp_path / "log").write_text("a\nb\n")
    no = answer(status, "<Error><Code>NotImplemented</Code><Message>A header you provided</Message></Error>")
    yes = answer(200, headers={"ETag": '"e"'})
    with ScriptedHTTP([no, yes, yes, yes]) as server:
        given = {"endpoint_url": server.url, "concurrency": 1, "batch_records": 1}
        result = s3(tmp_path, str(tmp_path / "log"), **given).run(context())
    assert (result.facts["accepted"], result.facts["idempotent"]) == (2, True)
    assert [one.headers.get("if-none-match") for one in server.requests] == ["*", None, None, None]
