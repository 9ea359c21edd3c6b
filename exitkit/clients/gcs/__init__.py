"""A bucket of Google Cloud Storage: what can be asked of it."""

import re
from collections.abc import Mapping, Sequence

from exitkit.clients.deletion import PartialResult, Refusal, readable
from exitkit.clients.gcs import json
from exitkit.clients.gcs.batch import BatchReply, Call
from exitkit.clients.gcs.json import About, ListedObjects, ManagedFolder, Object
from exitkit.clients.gcs.request import GCSFault, GCSRefusal, GCSRequests, fault_of
from exitkit.clients.objects import PLAIN, Bucket, Content, Level, NoSuchObject
from exitkit.errors import ActionError, Retryable

MOST_NAMES = 1000
"""Objects of a page: https://cloud.google.com/storage/docs/json_api/v1/objects/list."""

_HOLD = re.compile(r"under active (temporary|event-based) hold", re.IGNORECASE)
_REPLACED = "replaced meanwhile"
_DOUBTFUL = frozenset({0, 502, 504})  # no answer, or that of a gateway: what stands behind it may have done its work

Victim = Object | ManagedFolder
"""What can go."""


class GCSBucket(GCSRequests, Bucket):
    """A bucket of Google's, for several threads. Each method sends a request or two, and tries nothing again but with a new token."""

    def page(  # noqa: PLR0913 - what is asked for, by name
        self,
        prefix: str,
        after: str = "",
        *,
        token: str = "",
        timed: bool = False,
        kept: bool = False,
        versions: bool = False,
    ) -> ListedObjects:
        """The next objects that begin with the prefix, after a name or a page's token, in the order of their bytes.

        With `versions` these are generations, and one may be listed whose name is `after`.
        """
        what = f"listing {self.name}"
        mask = "name,generation,size" + (",updated" if timed else "")
        mask += ",temporaryHold,eventBasedHold,retentionExpirationTime" if kept else ""
        query = {"prefix": prefix, "maxResults": str(MOST_NAMES), "startOffset": after, "pageToken": token}
        query |= {"fields": f"kind,nextPageToken,items({mask})", "versions": "true" if versions else ""}
        found = self.ask(self.path("o", **query), what)
        page = json.read_page(found, what, timed=timed, after="" if versions else after)
        if page.keys and not (_bytes(after) <= _bytes(page.keys[0]) <= _bytes(page.keys[-1])):
            raise ActionError(f"{what}: the names come in no order, so that a listing cannot go on", reason="server")
        return page

    def level(self, prefix: str, token: str = "") -> Level:
        what = f"listing {self.name}"
        query = {"prefix": prefix, "delimiter": "/", "maxResults": str(MOST_NAMES), "pageToken": token}
        fields = "kind,nextPageToken,prefixes,items(name,generation,size)"
        return json.read_level(self.ask(self.path("o", **query, fields=fields), what), what)

    def get(self, key: str, *, limit: int, begin: int = 0) -> Content:
        what = f"reading {readable(key)} of {self.name}"
        extra = {"Range": f"bytes={begin}-{begin + limit - 1}"} if begin else {}
        try:
            response = self.send("GET", self.path("o", key, alt="media"), what, extra=extra, limit=limit)
        except GCSRefusal as error:
            if error.status == 404:
                raise NoSuchObject(str(error), reason=error.reason) from None
            raise
        if begin and response.status != 206:
            raise ActionError(f"{what}: {response.host} does not heed ranges of bytes", reason="server")
        version = response.headers.get("x-goog-generation", "")
        if not version:
            raise Retryable(f"{what}: an answer without a generation: is this Google Cloud Storage?", reason="server")
        return Content(response.body, version, response.truncated)

    def put(self, key: str, body: bytes, content_type: str = PLAIN) -> None:
        self._write(key, body, content_type)

    def add(self, key: str, body: bytes, content_type: str = PLAIN) -> str:
        return self._write(key, body, content_type, generation="0")

    def replace(self, key: str, body: bytes, version: str, content_type: str = PLAIN) -> str:
        return self._write(key, body, content_type, generation=version)

    def remove(self, key: str) -> None:
        try:
            self.ask(self.path("o", key), f"deleting from {self.name}", method="DELETE")
        except GCSRefusal as error:
            if error.status != 404:
                raise

    def _write(self, key: str, body: bytes, content_type: str, generation: str = "") -> str:
        """The generation written; "" where another one of it is there than the one that is named."""
        what = f"writing {readable(key)} to {self.name}"
        path = f"/upload{self.path('o', uploadType='media', name=key, ifGenerationMatch=generation)}"
        try:
            response = self.send("POST", path, what, body=body, extra={"Content-Type": content_type})
        except GCSRefusal as error:
            if generation and error.status == 412:
                return ""
            raise
        if not (written := json.generation_of(response.body, key)):
            raise Retryable(f"{what}: an answer without the object: is this Google Cloud Storage?", reason="server")
        return written

    def folders(self, prefix: str, token: str = "") -> tuple[list[ManagedFolder], str]:
        """Managed folders that begin with the prefix, and the next page's token."""
        what = f"listing managed folders of {self.name}"
        fields = "nextPageToken,items(name,metageneration,updateTime)"
        query = {"prefix": prefix, "pageSize": str(MOST_NAMES), "pageToken": token, "fields": fields}
        return json.read_folders(self.ask(self.path("managedFolders", **query), what), what)

    def about(self) -> About:
        """The bucket's settings. It needs storage.buckets.get, which deleting does not."""
        fields = "softDeletePolicy(retentionDurationSeconds),versioning(enabled),hierarchicalNamespace(enabled)"
        return json.read_about(self.ask(self.path(fields=fields), f"reading the settings of {self.name}"))

    def delete(self, victims: Sequence[Object]) -> PartialResult[Object]:
        """Delete up to 100 objects, each only if it is still what was listed. What is gone already is fine."""
        what = f"deleting from {self.name}"
        replies = self.batch([Call("DELETE", self._deletion(one)) for one in victims], what)
        faults = {one: _fault(reply) for one, reply in zip(victims, replies, strict=True)}
        other = [one for one, fault in faults.items() if fault and fault.status == 412]
        refused, gone, later = [], [], {}
        try:
            faults |= self._looked_at(other, what) if other else {}
        except Retryable as error:  # the others have their answers
            later = dict.fromkeys(other, str(error))
        for one, fault in faults.items():
            if fault is None or one in later:
                continue
            if fault.status == 404:
                gone.append(name_of(one))
            elif fault.is_passing or fault.status in (0, 409):
                later[one] = fault.message if fault.status == 0 else str(fault)
            else:
                refused.append(Refusal(name_of(one), _refusal(fault)))
        told = [fault for fault in faults.values() if fault]
        after = max((one.after for one in told if one.after is not None), default=None)
        slow = any(fault.is_slow for fault in told)
        doubtful = [one for one, fault in faults.items() if fault and fault.status in _DOUBTFUL]
        return PartialResult(gone, refused, later, after, slow=slow, doubtful=doubtful)

    def delete_folder(self, folder: ManagedFolder) -> bool:
        """Delete a managed folder, if it is empty; False if it was gone already. Raises ActionError."""
        try:
            path = self.path("managedFolders", folder.name, ifMetagenerationMatch=folder.metageneration)
            self.ask(path, f"deleting a managed folder of {self.name}", method="DELETE")
        except GCSRefusal as error:
            if error.status == 404:
                return False
            if error.status != 409:
                raise
        else:
            return True
        raise ActionError("not empty", reason="client")

    def _deletion(self, one: Object) -> str:
        # A generation that is named goes for good also where the bucket keeps versions.
        condition = {"generation" if one.pinned else "ifGenerationMatch": one.generation}
        return self.path("o", one.name, **condition)

    def _looked_at(self, victims: Sequence[Object], what: str) -> Mapping[Object, GCSFault | None]:
        """Why a condition failed: something else is there now, or nothing is, as after an answer that was lost."""
        calls = [Call("GET", self.path("o", one.name, fields="generation")) for one in victims]
        found: dict[Object, GCSFault | None] = {}
        for one, reply in zip(victims, self.batch(calls, what), strict=True):
            fault = _fault(reply)
            found[one] = GCSFault(412, message=_REPLACED) if fault is None else fault
            if fault is not None and fault.status == 403:  # who may delete need not be allowed to look
                found[one] = GCSFault(412, message=f"{_REPLACED}, or gone")
        return found


