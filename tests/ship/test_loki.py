"""What ship.loki pushes, and what it makes of Loki's answers."""

import gzip
import json

import pytest

from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.settings import SettingsError, load
from exitkit.ship.loki import Loki
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer, reset

STAMPS = ["2026-08-21T07:57:41.123456789Z", "2026-08-21T07:57:41.123456790Z"]


def loki(server, tmp_path, *names, **more):
    given = {"url": server.url, "from": list(names) or ["status"], "dead_letter": str(tmp_path / "dead"), **more}
    return load(Loki, given, {}, "X_")


def pushed(request):
    return json.loads(gzip.decompress(request.body))["streams"]


def test_a_push_has_streams_with_times_as_text(tmp_path):
    """To the nanosecond, in JSON, gzipped, at Loki's own path."""
    (tmp_path / "log").write_text("".join(f'{stamp} say "ä"\n' for stamp in STAMPS))
    with ScriptedHTTP([answer(204)]) as server:
        result = loki(server, tmp_path, str(tmp_path / "log"), tenant="ml").run(context())
    (request,) = server.requests
    assert request.path == "/loki/api/v1/push"
    assert request.headers["x-scope-orgid"] == "ml"
    assert (request.headers["content-type"], request.headers["content-encoding"]) == ("application/json", "gzip")
    (stream,) = pushed(request)
    assert [value[:2] for value in stream["values"]] == [
        ["1787299061123456789", f'{STAMPS[0]} say "ä"'],
        ["1787299061123456790", f'{STAMPS[1]} say "ä"'],
    ]
    assert all(len(value[2]["id"]) == 26 for value in stream["values"])
    assert stream["stream"] == {
        "file": str(tmp_path / "log"),
        "job": "exitkit",
        "kind": "log",
        "namespace": failed_workflow().namespace,
        "workflow": failed_workflow().name,
    }
    assert result.facts["accepted"] == 2


def test_status_and_failures_do_not_share_a_stream_with_logs(tmp_path):
    """A record of now would make the older lines of a pod too old for their stream."""
    (tmp_path / "log").write_text("a\n")
    with ScriptedHTTP([answer(204)] * 6) as server:
        loki(server, tmp_path, "status", str(tmp_path / "log"), concurrency=1).run(context())
    streams = [stream for request in server.requests for stream in pushed(request)]
    assert {one["stream"]["kind"] for one in streams} == {"status", "failure", "log"}
    assert all(len(pushed(request)) == 1 for request in server.requests), "of several Loki tells what became of one"
    assert all(not isinstance(value, dict | list) for s in streams for v in s["values"] for value in v[2].values())
    assert all(isinstance(value, str) for s in streams for v in s["values"] for value in v[2].values())
    assert all(len(one["stream"]) <= 15 for one in streams)


def test_a_second_run_pushes_the_same_bytes(tmp_path):
    """Which is how a Loki that does not shard its streams knows them."""
    (tmp_path / "log").write_text("a\nb\n")
    with ScriptedHTTP([answer(204)] * 12) as server:
        for _ in range(2):
            loki(server, tmp_path, "status", str(tmp_path / "log"), concurrency=1).run(context())
    first, second = server.requests[:6], server.requests[6:]
    assert [pushed(one) for one in first] == [pushed(one) for one in second]


def test_an_old_loki_gets_no_metadata(tmp_path):
    """It would refuse the whole push."""
    with ScriptedHTTP([answer(204)] * 5) as server:
        loki(server, tmp_path, structured_metadata=False).run(context())
    assert all(len(value) == 2 for stream in pushed(server.requests[0]) for value in stream["values"])


def test_labels_and_a_path_of_ones_own(tmp_path):
    """A gateway may have Loki elsewhere."""
    with ScriptedHTTP([answer(204)] * 5) as server:
        made = loki(server, tmp_path, stream_labels={"cluster": "prod"}, url=f"{server.url}/gateway/push")
        made.run(context())
    assert server.requests[0].path == "/gateway/push"
    assert all(stream["stream"]["cluster"] == "prod" for stream in pushed(server.requests[0]))


@pytest.mark.parametrize(
    "more",
    [
        {"stream_labels": {"a-b": "x"}},
        {"stream_labels": {f"l{n}": "x" for n in range(12)}},
        {"url": "loki:3100"},
        {"url": "https://user:pass@loki"},
        {"bearer": "t0ken-t0ken-t0ken", "username": "x"},
    ],
)
def test_what_loki_would_refuse_is_refused_first(tmp_path, more):
    """Before anything runs."""
    with pytest.raises(SettingsError):
        load(Loki, {"url": "http://loki", **more}, {}, "X_")


