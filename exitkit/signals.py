"""Signals, and the watchdog's end of the line: what ends a run, and what is known should it not end itself.

A thread of its own reads the signal from a pipe, because Python runs a handler only once the main
thread is back from whatever C call it is in, and because a handler must not take locks.
"""

import marshal
import os
import signal
import time

# Nothing more is loaded before the handlers are there: PID 1 has no default for a signal. See exitkit/__init__.py.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

CUT = 0.5
"""Seconds that requests under way get to come back after a signal."""

PATIENCE = 0.85
"""Seconds after a signal from which on nobody waits for the run to tell its own end."""

SECOND = 0.1
"""Seconds after a signal from which on another one is a second one: `timeout` sends each twice, to a process and its group."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """What signal came, and what is to be done about it; and what a watchdog is told meanwhile."""

    def __init__(self, started: float | None = None) -> None:
        self.number = 0
        self.started = started
        """When the process started, by the monotonic clock in seconds, where that is known."""
        self.on_signal: Callable[[], None] | None = None
        self.over = False
        """Whether the report is made, so that a signal changes nothing in it any more."""
        self.exit: Callable[[int], None] = os._exit
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)  # asked of it by signal.set_wakeup_fd
        self._line = -1
        self._turn: AbstractContextManager[object] | None = None

    def install(self) -> "Stop":
        """Hear of signals from now on; they wait in `wakeup` until somebody listens."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, _ignore)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # Whoever started this may have had them blocked; one that came meanwhile is taken up now.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        return self

    @property
    def wakeup(self) -> int:
        """The file descriptor from which the numbers of signals are read, a byte each."""
        return self._reader

    def follow(self, orders: int, line: int) -> None:
        """Take signals from a watchdog's pipe, and tell it over the other one what becomes of the run."""
        signal.set_wakeup_fd(-1)
        os.close(self._reader)
        os.close(self._writer)
        import threading

        self._reader, self._line, self._turn = orders, line, threading.Lock()

    def listen(self) -> None:
        """Act on signals. Until `on_signal` is set there is nothing to report, and the process just ends."""
        import threading

        try:
            threading.Thread(target=self._listen, name="exitkit-signals", daemon=True).start()
        except RuntimeError:  # no thread is to be had: a watchdog ends the run, with what it was told
            if self._line < 0:
                for number in SIGNALS:
                    signal.signal(number, signal.SIG_DFL)

    def tell(self, kind: str, *what: object) -> None:
        """Tell the watchdog, if there is one. The values are such as marshal takes."""
        if self._turn is None:
            return
        frame = marshal.dumps((kind, what))  # type: ignore[arg-type]  # any value that marshal takes
        rest = memoryview(len(frame).to_bytes(8, "big") + frame)
        with self._turn:
            try:
                while rest:
                    rest = rest[os.write(self._line, rest) :]
            except OSError:  # it is gone, and with it soon this
                pass

    def _listen(self) -> None:
        import threading

        came = 0.0
        while received := os.read(self._reader, 1):
            number = received[0]
            if number not in SIGNALS:
                continue
            if self.on_signal is None:  # nothing has begun
                self.exit(128 + number)
            if self.number and time.monotonic() - came > SECOND:
                self.exit(128 + number)
            if self.over or self.number:
                continue
            self.number, came = number, time.monotonic()
            if self.on_signal is not None:
                self.on_signal()
            threading.Thread(target=self._end, daemon=True).start()
        self.exit(128 + signal.SIGKILL)  # whoever sent the orders is gone

    def _end(self) -> None:
        import threading

        threading.Event().wait(PATIENCE)
        # A watchdog ends it by itself, and tells what is known.
        if self._line < 0 and not self.over:
            self.exit(128 + self.number)


def _ignore(*_: object) -> None:
    """Not SIG_IGN, which a program started from here would inherit."""
