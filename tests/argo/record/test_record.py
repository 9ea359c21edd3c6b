"""What the Workflow object says, as Argo writes it, and whatever is broken in it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.record import read
from exitkit.argo.record.failed import failures

RETRIES = (Path(__file__).parents[2] / "data/records/retries.json").read_text()
SETTLED = ("steps", "dag", "retries", "loops", "memoised", "daemon", "suspended", "containerset", "badparam", "stopped")


@pytest.mark.parametrize("shape", SETTLED)
def test_how_it_ended_is_its_own_nodes_end(record, shape):
    """Also while the handler runs, when the workflow's own phase is Running."""
    found = record(shape)
    assert (found.status, found.ended) == ("Failed", True)
    assert found.live_phase in ("Running", "Failed")
    assert found.finished_at is not None
    assert found.started_at <= found.finished_at


def test_a_root_that_was_skipped_has_succeeded(document):
    """As the controller counts it."""
    whole = document("succeeded")
    whole["status"]["nodes"][whole["metadata"]["name"]]["phase"] = "Skipped"
    assert read(whole).status == "Succeeded"


def test_a_reading_that_came_too_soon_says_so(record):
    """Argo makes the handler's pod before it writes down why."""
    assert not record("unsettled").is_settled()
    hooked = record("step-hook")
    subject = hooked.subject("train-4d8j9[1].fit.onExit")
    assert subject.display_name == "fit"
    assert not hooked.is_settled(subject)


def test_a_step_has_its_inputs_outputs_and_exit_code(record):
    """And when and where it ran."""
    fit = record("steps").by_name["train-4d8j9[1].fit"]
    assert dict(fit.inputs) == {"lr": "0.1"}
    assert dict(fit.outputs) == {"loss": "0.7"}
    assert (fit.exit_code, fit.message, fit.phase, fit.type) == (
        137,
        "main: OOMKilled (exit code 137)",
        "Failed",
        "Pod",
    )
    assert fit.started_at == datetime(2026, 11, 27, 7, 20, 12, tzinfo=UTC)
    assert fit.duration == 0.0
    assert fit.template_name == "fit"


def test_the_subject_of_a_handler_is_found_by_its_id_and_by_its_name(record):
    """A step's, an item's, a retried one's."""
    steps = record("steps")
    (by_id,) = [node for node in steps.nodes.values() if node.name == "train-4d8j9[1].fit.onExit"]
    assert steps.subject(by_id.id).name == "train-4d8j9[1].fit"
    assert record("item-hook").subject("train-s4flm[0].many(1:b.c).onExit").exit_code == 2
    retried = record("retried-step-hook")
    subject = retried.subject("train-lhg9r[0].r.onExit")
    assert (subject.type, retried.last_attempt(subject).name) == ("Retry", "train-lhg9r[0].r(2)")


def test_hooks_among_the_children_are_no_attempts(document):
    """A Retry node's children are its attempts, and its hooks."""
    whole = document("retries")
    retry = next(node for node in whole["status"]["nodes"].values() if node["name"] == "train-lhg9r[0].r")
    hook = next(key for key, node in whole["status"]["nodes"].items() if node["name"].endswith("r.onExit"))
    retry["children"].append(hook)
    found = read(whole)
    names = [node.name for node in found.attempts(found.by_name["train-lhg9r[0].r"])]
    assert names == [f"train-lhg9r[0].r({number})" for number in range(3)]


def test_pods_are_named_as_argo_names_them(record, document):
    """In its second form, and in the first, in which a pod has its node's id; a containerSet's share one."""
    found = record("retries")
    assert found.pod_name(found.by_name["train-lhg9r[0].r(0)"]).startswith("train-lhg9r-retried-")
    assert found.pod_name(found.root) == ""
    shared = record("templateref")
    assert shared.pod_name(shared.by_name["train-ct5s8[0].fit"]) == "train-ct5s8-fit-1865714680"
    whole = document("retries")
    whole["metadata"]["annotations"]["workflows.argoproj.io/pod-name-format"] = "v1"
    first = read(whole)
    node = first.by_name["train-lhg9r[0].r(0)"]
    assert first.pod_name(node) == node.id
    containers = record("containerset")
    assert containers.pod_name(containers.by_name["train-c8jjz.a"]) == "train-c8jjz"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("steps", [("fit", 137, 1)]),
        ("dag", [("b", 3, 1)]),
        ("retries", [("in", 1, 2), ("r", 1, 3)]),
        ("loops", [("many(1:b.c)", 2, 1), ("t(1:y)", 2, 1)]),
        ("suspended", [("a", 1, 1)]),
        ("daemon", [("client", 4, 1)]),
        ("containerset", [("train-c8jjz", 5, 1)]),
        ("templateref", [("fit", 1, 1)]),
        ("badparam", [("step group [1]", None, 1)]),
        ("memoised", [("one", None, 1)]),
        ("stopped", [("a", 143, 1)]),
        ("succeeded", []),
    ],
)
def test_what_failed_is_the_innermost_and_the_last(record, shape, expected):
    """No parent beside its child, no attempt but the last, no handler, and of a containerSet the container that did."""
    found = failures(record(shape))
    assert [(one.name, one.exit_code, one.tries) for one in found] == expected


def test_attempts_that_were_made_good_and_handlers_are_apart(record, document):
    """As `workflow.failures` mixes them."""
    assert [one.display_name for one in failures(record("retries")).recovered] == ["ok(0)"]
    whole = document("steps")
    hook = next(node for node in whole["status"]["nodes"].values() if node["name"] == "train-4d8j9[1].fit.onExit")
    hook |= {"phase": "Failed", "message": "main: Error (exit code 2)"}
    found = failures(read(whole))
    assert [one.display_name for one in found] == ["fit"]
    assert [one.display_name for one in found.handlers] == ["fit.onExit"]


