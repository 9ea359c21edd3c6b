"""What Argo's controller tells the exit pod of a workflow's end, and what people are told of it."""

import json

import pytest
from kubelet import GROUP, End, Waiting
from workflows import CONTAINER, HOOK, POD, dag, failing, steps, workflow

# DEL and the emoji's tags are what Go does not print; the rest is for Argo, Kubernetes, a shell, a terminal and Slack.
NASTY = (
    'ValueError: "quoted" <b> & C:\\tmp\nline2 \x1b[31mred\x1b[0m \x7f $(id) {{x}} {{=1+1}} {{=foo(}} {{workflow.name}} '
    "{{inputs.parameters.status}} 🏴\U000e0067\U000e0062 \u200b %s $(ARGO_NODE_ID) $$ <!channel> `end`"
)


def test_a_message_arrives_as_the_container_wrote_it(play, namespace):
    """Whatever it holds: tags, expressions, quotes, control characters, Kubernetes' references."""
    run = play(workflow(POD, hooks=HOOK), namespace, failing(NASTY, 3))
    assert (run.phase, run.exit.exit_code) == ("Failed", 0)
    (failure,) = run.exit.facts.failures
    assert failure.message == f"main: Error (exit code 3): {NASTY}"
    assert run.exit.facts.notes == run.exit.facts.failures.notes == ()
    assert f"{run.name} failed\n" in run.exit.stderr
    assert "{{=foo(}}" in run.exit.stderr


def test_a_failed_attempt_that_was_made_good_is_no_failure(play, namespace):
    """And what it printed does not end the workflow in Error."""
    ends = lambda node: End(1, NASTY) if node.endswith(("(0)", "(1)")) else End()  # noqa: E731 - said once, here
    run = play(workflow(steps(["pod"]), {**POD, "retryStrategy": {"limit": "3"}}, hooks=HOOK), namespace, ends)
    assert run.phase == "Succeeded"
    assert run.exit.stderr.startswith(f"{run.name} succeeded\n")
    assert len(run.exit.facts.failures) == 0
    assert len(run.exit.facts.failures.recovered) == 1


def test_a_step_that_used_up_its_retries_is_one_failure_by_its_own_name(play, namespace):
    """`never(2)` is `never`, and no parent of it is counted."""
    ends = lambda node: End() if "ok-after-one(1)" in node else End(1, "attempt")  # noqa: E731
    document = workflow(steps(["ok-after-one", "never"]), {**POD, "retryStrategy": {"limit": "2"}}, hooks=HOOK)
    run = play(document, namespace, ends)
    assert run.phase == "Failed"
    (failure,) = run.exit.facts.failures
    assert (failure.name, failure.tries) == ("never", 3)
    assert "never failed (exit code 1, 3 tries): attempt" in run.exit.stderr


def test_nested_templates_give_the_leaves(play, namespace):
    """Of a DAG with steps and a DAG below, and of a loop, what failed by itself."""
    deeper, inner = dag("leaf", name="deeper"), steps([{"name": "deep", "template": "deeper"}], name="inner")
    fanout = steps([{"name": "item", "withItems": [1, 2, 3]}], name="fanout")
    tasks = [
        {"name": "a", "template": "inner"},
        {"name": "b", "depends": "a.Failed"},
        {"name": "c", "template": "fanout"},
    ]
    document = workflow(dag(*tasks, failFast=False), inner, deeper, fanout, POD, hooks=HOOK)
    run = play(document, namespace, lambda node: End(7, "broke") if node.endswith(("leaf", "1)", "3)")) else End())
    assert run.phase == "Failed"
    assert {one.display_name for one in run.exit.facts.failures} == {"leaf", "item(0:1)", "item(2:3)"}
    assert "3 steps failed" in run.exit.stderr


@pytest.mark.parametrize("shape", ["steps", "dag", "nested"])
def test_a_list_that_is_none_is_one_failure(play, namespace, shape):
    """A parent that repeats its child's message is not counted beside it, and no step group is named."""
    script = {"name": "list", "script": {**CONTAINER, "source": "echo no JSON"}}
    loop = {"name": "loop", "withParam": "{{%s.list.outputs.result}}" % ("tasks" if shape == "dag" else "steps")}
    listing = {"name": "list", "template": "list"}
    if shape == "dag":
        document = workflow(dag(listing, {**loop, "depends": "list"}), POD, script, hooks=HOOK)
    elif shape == "steps":
        document = workflow(steps([listing], [loop]), POD, script, hooks=HOOK)
    else:
        inner = steps([listing], [loop], name="inner")
        document = workflow(steps([{"name": "deep", "template": "inner"}]), inner, POD, script, hooks=HOOK)
    run = play(document, namespace, lambda node: End(result="no JSON"))
    assert run.phase in ("Failed", "Error")
    (failure,) = run.exit.facts.failures
    assert failure.name == {"steps": "step group [1]", "dag": "loop", "nested": "step group [1]"}[shape]


