"""Signals: SIGTERM and SIGINT end a run within a second, wherever the main thread is.

A thread of its own reads the signal from a pipe, because Python runs a handler only once the main
thread is back from whatever C call it is in, and because a handler must not take locks.
"""

import os
import signal
import threading
from collections.abc import Callable

CUT = 0.5
"""Seconds that requests under way get to come back after a signal."""

_PATIENCE = 0.9
"""Seconds after which the process goes, whether the report is out or not."""


class Stop:
    """What signal came, and what is to be done about it."""

    def __init__(self) -> None:
        self.number = 0
        self.on_signal: Callable[[], None] | None = None
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)  # asked of it by signal.set_wakeup_fd

    def install(self) -> "Stop":
        """Listen from now on. Until `on_signal` is set there is nothing to report, and the process just ends."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=self._listen, name="exitkit-signals", daemon=True).start()
        return self

    def _listen(self) -> None:
        while received := os.read(self._reader, 1):
            number = received[0]
            if number not in (signal.SIGTERM, signal.SIGINT):
                continue
            if self.number or self.on_signal is None:  # a second one, or nothing has begun
                os._exit(128 + number)
            self.number = number
            self.on_signal()
            threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        threading.Event().wait(_PATIENCE)  # not the clock, which brings the settings of a retry along
        os._exit(128 + self.number)
