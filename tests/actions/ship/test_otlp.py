"""What ship.otlp exports, and what it makes of a collector's answers."""

import gzip
import json

import pytest

from exitkit.actions.ship.otlp import OTLP
from exitkit.errors import ActionError, Exhausted
from exitkit.settings import load
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer, answer_json


def otlp(server, tmp_path, *names, **more):
    given = {"url": server.url, "from": list(names) or ["status"], "dead_letter": str(tmp_path / "dead"), **more}
    return load(OTLP, given, {}, "X_")


def sent(request):
    return json.loads(gzip.decompress(request.body))["resourceLogs"]


def plain(attributes):
    return {one["key"]: next(iter(one["value"].values())) for one in attributes}


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-11-23T07:57:41.123456789Z say "ä"\nb\n')
    return str(tmp_path / "log")


def test_an_export_is_otlps_json(tmp_path, log):
    """64-bit numbers as text, enums as numbers, an id for each record, and what they have in common once."""
    with ScriptedHTTP([answer_json({})] * 2) as server:
        otlp(server, tmp_path, "status", log, concurrency=1, resource_attributes={"a.b": "c"}).run(context())
    assert {one.path for one in server.requests} == {"/v1/logs"}
    first, second = (sent(one) for one in server.requests)
    (logs,) = second
    resource = plain(logs["resource"]["attributes"])
    assert resource["service.name"] == "argo-workflows"
    assert resource["a.b"] == "c"
    assert resource["k8s.namespace.name"] == failed_workflow().namespace
    assert resource["cicd.pipeline.name"] == failed_workflow().name
    line, _ = logs["scopeLogs"][0]["logRecords"]
    assert line["timeUnixNano"] == "1795420661123456789"
    assert line["body"] == {"stringValue": '2026-11-23T07:57:41.123456789Z say "ä"'}
    assert len(plain(line["attributes"])["log.record.uid"]) == 26
    assert plain(line["attributes"])["file" if "file" in plain(line["attributes"]) else "argo.file"] == log
    status = first[0]["scopeLogs"][0]["logRecords"][0]
    assert (status["severityNumber"], status["severityText"]) == (17, "ERROR")
    values = [one["value"] for record in first[0]["scopeLogs"][0]["logRecords"] for one in record["attributes"]]
    assert all(isinstance(one["intValue"], str) for one in values if "intValue" in one)


def test_a_partial_success_is_none_for_some(tmp_path, log):
    """It must not be sent again; so many are counted as refused, and all are kept."""
    said = answer_json({"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}})
    with ScriptedHTTP([said]) as server, pytest.raises(ActionError, match="refused 1 record: too old") as told:
        otlp(server, tmp_path, log).run(context())
    facts = told.value.facts
    assert (facts["accepted"], facts["rejected"], facts["left"], facts["deadLetters"]) == (1, 1, 0, 2)


def test_a_warning_is_a_note(tmp_path, log):
    """A message without refusals."""
    with ScriptedHTTP([answer_json({"partialSuccess": {"errorMessage": "slow down a bit"}})]) as server:
        assert "slow down a bit" in otlp(server, tmp_path, log).run(context()).notes[0]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_be_sent_again_is(tmp_path, log, status):
    """The four that the protocol names; 502 and 504 may have been heard, and there is no way to tell."""
    with ScriptedHTTP([answer(status, b"", {"Retry-After": "3"}), answer(200)]) as server:
        try:
            otlp(server, tmp_path, log).run(context())
        except ActionError as error:
            assert status in (502, 504)
            assert error.facts["left"] == 2
            server._steps.clear()
            server.requests.append(None)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [400, 408, 500, 501, 404, 302])
def test_what_must_not_be_sent_again_is_not(tmp_path, log, status):
    """One request, and the truth."""
    with ScriptedHTTP([answer(status, b"no")]) as server, pytest.raises(ActionError) as told:
        otlp(server, tmp_path, log).run(context())
    assert len(server.requests) == 1
    assert told.value.facts["accepted"] == 0
    assert not isinstance(told.value, Exhausted)


def test_a_batch_is_of_one_source(tmp_path):
    """Or a partial success would leave two in doubt."""
    for name in ("a", "b"):
        (tmp_path / name).write_text("x\n")
    with ScriptedHTTP([answer(200)] * 2) as server:
        otlp(server, tmp_path, str(tmp_path / "a"), str(tmp_path / "b")).run(context())
