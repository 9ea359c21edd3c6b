"""What ship.splunk sends to the HTTP Event Collector, and what it makes of its codes."""

import gzip
import json

import pytest

from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.settings import load
from exitkit.ship.splunk import Splunk
from exitkit.testing import ScriptedHTTP, context
from exitkit.testing.http import answer, answer_json

TOKEN = "made-up-token-for-this-test"


def splunk(server, tmp_path, *names, **more):
    given = {
        "url": server.url,
        "token": TOKEN,
        "from": list(names) or ["status"],
        "dead_letter": str(tmp_path / "dead"),
    }
    return load(Splunk, {**given, **more}, {}, "X_")


def sent(request):
    return [json.loads(line) for line in gzip.decompress(request.body).splitlines()]


def said(code, status=200, **more):
    return answer_json({"text": f"text {code}", "code": code, **more}, status)


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text('2026-08-21T07:57:41.123456789Z say "ä"\nb\nc\n')
    return str(tmp_path / "log")


def test_events_follow_one_another(tmp_path, log):
    """Objects without an array, times in seconds with nanoseconds, and the id in fields to dedup by."""
    with ScriptedHTTP([said(0)]) as server:
        splunk(server, tmp_path, log, index="argo").run(context())
    (request,) = server.requests
    assert request.path == "/services/collector/event"
    assert request.headers["authorization"] == f"Splunk {TOKEN}"
    assert b'"time":1787299061.123456789,' in gzip.decompress(request.body)
    first = sent(request)[0]
    assert (first["index"], first["sourcetype"], first["source"]) == ("argo", "argo:workflow", "exitkit")
    assert first["event"] == '2026-08-21T07:57:41.123456789Z say "ä"'
    assert len(first["fields"]["exitkit_id"]) == 26
    assert all(isinstance(value, str) for value in first["fields"].values())


@pytest.mark.parametrize(("code", "status"), [(9, 503), (8, 500), (18, 503), (20, 503), (26, 429), (27, 429)])
def test_a_busy_collector_is_asked_again(tmp_path, log, code, status):
    """By its code."""
    with ScriptedHTTP([said(code, status), said(0)]) as server:
        assert splunk(server, tmp_path, log).run(context()).facts["accepted"] == 3


@pytest.mark.parametrize(("code", "status"), [(1, 403), (3, 401), (4, 403), (7, 400), (10, 400), (14, 400)])
def test_a_wrong_token_index_or_channel_ends_the_run(tmp_path, log, code, status):
    """Nothing of it is in the events; and the token is not told."""
    with (
        ScriptedHTTP([said(code, status, more=TOKEN)]) as server,
        pytest.raises(ActionError, match=f"text {code}") as told,
    ):
        splunk(server, tmp_path, log).run(context())
    assert not isinstance(told.value, Exhausted)
    assert told.value.facts["rejected"] == 0
    assert TOKEN not in str(told.value)


def test_events_before_the_bad_one_are_taken(tmp_path, log):
    """It is refused by itself, and those behind it are sent again."""
    bad = said(6, 400, **{"invalid-event-number": 1})
    with (
        ScriptedHTTP([bad, said(0)]) as server,
        pytest.raises(ActionError, match="refused 1 record: 400: text 6") as told,
    ):
        splunk(server, tmp_path, log).run(context())
    assert [len(sent(one)) for one in server.requests] == [3, 1]
    assert told.value.facts["accepted"] == 2


REFUSED = answer(400, b"?")


@pytest.mark.parametrize("step", [answer(200, b"<html>"), said(5), answer(404), REFUSED])
def test_what_is_no_success_is_none(tmp_path, log, step):
    """A page of something else; a 400 for all of it is asked about for each."""
    with ScriptedHTTP([step] * (5 if step is REFUSED else 1)) as server, pytest.raises(ActionError) as told:
        splunk(server, tmp_path, log).run(context())
    assert told.value.facts["accepted"] == 0


