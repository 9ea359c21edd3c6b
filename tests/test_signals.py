"""A signal ends a run within about a second, with a report that is true."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
PLAN = """
steps:
  - {uses: play.script, id: done}
  - parallel:
      - {uses: play.script, id: hung, with: {do: hang}}
      - {uses: play.script, id: sent, with: {do: hang-sent}}
      - {uses: play.script, id: quick}
  - {uses: play.script, id: later, fallback: [instead]}
  - {uses: play.script, id: instead}
"""


@pytest.fixture
def start(tmp_path):
    """Starts `exitkit run` of the plan, and waits until its slow steps are under way."""
    (tmp_path / "exitkit.yaml").write_text(PLAN)
    started = []

    def start_it(*argv):
        environ = {**os.environ, "PYTHONPATH": str(DATA / "plugin"), "EXITKIT_LOG": "info"}
        command = [sys.executable, "-m", "exitkit", "run", *argv]
        process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        started.append(process)
        for line in process.stderr:
            if line.startswith("exitkit: quick: ok"):
                break
        return process

    yield start_it
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_true_report(start, number):
    """128 and the signal as exit code, and every step as it stood, long before the steps' own ends."""
    process = start()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    report = json.loads(out)
    assert {one["step"]: one["outcome"] for one in report["steps"]} == {
        "done": "ok",
        "hung": "failed",
        "sent": "unknown",
        "quick": "ok",
        "later": "failed",
        "instead": "failed",
    }
    told = {one["step"]: one["summary"] for one in report["steps"]}
    assert told["later"] == told["instead"] == "not run: no time left"
    assert "no answer" in told["hung"]
    assert "may have arrived" in told["sent"]
    assert report["outcome"] == "cut"
    assert report["notes"][-1] == f"ended by signal {int(number)}"
    assert "Traceback" not in err


def test_a_second_signal_ends_it_at_once(start):
    """Whoever sends two has no patience for a report."""
    process = start()
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    out, _ = process.communicate()
    assert (process.returncode, out) == (143, "")


def test_a_signal_that_comes_twice_at_once_is_one(start):
    """As `timeout` sends it, to the process and to its group."""
    process = start()
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert json.loads(out)["exitCode"] == 143


def test_a_hang_up_is_no_reason_to_end(start):
    """A terminal that closes does not cost the report."""
    process = start("--timeout", "2")
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 3
    assert json.loads(out)["outcome"] == "cut"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_waits_at_the_start_is_taken_up(number, tmp_path):
    """Whoever starts exitkit with its signals blocked loses none, also as PID 1, to which others are not delivered."""
    (tmp_path / "exitkit.yaml").write_text("steps: [{uses: notify.console, with: {text: hello}}]")
    blocked = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [15, 2]);"
        f"os.kill(os.getpid(), {int(number)}); os.execv(sys.executable, [sys.executable, '-m', 'exitkit', 'run'])"
    )
    done = subprocess.run([sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert done.returncode == 128 + number
    assert b"hello" not in done.stdout + done.stderr
