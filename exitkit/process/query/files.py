"""The files that a query reads: those of a volume as they lie there, those of a bucket fetched first.

DuckDB's own way to buckets would download its extension when it runs, which a closed cluster does not let it
(https://duckdb.org/docs/stable/core_extensions/httpfs/overview).
"""

import fnmatch
import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from exitkit.clients.objectreader import ObjectReader
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError
from exitkit.process.destination import is_url
from exitkit.text.units import human_size

MOST_FILES = 10_000
_READERS = {
    "csv": "read_csv",
    "tsv": "read_csv",
    "parquet": "read_parquet",
    "json": "read_json",
    "jsonl": "read_json",
    "ndjson": "read_json",
}
_PACKED = {".gz", ".zst"}


class Files(NamedTuple):
    """Files of one form, and the function of DuckDB that reads it."""

    reader: str
    paths: tuple[str, ...]


def reader_of(name: str) -> str:
    """The function that reads a file or pattern of this name. Raises ConfigError."""
    suffixes = [suffix.lower() for suffix in Path(name.rstrip("*")).suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes.pop()
    reader = _READERS.get(suffixes[-1].removeprefix(".")) if suffixes else None
    if reader is None:
        raise ConfigError(f"{name[:200]}: its name tells no form; name files that end in .csv, .tsv, .json, .jsonl, "
                          ".ndjson or .parquet, of which all but the last may be .gz or .zst as well")  # fmt: skip
    return reader


def locate(table: str, places: Sequence[str], context: Context, scratch: Path, limit: int) -> Files:
    """The files of one table, those in buckets now in `scratch`, which may take up to `limit` bytes.

    Raises ConfigError for a form that nobody reads, ActionError where there is no file or one cannot be had.
    """
    readers = {reader_of(place) for place in places}
    if len(readers) > 1:
        raise ConfigError(f"files.{table}: files of different forms; make a table of each, and join them in the query")
    paths: list[str] = []
    for place in places:
        if is_url(place):
            paths += _fetched(place, context, scratch / table, limit)
        else:
            paths += _on_volume(place)
    if len(paths) > MOST_FILES:
        raise ActionError(f"files.{table}: more than {MOST_FILES} files; name fewer", reason="client")
    return Files(readers.pop(), tuple(paths))


def _on_volume(pattern: str) -> Iterator[str]:
    """The plain files that fit, none of which a link leads out of the folder that was named.

    A step of the workflow could leave a link to a secret of this pod among its results.
    """
    names = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207
    root = _fixed(pattern)
    is_any = False
    for name in names:
        path = Path(name)
        try:
            real = path.resolve(strict=True)
            mode = real.stat().st_mode
        except OSError as error:
            raise ActionError(f"cannot read {name[:300]}: {(error.strerror or 'i/o error').lower()}") from None
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode) or not real.is_relative_to(root):
            raise ActionError(f"{name[:300]} is no plain file of {root}: a link leads out of there, or it is a device",
                              reason="client")  # fmt: skip
        is_any = True
        yield str(real)
    if not is_any:
        raise ActionError(f"no file fits {pattern[:300]}", reason="client")


def _fixed(pattern: str) -> Path:
    """The folder that a pattern names before its first wildcard, as it really is."""
    parts = Path(pattern).parts
    fixed = list(takewhile(lambda part: not glob.has_magic(part), parts))
    return Path(*(fixed[:-1] if len(fixed) == len(parts) else fixed)).resolve()


def _fetched(url: str, context: Context, folder: Path, limit: int) -> Iterator[str]:
    folder.mkdir(parents=True, exist_ok=True)
    left = limit - sum(path.stat().st_size for path in folder.parent.rglob("*") if path.is_file())
    key = url.split("/", 3)[3] if url.count("/") > 2 else ""
    bucket = url[: len(url) - len(key)]
    prefix = key[: min((key.find(sign) for sign in "*?[" if sign in key), default=len(key))]
    with closing(ObjectReader(bucket, context)) as reader:
        number = -1
        for number, (name, size) in enumerate(_fitting(key, reader.entries(prefix))):
            left -= size
            if left < 0 or number >= MOST_FILES:
                raise ActionError(f"{url[:300]}: more than {human_size(limit)} or {MOST_FILES} files; name fewer, or "
                                  "raise max_size", reason="client")  # fmt: skip
            # The form of a file is told by its name; what else the key says stays out of a path.
            path = folder / f"{number:05}-{len(os.listdir(folder)):05}{''.join(Path(name).suffixes[-2:])}"  # noqa: PTH208
            _write(path, reader.read(name, size))
            yield str(path)
        if number < 0:
            raise ActionError(f"no object fits {url[:300]}", reason="client")


def _fitting(pattern: str, entries: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    fits = partial(fnmatch.fnmatchcase, pat=pattern) if glob.has_magic(pattern) else pattern.__eq__
    return ((key, size) for key, size in entries if fits(key) and not key.endswith("/"))


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    try:
        with path.open("xb") as file:
            file.writelines(pieces)
    except OSError as error:
        why = (error.strerror or "i/o error").lower()
        raise ActionError(f"cannot write {path.parent}: {why}; mount a volume at /tmp that has the room") from error