def test_acknowledgements_are_waited_for(tmp_path):
    """On one channel, asked for again until all are there; each is told once and then forgotten."""
    (tmp_path / "log").write_text(("x" * 500 + "\n") * 1500)
    acks = [
        answer_json({"acks": {"0": True, "1": False}}),
        answer_json({"acks": {"1": False}}),
        answer_json({"acks": {"1": True}}),
    ]
    ctx = context()
    with ScriptedHTTP([said(0, ackId=0), said(0, ackId=1), *acks]) as server:
        assert (
            splunk(server, tmp_path, str(tmp_path / "log"), acks=True, concurrency=1).run(ctx).facts["accepted"] == 1500
        )
    assert len({one.headers["x-splunk-request-channel"] for one in server.requests}) == 1
    assert [json.loads(one.body)["acks"] for one in server.requests[2:]] == [[0, 1], [1], [1]]
    assert server.requests[2].path == "/services/collector/ack"


def test_what_is_never_acknowledged_fails_the_step(tmp_path, log):
    """After the wait: it may be there, and nobody knows; so it is not told as accepted."""
    steps = [said(0, ackId=7), *[answer_json({"acks": {"7": False}})] * 5]
    with (
        ScriptedHTTP(steps) as server,
        pytest.raises(Unknown, match="not said of 1 request that it is indexed") as told,
    ):
        splunk(server, tmp_path, log, acks=True, ack_wait=8).run(context())
    assert (told.value.facts["accepted"], told.value.facts["unknown"]) == (0, 3)
    assert str(told.value).endswith("; 3 of 3 records may or may not have arrived")


def test_what_is_acknowledged_counts_beside_what_is_not(tmp_path):
    """By requests: the first thousand is in the index, of the rest nobody knows."""
    (tmp_path / "log").write_text(("x" * 500 + "\n") * 1500)
    steps = [said(0, ackId=0), said(0, ackId=1), answer_json({"acks": {"0": True, "1": False}})]
    again = [answer_json({"acks": {"1": False}})] * 4
    with ScriptedHTTP([*steps, *again]) as server, pytest.raises(Unknown) as told:
        splunk(server, tmp_path, str(tmp_path / "log"), acks=True, ack_wait=8, concurrency=1).run(context())
    (first, second) = (len(sent(one)) for one in server.requests[:2])
    assert first > second > 0
    assert (told.value.facts["accepted"], told.value.facts["unknown"]) == (first, second)


def test_what_was_taken_before_an_error_is_asked_for_too(tmp_path):
    """A token that is turned off half-way leaves the rest, and not what is in the index."""
    (tmp_path / "log").write_text(("x" * 500 + "\n") * 1500)
    steps = [said(0, ackId=0), said(4, 403), answer_json({"acks": {"0": True}})]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="text 4") as told:
        splunk(server, tmp_path, str(tmp_path / "log"), acks=True, concurrency=1).run(context())
    assert told.value.facts["accepted"] == len(sent(server.requests[0]))
    assert told.value.facts["accepted"] + told.value.facts["left"] == 1500


def test_a_refused_event_is_not_among_those_that_are_acknowledged(tmp_path, log):
    """It is rejected; those behind it come with the next request, and its acknowledgement."""
    steps = [said(6, 400, **{"invalid-event-number": 1}), said(0, ackId=3), answer_json({"acks": {"3": True}})]
    with ScriptedHTTP(steps) as server, pytest.raises(ActionError, match="refused 1 record") as told:
        splunk(server, tmp_path, log, acks=True).run(context())
    assert (told.value.facts["accepted"], told.value.facts["rejected"], told.value.facts["left"]) == (2, 1, 0)


def test_a_token_without_acknowledgements_is_told(tmp_path, log):
    """Rather than waiting for what never comes."""
    with ScriptedHTTP([said(0)]) as server, pytest.raises(ActionError, match="turn them on"):
        splunk(server, tmp_path, log, acks=True).run(context())
