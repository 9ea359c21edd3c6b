"""The watchdog: the process that was started waits, and a child of it runs the plan.

Nothing that holds the interpreter, in C or in Python, keeps this process from ending the run: at the deadline,
after a signal, or when the child ends without a word. It then tells what the child had told it by then.
As it is the parent, this also holds where it is PID 1, which no process of its own container can kill.
"""

import contextlib
import marshal
import os
import select
import signal
import time
from typing import Any, Literal

from exitkit.signals import PATIENCE, SECOND, SIGNALS, Stop

Why = Literal["time", "signal", "death"]
"""Why the watchdog had to tell: the deadline, a signal that the run did not heed, or a child that ended silently."""

_UNTOLD = 300.0
"""Seconds that the run may take before it says how long it may take: the default of a plan."""

_GRACE = 0.25
"""Seconds beyond the deadline in which the run tells its own end, which is more exact."""

_WRITING = 1.0
"""Seconds that a report gets to be made, and as much again to be printed."""

_TELLING = 1.5
"""Seconds that the watchdog's own report gets; standard output may be a pipe that nobody reads."""


def guard(stop: Stop) -> None:
    """Return in a child that runs the plan; this process ends as it does, and never returns.

    Where no process is to be had it returns in this one, and nobody watches.
    """
    try:
        orders, told, life = _pipes()
    except OSError:  # too many open files
        return
    signal.signal(signal.SIGCHLD, lambda *_: None)  # so that it wakes up whoever waits
    try:
        child = os.fork()
    except OSError:
        child = -1
    if child <= 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child < 0:
        for pipe in (*orders, *told, *life):
            os.close(pipe)
        return
    if child == 0:
        for pipe in (orders[1], told[0], life[1]):
            os.close(pipe)
        _die_with_parent(life[0])
        stop.follow(orders[0], told[1])
        return
    for pipe in (orders[0], told[1], life[0]):
        os.close(pipe)
    os._exit(_Watch(child, stop, told[0], orders[1]).run())


def _pipes() -> list[tuple[int, int]]:
    """Three pipes, or none at all. Raises OSError."""
    pipes: list[tuple[int, int]] = []
    try:
        while len(pipes) < 3:
            pipes.append(os.pipe())
    except OSError:
        for ends in pipes:
            os.close(ends[0])
            os.close(ends[1])
        raise
    return pipes


def _die_with_parent(life: int) -> None:
    """Have the kernel kill this process when the other end of the pipe is closed, whatever it is doing."""
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
        if not select.select([life], [], [], 0)[0]:
            return
        os._exit(128 + signal.SIGKILL)  # it went before this was set up


class _Watch:
    """One child: what it told, and until when it is waited for."""

    def __init__(self, child: int, stop: Stop, told: int, orders: int) -> None:
        self.child, self.told, self.orders, self.wakeup = child, told, orders, stop.wakeup
        os.set_blocking(told, False)
        os.set_blocking(self.wakeup, False)
        os.set_blocking(orders, False)
        self.number, self.came = 0, 0.0
        self.until = (time.monotonic() if stop.started is None else stop.started) + _UNTOLD
        self.open = True
        self.buffer = bytearray()
        self.messages: list[tuple[str, Any]] = []
        self.code: int | None = None

    def run(self) -> int:
        """The exit code of this process."""
        status = self._ended()
        while status is None:
            left = self.until - time.monotonic()
            if left <= 0:
                return self._overdue()
            sources = [self.wakeup, self.told] if self.open else [self.wakeup]
            select.select(sources, [], [], min(left, 3600.0))
            self._hear()
            if self._heed():
                self._kill()
                return 128 + self.number
            status = self._ended()
        self._hear()
        if self.code is not None:
            return self.code
        if self.number:
            return self._tell("signal", "")
        died = f"exit code {status}" if status >= 0 else f"signal {-status}"
        return self._tell("death", died)

    def _overdue(self) -> int:
        self._kill()
        self._hear()
        if self.code is not None:  # it only did not get rid of its report
            return self.code
        return self._tell("signal" if self.number else "time", "")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)

    def _ended(self) -> int | None:
        """How the child ended, minus the number of its signal, or None; others that were left to PID 1 go as well."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.child:
                    return os.waitstatus_to_exitcode(ended[1])
        return None

    def _heed(self) -> bool:
        """Hand on the signals that came; whether this is one too many to be patient."""
        try:
            numbers = [number for number in os.read(self.wakeup, 512) if number in SIGNALS]
        except BlockingIOError:
            return False
        now = time.monotonic()
        for number in numbers:
            if self.number and now - self.came > SECOND:
                return True
            if self.number:
                continue
            self.number, self.came = number, now
            self.until = min(self.until, now + PATIENCE)
            with contextlib.suppress(OSError):
                os.write(self.orders, bytes([number]))
        return False

    def _hear(self) -> None:
        """Take in what the child has told by now."""
        while self.open:
            try:
                piece = os.read(self.told, 1 << 20)
            except BlockingIOError:
                break
            self.open = bool(piece)
            self.buffer += piece
        while len(self.buffer) >= 8:
            end = 8 + int.from_bytes(self.buffer[:8], "big")
            if len(self.buffer) < end:
                break
            kind, what = marshal.loads(bytes(self.buffer[8:end]))  # noqa: S302 - of a process of our own
            del self.buffer[:end]
            self._take(kind, what)

    def _take(self, kind: str, what: Any) -> None:
        if kind == "limit":
            if not self.number:  # where the start took all of the time, the run still says so itself
                self.until = max(what[0] + _GRACE, time.monotonic() + _WRITING)
        elif kind == "over":  # all that is left to do is to tell
            self.until = max(self.until, time.monotonic() + _WRITING)
        elif kind == "code":
            self.code = what[0]
            self.until = max(self.until, time.monotonic() + _WRITING)
        else:
            self.messages.append((kind, what))

    def _tell(self, why: Why, died: str) -> int:
        """Make the report that the child did not make; its exit code."""
        code = [{"time": 3, "signal": 128 + self.number, "death": 1}[why]]
        signal.signal(signal.SIGALRM, lambda *_: os._exit(code[0]))
        signal.setitimer(signal.ITIMER_REAL, _TELLING)
        try:
            from exitkit.run import lastwords

            return lastwords.tell(self.messages, why, self.number, died, lambda known: code.__setitem__(0, known))
        except Exception as error:  # the exit code still tells
            os.write(2, f"exitkit: no report could be made: {type(error).__name__}\n".encode())
            return code[0]
