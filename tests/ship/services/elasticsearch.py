"""Elasticsearch and OpenSearch, as a test plays them."""
# ruff: noqa: TRY301 - a service raises its answer from wherever it is known

import base64
import fnmatch
import re
from urllib.parse import unquote, urlsplit

from .intake import MB, Intake, Reply, media_type, nanoseconds, said_by, strict_json


class ElasticsearchServer(Intake):
    """POST /_bulk and /{index}/_bulk.

    What an index holds is in `records`, with `index` and `version`; a data stream is what matches `data_streams`.
    """

    most_bytes = 100 * MB  # http.max_content_length
    data_streams = ("logs-*-*", "metrics-*-*", "traces-*-*")  # the templates that come with it
    most_fields = 1000  # index.mapping.total_fields.limit
    longest_id = 512
    custom_ids = True  # no on OpenSearch Serverless, for collections of time series
    product = True  # X-Elastic-Product; no on OpenSearch
    credentials = None  # what Authorization has to say: a text or several
    parameters = frozenset(
        {"filter_path", "refresh", "routing", "timeout", "pipeline", "pretty", "human", "error_trace", "_source"}
        | {"require_alias", "require_data_stream", "wait_for_active_shards", "list_executed_pipelines"}
    )

    def __init__(self, clock):
        super().__init__(clock)
        self._held = {}  # (index, id) to the record
        self._fields = {}  # index to path to what it holds
        self._numbers = iter(range(1 << 60))

    def rollover(self):
        """Data streams begin a new index, which knows nothing of the ids of the last."""
        self._held = {key: one for key, one in self._held.items() if not self._is_stream(key[0])}

    def basic(self, username, password):
        self.credentials = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()

    def api_key(self, identity, key):
        self.credentials = "ApiKey " + base64.b64encode(f"{identity}:{key}".encode()).decode()

    def too_large(self, got):
        return Reply(413, b"", {"Connection": "close"})

    def take(self, got):
        index = self._admit(got)
        actions = self._parse(got.body, index)
        items = [{op: self._write(op, found, source)} for op, found, source in actions]
        wrong = any("error" in item for one in items for item in one.values())
        answer = {"errors": wrong, "took": 3, "items": items}
        if "filter_path" in got.query:
            answer = filtered(answer, got.query["filter_path"].split(","))
        return Reply(200, answer, {"X-Elastic-Product": "Elasticsearch"} if self.product else {})

    def _admit(self, got):
        path = [unquote(part) for part in urlsplit(got.path).path.strip("/").split("/")]
        if path[-1] != "_bulk" or len(path) > 2 or got.method not in ("POST", "PUT"):
            raise self._error(405, "illegal_argument_exception", f"Incorrect HTTP method for uri [{got.path}]")
        known = (self.credentials,) if isinstance(self.credentials, str) else self.credentials
        if known is not None and got.headers.get("authorization") not in known:
            said = f"unable to authenticate with provided credentials and anonymous access is not allowed for this request [{got.path}]"
            raise self._error(401, "security_exception", said, {"WWW-Authenticate": 'Basic realm="security", ApiKey'})
        if media_type(got) not in ("application/x-ndjson", "application/json"):
            kind = got.headers.get("content-type", "")
            raise Reply(406, {"error": f"Content-Type header [{kind}] is not supported", "status": 406})
        if unknown := sorted(set(got.query) - self.parameters):
            said = f"request [{got.path}] contains unrecognized parameter: [{unknown[0]}]"
            raise self._error(400, "illegal_argument_exception", said)
        return path[0] if len(path) == 2 else None

    def _parse(self, body, index):
        if not body:
            raise self._error(400, "parse_exception", "request body is required")
        if not body.endswith(b"\n"):
            said = "The bulk request must be terminated by a newline [\\n]"
            raise self._error(400, "illegal_argument_exception", said)
        lines, actions, place = body[:-1].split(b"\n"), [], 0
        while place < len(lines):
            if not lines[place]:
                place += 1
                continue
            op, found = self._action(lines[place], place + 1, index)
            if op == "delete":
                actions.append((op, found, None))
                place += 1
                continue
            if place + 1 >= len(lines):
                raise self._error(
                    400, "illegal_argument_exception", "The bulk request must be terminated by a newline [\\n]"
                )
            actions.append((op, found, lines[place + 1]))
            place += 2
        if not actions:
            raise self._error(400, "action_request_validation_exception", "Validation Failed: 1: no requests added;")
        return actions

    def _action(self, line, number, index):
        malformed = f"Malformed action/metadata line [{number}], "
        try:
            ((op, found),) = strict_json(line).items()
        except (ValueError, AttributeError):
            raise self._error(400, "illegal_argument_exception", malformed + "expected one action in it") from None
        if op not in ("create", "index", "update", "delete"):
            said = f"{malformed}expected field [create], [delete], [index] or [update] but found [{op}]"
            raise self._error(400, "illegal_argument_exception", said)
        known = {"_index", "_id", "routing", "version", "version_type", "if_seq_no", "if_primary_term", "pipeline"}
        known |= {"require_alias", "require_data_stream", "dynamic_templates", "retry_on_conflict"}
        if unknown := sorted(set(found) - known):
            said = f"Action/metadata line [{number}] contains an unknown parameter [{unknown[0]}]"
            raise self._error(400, "illegal_argument_exception", said)
        target = found.get("_index", index)
        if target is None:
            said = "Validation Failed: 1: index is missing;"
            raise self._error(400, "action_request_validation_exception", said)
        if found.get("_id") is not None and len(str(found["_id"]).encode()) > self.longest_id:
            size = len(str(found["_id"]).encode())
            said = f"Validation Failed: 1: id [{found['_id']}] is too long, must be no longer than {self.longest_id} bytes but was: {size};"
            raise self._error(400, "action_request_validation_exception", said)
        return op, {**found, "_index": target}

    def _write(self, op, found, line):
        index, identity = found["_index"], found.get("_id")
        about = {"_index": f".ds-{index}-000001" if self._is_stream(index) else index, "_id": identity}
        try:
            if op not in ("create", "index"):
                raise _Item(400, "illegal_argument_exception", f"{op} is not played by this server of the tests")
            if re.search(r'[A-Z\\/*?"<>| ,#:]', index) or index[:1] in "-_+" or index in (".", ".."):
                raise _Item(400, "invalid_index_name_exception", f"Invalid index name [{index}]")
            if self._is_stream(index) and op != "create":
                said = "only write ops with an op_type of create are allowed in data streams"
                raise _Item(400, "illegal_argument_exception", said)
            if identity is not None and not self.custom_ids:
                said = "Document ID is not supported in create/index operation request"
                raise _Item(400, "illegal_argument_exception", said)
            return self._index(op, about, index, identity, line)
        except _Item as error:
            return {**about, "status": error.status, "error": error.told}

    def _index(self, op, about, index, identity, line):
        source = self._source(index, identity, line)
        message = said_by(source)
        if status := self.is_busy(message):
            kind = "es_rejected_execution_exception" if status == 429 else "unavailable_shards_exception"
            raise _Item(status, kind, "rejected execution of coordinating operation")
        identity = identity if identity is not None else f"auto{next(self._numbers)}"
        held = self._held.get((index, identity))
        if held and op == "create":
            version = held["version"]
            said = f"[{identity}]: version conflict, document already exists (current version [{version}])"
            raise _Item(409, "version_conflict_engine_exception", said)
        if held:
            held |= {"version": held["version"] + 1, "message": message, "attributes": source}
            done = {"_version": held["version"], "result": "updated", "status": 200}
        else:
            time = _stamp(source.get("@timestamp"))
            self.keep(identity, time, message, {}, source, index=index, version=1)
            self._held[index, identity] = self.records[-1]
            done = {"_version": 1, "result": "created", "status": 201}
        shards = {"total": 2, "successful": 1, "failed": 0}
        return {**about, "_id": identity, **done, "_shards": shards, "_seq_no": len(self.records), "_primary_term": 1}

    def _source(self, index, identity, line):
        """The document, if the mapping takes it."""
        kind = "mapper_parsing_exception"
        try:
            source = strict_json(line)
            if not isinstance(source, dict):
                raise ValueError("not an object")  # noqa: TRY004 - a text that is wrong
        except ValueError as error:
            raise _Item(400, kind, "failed to parse", ("json_parse_exception", str(error))) from None
        if self._is_stream(index) and "@timestamp" not in source:
            raise _Item(400, kind, "data stream timestamp field [@timestamp] is missing")
        if "@timestamp" in source and _stamp(source["@timestamp"]) is None:
            said = f"failed to parse field [@timestamp] of type [date] in document with id '{identity}'. Preview of field's value: '{source['@timestamp']}'"
            raise _Item(400, kind, said, ("illegal_argument_exception", "failed to parse date field"))
        if self.is_refused(said_by(source)):
            said = f"failed to parse field [refused] of type [long] in document with id '{identity}'. Preview of field's value: 'x'"
            raise _Item(400, kind, said, ("illegal_argument_exception", 'For input string: "x"'))
        self._map(index, identity, source)
        return source

    def _map(self, index, identity, source):
        """Dynamic mapping: what a field held first it holds for ever."""
        known = self._fields.setdefault(index, {})
        found = {}
        for path, value in _leaves(source):
            kind = "object" if value is _OBJECT else _es_type(value)
            if kind is None or path == "@timestamp":  # which is a date, and looked at already
                continue
            old = known.get(path, found.get(path, kind))
            if (old == "object") != (kind == "object"):
                said = f"object mapping for [{path}] tried to parse field [{path.rpartition('.')[2]}] as object, but found a concrete value"
                raise _Item(400, "mapper_parsing_exception", said)
            if old != kind and not _es_fits(old, value):
                said = f"failed to parse field [{path}] of type [{old}] in document with id '{identity}'. Preview of field's value: '{value}'"
                raise _Item(
                    400,
                    "mapper_parsing_exception",
                    said,
                    ("illegal_argument_exception", f'For input string: "{value}"'),
                )
            found[path] = old
        if len(known.keys() | found.keys()) > self.most_fields:
            said = f"Limit of total fields [{self.most_fields}] has been exceeded while adding new fields"
            raise _Item(400, "illegal_argument_exception", said)
        known |= found

    def _is_stream(self, index):
        return any(fnmatch.fnmatchcase(index, pattern) for pattern in self.data_streams)

    def _error(self, status, kind, reason, headers=None):
        error = {"type": kind, "reason": reason}
        return Reply(status, {"error": {"root_cause": [error], **error}, "status": status}, headers or {})


