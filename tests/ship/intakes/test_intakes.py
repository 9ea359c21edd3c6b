"""The services of the ship tests refuse what the real ones refuse, in the same words, and keep the rest."""

import gzip
import http.client
import json
import urllib.error
import urllib.request
import zlib
from base64 import b64encode

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs

NOW = 1_790_000_000
NANO = 10**9
GUID = "b0221cd8-c4b4-465a-9a3c-273e3a75aa29"


def send(server, path, body, headers=None, method="POST"):
    """The status and the body of the answer, as JSON where it is some."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, _read(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _read(error.read())


def _read(data):
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()


# What all of them share


def test_a_connection_serves_several_requests(bulk_http):
    """Keep-alive, as real services have it."""
    link = http.client.HTTPConnection(bulk_http.host, bulk_http.port)
    for number in range(3):
        link.request("POST", "/", f'{{"message":"{number}"}}\n', {"Content-Type": "application/x-ndjson"})
        assert link.getresponse().read() == b""
        assert link.sock is not None
    link.close()
    assert bulk_http.messages == ["0", "1", "2"]
    assert bulk_http.replies == [200, 200, 200]


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_packed_bodies_are_unpacked_and_measured(bulk_http, encoding, pack):
    """Limits are about what is inside; a body that is no gzip is refused."""
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding}
    data = b'{"id":"1","time":1790000000,"message":"' + b"x" * 5000 + b'"}\n'
    assert send(bulk_http, "/in", pack(data), headers)[0] == 200
    (got,) = bulk_http.requests
    assert (got.method, got.path, got.size, got.body) == ("POST", "/in", len(data), data)
    assert got.packed < 200
    assert bulk_http.records[0]["time"] == NOW * NANO
    assert send(bulk_http, "/in", data, headers)[0] == 400
    assert send(bulk_http, "/in", data, {**headers, "Content-Encoding": "zstd"})[0] == 415
    bulk_http.most_bytes = 5000
    assert send(bulk_http, "/in", pack(data), headers)[0] == 413


def test_what_is_ordered_comes_next_and_once(bulk_http):
    """A status with headers and a body, so many times; then the service does its work again."""
    headers, body = {"Content-Type": "application/x-ndjson"}, b'{"message":"a"}\n'
    bulk_http.next(429, {"Retry-After": "7"}, {"slow": "down"}, times=2)
    request = urllib.request.Request(bulk_http.url, body, headers)
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(request)
    with told.value as error:
        assert (error.code, error.headers["Retry-After"], error.read()) == (429, "7", b'{"slow": "down"}')
    assert send(bulk_http, "/", body, headers)[0] == 429
    assert bulk_http.records == []
    assert send(bulk_http, "/", body, headers)[0] == 200
    assert len(bulk_http.records) == 1


@pytest.mark.parametrize("stored", [False, True])
def test_a_connection_is_broken_before_or_after_the_work(bulk_http, stored):
    """The client cannot tell which."""
    bulk_http.next(drop=True, stored=stored)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        send(bulk_http, "/", '{"message":"a"}\n', {"Content-Type": "application/x-ndjson"})
    assert len(bulk_http.records) == stored
    assert bulk_http.replies == [0]
    bulk_http.next(503, stored=True)
    assert send(bulk_http, "/", '{"message":"b"}\n', {"Content-Type": "application/x-ndjson"})[0] == 503
    assert bulk_http.messages[-1] == "b"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("loki", 100 << 20),
        ("elasticsearch", 100 << 20),
        ("splunk", 838_860_800),
        ("otlp", 20 << 20),
        ("datadog", 5_000_000),
        ("gcplogging", 10 << 20),
        ("bulk_http", 16 << 20),
    ],
)
def test_a_request_has_room_for_what_is_documented(request, name, size):
    """Told rather than filled: a test that needs the limit sets a lower one. bulk_http's is our own."""
    assert request.getfixturevalue(name).most_bytes == size


# Grafana Loki

PUSH = {"Content-Type": "application/json"}


def push(server, *streams, headers=None):
    body = {"streams": [{"stream": labels, "values": values} for labels, values in streams]}
    return send(server, "/loki/api/v1/push", body, {**PUSH, **(headers or {})})


def at(seconds, line="x", *more):
    return [f"{(NOW + seconds) * NANO}", line, *more]


def test_loki_takes_a_push(loki):
    """204, times to the nanosecond, metadata beside the labels."""
    assert push(loki, ({"job": "a"}, [["1789999999123456789", "hello", {"id": "i1"}]])) == (204, "")
    assert loki.records == [
        {
            "id": "i1",
            "time": 1_789_999_999_123_456_789,
            "message": "hello",
            "labels": {"job": "a"},
            "attributes": {"id": "i1"},
        }
    ]


@pytest.mark.parametrize(
    "value",
    [
        [NOW * NANO, "x"],
        [f"{NOW * NANO}", 5],
        [f"{NOW * NANO}", "x", {"n": 1}],
        [f"{NOW * NANO}", "x", {"n": {"m": "x"}}],
        [f"{NOW * NANO}", "x", {}, {}],
        ["2026-09-21T00:00:00Z", "x"],
        ["1_790_000_000", "x"],
    ],
)
def test_loki_wants_text(loki, value):
    """A time that is a number, or metadata that is not flat, costs the whole push."""
    status, said = push(loki, ({"job": "a"}, [at(0), value]))
    assert (status, loki.records) == (400, [])
    assert said.startswith("loghttp.PushRequest: ")
    assert push(loki, ({"job": 5}, [at(0)]))[0] == 400


def test_loki_takes_protobuf_by_default(loki):
    """JSON without its type is no protobuf."""
    assert send(loki, "/loki/api/v1/push", {"streams": []}, {"Content-Type": "application/x-protobuf"})[0] == 400


def test_loki_wants_a_stream(loki):
    """422, with the words of its own."""
    assert push(loki) == (422, "error at least one valid stream is required for ingestion\n")


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (at(-7 * 86_400 - 1), "has timestamp too old: 2026-09-14T14:13:19Z, oldest acceptable timestamp is: "),
        (at(601), "has timestamp too new: 2026-09-21T14:23:21Z"),
        (at(0, "x" * 262_145), "Max entry size '262144' bytes exceeded for stream '{job=\"a\"}' while adding an entry"),
        (at(0, "x", {"a": "x" * 65_536}), "has structured metadata too large: '65537' bytes, limit: '65536'"),
        (
            at(0, "x", {f"a{n}": "x" for n in range(129)}),
            "has too many structured metadata labels: '129', limit: '128'",
        ),
    ],
)
def test_loki_stores_what_is_good_beside_what_is_not(loki, entry, words):
    """400, and no count where there is one bad entry: the rest of the request is there."""
    status, said = push(loki, ({"job": "a"}, [at(0, "good"), entry]))
    assert (status, loki.messages) == (400, ["good"])
    assert words in said
    assert "errors like" not in said


