"""Each leaf that speaks HTTP, against a service that holds its documented limits and keeps what it takes."""

import json
import threading
import time
from pathlib import Path

import pytest

from exitkit.errors import ActionError, Unknown
from exitkit.plan import registry
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock, Deadline
from exitkit.settings import load
from exitkit.store.place import open_store
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


def ship(service, tmp_path, clock, *names, state=None, resend=False, seconds=300.0, **more):
    name, server = service
    leaf = f"ship.{'http' if name == 'bulk_http' else name}"
    url = {"endpoint_url": server.url} if name == "cloudwatch" else {"url": server.url}
    given = {**GIVEN[name](server), **url, "from": list(names), "dead_letter": str(tmp_path / "dead"), **more}
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.time() - 120))
    workflow = failed_workflow(creation_timestamp=moment, duration="30")
    terms = RetryPolicy(attempts=5, resend=resend)
    made = load(registry.find(leaf), given, {}, "X_")
    return made.run(context(clock=clock, workflow=workflow, state=state, terms=terms, seconds=seconds))


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
    # A Loki that shards its streams, as it does by default and this one does not, keeps both.
    assert first.facts["idempotent"] is (name in ONCE - {"loki"})


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


# Records that cannot be taken.


def refusing(server, name, numbers):
    """The service refuses the lines of these numbers for good; Loki does it by their age."""
    if name != "loki":
        server.refuse(*(f"line {number} " for number in numbers))


def numbered(tmp_path, clock, name, count, bad):
    """A log of so many lines; to Loki the bad ones are eight days old."""
    moment = clock.time() - 3000
    lines = []
    for number in range(count):
        when = moment + number / 100 - (8 * 86_400 if name == "loki" and number in bad else 0)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f".{number:09d}Z"
        lines.append(f"{stamp} line {number} \n")
    (tmp_path / "log").write_text("".join(lines))
    return str(tmp_path / "log")


@pytest.mark.parametrize("bad", [{3}, {0, 700, 701, 1999}])
def test_a_record_that_is_refused_costs_no_other(service, tmp_path, clock, bad):
    """What the report says was accepted is what the service has, each once; only the culprits are dead letters."""
    name, server = service
    if name in ("datadog", "cloudwatch"):
        pytest.skip("it tells nothing of single records, or takes any text")
    if name == "loki":  # what is behind a line in its log is never told as older than that
        bad = set(range(len(bad)))
    refusing(server, name, bad)
    with pytest.raises(ActionError, match=f"refused {len(bad)} record") as told:
        ship(service, tmp_path, clock, numbered(tmp_path, clock, name, 2000, bad))
    facts = told.value.facts
    assert (facts["accepted"], facts["rejected"], facts["unknown"], facts["left"]) == (2000 - len(bad), len(bad), 0, 0)
    arrived = sorted(int(text(one).rpartition("line ")[2]) for one in server.records)
    assert arrived == [number for number in range(2000) if number not in bad]
    if name != "otlp":  # whose answer has a number, and no places: all of that batch is kept
        kept = [json.loads(line) for line in (tmp_path / "dead").read_text().splitlines()]
        assert sorted(int(one["message"].rpartition("line ")[2]) for one in kept) == sorted(bad)


# A second run.


def test_receipts_keep_a_second_run_from_shipping_again(service, tmp_path, clock, log):
    """Where the service would keep what comes twice; only what is new goes, also of a log that has grown."""
    name, server = service
    path, lines, _ = log
    state = open_store(str(tmp_path / "state"))
    ship(service, tmp_path, clock, path, state=state)
    with Path(path).open("a") as file:
        file.write(f"{lines[-1]} and more\n")
    before = len(server.records)
    facts = ship(service, tmp_path, clock, path, state=state).facts
    if name == "gcplogging":  # which knows what comes twice, and says nothing of it
        assert (len(server.records), facts["accepted"]) == (before + 1, len(lines) + 1)
        return
    assert (facts["read"], facts["accepted"], facts["duplicate"]) == (len(lines) + 1, 1, len(lines))
    assert len(server.records) == before + 1
    if not facts["idempotent"]:
        requests = len(server.requests)
        assert ship(service, tmp_path, clock, path, state=state).duplicate
        assert len(server.requests) == requests, "there was nothing to send"


