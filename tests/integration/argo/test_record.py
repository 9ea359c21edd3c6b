"""The workflow's own record, as a handler of exitkit's reads it from the API where it may."""

import pytest
from kubelet import End
from workflows import HOOK, POD, dag, failing, steps, workflow

from exitkit.argo.failures import decode

RBAC = "rbac.authorization.k8s.io/v1"


@pytest.fixture(scope="module")
def readable(plane, make_namespace):
    """A namespace whose account may read workflows, which is what the rights level `record` adds."""
    namespace = make_namespace()
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get"]}]
    plane.admin.create({"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "record"}, "rules": rules}, namespace)
    binding = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": {"name": "record"}}
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "record"}
    binding["subjects"] = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    plane.admin.create(binding, namespace)
    return namespace


def titles(run):
    assert [ended.exit_code for _, ended in run.handlers] == [0] * len(run.handlers)
    return {ended.stderr.partition("\n")[0] for _, ended in run.handlers}


def test_what_the_argument_cut_comes_from_the_record(play, readable):
    """60 failed pods whose messages are more than the shipped template passes: all are told, none is noted as missing."""
    loop = {"name": "many", "withSequence": {"count": "60"}}
    run = play(
        workflow(steps([loop]), POD, hooks=HOOK),
        readable,
        lambda node: End(1, f"broke at {node} " + "x" * 2000),
        seconds=240,
    )
    assert run.phase == "Failed"
    said = run.exit.stderr
    argument = run.exit.argv[run.exit.argv.index("--failures") + 1]
    assert decode(argument).truncated
    assert "60 steps failed" in said
    assert "at least" not in said
    assert "cut off" not in said
    assert "Started: " in said
    assert "Steps: 60 of 60 failed" in said


def test_a_steps_hook_has_the_end_of_its_step(play, readable):
    """A step, an item, a task, a retried one: each says how it ended itself, and why."""
    loop = {"name": "many", "withItems": ["a", "b.c"], "hooks": HOOK, "continueOn": {"failed": True}}
    once = {"name": "fit", "hooks": HOOK, "continueOn": {"failed": True}}
    inner = dag(
        {"name": "task", "hooks": HOOK}, {"name": "retried", "template": "retried", "hooks": HOOK}, name="inner"
    )
    retried = {**POD, "name": "retried", "retryStrategy": {"limit": "1"}}
    document = workflow(steps([once, loop], [{"name": "deep", "template": "inner"}]), inner, POD, retried)

    def ends(node):
        return End() if "many(0:a)" in node or ".task" in node else End(3, f"broke in {node}")

    run = play(document, readable, ends)
    assert run.phase == "Failed"
    assert titles(run) == {
        f"{run.name}: step fit failed",
        f"{run.name}: step many(0:a) succeeded",
        f"{run.name}: step many(1:b.c) failed",
        f"{run.name}: step task succeeded",
        f"{run.name}: step retried failed",
    }
    said = {ended.facts.step: ended.stderr for _, ended in run.handlers}
    assert "(exit code 3): broke in" in said["fit"]
    assert "(exit code 3, 2 tries)" in said["retried"]


def test_a_steps_hook_has_the_inputs_of_its_step(plane, play, readable):
    """What templates and the message can say of it; argo-workflows issue 3348."""
    fit = {**POD, "name": "fit", "inputs": {"parameters": [{"name": "lr"}]}}
    step = {
        "name": "fit",
        "template": "fit",
        "hooks": HOOK,
        "arguments": {"parameters": [{"name": "lr", "value": "0.1"}]},
    }
    run = play(workflow(steps([step]), fit), readable, failing("diverged"))
    assert "Inputs: lr=0.1" in run.exit.stderr


def test_without_the_right_the_message_is_what_it_was(play, namespace):
    """And says once what it lacks, where that is how a step ended."""
    run = play(workflow(steps([{"name": "fit", "hooks": HOOK}]), POD, hooks=HOOK), namespace, failing("diverged"))
    assert titles(run) == {f"{run.name}: step fit ended, the workflow goes on", f"{run.name} failed"}
    by_step = {ended.facts.step: ended for _, ended in run.handlers}
    assert by_step["fit"].stderr.count("which was not read") == 1
    assert "which was not read" not in by_step[""].stderr
    assert "the account may not get workflows" in by_step[""].stdout
