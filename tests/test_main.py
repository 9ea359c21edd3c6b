"""The process: when it started, and that nothing but itself ends it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from exitkit import __main__ as process
from exitkit.signals import Stop


def test_the_start_is_the_processs_own(monkeypatch):
    """To a hundredth of a second; where it was another program for a while, only what this one used counts."""
    monkeypatch.setattr(process, "_LONGEST_START", 1e9)
    started = process._started()
    assert time.monotonic() - started >= 0
    stat = Path("/proc/self/stat").read_bytes()
    ticks = int(stat.rpartition(b")")[2].split()[19])
    boot = time.clock_gettime(time.CLOCK_BOOTTIME) - time.monotonic()
    assert started + boot == pytest.approx(ticks / os.sysconf("SC_CLK_TCK"), abs=0.5)
    monkeypatch.setattr(process, "_LONGEST_START", -1.0)
    assert time.monotonic() - process._started() == pytest.approx(time.process_time(), abs=0.5)


def test_what_an_action_calls_to_end_the_process_ends_the_action(monkeypatch):
    """`os._exit` is an exception here, as `sys.exit` is."""
    monkeypatch.setattr(os, "_exit", os._exit)  # put back afterwards
    process._keep_the_end(Stop())
    with pytest.raises(SystemExit, match=r"os\._exit\(3\) was called"):
        os._exit(3)


PLUGINS = """
import os, sys
from exitkit import __main__ as process
process._without_plugins_of_pydantic()
import pydantic
class Model(pydantic.BaseModel):
    number: int
assert Model(number="3").number == 3
print("importlib.metadata" in sys.modules)
"""


@pytest.mark.parametrize(("disabled", "loaded"), [({}, "False"), ({"PYDANTIC_DISABLE_PLUGINS": "other"}, "True")])
def test_no_time_goes_into_looking_for_plugins_of_pydantic(disabled, loaded):
    """Unless somebody has chosen which of them are disabled. Where this fails, pydantic looks for them another way."""
    environ = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    script = [sys.executable, "-c", PLUGINS]
    done = subprocess.run(script, env=environ | disabled, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded
