"""A run in numbers: which, under what labels, and in the form of each that takes them."""

import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.clients.otlp import protobuf
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError
from exitkit.process.metrics import Metrics
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer

LABELS = {"workflows.argoproj.io/workflow-template": "etl"}


@pytest.fixture
def context(etl, with_record):
    failed = Failures(all=(Failure("fit", "OOMKilled (exit code 137)"),), raw_count=1)
    return with_record(
        etl, Workflow(name="etl-x7k2p", namespace="ml", uid="u-1", status="Failed", failures=failed, labels=LABELS)
    )


def text_of(context, tmp_path, **settings):
    path = tmp_path / "run.prom"
    Metrics(**{"to": "file", "path": str(path), **settings}).run(context)
    return path.read_text()


def samples(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_a_run_is_told_in_gauges(context, tmp_path):
    """How it ended and how long it took, what failed, waited, was tried again, and was requested."""
    text = text_of(context, tmp_path, prices={"cpu": 1, "memory": 0.5, "currency": "EUR"})
    shared = 'namespace="ml",workflow_template="etl"'
    values = samples(text)
    assert values[f"argo_run_succeeded{{{shared}}}"] == "0"
    assert values[f"argo_run_duration_seconds{{{shared}}}"] == "1290"
    assert values[f"argo_run_failed_steps{{{shared}}}"] == "1"
    assert values[f"argo_run_retries{{{shared}}}"] == "1"
    assert values[f"argo_run_waiting_seconds{{{shared}}}"] == "55"
    assert values[f'argo_run_step_duration_seconds{{{shared},template="fit"}}'] == "650"
    assert values[f'argo_run_step_failures{{{shared},template="fit"}}'] == "1"
    assert values[f'argo_run_step_failures{{{shared},template="score"}}'] == "0"
    assert values[f"argo_run_requested_cpu_seconds{{{shared}}}"] == "28800"
    assert values[f'argo_run_cost{{{shared},currency="EUR"}}'] == "11"
    assert not any("last_success" in name for name in values)


def test_the_facts_alone_have_numbers_too(tmp_path):
    """Where the record cannot be read."""
    bare = Context(Workflow(namespace="ml", status="Succeeded", duration=12.5))
    values = samples(text_of(bare, tmp_path))
    assert values['argo_run_duration_seconds{namespace="ml"}'] == "12.5"
    assert values['argo_run_succeeded{namespace="ml"}'] == "1"
    assert not any(name.startswith("argo_run_retries") for name in values)


def test_each_family_is_told_once_with_its_kind(context, tmp_path):
    """As Prometheus wants it: HELP, TYPE, then all its samples."""
    lines = text_of(context, tmp_path).splitlines()
    kinds = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds)) and all(line.endswith(" gauge") for line in lines if line.startswith("# TYPE"))


@pytest.mark.parametrize("value", ["etl-x7k2p", "run of etl-x7k2p", "u-1"])
def test_no_label_has_a_new_value_with_each_run(context, value):
    """Its series would stay for ever."""
    with pytest.raises(ConfigError, match=r"external_labels\.run has the workflow's name or uid in it"):
        Metrics(to="file", path="/x.prom", external_labels={"run": value}).run(context)


def test_labels_are_quoted(context, tmp_path):
    """Whatever they say, they end where they end."""
    text = text_of(context, tmp_path, external_labels={"team": 'a"b\\c'}, gauges={"rows_written": "12"})
    assert 'rows_written{namespace="ml",workflow_template="etl",team="a\\"b\\\\c"} 12' in text


def test_a_gauge_that_is_no_number_is_told(context):
    """Nothing is sent."""
    with pytest.raises(ActionError, match=r"gauges\.rows: 'many' is no number"):
        Metrics(to="file", path="/x.prom", gauges={"rows": "many"}).run(context)


def test_a_pushgateways_group_is_in_the_path(context):
    """POST, so that the last success stays; what a path cannot hold goes in base64."""
    with ScriptedHTTP([answer()]) as server:
        Metrics(url=server.url, external_labels={"team": "a/b", "owner": "x y"}).run(context)
    request = server.requests[0]
    assert (request.method, request.path) == (
        "POST",
        "/metrics/job/exitkit/namespace/ml/workflow_template/etl/team@base64/YS9i/owner/x%20y",
    )
    assert request.body.decode().endswith("\n") and "argo_run_succeeded 0\n" in request.body.decode()