def test_a_container_of_a_set_that_fails_is_one_failure(play, namespace):
    """The pod's node, which people know, and not its container's beside it."""
    containers = [{"name": "a", **CONTAINER}, {"name": "main", **CONTAINER, "dependencies": ["a"]}]
    document = workflow(steps(["pod"]), {"name": "pod", "containerSet": {"containers": containers}}, hooks=HOOK)
    run = play(document, namespace, failing("set failed", 9))
    (failure,) = run.exit.facts.failures
    assert (failure.display_name, failure.exit_code) == ("pod", 9)


def test_a_pod_that_cannot_be_made_is_one_failure(play, namespace):
    """Its step group says the same in other words."""
    run = play(workflow(steps(["pod"]), {**POD, "serviceAccountName": "nobody"}, hooks=HOOK), namespace)
    (failure,) = run.exit.facts.failures
    assert failure.display_name == "pod"
    assert 'serviceaccount "nobody" not found' in run.exit.stderr


def test_a_container_that_ran_out_of_memory_says_so(play, namespace):
    run = play(workflow(POD, hooks=HOOK), namespace, failing("", 137, reason="OOMKilled"))
    assert f"{run.name} failed (OOMKilled, exit code 137)" in run.exit.stderr


def test_a_deadline_of_the_workflow_leaves_the_handler_alone(play, namespace):
    """As with an image that cannot be pulled: the pod never starts, and Argo says only that it took too long."""
    waiting = Waiting("ImagePullBackOff", "Back-off pulling image")
    run = play(workflow(POD, activeDeadlineSeconds=2, hooks=HOOK), namespace, lambda node: waiting)
    assert run.phase == "Failed"
    assert "Step exceeded its deadline" in run.exit.stderr


def test_a_deadline_of_the_pod_is_told(play, namespace):
    said = "Pod was active on the node longer than the specified deadline"
    run = play(workflow(POD, hooks=HOOK), namespace, failing(pod_message=said))
    assert said in run.exit.stderr


def test_who_stopped_a_workflow_is_told(plane, kubelet, namespace):
    """Stopped while it waits for somebody, as argo-server writes it down."""
    admin = plane.admin
    document = workflow(
        steps([{"name": "approve", "template": "approve"}]), {"name": "approve", "suspend": {}}, hooks=HOOK
    )
    name = admin.create(document, namespace)["metadata"]["name"]
    made = kubelet.until(namespace, name, lambda one: "approve" in json.dumps(one.get("status", {}).get("nodes", {})))
    labels = {"workflows.argoproj.io/action": "Stop", "workflows.argoproj.io/actor-email": "ann.at.example.com"}
    admin.patch(made, {"metadata": {"labels": labels}, "spec": {"shutdown": "Stop"}})
    run = kubelet.play(namespace, name)
    assert run.phase == "Failed"
    assert run.exit.stderr.startswith(f"{name} was stopped by ann@example.com\n")


def test_parameters_labels_and_annotations_arrive_as_they_are(play, namespace):
    """Also those that keep a workflow from starting where a hook passes them, and one that is named `json`."""
    value = 'it\'s "quoted" \\ $(id) $$x $(ARGO_NODE_ID) & <b> \x1b[31m \x7f \U000e0067 \u2028 ünï'
    parameters = [{"name": "note", "value": value}, {"name": "json", "value": "mine"}, {"name": "empty", "value": ""}]
    metadata = {"labels": {"team": "search", "a.b/c.d": "x_1"}, "annotations": {"why": value, "example.com/tag": NASTY}}
    document = workflow(POD, metadata=metadata, arguments={"parameters": parameters}, hooks=HOOK)
    run = play(document, namespace)
    assert run.phase == "Succeeded"
    facts = run.exit.facts
    assert facts.parameters == {"note": value, "json": "mine", "empty": ""}
    assert metadata["labels"].items() <= facts.labels.items()
    assert metadata["annotations"].items() <= facts.annotations.items()
    assert facts.notes == ()


