"""A failure is told once: parents that repeat a child and the containers of one pod are not counted again."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from exitkit.argo.failures import decode
from exitkit.argo.nodenames import fnv32a, undo_fnv32a

NOON = datetime(2026, 8, 21, 12, tzinfo=UTC)


def node(path, display, message, *, template="main", second=0, hashed=True, pod=None):
    """An entry as Argo writes it: the pod's name ends in the hash of the node's full name, or is the workflow's."""
    computed = path if path == "wf" else f"wf-{template}-{fnv32a(path) if hashed else 12345}"
    return {
        "displayName": display,
        "message": message,
        "templateName": template,
        "phase": "Failed",
        "podName": pod or computed,
        "finishedAt": (NOON + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def told(*nodes):
    failures = decode(json.dumps(nodes))
    return [(failure.name, failure.container, failure.gist) for failure in failures]


CHILD = "child 'wf-1' failed"
BAD_PARAM = "withParam value could not be parsed as a JSON list: nope"


def test_the_hash_of_a_name_can_be_taken_back():
    """Which is how a node tells its parent."""
    for prefix, suffix in (("wf", "[0].a(0:ü)"), ("", "x"), ("wf[1]", "")):
        assert undo_fnv32a(suffix, fnv32a(prefix + suffix)) == fnv32a(prefix)


def test_a_parent_that_repeats_its_child_is_no_failure():
    """A list of items that is none makes Argo say the same of the step group and of all above it."""
    nodes = [node("wf", "wf", BAD_PARAM), node("wf[1]", "[1]", BAD_PARAM)]
    assert told(*nodes) == told(*reversed(nodes)) == [("step group [1]", "", BAD_PARAM)]
    inner = [node("wf[0].load", "load", BAD_PARAM, template="inner"), node("wf[0].load.fan", "fan", BAD_PARAM)]
    assert told(*inner, node("wf[0]", "[0]", CHILD), node("wf", "wf", CHILD)) == [("fan", "", BAD_PARAM)]


def test_two_steps_that_say_the_same_are_two_failures():
    """Neither is above the other."""
    nodes = [node(f"wf[0].{name}", name, "main: Error (exit code 1): x") for name in ("main", "b")]
    nodes += [node("wf[0]", "[0]", CHILD), node("wf", "wf", CHILD)]
    assert len(told(*nodes)) == 2


def test_a_step_group_has_no_log_to_link_to():
    """The link is the workflow's."""
    from exitkit.testing.scene import failed_workflow

    nodes = [node("wf", "wf", BAD_PARAM), node("wf[1]", "[1]", BAD_PARAM)]
    workflow = failed_workflow(failures=json.dumps(nodes), name="wf")
    assert workflow.failure_url(workflow.failures.first) == workflow.url


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("hashed", [True, False])
def test_a_containers_failure_counts_once(named, hashed):
    """The pod's node repeats it; the step is called what people call it, and the container is told."""
    prefix = "main: " if named or not hashed else ""
    nodes = [
        node("wf[0].train", "train", "main: Error (exit code 9): set failed", template="set", hashed=hashed),
        node("wf[0].train.main", "main", f"{prefix}Error (exit code 9): set failed", template="set", hashed=hashed),
    ]
    assert told(*nodes) == [("train", "main", "set failed")]


def test_the_container_that_failed_first_outranks_those_that_waited_for_it():
    """`dependency "setup" exited` is what Argo says of the pod, and setup's own words are why."""
    waited = 'main: Error (exit code 64): dependency "setup" exited with non-zero code: 3'
    nodes = [
        node("wf[0].train", "train", waited),
        node("wf[0].train.setup", "setup", "setup: Error (exit code 3): no such bucket"),
        node("wf[0].train.main", "main", waited),
        node("wf[0].train.last", "last", "container deleted", second=1),
    ]
    assert told(*nodes) == [("train", "setup", "no such bucket")]
    flat = decode(json.dumps([{**entry, "podName": "p"} for entry in nodes]))
    assert flat.first.gist == "no such bucket"


def test_what_deleted_the_pod_outranks_its_containers():
    """`container deleted` is no cause."""
    nodes = [
        node("wf[0].train", "train", "pod deleted"),
        node("wf[0].train.a", "a", "container deleted"),
        node("wf[0].train.b", "b", "container deleted"),
    ]
    (failure,) = decode(json.dumps(nodes))
    assert (failure.name, failure.reason) == ("train", "pod deleted")


def test_two_containers_that_failed_by_themselves_are_both_told():
    """Neither explains the other."""
    nodes = [
        node("wf.train", "train", "a: Error (exit code 1): one"),
        node("wf.train.a", "a", "a: Error (exit code 1): one"),
        node("wf.train.b", "b", "b: Error (exit code 2): two", second=1),
    ]
    assert told(*nodes) == [("train", "a", "one"), ("train", "b", "two")]


def test_a_retried_step_is_called_by_its_own_name():
    """`never(2)` is Argo's name of the third attempt."""
    attempts = [node(f"wf[0].never({n})", f"never({n})", "main: Error (exit code 1): x", second=n) for n in range(3)]
    failures = decode(json.dumps([*attempts, node("wf[0].never", "never", "No more retries left", second=3)]))
    assert [failure.name for failure in failures] == ["never"]
    assert failures.headline == "never failed (exit code 1, 3 tries): x"


def test_a_retry_that_repeats_its_last_attempt_still_tells_that_none_succeeded():
    """Where the policy forbids another attempt Argo writes the same message twice."""
    nodes = [
        node("wf[0].fit(0)", "fit(0)", "main: Error (exit code 1): x"),
        node("wf[0].fit", "fit", "main: Error (exit code 1): x"),
    ]
    failures = decode(json.dumps(nodes))
    assert ([failure.name for failure in failures], failures.recovered) == (["fit"], ())


def test_a_dags_task_is_no_container():
    """A DAG that ran into its deadline is no pod, and what its task said is the task's."""
    nodes = [
        node("wf.dag", "dag", "Step exceeded its deadline", template="graph", second=9),
        node("wf.dag.load", "load", "main: Error (exit code 1): no such table", template="load"),
    ]
    failures = decode(json.dumps(nodes))
    assert failures.first.name == "load"
    assert {failure.name for failure in failures} == {"dag", "load"}
