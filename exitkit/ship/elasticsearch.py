"""Elasticsearch and OpenSearch, by _bulk."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.clients import http
from exitkit.errors import ActionError
from exitkit.ship.pipeline.batch import Answer, Batch
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.posting import HTTPShip
from exitkit.text import redact

# https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create: what a name must not hold.
_INDEX = re.compile(r"[^A-Z\\/*?\"<>| ,#:+\-_.][^A-Z\\/*?\"<>| ,#:]{0,254}")
_AGAIN = frozenset({429, 500, 502, 503, 504})
# How the answer begins that `filter_path` asks for.
_ALL_TAKEN = b'{"errors":false,"items":['


class Elasticsearch(HTTPShip):
    """Index records in Elasticsearch or OpenSearch by _bulk.

    Each record is created under its own id, so that a second run finds it there; that counts as a duplicate. A data
    stream keeps its ids per backing index, so there a rollover between two runs may let a record in twice.
    """

    name: ClassVar[str] = "Elasticsearch"
    content_type: ClassVar[str] = "application/x-ndjson"
    # http.max_content_length is 100 MB by default and 10 MiB on small machines of AWS; advice is 5 to 15 MB.
    most_bytes: ClassVar[int] = 5 << 20
    most_records: ClassVar[int] = 2500

    index: str = Field(
        "logs-exitkit-default",
        description="The index, alias or data stream; empty for servers that have none, such as VictoriaLogs.",
    )
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
        return self

    def is_safe_to_resend(self) -> bool:
        return True

    def credentials(self) -> dict[str, str]:
        if self.api_key is not None:
            return {"Authorization": f"ApiKey {self.api_key.get_secret_value()}"}
        return super().credentials()

    def endpoint(self) -> str:
        base = super().endpoint().rstrip("/")
        index = f"/{self.index}" if self.index else ""
        return f"{base}{index}/_bulk?filter_path=errors,items.*.status,items.*.error"

    def encode(self, chunk: Chunk) -> Sequence[str]:
        level = "" if chunk.kind == "log" else f'"log.level":"{chunk.level}",'
        head = f'"kind":"{chunk.kind}",{level}{chunk.shared}'
        return [
            f'{{"create":{{"_id":"{identity}"}}}}\n{{{head}"@timestamp":"{stamp}","message":{line}}}\n'
            for identity, stamp, line in zip(chunk.ids, chunk.stamps, chunk.quoted, strict=True)
        ]

    def body(self, batch: Batch) -> bytes:
        return b"".join(part.blob for part in batch.parts)

    def answer(self, response: http.Response, batch: Batch) -> Answer:
        http.check(response, f"shipping to {self.target()}", idempotent=True)
        if response.body.startswith(_ALL_TAKEN):  # what follows says of each of thousands that it was
            return Answer()
        found = response.json()
        if not isinstance(found, Mapping) or not isinstance(found.get("errors"), bool):
            told = f"{self.target()} gave no answer of _bulk: {response.excerpt or 'an empty one'}"
            raise ActionError(told, reason="server")
        if not found["errors"]:
            return Answer()
        items = found.get("items") or []
        if len(items) != len(batch):
            raise ActionError(f"{self.target()} told of {len(items)} of {len(batch)} records", reason="server")
        duplicate, rejected, again = list[int](), dict[int, str](), dict[int, str]()
        for place, one in enumerate(items):
            (item,) = one.values()
            status = item.get("status", 0)
            if status in (200, 201):
                continue
            if status == 409:  # it is there under this id
                duplicate.append(place)
            elif status in _AGAIN:
                again[place] = _why(item)
            else:
                rejected[place] = _why(item)
        return Answer(duplicate, rejected, again)


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
