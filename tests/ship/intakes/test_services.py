"""Each leaf that speaks HTTP, against a service that holds its documented limits and keeps what it takes."""

import json
import time

import pytest

from exitkit.errors import ActionError
from exitkit.plan import registry
from exitkit.settings import load
from exitkit.testing import context, failed_workflow

HARD = [
    "say \"hi\" \\ and 'bye'",
    "ünï/👍",
    "tab\there \x1b[31mred",
    "<b>&amp;</b>",
    "{{x}} ${y} %s",
    "null",
    "x" * 16_000,
    "",
]
MILLISECONDS = {"datadog", "cloudwatch"}
ONCE = {"loki", "elasticsearch", "gcplogging"}  # those that know what comes twice

GIVEN = {
    "loki": lambda server: {},
    "elasticsearch": lambda server: {},
    "splunk": lambda server: {"token": server.token},
    "otlp": lambda server: {},
    "datadog": lambda server: {"api_key": server.key},
    "cloudwatch": lambda server: {"group": "argo", "create_group": True, "region": "us-east-1"},
    "gcplogging": lambda server: {
        "project": "ml-prod",
        "anonymous": True,
        "headers": {"Authorization": f"Bearer {server.token}"},
    },
    "bulk_http": lambda server: {},
}


@pytest.fixture(params=GIVEN)
def service(request, account):
    return request.param, request.getfixturevalue(request.param)


@pytest.fixture
def log(tmp_path, clock):
    """Hard lines of a minute ago, and what they are."""
    now = clock.time() - 60
    stamps = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{n:09d}Z" for n in range(1, len(HARD) + 1)]
    lines = [f"{stamp} {line}" for stamp, line in zip(stamps, HARD, strict=True)]
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in lines))
    return str(tmp_path / "log"), lines, int(now) * 10**9


def ship(service, tmp_path, clock, *names, **more):
    name, server = service
    leaf = f"ship.{'http' if name == 'bulk_http' else name}"
    url = {"endpoint_url": server.url} if name == "cloudwatch" else {"url": server.url}
    given = {**GIVEN[name](server), **url, "from": list(names), "dead_letter": str(tmp_path / "dead"), **more}
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.time() - 120))
    workflow = failed_workflow(creation_timestamp=moment, duration="30")
    return load(registry.find(leaf), given, {}, "X_").run(context(clock=clock, workflow=workflow))


def text(record):
    """CloudWatch has all of a record in its message."""
    message = record["message"]
    return json.loads(message)["message"] if message.startswith('{"id"') else message


def test_what_arrives_is_what_was_sent(service, tmp_path, clock, log):
    """Each line once, at its time, under an id of its own."""
    name, server = service
    path, lines, start = log
    result = ship(service, tmp_path, clock, path)
    assert result.facts["accepted"] == len(lines)
    found = sorted((one["time"], text(one)) for one in server.records)
    wanted = [start + n for n in range(1, len(lines) + 1)]
    if name in MILLISECONDS:
        assert sorted(one for _, one in found) == sorted(lines)
        assert {when for when, _ in found} == {start}
    else:
        assert found == list(zip(wanted, lines, strict=True))
    assert len({one["id"] for one in server.records}) == len(lines)
    assert server.complaints == []


def test_a_second_run_is_known_where_that_can_be(service, tmp_path, clock, log):
    """And elsewhere the ids are the same, by which two arrivals are told apart."""
    name, server = service
    path, lines, _ = log
    first = ship(service, tmp_path, clock, path)
    before = {one["id"] for one in server.records}
    ship(service, tmp_path, clock, path)
    assert {one["id"] for one in server.records} == before
    assert len(server.records) == len(lines) * (1 if name in ONCE else 2)
    assert first.facts["idempotent"] is (name in ONCE)


def test_a_long_log_keeps_to_the_limits(service, tmp_path, clock):
    """By requests that the service takes at the first try."""
    name, server = service
    (tmp_path / "log").write_text("".join(f"line {number} {'y' * (number % 300)}\n" for number in range(12_000)))
    result = ship(service, tmp_path, clock, str(tmp_path / "log"))
    assert result.facts["accepted"] == 12_000
    assert sorted(int(text(one).split()[1]) for one in server.records) == list(range(12_000))
    refused = [one for one in server.replies if one >= 300]
    assert len(refused) <= (2 if name == "cloudwatch" else 0)  # each of its two at a time finds no stream, one makes it


def test_a_busy_service_gets_it_later(service, tmp_path, clock, log):
    """Nothing is lost, and nothing comes twice for that."""
    name, server = service
    path, lines, _ = log
    if name == "cloudwatch":
        server.fail("ThrottlingException")
    else:
        server.next(429, {"Retry-After": "2"})
    assert ship(service, tmp_path, clock, path).facts["accepted"] == len(lines)
    assert sorted(text(one) for one in server.records) == sorted(lines)


def test_wrong_credentials_end_it_at_once(service, tmp_path, clock, log):
    """One request, the reason, and nothing of the secret."""
    name, server = service
    if name == "cloudwatch":
        server.fail("AccessDeniedException")
    else:
        server.next(401 if name != "datadog" else 403)
    if name in ("gcplogging", "splunk"):
        server.next(401)
    with pytest.raises(ActionError) as told:
        ship(service, tmp_path, clock, log[0])
    assert told.value.reason == "auth"
    assert told.value.facts["accepted"] == 0
    assert "made-up" not in str(told.value)
