"""Runs of a series: Workflow objects of a night each, and what is known of them."""

from datetime import UTC, datetime, timedelta

import pytest

from exitkit.argo import record
from exitkit.argo.timestamp import write_moment

ZERO = datetime(2026, 11, 2, 3, tzinfo=UTC)
CRON = "workflows.argoproj.io/cron-workflow"


@pytest.fixture
def night():
    """A Workflow object of one night; `steps` are (name, phase, seconds, inputs), one after the other."""

    def make(number, *steps, phase=None, cron="nightly", parameters=(), cpu=0, **more):
        name = f"nightly-{number:03}"
        at = ZERO + timedelta(days=number)
        nodes = {}
        for place, (step, how, seconds, inputs) in enumerate(steps):
            end = at + timedelta(seconds=seconds)
            nodes[f"{name}-{place}"] = {
                "id": f"{name}-{place}",
                "name": f"{name}.{step}",
                "displayName": step,
                "type": "Pod",
                "phase": how,
                "boundaryID": name,
                "templateName": step.partition("(")[0],
                "startedAt": write_moment(at),
                "finishedAt": write_moment(end),
                "inputs": {"parameters": [{"name": key, "value": value} for key, value in inputs.items()]},
                "message": "" if how == "Succeeded" else f"main: Error (exit code 1): {step} broke",
                "resourcesDuration": {"cpu": cpu},
            }
            at = end
        failed = any(how == "Failed" for _, how, _, _ in steps)
        phase = phase or ("Failed" if failed else "Succeeded")
        root = {"id": name, "name": name, "displayName": name, "type": "DAG", "phase": phase, "children": list(nodes)}
        root |= {"startedAt": write_moment(ZERO + timedelta(days=number)), "finishedAt": write_moment(at)}
        return {
            "kind": "Workflow",
            "metadata": {"name": name, "namespace": "ml", "uid": f"u-{number}", "labels": {CRON: cron}, **more},
            "spec": {"arguments": {"parameters": [{"name": key, "value": value} for key, value in parameters]}},
            "status": {"phase": phase, "nodes": {name: root, **nodes}},
        }

    return make


@pytest.fixture
def known(night):
    """As `night`, as a run that is known."""
    from exitkit.process.history.pastrun import of_record

    def make(*words, prices=None, **more):
        return of_record(record.read(night(*words, **more)), prices)

    return make


@pytest.fixture
def report_of(with_record):
    """The report.json of a failed run of these nodes, as a reader finds it."""
    import json

    from exitkit.argo.record.failed import failures
    from exitkit.argo.workflow import Workflow
    from exitkit.process.course import Course
    from exitkit.process.report import account

    def make(nodes, prices=None, **more):
        read = nodes.record()
        workflow = Workflow(name=read.name, namespace="ml", uid="u-1", status="Failed", failures=failures(read), **more)
        context = with_record(nodes, workflow)
        return json.loads(
            json.dumps(account.as_json(context) | Course(context.record(), prices).as_json(), default=str)
        )

    return make