def name_of(victim: Victim) -> str:
    """What it is called in a report; a generation as Google's tools write it."""
    pinned = isinstance(victim, Object) and victim.pinned
    return f"{victim.name}#{victim.generation}" if pinned and isinstance(victim, Object) else victim.name


def under(kind: str) -> str:
    """What is said of an object that something keeps: `temporary hold`, `retention policy`."""
    return f"under {'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _fault(reply: BatchReply | None) -> GCSFault | None:
    """What is wrong with an answer; status 0 if there is none."""
    if reply is None:
        return GCSFault(0, message="no answer")
    return None if 200 <= reply.status <= 299 else fault_of(reply)


def _refusal(fault: GCSFault) -> str:
    """One reason for all that are refused alike, so without the object's name and time.

    A hold has the reason of a missing right, and only its message tells it.
    """
    if fault.message.startswith(_REPLACED):
        return fault.message
    if hold := _HOLD.search(fault.message):
        return under(f"{hold[1].lower()} hold")
    if fault.reason == "objectUnderActiveHold":
        return under("hold")
    if fault.reason == "retentionPolicyNotMet":
        return under("retention policy")
    if fault.status == 403:
        return "403 forbidden: a right is missing, storage.objects.delete" if "delete" in fault.message else str(fault)
    return str(fault)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