def test_loki_counts_errors_by_their_text(loki):
    """Those of one text are one error with its number; the labels of a stream are one error for all of its lines."""
    old = at(-8 * 86_400)
    status, said = push(loki, ({"job": "a"}, [old, old, at(0, "good")]), ({"a-b": "x"}, [at(0), at(0)]))
    assert (status, loki.messages) == (400, ["good"])
    first, second = said.split("; ")
    assert first.startswith("2 errors like: entry for stream '{job=\"a\"}' has timestamp too old")
    assert second.startswith("1 errors like: Error parsing labels ")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({}, "at least one label pair is required"),
        ({f"l{n}": "x" for n in range(16)}, "has 16 label names; limit 15"),
        ({"a" * 1025: "x"}, "has label name too long"),
        ({"a": "x" * 2049}, "has label value too long"),
    ],
)
def test_loki_refuses_labels(loki, labels, words):
    """All the lines of the stream."""
    status, said = push(loki, (labels, [at(0)]))
    assert (status, loki.records) == (400, [])
    assert words in said


def test_loki_takes_an_hour_of_disorder_in_each_stream(loki):
    """Beyond that a line is too far behind, in its stream alone; it is counted for the last of the streams."""
    assert push(loki, ({"job": "a"}, [at(0, "now"), at(-3600, "just")]))[0] == 204
    status, said = push(loki, ({"job": "a"}, [at(-3601, "late"), at(0, "new")]), ({"job": "b"}, [at(-3601, "other")]))
    assert status == 400
    assert said.endswith("user 'fake', total ignored: 1 out of 2 for stream: {job=\"a\"}\n")
    assert loki.messages == ["now", "just", "new", "other"]


def test_loki_keeps_one_of_what_is_the_same(loki):
    """The same stream, time and line; another line at that time stays."""
    for _ in range(2):
        assert push(loki, ({"job": "a"}, [at(0, "a"), at(0, "b")]))[0] == 204
    assert loki.messages == ["a", "b"]
    assert [line for _, _, line in loki.duplicates] == ["a", "b"]
    assert push(loki, ({"job": "b"}, [at(0, "a")]))[0] == 204
    assert loki.messages == ["a", "b", "a"]


def test_loki_never_takes_more_than_the_burst(loki):
    """429 for the whole push, now and later."""
    lines = [at(0, "x" * 250_000) for _ in range(26)]
    for _ in range(2):
        status, said = push(loki, ({"job": "a"}, lines))
        assert (status, loki.records) == (429, [])
        assert "attempting to ingest '26' lines totaling '6500000' bytes" in said
    assert push(loki, ({"job": "a"}, lines[:25]))[0] == 204


def test_loki_has_a_rate_where_it_is_asked_for(loki, clock):
    """What was refused is taken when enough time has passed."""
    loki.rate = 4 << 20
    lines = [at(0, "x" * 250_000) for _ in range(24)]
    assert push(loki, ({"job": "a"}, lines))[0] == 204
    assert push(loki, ({"job": "b"}, lines))[0] == 429
    clock.advance(2)
    assert push(loki, ({"job": "b"}, lines))[0] == 204


def test_loki_has_a_limit_of_streams(loki):
    """429 with the others stored."""
    status, said = push(loki, *(({"job": f"{n}"}, [at(0, f"{n}")]) for n in range(5001)))
    assert (status, len(loki.records)) == (429, 5000)
    assert said.startswith('Maximum active stream limit exceeded when trying to create stream {job="5000"}')


def test_loki_may_be_blocked_and_says_so_with_a_success(loki):
    """260 stores nothing, as does the 200 that it may be set to."""
    for loki.blocked in (260, 200):
        status, said = push(loki, ({"job": "a"}, [at(0)]))
        assert (status, loki.records) == (loki.blocked, [])
        assert said.startswith("ingestion blocked for user fake until ")


def test_loki_wants_its_tenant_the_gateways_credentials_and_its_size(loki):
    """401, 401, 413, 404 and 405."""
    loki.tenant, loki.credentials, loki.most_bytes = "ml", "Basic x", 1000
    known = {"X-Scope-OrgID": "ml", "Authorization": "Basic x"}
    assert push(loki, ({"job": "a"}, [at(0)]), headers={"Authorization": "Basic x"}) == (401, "no org id\n")
    assert push(loki, ({"job": "a"}, [at(0)]), headers={"X-Scope-OrgID": "ml"})[0] == 401
    assert push(loki, ({"job": "a"}, [at(0)]), headers=known)[0] == 204
    assert push(loki, ({"job": "a"}, [at(0, "x" * 1000)]), headers=known)[0] == 413
    assert send(loki, "/loki/api/v2/push", b"", known)[0] == 404
    assert send(loki, "/loki/api/v1/push", b"", known, method="PUT")[0] == 405


def test_loki_may_know_no_metadata(loki):
    """As before 3.0, or where it is disallowed; and a test may refuse a line."""
    loki.allow_metadata = False
    loki.refuse("bad")
    status, said = push(loki, ({"job": "a"}, [at(0, "a", {"id": "1"}), at(0, "b"), at(0, "a bad one")]))
    assert (status, loki.messages) == (400, ["b"])
    assert "this feature is disallowed" in said


# Elasticsearch

BULK = {"Content-Type": "application/x-ndjson"}
SHORT = "/_bulk?filter_path=errors,items.*.status,items.*.error"


def doc(identity, op="create", index="logs", **source):
    action = {op: {"_index": index, **({"_id": identity} if identity is not None else {})}}
    return f"{json.dumps(action)}\n{json.dumps({'@timestamp': '2026-09-21T14:13:20.5Z', 'message': 'm', **source})}\n"


def statuses(answer):
    return [item["status"] for one in answer["items"] for item in one.values()]


def test_elasticsearch_indexes_and_tells_of_each(elasticsearch):
    """201, then 409 for the same id by create, and 200 by index."""
    status, answer = send(elasticsearch, "/_bulk", doc("a") + doc("b", n=1), BULK)
    assert (status, answer["errors"], statuses(answer)) == (200, False, [201, 201])
    assert answer["items"][0]["create"]["result"] == "created"
    status, answer = send(elasticsearch, "/logs/_bulk", doc("a") + doc("c") + doc("b", "index"), BULK)
    assert (status, answer["errors"], statuses(answer)) == (200, True, [409, 201, 200])
    assert answer["items"][0]["create"]["error"] == {
        "type": "version_conflict_engine_exception",
        "reason": "[a]: version conflict, document already exists (current version [1])",
    }
    assert elasticsearch.ids == ["a", "b", "c"]
    assert elasticsearch.records[0]["time"] == NOW * NANO + NANO // 2
    assert elasticsearch.records[0]["index"] == "logs"


