"""What the workflow's own end is where something is wrong with its handler, and what the handler's pod is allowed."""

import base64

from kubelet import End
from workflows import CONTAINER, HOOK, POD, failing, workflow

from exitkit.testing.http import ScriptedHTTP, answer

RUN = {"exit": {"templateRef": {"name": "exitkit", "template": "run"}}}


def secret(**values):
    data = {name: base64.b64encode(value.encode()).decode() for name, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "exitkit"}, "data": data}


def test_a_channel_that_is_broken_leaves_the_workflow_as_it_ended(plane, play, make_namespace):
    """What nobody called required fails in the report and in the outputs alone."""
    namespace = make_namespace()
    with ScriptedHTTP([answer(404)]) as server:
        plane.admin.create(secret(EXITKIT_NOTIFY_WEBHOOK_URL=f"{server.url}/hook"), namespace)
        run = play(workflow(POD, hooks=HOOK), namespace)
    assert (run.phase, run.exit.exit_code) == ("Succeeded", 0)
    outputs = {one["name"]: one["value"] for one in run.node(f"{run.name}.onExit")["outputs"]["parameters"]}
    assert (outputs["outcome"], outputs["failed"]) == ("failed", "notify.webhook")


def test_the_plan_of_the_configmap_runs(plane, play, make_namespace):
    """With the facts under Argo's names, and its results as the template's outputs."""
    namespace = make_namespace()
    title = "    with: {title: 'Hello {{ workflow.labels.team }}'}"
    text = f"steps:\n  - uses: notify.console\n    when: [Failed]\n{title}\n"
    plan = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "exitkit"}, "data": {"exitkit.yaml": text}}
    plane.admin.create(plan, namespace)
    run = play(workflow(POD, metadata={"labels": {"team": "search"}}, hooks=RUN), namespace, failing())
    assert run.exit.stderr.startswith("Hello search\n")
    outputs = {one["name"]: one["value"] for one in run.node(f"{run.name}.onExit")["outputs"]["parameters"]}
    assert outputs["outcome"] == "ok"


def test_a_namespace_that_is_restricted_takes_the_pod(plane, play, make_namespace):
    """PodSecurity `restricted`, with what Argo's own containers need for it in the controller's configuration."""
    namespace = make_namespace(labels={"pod-security.kubernetes.io/enforce": "restricted"})
    limits = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    plane.configure({"executor": {"securityContext": {**limits, "runAsNonRoot": True}}})
    try:
        pod = {"name": "pod", "container": {**CONTAINER, "securityContext": limits}}
        security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
        for _ in range(20):  # until the controller has read it
            run = play(workflow(pod, securityContext=security, hooks=HOOK), namespace, lambda node: End())
            if "violates PodSecurity" not in run.message:
                break
        assert (run.phase, run.exit.exit_code) == ("Succeeded", 0)
    finally:
        plane.configure({})


def test_the_pod_runs_as_it_is_told_to(play, namespace):
    """As a user of its own, with a root that it cannot write to, and room in /tmp."""
    run = play(workflow(POD, hooks=HOOK), namespace)
    ((pod, ended),) = run.handlers
    assert pod["spec"]["securityContext"]["runAsUser"] == 65532
    assert ended.files["/tmp/exitkit/outcome"] == "ok"
