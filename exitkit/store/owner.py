"""Which process holds a receipt, and whether it is known to be gone: of this machine that can be told at once."""

import os
from functools import cache
from pathlib import Path

_STARTED = 21  # of the fields after the program's name: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
_DEAD = ("Z", "X")


@cache
def _machine() -> str:
    """This boot of this machine, and the container's view of its processes; "" where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it is no path
    except OSError:
        return ""
    return f"{boot}/{space.strip('pid:[]')}"


def this_process() -> str:
    """A name that no other process has had: the machine, the process and when it began."""
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}"


def is_gone(owner: str) -> bool:
    """Whether the process of that name is known to have ended; of another machine or container that is not known."""
    machine, _, process = owner.rpartition("/")[0].rpartition("/")
    if not machine or machine != _machine() or not process.isdecimal():
        return False
    return _started(int(process)) != owner.rpartition("/")[2]


def _started(pid: int) -> str:
    """In ticks since the machine started; "" where there is no such process, or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if not fields or fields[0] in _DEAD else fields[_STARTED - 2]
