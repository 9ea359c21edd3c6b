"""The nodes of a large Workflow, which Argo keeps packed: base64 of gzip, and since 4.1 of zstd or brotli too.

It packs the JSON of `status.nodes` where the object would be larger than etcd takes (util/file/fileutil.go,
WORKFLOW_COMPRESSION_ALGORITHM). Each library is loaded where its form turns up.
"""

import base64
import binascii
import importlib
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from exitkit.argo.record import loose
from exitkit.argo.record.decoded import decoded
from exitkit.text.units import human_size

MOST: Final = 64 << 20
"""Bytes of JSON that are unpacked; 20,000 nodes are some 20 MiB."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20


def nodes(text: str) -> Mapping[str, Any]:
    """The nodes by id. Raises ValueError with words for a note."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("its packed nodes: they are no base64") from None
    try:
        return loose.mapping(decoded(_unpacked(data)))
    except ValueError as error:
        raise ValueError(f"its packed nodes: {error}") from None


def _unpacked(data: bytes) -> bytes:
    if data.startswith(_GZIP):
        return _gzip(data)
    return _zstd(data) if data.startswith(_ZSTD) else _brotli(data)


def _gzip(data: bytes) -> bytes:
    from isal import isal_zlib

    unpacker = isal_zlib.decompressobj(31)
    try:
        text: bytes = unpacker.decompress(data, MOST + 1)
    except isal_zlib.error:  # type: ignore[misc]  # its stub has an instance there
        raise ValueError("no whole gzip") from None
    if len(text) > MOST:
        raise _too_large()
    if not unpacker.eof:
        raise ValueError("no whole gzip")
    return text


def _zstd(data: bytes) -> bytes:
    zstd = _library("zstd", "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    unpacker = zstd.ZstdDecompressor()
    try:
        text: bytes = unpacker.decompress(data, max_length=MOST + 1)
    except zstd.ZstdError:
        raise ValueError("no whole zstd") from None
    if len(text) > MOST:
        raise _too_large()
    if not unpacker.eof:
        raise ValueError("no whole zstd")
    return text


def _brotli(data: bytes) -> bytes:
    brotli = _library("brotli", "brotli")
    unpacker = brotli.Decompressor()
    text = bytearray()
    try:
        # A limit bounds what comes of one call; an empty piece asks for the rest of what went in.
        text += unpacker.process(data, output_buffer_limit=_PIECE)
        while not unpacker.is_finished() and len(text) <= MOST:
            piece = unpacker.process(b"", output_buffer_limit=_PIECE)
            if not piece:
                raise ValueError("no whole brotli")
            text += piece
    except brotli.error:
        raise ValueError("packed in no known way") from None
    if len(text) > MOST:
        raise _too_large()
    return bytes(text)


def _library(form: str, name: str) -> Any:
    package, _, inner = name.partition(".")
    if find_spec(package) is None or (inner and find_spec(name) is None):
        raise ValueError(f"packed by {form}, for which the library {name} is missing here")
    return importlib.import_module(name)


def _too_large() -> ValueError:
    return ValueError(f"more than {human_size(MOST)}")
