"""A bucket of S3, or of any server that speaks its language: what can be asked of it."""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import md5

from exitkit.clients.deletion import PartialResult, Refusal, readable
from exitkit.clients.http import Response
from exitkit.clients.objects import PLAIN, Bucket, Content, Level, Page, in_bytes
from exitkit.clients.s3 import xml
from exitkit.clients.s3.request import AGAIN, GONE, ConditionFailed, S3Requests, failed, is_unknown, plain
from exitkit.clients.s3.xml import Marked, S3Fault, Upload, Version
from exitkit.errors import ActionError, Retryable

Victim = str | Version | Upload
"""A key, a version of one, or an upload to one."""

MOST_KEYS = 1000
"""Keys that a listing answers with, and that DeleteObjects takes:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html."""


class S3Bucket(S3Requests, Bucket):
    """A bucket of S3, for several threads. Each method sends one request, and tries nothing again."""

    def page(self, prefix: str, after: str = "", *, token: str = "", timed: bool = False) -> Page:
        """The next 1000 keys that begin with the prefix, after a key or a page's token, in the order of their bytes."""
        query = {"list-type": "2", "encoding-type": "url", "max-keys": str(MOST_KEYS), "prefix": prefix}
        query |= {"continuation-token": token} if token else {"start-after": after} if after else {}
        what = f"listing {self.name}"
        found = xml.read_page(self.ask("GET", "", query, what=what), what, timed=timed)
        if found.keys and not in_bytes(after) < in_bytes(found.keys[0]) <= in_bytes(found.keys[-1]):
            raise ActionError(f"{what}: the keys come in no order, so that a listing cannot go on", reason="server")
        if found.more and not (found.keys or found.token):
            raise ActionError(f"{what}: there is more, and nothing says where", reason="server")
        return found

    def level(self, prefix: str, token: str = "") -> Level:
        query = {
            "list-type": "2",
            "encoding-type": "url",
            "max-keys": str(MOST_KEYS),
            "prefix": prefix,
            "delimiter": "/",
        }
        query |= {"continuation-token": token} if token else {}
        what = f"listing {self.name}"
        return xml.read_level(self.ask("GET", "", query, what=what), what)

    def versions(self, prefix: str, key: str = "", version: str = "") -> Marked:
        """Versions and delete markers, of keys after this one, or of the same one after this version."""
        query = {"versions": "", "encoding-type": "url", "max-keys": str(MOST_KEYS), "prefix": prefix}
        query |= {"key-marker": key} if key else {}
        query |= {"version-id-marker": version} if version else {}
        what = f"listing versions of {self.name}"
        return xml.read_marked(self.ask("GET", "", query, what=what), what)

    def uploads(self, prefix: str, key: str = "", upload: str = "") -> Marked:
        """Multipart uploads that were not completed."""
        query = {"uploads": "", "encoding-type": "url", "max-uploads": str(MOST_KEYS), "prefix": prefix}
        query |= {"key-marker": key, "upload-id-marker": upload} if key else {}
        what = f"listing uploads of {self.name}"
        return xml.read_marked(self.ask("GET", "", query, what=what), what)

    def delete(self, victims: Sequence[Victim]) -> PartialResult[Victim]:
        """Delete up to 1000 objects or versions with one request. What is gone already counts as deleted.

        Raises NotUnderstood where the server has no such request. Where its answer leaves open which version it is
        about, each of them is asked for by itself; and where it wants no version of a bucket that has none, its objects.
        """
        body = xml.delete_document(victims)
        what = f"deleting from {self.name}"
        # Older servers know no other checksum, and all know this one. It guards against damage, not against people.
        headers = {"Content-MD5": b64encode(md5(body, usedforsecurity=False).digest()).decode()}
        data = self.ask(
            "POST", "", {"delete": ""}, what=what, body=body, headers={**headers, "Content-Type": "application/xml"}
        )
        if not xml.is_deletion(data):
            raise failed(xml.read_faults(data), what) or Retryable(
                f"{what}: an empty or foreign answer: is this an S3 endpoint?", reason="server"
            )
        faults = xml.read_faults(data)
        found = _sorted(faults, victims, what)
        if unclear := _unclear(faults, victims):
            found = _joined(found, self._each(unclear))
        plain_keys = {one.key: one for one in victims if isinstance(one, Version) and one.id == "null"}
        unversioned = [plain_keys[one.key] for one in faults if is_unknown(one.code) and one.key in plain_keys]
        return self._without_versions(found, unversioned) if unversioned else found

    def _without_versions(self, found: PartialResult[Victim], unversioned: Sequence[Version]) -> PartialResult[Victim]:
        """The same where some stayed because the bucket may have no versions: then they go by their keys."""
        names = {name_of(one) for one in unversioned}
        others = replace(found, refused=[one for one in found.refused if one.name not in names])
        try:
            versioned = self.is_versioned()
        except Retryable as error:  # the others had their answer; of these it is known that they are there still
            return _joined(others, _postponed(unversioned, error))
        except ActionError:
            return found
        return found if versioned else _joined(others, self._each(unversioned, by_key=True))

    def is_versioned(self) -> bool:
        """Whether the bucket has versions, or had some before they were suspended."""
        what = f"asking whether {self.name} has versions"
        return bool(xml.text_of(self.ask("GET", "", {"versioning": ""}, what=what), "Status"))

    def _each(self, victims: Sequence[Version], *, by_key: bool = False) -> PartialResult[Victim]:
        """Delete them with a request each."""
        refused, later = list[Refusal](), dict[Victim, Retryable]()
        for one in victims:
            try:
                self.delete_one(one.key if by_key else one)
            except Retryable as error:
                later[one] = error
            except ActionError as error:
                refused.append(Refusal(name_of(one), str(error)))
        return PartialResult(
            refused=refused,
            later={victim: str(error) for victim, error in later.items()},
            after=max((error.after for error in later.values() if error.after), default=None),
            slow=any(error.reason == "rate" for error in later.values()),
            doubtful=[victim for victim, error in later.items() if error.doubt],
        )

    def delete_one(self, victim: Victim) -> None:
        """Delete a key by its URL, which can say what XML cannot, or abort an upload."""
        if isinstance(victim, Upload):
            self.ask(
                "DELETE", victim.key, {"uploadId": victim.id}, what=f"aborting an upload to {self.name}", gone=True
            )
        else:
            key, query = (victim, {}) if isinstance(victim, str) else (victim.key, {"versionId": victim.id})
            self.ask("DELETE", key, query, what=f"deleting from {self.name}", gone=True)

    def remove(self, key: str) -> None:
        self.delete_one(key)

    def get(self, key: str, *, limit: int, begin: int = 0) -> Content:
        what = f"reading {readable(key)} of {self.name}"
        headers = {"Range": f"bytes={begin}-{begin + limit - 1}"} if begin else {}
        response = self.send("GET", key, {}, what=what, headers=headers, limit=limit)
        if begin and response.status != 206:
            raise ActionError(f"{what}: {response.host} does not heed ranges of bytes", reason="server")
        return Content(response.body, _confirmed(response, what), response.truncated)

    def put(self, key: str, body: bytes, content_type: str = PLAIN) -> None:
        self._write(key, body, {"Content-Type": content_type})

    def add(self, key: str, body: bytes, content_type: str = PLAIN) -> str:
        return self._write_if(key, body, {"Content-Type": content_type, "If-None-Match": "*"})

    def replace(self, key: str, body: bytes, version: str, content_type: str = PLAIN) -> str:
        return self._write_if(key, body, {"Content-Type": content_type, "If-Match": version})

    def _write_if(self, key: str, body: bytes, headers: Mapping[str, str]) -> str:
        try:
            return self._write(key, body, headers)
        except ConditionFailed:
            return ""

    def _write(self, key: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, str] | None = None) -> str:
        """The ETag of what was written, without which nothing counts as written."""
        what = f"writing {readable(key)} to {self.name}"
        sent = {"Content-MD5": b64encode(md5(body, usedforsecurity=False).digest()).decode(), **headers}
        return _confirmed(self.send("PUT", key, query or {}, what=what, body=body, headers=sent), what)

    def begin_upload(self, key: str, headers: Mapping[str, str] | None = None) -> str:
        """The id of a new multipart upload."""
        what = f"writing {readable(key)} to {self.name}"
        data = self.ask("POST", key, {"uploads": ""}, what=what, headers=headers)
        if not (found := xml.text_of(data, "UploadId")):
            raise ActionError(f"{what}: the answer names no upload", reason="server")
        return found

    def put_part(self, key: str, upload: str, number: int, body: bytes) -> str:
        """The ETag of a part; parts count from 1 and have at least 5 MiB, but for the last."""
        return self._write(key, body, {}, {"partNumber": str(number), "uploadId": upload})

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        what = f"writing {readable(key)} to {self.name}"
        data = self.ask("POST", key, {"uploadId": upload}, what=what, body=xml.complete_document(etags))
        if problem := failed(xml.read_faults(data), what):  # a 200 may hold an error
            raise problem
        if not xml.is_completion(data):
            raise Retryable(f"{what}: an empty or foreign answer: is this an S3 endpoint?", reason="server")


