"""What the controllers of Argo 3.6 and 3.7 make of the shipped templates' tags, by their own evaluators."""

import json
import subprocess

import pytest
import yaml
from install import DEPLOY

from exitkit.argo.facts import FACTS
from exitkit.argo.gather import gather
from exitkit.argo.gostring import quote

NAMES = tuple(
    (path, template["name"])
    for path in ("workflow-template.yaml", "cluster/cluster-workflow-template.yaml")
    for document in yaml.safe_load_all((DEPLOY / path).read_text())
    if document["kind"].endswith("WorkflowTemplate")
    for template in document["spec"]["templates"]
)
HOSTILE = 'doT said {{=foo(}} and {{=it.x ? "a" : b}} of {{inputs.parameters.failures}}; $(id) \x1b[31m <b>\x7f'
FAILURES = [
    {"displayName": "fit", "message": HOSTILE, "templateName": "fit", "phase": "Failed", "podName": "train-x-fit-1",
     "finishedAt": "2026-08-21T12:40:03Z"},
]  # fmt: skip
LABELS = {"team": "search", "a.b/c-d": "x y"}
PARAMETERS = [{"name": "date", "value": "2026-08-20"}, {"name": "text", "value": HOSTILE}]
GLOBAL = {
    "workflow.name": "train-x", "workflow.namespace": "ml", "workflow.uid": "0b3c8a52", "workflow.serviceAccountName": "trainer",
    "workflow.mainEntrypoint": "main", "workflow.creationTimestamp": "2026-08-21T12:18:38Z", "workflow.duration": "1289.482113",
    "workflow.parameters": json.dumps(PARAMETERS), "workflow.parameters.json": json.dumps(PARAMETERS),
    **{f"workflow.parameters.{one['name']}": one["value"] for one in PARAMETERS},
    "workflow.labels": json.dumps(LABELS), "workflow.labels.json": json.dumps(LABELS),
    **{f"workflow.labels.{key}": value for key, value in LABELS.items()},
    "workflow.annotations": json.dumps({"note": HOSTILE}), "workflow.annotations.json": json.dumps({"note": HOSTILE}),
    "workflow.annotations.note": HOSTILE, "workflow.outputs.parameters.rows": "7",
}  # fmt: skip
"""What the controller knows, as workflow/controller/operator.go sets it; `workflow.parameters` is the older name of its JSON."""
_MOST_ARGUMENTS = 128 << 10
"""Bytes, above which the controller wants a ConfigMap that its rights, as they are installed, do not let it make."""
INPUTS = {"inputs.parameters.status": ""}


@pytest.fixture(params=["argo36", "argo37"])
def substituted(request, program):
    """Gives the facts that exitkit reads of the argv that the controller of this version makes."""
    evaluator = program(f"expressions-{request.param}")

    def substitute(path, name, known):
        documents = yaml.safe_load_all((DEPLOY / path).read_text())
        templates = [one for document in documents for one in document.get("spec", {}).get("templates", ())]
        template = next(one for one in templates if one["name"] == name)
        # Twice, as common.SubstituteParams does.
        given = json.dumps({"template": template, "passes": [known, {**known, **INPUTS}]})
        ran = subprocess.run([evaluator], input=given, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        made = json.loads(ran.stdout)
        words = made["container"]["args"]
        assert sum(len(word.encode()) + 1 for word in words) < _MOST_ARGUMENTS
        words = words[next(at for at, word in enumerate(words) if word.startswith("--")) :]
        flags = {flag[2:].replace("-", "_"): text for flag, text in zip(words[::2], words[1::2], strict=True)}
        repeated = {fact.name for fact in FACTS if fact.repeated}
        names = {fact.name for fact in FACTS}
        return gather({key: [text] if key in repeated else text for key, text in flags.items() if key in names}, {})

    return substitute


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_every_fact_arrives_whole(substituted, path, name):
    """At the workflow's end, whatever its texts hold."""
    ended = {"workflow.status": "Failed", "workflow.failures": quote(json.dumps(FAILURES))}
    workflow = substituted(path, name, GLOBAL | ended)
    assert (workflow.status, workflow.name, workflow.namespace, workflow.uid) == ("Failed", "train-x", "ml", "0b3c8a52")
    (failure,) = workflow.failures
    assert failure.message == HOSTILE
    facts = workflow.facts()
    assert dict(facts["labels"]) == LABELS
    assert dict(facts["parameters"]) == {one["name"]: one["value"] for one in PARAMETERS}
    assert dict(facts["annotations"]) == {"note": HOSTILE}
    assert dict(facts["outputs"]["parameters"]) == {"rows": "7"}
    assert (workflow.duration, facts["serviceAccountName"], facts["mainEntrypoint"]) == (1289.482113, "trainer", "main")


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_what_there_is_nothing_of_is_unset(substituted, path, name):
    """In the hook of a step, where no status and no failures are known, and of a workflow without labels and parameters."""
    bare = {
        key: text for key, text in GLOBAL.items() if not key.startswith(("workflow.parameters", "workflow.outputs"))
    }
    bare |= {"workflow.parameters.json": "null", "workflow.labels.json": "{}", "workflow.annotations.json": "{}"}
    workflow = substituted(path, name, bare | {"workflow.status": "Running"})
    assert (workflow.name, len(workflow.failures)) == ("train-x", 0)
    assert not dict(workflow.facts()["parameters"])


@pytest.mark.parametrize(("path", "name"), NAMES)
def test_what_is_long_is_cut_below_what_a_pod_may_hold(substituted, path, name):
    """All arguments together stay below 128 KiB, and the first failures are there."""
    loop = [{"displayName": f"fit({number}:{number})", "podName": f"train-x-fit-{number}"} for number in range(400)]
    many = [{**FAILURES[0], **names, "message": "x" * 900} for names in loop]
    ended = {"workflow.status": "Failed", "workflow.failures": quote(json.dumps(many))}
    workflow = substituted(path, name, GLOBAL | ended)
    assert workflow.failures.truncated
    assert len(workflow.failures) > 10