def test_elasticsearch_says_only_what_it_is_asked_for(elasticsearch):
    """filter_path; what nothing is left of is gone with its place."""
    _, answer = send(elasticsearch, SHORT, doc("a") + doc("b"), BULK)
    assert answer == {"errors": False, "items": [{"create": {"status": 201}}, {"create": {"status": 201}}]}
    _, answer = send(elasticsearch, "/_bulk?filter_path=items.*.error", doc("c") + doc("a"), BULK)
    assert [list(one["create"]) for one in answer["items"]] == [["error"]]
    _, answer = send(elasticsearch, "/_bulk?filter_path=-items,-took", doc("d"), BULK)
    assert answer == {"errors": False}
    _, answer = send(elasticsearch, "/_bulk?filter_path=errors,items.*.*,-items.*._*", doc("f"), BULK)
    assert answer == {"errors": False, "items": [{"create": {"result": "created", "status": 201}}]}
    _, answer = send(elasticsearch, "/_bulk?filter_path=took.x", doc("g"), BULK)
    assert answer == {}
    _, answer = send(elasticsearch, "/_bulk?filter_path=**._id", doc("e"), BULK)
    assert answer == {"items": [{"create": {"_id": "e"}}]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "request body is required"),
        (doc("a")[:-1], "The bulk request must be terminated by a newline [\\n]"),
        (doc("a") + '{"create":{"_index":"x"}}\n', "The bulk request must be terminated by a newline [\\n]"),
        ("[]\n{}\n", "Malformed action/metadata line [1]"),
        ('{"insert":{}}\n{}\n', "expected field [create], [delete], [index] or [update] but found [insert]"),
        ('{"create":{"_type":"x"}}\n{}\n', "contains an unknown parameter [_type]"),
        ('{"create":{}}\n{}\n', "index is missing"),
        (doc("x" * 513), "is too long, must be no longer than 512 bytes but was: 513"),
        ("\n", "no requests added"),
    ],
)
def test_elasticsearch_refuses_a_request_as_a_whole(elasticsearch, body, words):
    """400 and nothing is done."""
    status, answer = send(elasticsearch, "/_bulk", body, BULK)
    assert (status, elasticsearch.records) == (400, [])
    assert words in answer["error"]["reason"]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (doc("a", "index", "logs-x-y"), "illegal_argument_exception", "op_type of create are allowed in data streams"),
        (doc("a", index="logs-x-y", **{"@timestamp": "yesterday"}), "mapper_parsing_exception", "of type [date]"),
        ('{"create":{"_index":"logs-x-y"}}\n{}\n', "mapper_parsing_exception", "[@timestamp] is missing"),
        ('{"create":{"_index":"x"}}\n{"a":NaN}\n', "mapper_parsing_exception", "failed to parse"),
        ('{"create":{"_index":"x"}}\n"text"\n', "mapper_parsing_exception", "failed to parse"),
        (doc("a", index="Logs"), "invalid_index_name_exception", "Invalid index name"),
        (doc("a", number={"x": 1}), "mapper_parsing_exception", "but found a concrete value"),
        (doc("a", number="many"), "mapper_parsing_exception", "failed to parse field [number] of type [long]"),
        (doc("a", message="it is refused"), "mapper_parsing_exception", "failed to parse field"),
        (doc("a", **{f"f{n}": "x" for n in range(1000)}), "illegal_argument_exception", "Limit of total fields [1000]"),
    ],
)
def test_elasticsearch_refuses_a_document_alone(elasticsearch, body, kind, words):
    """200 for the request, 400 for the item, and the others are there."""
    elasticsearch.refuse("refused")
    _, answer = send(elasticsearch, "/_bulk", doc("first", number=1) + body + doc("last"), BULK)
    assert (answer["errors"], statuses(answer)) == (True, [201, 400, 201])
    (item,) = answer["items"][1].values()
    assert item["error"]["type"] == kind
    assert words in item["error"]["reason"]
    assert elasticsearch.ids == ["first", "last"]


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "es_rejected_execution_exception"), (503, "unavailable_shards_exception")]
)
def test_elasticsearch_puts_a_document_off(elasticsearch, status, kind):
    """So often as it is told to, and then it takes it."""
    elasticsearch.busy("later", times=2, status=status)
    body = doc("a") + doc("b", message="later")
    for expected in ([201, status], [409, status], [409, 201]):
        _, answer = send(elasticsearch, "/_bulk", body, BULK)
        assert statuses(answer) == expected
        if expected[1] == status:
            assert answer["items"][1]["create"]["error"]["type"] == kind


def test_elasticsearch_knows_who_asks_how_and_how_much(elasticsearch):
    """401, 406, 400 for an unknown parameter, 413 and 405."""
    elasticsearch.basic("elastic", "changeme")
    known = {**BULK, "Authorization": "Basic " + b64encode(b"elastic:changeme").decode()}
    assert send(elasticsearch, "/_bulk", doc("a"), BULK)[0] == 401
    assert send(elasticsearch, "/_bulk", doc("a"), known)[0] == 200
    assert send(elasticsearch, "/_bulk", doc("b"), {**known, "Content-Type": "text/plain"})[0] == 406
    assert send(elasticsearch, "/_bulk?filterpath=errors", doc("b"), known)[0] == 400
    assert send(elasticsearch, "/_bulk", None, known, method="DELETE")[0] == 405
    elasticsearch.most_bytes = 100
    assert send(elasticsearch, "/_bulk", doc("b") * 2, known) == (413, "")
    elasticsearch.api_key("id", "key")
    assert send(elasticsearch, "/_bulk", doc("a"), known)[0] == 401
    assert elasticsearch.ids == ["a"]


def test_elasticsearch_forgets_ids_when_a_data_stream_rolls_over(elasticsearch):
    """And an index does not."""
    send(elasticsearch, "/_bulk", doc("a", index="logs-x-y") + doc("b"), BULK)
    elasticsearch.rollover()
    _, answer = send(elasticsearch, "/_bulk", doc("a", index="logs-x-y") + doc("b"), BULK)
    assert statuses(answer) == [201, 409]