def test_remote_write_is_snappy_with_the_runs_own_time(context):
    """A WriteRequest: labels in order, a sample at the run's end."""
    with ScriptedHTTP([answer(204)]) as server:
        Metrics(to="remote_write", url=server.url).run(context)
    request = server.requests[0]
    assert request.path == "/api/v1/write" and request.headers["content-encoding"] == "snappy"
    body = request.body
    length = next(number for number in range(1, 5) if not body[number - 1] & 0x80)
    assert body[length] == 0xF4  # one literal with its length in two bytes
    data = body[length + 3 :]
    assert len(data) == int.from_bytes(body[length + 1 : length + 3], "little") + 1
    series = [list(protobuf.fields(value)) for _, value in protobuf.fields(data)]
    names = [[dict(protobuf.fields(pair))[1] for number, pair in one if number == 1] for one in series]
    assert all(each == sorted(each) for each in names)
    sample = dict(protobuf.fields(next(value for number, value in series[0] if number == 2)))
    assert sample[2] == 1795749690000  # 2026-11-27T03:21:30Z


def test_a_collector_gets_gauges_of_a_service(context):
    """With units, and our labels on the resource."""
    with ScriptedHTTP([answer()]) as server:
        Metrics(to="otlp", url=server.url).run(context)
    sent = ExportMetricsServiceRequest.FromString(server.requests[0].body)
    resource = {one.key: one.value.string_value for one in sent.resource_metrics[0].resource.attributes}
    assert resource == {"service.name": "exitkit", "k8s.namespace.name": "ml", "workflow_template": "etl"}
    metrics = {one.name: one for one in sent.resource_metrics[0].scope_metrics[0].metrics}
    duration = metrics["argo_run_duration_seconds"]
    assert (duration.unit, duration.gauge.data_points[0].as_double) == ("s", 1290.0)
    assert duration.gauge.data_points[0].time_unix_nano == 1795749690 * 10**9


def test_what_a_collector_refuses_is_a_failure(context):
    """Also where it says 200."""
    refused = answer(
        200,
        json.dumps({"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "too old"}}),
        headers={"Content-Type": "application/json"},
    )
    with ScriptedHTTP([refused]) as server, pytest.raises(ActionError, match="3 were refused: too old"):
        Metrics(to="otlp", url=server.url).run(context)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"to": "file"},
        {"url": "http://x", "external_labels": {"a-b": "c"}},
        {"url": "http://x", "gauges": {"argo_run_x": 1}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    """Before anything has run."""
    with pytest.raises(ValueError):
        Metrics(**settings)


def test_the_dashboard_asks_for_what_is_sent(context, tmp_path):
    """Each name in its queries is one of ours."""
    text = text_of(context, tmp_path, prices="gke-autopilot")
    sent = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} | {
        "argo_run_last_success_timestamp_seconds"
    }
    board = Path(__file__).parents[3] / "examples" / "grafana" / "exitkit.json"
    queries = [
        target["expr"] for panel in json.loads(board.read_text())["panels"] for target in panel.get("targets", ())
    ]
    import re

    asked = {name for query in queries for name in re.findall(r"argo_run_\w+", query)}
    assert asked and asked <= sent


def test_a_step_that_was_tried_until_it_failed_counts_once(nodes, with_record, tmp_path):
    """All its tries are one failure for good; two items of a loop are two."""
    tried = {"nodeFlag": {"retried": True}, "phase": "Failed", "template": "fit"}
    nodes.add("etl-x7k2p", "DAG", 0, 9, phase="Failed", children=["fit", "a", "b"], boundary="", name="etl-x7k2p")
    nodes.add("fit", "Retry", 0, 9, phase="Failed", children=["fit0", "fit1", "fit2"])
    for number in range(3):
        nodes.add(f"fit{number}", "Pod", number, number + 1, **tried)
    for item in "ab":
        nodes.add(item, "Pod", 0, 1, phase="Failed", template="score")
    told = samples(text_of(with_record(nodes, Workflow(name="etl-x7k2p", status="Failed")), tmp_path))
    counts = {name: float(value) for name, value in told.items() if name.startswith("argo_run_step_failures")}
    assert {name.partition('template="')[2].partition('"')[0]: count for name, count in counts.items()} == {
        "fit": 1,
        "score": 2,
    }


def test_a_pushgateway_may_stand_below_a_path(context):
    """With or without a slash at its end."""
    for end in ("", "/"):
        with ScriptedHTTP([answer(200)]) as server:
            Metrics(url=f"{server.url}/push{end}").run(context)
            assert server.requests[0].path.startswith("/push/metrics/job/exitkit/")
