"""What the workflow's record is made into: the report of 1,000 and 20,000 nodes, and the metrics of 20,000."""

import json
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measure import BIN, PYTHON, environment, taken, versions

ROUNDS = 7
NAME = "train-x7k2p"
ZERO = datetime(2026, 11, 27, 3, tzinfo=UTC)
# In a process of its own that has read the record: what is measured is the CPU of what is made of it.
MADE = """
import gc, json, resource, sys, time
from exitkit.argo import record
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.process.bill import sample
from exitkit.process.course import Course
from exitkit.process.report import account, page, picture
from exitkit.process.metrics import exposition
from exitkit.process.metrics.families import families

read = record.read(json.loads(open(sys.argv[1]).read()))
prices = sample("aws-fargate")
context = Context(Workflow(name=read.name, status="Failed"))
forms = {
    "html": lambda course: page.as_html(context, course),
    "markdown": lambda course: account.as_markdown(context, course),
    "json": lambda course: json.dumps(account.as_json(context) | course.as_json(), default=str),
    "svg": lambda course: picture.svg(course, read.name),
    "png": lambda course: picture.png(course, read.name),
    "metrics": lambda course: exposition.as_text(families(context, course), {"namespace": "ml"}),
}
page.as_html(context, Course(None, prices))
gc.freeze()
began = time.process_time()
whole = forms[sys.argv[2]](Course(read, prices))
print(json.dumps([time.process_time() - began, len(whole.encode() if isinstance(whole, str) else whole)]))
"""


def main():
    print(versions("argo-exitkit"))
    with tempfile.TemporaryDirectory() as folder:
        environ = environment(folder)
        path = Path(folder, "workflow.json")
        for nodes in (1000, 20_000):
            path.write_text(json.dumps(workflow(nodes)))
            for form in ("html", "markdown", "json", "svg", "png", "metrics"):
                runs = [_ran(environ, MADE, str(path), form) for _ in range(ROUNDS)]
                cpu, size = statistics.median(run[0] for run in runs), runs[0][1]
                print(f"| {nodes:,} nodes, {form} | {cpu * 1000:.0f} ms | {size / 1e6:.2f} MB |")
        for action, *more in (("report",), ("metrics", "--to", "file")):
            target = Path(folder, f"{action}.html" if action == "report" else f"{action}.prom")
            words = ["process", action, *more, "--record", str(path), "--path", str(target)]
            runs = [taken([str(BIN / "exitkit"), *words], environ, folder) for _ in range(ROUNDS)]
            wall, cpu, peak = (
                statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "peak")
            )
            print(f"| `exitkit process {action}`, 20,000 nodes | {wall:.2f} s | {cpu:.2f} s | {peak / 2**20:.0f} MiB |")


def _ran(environ, code, *arguments):
    words = [PYTHON, "-c", code, *arguments]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True, env=environ).stdout)


def workflow(count):
    """Twenty fan-outs one after the other, of which the last failed in one of 50 places; as Argo writes them, 900 bytes a node."""
    nodes = {NAME: _node(NAME, NAME, "Steps", 0, 72_000, "main", "", [])}
    each = max(1, (count - 1) // 20)
    for stage in range(20):
        for number in range(each):
            name, begin = f"{NAME}[{stage}].fit-{stage}({number}:item-{number})", 3600 * stage + number % 60
            key, end = f"{NAME}-{stage}{number:07}", begin + 60 + (number * 37) % 3000
            above = f"{NAME}-{stage - 1}{number:07}" if stage else NAME
            nodes[above]["children"].append(key)
            failed = number % 50 == 0 and stage == 19
            nodes[key] = _node(
                key, name, "Pod", begin, end, f"fit-{stage}", NAME, [], "Failed" if failed else "Succeeded"
            )
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": NAME, "namespace": "ml", "uid": "0b3c8a52-6d4e-4f7a-9a51-2f6f6d1c7e90"},
        "spec": {},
        "status": {"phase": "Running", "startedAt": _moment(0), "nodes": nodes},
    }


def _node(key, name, kind, begin, end, template, boundary, children, phase="Failed"):  # noqa: PLR0913, PLR0917 - a node's fields
    return {
        "id": key, "name": name, "displayName": name.rpartition(".")[2], "type": kind, "templateName": template,
        "templateScope": f"local/{NAME}", "phase": phase, "boundaryID": boundary, "children": children,
        "message": "main: Error (exit code 1): ValueError: column price is missing" if phase == "Failed" else "",
        "startedAt": _moment(begin), "finishedAt": _moment(end), "progress": "1/1", "taskResultSynced": True,
        "resourcesDuration": {"cpu": 688, "memory": 1376},
        "inputs": {"parameters": [{"name": "lr", "value": "0.1"}, {"name": "date", "value": "2026-11-26"}]},
        "outputs": {"exitCode": "0", "artifacts": [{"name": "main-logs", "s3": {"key": f"{NAME}/{key}/main.log"}}]},
        "hostNodeName": "ip-10-0-0-1.eu-central-1.compute.internal",
    }  # fmt: skip


def _moment(seconds):
    return f"{ZERO + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    sys.exit(main())
