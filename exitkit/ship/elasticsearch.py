"""Elasticsearch and OpenSearch, by _bulk."""

import json
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.clients import http
from exitkit.clients.http.response import not_understood
from exitkit.ship.pipeline.batch import Answer, Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPShip, refused
from exitkit.text import redact

# https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create: what a name must not hold.
_INDEX = re.compile(r"[^A-Z\\/*?\"<>| ,#:+\-_.][^A-Z\\/*?\"<>| ,#:]{0,254}")
_PIPELINE = re.compile(r"[\x21-\x7e]{0,255}")
_AGAIN = frozenset({429, 500, 502, 503, 504})
# How the answer begins that `filter_path` asks for, and what a record has for its result that a pipeline has dropped.
_ALL_TAKEN = b'{"errors":false,"items":['
_DROPPED = "noop"


class Elasticsearch(HTTPShip):
    """Index records in Elasticsearch or OpenSearch by _bulk.

    Each record is created under its own id, so that a second run finds it there; that counts as a duplicate. A data
    stream keeps its ids per backing index, so there a rollover between two runs may let a record in twice; without `ids`
    every second arrival is let in. What an ingest pipeline drops is not there, and counts as refused.
    """

    name: ClassVar[str] = "Elasticsearch"
    content_type: ClassVar[str] = "application/x-ndjson"
    # http.max_content_length is 100 MB by default and 10 MiB on small machines of AWS; advice is 5 to 15 MB.
    most_bytes: ClassVar[int] = 5 << 20
    most_records: ClassVar[int] = 2500

    index: str = Field(
        "logs-exitkit-default",
        description="The index, alias or data stream; empty for servers that have none, such as VictoriaLogs, and "
        "keep twice what comes twice.",
    )
    pipeline: str = Field("", description="The ingest pipeline that records go through; by default the index's own.")
    ids: bool | None = Field(
        None,
        description="Whether records have ids of ours; by default yes, but not for aoss, whose time series take none.",
    )
    aws_service: Literal["", "es", "aoss"] = Field(
        "", description="Sign requests for AWS (SigV4): es for OpenSearch Service, aoss for OpenSearch Serverless."
    )
    region: str = Field("", description="AWS's region, if it is not that of the environment.")
    profile: str = Field("", description="A profile of the AWS configuration.")
    api_key: SecretStr | None = Field(None, description="An API key, encoded, for Authorization: ApiKey.")

    @field_validator("index")
    @classmethod
    def _is_an_index(cls, index: str) -> str:
        if index and not _INDEX.fullmatch(index):
            raise ValueError("is no index: small letters, digits and hyphens, and no comma, slash or wildcard")
        return index

    @model_validator(mode="after")
    def _one_key(self) -> "Elasticsearch":
        if self.api_key is not None and (self.bearer is not None or self.username or self.password):
            raise ValueError("give one of api_key, bearer, and username with password")
        if self.aws_service and super().credentials() | self.credentials():
            raise ValueError("aws_service signs requests, which then have no other Authorization")
        if (self.region or self.profile) and not self.aws_service:
            raise ValueError("region and profile are for aws_service")
        return self

    @field_validator("pipeline")
    @classmethod
    def _is_a_pipeline(cls, pipeline: str) -> str:
        if not _PIPELINE.fullmatch(pipeline):
            raise ValueError("is no pipeline's name: printable characters, without a space")
        return pipeline

    @property
    def _with_ids(self) -> bool:
        return self.aws_service != "aoss" if self.ids is None else self.ids

    def is_safe_to_resend(self) -> bool:
        # A server without indices, which only speaks the language, knows no ids either.
        return self._with_ids and bool(self.index)

    def credentials(self) -> dict[str, str]:
        if self.api_key is not None:
            return {"Authorization": f"ApiKey {self.api_key.get_secret_value()}"}
        return super().credentials()

    def endpoint(self) -> str:
        base = super().endpoint().rstrip("/")
        index = f"/{self.index}" if self.index else ""
        asked = {"filter_path": "errors,items.*.status,items.*.error,items.*.result"}
        asked |= {"pipeline": self.pipeline} if self.pipeline else {}
        # All of it encoded, as AWS does before it compares signatures.
        return f"{base}{index}/_bulk?{urlencode(asked, quote_via=quote)}"

    def signed(self, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        if not self.aws_service:
            return headers
        from exitkit.clients.aws import AWSAccess, AWSAccount

        account = AWSAccount(AWSAccess(region=self.region, profile=self.profile), self.aws_service)
        # Serverless wants the digest as a header of its own.
        digest = {"X-Amz-Content-Sha256": sha256(body).hexdigest()}
        return account.sign("POST", url, {**headers, **digest}, body, account.region)

    def encode(self, chunk: Chunk) -> Sequence[str]:
        level = "" if chunk.kind == "log" else f'"log.level":"{chunk.level}",'
        head = f'"kind":"{chunk.kind}",{level}{chunk.shared}'
        if not self._with_ids:
            return [
                f'{{"create":{{}}}}\n{{{head}"exitkit_id":"{identity}","@timestamp":"{stamp}","message":{line}}}\n'
                for identity, stamp, line in zip(chunk.ids, chunk.stamps, chunk.quoted, strict=True)
            ]
        return [
            f'{{"create":{{"_id":"{identity}"}}}}\n{{{head}"@timestamp":"{stamp}","message":{line}}}\n'
            for identity, stamp, line in zip(chunk.ids, chunk.stamps, chunk.quoted, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        return b"".join(part.blob for part in batch.parts)

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        if response.status == 400:  # a line that it cannot read ends all of it
            raise refused(response)
        http.check(response, f"shipping to {self.target()}", idempotent=self.is_safe_to_resend())
        if _is_all_taken(response.body, len(batch)):
            return Answer()
        try:
            found = json.loads(response.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, Mapping) or not isinstance(found.get("errors"), bool):
            said = response.excerpt or "an empty one"
            raise not_understood(response, f"{self.target()} gave no answer of _bulk: {said}")
        items = found.get("items") or []
        if not items and not found["errors"]:
            return Answer()
        if len(items) != len(batch) or not all(map(_is_item, items)):
            told = f"{self.target()} told of {len(items)} of {len(batch)} records, or of some in no form that is known"
            raise not_understood(response, told)
        return _by_item(items)


def _is_all_taken(body: bytes, count: int) -> bool:
    """Whether it says of each of thousands that it was taken, without reading each."""
    is_whole = body.startswith(_ALL_TAKEN) and body.rstrip().endswith(b"]}") and body.count(b'"status":') == count
    return is_whole and b'"noop"' not in body and b'"error"' not in body


def _is_item(item: object) -> bool:
    """Whether it says something of one record."""
    if not isinstance(item, Mapping) or len(item) != 1:
        return False
    (said,) = item.values()
    return isinstance(said, Mapping) and isinstance(said.get("status", 0), int)


def _by_item(items: Sequence[Mapping[str, Any]]) -> Answer:
    """What _bulk says of each record."""
    duplicate, rejected, again, slow = list[int](), dict[int, str](), dict[int, str](), False
    for place, one in enumerate(items):
        (item,) = one.values()
        status = item.get("status", 0)
        if item.get("result") == _DROPPED:
            rejected[place] = "an ingest pipeline dropped it"
            continue
        if status in (200, 201):
            continue
        if status == 409:  # it is there under this id
            duplicate.append(place)
        elif status in _AGAIN:
            again[place] = _why(item)
            slow = slow or status == 429
        else:
            rejected[place] = _why(item)
    return Answer(duplicate, rejected, again, slow=slow)


def _why(item: Mapping[str, Any]) -> str:
    """`mapper_parsing_exception: failed to parse field [x]`, without the record's own text."""
    error = item.get("error")
    if not isinstance(error, Mapping):
        return f"{item.get('status')}: {redact.printable(redact.redact(str(error or '')), 200)}"
    cause = error.get("caused_by") if isinstance(error.get("caused_by"), Mapping) else {}
    text = f"{error.get('type', '')}: {error.get('reason', '')}"
    # The reason quotes the id and the value, which differ for each record; the same fault is to be counted as one.
    text = re.sub(r"(of type \[\w+\]).*", r"\1", re.sub(r"document with id '[^']*'", "document", text))
    why = f" ({cause['type']})" if isinstance(cause, Mapping) and "type" in cause else ""
    return redact.printable(redact.redact(text + why), 200)
