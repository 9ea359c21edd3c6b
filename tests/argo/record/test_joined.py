"""The workflow as its arguments tell it, made better by its record."""

import json
from dataclasses import replace

import pytest

from exitkit.argo.gather import gather
from exitkit.argo.record import joined, read

FAILED = {"status": "Failed", "duration": "20.7", "creation_timestamp": "2026-11-27T07:20:08Z"}


def told(found, node="", **facts):
    """The workflow that an exit pod would gather, its handler's node by name."""
    given = {"name": found.name, "namespace": found.namespace, "uid": found.uid, **FAILED, **facts}
    own = found.by_name.get(node)
    return gather({**given, "node_name": node}, {"ARGO_NODE_ID": own.id} if own else {})


def test_times_are_the_records(record):
    """The creation is not the start, and Argo's duration runs up to when the handler's pod was made."""
    found = record("steps")
    workflow = joined.informed(told(found, f"{found.name}.onExit"), found)
    assert (workflow.started_at, workflow.finished_at) == (found.started_at, found.finished_at)
    assert workflow.duration == 3.0
    assert workflow.facts()["startedAt"] == "2026-11-27T07:20:11Z"
    assert workflow.counts == {"total": 2, "succeeded": 1, "failed": 1, "skipped": 0, "running": 0, "retried": 0}


def test_what_the_argument_cut_is_there_again(record):
    """Failures and parameters, and nothing is noted that is made good."""
    found = record("loops")
    cut = '"[{\\"displayName\\":\\"many(1:b.c)\\",\\"message\\":\\"main: Err'
    arguments = told(found, f"{found.name}.onExit", failures=cut, parameters='{"a": "1", "b": "2')
    assert arguments.failures.truncated
    assert len(arguments.notes) == 1
    workflow = joined.informed(arguments, found)
    assert [one.name for one in workflow.failures] == ["many(1:b.c)", "t(1:y)"]
    assert (workflow.failures.truncated, workflow.failures.notes, workflow.notes) == (False, (), ())
    assert workflow.parameters["a"] == "1"


def test_a_failure_has_its_inputs_outputs_limits_and_code(record):
    """As templates name them."""
    found = record("steps")
    (failure,) = joined.informed(told(found), found).facts()["failures"]
    assert failure["inputs"] == {"lr": "0.1"}
    assert failure["outputs"] == {"loss": "0.7"}
    assert failure["limits"] == {"memory": "128Mi"}
    assert failure["requests"] == {"memory": "64Mi", "cpu": "100m"}
    assert (failure["exitCode"], failure["duration"]) == (137, 0.0)
    assert failure["cure"].startswith("raise its memory limit")


def test_a_steps_own_handler_has_the_steps_end(record):
    """Its status, its message, its inputs; argo-workflows issue 3348."""
    found = record("steps")
    workflow = joined.informed(told(found, f"{found.name}[1].fit.onExit", status="Running"), found)
    assert (workflow.step, workflow.status, workflow.step_ended) == ("fit", "Failed", True)
    assert workflow.failures.first.message == "main: OOMKilled (exit code 137)"
    facts = workflow.facts()["subjectNode"]
    assert (facts["inputs"], facts["outputs"], facts["exitCode"]) == ({"lr": "0.1"}, {"loss": "0.7"}, 137)
    assert workflow.duration == 0.0


@pytest.mark.parametrize(
    ("shape", "node", "step", "status", "failed"),
    [
        ("item-hook", "train-s4flm[0].many(1:b.c).onExit", "many(1:b.c)", "Failed", ["many(1:b.c)"]),
        ("loops", "train-s4flm[0].many(0:a).onExit", "many(0:a)", "Succeeded", []),
        ("retried-step-hook", "train-lhg9r[0].r.onExit", "r", "Failed", ["r"]),
    ],
)
def test_items_and_retried_steps_have_their_own_end(record, shape, node, step, status, failed):
    found = record(shape)
    workflow = joined.informed(told(found, node, status="Running"), found)
    assert (workflow.step, workflow.status) == (step, status)
    assert [one.name for one in workflow.failures] == failed
    if step == "r":
        assert workflow.failures.first.tries == 3
        assert workflow.facts()["subjectNode"]["exitCode"] == 1


def test_a_handlers_name_is_known_by_its_id(record):
    """Where the pod does not tell its node's name."""
    found = record("steps")
    own = found.by_name[f"{found.name}[1].fit.onExit"]
    arguments = gather({"name": found.name, "status": "Running"}, {"ARGO_NODE_ID": own.id})
    assert arguments.step == ""
    assert joined.informed(arguments, found).step == "fit"


