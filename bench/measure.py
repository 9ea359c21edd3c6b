"""One run of one command: how long, how much of the processors, how much memory; and the room that it runs in."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

BIN = Path(sys.prefix) / "bin"
PYTHON = str(BIN / "python")

# Prints what a command took. A process starts its count of memory with the size of the one that made it, so
# the maker must be small; this one imports next to nothing.
MAKER = """
import os, sys, time
began = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, usage = os.wait4(pid, 0)
print([time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss])
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Taken(NamedTuple):
    """Seconds from start to end, seconds of processors, and the largest resident set in bytes."""

    wall: float
    cpu: float
    peak: int


def taken(command, environ, folder):
    """Run a command to its end. Exits if it fails."""
    words = [PYTHON, "-I", "-S", "-c", MAKER, *command]
    done = subprocess.run(words, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.decode("utf-8", "replace")[-4000:], file=sys.stderr)
        sys.exit(f"{' '.join(command)[:200]}: exit code {done.returncode}")
    wall, cpu, peak = json.loads(done.stdout)
    return Taken(wall, cpu, peak * (1 if sys.platform == "darwin" else 1024))  # Linux counts in KiB, macOS in bytes


def environment(home):
    """As in the image: no configuration, no cache to write to, two arenas of malloc; no network but loopback."""
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def versions(*names):
    """What is compared, and where."""
    packages = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {packages}; {os.cpu_count()} cores, {platform.machine()}"
