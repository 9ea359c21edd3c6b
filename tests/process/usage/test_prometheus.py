"""Prometheus asked: one range query a step, of the pods of the workflow alone; an answer as it gives them, and others."""

import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.process.history import History
from exitkit.process.report import Report
from exitkit.process.usage import Pods
from exitkit.process.usage.prometheus import peaks, query
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import ScriptedHTTP, answer, answer_json

GI = 1 << 30
EMPTY = {"status": "success", "data": {"resultType": "matrix", "result": []}}


def series(pod, resource, *values):
    points = [[1795748430 + 30 * number, str(value)] for number, value in enumerate(values)]
    return {"metric": {"pod": pod, "container": "main", "resource": resource}, "values": points}


def matrix(*each):
    return {"status": "success", "data": {"resultType": "matrix", "result": list(each)}}


@pytest.fixture
def fit(nodes):
    """A run of one step of 16 GiB and four CPUs, which ran for ten minutes, beside a hook."""
    nodes.add("etl-x7k2p", "DAG", 0, 600, boundary="", name="etl-x7k2p", children=["etl-x7k2p-1"])
    nodes.add("etl-x7k2p-1", "Pod", 0, 600, display="fit", template="fit", name="etl-x7k2p.fit")
    nodes.add("etl-x7k2p-2", "Pod", 601, 602, display="tell", nodeFlag={"hooked": True}, name="etl-x7k2p.onExit")
    return nodes


@pytest.fixture
def of_fit(fit):
    """The context of that run."""
    from exitkit.recordreader import KnownRecord

    read = fit.record(phase="Succeeded")
    asked = {"requests": {"memory": "16Gi", "cpu": "4"}, "limits": {"memory": "16Gi"}}
    read.document["spec"]["templates"] = [{"name": "fit", "container": {"image": "fit", "resources": asked}}]
    workflow = Workflow(name="etl-x7k2p", namespace="ml", uid="u-1", status="Succeeded")
    retry = Retry(RetryPolicy(attempts=1), Deadline(60, FakeClock()))
    return Context(workflow, retry, records=KnownRecord(read))


POD = "etl-x7k2p-fit-1"
"""As Argo names it."""


def test_a_report_tells_what_was_asked_for_and_used(of_fit, tmp_path):
    """As JSON, Markdown and HTML, with the patch; the words are a fact for messages."""
    told = matrix(series(POD, "memory", GI, 3.1 * GI, 2 * GI), series(POD, "cpu", 0.4, 1.3))
    with ScriptedHTTP([answer_json(told)]) as server:
        report = Report(folder=tmp_path, formats=["json", "markdown", "html"], prometheus=f"{server.url}/prom/", prometheus_bearer="token-of-metrics")  # fmt: skip
        result = report.run(of_fit)
    assert result.facts["fits"] == ["fit: 16Gi asked, 3.1Gi at most; 4 CPU asked, 1.3 at most in this run"]
    (usage,) = json.loads((tmp_path / "report.json").read_text())["usage"]
    assert usage["asked"] == {"memory": 16 * GI, "cpu": 4.0} and usage["peak"] == {"memory": 3.1 * GI, "cpu": 1.3}
    assert (usage["requests"], usage["limits"]) == ({"memory": "4Gi", "cpu": "1750m"}, {"memory": "4Gi"})
    for name in ("report.md", "report.html"):
        text = (tmp_path / name).read_text()
        assert "Asked and used" in text and "3.1Gi" in text and "memory: 4Gi" in text
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/prom/api/v1/query_range")
    assert request.headers["authorization"] == "Bearer token-of-metrics"


def test_one_query_asks_for_the_pods_of_a_step_alone(of_fit, tmp_path):
    """By their names, in their namespace, over the time in which they ran; a hook's pod is nobody's step."""
    with ScriptedHTTP([answer_json(EMPTY)]) as server:
        result = Report(folder=tmp_path, prometheus=server.url).run(of_fit)
    (request,) = server.requests
    asked = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    assert f'pod=~"{POD}"' in asked["query"] and 'namespace="ml"' in asked["query"]
    assert (
        "container_memory_working_set_bytes" in asked["query"] and "container_cpu_usage_seconds_total" in asked["query"]
    )
    assert int(asked["end"]) - int(asked["start"]) == 660 and asked["step"] == "30"
    assert result.facts["fits"] == []