def test_elasticsearch_reads_more_than_one_kind_of_document(elasticsearch):
    """Times in milliseconds, nothing in a field, lists, objects in objects, numbers where there was text."""
    more = [{"@timestamp": NOW * 1000}, {"@timestamp": f"{NOW * 1000}"}, {"a": None, "t": "x"}, {"a": 5, "t": 5}]
    more += [{"o": {"a": {"b": 1}}}, {"o": [{"a": {"b": 2}}]}, {"a": [6, 7]}]
    _, answer = send(elasticsearch, "/_bulk", "".join(doc(f"{n}", **one) for n, one in enumerate(more)), BULK)
    assert statuses(answer) == [201] * len(more)
    assert [one["time"] for one in elasticsearch.records[:2]] == [NOW * NANO] * 2
    _, answer = send(elasticsearch, "/_bulk", doc("x", o={"a": 1}) + doc("y", o=[{"a": {"b": {}}}]), BULK)
    assert statuses(answer) == [400, 400]
    assert answer["items"][0]["create"]["error"]["reason"].startswith("object mapping for [o.a] tried to parse")


def test_elasticsearch_tells_the_cause(elasticsearch):
    """Where a value is not what its field holds."""
    _, answer = send(elasticsearch, "/_bulk", doc("a", n=1) + doc("b", n="many"), BULK)
    assert answer["items"][1]["create"]["error"]["caused_by"] == {
        "type": "illegal_argument_exception",
        "reason": 'For input string: "many"',
    }


def test_elasticsearch_plays_no_more_than_it_says(elasticsearch):
    """A delete has no document, and neither it nor an update is played."""
    update = '{"update":{"_index":"x","_id":"1"}}\n{"doc":{}}\n'
    _, answer = send(elasticsearch, "/_bulk", '{"delete":{"_index":"x","_id":"1"}}\n' + update + doc("a"), BULK)
    assert statuses(answer) == [400, 400, 201]


def test_elasticsearch_may_be_serverless(elasticsearch):
    """No ids of one's own, and no header that says who made it."""
    elasticsearch.custom_ids = elasticsearch.product = False
    _, answer = send(elasticsearch, "/_bulk", doc("a") + doc(None), BULK)
    assert statuses(answer) == [400, 201]


# Splunk

EVENT = "/services/collector/event"


def hec(server, body, path=EVENT, **headers):
    return send(server, path, body, {"Authorization": f"Splunk {server.token}", **headers})


def test_splunk_takes_events_one_after_the_other(splunk):
    """Without an array; times with nanoseconds."""
    body = '{"time":1790000000.123456789,"host":"h","event":"a","fields":{"exitkit_id":"1"}}{"time":"1790000001","event":{"message":"b"}}\n'
    assert hec(splunk, body) == (200, {"text": "Success", "code": 0})
    first, second = splunk.records
    assert (first["id"], first["time"], first["message"], first["labels"]) == (
        "1",
        NOW * NANO + 123_456_789,
        "a",
        {"host": "h"},
    )
    assert (second["time"], second["message"]) == ((NOW + 1) * NANO, "b")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('{"event"', 6),
        ('[{"event":"x"}]', 6),
        ('{"time":"yesterday","event":"x"}', 6),
        ('{"event":"refused"}', 6),
        ('{"host":"x"}', 12),
        ('{"event":""}', 13),
        ('{"event":"x","fields":{"a":{"b":1}}}', 15),
        ('{"event":"x","index":"other"}', 7),
    ],
)
def test_splunk_takes_what_comes_before_a_bad_event(splunk, bad, code):
    """And says its number, from nought; nothing of what follows."""
    splunk.refuse("refused")
    splunk.indexes = ("main",)
    status, said = hec(splunk, '{"event":"a"}\n{"event":"b","index":"main"}\n' + bad + '\n{"event":"c"}\n')
    assert (status, said["code"], said["invalid-event-number"]) == (400, code, 2)
    assert splunk.messages == ["a", "b"]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, 2),
        ({"Authorization": "Bearer x"}, 401, 3),
        ({"Authorization": "Splunk another"}, 403, 4),
    ],
)
def test_splunk_knows_its_token(splunk, headers, status, code):
    """Each kind of wrong has its code."""
    assert send(splunk, EVENT, '{"event":"a"}', headers)[0] == status
    assert send(splunk, EVENT, '{"event":"a"}', headers)[1]["code"] == code
    splunk.disabled = True
    assert hec(splunk, '{"event":"a"}') == (403, {"text": "Token disabled", "code": 1})


def test_splunk_refuses_nothing_too_much_and_elsewhere(splunk):
    """Code 5, 413, 404, and raw without a channel."""
    assert hec(splunk, " \n") == (400, {"text": "No data", "code": 5})
    assert hec(splunk, "x", "/services/collector/other")[0] == 404
    assert send(splunk, "/services/collector/health", None, method="GET") == (
        200,
        {"text": "HEC is healthy", "code": 17},
    )
    assert send(splunk, EVENT, b"", method="PUT")[0] == 405
    assert hec(splunk, '{"event":"a","fields":{"l":["x","y"]}}')[0] == 200
    assert hec(splunk, '{"event":"a","fields":{"l":[{"x":"y"}]}}')[1]["code"] == 15
    assert hec(splunk, '{"time":5,"event":"b"}')[0] == 200
    assert splunk.records.pop()["time"] == 5 * NANO
    splunk.records.clear()
    assert hec(splunk, "x", "/services/collector/raw")[1]["code"] == 10
    assert hec(splunk, "x\ny", f"/services/collector/raw?channel={GUID}")[0] == 200
    assert splunk.messages == ["x", "y"]
    splunk.most_bytes = 10
    assert hec(splunk, '{"event":"too long"}')[0] == 413


def test_splunk_says_what_it_is_told_to(splunk):
    """A code brings its status and its text."""
    splunk.say(9)
    splunk.say(26)
    assert hec(splunk, '{"event":"a"}') == (503, {"text": "Server is busy", "code": 9})
    assert hec(splunk, '{"event":"a"}') == (429, {"text": "Queue at capacity", "code": 26})
    assert splunk.records == []


def test_splunk_wants_a_channel_for_acknowledgements(splunk):
    """Which is a GUID; without acknowledgements there is nothing to ask."""
    assert hec(splunk, {"acks": [0]}, f"/services/collector/ack?channel={GUID}")[1]["code"] == 14
    splunk.acks = True
    assert hec(splunk, '{"event":"a"}')[1]["code"] == 10
    assert hec(splunk, '{"event":"a"}', **{"X-Splunk-Request-Channel": "mine"})[1]["code"] == 11
    assert hec(splunk, '{"event":"a"}', **{"X-Splunk-Request-Channel": GUID})[1] == {
        "text": "Success",
        "code": 0,
        "ackId": 0,
    }
    assert hec(splunk, '{"event":"a"}', f"{EVENT}?channel={GUID}")[1]["ackId"] == 1
    assert hec(splunk, '{"acks":["0"]}', f"/services/collector/ack?channel={GUID}")[0] == 400


