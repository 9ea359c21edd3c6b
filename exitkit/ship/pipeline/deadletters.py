"""The file that keeps records which a target refused, or may not have, up to a size."""

import json
import re
from pathlib import Path

from exitkit.clients.appendfile import Sink, open_file
from exitkit.errors import ExitkitError
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.text.units import human_size

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
        for record in chunk.records():
            told = {**record.to_json(), **outcome, "reason": reason, "source": chunk.source, "target": self.target}
            try:
                self._write(json.dumps(told, default=str).encode() + b"\n")
                self.kept += 1
            except (OSError, ExitkitError) as error:
                self.lost += 1
                why = (error.strerror or "i/o error").lower() if isinstance(error, OSError) else str(error)
                self.notes[f"not everything that was refused is kept in {self.path}: {why}"] = None

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

    def _write(self, line: bytes) -> None:
        if self._sink is None:
            self._sink = open_file(self.path, "the file of dead letters", "")
            self._size = Path(self.path).stat().st_size
        if self._size + len(line) > self.most_bytes:
            raise OSError(0, f"it has {human_size(self._size)}, and dead_letter_bytes allows no more")
        line, self._torn = b"\n" * self._torn + line, True
        self._sink.write(line)
        self._torn = False
        self._size += len(line)
