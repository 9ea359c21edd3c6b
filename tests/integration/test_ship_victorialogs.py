"""The leaves of ship against a real server of logs: VictoriaLogs, which takes Loki's, Elasticsearch's and other ways in.

What was sent is asked back and compared record by record.
"""

import time

import pytest

from exitkit.plan import registry
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.settings import load
from exitkit.testing import context, failed_workflow

LINES = ["say \"hi\" \\ and 'bye'", "ünï/👍", "tab\there", "<b>&amp;</b>", "{{x}} ${y} %s", "null", "x" * 5000]


@pytest.fixture
def log(tmp_path):
    now = time.time() - 60
    stamps = [
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{number:09d}Z" for number in range(1, len(LINES) + 1)
    ]
    (tmp_path / "log").write_text("".join(f"{stamp} {line}\n" for stamp, line in zip(stamps, LINES, strict=True)))
    return str(tmp_path / "log"), [f"{stamp} {line}" for stamp, line in zip(stamps, LINES, strict=True)]


def ship(name, given, workflow):
    made = load(registry.find(name), given, {}, "X_")
    ctx = context(clock=Clock(), seconds=60, terms=RetryPolicy(attempts=3), workflow=workflow)
    return made.run(ctx)


BULK = {"VL-Msg-Field": "message", "VL-Time-Field": "@timestamp", "VL-Stream-Fields": "workflow"}
# For each: its settings, the field that names the workflow, the one that has the id, and the digits of a second.
WAYS = {
    "ship.loki": ({"url": "{url}/insert/loki/api/v1/push"}, "workflow", "id", 9),
    "ship.elasticsearch": ({"url": "{url}/insert/elasticsearch", "index": "", "headers": BULK}, "workflow", "", 9),
    "ship.http": (
        {
            "url": "{url}/insert/jsonline?_stream_fields=workflow&_time_field=time&_msg_field=message",
            "id_field": "record",
        },
        "workflow",
        "record",
        9,
    ),
    "ship.datadog": (
        {"url": "{url}/insert/datadog/api/v2/logs", "api_key": "made-up-key"},
        "workflow",
        "exitkit_id",
        3,
    ),
    "ship.splunk": (
        {"url": "{url}/insert/splunk/services/collector/event", "token": "made-up-token"},
        "fields.workflow",
        "fields.exitkit_id",
        9,
    ),
    "ship.otlp": ({"url": "{url}/insert/opentelemetry/v1/logs"}, "cicd.pipeline.name", "log.record.uid", 9),
    "ship.syslog": (
        {"host": "127.0.0.1", "port": "{syslog_port}", "tls": False},
        "exitkit@32473.workflow",
        "exitkit@32473.id",
        6,
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_is_shipped_is_there(victorialogs, tmp_path, log, name):
    """Each line as it was, at its time, with its id."""
    path, lines = log
    settings, whose, identity, digits = WAYS[name]
    here = {"url": victorialogs.url, "syslog_port": victorialogs.syslog_port}
    given = {key: value.format(**here) if isinstance(value, str) else value for key, value in settings.items()}
    workflow = failed_workflow(name=f"w-{name.replace('.', '-')}")
    result = ship(name, {**given, "from": ["status", path], "dead_letter": str(tmp_path / "dead")}, workflow)
    assert result.facts["left"] == result.facts["rejected"] == 0
    rows = victorialogs.query(f'"{whose}":="{workflow.name}"', result.facts["read"])
    assert len(rows) == result.facts["read"]
    found = sorted((row["_msg"], row["_time"]) for row in rows if row["_msg"] in lines)
    assert [message for message, _ in found] == lines
    # It leaves out the zeros at the end of a time, and the dot.
    times = [when.rstrip("Z") + "." * ("." not in when) for _, when in found]
    assert [when.ljust(20 + digits, "0") for when in times] == [line[: 20 + digits] for line in lines]
    if identity:
        ids = {row[identity] for row in rows}
        assert len(ids) == len(rows)
        assert all(len(one) == 26 for one in ids)


def test_a_long_log_arrives_whole(victorialogs, tmp_path):
    """Fifty thousand lines by several requests at a time; each is there once."""
    stamp = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 300))
    text = "".join(f"{stamp}:{n % 60:02d}.{n:09d}Z number {n}\n" for n in range(50_000))
    (tmp_path / "log").write_text(text)
    given = {"url": f"{victorialogs.url}/insert/loki/api/v1/push", "from": [str(tmp_path / "log")], "dead_letter": ""}
    result = ship("ship.loki", given, failed_workflow(name="w-long"))
    assert result.facts["accepted"] == 50_000
    rows = victorialogs.query('{workflow="w-long"}')
    assert sorted(int(row["_msg"].rpartition(" ")[2]) for row in rows) == list(range(50_000))


@pytest.mark.parametrize("name", WAYS)
def test_what_comes_twice_is_there_once_where_that_is_claimed(victorialogs, tmp_path, log, name):
    """VictoriaLogs keeps both, whatever their ids are, and by none of its ways in is anything else said."""
    path, _ = log
    settings, whose, _, _ = WAYS[name]
    here = {"url": victorialogs.url, "syslog_port": victorialogs.syslog_port}
    given = {key: value.format(**here) if isinstance(value, str) else value for key, value in settings.items()}
    workflow = failed_workflow(name=f"twice-{name.replace('.', '-')}")
    facts = [ship(name, {**given, "from": [path], "dead_letter": ""}, workflow).facts for _ in range(2)]
    accepted = sum(each["accepted"] for each in facts)
    rows = victorialogs.query(f'"{whose}":="{workflow.name}"', accepted)
    assert len(rows) == accepted == 2 * len(LINES)
    assert not any(each["idempotent"] for each in facts)
