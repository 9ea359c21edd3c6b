"""S3's XML, read and written by what stands in it: a listing of 1000 keys in a millisecond, and any server's order.

A parser that builds a tree, or a dictionary with dates for each key, takes more time than all the rest of a
listing. Its texts are ASCII when keys come URL-encoded, so literal searches find all that is asked for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote_plus

from exitkit.clients.objects import Level, Page
from exitkit.errors import ActionError, Retryable

_KEY = re.compile(rb"<Key>([^<]*)</Key>")
_SIZE = re.compile(rb"<Size>(\d{1,19})</Size>")
_CHANGED = re.compile(rb"<LastModified>\s*([0-9T:-]{19})[^<]*</LastModified>")
_FOLDER = re.compile(rb"<CommonPrefixes>\s*<Prefix>([^<]*)</Prefix>\s*</CommonPrefixes>")
_ENTRY = re.compile(rb"<(Version|DeleteMarker|Upload)>")
_VERSIONS = (b"ListVersionsResult", b"ListBucketVersionsResult")  # S3's own, and gofakes3's
_ERROR = re.compile(rb"<(Error)(?:\s[^<>]*)?>")
_LATER = "9999"  # nothing is old enough whose age nobody knows
_NUMBER = re.compile("[0-9]{1,19}")
# What XML 1.0 cannot hold in any form: https://www.w3.org/TR/xml/#charsets
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# All that XML knows by itself: https://www.w3.org/TR/xml/#sec-predefined-ent. What HTML makes of these, a key is not.
_REFERENCE = re.compile("&(?:#0*([0-9]{1,7})|#x0*([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));")
_SPECIAL = re.compile("[&<>\"'\r\n\t]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"}
_NAMED = {escape[1:-1]: sign for sign, escape in _ESCAPES.items()}


class Version(NamedTuple):
    """A version of an object, or a delete marker in the place of one."""

    key: str
    id: str


class Upload(NamedTuple):
    """A multipart upload that was begun and not completed."""

    key: str
    id: str


@dataclass(frozen=True)
class Marked:
    """Part of a listing of versions or uploads, and where the next part begins."""

    entries: Sequence[Version | Upload]
    sizes: Sequence[int] = ()
    changed: Sequence[str] = ()
    next_key: str = ""
    next_id: str = ""
    more: bool = False


@dataclass(frozen=True)
class S3Fault:
    """An `<Error>`: of a whole request, or of one key among those to delete."""

    code: str
    message: str = ""
    key: str = ""
    version: str = ""
    region: str = ""
    fields: dict[str, str] = field(default_factory=dict)


def read_page(data: bytes, what: str, *, timed: bool = False) -> Page:
    """An answer of ListObjectsV2. Raises ActionError for anything else."""
    _expect(data, b"ListBucketResult", what)
    keys = _names(data, _KEY.findall(data))
    sizes = list(map(int, _SIZE.findall(data)))
    changed = [one.decode() for one in _CHANGED.findall(data)] if timed else []
    if "" in keys or len(keys) != len(sizes) or (timed and len(keys) != len(changed)):
        raise ActionError(f"{what}: the listing lacks a key, a size or a time of an object", reason="server")
    return Page(keys, sizes, changed, more=_more(data), token="" if keys else text_of(data, "NextContinuationToken"))


def read_level(data: bytes, what: str) -> Level:
    """An answer of ListObjectsV2 with a delimiter. Raises ActionError for anything else."""
    _expect(data, b"ListBucketResult", what)
    folders, keys = _names(data, _FOLDER.findall(data)), _names(data, _KEY.findall(data))
    token = text_of(data, "NextContinuationToken") if _more(data) else ""
    if "" in folders or "" in keys or (_more(data) and not token):
        raise ActionError(f"{what}: the listing lacks a name, or says not how it goes on", reason="server")
    return Level(folders, keys, token)


def read_marked(data: bytes, what: str) -> Marked:
    """An answer of ListObjectVersions or ListMultipartUploads. Raises ActionError for anything else."""
    if b"<ListBucketResult" in data[:1000]:
        raise ActionError(f"{what}: the server lists objects instead, so it does not know what was asked for")
    uploads = b"<ListMultipartUploadsResult" in data[:1000]
    versions = next((root for root in _VERSIONS if b"<" + root in data[:1000]), _VERSIONS[0])
    _expect(data, b"ListMultipartUploadsResult" if uploads else versions, what)
    encoded = _is_encoded(data)
    entries: list[Version | Upload] = []
    sizes, changed = [], []
    for kind, body, whole in _elements(data, _ENTRY):
        key = _name(text_of(body, "Key"), encoded=encoded)
        upload, size = text_of(body, "UploadId"), text_of(body, "Size") or "0"
        # Without its id, an upload would be aborted by deleting the object of its name.
        if not whole or not key or (kind == b"Upload" and not upload) or not _NUMBER.fullmatch(size):
            raise ActionError(f"{what}: the listing lacks a key, a size or an id", reason="server")
        if kind == b"Upload":
            entries.append(Upload(key, upload))
        else:
            entries.append(Version(key, text_of(body, "VersionId") or "null"))
        sizes.append(int(size))
        changed.append(text_of(body, "Initiated" if kind == b"Upload" else "LastModified").strip()[:19] or _LATER)
    return Marked(
        entries,
        sizes,
        changed,
        next_key=_name(text_of(data, "NextKeyMarker"), encoded=encoded),
        next_id=text_of(data, "NextUploadIdMarker" if uploads else "NextVersionIdMarker"),
        more=_more(data),
    )


def read_faults(data: bytes) -> list[S3Fault]:
    """Every `<Error>` in an answer, whatever its status was. Its keys are not URL-encoded, in no request."""
    found = []
    for _, body, _ in _elements(data, _ERROR):
        text = {name: text_of(body, name) for name in ("Code", "Message", "Key", "VersionId", "Region")}
        times = {name: text_of(body, name) for name in ("RequestTime", "ServerTime")}
        found.append(S3Fault(text["Code"], text["Message"], text["Key"], text["VersionId"], text["Region"], times))
    return found


def is_deletion(data: bytes) -> bool:
    """Whether this is all of what DeleteObjects answers, also when it holds errors of single keys."""
    return _is_whole(data, b"DeleteResult")


def is_completion(data: bytes) -> bool:
    """Whether this is all of what CompleteMultipartUpload answers when the object is there."""
    return _is_whole(data, b"CompleteMultipartUploadResult")


def delete_document(victims: Sequence[str | Version | Upload]) -> bytes:
    """What DeleteObjects is sent; only errors are to be answered, which makes the answer small."""
    versions = not all(isinstance(one, str) for one in victims)
    keys = [one if isinstance(one, str) else one.key for one in victims]
    if _SPECIAL.search("".join(keys)):
        keys = [_SPECIAL.sub(_escape, key) for key in keys]
    if versions:
        ids = [_SPECIAL.sub(_escape, one.id) if isinstance(one, Version) else "" for one in victims]
        objects = "".join(
            f"<Object><Key>{key}</Key>{f'<VersionId>{id_}</VersionId>' if id_ else ''}</Object>"
            for key, id_ in zip(keys, ids, strict=True)
        )
    else:
        objects = "<Object><Key>" + "</Key></Object><Object><Key>".join(keys) + "</Key></Object>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Quiet>true</Quiet>{objects}</Delete>"
    ).encode()


def complete_document(etags: Sequence[str]) -> bytes:
    """What CompleteMultipartUpload is sent: the parts' ETags, in order."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{_SPECIAL.sub(_escape, etag)}</ETag></Part>"
        for number, etag in enumerate(etags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def are_writable(keys: Sequence[str]) -> bool:
    """Whether all keys can stand in a document; XML has no way to write most control characters."""
    return _UNWRITABLE.search("".join(keys)) is None


def text_of(data: bytes, tag: str) -> str:
    """The first element's text of this name, or nothing."""
    name = tag.encode()
    if (begin := data.find(b"<" + name + b">")) < 0:
        return ""
    begin += len(name) + 2
    end = data.find(b"<", begin)
    if not data.startswith(b"</" + name + b">", end):  # not text, or not all of it
        return ""
    return _unescape(data[begin:end].decode("utf-8", "surrogateescape"))


def _expect(data: bytes, root: bytes, what: str) -> None:
    if b"<" + root not in data[:1000]:
        raise ActionError(f"{what}: the answer is no {root.decode()}: is this an S3 endpoint?", reason="server")
    if not _is_whole(data, root):  # what is missing would be taken for what is not there
        raise Retryable(f"{what}: the answer was cut off", reason="network")


def _is_whole(data: bytes, root: bytes) -> bool:
    begin = data.find(b"<" + root, 0, 1000)
    return begin >= 0 and (b"</" + root in data[-1000:] or data[: data.find(b">", begin)].endswith(b"/"))


def _elements(data: bytes, begins: re.Pattern[bytes]) -> Iterator[tuple[bytes, bytes, bool]]:
    """The names of the elements that begin so, what is in them, and whether they end. Each byte is looked at once."""
    at = 0
    while found := begins.search(data, at):
        end = data.find(b"</" + found[1] + b">", found.end())
        at = end if end >= 0 else len(data)
        yield found[1], data[found.end() : at], end >= 0


def _names(data: bytes, found: list[bytes]) -> list[str]:
    encoded = _is_encoded(data)
    joined = b"\n".join(found)  # a raw line break is in no key: it comes URL-encoded or as an entity
    if b"&" in joined or (encoded and (b"%" in joined or b"+" in joined)) or b"\n" in b"".join(found):
        return [_name(_unescape(one.decode("utf-8", "surrogateescape")), encoded=encoded) for one in found]
    return joined.decode("utf-8", "surrogateescape").split("\n") if found else []


def _name(text: str, *, encoded: bool) -> str:
    return unquote_plus(text, errors="surrogateescape") if encoded else text


def _is_encoded(data: bytes) -> bool:
    """Whether the server heeded `encoding-type=url`; one that did not leaves keys as they are."""
    return b"<EncodingType>url</EncodingType>" in data


def _more(data: bytes) -> bool:
    return b"<IsTruncated>true" in data


def _unescape(text: str) -> str:
    return _REFERENCE.sub(_meant, text) if "&" in text else text


def _meant(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMED[name]
    number = int(decimal or hexadecimal, 10 if decimal else 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else match[0]


def _escape(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0]) or f"&#{ord(match[0])};"
