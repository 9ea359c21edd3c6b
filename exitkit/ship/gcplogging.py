"""Google Cloud Logging."""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, field_validator

from exitkit.clients import http
from exitkit.clients.gcp import GoogleAccess, GoogleAccount
from exitkit.clients.http.response import not_understood
from exitkit.context import Context
from exitkit.errors import Retryable, Unknown
from exitkit.ship.pipeline.batch import Answer, Batch, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPPosting, HTTPShip, refused
from exitkit.text.redact import printable, redact

_SCOPE = "https://www.googleapis.com/auth/logging.write"
_SEVERITY = {"info": "INFO", "warning": "WARNING", "error": "ERROR"}
_AGAIN = frozenset({4, 8, 10, 13, 14})  # of google.rpc.Code: deadline, exhausted, aborted, internal, unavailable
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,61}[a-z0-9]")
_LOG = re.compile(r"[A-Za-z0-9/_.-]{1,500}")


class Gcplogging(HTTPShip):
    """Write records to Google Cloud Logging.

    Each has its id as `insertId`, by which Cloud Logging shows what comes twice once. With `cluster` and `location`,
    lines of pods are of the resource `k8s_container`, where GKE's own are. It needs logging.logEntries.create.
    """

    name: ClassVar[str] = "Cloud Logging"
    path: ClassVar[str] = "/v2/entries:write"
    separator: ClassVar[str] = ","
    # 10 MB a request and 256 KB an entry, whose size Google counts in its own way: our lines have 64 KiB at most.
    most_bytes: ClassVar[int] = 4 << 20
    most_records: ClassVar[int] = 1000

    project: str = Field(description="The project.")
    log: str = Field("argo-workflows", description="The name of the log.")
    cluster: str = Field("", description="The GKE cluster that the pods ran in.")
    location: str = Field("", description="The cluster's location.")
    credentials_file: Path | None = Field(None, description="A JSON file of credentials, instead of those found.")
    anonymous: bool = Field(False, description="Send no credentials, as to an emulator.")
    url: str = Field("https://logging.googleapis.com", description="The service.")

    @field_validator("project")
    @classmethod
    def _is_a_project(cls, project: str) -> str:
        if not _PROJECT.fullmatch(project):
            raise ValueError("is no project's id: 6 to 63 small letters, digits and hyphens")
        return project

    @field_validator("log")
    @classmethod
    def _is_a_log(cls, log: str) -> str:
        if not _LOG.fullmatch(log):
            raise ValueError("is no log's name: letters, digits and / _ . -")
        return log

    def is_safe_to_resend(self) -> bool:
        return True

    def encode(self, chunk: Chunk) -> Sequence[str]:
        told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in chunk.attributes.items()}
        labels = {key: value[:60_000] for key, value in list(told.items())[:60]} | {"kind": chunk.kind}
        shared = json.dumps({"labels": labels, "resource": self._resource(told)}, ensure_ascii=False)[:-1]
        severity = "" if chunk.kind == "log" else f'"severity":"{_SEVERITY[chunk.level]}",'
        return [
            f'{shared},{severity}"timestamp":"{stamp}","insertId":"{identity}","textPayload":{line}}}'
            for stamp, identity, line in zip(chunk.stamps, chunk.ids, chunk.quoted, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        name = f"projects/{self.project}/logs/{quote(self.log, safe='')}"
        head = json.dumps({"logName": name, "partialSuccess": True})[:-1].encode()
        return b'%s,"entries":[%s]}' % (head, b",".join(part.blob for part in batch.parts))

    @contextmanager
    def open(self, context: Context) -> Iterator[Post]:
        file = str(self.credentials_file) if self.credentials_file else ""
        account = GoogleAccount(GoogleAccess(credentials_file=file, anonymous=self.anonymous), _SCOPE)
        context.retry(account.log_in)
        with self.client(context) as client:
            yield _Entries(self, client, account)

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        what = f"shipping to {self.target()}"
        if 200 <= response.status <= 299:
            if response.status == 200 and _is_success(response):
                return Answer()
            raise not_understood(response, f"{what}: this is no answer of Cloud Logging's: {response.excerpt}")
        error = _error(response)
        found = [one for one in error.get("details") or () if isinstance(one, Mapping) and "logEntryErrors" in one]
        if found and isinstance(found[0]["logEntryErrors"], Mapping):  # all but these were written
            answer = _sorted(found[0]["logEntryErrors"], batch)
            if answer is None:
                raise Unknown(f"{what}: {response.status}, and not which entries were written; some may have been")
            return answer
        if response.status == 400:
            raise refused(response)
        http.check(response, what, ok=(), idempotent=True)
        raise Retryable(f"{what}: {response.status}", reason="server")

    def _resource(self, told: Mapping[str, str]) -> Mapping[str, Any]:
        if self.cluster and self.location and told.get("pod"):
            labels = {
                "project_id": self.project,
                "location": self.location,
                "cluster_name": self.cluster,
                "namespace_name": told.get("namespace", ""),
                "pod_name": told["pod"],
                "container_name": told.get("container", ""),
            }
            return {"type": "k8s_container", "labels": labels}
        return {"type": "global", "labels": {"project_id": self.project}}


class _Entries(HTTPPosting):
    """One run's, with the account's token, which is fetched anew where it was refused."""

    def __init__(self, target: Gcplogging, client: http.Client, account: GoogleAccount) -> None:
        super().__init__(target, client)
        self.account, self.is_anonymous = account, target.anonymous
        self._lock = threading.Lock()
        self._denied = ""

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            denied, self._denied = self._denied, ""
        return {**self._headers, **self.account.headers(refused=denied)}

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        if response.status != 401 or self.is_anonymous:
            return super().answer(response, batch)
        with self._lock:
            self._denied = next(iter(self.account.headers().values()), "")
        raise Retryable(f"{self.what}: the token was refused", reason="auth")


def _is_success(response: http.Response) -> bool:
    """An object, which is empty, and tells of no error."""
    try:
        found = json.loads(response.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, Mapping) and "error" not in found


def _sorted(errors: Mapping[str, Any], batch: Batch) -> Answer | None:
    """What is wrong with single entries, by their places; None where it does not say that of any, or of others."""
    rejected, again = dict[int, str](), dict[int, str]()
    for place, said in errors.items():
        if not place.isdecimal() or int(place) >= len(batch):
            return None
        error = said if isinstance(said, Mapping) else {}
        told = printable(redact(str(error.get("message") or "no reason was given")), 200)
        (again if error.get("code") in _AGAIN else rejected)[int(place)] = told
    return Answer(rejected=rejected, again=again) if rejected or again else None


def _error(response: http.Response) -> Mapping[str, Any]:
    try:
        found = json.loads(response.body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
