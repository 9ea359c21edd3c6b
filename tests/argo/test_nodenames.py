import pytest

from exitkit.argo.nodenames import (
    fnv32a,
    handler_name,
    node_id_of,
    scope_of,
    step_of,
    subject_of,
    undo_fnv32a,
    workflow_of,
)


def test_the_hash_is_gos():
    """The published vectors of FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/)."""
    assert [fnv32a(text) for text in ("", "a", "foobar")] == [0x811C9DC5, 0xE40C292C, 0xBF9CF968]
    assert fnv32a("foobar") == fnv32a("bar", fnv32a("foo"))


@pytest.mark.parametrize(
    ("pod", "node"),
    [
        ("wf", "wf"),
        ("wf-fail-1170427545", "wf-1170427545"),
        ("wf-1170427545", "wf-1170427545"),
        ("wf-a-b-c-7", "wf-7"),
        ("wf-fail", ""),
        ("", ""),
    ],
)
def test_a_pods_name_tells_its_nodes_id(pod, node):
    """Argo's v2 names end in the node's hash, v1 names are the id, the root's is the workflow's."""
    assert node == node_id_of("wf", pod)


def test_a_node_id_tells_the_workflow():
    """The workflow's own name may end in digits."""
    assert [workflow_of(one) for one in ("wf-123", "wf-2026-123", "wf", "")] == ["wf", "wf-2026", "wf", ""]


@pytest.mark.parametrize(
    ("node", "subject"),
    [
        ("wf.onExit", "wf"),
        ("wf.onExit(0)", "wf"),
        ("wf.onExit[0].notify", "wf"),
        ("wf.onExit[0].notify.onExit", "wf.onExit[0].notify"),
        ("wf[0].train.onExit", "wf[0].train"),
        ("wf.train(0:a).onExit", "wf.train(0:a)"),
        ("wf.hooks.running", "wf"),
        ("wf[0].train.hooks.failed(1)", "wf[0].train"),
        ("wf[0].train", ""),
        ("wf.onExitOrNot", ""),
        ("", ""),
    ],
)
def test_a_handlers_name_tells_what_it_is_for(node, subject):
    """The path up to the last hook."""
    assert subject == subject_of(node)


@pytest.mark.parametrize("attempt", ["", *(f"({n})" for n in range(21))])
def test_the_workflows_handler_is_recognised_by_its_id_alone(attempt):
    """Without any configuration, and the same for each attempt of a retryStrategy."""
    name = f"wf-2026.onExit{attempt}"
    node = f"wf-2026-{fnv32a(name)}"
    assert name == handler_name("wf-2026", node)
    assert "onExit" == scope_of("wf-2026", "", node) == scope_of("wf-2026", name, node)


@pytest.mark.parametrize(
    ("name", "node_id", "scope"),
    [
        ("wf[0].train.onExit(2)", "wf-1", "wf[0].train.onExit"),
        ("wf.onExit(0)[0].notify(1)", "wf-1", "wf.onExit[0].notify"),
        ("wf.fit(0:a)(1).onExit", "wf-1", "wf.fit(0:a).onExit"),
        ("", "wf-1", "wf-1"),
        ("", "", ""),
    ],
)
def test_the_scope_is_the_same_for_every_attempt(name, node_id, scope):
    """Items keep theirs apart, attempts do not."""
    assert scope == scope_of("wf", name, node_id)


@pytest.mark.parametrize(
    ("node", "step"),
    [
        ("wf", ""),
        ("wf[0].fit", "fit"),
        ("wf.fit", "fit"),
        ("wf[0].deep[1].leaf", "leaf"),
        ("wf[0].deep.leaf(0:a.b)", "leaf(0:a.b)"),
        ("wf[0].many(1:{a.b: (x)})(2)", "many(1:{a.b: (x)})"),
        ("wf[0].many(0:a)[1].inner(0)", "inner"),
        ("wf[0].many(0:).a", "a"),
        ("wf[0]", "[0]"),
        ("other[0].fit", "fit"),
    ],
)
def test_a_nodes_name_tells_the_step(node, step):
    """As the Argo UI calls it: with its item, whatever text that is, and without its attempt."""
    assert step_of("wf", node) == step


def test_a_workflow_with_dots_in_its_name_is_no_step():
    assert step_of("wf.v1.2", "wf.v1.2[0].fit") == "fit"
    assert step_of("wf.v1.2", "wf.v1.2") == ""


def test_a_parents_hash_comes_out_of_its_childs():
    """Whatever the names hold."""
    for parent, suffix in (("wf", "[0]"), ("wf[0]", ".fit"), ("wf.ü", "(0:\U000e0067)"), ("", "x"), ("x", "")):
        assert undo_fnv32a(suffix, fnv32a(parent + suffix)) == fnv32a(parent)
