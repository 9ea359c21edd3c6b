"""ship.syslog against a real rsyslog, over TCP and TLS; what it wrote is compared message by message."""

import pytest

from exitkit.errors import ActionError
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.settings import load
from exitkit.ship.syslog import Syslog
from exitkit.testing import context

LINES = ['say "hi" ] \\ bye', "ünï/👍", "{{x}} %s", "", "x" * 5000]


@pytest.fixture(params=["tcp", "tls"])
def rsyslog(request, start_rsyslog):
    tls = request.param == "tls"
    server = start_rsyslog(tls=tls)
    return {
        "host": server.host,
        "port": server.port,
        "tls": tls,
        **({"ca_file": server.ca_file} if tls else {}),
    }, server


def ship(given, *names):
    made = load(Syslog, {**given, "from": list(names), "dead_letter": ""}, {}, "X_")
    return made.run(context(clock=Clock(), seconds=60, terms=RetryPolicy(attempts=3)))


def test_what_is_shipped_is_written(rsyslog, tmp_path):
    """Each line as it was, with its time and its id."""
    given, server = rsyslog
    stamps = [f"2026-11-23T07:57:41.{number:06d}Z" for number in range(len(LINES))]
    (tmp_path / "log").write_text("".join(f"{stamp} {line}\n" for stamp, line in zip(stamps, LINES, strict=True)))
    assert ship(given, "status", str(tmp_path / "log")).facts["left"] == 0
    rows = server.rows(len(LINES) + 5)
    logs = [one for one in rows if one["message"].strip()[:20] == "2026-11-23T07:57:41."]
    assert [one["message"].removeprefix(" ") for one in logs] == [
        f"{stamp} {line}" for stamp, line in zip(stamps, LINES, strict=True)
    ]
    assert [one["time"].replace("+00:00", "Z") for one in logs] == stamps
    assert all('[exitkit@32473 id="' in one["sd"] for one in rows)


def test_many_arrive_in_order(rsyslog, tmp_path):
    """Twenty thousand, none missing, none twice."""
    given, server = rsyslog
    (tmp_path / "log").write_text("".join(f"number {number}\n" for number in range(20_000)))
    assert ship(given, str(tmp_path / "log")).facts["accepted"] == 20_000
    assert [int(one["message"].rpartition(" ")[2]) for one in server.rows(20_000)] == list(range(20_000))


def test_a_certificate_that_nobody_knows_is_refused(start_rsyslog):
    """Nothing is sent to whoever it is."""
    server = start_rsyslog(tls=True)
    with pytest.raises(ActionError, match="certificate"):
        ship({"host": server.host, "port": server.port, "tls": True}, "status")
    assert server.rows(0) == []


def test_lines_are_told_apart_by_line_feeds(start_rsyslog, tmp_path):
    """A server that counts no octets gets all of them too; what is inside of a message is a space then."""
    server = start_rsyslog()
    (tmp_path / "log").write_text("".join(f"number {number}\n" for number in range(5000)) + "Traceback:\n  of two\n")
    given = {"host": server.host, "port": server.port, "tls": False, "framing": "newline", "multiline": True}
    facts = ship({key: given[key] for key in given if key in Syslog.model_fields}, str(tmp_path / "log")).facts
    rows = server.rows(facts["read"])
    assert (facts["accepted"], len(rows)) == (facts["read"], facts["read"])
    assert [one["message"] for one in rows[:5000]] == [f"number {number}" for number in range(5000)]


@pytest.mark.parametrize("framing", ["octets", "newline"])
def test_a_strict_reader_has_what_was_accepted(collector, tmp_path, framing):
    """A collector's parser of RFC 5424, also of an empty message, which it would break at a space; each record is there
    once with its id.
    """
    door = {"octets": "octets", "newline": "lines"}[framing]
    (tmp_path / "log").write_text("".join(f"{line}\n" for line in [*LINES, *(f"n{n}" for n in range(2000))]))
    given = {"host": "127.0.0.1", "port": collector.ports[door], "tls": False, "framing": framing, "app_name": door}
    facts = ship(given, "status", str(tmp_path / "log")).facts
    for _ in range(50):
        parsed = [_attributes(one["attributes"]) for one in collector.records() if one.get("attributes")]
        mine = [one for one in parsed if one.get("appname") == door]
        if len(mine) >= facts["accepted"]:
            break
    assert len(mine) == facts["accepted"] == facts["read"]
    assert [one.get("message", "") for one in mine if one["msg_id"] == "log"][: len(LINES)] == LINES
    assert len({one["structured_data"]["exitkit@32473"]["id"] for one in mine}) == len(mine)


def _attributes(found):
    """OTLP's list of attributes as what it says."""
    values = {one["key"]: one["value"] for one in found}
    return {
        key: _attributes(value["kvlistValue"]["values"]) if "kvlistValue" in value else next(iter(value.values()))
        for key, value in values.items()
    }