def _postponed(victims: Sequence[Version], error: Retryable) -> PartialResult[Victim]:
    """None of them went, and another request may find out how they can."""
    why: dict[Victim, str] = {one: str(error) for one in victims}
    return PartialResult(later=why, after=error.after, slow=error.reason == "rate")


def _confirmed(response: Response, what: str) -> str:
    """The ETag, which S3 gives with every object that it has; whatever stands between here and there has none."""
    if not (etag := response.headers.get("etag", "").strip()):
        told = f"{what}: {response.status} from {response.host} without an ETag: is this an S3 endpoint?"
        raise Retryable(told, reason="server")
    return etag


def _sorted(faults: list[S3Fault], victims: Sequence[Victim], what: str) -> PartialResult[Victim]:
    """What a deletion's answer says of each key that stayed."""
    if not faults:
        return PartialResult()
    named: dict[tuple[str, str], Victim] = {
        (one, "") if isinstance(one, str) else (one.key, one.id): one for one in victims
    }
    refused, later = [], {}
    unclear = {one.key for one in _unclear(faults, victims)}
    for fault in faults:
        if not fault.version and fault.key in unclear:
            continue
        victim = named.get((fault.key, fault.version), named.get((fault.key, "")))
        if victim is None and not fault.version:  # it is of the one version of this key that was asked about
            victim = next((one for one in victims if not isinstance(one, str) and one.key == fault.key), None)
        told = plain(fault.code, 60) or "an error without a code"
        if victim is None:  # nobody knows which of them it is about
            raise Retryable(f"{what}: {told} for a key that was not asked about", reason="server", doubt=True)
        if fault.code in GONE:
            continue
        if fault.code in AGAIN:
            later[victim] = told
        else:
            message = plain(fault.message, 100)
            refused.append(Refusal(name_of(victim), f"{told}: {message}" if message else told))
    return PartialResult(refused=refused, later=later, slow=any(AGAIN.get(why) == "rate" for why in later.values()))


def _unclear(faults: Sequence[S3Fault], victims: Sequence[Victim]) -> list[Version]:
    """The versions that an error may be about which names their key alone, as some servers' does."""
    keys = {one.key for one in faults if one.key and not one.version}
    versions = [one for one in victims if isinstance(one, Version) and one.key in keys] if keys else []
    many = Counter(one.key for one in versions)
    return [one for one in versions if many[one.key] > 1]


def _joined(one: PartialResult[Victim], other: PartialResult[Victim]) -> PartialResult[Victim]:
    return PartialResult(
        refused=[*one.refused, *other.refused],
        later={**one.later, **other.later},
        after=max((after for after in (one.after, other.after) if after), default=None),
        slow=one.slow or other.slow,
        doubtful=[*one.doubtful, *other.doubtful],
    )


def key_of(victim: Victim) -> str:
    return victim if isinstance(victim, str) else victim.key


def name_of(victim: Victim) -> str:
    """What a key, a version or an upload is called in a report."""
    if isinstance(victim, str):
        return victim
    kind = "uploadId" if isinstance(victim, Upload) else "versionId"
    return f"{victim.key}?{kind}={victim.id}"
