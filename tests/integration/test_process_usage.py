"""What pods used, read back from a real Prometheus into which cAdvisor's metrics of a night were imported."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from exitkit.argo import record
from exitkit.argo.timestamp import write_moment
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.process.history import History
from exitkit.process.report import Report
from exitkit.recordreader import KnownRecord

GI = 1 << 30
ZERO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
"""Prometheus keeps what is not older than its retention, and blocks are imported of the past."""


def workflow(number):
    """A night: a fit for half an hour, which asks for 16Gi and 4 CPUs; the second one is killed for its memory."""
    name, at = f"nightly-{number}", ZERO + timedelta(hours=3 * number)
    message = "main: OOMKilled (exit code 137)" if number == 1 else ""
    nodes = {
        name: {"id": name, "name": name, "displayName": name, "type": "DAG", "phase": "Succeeded", "children": [f"{name}-7"]},
        f"{name}-7": {"id": f"{name}-7", "name": f"{name}.fit", "displayName": "fit", "type": "Pod", "templateName": "fit",
                      "boundaryID": name, "phase": "Failed" if message else "Succeeded", "message": message},
    }  # fmt: skip
    for node in nodes.values():
        node |= {"startedAt": write_moment(at), "finishedAt": write_moment(at + timedelta(minutes=30))}
    asked = {"requests": {"memory": "16Gi", "cpu": "4"}, "limits": {"memory": "16Gi"}}
    return {
        "kind": "Workflow",
        "metadata": {"name": name, "namespace": "ml", "uid": f"u-{number}"},
        "spec": {"templates": [{"name": "fit", "container": {"image": "fit", "resources": asked}}]},
        "status": {"phase": "Failed" if message else "Succeeded", "nodes": nodes},
    }


def samples():
    """As a kubelet gives them each 30 s: memory that peaks once between two minutes, CPU seconds, and others' pods."""
    yield "# TYPE container_memory_working_set_bytes gauge"
    for number in (0, 1):
        at = (ZERO + timedelta(hours=3 * number)).timestamp()
        for pod in (f"nightly-{number}-fit-7", "somebody-elses"):
            for tick in range(60):
                size = (3.1 if tick == 37 and number == 0 else 1.5) * GI if pod != "somebody-elses" else 99 * GI
                size = 15.9 * GI if number == 1 and tick == 59 and pod != "somebody-elses" else size
                for container in ("main", "wait"):
                    labels = f'namespace="ml",pod="{pod}",container="{container}"'
                    used = size if container == "main" else 40 * GI
                    yield f"container_memory_working_set_bytes{{{labels}}} {used} {at + 30 * tick}"
    yield "# TYPE container_cpu_usage_seconds counter"
    for number in (0, 1):
        at = (ZERO + timedelta(hours=3 * number)).timestamp()
        labels = f'namespace="ml",pod="nightly-{number}-fit-7",container="main"'
        for tick in range(60):
            # Half a CPU, and for five minutes two and a half.
            used = 15 * tick + 60 * max(0, min(tick, 30) - 20)
            yield f"container_cpu_usage_seconds_total{{{labels}}} {used} {at + 30 * tick}"
    yield "# EOF"


@pytest.fixture(scope="module")
def prometheus(program, free_port, serve, tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "samples").write_text("\n".join(samples()) + "\n")
    words = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "samples", folder / "data"]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    words = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    serve([*words, f"--web.listen-address=127.0.0.1:{port}"], port)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def victoriametrics(program, free_port, serve, tmp_path_factory):
    """As far as it is there: what answers as Prometheus does."""
    port, folder = free_port(), tmp_path_factory.mktemp("victoriametrics")
    words = [program("victoria-metrics"), f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}"]
    serve([*words, "-search.latencyOffset=0s"], port)
    import urllib.request

    lines = [line for line in samples() if not line.startswith("#")]
    text = "\n".join(
        f"{name} {value} {int(float(at) * 1000)}" for name, value, at in (line.rsplit(" ", 2) for line in lines)
    )
    url = f"http://127.0.0.1:{port}"
    urllib.request.urlopen(f"{url}/api/v1/import/prometheus", data=text.encode(), timeout=20).read()
    urllib.request.urlopen(f"{url}/internal/force_flush", timeout=20).read()
    return url


@pytest.fixture(params=["prometheus", "victoriametrics"])
def server(request):
    return request.getfixturevalue(request.param)


def test_the_peaks_of_a_run_are_read_back(server, tmp_path):
    """The one sample that is higher than all others, of its own pod and container alone; and the rate of its CPU."""
    known = KnownRecord(record.read(workflow(0)))
    context = Context(Workflow(name="nightly-0", namespace="ml", status="Succeeded"), records=known)
    result = Report(folder=tmp_path, prometheus=server).run(context)
    assert result.notes == ()
    assert result.facts["fits"] == ["fit: 16Gi asked, 3.1Gi at most; 4 CPU asked, 2.5 at most in this run"]
    (usage,) = json.loads((tmp_path / "report.json").read_text())["usage"]
    assert (usage["seen"], usage["requests"]) == (1, {"memory": "4Gi", "cpu": "3250m"})


def test_over_several_runs_the_one_that_was_killed_counts(server, tmp_path):
    """Then more is suggested, and not less."""
    (tmp_path / "runs.json").write_text(json.dumps({"kind": "List", "items": [workflow(0), workflow(1)]}))
    history = History(reports=[tmp_path / "runs.json"], folder=tmp_path, prometheus=server, sources=["reports"])
    result = history.run(Context(Workflow(namespace="ml")))
    assert result.notes == () and result.facts["runs"] == 2
    whole = json.loads((tmp_path / "history.json").read_text())
    (usage,) = whole["usage"]
    assert usage["peak"]["memory"] == pytest.approx(15.9 * GI) and usage["outOfMemory"]
    assert usage["requests"]["memory"] == usage["limits"]["memory"] == "24Gi"
    assert "in 2 runs" in usage["summary"] and "out of memory at 16Gi" in usage["summary"]