def test_receipts_of_another_file_mean_nothing(bulk_http, tmp_path, clock, log):
    """Its first line is another; all of it goes, and the report says why."""
    service, state = ("bulk_http", bulk_http), open_store(str(tmp_path / "state"))
    ship(service, tmp_path, clock, log[0], state=state)
    (tmp_path / "log").write_text("something else\nand more\n")
    result = ship(service, tmp_path, clock, log[0], state=state)
    assert result.facts["accepted"] == 2
    assert "an earlier run has sent something else under this name" in result.notes[0]


def test_what_may_have_arrived_is_not_sent_by_a_second_run_unless_that_is_asked_for(bulk_http, tmp_path, clock, log):
    """It is unknown in the first, and counts as sent; `retry.resend` sends it."""
    service, state = ("bulk_http", bulk_http), open_store(str(tmp_path / "state"))
    bulk_http.next(drop=True, stored=True)
    with pytest.raises(Unknown) as told:
        ship(service, tmp_path, clock, log[0], state=state)
    assert told.value.facts["unknown"] == len(log[1]) == len(bulk_http.records)
    assert ship(service, tmp_path, clock, log[0], state=state).duplicate
    assert len(bulk_http.records) == len(log[1])


def test_a_run_that_was_killed_while_it_shipped_is_told_of(bulk_http, tmp_path, clock, log):
    """What it sent last may be there twice; all that it noted is not sent again."""
    service, state = ("bulk_http", bulk_http), open_store(str(tmp_path / "state"))
    ship(service, tmp_path, clock, log[0], state=state)
    (name,) = state.store.list("receipt.")
    confirmed = state.store.get(name).data
    state.overwrite(Deadline(100, clock), name, confirmed.replace(b'"confirmed"', b'"intent"'))
    result = ship(service, tmp_path, clock, log[0], state=state)
    assert result.duplicate
    assert len(bulk_http.records) == len(log[1])
    assert "an earlier run was ended while it shipped" in result.notes[0]


def test_two_that_ship_the_same_at_once_ship_it_once(bulk_http, tmp_path, clock, log):
    """The second waits for the first, and finds nothing new."""
    service, where = ("bulk_http", bulk_http), str(tmp_path / "state")
    results = []
    threads = [
        threading.Thread(
            target=lambda: results.append(ship(service, tmp_path, Clock(), log[0], state=open_store(where)))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bulk_http.records) == len(log[1])
    assert sorted(one.duplicate for one in results) == [False, True, True]


@pytest.mark.parametrize("broken", ["file", "damaged"])
def test_a_store_that_cannot_be_used_stops_no_shipment(bulk_http, tmp_path, clock, log, broken):
    """It is told what a second run will do."""
    (tmp_path / "state").mkdir()
    service, where = ("bulk_http", bulk_http), tmp_path / "state"
    if broken == "file":
        (tmp_path / "state" / "file").write_text("x")
        where = tmp_path / "state" / "file"
    else:
        ship(service, tmp_path, clock, log[0], state=open_store(str(where)))
        for path in where.glob("sent.*"):
            path.write_text('{"version": 1, "sent": [[0, "x"]')
    result = ship(service, tmp_path, clock, log[0], state=open_store(str(where)))
    assert result.facts["accepted"] == len(log[1])
    told = "another run may deliver again" if broken == "file" else "an earlier run has sent something else"
    assert any(told in note for note in result.notes)


# A limit on the rate.


def test_a_limit_on_the_rate_is_learnt_and_all_arrives_once(loki, tmp_path, clock):
    """Loki's own limit in small: sixty times its burst arrives whole, none twice, in little more than it takes."""
    loki.rate, loki.burst = 40_000, 60_000
    loki._tokens = float(loki.burst)
    line = "y" * 180
    (tmp_path / "log").write_text("".join(f"line {number} {line}\n" for number in range(16_000)))
    began = clock.monotonic()
    service = ("loki", loki)
    facts = ship(service, tmp_path, clock, str(tmp_path / "log"), seconds=3000, batch_bytes=20_000).facts
    assert facts["accepted"] == 16_000
    assert sorted(int(text(one).split()[1]) for one in loki.records) == list(range(16_000))
    assert not loki.duplicates
    size = sum(len(text(one)) + len(one["id"]) + 2 for one in loki.records)
    assert clock.monotonic() - began <= 1.15 * (size - loki.burst) / loki.rate
    assert loki.replies.count(429) <= len(loki.replies) / 10
