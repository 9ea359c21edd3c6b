"""process.metrics against a real Pushgateway and a real Prometheus; what they hold is read back."""

import json
import subprocess
import urllib.parse
import urllib.request

import pytest

from exitkit.argo import record
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.process.metrics import Metrics
from exitkit.recordreader import KnownRecord

LABELS = {"workflows.argoproj.io/workflow-template": "etl"}
NODE = {"type": "Pod", "startedAt": "2026-11-27T03:00:00Z", "templateName": "fit", "resourcesDuration": {"cpu": 30}}


def context(status, seconds):
    phase = "Succeeded" if status == "Succeeded" else "Failed"
    node = {**NODE, "id": "etl-1", "name": "etl-1", "phase": phase, "finishedAt": f"2026-11-27T03:00:{seconds:02}Z"}
    made = record.read(
        {"kind": "Workflow", "metadata": {"name": "etl-1"}, "spec": {}, "status": {"nodes": {"etl-1": node}}}
    )
    workflow = Workflow(name="etl-1", namespace="ml", uid="u-1", status=status, labels=LABELS)
    return Context(workflow, records=KnownRecord(made))


def read(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def pushgateway(program, free_port, serve, tmp_path_factory):
    port = free_port()
    # Debian's keeps what it holds in /var, unless it is told where.
    kept = f"--persistence.file={tmp_path_factory.mktemp('pushgateway')}/kept"
    serve([program("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}", kept], port)
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def prometheus(program, free_port, serve, tmp_path_factory):
    port, folder = free_port(), tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    words = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    serve([*words, f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver"], port)
    return f"http://127.0.0.1:{port}"


def test_the_text_is_as_prometheus_wants_it(program, tmp_path):
    """promtool finds no fault in the form, and none in the names."""
    path = tmp_path / "run.prom"
    made = Metrics(to="file", path=str(path), prices="gke-autopilot", external_labels={"team": 'a"b\\c'})
    made.run(context("Succeeded", 30))
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=path.read_bytes(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_the_last_success_stays_with_the_pushgateway_when_a_run_fails(pushgateway):
    """One group for all runs of a template, in which the next run's numbers take the place of the last one's."""
    for status, seconds in (("Succeeded", 30), ("Failed", 40)):
        Metrics(url=pushgateway, external_labels={"team": "a/b c"}).run(context(status, seconds))
    held = [line for line in read(f"{pushgateway}/metrics").splitlines() if line.startswith("argo_run_")]
    values = {line.partition("{")[0]: float(line.rsplit(" ", 1)[1]) for line in held}
    assert (values["argo_run_succeeded"], values["argo_run_duration_seconds"]) == (0, 40)
    assert values["argo_run_last_success_timestamp_seconds"] == 1795748430
    assert all('team="a/b c"' in line and 'workflow_template="etl"' in line for line in held)


def test_remote_write_has_the_runs_own_time(prometheus):
    """Each sample stands where the run ended."""
    Metrics(to="remote_write", url=prometheus).run(context("Succeeded", 25))
    asked = urllib.parse.urlencode({"query": "argo_run_duration_seconds", "time": "2026-11-27T03:00:26Z"})
    found = json.loads(read(f"{prometheus}/api/v1/query?{asked}"))["data"]["result"]
    assert [(one["metric"]["workflow_template"], one["value"][1]) for one in found] == [("etl", "25")]
    before = urllib.parse.urlencode({"query": "argo_run_duration_seconds", "time": "2026-11-27T03:00:24Z"})
    assert json.loads(read(f"{prometheus}/api/v1/query?{before}"))["data"]["result"] == []
