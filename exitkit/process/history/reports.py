"""What earlier runs left in a folder or bucket: their report.json, or their Workflow objects; the newest first."""

import heapq
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from exitkit.argo.record import loose
from exitkit.argo.record.decoded import decoded
from exitkit.argo.timestamp import parse_moment
from exitkit.clients.argo.record import MOST
from exitkit.clients.objectreader import ObjectReader
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.process.destination import is_url

_MOST_FILES: Final = 1000
"""Files of one place that are read, the last written ones: those of other series may lie among them."""

_MOST_SEEN: Final = 100_000  # names in one place, of which these are chosen
_ENDING: Final = ".json"


def documents(place: str, context: Context) -> Iterator[tuple[Mapping[str, Any], float] | str]:
    """The objects of JSON at a place, and when they were written in Unix seconds; why, in the place of one that is unreadable.

    Raises ActionError and its kinds.
    """
    for name, text, written in _in_bucket(place, context) if is_url(place) else _in_folder(Path(place)):
        try:
            for item in _items(loose.mapping(decoded(text))):
                yield item, written
        except ValueError as error:
            yield f"{name}: {error}"


def _items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`kubectl get workflows -o json` writes a list of them."""
    if loose.text(document, "kind") in ("List", "WorkflowList"):
        yield from loose.mappings(document.get("items"))
    else:
        yield document


def _in_folder(place: Path) -> Iterator[tuple[str, bytes, float]]:
    try:
        if place.is_dir():
            paths = (path for path in place.rglob(f"*{_ENDING}") if path.is_file() and not path.is_symlink())
            dated = ((path.stat().st_mtime, path) for path, _ in zip(paths, range(_MOST_SEEN), strict=False))
            files = heapq.nlargest(_MOST_FILES, dated)
        else:
            files = [(place.stat().st_mtime, place)]
        for written, path in files:
            with path.open("rb") as file:
                yield str(path), file.read(MOST), written
    except OSError as error:
        raise ActionError(f"cannot read {str(place)[:300]}: {(error.strerror or 'i/o error').lower()}") from None


def _in_bucket(place: str, context: Context) -> Iterator[tuple[str, bytes, float]]:
    with closing(ObjectReader(place, context)) as reader:
        dated = zip(reader.dated(), range(_MOST_SEEN), strict=False)
        there = ((changed, key, size) for (key, size, changed), _ in dated if key.endswith(_ENDING) and size <= MOST)
        for changed, key, size in heapq.nlargest(_MOST_FILES, there):
            written = parse_moment(changed)
            yield key, b"".join(reader.read(key, size)), written.timestamp() if written else 0.0
