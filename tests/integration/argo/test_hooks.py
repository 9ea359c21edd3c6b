"""Every way in which a handler of exitkit's can be hung into a workflow."""

import pytest
import yaml
from install import DEPLOY, allow_executor
from kubelet import GROUP, RUNNING, End
from workflows import HOOK, POD, dag, failing, steps, workflow

from exitkit.testing.http import ScriptedHTTP, answer

CLUSTER_HOOK = {"exit": {"templateRef": {"name": "exitkit", "template": "notify", "clusterScope": True}}}


def told(run):
    """The title of each message, in the order in which the pods ran."""
    assert [ended.exit_code for _, ended in run.handlers] == [0] * len(run.handlers)
    return [ended.stderr.partition("\n")[0] for _, ended in run.handlers]


@pytest.fixture(scope="module")
def cluster_template(plane):
    """The shipped template for the whole cluster, as deploy/README.md says to make it."""
    (document,) = yaml.safe_load_all((DEPLOY / "workflow-template.yaml").read_text())
    plane.admin.create({**document, "kind": "ClusterWorkflowTemplate"})


@pytest.mark.parametrize("template", ["notify", "run"])
def test_a_workflows_own_hook(play, namespace, template):
    """`hooks.exit` with templateRef; without a plan `run` says that there is none."""
    run = play(
        workflow(POD, hooks={"exit": {"templateRef": {"name": "exitkit", "template": template}}}), namespace, failing()
    )
    assert run.phase == "Failed"
    assert run.exit.exit_code == (0 if template == "notify" else 2)


def test_a_template_of_the_cluster(cluster_template, play, namespace):
    run = play(workflow(POD, hooks=CLUSTER_HOOK), namespace, failing())
    assert told(run) == [f"{run.name} failed"]


def test_an_own_template_that_only_names_exitkits(play, namespace):
    """`onExit`, and `hooks.exit` with a local template: steps that begin with somebody else's and end with exitkit."""
    tell = {"name": "tell", "templateRef": {"name": "exitkit", "template": "notify"}}
    tell["template"] = None
    bye = steps([{"name": "clean", "template": "pod", "continueOn": {"failed": True}}], name="bye")
    bye["steps"].append([{key: value for key, value in tell.items() if value}])
    for way in ({"onExit": "bye"}, {"hooks": {"exit": {"template": "bye"}}}):
        run = play(workflow(steps(["work"]), POD, bye, **way), namespace, lambda node: End(3, "broke"))
        assert told(run) == [f"{run.name} failed"]
        # The step that failed before exitkit in the same handler is no failure of the workflow's.
        (failure,) = run.exit.facts.failures
        assert failure.display_name == "work"


def test_a_workflow_made_from_a_template(plane, play, namespace):
    """The hook in the WorkflowTemplate, and in the workflow that refers to it."""
    for name, there, here in (("trainer-a", HOOK, {}), ("trainer-b", {}, HOOK)):
        spec = {"entrypoint": "pod", "templates": [POD], "hooks": there}
        spec["arguments"] = {"parameters": [{"name": "lr", "value": "0.1"}]}
        plane.admin.create(
            {"apiVersion": GROUP, "kind": "WorkflowTemplate", "metadata": {"name": name}, "spec": spec}, namespace
        )
        arguments = {"parameters": [{"name": "lr", "value": "0.5"}]}
        document = workflow(
            workflowTemplateRef={"name": name}, arguments=arguments, **({"hooks": here} if here else {})
        )
        run = play(document, namespace, failing())
        assert told(run) == [f"{run.name} failed"]
        assert run.exit.facts.parameters == {"lr": "0.5"}


def test_a_cron_workflow(plane, kubelet, namespace):
    """Its runs say whose they are, and when they were due."""
    spec = {"entrypoint": "pod", "templates": [POD], "hooks": HOOK}
    cron = {"apiVersion": GROUP, "kind": "CronWorkflow", "metadata": {"name": "nightly"}}
    cron["spec"] = {"schedules": ["@every 1s"], "concurrencyPolicy": "Forbid", "workflowSpec": spec}
    made = plane.admin.create(cron, namespace)
    name = kubelet.made_by(namespace, "workflows.argoproj.io/cron-workflow=nightly")
    plane.admin.delete(GROUP, "cronworkflows", namespace, made["metadata"]["name"])
    run = kubelet.play(namespace, name, failing())
    assert told(run) == [f"{name} failed"]
    assert (run.exit.facts.cron, run.exit.facts.scheduled_time is not None) == ("nightly", True)


def test_every_workflow_of_the_cluster(plane, kubelet, play, namespace, cluster_template):
    """`workflowDefaults`; a workflow's own onExit takes its place."""
    plane.configure({"workflowDefaults": {"spec": {"hooks": CLUSTER_HOOK}}})
    try:
        run = _until_configured(play, namespace)
        assert told(run) == [f"{run.name} failed"]
        bye = {**POD, "name": "bye"}
        assert play(workflow(POD, bye, onExit="bye"), namespace, failing()).handlers == []
    finally:
        plane.configure({})


