"""What ship.datadog sends, and what it makes of the answers."""

import gzip
import json

import pytest

from exitkit.errors import ActionError
from exitkit.settings import SettingsError, load
from exitkit.ship.datadog import Datadog
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer

KEY = "made-up-key-for-this-test"


def datadog(server, tmp_path, *names, **more):
    given = {
        "url": server.url,
        "api_key": KEY,
        "from": list(names) or ["status"],
        "dead_letter": str(tmp_path / "dead"),
    }
    return load(Datadog, {**given, **more}, {}, "X_")


def sent(request):
    return json.loads(gzip.decompress(request.body))


def test_entries_are_datadogs(tmp_path):
    """Source, service, tags, a time in milliseconds, and an id to tell two arrivals apart."""
    with ScriptedHTTP([answer(202, b"{}")]) as server:
        datadog(server, tmp_path, tags={"env": "prod"}).run(context())
    (request,) = server.requests
    assert request.path == "/api/v2/logs"
    assert request.headers["dd-api-key"] == KEY
    first = sent(request)[0]
    assert (first["ddsource"], first["service"], first["status"]) == ("argo-workflows", "exitkit", "error")
    assert "env:prod" in first["ddtags"].split(",")
    assert f"workflow:{failed_workflow().name}" in first["ddtags"].split(",")
    assert isinstance(first["timestamp"], int)
    assert len(first["exitkit_id"]) == 26


def test_what_is_too_old_keeps_its_own_time_beside(tmp_path):
    """Datadog would drop it without a word."""
    ctx = context()
    now = ctx.deadline.clock.time()
    (tmp_path / "log").write_text("2020-01-01T00:00:00Z old\n")
    workflow = failed_workflow(creation_timestamp="2019-01-01T00:00:00Z")
    with ScriptedHTTP([answer(202)]) as server:
        datadog(server, tmp_path, str(tmp_path / "log")).run(context(workflow=workflow))
    (entry,) = sent(server.requests[0])
    assert now - 18 * 3600 < entry["timestamp"] / 1000 <= now
    assert entry["event_time"].startswith("2020-01-01T00:00:00")


def test_a_request_has_a_thousand_entries_at_most(tmp_path):
    """And five megabytes."""
    (tmp_path / "log").write_text("x\n" * 2500 + ("y" * 60_000 + "\n") * 100)
    with ScriptedHTTP([answer(202)] * 4) as server:
        datadog(server, tmp_path, str(tmp_path / "log"), concurrency=1).run(context())
    bodies = [gzip.decompress(one.body) for one in server.requests]
    assert max(len(json.loads(one)) for one in bodies) <= 1000
    assert max(map(len, bodies)) <= 5_000_000


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_intake_is_asked_again(tmp_path, status):
    """Those that Datadog names."""
    with ScriptedHTTP([answer(status), answer(202)]) as server:
        datadog(server, tmp_path).run(context())


@pytest.mark.parametrize(
    ("status", "left", "period", "waits"),
    [
        (202, "0", "60", True),
        (202, "1", "60", False),
        (429, "0", "60", True),
        (202, "0", "", True),
        (202, "0", "1", False),
    ],
)
def test_the_end_of_a_period_is_waited_for(tmp_path, status, left, period, waits):
    """Datadog says with each answer how much of a period is left, and when the next one begins: no request is wasted.

    The end of a short one is told too roughly for that.
    """
    (tmp_path / "log").write_text("a line\n" * 1500)
    told = {"X-RateLimit-Remaining": left, "X-RateLimit-Reset": "37", "X-RateLimit-Period": period}
    step = context()
    began = step.deadline.clock.monotonic()
    steps = [answer(status, headers=told), *[answer(202)] * (1 + (status == 429))]
    with ScriptedHTTP(steps) as server:
        datadog(server, tmp_path, str(tmp_path / "log"), concurrency=1).run(step)
    assert (step.deadline.clock.monotonic() - began >= 37) is waits


@pytest.mark.parametrize(("status", "rejected"), [(400, True), (401, False), (403, False), (200, False), (404, False)])
def test_what_is_no_success_is_none(tmp_path, status, rejected):
    """Bad entries are kept; a wrong key ends the run; and neither is told with the key."""
    (tmp_path / "log").write_text("a\n")
    with ScriptedHTTP([answer(status, KEY.encode())]) as server, pytest.raises(ActionError) as told:
        datadog(server, tmp_path, str(tmp_path / "log")).run(context())
    assert (told.value.facts["rejected"] > 0) is rejected
    assert told.value.facts["accepted"] == 0
    assert KEY not in str(told.value)
    assert len(server.requests) == 1


def test_too_large_goes_in_halves(tmp_path):
    """413."""
    (tmp_path / "log").write_text("a\nb\n")
    with ScriptedHTTP([answer(413), answer(202), answer(202)]) as server:
        assert datadog(server, tmp_path, str(tmp_path / "log")).run(context()).facts["accepted"] == 2


@pytest.mark.parametrize("tags", [{"a": "b,c"}, {"a:b": "c"}])
def test_tags_that_would_be_others_are_refused(tmp_path, tags):
    """A comma ends one."""
    with pytest.raises(SettingsError):
        load(Datadog, {"api_key": KEY, "tags": tags}, {}, "X_")
