"""A program that gives credentials: when it is run, with what, and what it may print."""

import json
import sys

import pytest

from exitkit.clients.kubernetes import execplugin
from exitkit.clients.kubernetes.execplugin import Program
from exitkit.errors import ActionError, Retryable
from exitkit.testing.clock import FakeClock

VERSION = "client.authentication.k8s.io/v1"


@pytest.fixture
def program(tmp_path):
    def make(script, clock=None, command=sys.executable):
        (tmp_path / "give.py").write_text(script)
        return Program(command, (str(tmp_path / "give.py"),), VERSION, tmp_path, clock or FakeClock())

    return make


def printing(status):
    return f"print({json.dumps(json.dumps({'kind': 'ExecCredential', 'status': status}))})"


def test_one_that_hangs_is_ended_and_tried_again(program, monkeypatch):
    """It may ask a cloud that is slow; the next try may be quicker."""
    monkeypatch.setattr(execplugin, "_SECONDS", 0.2)
    with pytest.raises(Retryable, match=r"gave no credentials within 0.2 s") as told:
        program("import time; time.sleep(60)").credentials()
    assert told.value.reason == "timeout"


def test_it_is_run_again_a_minute_before_the_end_and_not_before(program, tmp_path):
    """By the clock of the run."""
    clock = FakeClock(now=1_790_000_000.0)
    status = {"token": "token-of-a-program", "expirationTimestamp": "2026-09-21T15:00:00Z"}
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x')\n"
    made = program(count + printing(status), clock)
    end = made.credentials().until
    clock.advance(end - 61 - clock.time())
    made.credentials()
    assert (tmp_path / "count").read_text() == "x"
    clock.advance(2)
    made.credentials()
    assert (tmp_path / "count").read_text() == "xx"


def test_it_is_told_that_nobody_is_there_to_answer_it(program, tmp_path):
    """And has no standard input to wait for."""
    script = f"import os, sys\nopen({str(tmp_path / 'told')!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'] + sys.stdin.read())\n"
    program(script + printing({"token": "t"})).credentials()
    assert json.loads((tmp_path / "told").read_text())["spec"] == {"interactive": False}


def test_a_path_is_relative_to_the_kubeconfig(program, tmp_path):
    """A bare name is searched for; see the tests of kubeconfigs."""
    own = tmp_path / "bin"
    own.mkdir()
    (own / "give").write_text(f"#!{sys.executable}\n{printing({'token': 'token-by-its-path'})}\n")
    (own / "give").chmod(0o755)
    assert program("", command="bin/give").authorization() == "Bearer token-by-its-path"


@pytest.mark.parametrize(
    "printed", ["", "[]", '{"status": []}', '{"status": {"token": ""}}', '{"status": {"clientCertificateData": "x"}}']
)
def test_what_is_no_credential_is_told(program, printed):
    """Without what was printed, which may be half of one."""
    with pytest.raises(ActionError, match="printed no ExecCredential") as told:
        program(f"print({printed!r})").credentials()
    assert told.value.reason == "auth"
