from datetime import UTC, datetime, timedelta

from exitkit.argo.failures.failure import Failure
from exitkit.argo.failures.rootcause import sort_out
from exitkit.argo.nodenames import fnv32a

NOON = datetime(2026, 8, 21, 12, tzinfo=UTC)
PARENT = "child 'wf-1170427545' failed"


def node(name, message="main: Error (exit code 1)", second=0, template="tmpl", path=None):
    """A failed node as Argo lists it; `path` is its full name, of which the pod's name holds the hash."""
    digits = fnv32a(path or f"wf[0].{name}")
    return Failure(name, message, template, "Failed", f"wf-{template}-{digits}", NOON + timedelta(seconds=second))


def sort(*nodes, whole=True, succeeded=False):
    found = sort_out(nodes, whole=whole, succeeded=succeeded)
    return [[one.display_name for one in part] for part in (found.leaves, found.recovered, found.handlers)]


def test_parents_are_left_out():
    """Steps, step groups, a DAG without a message and a used-up retry say nothing that their children do not."""
    nodes = [
        node("train", second=1),
        node("[0]", PARENT, 2),
        node("wf", PARENT, 3),
        node("dag", "", 3),
        node("fast", "template has failed or errored children and failFast enabled", 3),
    ]
    assert sort(*nodes) == [["train"], [], []]


def test_parents_alone_are_kept():
    """Nothing is lost where nothing else is there, as in a cut list."""
    assert sort(node("wf", PARENT, 3), node("[0]", PARENT, 2)) == [["[0]", "wf"], [], []]


def test_a_silent_node_that_failed_before_all_others_is_no_parent():
    """A DAG ends no sooner than its children; a pod without a message may."""
    assert sort(node("silent", "", 0), node("train", second=1)) == [["silent", "train"], [], []]


def test_attempts_are_one_failure_with_the_last_ones_message():
    """Somebody who reads of it wants the last word and the number of tries."""
    attempts = [node("fit(1)", "main: OOMKilled (exit code 137)", 5), node("fit(0)", second=1)]
    found = sort_out([*attempts, node("fit", "No more retries left", 6)], whole=True, succeeded=False)
    ((one,), (), ()) = (found.leaves, found.recovered, found.handlers)
    assert (one.display_name, one.message, one.tries) == ("fit(1)", "main: OOMKilled (exit code 137)", 2)


def test_a_retry_that_repeats_its_last_attempts_message_is_a_parent():
    """As Argo writes it where the policy forbids another attempt."""
    assert sort(node("fit(0)", second=1), node("fit", second=2)) == [["fit(0)"], [], []]


def test_nodes_of_one_name_keep_their_own_attempts():
    """The same template called twice: two nodes, two and three tries."""
    attempts = [node(f"fit({n})", second=n * 10 + which) for which, most in ((0, 2), (1, 3)) for n in range(most)]
    parents = [node("fit", "No more retries left", 50), node("fit", "No more retries left", 51)]
    found = sort_out([*attempts, *parents], whole=True, succeeded=False)
    assert sorted(one.tries for one in found.leaves) == [2, 3]


def test_items_are_no_attempts():
    """`fit(0:a)` is an item of withItems, `fit(0:a)(1)` its second attempt."""
    nodes = [node("fit(0:a)(0)"), node("fit(0:a)(1)", second=1), node("fit(1:b)", second=2)]
    assert sort(*nodes) == [["fit(0:a)(1)", "fit(1:b)"], [], []]


def test_attempts_that_ended_well_are_no_failures():
    """A node without a failed parent, in a list that has other parents, was tried again with success."""
    nodes = [node("flaky(0)"), node("train", second=1), node("wf", PARENT, 2)]
    assert sort(*nodes) == [["train"], ["flaky(0)"], []]


def test_attempts_are_kept_where_their_end_is_not_sure():
    """In a cut list, and in one without any parent, the attempt's own may be missing."""
    nodes = [node("flaky(0)"), node("train", second=1), node("wf", PARENT, 2)]
    assert sort(*nodes, whole=False) == [["flaky(0)", "train"], [], []]
    assert sort(*nodes[:2]) == [["flaky(0)", "train"], [], []]


def test_in_a_workflow_that_succeeded_failed_attempts_are_no_failures():
    """Nothing is wrong with it, and a message must not say so."""
    assert sort(node("flaky(0)"), succeeded=True) == [[], ["flaky(0)"], []]
    assert sort(node("allowed-to-fail"), succeeded=True) == [["allowed-to-fail"], [], []]


def test_the_handlers_own_failures_stand_apart():
    """A second step of the exit handler must not report the first one as what broke the workflow."""
    nodes = [
        node("train"),
        node("wf.onExit", PARENT, 9, path="wf.onExit"),
        node("notify", second=8, path="wf.onExit[0].notify"),
        node("clean(0)", second=8, path="wf.onExit.clean(0)"),
        node("train.onExit", second=7),
        node("wf.hooks.running", second=7),
        node("notify", second=8, path="wf[3].notify"),
    ]
    found = sort(*nodes)
    assert found[0] == ["train", "notify"]
    assert found[2] == ["train.onExit", "wf.hooks.running", "clean(0)", "notify", "wf.onExit"]


def test_failed_handlers_alone_are_what_failed():
    """Otherwise the message of a failed workflow would be empty."""
    handler = node("wf.onExit", path="wf.onExit")
    assert sort(handler) == [["wf.onExit"], [], []]
    assert sort(handler, succeeded=True) == [[], [], ["wf.onExit"]]


def test_a_group_that_failed_because_a_pod_could_not_be_made_is_a_parent():
    """Its message holds the step's own, and so does that of the template above."""
    said = 'pods "x" is forbidden: serviceaccount "nobody" not found'
    group = f"step group deemed errored due to child wf[0].train error: {said}\nsecond line"
    nodes = [node("train", said), node("[0]", group, 1, path="wf[0]"), node("main", group, 1, path="wf")]
    assert sort(*nodes) == [["train"], [], []]
