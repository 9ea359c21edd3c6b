"""What ship.gcplogging writes, and what it makes of the answers."""

import gzip
import json

import pytest

from exitkit.errors import ActionError, Exhausted
from exitkit.settings import SettingsError, load
from exitkit.ship.gcplogging import Gcplogging
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json, reset


def logging(server, tmp_path, *names, **more):
    given = {"url": server.url, "project": "ml-prod", "anonymous": True, "from": list(names) or ["status"]}
    return load(Gcplogging, {**given, "dead_letter": str(tmp_path / "dead"), **more}, {}, "X_")


def sent(request):
    return json.loads(gzip.decompress(request.body))


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-08-21T07:57:41.123456789Z say "ä"\nb\nc\n')
    return str(tmp_path / "log")


def partly(*errors):
    details = [
        {"@type": "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors", "logEntryErrors": dict(errors)}
    ]
    return answer_json({"error": {"code": 400, "message": "some", "details": details}}, 400)


def test_entries_have_an_insert_id(tmp_path, log):
    """And their times to the nanosecond; one that is wrong does not keep the others."""
    with ScriptedHTTP([answer_json({})] * 2) as server:
        for _ in range(2):
            logging(server, tmp_path, log).run(context())
    first, second = server.requests
    assert first.path == "/v2/entries:write"
    assert sent(first) == sent(second)
    body = sent(first)
    assert body["partialSuccess"] is True
    assert body["logName"] == "projects/ml-prod/logs/argo-workflows"
    entry = body["entries"][0]
    assert entry["timestamp"] == "2026-08-21T07:57:41.123456789Z"
    assert entry["textPayload"] == '2026-08-21T07:57:41.123456789Z say "ä"'
    assert len({one["insertId"] for one in body["entries"]}) == 3
    assert entry["resource"]["type"] == "global"


def test_lines_of_pods_are_where_gkes_own_are():
    """With the same resource; the name of a log is encoded."""
    made = Gcplogging(project="ml-prod", cluster="c", location="l", log="a/b")
    chunk = Chunk("x", ["i"], [0], ["m"], attributes={"pod": "p", "container": "main", "namespace": "ml"})
    resource = json.loads(made.encode(chunk)[0])["resource"]
    assert resource["type"] == "k8s_container"
    assert resource["labels"] == {
        "project_id": "ml-prod",
        "location": "l",
        "cluster_name": "c",
        "namespace_name": "ml",
        "pod_name": "p",
        "container_name": "main",
    }


def test_status_and_failures_have_a_severity(tmp_path):
    """Lines have none that anybody knows."""
    with ScriptedHTTP([answer_json({})]) as server:
        logging(server, tmp_path).run(context())
    assert {one["severity"] for one in sent(server.requests[0])["entries"]} == {"ERROR"}


def test_single_entries_have_their_own_errors(tmp_path, log):
    """By their places: one is refused, one is tried again, one was written."""
    said = partly(("0", {"code": 3, "message": "too old"}), ("2", {"code": 14, "message": "busy"}))
    with (
        ScriptedHTTP([said, answer_json({})]) as server,
        pytest.raises(ActionError, match="refused 1 record: too old") as told,
    ):
        logging(server, tmp_path, log).run(context())
    assert [len(sent(one)["entries"]) for one in server.requests] == [3, 1]
    assert (told.value.facts["accepted"], told.value.facts["left"]) == (2, 0)


def test_it_is_safe_to_send_again(tmp_path, log):
    """What comes twice is shown once."""
    with ScriptedHTTP([reset(), answer(503), answer(429, b"", {"Retry-After": "2"}), answer_json({})]) as server:
        assert logging(server, tmp_path, log).run(context()).facts["accepted"] == 3


def test_a_refused_batch_is_kept(tmp_path, log):
    """400 for all of it, and for each by itself."""
    bad = answer_json({"error": {"message": "bad"}}, 400)
    with ScriptedHTTP([bad] * 5) as server, pytest.raises(ActionError) as told:
        logging(server, tmp_path, log).run(context())
    assert told.value.facts["deadLetters"] == 3


def test_who_may_not_is_told_at_once(tmp_path, log):
    """403 ends the run."""
    with (
        ScriptedHTTP([answer_json({"error": {"message": "denied"}}, 403)]) as server,
        pytest.raises(ActionError) as told,
    ):
        logging(server, tmp_path, log).run(context())
    assert told.value.reason == "auth"
    assert not isinstance(told.value, Exhausted)


def test_a_token_that_is_refused_is_renewed(tmp_path, log, monkeypatch):
    """Once, with the next try."""
    asked = []

    class Account:
        def __init__(self, *_):
            pass

        def log_in(self):
            pass

        def headers(self, refused=""):
            asked.append(refused)
            return {"authorization": "Bearer second" if refused or "Bearer first" in asked else "Bearer first"}

    monkeypatch.setattr("exitkit.ship.gcplogging.GoogleAccount", Account)
    with ScriptedHTTP([answer(401, b"{}"), answer_json({})]) as server:
        assert logging(server, tmp_path, log, anonymous=False).run(context()).facts["accepted"] == 3
    assert [one.headers["authorization"] for one in server.requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("more", [{"project": "x"}, {"project": "A-b-c-d-e"}, {"log": ""}, {"log": "a b"}])
def test_names_that_cannot_be(tmp_path, more):
    """Before anything runs."""
    with ScriptedHTTP() as server, pytest.raises(SettingsError):
        logging(server, tmp_path, **more)
