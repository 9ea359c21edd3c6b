"""What ship.otlp exports, and what it makes of a collector's answers."""

import gzip

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import ScopeLogs

from exitkit.errors import ActionError, Exhausted
from exitkit.settings import load
from exitkit.ship.otlp import OTLP
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer, answer_json


def otlp(server, tmp_path, *names, **more):
    given = {"url": server.url, "from": list(names) or ["status"], "dead_letter": str(tmp_path / "dead"), **more}
    return load(OTLP, given, {}, "X_")


def sent(request):
    assert request.headers["content-type"] == "application/x-protobuf"
    return ExportLogsServiceRequest.FromString(gzip.decompress(request.body)).resource_logs


def plain(attributes):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def said(status=200, **partial):
    """An answer as a collector gives it."""
    body = ExportLogsServiceResponse(partial_success=partial).SerializeToString()
    return answer(status, body, {"Content-Type": "application/x-protobuf"})


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-08-21T07:57:41.123456789Z say "ä"\nb\n')
    return str(tmp_path / "log")


def test_an_export_is_otlps(tmp_path, log):
    """An id for each record, and what they have in common once."""
    with ScriptedHTTP([answer(200)] * 2) as server:
        otlp(server, tmp_path, "status", log, concurrency=1, resource_attributes={"a.b": "c"}).run(context())
    assert {one.path for one in server.requests} == {"/v1/logs"}
    first, second = (sent(one) for one in server.requests)
    (logs,) = second
    resource = plain(logs.resource.attributes)
    assert resource["service.name"] == "argo-workflows"
    assert resource["a.b"] == "c"
    assert resource["k8s.namespace.name"] == failed_workflow().namespace
    assert resource["cicd.pipeline.name"] == failed_workflow().name
    assert logs.scope_logs[0].scope.name == "exitkit"
    line, _ = logs.scope_logs[0].log_records
    assert line.time_unix_nano == 1787299061123456789
    assert line.body.string_value == '2026-08-21T07:57:41.123456789Z say "ä"'
    assert line.severity_number == 0
    assert len(plain(line.attributes)["log.record.uid"]) == 26
    assert plain(line.attributes)["argo.file"] == log
    (status,) = first[0].scope_logs[0].log_records
    assert (status.severity_number, status.severity_text) == (17, "ERROR")
    assert plain(status.attributes)["argo.kind"] == "status"
    assert [len(one.scope_logs[0].log_records) for one in first] == [1] * (1 + len(failed_workflow().failures))


def test_attributes_have_their_types(tmp_path, clock):
    """Numbers are numbers; what OTLP has no number for, and what is nested, is text."""
    odd = {"n": -5, "b": True, "f": 1.5, "large": 1 << 70, "list": ["ä", 1], "none": None, "a.b": "x"}
    chunk = Chunk("s", ["i" * 300], [-1], ["a\ud800"], kind="status", attributes=odd)
    item = load(OTLP, {"url": "http://127.0.0.1"}, {}, "X_").encode(chunk)
    (record,) = ScopeLogs.FromString(b"".join(item)).log_records
    assert plain(record.attributes) == {
        "log.record.uid": "i" * 300,
        "argo.n": -5,
        "argo.b": True,
        "argo.f": 1.5,
        "argo.large": str(1 << 70),
        "argo.list": '["ä", 1]',
        "argo.none": "null",
        "a.b": "x",
        "argo.kind": "status",
    }
    assert record.body.string_value == "a\\ud800"
    assert record.time_unix_nano == 0  # it has no sign


PARTIAL = {"rejected_log_records": 1, "error_message": "too old"}
IN_JSON = {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "too old"}}


@pytest.mark.parametrize("told", [said(**PARTIAL), answer_json(IN_JSON)])
def test_a_partial_success_is_none_for_some(tmp_path, log, told):
    """It must not be sent again; so many are counted as refused, and all are kept."""
    with ScriptedHTTP([told]) as server, pytest.raises(ActionError, match="refused 1 record: too old") as found:
        otlp(server, tmp_path, log).run(context())
    facts = found.value.facts
    assert (facts["accepted"], facts["rejected"], facts["left"], facts["deadLetters"]) == (1, 1, 0, 2)


