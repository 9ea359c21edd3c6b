"""The list of what a cleanup deleted, as NDJSON in a file or an object store; and how far it has come."""

import contextlib
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Self

from exitkit.cleanup.engine.deletion import DeletionTally
from exitkit.clients import wholefile
from exitkit.clients.appendfile import Sink
from exitkit.errors import ExitkitError

_SHOWN_EVERY = 0.2  # seconds between two looks of a terminal's line


class DeletionReceipt:
    """The list of what went, one JSON object a line; Argo's progress, if the pod has one; and a line on a terminal.

    `sink` is opened by whoever makes this, so that a list that cannot be written stops everything before the
    first deletion. `zipped` says that the list is to be gzipped.
    """

    def __init__(self, sink: Sink | None, *, zipped: bool, progress: str, clock: Callable[[], float]) -> None:
        self._sink, self._progress, self._clock = sink, progress, clock
        self._zip = zlib.compressobj(6, zlib.DEFLATED, 31) if zipped else None  # 31: with gzip's header
        self._terminal = sys.stderr.isatty()
        self._shown = -_SHOWN_EVERY
        self.failure = ""

    @property
    def listed(self) -> bool:
        return self._sink is not None

    def write(self, names: Iterable[str]) -> None:
        """Add a line for each; bytes that are not UTF-8 stay as surrogate escapes, as Python reads them.

        A full disk is what a cleanup is for, so it does not stop one.
        """
        if self._sink is not None and not self.failure:
            data = "".join(json.dumps({"deleted": name}) + "\n" for name in names).encode("ascii")
            with self._telling():
                # Small blocks pack badly, so what a kill loses is the last of the list.
                self._put(self._zip.compress(data) if self._zip else data)

    def progress(self, tally: DeletionTally) -> None:
        """Argo shows it as N/M, a terminal as a line. One that cannot be told is no reason to stop."""
        if self._progress:
            with contextlib.suppress(OSError):
                wholefile.write(self._progress, f"{tally.deleted}/{tally.found}\n")
        if self._terminal and self._clock() - self._shown >= _SHOWN_EVERY:
            self._shown = self._clock()
            self._show(f"\r{tally} of {tally.found} found so far\x1b[K")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and self._shown >= 0:
            self._show("\r\x1b[K")
        if self._sink is not None:
            with self._telling():
                try:
                    if self._zip and not self.failure and not getattr(self._sink, "unopened", False):
                        self._put(self._zip.flush())
                finally:
                    self._sink.close()

    def _put(self, data: bytes) -> None:
        if data and self._sink is not None:
            self._sink.write(data)

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = f"the receipt is not complete: {(error.strerror or 'i/o error').lower()}"
        except ExitkitError as error:
            self.failure = f"the receipt is not complete: {error}"