def test_a_long_run_is_asked_about_in_few_points():
    """And no sample lies between two of them."""
    asked = query("ml", Pods(("a",), 0.0, 86400.0))
    step = int(asked["step"])
    assert (int(asked["end"]) - int(asked["start"])) / step <= 250
    assert f"[{step}s]" in asked["query"]


@pytest.mark.parametrize(
    "given",
    [answer(500), answer(200, b"<html>"), answer_json({"status": "error", "error": "bad_data"}), answer_json([]),
     answer_json({"status": "success", "data": {"resultType": "vector", "result": []}})],
)  # fmt: skip
def test_what_prometheus_does_not_tell_is_a_note(of_fit, tmp_path, given):
    """The report is written all the same."""
    with ScriptedHTTP([given]) as server:
        result = Report(folder=tmp_path, prometheus=server.url).run(of_fit)
    (note,) = result.notes
    assert note.startswith("what pods used is not known: ") and (tmp_path / "report.md").exists()
    assert "usage" not in json.loads((tmp_path / "report.json").read_text())


def test_what_is_broken_in_an_answer_counts_for_nothing():
    """NaN, infinity, points that are none, other resources; what is whole beside it counts."""
    broken = {
        "metric": {"pod": "p", "resource": "memory"},
        "values": [[1, "NaN"], [2, "+Inf"], [3], "x", [4, None], [5, "7"]],
    }
    other = series("p", "disk", 5)
    assert [peak.value for peak in peaks(matrix(broken, other, {"values": None}), "host")] == [7.0]
    with pytest.raises(ActionError, match="does not answer as Prometheus does: too many samples"):
        tuple(peaks({"status": "error", "error": "too many samples"}, "host"))


def test_pods_of_others_count_for_nothing(of_fit, tmp_path):
    """A server that does not heed the selector tells of another pod, which is not this step's."""
    told = matrix(series("somebody-elses", "memory", 99 * GI), series(POD, "memory", GI))
    with ScriptedHTTP([answer_json(told)]) as server:
        Report(folder=tmp_path, prometheus=server.url).run(of_fit)
    (usage,) = json.loads((tmp_path / "report.json").read_text())["usage"]
    assert usage["peak"] == {"memory": GI}


def test_reports_of_several_runs_come_together(of_fit, tmp_path):
    """Without asking anybody again: each report tells what its run used."""
    for number, peak in enumerate((2.0, 3.1, 2.5)):
        with ScriptedHTTP([answer_json(matrix(series(POD, "memory", peak * GI), series(POD, "cpu", 3.2)))]) as server:
            context = replace(of_fit, workflow=replace(of_fit.workflow, name=f"etl-{number}"))
            Report(path=tmp_path / "runs" / f"{number}.json", prometheus=server.url).run(context)
    context = Context(Workflow(namespace="ml"), of_fit.retry)
    result = History(reports=[tmp_path / "runs"], folder=tmp_path).run(context)
    assert result.facts["fits"] == ["fit: 16Gi asked, 3.1Gi at most; 4 CPU asked, 3.2 at most in 3 runs"]
    assert "fit" in json.loads((tmp_path / "history.json").read_text())["patch"]
    assert "Asked and used" in (tmp_path / "history.html").read_text()


def test_runs_are_asked_about_until_one_is_not_told(fit, of_fit, tmp_path):
    """Who does not answer of one run is not asked of the next, and there is one note."""
    for number in range(3):
        document = {
            **of_fit.record().document,
            "metadata": {"name": f"etl-{number}", "namespace": "ml", "uid": f"u-{number}"},
        }
        (tmp_path / f"{number}.json").write_text(json.dumps(document))
    context = Context(Workflow(namespace="ml"), of_fit.retry)
    with ScriptedHTTP([answer(503)]) as server:
        result = History(reports=[tmp_path], folder=tmp_path / "out", prometheus=server.url).run(context)
    assert result.facts["runs"] == 3 and len(result.notes) == 1
    assert "Asked and used" not in (tmp_path / "out" / "history.html").read_text()


@pytest.mark.parametrize("url", ["http://user:password@prometheus", "prometheus:9090", "ftp://prometheus"])
def test_an_address_that_is_none_is_refused(url):
    """Nor does one hold a password, which would be told."""
    with pytest.raises(ValidationError):
        Report(prometheus=url)
