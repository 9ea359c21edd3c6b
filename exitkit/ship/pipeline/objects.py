"""Records as objects of a store: one of NDJSON for each batch, under a name that is the same in every run."""

import hashlib
import json
import re
import threading
from collections.abc import Callable

from isal import igzip

from exitkit.argo.timestamp import rfc3339
from exitkit.ship.pipeline.batch import Answer, Batch

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class ObjectLog:
    """Where batches of one source go. `add` writes an object that is not there yet, and says whether it did."""

    def __init__(self, prefix: str, add: Callable[[str, bytes], str]) -> None:
        self.prefix, self.add = prefix, add
        self._written: list[dict[str, object]] = []
        self._lock = threading.Lock()

    def post(self, batch: Batch) -> Answer:
        first = next(batch.chunks)
        data = b"".join(part.blob for part in batch.parts)
        # Without a time in gzip's header, so that the same records are the same bytes.
        packed = igzip.compress(data, 2, mtime=0)
        source = _UNSAFE.sub("_", first.source).strip("_") or "records"
        stamp = rfc3339(first.times[0]).replace("-", "").replace(":", "")
        key = f"{self.prefix}{source}/{stamp}-{first.ids[0]}-{len(batch)}.ndjson.gz"
        new = self.add(key, packed)
        with self._lock:
            digest = hashlib.sha256(data).hexdigest()
            self._written.append({"key": key, "source": first.source, "records": len(batch), "sha256": digest})
        return Answer() if new else Answer(duplicate=range(len(batch)))

    def manifest(self) -> tuple[str, bytes]:
        """The name and content of the list of all objects, which is written last."""
        found = sorted(self._written, key=lambda one: str(one["key"]))
        return f"{self.prefix}manifest.json", json.dumps({"version": 1, "objects": found}, indent=1).encode()