def test_splunk_acknowledges_once_and_late(splunk):
    """After so many questions, and then never again; another channel knows nothing of it."""
    splunk.acks = True
    ask, mine = "/services/collector/ack", {"X-Splunk-Request-Channel": GUID}
    hec(splunk, '{"event":"at once"}', f"{EVENT}?channel={GUID[:-1]}1")
    assert hec(splunk, {"acks": [0]}, f"{ask}?channel={GUID[:-1]}1")[1] == {"acks": {"0": True}}
    splunk.records.clear()
    splunk.polls = 2
    hec(splunk, '{"event":"a"}', **mine)
    assert splunk.records[0]["acked"] is False
    assert hec(splunk, {"acks": [0]}, f"{ask}?channel={GUID[:-1]}0")[1] == {"acks": {"0": False}}
    told = [hec(splunk, {"acks": [0, 7]}, ask, **mine)[1]["acks"] for _ in range(4)]
    assert told == [{"0": one, "7": False} for one in (False, False, True, False)]
    assert splunk.records[0]["acked"] is True
    splunk.polls = None
    hec(splunk, '{"event":"b"}', **mine)
    assert not any(hec(splunk, {"acks": [1]}, ask, **mine)[1]["acks"]["1"] for _ in range(20))


def test_splunk_ignores_what_it_does_not_know(splunk):
    """Which is a complaint, and no error."""
    assert hec(splunk, '{"event":"a","id":"1"}')[0] == 200
    assert splunk.complaints == ["Splunk ignores ['id'] of an event"]
    splunk.complaints.clear()


# OTLP


def export(server, *records, resource=(), path="/v1/logs", **headers):
    """The status, and the message of the answer."""
    logs = ResourceLogs(scope_logs=[{"scope": {"name": "s"}, "log_records": records}])
    logs.resource.attributes.extend(resource)
    body = ExportLogsServiceRequest(resource_logs=[logs]).SerializeToString()
    return export_bytes(server, body, path=path, **headers)


