"""What ship.elasticsearch sends by _bulk, and what it makes of the answers."""

import gzip
import hashlib
import json

import pytest

from exitkit.errors import ActionError, Exhausted
from exitkit.settings import SettingsError, load
from exitkit.ship.elasticsearch import Elasticsearch
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json, reset


def search(server, tmp_path, *names, **more):
    given = {"url": server.url, "from": list(names) or ["status"], "dead_letter": str(tmp_path / "dead"), **more}
    return load(Elasticsearch, given, {}, "X_")


def sent(request):
    """Pairs of an action and a document."""
    data = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    assert data.endswith(b"\n")
    lines = [json.loads(line) for line in data.splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


def items(*statuses):
    def one(status):
        error = {"error": {"type": f"t{status}", "reason": f"failed to parse field [x] of type [long] in {status}"}}
        return {"create": {"status": status, **(error if status > 299 else {})}}

    return answer_json({"errors": any(one > 299 for one in statuses), "items": [one(status) for status in statuses]})


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-08-21T07:57:41.123456789Z say "ä"\nb\nc\nd\n')
    return str(tmp_path / "log")


def test_each_record_is_created_under_its_id(tmp_path, log):
    """With its time to the nanosecond, and what tells where it is from."""
    with ScriptedHTTP([answer_json({"errors": False})] * 2) as server:
        for _ in range(2):
            search(server, tmp_path, log, index="logs-argo-prod").run(context())
    first, second = server.requests
    assert (
        first.path == "/logs-argo-prod/_bulk?filter_path=errors%2Citems.%2A.status%2Citems.%2A.error%2Citems.%2A.result"
    )
    assert first.headers["content-type"] == "application/x-ndjson"
    assert sent(first) == sent(second)
    action, document = sent(first)[0]
    assert len(action["create"]["_id"]) == 26
    assert len({action["create"]["_id"] for action, _ in sent(first)}) == 4
    assert document["@timestamp"] == "2026-08-21T07:57:41.123456789Z"
    assert document["message"] == '2026-08-21T07:57:41.123456789Z say "ä"'
    assert (document["kind"], document["file"]) == ("log", log)


def test_what_is_there_already_is_a_duplicate(tmp_path, log):
    """A second run finds its ids; that is no failure, and no reason to send anything again."""
    with ScriptedHTTP([items(409, 409, 409, 409)]) as server:
        result = search(server, tmp_path, log).run(context())
    assert result.duplicate
    assert result.facts["duplicate"] == 4


def test_each_item_has_its_own_verdict(tmp_path, log):
    """A 200 says nothing: one is there, one is new, one cannot be, and one is tried again by itself."""
    with ScriptedHTTP([items(201, 409, 400, 429), items(201)]) as server:
        with pytest.raises(
            ActionError, match=r"refused 1 record: t400: failed to parse field \[x\] of type \[long\]"
        ) as told:
            search(server, tmp_path, log).run(context())
    assert [len(sent(one)) for one in server.requests] == [4, 1]
    facts = told.value.facts
    assert (facts["accepted"], facts["duplicate"], facts["rejected"], facts["left"]) == (2, 1, 1, 0)
    (dead,) = map(json.loads, (tmp_path / "dead").read_text().splitlines())
    assert dead["message"] == "c"


def test_an_item_that_stays_busy_is_left(tmp_path, log):
    """And no dead letter."""
    with ScriptedHTTP([items(201, 201, 201, 503), *[items(503)] * 5]) as server:
        with pytest.raises(Exhausted, match="1 of 4 records left"):
            search(server, tmp_path, log).run(context())
    assert not (tmp_path / "dead").exists()


@pytest.mark.parametrize(
    "said", [answer(200, b"ok"), answer_json({}), answer_json([]), items(201, 400), answer_json({"errors": True})]
)
def test_an_answer_that_is_none_is_not_taken_for_success(tmp_path, log, said):
    """Another's word, or one that tells of fewer records than were sent; ids make it harmless to ask again."""
    with ScriptedHTTP([said] * 5) as server, pytest.raises(ActionError) as told:
        search(server, tmp_path, log).run(context())
    assert told.value.facts["accepted"] == 0


def test_a_large_answer_is_read_whole(tmp_path):
    """One that was cut would have everything sent again."""
    (tmp_path / "log").write_text("a\n" * 2500)
    with ScriptedHTTP([items(*[201] * 2499, 409)]) as server:
        facts = search(server, tmp_path, str(tmp_path / "log")).run(context()).facts
    assert (facts["accepted"], facts["duplicate"]) == (2499, 1)


def test_the_whole_request_is_sent_again_where_that_helps(tmp_path, log):
    """It is safe: what arrived is found by its id."""
    ctx = context()
    steps = [answer(429, b"", {"Retry-After": "7"}), reset(), answer(503), items(201, 201, 409, 409)]
    with ScriptedHTTP(steps) as server:
        facts = search(server, tmp_path, log).run(ctx).facts
    assert (facts["accepted"], facts["duplicate"]) == (2, 2)
    assert ctx.deadline.clock.slept[0] >= 7


def test_too_large_goes_in_halves(tmp_path, log):
    """AWS takes 10 MiB at most on small machines."""
    with ScriptedHTTP([answer(413), items(201, 201), items(201, 201)]) as server:
        assert search(server, tmp_path, log).run(context()).facts["accepted"] == 4


def test_keys_are_sent_and_not_told(tmp_path):
    """ApiKey, bearer or basic; a refusal ends the run."""
    with ScriptedHTTP([answer(403, b"key made-up-key-made-up is not allowed")]) as server:
        with pytest.raises(ActionError) as told:
            search(server, tmp_path, api_key="made-up-key-made-up").run(context())
    assert server.requests[0].headers["authorization"] == "ApiKey made-up-key-made-up"
    assert told.value.reason == "auth"
    assert "made-up" not in str(told.value)


@pytest.mark.parametrize("index", ["Logs", "a,b", "a*", "-a", "a/b", "a b", "a" * 256, "_all"])
def test_what_is_no_index_is_refused(index):
    """A comma or a wildcard would be several."""
    with pytest.raises(SettingsError):
        load(Elasticsearch, {"url": "http://search", "index": index}, {}, "X_")


def test_one_way_of_saying_who(tmp_path):
    """Two would hide one."""
    with pytest.raises(SettingsError):
        load(Elasticsearch, {"url": "http://search", "api_key": "x" * 20, "username": "y"}, {}, "X_")


def test_without_gzip_for_those_who_do_not_take_it(tmp_path, log):
    """As AWS's signing proxies."""
    with ScriptedHTTP([answer_json({"errors": False})]) as server:
        search(server, tmp_path, log, gzip=False).run(context())
    assert "content-encoding" not in server.requests[0].headers
    assert len(sent(server.requests[0])) == 4


def test_a_pipeline_and_no_ids(tmp_path, log):
    """The id is then a field, and a second arrival is let in, which the report says."""
    with ScriptedHTTP([answer_json({"errors": False})]) as server:
        result = search(server, tmp_path, log, pipeline="logs@custom", ids=False).run(context())
    assert "pipeline=logs%40custom" in server.requests[0].path
    pairs = sent(server.requests[0])
    assert all(action == {"create": {}} for action, _ in pairs)
    assert len({document["exitkit_id"] for _, document in pairs}) == 4
    assert result.facts["idempotent"] is False


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_requests_to_aws_are_signed(tmp_path, log, monkeypatch, service):
    """By SigV4, whose signature botocore's own verifies; serverless gets no ids, and the digest of the body."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up-secret-for-this-test")
    with ScriptedHTTP([answer_json({"errors": False})]) as server:
        search(server, tmp_path, log, aws_service=service, region="eu-west-1").run(context())
    (request,) = server.requests
    given = request.headers["authorization"]
    assert f"/eu-west-1/{service}/aws4_request" in given
    signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    again = AWSRequest("POST", f"{server.url}{request.path}", data=request.body)
    for name in signed:
        if name != "host":
            again.headers[name] = request.headers[name]
    again.context["timestamp"] = request.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "made-up-secret-for-this-test"), service, "eu-west-1")
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    assert given.endswith(f"Signature={signature}")
    assert request.headers["x-amz-content-sha256"] == hashlib.sha256(request.body).hexdigest()
    assert ("_id" in sent(request)[0][0]["create"]) is (service == "es")


def test_a_400_for_a_whole_request_is_divided(tmp_path, log):
    """As of a server that cannot read one of the lines."""
    steps = [answer(400, b"bad"), answer_json({"errors": False}), answer(400, b"bad")]
    with ScriptedHTTP([*steps, answer_json({"errors": False}), answer(400, b"bad")]) as server:
        with pytest.raises(ActionError, match="refused 1 record: 400: bad") as told:
            search(server, tmp_path, log).run(context())
    assert [len(sent(request)) for request in server.requests] == [4, 2, 2, 1, 1]
    assert told.value.facts["accepted"] == 3


@pytest.mark.parametrize("errors", [False, True])
def test_what_a_pipeline_drops_is_not_accepted(tmp_path, log, errors):
    """Its status is a success; only its result says that nothing of it is there."""
    taken, dropped = {"result": "created", "status": 201}, {"result": "noop", "status": 200}
    bad = {"status": 400, "error": {"type": "t", "reason": "r"}} if errors else taken
    said = {"errors": errors, "items": [{"create": one} for one in (taken, dropped, taken, bad)]}
    with ScriptedHTTP([answer_json(said)]) as server:
        with pytest.raises(ActionError, match="an ingest pipeline dropped it") as told:
            search(server, tmp_path, log).run(context())
    assert (told.value.facts["accepted"], told.value.facts["rejected"]) == (3 - errors, 1 + errors)


def test_a_server_without_indices_is_not_taken_to_know_ids(tmp_path, log):
    """VictoriaLogs takes the same records twice: what may have arrived is not sent again to such a server."""
    with ScriptedHTTP([reset()]) as server, pytest.raises(ActionError, match="may or may not") as told:
        search(server, tmp_path, log, index="").run(context())
    assert told.value.facts["idempotent"] is False
