"""SIGTERM at any moment ends the process within about a second, in real time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
PLAN = """
steps:
  - {uses: play.script, id: a, with: {seconds: 0.2}}
  - {uses: play.script, id: b, with: {seconds: 0.2, say: "{{ steps.a.said }}"}}
  - parallel:
      - {uses: play.script, id: c, with: {do: hang}}
      - {uses: play.script, id: d, with: {do: retryable}, retry: {attempts: 90, wait: 10s}}
  - {uses: play.script, id: e}
"""


@pytest.mark.parametrize(
    "moment", [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 5.0]
)
def test_sigterm_at_any_moment(moment, tmp_path):
    """With a report of every step from the moment on at which there is anything to report, and 143 always."""
    (tmp_path / "exitkit.yaml").write_text(PLAN)
    environ = {**os.environ, "PYTHONPATH": str(DATA / "plugin")}
    command = [sys.executable, "-m", "exitkit", "run"]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    time.sleep(moment)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    out, err = process.communicate(timeout=20)
    # Before the first lines of exitkit ran, it is Python's own end that is seen.
    assert process.returncode in ({143, -signal.SIGTERM} if moment < 1 else {143})
    assert time.monotonic() - began < 2  # about one, and what a busy machine takes
    assert "Traceback" not in err
    if out:
        report = json.loads(out)
        outcomes = {one["step"]: one["outcome"] for one in report["steps"]}
        assert list(outcomes) == ["a", "b", "c", "d", "e"]
        assert outcomes["c"] == outcomes["d"] == outcomes["e"] == "failed"
        assert report["notes"][-1] == "ended by signal 15"
        if outcomes["b"] == "ok":
            assert outcomes["a"] == "ok"
    else:
        assert moment < 4