def export_bytes(server, body, *, path="/v1/logs", **headers):
    request = urllib.request.Request(server.url + path, body, {"Content-Type": "application/x-protobuf", **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, ExportLogsServiceResponse.FromString(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            data = error.read()
            is_status = error.code not in (401, 404, 413, 415)
            return error.code, Status.FromString(data) if is_status else data


def record(text="a", **more):
    return LogRecord(time_unix_nano=NOW * NANO, body={"string_value": text}, **more)


def test_otlp_takes_records(otlp):
    """With the attributes of the resource as labels, and values of every kind."""
    values = [
        {"key": "log.record.uid", "value": {"string_value": "i1"}},
        {"key": "n", "value": {"int_value": -9007199254740993}},
        {"key": "b", "value": {"bool_value": True}},
        {"key": "d", "value": {"double_value": 1.5}},
        {"key": "l", "value": {"array_value": {"values": [{"string_value": "x"}]}}},
        {"key": "m", "value": {"kvlist_value": {"values": [{"key": "k", "value": {"double_value": 2}}]}}},
        {"key": "r", "value": {"bytes_value": b"x"}},
    ]
    resource = [KeyValue(key="service.name", value={"string_value": "argo"})]
    answer = export(otlp, record(attributes=values, severity_number=9, trace_id=b"0" * 16), resource=resource)
    assert answer == (200, ExportLogsServiceResponse())
    (one,) = otlp.records
    assert (one["id"], one["time"], one["message"], one["severity"]) == ("i1", NOW * NANO, "a", 9)
    assert one["labels"] == {"service.name": "argo"}
    assert one["attributes"] == {
        "log.record.uid": "i1",
        "n": -9007199254740993,
        "b": True,
        "d": 1.5,
        "l": ["x"],
        "m": {"k": 2.0},
        "r": b"x",
    }


@pytest.mark.parametrize("bad", [{"severity_number": 25}, {"trace_id": b"0"}, {"span_id": b"0" * 16}])
def test_otlp_refuses_what_is_none(otlp, bad):
    """400 with the status of an RPC, and nothing of the request is kept."""
    status, said = export(otlp, record("good"), record(**bad))
    assert (status, said.code, otlp.records) == (400, 3, [])


def test_otlp_complains_of_what_it_does_not_know(otlp):
    """A reader ignores it, so that the record is there."""
    body = ExportLogsServiceRequest(resource_logs=[{"scope_logs": [{"log_records": [record()]}]}]).SerializeToString()
    assert export_bytes(otlp, body + b"\xf8\x7f\x01")[0] == 200
    assert len(otlp.records) == 1
    assert otlp.complaints == ["OTLP has no field of some number that was there"]
    export(otlp, record(attributes=[{"key": "a", "value": {}}] * 2))
    assert len(otlp.complaints) == 2
    longer = body[:1] + bytes([body[1] | 0x80, 0]) + body[2:]  # the same length, in two bytes
    assert export_bytes(otlp, longer)[0] == 200
    assert otlp.complaints[2:] == ["the same is written otherwise by others"]
    otlp.complaints.clear()


def test_otlp_tells_how_many_it_rejects(otlp):
    """None with a message is a warning."""
    otlp.refuse("bad")
    status, said = export(otlp, record("a"), record("bad 1"), record("bad 2"))
    assert (status, said.partial_success.rejected_log_records) == (200, 2)
    assert said.partial_success.error_message == "the test has refused some of them"
    assert otlp.messages == ["a"]
    otlp.warning = "mind the gap"
    status, said = export(otlp, record("b"))
    assert said.partial_success.rejected_log_records == 0
    assert said.partial_success.error_message == "mind the gap"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_otlp_may_be_away(otlp, status):
    """With the status of an RPC in the body."""
    otlp.next(status)
    answer = export(otlp, record())
    assert answer[0] == status
    assert answer[1].message == f"ordered {status}"


def test_otlp_wants_its_path_type_size_and_credentials(otlp):
    """404, 415, 405, 413, 401, and 400 for what is no protobuf."""
    assert export(otlp, record(), path="/v1/log")[0] == 404
    assert export(otlp, record(), **{"Content-Type": "application/json"})[0] == 415
    assert send(otlp, "/v1/logs", b"", method="PUT")[0] == 405
    for body in (b"{", b"\x0a\x05a"):
        assert export_bytes(otlp, body)[0] == 400
    otlp.credentials = "Bearer x"
    assert export(otlp, record())[0] == 401
    assert export(otlp, record(), Authorization="Bearer x")[0] == 200
    otlp.most_bytes = 20
    assert export(otlp, record(), Authorization="Bearer x")[0] == 413


# Datadog


def intake(server, body, **headers):
    return send(server, "/api/v2/logs", body, {"DD-API-KEY": server.key, "Content-Type": "application/json", **headers})


def test_datadog_accepts_before_it_looks(datadog):
    """202; tags are labels."""
    one = {"message": "a", "timestamp": NOW * 1000 + 5, "ddtags": "env:prod,team:ml", "service": "s", "exitkit_id": "1"}
    assert intake(datadog, [one, {"message": "b"}]) == (202, {})
    first, second = datadog.records
    assert (first["id"], first["time"], first["message"]) == ("1", NOW * NANO + 5_000_000, "a")
    assert first["labels"] == {"env": "prod", "team": "ml", "service": "s"}
    assert second["time"] == NOW * NANO


def test_datadog_drops_and_cuts_without_a_word(datadog):
    """What is older than 18 hours, and what is over 1 MB: 202 all the same."""
    old = {"message": "old", "timestamp": (NOW - 18 * 3600 - 1) * 1000}
    edge = {"message": "edge", "timestamp": (NOW - 18 * 3600) * 1000}
    datadog.refuse("refused")
    assert intake(datadog, [old, edge, {"message": "x" * 1_000_000}, {"message": "refused"}])[0] == 202
    assert datadog.dropped == [("old", "older than 18 hours"), ("refused", "the test has refused it")]
    assert [one["truncated"] for one in datadog.records] == [False, True]
    assert len(json.dumps({"message": datadog.messages[1]})) == 1_000_000


def test_datadog_refuses_a_request_as_a_whole(datadog):
    """401 and 403 for its key, 400, 415, 413 for bytes and for entries."""
    plain = {"Content-Type": "application/json"}
    assert send(datadog, "/api/v2/logs", [{"message": "a"}], plain)[0] == 401
    assert intake(datadog, [], **{"DD-API-KEY": "other"})[0] == 403
    assert intake(datadog, b"[")[0] == 400
    assert intake(datadog, ["text"])[0] == 400
    assert intake(datadog, [], **{"Content-Type": "application/x-ndjson"})[0] == 415
    assert intake(datadog, [{"message": "a"}] * 1001)[0] == 413
    assert intake(datadog, [{"message": "x" * 999_990}] * 6)[0] == 413
    assert intake(datadog, [{"message": "x" * 900_000}] * 5)[0] == 202
    assert intake(datadog, [{"message": "a"}] * 1000)[0] == 202
    assert send(datadog, "/api/v3/logs", [], plain)[0] == 404
    assert send(datadog, "/api/v2/logs", b"", plain, method="PUT")[0] == 405
    assert intake(datadog, {"message": {"n": 1}})[0] == 202
    assert datadog.messages[-1] == '{"n": 1}'
    datadog.next(429)
    assert intake(datadog, [])[1]["errors"][0]["status"] == "429"


def test_datadog_takes_now_for_a_time_it_cannot_read(datadog):
    """Nanoseconds, say: which nobody should send."""
    assert intake(datadog, [{"message": "a", "timestamp": NOW * NANO}])[0] == 202
    assert datadog.records[0]["time"] == NOW * NANO
    assert len(datadog.complaints) == 1
    datadog.complaints.clear()


# CloudWatch Logs

SIGNED = f"AWS4-HMAC-SHA256 Credential=AKIA/20260921/us-east-1/logs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={'0' * 64}"
JSON11 = {"Content-Type": "application/x-amz-json-1.1", "Authorization": SIGNED}


def call(server, name, headers=None, **asked):
    status, said = send(server, "/", asked, {**JSON11, "X-Amz-Target": f"Logs_20140328.{name}", **(headers or {})})
    return (status, said.get("__type", "") if isinstance(said, dict) else "", said)


def put(server, *events, group="g", stream="s"):
    events = [{"timestamp": time, "message": message} for time, message in events]
    return call(server, "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events)


@pytest.fixture
def stream(cloudwatch):
    cloudwatch.groups["g"] = ["s"]
    return cloudwatch


MS = NOW * 1000


def test_cloudwatch_wants_a_group_and_a_stream(cloudwatch):
    """Each is made once, in this order."""
    assert put(cloudwatch, (MS, "a"))[:2] == (400, "ResourceNotFoundException")
    assert call(cloudwatch, "CreateLogStream", logGroupName="g", logStreamName="s")[1] == "ResourceNotFoundException"
    assert call(cloudwatch, "CreateLogGroup", logGroupName="g")[0] == 200
    assert call(cloudwatch, "CreateLogGroup", logGroupName="g")[1] == "ResourceAlreadyExistsException"
    assert put(cloudwatch, (MS, "a"))[2]["message"] == "The specified log stream does not exist."
    assert call(cloudwatch, "CreateLogStream", logGroupName="g", logStreamName="s")[0] == 200
    assert (
        call(cloudwatch, "CreateLogStream", logGroupName="g", logStreamName="s")[1] == "ResourceAlreadyExistsException"
    )
    assert put(cloudwatch, (MS, '{"id":"1"}'), (MS, "b"))[0] == 200
    first = cloudwatch.records[0]
    assert (first["id"], first["time"], first["labels"]) == ("1", NOW * NANO, {"group": "g", "stream": "s"})
    assert cloudwatch.calls[:2] == ["PutLogEvents", "CreateLogStream"]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "greater than or equal to 1"),
        ([(MS, "")], "greater than or equal to 1"),
        ([(-1, "a")], "timestamp"),
        ([(MS, "a"), (MS - 1, "b")], "must be in chronological order"),
        ([(MS - 86_400_001, "a"), (MS, "b")], "cannot span more than 24 hours"),
        ([(MS, "a")] * 10_001, "less than or equal to 10000"),
        ([(MS, "x" * (1_048_576 - 25))], "Log event too large: 1048577 bytes exceeds limit of 1048576"),
        ([(MS, "ä" * 524_276)], "Log event too large: 1048578 bytes"),
        ([(MS, "x" * 524_262), (MS, "x" * 524_263)], "Upload too large: 1048577 bytes exceeds limit of 1048576"),
    ],
)
def test_cloudwatch_refuses_a_batch_as_a_whole(stream, events, words):
    """InvalidParameterException, as a 400."""
    status, kind, said = put(stream, *events)
    assert (status, kind, stream.records) == (400, "InvalidParameterException", [])
    assert words in said["message"]


def test_cloudwatch_takes_what_just_fits(stream):
    """To the byte, the event and the millisecond."""
    assert put(stream, (MS, "x" * 524_262), (MS, "x" * 524_262))[0] == 200
    assert put(stream, (MS, "x" * (1_048_576 - 26)))[0] == 200
    assert put(stream, *[(MS, "a")] * 10_000)[0] == 200
    assert put(stream, (MS - 86_400_000, "a"), (MS, "b"))[0] == 200


def test_cloudwatch_rejects_a_part_with_a_success(stream):
    """The start is the first that is too new, an end the first that is not too old; the rest is kept."""
    day = 86_400_000
    events = [(MS - 15 * day, "a"), (MS - 14 * day - 1, "b"), (MS, "c"), (MS + 7_200_000, "d"), (MS + 7_200_001, "e")]
    status, _, said = put(stream, *events)
    assert status == 200
    assert said["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 4, "tooOldLogEventEndIndex": 2}
    assert (stream.messages, stream.lost) == (["c", "d"], ["a", "b", "e"])


def test_cloudwatch_rejects_what_retention_would_delete(stream):
    """As expired, which is another end; what is rejected counts for no span."""
    assert call(stream, "PutRetentionPolicy", logGroupName="g", retentionInDays=3)[0] == 200
    assert call(stream, "PutRetentionPolicy", logGroupName="g", retentionInDays=2)[0] == 400
    day = 86_400_000
    _, _, said = put(stream, (MS - 20 * day, "a"), (MS - 4 * day, "b"), (MS, "c"))
    assert said["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}
    assert (stream.messages, stream.lost) == (["c"], ["a", "b"])
    assert put(stream, (MS - 20 * day, "d"))[2]["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] == 1
    assert stream.lost == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"Authorization": ""}, 403, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer x"}, 403, "IncompleteSignatureException"),
        ({"Authorization": SIGNED.replace("/logs/", "/s3/")}, 403, "IncompleteSignatureException"),
        ({"Content-Type": "application/json"}, 400, "UnknownOperationException"),
        ({"X-Amz-Target": "Logs_20140328.PutLogs"}, 400, "UnknownOperationException"),
    ],
)
def test_cloudwatch_wants_a_signed_call_that_it_knows(stream, headers, status, kind):
    """And nothing packed."""
    assert call(stream, "PutLogEvents", headers, logGroupName="g")[:2] == (status, kind)
    assert send(stream, "/", gzip.compress(b"{}"), {**JSON11, "Content-Encoding": "gzip"})[0] == 415
    assert call(stream, "CreateLogGroup", logGroupName="a b")[1] == "InvalidParameterException"
    assert put(stream, (MS, "a"), stream="a:b")[1] == "InvalidParameterException"


def test_cloudwatch_throttles_with_a_400(stream):
    """So often as it is told to."""
    stream.fail("ThrottlingException", "Rate exceeded", times=2)
    assert [put(stream, (MS, "a"))[:2] for _ in range(3)] == [(400, "ThrottlingException")] * 2 + [(200, "")]
    stream.fail("ServiceUnavailableException", status=500, stored=True)
    assert put(stream, (MS, "b"))[0] == 500
    assert stream.messages == ["a", "b"]


def test_boto3_speaks_to_cloudwatch(cloudwatch, account):
    """Its own words are understood, and its own errors come of ours."""
    import boto3
    from botocore.config import Config

    client = boto3.client("logs", "us-east-1", endpoint_url=cloudwatch.url, config=Config(retries={"max_attempts": 0}))
    events = [{"timestamp": MS, "message": "ä"}, {"timestamp": MS + 7_200_001, "message": "new"}]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    client.create_log_group(logGroupName="g")
    client.create_log_stream(logGroupName="g", logStreamName="s")
    said = client.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
    assert said["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert cloudwatch.messages == ["ä"]
    cloudwatch.fail("ThrottlingException")
    with pytest.raises(client.exceptions.ClientError, match="ThrottlingException"):
        client.create_log_group(logGroupName="h")
    client.close()


# Google Cloud Logging

LOG = "projects/p/logs/argo%2Fexitkit"


def entry(text="a", **more):
    return {
        "logName": LOG,
        "resource": {"type": "global"},
        "timestamp": "2026-09-21T14:13:20Z",
        "textPayload": text,
        **more,
    }


def write(server, *entries, token=None, **asked):
    headers = {"Authorization": f"Bearer {token or server.token}", "Content-Type": "application/json"}
    return send(server, "/v2/entries:write", {"entries": [*entries], **asked}, headers)


def test_google_takes_entries(gcplogging):
    """What the request says for all is what an entry does not say."""
    one = {"insertId": "i1", "timestamp": "2026-09-21T14:13:20.123456789Z", "jsonPayload": {"message": "a", "n": 1}}
    asked = {"logName": LOG, "resource": {"type": "k8s_container"}, "labels": {"a": "1", "b": "1"}}
    assert write(gcplogging, {**one, "labels": {"b": "2"}, "severity": "ERROR"}, **asked) == (200, {})
    (kept,) = gcplogging.records
    assert (kept["id"], kept["time"], kept["message"]) == ("i1", NOW * NANO + 123_456_789, "a")
    assert (kept["labels"], kept["severity"], kept["attributes"]["n"]) == ({"a": "1", "b": "2"}, "ERROR", 1)


@pytest.mark.parametrize(
    "bad",
    [
        {"message": "x"},
        {"timestamp": "yesterday"},
        {"timestamp": NOW},
        {"severity": "WARN"},
        {"labels": {"n": 1}},
        {"insertId": 5},
        {"jsonPayload": "text"},
    ],
)
def test_google_refuses_what_is_no_entry_with_all_the_others(gcplogging, bad):
    """400 for the request, partialSuccess or not."""
    status, said = write(gcplogging, entry(), entry(**bad), partialSuccess=True)
    assert (status, said["error"]["status"], gcplogging.records) == (400, "INVALID_ARGUMENT", [])
    assert "details" not in said["error"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"textPayload": "x" * 262_144}, "exceeds maximum size of 256.0K"),
        ({"logName": "projects/p/logs/a:b"}, "Illegal character in log name"),
        ({"logName": "mine"}, "Illegal character in log name"),
        ({"resource": {}}, "monitored resource"),
        ({"jsonPayload": {}}, "several payloads"),
        ({"labels": {f"l{n}": "" for n in range(65)}}, "65 labels"),
        ({"textPayload": "refused"}, "the test has refused it"),
    ],
)
def test_google_tells_of_bad_entries_by_their_places(gcplogging, bad, words):
    """With partialSuccess the others are kept; without it, nothing is, and no place is told."""
    gcplogging.refuse("refused")
    status, said = write(gcplogging, entry("a"), entry(**bad), entry("b"), partialSuccess=True)
    assert (status, gcplogging.messages) == (400, ["a", "b"])
    (detail,) = said["error"]["details"]
    assert detail["@type"] == "type.googleapis.com/google.logging.v2.WriteLogEntriesPartialErrors"
    assert list(detail["logEntryErrors"]) == ["1"]
    assert detail["logEntryErrors"]["1"]["code"] == 3
    assert words in detail["logEntryErrors"]["1"]["message"]
    assert words in said["error"]["message"]
    status, said = write(gcplogging, entry("c"), entry(**bad))
    assert (status, gcplogging.messages) == (400, ["a", "b"])
    assert "details" not in said["error"]
    assert "details" not in write(gcplogging, entry(**bad), partialSuccess=True)[1]["error"]


