"""The file that keeps records which a target refused, or may not have, up to a size."""

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from exitkit.clients.appendfile import Sink, open_file
from exitkit.errors import ExitkitError
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.text.units import human_size

_END = "}\n"
"""How a line of a chunk ends, before which there is room for more."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def file_of(setting: str, step: str) -> str:
    """The path that the setting means: of a folder, a file for each step."""
    if not setting.endswith("/"):
        return setting
    return f"{setting}{_UNSAFE.sub('_', step).strip('.') or 'ship'}.ndjson"


class DeadLetters:
    """One run's. `kept` are in the file, `lost` are not, and `notes` tell why; nothing here raises."""

    def __init__(self, path: str, most_bytes: int, target: str) -> None:
        self.path, self.most_bytes, self.target = path, most_bytes, target
        self.kept = self.lost = 0
        self.notes: dict[str, None] = {}
        self._sink: Sink | None = None
        self._size = 0
        self._torn = False  # a line was begun, and the disk was full before its end

    def keep(self, chunk: Chunk, reason: str, *, unknown: bool = False) -> None:
        """Keep these records, so that they can be shipped again when the reason is gone."""
        if not self.path:
            return
        outcome = {"outcome": "unknown"} if unknown else {}
        also = json.dumps({**outcome, "reason": reason, "source": chunk.source, "target": self.target})
        lines = [f"{line.removesuffix(_END)},{also[1:]}\n".encode("utf-8", "backslashreplace") for line in chunk.lines]
        before = self.kept
        try:
            self._add(lines)
        except (OSError, ExitkitError) as error:
            why = (error.strerror or "i/o error").lower() if isinstance(error, OSError) else str(error)
            self.notes[f"not everything that was refused is kept in {self.path}: {why}"] = None
        self.lost += len(lines) - (self.kept - before)

    def close(self) -> None:
        if self._sink is not None:
            try:
                self._sink.close()
            except OSError as error:  # what the system had not written yet
                self.notes[f"what is in {self.path} may lack its end: {error.strerror}"] = None

    def facts(self) -> dict[str, object]:
        kept: dict[str, object] = {"deadLetters": self.kept, "deadLetterFile": self.path} if self.kept else {}
        return kept | ({"deadLettersLost": self.lost} if self.lost else {})

    def told(self) -> str:
        """What becomes of the refused ones, to go behind their number."""
        if self.lost:
            return (
                f"; {self.kept} of them are kept in {self.path}, and {self.lost} are not"
                if self.kept
                else ("; they are not kept")
            )
        return f"; they are kept in {self.path}" if self.kept else ""

    def _add(self, lines: Sequence[bytes]) -> None:
        """Add as many as there is room for. Raises OSError and ActionError where that is not all of them."""
        if self._sink is None:
            self._sink = open_file(self.path, "the file of dead letters", "")
            self._size = Path(self.path).stat().st_size
        room = self.most_bytes - self._size
        ends = list(accumulate(map(len, lines), initial=int(self._torn)))
        fitting = bisect_right(ends, room) - 1
        if fitting > 0:
            try:
                self._sink.write(b"\n" * self._torn + b"".join(lines[:fitting]))
            finally:  # a full disk has taken what there was room for
                written = Path(self.path).stat().st_size - self._size
                whole = max(0, bisect_right(ends, written) - 1)
                self.kept += whole
                self._size += written
                self._torn = written != ends[whole]
        if fitting < len(lines):
            raise OSError(0, f"it has {human_size(self._size)}, and dead_letter_bytes allows no more")