@pytest.mark.parametrize(
    "told",
    [said(error_message="slow down a bit"), answer_json({"partialSuccess": {"errorMessage": "slow down a bit"}})],
)
def test_a_warning_is_a_note(tmp_path, log, told):
    """A message without refusals."""
    with ScriptedHTTP([told]) as server:
        assert "slow down a bit" in otlp(server, tmp_path, log).run(context()).notes[0]


@pytest.mark.parametrize("told", [answer(200), answer_json({}), said(), answer_json([])])
def test_a_success_may_say_nothing(tmp_path, log, told):
    """In either encoding, or in none."""
    with ScriptedHTTP([told]) as server:
        assert otlp(server, tmp_path, log).run(context()).facts["accepted"] == 2


@pytest.mark.parametrize(
    "told",
    [
        answer(200, b"<html>Welcome</html>", {"Content-Type": "text/html"}),
        answer(200, b"{", {"Content-Type": "application/json"}),
        answer(200, b"\x08\x01", {"Content-Type": "application/x-protobuf"}),
        answer_json({"partialSuccess": {"rejectedLogRecords": "some"}}),
    ],
)
def test_a_success_that_is_no_otlp_is_none(tmp_path, log, told):
    """As of a portal that answers whatever is asked."""
    with ScriptedHTTP([told]) as server, pytest.raises(ActionError, match="nothing that is OTLP") as found:
        otlp(server, tmp_path, log).run(context())
    assert found.value.facts["accepted"] == 0


@pytest.mark.parametrize(
    ("body", "kind", "word"),
    [
        (Status(code=3, message="the tenant is closed").SerializeToString(), "application/x-protobuf", "is closed"),
        (b'{"code":3,"message":"the tenant is closed"}', "application/json", "is closed"),
        (b"no healthy upstream", "text/plain", "no healthy upstream"),
    ],
)
@pytest.mark.parametrize("status", [400, 403])
def test_why_it_refuses_is_told(tmp_path, log, status, body, kind, word):
    """The message of an RPC's status, without the bytes around it."""
    requests = 3 if status == 400 else 1  # the two records go each by itself too
    steps = [answer(status, body, {"Content-Type": kind})] * requests
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError) as found:
        otlp(server, tmp_path, log).run(context())
    assert word in str(found.value)
    assert "\ufffd" not in str(found.value)
    assert "\\x" not in str(found.value)


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
    """One request of each, and the truth: of a 400, as it may be for one record, the halves are other requests."""
    requests = 3 if status == 400 else 1
    with ScriptedHTTP([answer(status, b"no")] * requests) as server, pytest.raises(ActionError) as told:
        otlp(server, tmp_path, log).run(context())
    assert len({one.body for one in server.requests}) == len(server.requests) == requests
    assert told.value.facts["accepted"] == 0
    assert not isinstance(told.value, Exhausted)


def test_what_loki_answers_is_a_success(tmp_path, log):
    """204 without a body, which a Loki gives that takes OTLP; and a page for people with 200 is none."""
    with ScriptedHTTP([answer(204)]) as server:
        assert otlp(server, tmp_path, log).run(context()).facts["accepted"] == 2
    with ScriptedHTTP([answer(200, b"<!DOCTYPE html><html>login")]) as server, pytest.raises(ActionError) as told:
        otlp(server, tmp_path, log).run(context())
    assert told.value.facts["accepted"] == 0


def test_a_batch_is_of_one_source(tmp_path):
    """Or a partial success would leave two in doubt."""
    for name in ("a", "b"):
        (tmp_path / name).write_text("x\n")
    with ScriptedHTTP([answer(200)] * 2) as server:
        otlp(server, tmp_path, str(tmp_path / "a"), str(tmp_path / "b")).run(context())
