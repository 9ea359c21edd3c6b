"""What ship.cloudwatch puts, and what it makes of the answers."""

import json
import time

import pytest

from exitkit.errors import ActionError, Exhausted, Unknown
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.settings import SettingsError, load
from exitkit.ship.cloudwatch import Cloudwatch
from exitkit.testing import ScriptedHTTP, context, failed_workflow
from exitkit.testing.http import answer, answer_json


def cloudwatch(tmp_path, *names, **more):
    given = {
        "group": "argo",
        "from": list(names) or ["status"],
        "dead_letter": str(tmp_path / "dead"),
        "concurrency": 1,
    }
    return load(Cloudwatch, {**given, **more}, {}, "X_")


def now(offset=0.0):
    """As the fake clock has it."""
    seconds = context().deadline.clock.time() + offset
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".000000001Z"


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").write_text(f'{now(-20)} say "ä"\n{now(-10)} b\n')
    return str(tmp_path / "log")


def events(request):
    return json.loads(request.body)["logEvents"]


def test_records_are_in_moto_as_they_were_sent(aws, tmp_path):
    """The stream is made when there is none; the group only if that is asked for."""
    logs = aws("logs")
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 60))
    (tmp_path / "log").write_text(f'{stamp}.123456789Z say "ä"\n{stamp}.2Z b\n')
    ctx = context(clock=Clock(), seconds=60, terms=RetryPolicy(attempts=2))
    with pytest.raises(ActionError, match="ResourceNotFound"):
        cloudwatch(tmp_path, str(tmp_path / "log")).run(ctx)
    result = cloudwatch(tmp_path, str(tmp_path / "log"), create_group=True).run(ctx)
    assert result.facts["accepted"] == 2
    workflow = failed_workflow()
    found = logs.get_log_events(logGroupName="argo", logStreamName=f"{workflow.name}/{workflow.uid}")["events"]
    records = [json.loads(one["message"]) for one in found]
    assert [one["message"] for one in records] == [f'{stamp}.123456789Z say "ä"', f"{stamp}.2Z b"]
    assert all(len(one["id"]) == 26 for one in records)
    assert found[0]["timestamp"] % 1000 == 123


def test_a_request_is_signed_and_names_its_operation(account, tmp_path, log):
    """JSON 1.1, without compression, which the service does not take."""
    with ScriptedHTTP([answer_json({})]) as server:
        cloudwatch(tmp_path, log, endpoint_url=server.url, format="text", stream="s").run(context())
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "Logs_20140328.PutLogEvents"
    assert request.headers["content-type"] == "application/x-amz-json-1.1"
    assert "/logs/aws4_request" in request.headers["authorization"]
    assert "content-encoding" not in request.headers
    assert json.loads(request.body)["logStreamName"] == "s"
    assert [one["message"].split(" ", 1)[1] for one in events(request)] == ['say "ä"', "b"]


def test_events_are_in_the_order_of_their_times_within_a_day(account, tmp_path):
    """Or the service refuses all of them; and none is empty."""
    (tmp_path / "a").write_text(f"{now(-30)} late\n\n")
    (tmp_path / "b").write_text(f"{now(-2 * 86400)} two days ago\n{now(-60)} early\n")
    with ScriptedHTTP([answer_json({})] * 2) as server:
        made = cloudwatch(tmp_path, str(tmp_path / "a"), str(tmp_path / "b"), endpoint_url=server.url, format="text")
        assert made.run(context()).facts["accepted"] == 4
    for request in server.requests:
        times = [one["timestamp"] for one in events(request)]
        assert times == sorted(times)
        assert times[-1] - times[0] < 86_400_000
        assert all(one["message"] for one in events(request))
    assert [len(events(one)) for one in server.requests] == [1, 3]


def test_what_is_too_old_or_too_new_is_refused_and_kept(account, tmp_path):
    """Before it is sent, as far as that is known; the rest is taken."""
    (tmp_path / "log").write_text(f"{now(-15 * 86400)} old\n{now()} fine\n{now(3 * 3600)} new\n")
    with ScriptedHTTP([answer_json({})]) as server:
        with pytest.raises(ActionError, match="older than 14 days; more than two hours from now") as told:
            workflow = failed_workflow(creation_timestamp="2020-01-01T00:00:00Z", duration="1")
            cloudwatch(tmp_path, str(tmp_path / "log"), endpoint_url=server.url).run(context(workflow=workflow))
    assert (told.value.facts["accepted"], told.value.facts["rejected"]) == (1, 2)
    assert len((tmp_path / "dead").read_text().splitlines()) == 2


def test_what_the_service_rejects_is_told_by_its_places(account, tmp_path):
    """The end of the old ones is behind the last, the beginning of the new ones is the first."""
    (tmp_path / "log").write_text("".join(f"{now(-60 + n)} line {n}\n" for n in range(6)))
    said = {
        "rejectedLogEventsInfo": {
            "tooOldLogEventEndIndex": 2,
            "expiredLogEventEndIndex": 1,
            "tooNewLogEventStartIndex": 5,
        }
    }
    with ScriptedHTTP([answer_json(said)]) as server, pytest.raises(ActionError) as told:
        cloudwatch(tmp_path, str(tmp_path / "log"), endpoint_url=server.url).run(context())
    assert told.value.facts["rejected"] == 3
    dead = [json.loads(line)["message"][-6:] for line in (tmp_path / "dead").read_text().splitlines()]
    assert dead == ["line 0", "line 1", "line 5"]