@pytest.mark.parametrize("status", [260, 200])
def test_a_success_that_stores_nothing_is_a_failure(tmp_path, status):
    """260 is Loki's for blocked ingestion, and 200 that of a page which stands before it."""
    (tmp_path / "log").write_text("a\nb\n")
    with ScriptedHTTP([answer(status, b"blocked")]) as server, pytest.raises(ActionError) as told:
        loki(server, tmp_path, str(tmp_path / "log")).run(context())
    assert told.value.facts["accepted"] == 0


def test_a_400_stores_what_is_good_of_the_push(tmp_path):
    """It says how many it ignored; none is sent again, all are kept, and so many are counted."""
    said = b"user 'fake', total ignored: 1 out of 3 for stream: {job=\"exitkit\"}"
    with ScriptedHTTP([answer(400, said)]) as server, pytest.raises(ActionError, match="refused 1 record") as told:
        (tmp_path / "log").write_text("a\nb\nc\n")
        loki(server, tmp_path, str(tmp_path / "log")).run(context())
    facts = told.value.facts
    assert (facts["accepted"], facts["rejected"], facts["left"], facts["deadLetters"]) == (2, 1, 0, 3)


def test_a_400_that_counts_nothing_refuses_all(tmp_path):
    """As one for a label that is not allowed."""
    (tmp_path / "log").write_text("a\nb\n")
    with ScriptedHTTP([answer(400, b"invalid labels")] * 3) as server, pytest.raises(ActionError) as told:
        loki(server, tmp_path, str(tmp_path / "log")).run(context())
    assert told.value.facts["rejected"] == told.value.facts["read"]
    assert told.value.facts["deadLetters"] == told.value.facts["read"]


def test_being_too_fast_is_waited_for(tmp_path):
    """As long as it asks."""
    ctx = context()
    (tmp_path / "log").write_text("a\nb\n")
    steps = [answer(429, b"rate", {"Retry-After": "9"}), answer(503), answer(204)]
    with ScriptedHTTP(steps) as server:
        assert loki(server, tmp_path, str(tmp_path / "log")).run(ctx).facts["left"] == 0
    assert ctx.deadline.clock.slept[0] >= 9


def test_what_may_have_arrived_is_pushed_again_only_where_loki_keeps_one(tmp_path):
    """A Loki that shards its streams, as it does by default, would keep two."""
    (tmp_path / "log").write_text("a\nb\n")
    with ScriptedHTTP([reset()]) as server, pytest.raises(Unknown, match="2 of 2 records may or may not") as told:
        loki(server, tmp_path, str(tmp_path / "log")).run(context())
    assert (told.value.facts["unknown"], told.value.facts["idempotent"]) == (2, False)
    with ScriptedHTTP([reset(), answer(204)]) as server:
        result = loki(server, tmp_path, str(tmp_path / "log"), stream_sharding=False).run(context())
    assert (result.facts["accepted"], result.facts["idempotent"]) == (2, True)


def test_a_push_that_is_too_large_goes_in_halves(tmp_path):
    """Each with half of the lines."""
    (tmp_path / "log").write_text("a\nb\nc\nd\n")
    with ScriptedHTTP([answer(413), answer(204), answer(204)]) as server:
        assert loki(server, tmp_path, str(tmp_path / "log")).run(context()).facts["accepted"] == 4
    assert [len(pushed(one)[0]["values"]) for one in server.requests] == [4, 2, 2]


def test_wrong_credentials_end_the_run_and_are_not_told(tmp_path):
    """Trying again would not help."""
    (tmp_path / "log").write_text("a\n")
    with ScriptedHTTP([answer(401, b"no: Basic eDpjb3JyZWN0LWhvcnNl correct-horse")]) as server:
        with pytest.raises(ActionError) as told:
            loki(server, tmp_path, str(tmp_path / "log"), username="x", password="correct-horse").run(context())
    assert told.value.reason == "auth"
    assert not isinstance(told.value, Exhausted)
    assert "horse" not in str(told.value)
    assert server.requests[0].headers["authorization"].startswith("Basic ")


def test_batches_stay_below_the_burst(tmp_path):
    """A push over it would be refused for ever."""
    (tmp_path / "log").write_text(("x" * 1000 + "\n") * 5000)
    with ScriptedHTTP([answer(204)] * 7) as server:
        loki(server, tmp_path, str(tmp_path / "log")).run(context())
    assert max(len(gzip.decompress(one.body)) for one in server.requests) <= (1 << 20) + 1000
