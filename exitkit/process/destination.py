"""Where a file of ours goes: a path, or an object of S3 or Google Cloud Storage."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

from exitkit.clients import wholefile
from exitkit.clients.bucketurl import open_bucket, parse
from exitkit.context import Context
from exitkit.errors import ActionError

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
    ".prom": "text/plain; version=0.0.4",
}


Place = Annotated[str, BeforeValidator(lambda place: os.fspath(place) if isinstance(place, os.PathLike) else place)]
"""A path, or the URL of an object; from Python also a Path."""


def is_url(place: str) -> bool:
    return place.startswith(("s3://", "gs://"))


def check(place: str) -> str:
    """The place as it is. Raises ValueError for one that leads out of where it seems to be, or into no bucket."""
    if "\0" in place or not place or ".." in place.split("/"):
        raise ValueError("is the path of a folder or file, or the URL of an object, without '..'")
    if "://" in place and not is_url(place):
        raise ValueError("is a path, s3://bucket/key or gs://bucket/key")
    if is_url(place) and not place.split("/")[2]:
        raise ValueError("names no bucket")
    return place


def below(folder: str, name: str) -> str:
    """The place of a file in a folder, or below a URL."""
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else str(Path(folder) / name)


def keep(path: str | Path, content: bytes | Path) -> None:
    """Have the file hold the content, or what another file holds. Raises ActionError."""
    try:
        wholefile.write(os.fspath(path), content)
    except OSError as error:
        why = error.strerror or "i/o error"
        raise ActionError(
            f"cannot write {path}: {why[:1].lower()}{why[1:]}; choose another folder or mount a volume there"
        ) from error


def write(place: str, content: bytes, context: Context) -> None:
    """Put the content there, all of it or nothing. Raises ActionError and its kinds."""
    if not is_url(place):
        keep(place, content)
        return
    location = parse(place)
    with open_bucket(location, connections=1) as bucket:
        kind = _TYPES.get(Path(location.key).suffix, "application/octet-stream")
        context.retry(partial(bucket.put, location.key, content, kind), safe=True)