@pytest.mark.parametrize("kind", ["ThrottlingException", "ServiceUnavailableException"])
def test_a_busy_service_is_asked_again(account, tmp_path, log, kind):
    """Throttling comes as 400."""
    with ScriptedHTTP([answer_json({"__type": f"com.amazonaws#{kind}"}, 400), answer_json({})]) as server:
        assert cloudwatch(tmp_path, log, endpoint_url=server.url).run(context()).facts["accepted"] == 2


def test_who_may_not_is_told_at_once(account, tmp_path, log):
    """With the service's word for it."""
    with ScriptedHTTP([answer_json({"__type": "AccessDeniedException", "Message": "no"}, 400)]) as server:
        with pytest.raises(ActionError, match="AccessDeniedException: no") as told:
            cloudwatch(tmp_path, log, endpoint_url=server.url).run(context())
    assert told.value.reason == "auth"
    assert not isinstance(told.value, Exhausted)


def test_limits_of_a_request_hold(account, tmp_path):
    """10,000 events; 1,048,576 bytes, of which each takes 26."""
    (tmp_path / "log").write_text("x\n" * 12_000 + ("ä" * 4000 + "\n") * 200)
    with ScriptedHTTP([answer_json({})] * 8) as server:
        cloudwatch(tmp_path, str(tmp_path / "log"), endpoint_url=server.url, format="text").run(
            context(workflow=failed_workflow(creation_timestamp=now(-3600), duration="1"))
        )
        count = len(server.requests)
        server._steps.clear()
    assert count >= 3
    for request in server.requests:
        assert len(events(request)) <= 10_000
        assert sum(len(one["message"].encode()) + 26 for one in events(request)) <= 1_048_576


def test_too_large_goes_in_halves(account, tmp_path, log):
    """By the name that the service has for it."""
    large = answer_json({"__type": "RequestEntityTooLargeException"}, 413)
    with ScriptedHTTP([large, answer_json({}), answer_json({})]) as server:
        assert cloudwatch(tmp_path, log, endpoint_url=server.url).run(context()).facts["accepted"] == 2


@pytest.mark.parametrize("more", [{"group": ""}, {"group": "a b"}, {"stream": "a:b"}, {"stream": "x*"}])
def test_names_that_cannot_be(tmp_path, more):
    """Before anything runs."""
    with pytest.raises(SettingsError):
        cloudwatch(tmp_path, **more)


def test_a_page_for_people_is_no_success(account, tmp_path, log):
    """200 with HTML is what stands before the service."""
    with ScriptedHTTP([answer(200, b"<html>login</html>")]) as server, pytest.raises(ActionError) as told:
        cloudwatch(tmp_path, log, endpoint_url=server.url, region="eu-west-1").run(context())
    assert told.value.facts["accepted"] == 0


def test_what_exists_already_is_known_by_its_kind_and_not_by_a_text(account, tmp_path, log):
    """A message that only mentions it is an error like any other."""
    missing = answer_json({"__type": "ResourceNotFoundException", "message": "no stream"}, 400)
    other = answer_json({"__type": "InvalidParameterException", "message": "not ResourceAlreadyExistsException"}, 400)
    with ScriptedHTTP([missing, other]) as server, pytest.raises(ActionError, match="InvalidParameterException"):
        cloudwatch(tmp_path, log, endpoint_url=server.url, region="eu-west-1").run(context())
    there = answer_json({"__type": "ResourceAlreadyExistsException", "message": "it is"}, 400)
    with ScriptedHTTP([missing, there, answer_json({})]) as server:
        facts = cloudwatch(tmp_path, log, endpoint_url=server.url, region="eu-west-1").run(context()).facts
    assert facts["accepted"] == 2


def test_a_day_that_arrived_is_not_put_again_because_the_next_is_throttled(account, tmp_path):
    """A batch that spans several days takes several requests; only what has no verdict goes again."""
    (tmp_path / "log").write_text(f"{now(-200_000)} old\n{now(-10)} new\n")
    slow = answer_json({"__type": "ThrottlingException", "message": "rate"}, 400)
    with ScriptedHTTP([answer_json({}), slow, answer_json({})]) as server:
        made = cloudwatch(tmp_path, str(tmp_path / "log"), endpoint_url=server.url, region="eu-west-1", format="text")
        assert made.run(context()).facts["accepted"] == 2
    assert [[one["message"][-3:] for one in events(request)] for request in server.requests] == [
        ["old"],
        ["new"],
        ["new"],
    ]


@pytest.mark.parametrize(
    "said",
    [
        answer_json({"__type": "ThrottlingException:http://internal.amazon.com/coral/"}, 400),
        answer_json({}, 400, {"x-amzn-ErrorType": "ThrottlingException:"}),
        answer_json({"__type": "TooManyRequestsException"}, 400),
        answer_json({"code": "RequestLimitExceeded"}, 400),
    ],
)
def test_each_way_to_say_that_it_was_too_much_is_understood(account, tmp_path, log, said):
    """The protocol lets the name stand in a header, and have a URL behind it."""
    with ScriptedHTTP([said, answer_json({})]) as server:
        assert cloudwatch(tmp_path, log, endpoint_url=server.url).run(context()).facts["accepted"] == 2


@pytest.mark.parametrize("info", [[1], "x", {"tooOldLogEventEndIndex": "1"}, {"tooNewLogEventStartIndex": -1}])
def test_places_that_cannot_be_read_leave_it_unknown(account, tmp_path, log, info):
    """It says that it refused some, and not which."""
    with ScriptedHTTP([answer_json({"rejectedLogEventsInfo": info})]) as server, pytest.raises(Unknown) as told:
        cloudwatch(tmp_path, log, endpoint_url=server.url).run(context())
    assert (told.value.facts["accepted"], told.value.facts["unknown"]) == (0, 2)
