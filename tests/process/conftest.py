"""Workflow objects as Argo writes them, made of few words."""

from datetime import UTC, datetime, timedelta

import pytest

from exitkit.argo import record
from exitkit.context import Context
from exitkit.recordreader import KnownRecord

_ZERO = datetime(2026, 11, 27, 3, tzinfo=UTC)
NAME = "etl-x7k2p"


def moment(seconds):
    return None if seconds is None else f"{_ZERO + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


class Nodes(dict):
    """Nodes by id; `add` makes one that ran from one second to another, after the workflow's own start."""

    def add(self, key, kind, start, end, *, phase="Succeeded", children=(), boundary=NAME, name="", **more):
        self[key] = {
            "id": key,
            "name": name or f"{NAME}.{key}",
            "displayName": more.pop("display", key),
            "type": kind,
            "phase": phase,
            "startedAt": moment(start),
            "finishedAt": moment(end),
            "children": list(children),
            "boundaryID": boundary,
            "templateName": more.pop("template", key.rstrip("0123456789")),
            **more,
        }
        return self

    def record(self, annotations=None, **status):
        return record.read(
            {
                "kind": "Workflow",
                "metadata": {"name": NAME, "namespace": "ml", "uid": "u-1", "annotations": annotations or {}},
                "spec": {},
                "status": {"phase": "Running", "nodes": dict(self), **status},
            }
        )


@pytest.fixture
def nodes():
    return Nodes()


@pytest.fixture
def etl(nodes):
    """Extract, which is tried twice; four scores at once; a fit, which runs out of memory; and a hook."""
    used = {"resourcesDuration": {"cpu": 3600, "memory": 36864}}  # an hour of a CPU and of a GiB
    nodes.add(NAME, "DAG", 0, 1290, phase="Failed", children=["extract", "hook"], boundary="", name=NAME, display=NAME)
    nodes.add("extract", "Retry", 2, 300, children=["extract0", "extract1", "told"])
    retried = {"retried": True}
    nodes.add("extract0", "Pod", 2, 70, phase="Failed", nodeFlag=retried, message="Error (exit code 1)", **used)
    nodes.add("extract1", "Pod", 80, 300, children=["split"], nodeFlag=retried, hostNodeName="n1", **used)
    nodes.add("told", "Pod", 301, 302, nodeFlag={"hooked": True}, name=f"{NAME}.extract.hooks.told")
    nodes.add("split", "Steps", 305, 620, children=["group"])
    nodes.add("group", "StepGroup", 305, 620, children=[f"score{i}" for i in range(4)], boundary="split", display="[0]")
    for i in range(4):
        more = {"outputs": {"artifacts": [{"name": "table", "s3": {"key": f"{NAME}/score{i}.parquet"}}]}}
        nodes.add(f"score{i}", "Pod", 310 + i, 400 + 70 * i, children=["fit"], boundary="split", **more, **used)
    oom = {"message": "OOMKilled (exit code 137)", "outputs": {"exitCode": "137"}, "resourcesDuration": {"cpu": 7200}}
    nodes.add("fit", "Pod", 630, 1280, phase="Failed", children=["tell"], **oom)
    nodes.add("tell", "Skipped", 1281, 1281, phase="Omitted")
    nodes.add("hook", "Pod", 1291, None, phase="Running", nodeFlag={"hooked": True}, name=f"{NAME}.onExit", **used)
    return nodes


@pytest.fixture
def with_record():
    """A context whose record is made of these nodes."""

    def make(nodes, workflow, **status):
        return Context(workflow, records=KnownRecord(nodes.record(**status)))

    return make