class _Item(Exception):
    def __init__(self, status, kind, reason, cause=None):
        super().__init__(reason)
        self.status = status
        self.told = {"type": kind, "reason": reason}
        if cause:
            self.told["caused_by"] = {"type": cause[0], "reason": cause[1]}


_OBJECT = object()


def _leaves(value, path=""):
    """The path of each field, and what it holds; of a list what is in it."""
    for key, held in value.items():
        name = f"{path}.{key}" if path else key
        for one in held if isinstance(held, list) else [held]:
            if isinstance(one, dict):
                yield name, _OBJECT
                yield from _leaves(one, name)
            else:
                yield name, one


def _es_type(value):
    """What dynamic mapping makes of it; None of null."""
    kinds = {bool: "boolean", int: "long", float: "float", str: "text"}
    return kinds.get(type(value))


def _es_fits(kind, value):
    """Whether a field of this type takes the value of another."""
    if kind == "text":
        return True
    try:
        return kind in ("long", "float") and not isinstance(value, bool) and float(value) is not None
    except (TypeError, ValueError):
        return False


def _stamp(value):
    """A date as strict_date_optional_time||epoch_millis reads it, in nanoseconds; None if it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 1_000_000
    if isinstance(value, str):
        if re.fullmatch(r"-?\d{5,}", value):
            return int(value) * 1_000_000
        try:
            return nanoseconds(value)
        except ValueError:
            return None
    return None


def filtered(value, patterns):
    """What filter_path leaves: https://www.elastic.co/docs/reference/elasticsearch/rest-apis/common-options."""
    without = [one[1:].split(".") for one in patterns if one.startswith("-")]
    wanted = [one.split(".") for one in patterns if not one.startswith("-")] or [["**"]]
    kept = _only(value, wanted)
    if without:
        kept = _except(kept, without)
    return {} if kept is None else kept


def _only(value, patterns):
    if any(not pattern or pattern == ["**"] for pattern in patterns):
        return value
    if isinstance(value, list):  # passed through; what nothing is left of goes, and with it its place
        return [kept for one in value if (kept := _only(one, patterns)) is not None] or None
    if not isinstance(value, dict):
        return None
    found = {}
    for key, held in value.items():
        rest = [step for pattern in patterns for step in _steps(pattern, key)]
        if rest and (kept := _only(held, rest)) is not None:
            found[key] = kept
    return found or None


def _except(value, patterns):
    if isinstance(value, list):
        return [_except(one, patterns) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, held in value.items():
        rest = [step for pattern in patterns for step in _steps(pattern, key)]
        if [] not in rest:
            found[key] = _except(held, rest) if rest else held
    return found


def _steps(pattern, key):
    """What is left of a pattern behind this key; nothing if it does not match."""
    if pattern[0] == "**":
        return [pattern, *_steps(pattern[1:], key)] if len(pattern) > 1 else [pattern]
    return [pattern[1:]] if fnmatch.fnmatchcase(key, pattern[0]) else []