def test_of_what_has_not_ended_the_arguments_tell(record):
    """In a reading that came too soon."""
    found = record("unsettled")
    failures = json.dumps([{"displayName": "a", "message": "main: Error (exit code 9)", "phase": "Failed"}])
    workflow = joined.informed(told(found, f"{found.name}.onExit", failures=failures), found)
    assert (workflow.status, [one.exit_code for one in workflow.failures]) == ("Failed", [9])
    assert workflow.finished_at is None
    early = record("step-hook")
    workflow = joined.informed(told(early, f"{early.name}[1].fit.onExit", status="Running"), early)
    assert (workflow.step, workflow.status, workflow.step_ended) == ("fit", "Running", False)


def test_an_argument_goes_before_the_record(record):
    """What the user said by a flag is meant."""
    found = record("templateref")
    workflow = joined.informed(told(found, parameters="lr=7", labels="team=x", service_account_name="me"), found)
    assert workflow.parameters == {"lr": "7"}
    assert (workflow.labels["team"], workflow.service_account_name) == ("x", "me")
    assert workflow.submitted_by == "ada"
    assert (
        "workflows.argoproj.io/phase" not in workflow.labels
        or workflow.labels["workflows.argoproj.io/phase"] != "Running"
    )


def test_it_is_made_once_and_ids_are_of_the_arguments_alone(record):
    """So that a second run in which the record cannot be read delivers under the same id."""
    from exitkit.recordreader import KnownRecord
    from exitkit.testing import context

    found = record("steps")
    arguments = told(found)
    with_record = context(workflow=arguments, records=KnownRecord(found)).informed()
    assert with_record.workflow is joined.informed(arguments, found)
    assert with_record.workflow.told is arguments
    assert with_record.informed().workflow is with_record.workflow
    assert with_record.delivery == context(workflow=arguments).delivery
    assert with_record.workflow.ended_at == arguments.ended_at
    assert replace(with_record.workflow, notes=("x",)).as_told is arguments


def test_the_counts_leave_out_attempts_and_handlers(record):
    """A step that was tried again counts once, by how it ended."""
    assert joined.counts(record("retries")) == {
        "total": 3, "succeeded": 1, "failed": 2, "skipped": 0, "running": 0, "retried": 4,
    }  # fmt: skip
    assert joined.counts(record("dag")) == {
        "total": 4, "succeeded": 2, "failed": 1, "skipped": 1, "running": 0, "retried": 0,
    }  # fmt: skip


def test_limits_may_come_from_a_patch_or_an_input(document):
    """A podSpecPatch is how people set them by parameter; what is no input's stays unknown."""
    whole = document("steps")
    template = next(one for one in whole["spec"]["templates"] if one["name"] == "fit")
    template["podSpecPatch"] = (
        '{"containers": [{"name": "main", "resources": {"limits": {"memory": "{{inputs.parameters.lr}}Gi", "cpu": "{{=asInt(x)}}"}}}]}'
    )
    found = read(whole)
    (failure,) = joined.informed(told(found), found).failures
    assert failure.resources.limits == {"memory": "0.1Gi"}
    template["podSpecPatch"] = "containers:\n- name: main\n  resources:\n    limits:\n      memory: 2Gi\n"
    found = read(whole)
    (failure,) = joined.informed(told(found), found).failures
    assert failure.gist == "it used more memory than its limit of 2Gi"


def test_of_a_containerset_the_limits_are_the_containers(document):
    """Whichever of them ran out of memory."""
    whole = document("containerset")
    (template,) = whole["spec"]["templates"]
    for container, memory in zip(template["containerSet"]["containers"], ("1Gi", "2Gi"), strict=True):
        container["resources"] = {"limits": {"memory": memory}}
    for node in whole["status"]["nodes"].values():
        node["message"] = node.get("message", "").replace("a: Error (exit code 5)", "a: OOMKilled (exit code 137)")
    found = read(whole)
    (failure,) = joined.informed(told(found), found).failures
    assert failure.gist == "it used more memory than its limit of 1Gi"


def test_what_is_the_platforms_names_the_node_it_ran_on(document):
    """Whom to ask, and about which machine."""
    whole = document("steps")
    fit = next(node for node in whole["status"]["nodes"].values() if node["name"].endswith("].fit"))
    fit |= {"message": "The node was low on resource: memory.", "hostNodeName": "ip-10-0-0-1"}
    found = read(whole)
    (failure,) = joined.informed(told(found), found).failures
    assert failure.advice.startswith("the platform, not the step: ")
    assert failure.advice.endswith(" (it was on ip-10-0-0-1)")