def test_google_puts_an_entry_off(gcplogging):
    """Alone, with the code of its kind."""
    gcplogging.busy("later", status=503)
    status, said = write(gcplogging, entry("a"), entry("later"), partialSuccess=True)
    assert (status, said["error"]["details"][0]["logEntryErrors"]["1"]["code"]) == (503, 14)
    assert write(gcplogging, entry("later"), partialSuccess=True) == (200, {})
    assert gcplogging.messages == ["a", "later"]


def test_google_keeps_one_of_an_insert_id(gcplogging):
    """At the same time, in the same project; without one each is another."""
    for _ in range(2):
        assert write(gcplogging, entry("a", insertId="1"), entry("b"))[0] == 200
    assert gcplogging.messages == ["a", "b", "b"]
    assert gcplogging.duplicates == ["1"]
    write(gcplogging, entry("c", insertId="1", timestamp="2026-09-21T14:13:21Z"))
    write(gcplogging, entry("d", insertId="1", logName="projects/q/logs/x"))
    assert gcplogging.messages[-2:] == ["c", "d"]


def test_google_drops_what_is_out_of_retention_without_a_word(gcplogging):
    """200, and it is nowhere."""
    old, new = entry("old", timestamp="2026-08-22T14:13:19Z"), entry("new", timestamp="2026-09-22T14:13:21Z")
    assert write(gcplogging, old, new, entry("a"), dryRun=True) == (200, {})
    assert gcplogging.dropped == []
    assert write(gcplogging, old, new, entry("a")) == (200, {})
    assert gcplogging.messages == ["a"]
    assert [message for message, _ in gcplogging.dropped] == ["old", "new"]