def test_every_fact_is_there(play, namespace):
    """Priority, account, entry, creation, uid, output parameters: nothing has to be passed."""
    globally = {"name": "rows", "globalName": "rows-out", "valueFrom": {"path": "/tmp/rows", "default": "1"}}
    document = workflow(
        {**POD, "outputs": {"parameters": [globally]}}, priority=7, serviceAccountName="default", hooks=HOOK
    )
    run = play(document, namespace, lambda node: End(outputs={"rows": "12"}))
    facts, meta = run.exit.facts, run.workflow["metadata"]
    assert (facts.name, facts.namespace, facts.uid) == (meta["name"], namespace, meta["uid"])
    assert facts.creation_timestamp.strftime("%Y-%m-%dT%H:%M:%SZ") == meta["creationTimestamp"]
    assert (facts.priority, facts.service_account_name, facts.main_entrypoint) == (7, "default", "pod")
    assert facts.outputs == {"rows-out": "12"}
    assert (facts.status, facts.subject, facts.step) == ("Succeeded", run.name, "")
    assert facts.duration > 0


def test_a_parameter_from_a_configmap_is_its_value(plane, play, namespace):
    """Argo's own list of parameters holds the reference in its place."""
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"rate": "0.01"}}
    kept["metadata"]["labels"] = {"workflows.argoproj.io/configmap-type": "Parameter"}
    plane.admin.create(kept, namespace)
    reference = {"configMapKeyRef": {"name": "kept", "key": "rate"}}
    document = workflow(POD, arguments={"parameters": [{"name": "rate", "valueFrom": reference}]}, hooks=HOOK)
    assert play(document, namespace).exit.facts.parameters == {"rate": "0.01"}


def test_hundreds_of_failures_arrive_as_far_as_they_fit(play, namespace):
    """More than 128 KiB of them: the exit pod is made although Argo may not make a ConfigMap, and says what is missing."""
    loop = {"name": "loop", "withSequence": {"count": "60"}}
    run = play(workflow(steps([loop]), POD, hooks=HOOK), namespace, failing("boom " + "x" * 4000, 4), seconds=120)
    assert run.phase == "Failed"
    assert 10 <= len(run.exit.facts.failures) < 60
    assert "failures was cut off" in run.exit.stderr
    assert "at least" in run.exit.stderr


def test_large_facts_are_cut_and_the_others_arrive(play, namespace):
    """70 kB in a parameter and in an annotation, a thousand labels: nobody's pod is kept from being made."""
    metadata = {
        "labels": {f"label-{number}": "x" * 60 for number in range(300)},
        "annotations": {"a-first": "1", "big": "y" * 70_000},
    }
    parameters = [{"name": "a-first", "value": "1"}, {"name": "big", "value": "z" * 70_000}]
    document = workflow(POD, metadata=metadata, arguments={"parameters": parameters}, hooks=HOOK)
    run = play(document, namespace, failing())
    assert (run.phase, run.exit.exit_code) == ("Failed", 0)
    assert run.exit.facts.parameters == {"a-first": "1"}
    assert run.exit.facts.annotations["a-first"] == "1"
    assert len(run.exit.facts.labels) > 50
    assert len(run.exit.facts.failures) == 1
    assert len([note for note in run.exit.facts.notes if "was cut" in note]) == 3


def test_arguments_that_the_executor_put_into_files_are_read(plane, play, make_namespace):
    """A template of one's own that passes everything, where the controller may make ConfigMaps."""
    namespace = make_namespace()
    rbac = "rbac.authorization.k8s.io/v1"
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
    plane.admin.create(
        {"apiVersion": rbac, "kind": "Role", "metadata": {"name": "configmaps"}, "rules": rules}, namespace
    )
    binding = {"apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "configmaps"}}
    binding["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "configmaps"}
    binding["subjects"] = [{"kind": "ServiceAccount", "name": "argo", "namespace": "argo"}]
    plane.admin.create(binding, namespace)
    (template,) = [
        one
        for one in plane.admin.get(GROUP, "workflowtemplates", namespace, "exitkit")["spec"]["templates"]
        if one["name"] == "notify"
    ]
    args = ["notify", "--name", "{{workflow.name}}", "--failures", "{{=sprig.b64enc(workflow.failures)}}"]
    own = {**template, "name": "tell", "container": {**template["container"], "args": args}}
    document = workflow(steps([{"name": "loop", "withSequence": {"count": "40"}}]), POD, own, onExit="tell")
    run = play(document, namespace, failing("boom " + "x" * 4000, 4), seconds=120)
    assert run.exit.argv[-1].startswith("@/tmp/argo_arg_")
    assert "40 steps failed, all with the same message" in run.exit.stderr
