"""The page of `exitkit process report` for a night's training run that ran out of memory.

python docs/pictures/report.py > /tmp/report.html
"""

import sys
from datetime import UTC, datetime, timedelta

from exitkit.argo import record
from exitkit.argo.record.failed import failures
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.process.bill import sample
from exitkit.process.course import Course
from exitkit.process.report.page import as_html

NAME = "train-x7k2p"
ZERO = datetime(2026, 11, 27, 3, tzinfo=UTC)


def node(path, kind, start, end, *children, phase="Succeeded", **more):
    """A node as Argo writes it, from one second of the run to another."""
    name = NAME + path
    display = path.rpartition(".")[2] or NAME
    return {
        "id": name, "name": name, "displayName": display, "type": kind, "phase": phase, "startedAt": moment(start),
        "finishedAt": moment(end), "children": [NAME + child for child in children],
        "boundaryID": NAME if path else "", "templateName": display.partition("(")[0].partition("-")[0], **more,
    }  # fmt: skip


def moment(seconds):
    return f"{ZERO + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def cores(seconds, cpu, gib):
    return {"resourcesDuration": {"cpu": seconds * cpu, "memory": int(seconds * gib * 10.24)}}


def nodes():
    lost = "main: Error (exit code 1): ConnectionResetError: [Errno 104] Connection reset by peer"
    tried = {"nodeFlag": {"retried": True}}
    yield node("", "DAG", 0, 5590, ".extract", phase="Failed")
    yield node(".extract", "Retry", 4, 700, ".extract(0)", ".extract(1)")
    yield node(".extract(0)", "Pod", 4, 130, phase="Failed", message=lost, **tried, **cores(126, 2, 4))
    yield node(".extract(1)", "Pod", 190, 700, ".score-eu", ".score-us", ".score-asia", **tried, **cores(510, 2, 4))
    yield node(".score-eu", "Pod", 712, 1660, ".fit", **cores(948, 4, 8))
    yield node(".score-us", "Pod", 712, 2930, ".fit", **cores(2218, 4, 8))
    yield node(".score-asia", "Pod", 880, 1540, ".fit", **cores(660, 4, 8))
    yield node(".fit", "Pod", 3110, 5580, phase="Failed", message="main: OOMKilled (exit code 137)",
               inputs={"parameters": [{"name": "batch", "value": "512"}]}, **cores(2470, 8, 16))  # fmt: skip


def main():
    read = record.read(
        {
            "kind": "Workflow",
            "metadata": {"name": NAME, "namespace": "ml", "uid": "0b3c8a52-6d4e-4f7a-9a51-2f6f6d1c7e90"},
            "spec": {},
            "status": {"phase": "Running", "nodes": {each["id"]: each for each in nodes()}},
        }
    )
    workflow = Workflow(name=NAME, namespace="ml", status="Failed", failures=failures(read))
    sys.stdout.write(as_html(Context(workflow), Course(read, sample("aws-fargate"))))


if __name__ == "__main__":
    main()