def test_google_cuts_labels(gcplogging):
    """Keys at 512 bytes, values at 64 KB."""
    write(gcplogging, entry(labels={"k" * 600: "v" * 70_000}))
    ((key, value),) = gcplogging.records[0]["labels"].items()
    assert (len(key), len(value)) == (512, 65_536)


def test_google_wants_a_token_its_size_and_its_fields(gcplogging):
    """401, 404, and 400 for no entries, too many bytes and unknown names."""
    status, said = write(gcplogging, entry(), token="other")
    assert (status, said["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert write(gcplogging)[0] == 400
    assert write(gcplogging, entry(), partial_success=True)[0] == 400
    assert send(gcplogging, "/v2/entries:list", {})[0] == 404
    known = {"Authorization": f"Bearer {gcplogging.token}", "Content-Type": "application/json"}
    for body, kind in (({"entries": [entry()]}, "text/plain"), ([], "application/json"), (b"{", "application/json")):
        assert send(gcplogging, "/v2/entries:write", body, {**known, "Content-Type": kind})[0] == 400
    assert gcplogging.records == []
    gcplogging.most_bytes = 100
    assert write(gcplogging, entry())[1]["error"]["message"] == "Request payload size exceeds the limit: 100 bytes."
    gcplogging.next(503)
    assert write(gcplogging, entry())[1]["error"]["status"] == "UNAVAILABLE"


# Any endpoint that takes JSON


@pytest.mark.parametrize(
    ("form", "kind", "good", "bad"),
    [
        ("ndjson", "application/x-ndjson", '{"message":"a"}\n{"message":"b"}\n', '{"message":"a"}\n{"message":"b"}'),
        ("array", "application/json", '[{"message":"a"},{"message":"b"}]', '{"message":"a"}'),
        ("concatenated", "application/json", '{"message":"a"}{"message":"b"}', '{"message":"a"},{"message":"b"}'),
    ],
)
def test_an_endpoint_reads_its_format_and_no_other(bulk_http, form, kind, good, bad):
    """400 for another shape, 415 for another type."""
    bulk_http.format = form
    assert send(bulk_http, "/", good, {"Content-Type": kind})[0] == 200
    assert bulk_http.messages == ["a", "b"]
    assert send(bulk_http, "/", bad, {"Content-Type": kind})[0] == 400
    assert send(bulk_http, "/", "[]" if form == "array" else "", {"Content-Type": kind})[0] == 400
    assert send(bulk_http, "/", '["x"]' if form == "array" else '"x"\n', {"Content-Type": kind})[0] == 400
    assert send(bulk_http, "/", good, {"Content-Type": "text/plain"})[0] == 415


@pytest.mark.parametrize("time", ["2026-09-21T14:13:20Z", NOW, NOW * 1000, NOW * 10**6, NOW * NANO, f"{NOW}", None])
def test_an_endpoint_reads_times_of_every_kind(bulk_http, time):
    """RFC 3339, and numbers by their size; what is none is refused."""
    kind = {"Content-Type": "application/x-ndjson"}
    assert send(bulk_http, "/", json.dumps({"time": time, "message": "a"}) + "\n", kind)[0] == 200
    assert bulk_http.records[0]["time"] == (NOW * NANO if time else None)
    assert send(bulk_http, "/", '{"time":"yesterday"}\n', kind)[0] == 400


def test_an_endpoint_may_want_and_know_more(bulk_http):
    """A path, headers, names of fields, one of each id, one of each key, so many records."""
    bulk_http.path, bulk_http.headers, bulk_http.fields = "/in", {"X-Key": "k"}, ("_id", "ts", "msg")
    bulk_http.dedupe, bulk_http.most_records, bulk_http.ok = True, 2, 201
    headers, body = (
        {"Content-Type": "application/x-ndjson", "X-Key": "k"},
        '{"_id":"1","ts":1790000000000,"msg":"a","n":1}\n',
    )
    assert send(bulk_http, "/out", body, headers)[0] == 404
    assert send(bulk_http, "/in", body, {"Content-Type": "application/x-ndjson"})[0] == 401
    assert send(bulk_http, "/in", body * 3, headers)[0] == 413
    assert send(bulk_http, "/in", body * 2, headers)[0] == 201
    assert (bulk_http.duplicates, len(bulk_http.records)) == (["1"], 1)
    assert bulk_http.records[0] == {"id": "1", "time": NOW * NANO, "message": "a", "labels": {}, "attributes": {"n": 1}}
    bulk_http.keyed, bulk_http.dedupe = True, False
    for _ in range(2):
        assert send(bulk_http, "/in", body, {**headers, "Idempotency-Key": "x"})[0] == 201
    assert len(bulk_http.records) == 2
    bulk_http.refuse("a")
    assert send(bulk_http, "/in", body, headers)[0] == 400
    assert send(bulk_http, "/in", b"", headers, method="DELETE")[0] == 405
