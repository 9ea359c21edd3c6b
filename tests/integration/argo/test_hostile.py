"""Whatever a workflow prints or is called with: its handler runs, and the workflow ends as it would without it."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from kubelet import End
from workflows import HOOK, POD, failing, steps, workflow

# What Argo, expr, Jinja, Kubernetes, Go and a terminal each take for something else than text.
PIECES = (
    "{{=foo(}}", "{{=sprig.fail('x')}}", '{{=it.x ? "a" : b}}', "{{=1+1}}", "{{workflow.name}}", "{{inputs.parameters.x}}",
    "{{=inputs.parameters.status}}", "{{workflow.failures}}", "{{", "}}", "{{=", "{%raw%}", "{#", "$(ARGO_NODE_ID)", "$$(",
    '"', "'", "\\", "\\n", "`", "\n", "\r\n", "\t", "\x1b[31m", "\x7f", "\x01", "\u2028", "\U000e0067", "\ufeff", "🏴", "ü",
    "null", "[]", "W10=", "eyJhIjoxfQ==", "[1]", ".onExit", "(0)", "child 'x-1' failed", "No more retries left", "<!channel>",
)  # fmt: skip
TEXTS = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=8
).map(lambda pieces: "".join(pieces).replace("\0", ""))
# Argo reads a workflow's parameters and items as templates themselves: with these in them it fails without any handler.
SPEC = TEXTS.map(lambda text: text.replace("{{", "{ {"))
LABELS = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,40}[A-Za-z0-9])?", fullmatch=True)


# Without shrinking: an example takes seconds.
@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(message=TEXTS, annotation=TEXTS, parameter=SPEC, item=SPEC, label=LABELS)
def test_the_handler_runs_and_the_texts_arrive(play, namespace, message, annotation, parameter, item, label):
    """Everywhere at once: a message, a label, an annotation, a parameter, and the item in a step's name."""
    loop = {"name": "loop", "withItems": [item, "other"], "hooks": HOOK}
    metadata = {"labels": {"team": label}, "annotations": {"example.com/why": annotation}}
    common = {"metadata": metadata, "arguments": {"parameters": [{"name": "note", "value": parameter}]}}
    bare = {key: value for key, value in loop.items() if key != "hooks"}
    without = play(workflow(steps([bare]), POD, **common), namespace, failing(message, 3))
    run = play(workflow(steps([loop]), POD, hooks=HOOK, **common), namespace, failing(message, 3))
    assert (run.phase, [ended.exit_code for _, ended in run.handlers]) == (without.phase, [0, 0, 0])
    facts = run.handlers[-1][1].facts
    assert (facts.parameters, facts.annotations["example.com/why"]) == ({"note": parameter}, annotation)
    assert facts.labels["team"] == label
    said = f"main: Error (exit code 3): {message}" if message else "main: Error (exit code 3)"
    assert {one.message for one in facts.failures} == {said}
    assert len(facts.failures) == 2
    assert facts.notes == facts.failures.notes == ()


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_much_text_keeps_no_handler_from_running(play, namespace, size):
    """A parameter as large as a workflow may hold: the others arrive, and a note says what does not."""
    arguments = {"parameters": [{"name": "a", "value": "1"}, {"name": "huge", "value": "\x7fz" * (size // 2)}]}
    document = workflow(POD, arguments=arguments)
    without = play(document, namespace, failing("x" * 4096))
    run = play({**document, "spec": {**document["spec"], "hooks": HOOK}}, namespace, failing("x" * 4096))
    assert (run.phase, run.exit.exit_code) == (without.phase, 0)
    assert run.exit.facts.parameters == {"a": "1"}
    assert any("was cut" in note for note in run.exit.facts.notes)


def test_a_workflow_that_argo_refuses_is_refused_without_a_handler_too(plane, kubelet, namespace):
    """A parameter with a broken expression never starts, with a handler or without: that is Argo's own end of it."""
    for hooks in ({}, {"hooks": HOOK}):
        document = workflow(POD, arguments={"parameters": [{"name": "a", "value": "{{=foo(}}"}]}, **hooks)
        name = plane.admin.create(document, namespace)["metadata"]["name"]
        with pytest.raises(TimeoutError):
            kubelet.play(namespace, name, lambda node: End(), seconds=3)
