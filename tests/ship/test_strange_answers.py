"""Answers in forms that no target is known to give: none is taken for a success, and none costs the counts."""

import pytest

from exitkit.errors import ActionError, Unknown
from exitkit.retry import RetryPolicy
from exitkit.settings import load
from exitkit.ship.datadog import Datadog
from exitkit.ship.elasticsearch import Elasticsearch
from exitkit.ship.gcplogging import Gcplogging
from exitkit.ship.http import HTTP
from exitkit.ship.loki import Loki
from exitkit.ship.otlp import OTLP
from exitkit.ship.splunk import Splunk
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json

ONCE = RetryPolicy(attempts=1)
MORE = {
    Splunk: {"token": "a-token"},
    Datadog: {"api_key": "a-key"},
    Gcplogging: {"project": "my-project", "anonymous": True},
}
TAKEN = {"create": {"status": 201}}
PAGE = "<!-- gateway --><html><title>Sign in</title>"


def ended(kind, tmp_path, said):
    """How shipping two lines ends where this is the answer."""
    (tmp_path / "log").write_text("a\nb\n")
    with ScriptedHTTP([said]) as server:
        given = {"url": server.url, "from": [str(tmp_path / "log")], "dead_letter": str(tmp_path / "dead")}
        with pytest.raises(ActionError) as told:
            load(kind, {**given, **MORE.get(kind, {})}, {}, "X_").run(context(terms=ONCE))
    return told.value


def bulk(*each, errors=True):
    return answer_json({"errors": errors, "items": list(each)})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Elasticsearch, bulk(TAKEN, {"create": None})),
        (Elasticsearch, bulk(TAKEN, "taken")),
        (Elasticsearch, bulk(TAKEN, {"create": {"status": "201"}})),
        (Elasticsearch, bulk(TAKEN, {"create": {"status": 201}, "index": {"status": 201}})),
        (Elasticsearch, bulk(TAKEN, errors=False)),
        (Elasticsearch, answer(200, '{"errors":false,"items":[{"create":{"status":201}},')),
        (Elasticsearch, answer_json({"errors": True, "items": {"a": 1, "b": 2}})),
        (Elasticsearch, answer(200)),
        (Loki, answer(200)),
        (Loki, answer(202, "queued")),
        (Splunk, answer(204)),
        (Splunk, answer_json({"text": "Success", "code": "0"})),
        (Splunk, answer_json([])),
        (Datadog, answer_json({"errors": ["x"]})),
        (OTLP, answer(200, b"\x0a\x20\x08")),
        (OTLP, answer_json({"error": "quota"})),
        (OTLP, answer(202)),
        (Gcplogging, answer_json({"error": {"code": 500}})),
        (Gcplogging, answer_json({"error": {"details": [{"logEntryErrors": {}}]}}, status=400)),
        (Gcplogging, answer_json({"error": {"details": [{"logEntryErrors": {"9": {"code": 3}}}]}}, status=400)),
        (HTTP, answer_json({"items": [{"status": 400}]}, status=207)),
        (HTTP, answer(524)),
    ],
)
def test_what_an_answer_does_not_tell_is_unknown(tmp_path, kind, said):
    """The records have left: they are neither there for certain nor left over, and are kept."""
    error = ended(kind, tmp_path, said)
    assert isinstance(error, Unknown)
    assert [error.facts[name] for name in ("read", "accepted", "unknown", "left")] == [2, 0, 2, 0]
    assert (tmp_path / "dead").read_text().count("\n") == 2


@pytest.mark.parametrize("kind", [Elasticsearch, Loki, Splunk, Datadog, OTLP, Gcplogging, HTTP])
@pytest.mark.parametrize("status", [200, 202])
def test_a_page_for_people_has_taken_nothing(tmp_path, kind, status):
    """A gateway that wants somebody to log in has not handed it on."""
    error = ended(kind, tmp_path, answer(status, PAGE))
    assert not isinstance(error, Unknown)
    assert "login" in str(error)
    assert [error.facts[name] for name in ("accepted", "unknown", "left")] == [0, 0, 2]


def test_an_entry_whose_error_says_nothing_is_refused(tmp_path):
    """And the others of the request were written."""
    said = answer_json({"error": {"details": [{"logEntryErrors": {"1": None}}]}}, status=400)
    assert ended(Gcplogging, tmp_path, said).facts["accepted"] == 1


@pytest.mark.parametrize("body", ["", "{}"])
def test_an_intake_that_stands_in_for_datadog_may_say_200(tmp_path, body):
    """As version 1 and Observability Pipelines do."""
    (tmp_path / "log").write_text("a\n")
    with ScriptedHTTP([answer(200, body)]) as server:
        given = {"url": server.url, "from": [str(tmp_path / "log")], "api_key": "a-key"}
        assert load(Datadog, given, {}, "X_").run(context()).facts["accepted"] == 1
