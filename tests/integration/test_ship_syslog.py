"""ship.syslog against a real rsyslog, over TCP and TLS; what it wrote is compared message by message."""

import json
import shutil
import time
from pathlib import Path

import pytest

from exitkit.actions.ship.syslog import Syslog
from exitkit.clock import Clock
from exitkit.errors import ActionError
from exitkit.retry import Terms
from exitkit.settings import load
from exitkit.testing import context
from exitkit.testing.server import certificate_file

MODULES = [
    Path("/usr/lib/x86_64-linux-gnu/rsyslog"),
    Path("/usr/lib/aarch64-linux-gnu/rsyslog"),
    Path("/usr/lib/rsyslog"),
]
LINES = ['say "hi" ] \\ bye', "ünï/👍", "{{x}} %s", "", "x" * 5000]

CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k" {tls})
module(load="imtcp" {driver})
input(type="imtcp" port="{port}" address="127.0.0.1" SupportOctetCountedFraming="on")
template(name="json" type="list") {{
  constant(value="{{\\"msg\\":\\"") property(name="msg" format="jsonr")
  constant(value="\\",\\"host\\":\\"") property(name="hostname" format="jsonr")
  constant(value="\\",\\"time\\":\\"") property(name="timereported" dateFormat="rfc3339")
  constant(value="\\",\\"sd\\":\\"") property(name="structured-data" format="jsonr")
  constant(value="\\",\\"pri\\":\\"") property(name="pri") constant(value="\\"}}\\n")
}}
action(type="omfile" file="{out}" template="json")
"""


@pytest.fixture(params=["tcp", "tls"])
def rsyslog(request, program, serve, free_port, tmp_path):
    path, port = program("rsyslogd"), free_port()
    tls = request.param == "tls"
    if tls and not any((one / "lmnsd_ossl.so").exists() for one in MODULES):
        pytest.skip("rsyslog has no TLS here: the package rsyslog-openssl is not installed")
    pem = certificate_file()
    shutil.copy(pem, tmp_path / "cert.pem")
    files = {
        "DefaultNetstreamDriver": "ossl",
        **{f"DefaultNetstreamDriver{one}File": tmp_path / "cert.pem" for one in ("CA", "Cert", "Key")},
    }
    given = {
        "folder": tmp_path,
        "port": port,
        "out": tmp_path / "out",
        "tls": " ".join(f'{name}="{value}"' for name, value in files.items()) if tls else "",
        "driver": 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"' if tls else "",
    }
    (tmp_path / "rsyslog.conf").write_text(CONFIG.format(**given))
    serve([path, "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")], port)
    return {"host": "localhost", "port": port, "tls": tls, **({"ca_file": pem} if tls else {})}, tmp_path / "out"


def ship(given, *names):
    made = load(Syslog, {**given, "from": list(names), "dead_letter": ""}, {}, "X_")
    return made.run(context(clock=Clock(), seconds=60, terms=Terms(attempts=3)))


def written(out, count):
    for _ in range(200):
        lines = out.read_text().splitlines() if out.exists() else []
        if len(lines) >= count:
            break
        time.sleep(0.05)
    return [json.loads(line) for line in lines]


def test_what_is_shipped_is_written(rsyslog, tmp_path):
    """Each line as it was, with its time and its id."""
    given, out = rsyslog
    stamps = [f"2026-11-23T07:57:41.{number:06d}Z" for number in range(len(LINES))]
    (tmp_path / "log").write_text("".join(f"{stamp} {line}\n" for stamp, line in zip(stamps, LINES, strict=True)))
    assert ship(given, "status", str(tmp_path / "log")).facts["left"] == 0
    rows = written(out, len(LINES) + 5)
    logs = [one for one in rows if one["msg"].strip()[:20] == "2026-11-23T07:57:41."]
    assert [one["msg"].removeprefix(" ") for one in logs] == [
        f"{stamp} {line}" for stamp, line in zip(stamps, LINES, strict=True)
    ]
    assert [one["time"].replace("+00:00", "Z") for one in logs] == stamps
    assert all('[exitkit@32473 id="' in one["sd"] for one in rows)


def test_many_arrive_in_order(rsyslog, tmp_path):
    """Twenty thousand, none missing, none twice."""
    given, out = rsyslog
    (tmp_path / "log").write_text("".join(f"number {number}\n" for number in range(20_000)))
    assert ship(given, str(tmp_path / "log")).facts["accepted"] == 20_000
    assert [int(one["msg"].rpartition(" ")[2]) for one in written(out, 20_000)] == list(range(20_000))


def test_a_certificate_that_nobody_knows_is_refused(rsyslog, tmp_path):
    """Nothing is sent to whoever it is."""
    given, out = rsyslog
    if not given["tls"]:
        pytest.skip("there is no certificate without TLS")
    with pytest.raises(ActionError, match="certificate"):
        ship({**given, "ca_file": None}, "status")
    assert written(out, 0) == []