def test_a_handlers_own_steps_are_handlers(document):
    """Also those whose node says nothing of it, because only the first of them is a hook."""
    whole = document("steps")
    nodes = whole["status"]["nodes"]
    name = "train-4d8j9.onExit[0].clean"
    nodes["train-4d8j9-77"] = {
        "id": "train-4d8j9-77",
        "name": name,
        "displayName": "clean",
        "type": "Pod",
        "phase": "Failed",
    }
    assert [one.display_name for one in failures(read(whole)).handlers] == ["clean"]


def test_only_what_is_below_a_node_failed_of_it(record):
    """For a step's own handler; a name that only begins alike is another's."""
    found = record("retries")
    assert [one.name for one in failures(found, found.by_name["train-lhg9r[0].i"])] == ["in"]
    assert [one.name for one in failures(found, found.by_name["train-lhg9r[0].r"])] == ["r"]


def test_what_was_asked_for_and_by_whom(record, document):
    """Parameters of the WorkflowTemplate under those of the workflow, who submitted it, and the templates it refers to."""
    found = record("templateref")
    assert dict(found.parameters) == {"lr": "0.5"}
    assert found.submitted_by == "ada"
    assert found.workflow_template == "trainer"
    assert found.entrypoint == "main"
    assert found.template_of(found.by_name["train-ct5s8[0].fit"])["container"]["image"] == "busybox:1.36"
    steps = record("steps")
    template = steps.template_of(steps.by_name["train-4d8j9[1].fit"])
    assert template["container"]["resources"]["limits"] == {"memory": "128Mi"}
    whole = document("templateref")
    del whole["metadata"]["labels"]["workflows.argoproj.io/creator-preferred-username"]
    assert read(whole).submitted_by == "ada@example.com"


def test_the_artifact_repository_is_told(record):
    """With the names of Secrets, which are no secrets."""
    repository = record("archive").artifact_repository
    assert repository["s3"]["bucket"] == "logs"
    assert repository["s3"]["accessKeySecret"] == {"key": "a", "name": "cred"}


def test_a_cached_node_says_so(document):
    """No pod ran for it."""
    whole = document("memoised")
    node = next(node for node in whole["status"]["nodes"].values() if "memoizationStatus" in node)
    assert not read(whole).nodes[node["id"]].memoised
    node["memoizationStatus"]["hit"] = True
    assert read(whole).nodes[node["id"]].memoised


def test_offloaded_nodes_are_missing_with_a_note(document):
    """The API does not have them."""
    whole = document("steps")
    del whole["status"]["nodes"]
    whole["status"]["offloadNodeStatusVersion"] = "fnv:784644350"
    found = read(whole)
    assert (dict(found.nodes), found.status) == ({}, "Running")
    assert "ARGO_SERVER" in found.notes[0]


@pytest.mark.parametrize("broken", [None, [], "x", {}, {"kind": "Pod", "metadata": {"name": "a"}}, {"metadata": {}}])
def test_what_is_no_workflow_is_refused(broken):
    with pytest.raises(ValueError, match="no Workflow"):
        read(broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
# Every place from which anything is read.
PATHS = (
    [("metadata", key) for key in ("name", "labels", "annotations", "uid", "creationTimestamp")]
    + [
        ("status", key)
        for key in ("phase", "nodes", "storedTemplates", "startedAt", "outputs", "artifactRepositoryRef")
    ]
    + [("spec", key) for key in ("arguments", "templates", "entrypoint", "priority")]
)
NODE_KEYS = (
    "id", "name", "displayName", "type", "phase", "message", "children", "nodeFlag", "inputs", "outputs", "startedAt",
    "finishedAt", "boundaryID", "templateRef", "templateName", "resourcesDuration", "memoizationStatus",
)  # fmt: skip


def everything(found):
    """Ask for all there is."""
    for thing in (found, *found.nodes.values()):
        for name in dir(type(thing)):
            if isinstance(getattr(type(thing), name), property) or name in ("spec", "labels", "by_name", "templates"):
                getattr(thing, name, None)
    for node in found.nodes.values():
        (
            found.pod_name(node),
            found.template_of(node),
            found.attempts(node),
            found.subject(node.id),
            list(found.above(node)),
        )
    assert failures(found).headline is not None


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_nothing_broken_in_it_breaks_the_reading(data):
    """Whatever stands where: it is as if it were not there."""
    whole = json.loads(RETRIES)
    place = data.draw(st.sampled_from([*PATHS, *NODE_KEYS]))
    value = data.draw(JSON)
    if isinstance(place, tuple):
        whole[place[0]][place[1]] = value
    else:
        for node in list(whole["status"]["nodes"].values())[:: data.draw(st.integers(1, 3))]:
            node[place] = value
    everything(read(whole))


def test_attempts_without_number_are_read_in_time():
    """20,000 attempts at one node, each of which asks which of them is the last."""
    names = [f"w.r({number})" for number in range(20_000)]
    nodes = {
        name: {"id": name, "name": name, "type": "Pod", "phase": "Failed", "nodeFlag": {"retried": True}}
        for name in names
    }
    nodes["w.r"] = {"id": "w.r", "name": "w.r", "type": "Retry", "phase": "Failed", "children": names}
    (failure,) = failures(read({"kind": "Workflow", "metadata": {"name": "w"}, "status": {"nodes": nodes}}))
    assert (failure.display_name, failure.tries) == ("w.r(19999)", 20_000)