def _until_configured(play, namespace):
    """The controller reads its ConfigMap when it is told of it, which takes it a moment."""
    for _ in range(20):
        run = play(workflow(POD), namespace, failing())
        if run.handlers:
            return run
    pytest.fail("the controller did not take its configuration")


def test_a_hook_on_running_says_that_it_runs(plane, play, namespace):
    """Beside the handler of the end."""

    def when_told(node):
        nodes = plane.admin.get(GROUP, "workflows", namespace, node).get("status", {}).get("nodes", {})
        told = [one for one in nodes.values() if ".hooks.started" in one["name"] and one["phase"] == "Succeeded"]
        return End() if told else RUNNING

    started = {"expression": 'workflow.status == "Running"', **HOOK["exit"]}
    run = play(workflow(POD, hooks={"started": started, **HOOK}), namespace, when_told)
    assert run.phase == "Succeeded"
    assert told(run) == [f"{run.name} is running", f"{run.name} succeeded"]


def test_the_hooks_of_steps_and_tasks_say_whose_they_are(play, namespace):
    """A step, one with items, a task, a retried one and a nested one: never that the workflow ended."""
    loop = {"name": "many", "withItems": ["a", "b.c"], "hooks": HOOK, "continueOn": {"failed": True}}
    once = {"name": "fit", "hooks": HOOK, "continueOn": {"failed": True}}
    inner = dag(
        {"name": "task", "hooks": HOOK}, {"name": "retried", "template": "retried", "hooks": HOOK}, name="inner"
    )
    retried = {**POD, "name": "retried", "retryStrategy": {"limit": "1"}}
    document = workflow(steps([once, loop], [{"name": "deep", "template": "inner"}]), inner, POD, retried)
    run = play(document, namespace, failing())
    assert run.phase == "Failed"
    named = {"fit", "many(0:a)", "many(1:b.c)", "task", "retried"}
    assert set(told(run)) == {f"{run.name}: step {step} ended, the workflow goes on" for step in named}
    assert {ended.facts.step for _, ended in run.handlers} == named
    assert all("Running" not in ended.stderr for _, ended in run.handlers)


def test_a_steps_hook_of_an_older_version_goes_on_working(play, namespace):
    """It passes the step's status, which is then said."""
    hooks = {"exit": {**HOOK["exit"], "expression": 'steps.fit.status != "Succeeded"'}}
    hooks["exit"]["arguments"] = {"parameters": [{"name": "status", "value": "{{steps.fit.status}}"}]}
    run = play(workflow(steps([{"name": "fit", "hooks": hooks}]), POD), namespace, failing())
    assert told(run) == [f"{run.name}: step fit failed"]


def test_a_workflows_hook_of_an_older_version_goes_on_working(play, namespace):
    """It passes failures and parameters, also such that would have broken it with the template of then."""
    parameters = [("failures", "{{workflow.failures}}"), ("parameters", "{{workflow.parameters.json}}")]
    arguments = {"parameters": [{"name": name, "value": value} for name, value in parameters]}
    run = play(
        workflow(POD, hooks={"exit": {**HOOK["exit"], "arguments": arguments}}), namespace, failing("near {{=foo(}}")
    )
    assert run.phase == "Failed"
    assert told(run) == [f"{run.name} failed"]
    assert "near {{=foo(}}" in run.exit.stderr


def test_a_retried_handler_does_not_tell_of_its_own_first_try(plane, play, make_namespace):
    """Its failed attempt stands among the failures of its second."""
    namespace = make_namespace(exitkit=False)
    plane.admin.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "exitkit"}}, namespace)
    allow_executor(plane.admin, namespace, "exitkit")
    (document,) = yaml.safe_load_all((DEPLOY / "workflow-template.yaml").read_text())
    with ScriptedHTTP([answer(404), answer(404)]) as server:
        for template in document["spec"]["templates"]:
            template["retryStrategy"] = {"limit": "1", "retryPolicy": "Always"}
            args, env = template["container"]["args"], template["container"]["env"]
            args[args.index("--fail-on") + 1] = "any"
            env.append({"name": "EXITKIT_NOTIFY_WEBHOOK_URL", "value": f"{server.url}/hook"})
        plane.admin.create(document, namespace)
        run = play(workflow(POD, hooks=HOOK), namespace, failing("broke"))
    assert [ended.exit_code for _, ended in run.handlers] == [1, 1]
    second = run.handlers[1][1].facts
    assert [one.display_name for one in second.failures] == [run.name]
    assert [one.display_name for one in second.failures.handlers] == [f"{run.name}.onExit(0)"]


def test_the_shipped_example_tells_of_both(play, namespace):
    """Its step that failed, and its end."""
    (document,) = yaml.safe_load_all((DEPLOY / "example-workflow.yaml").read_text())
    run = play(document, namespace, failing("CUDA out of memory"))
    assert run.phase == "Failed"
    assert told(run) == [f"{run.name}: step train ended, the workflow goes on", f"{run.name} failed"]
    assert run.handlers[1][1].facts.parameters == {"learning-rate": "0.01"}
    assert "CUDA out of memory" in run.handlers[1][1].stderr
