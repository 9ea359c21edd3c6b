"""A wrong plan says where, what, and the nearest right name: all at once, and nothing of its values."""

import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exitkit.errors import ConfigError
from exitkit.plan import check, registry
from exitkit.text import redact

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True, scope="module")
def _plugin():
    """The plugin from the data, as if pip had put it there."""
    with pytest.MonkeyPatch.context() as patch, redact.forget_all():
        patch.syspath_prepend(DATA / "plugin")
        registry._plugins.cache_clear()
        yield
    registry._plugins.cache_clear()
    sys.modules.pop("trunkplay", None)


def read(text, **environ):
    return check.read(text, "exitkit.yaml", environ)


def wrong(text, **environ):
    with pytest.raises(ConfigError) as caught:
        read(text, **environ)
    return str(caught.value).splitlines()


def step(more):
    return "steps:\n  - uses: play.script\n    " + more + "\n"


FULL = """
timeout: 2m
steps:
  - uses: play.script
    id: first
    when: [Failed, Error]
    if: workflow.duration > 60
    with: {say: "{{ workflow.name }}", size: "{{ workflow.parameters.size }}"}
    retry: {attempts: 3, wait: 1s, resend: true}
    timeout: 30s
    required: true
    fallback: [last]
  - parallel:
      - uses: play.script
      - uses: play.script
      - uses: play.script
        id: play.script-3
  - uses: notify.console
    id: last
"""


def test_a_plan_is_read_with_all_its_terms():
    """Every key means what the reference says."""
    found = read(FULL)
    first = found.each()[0]
    assert found.timeout == 120
    assert (first.when, first.if_, first.timeout, first.required) == (
        ("Failed", "Error"),
        "workflow.duration > 60",
        30,
        True,
    )
    assert (first.retry.attempts, first.retry.wait, first.retry.resend, first.fallback) == (3, 1, True, ("last",))
    assert found.fallbacks() == {"last"}


def test_every_step_has_an_id_of_its_own():
    """By default what it uses, counted on past what is taken, the same in every run."""
    ids = [one.id for one in read(FULL).each()]
    assert ids == ["first", "play.script", "play.script-2", "play.script-3", "last"]
    assert ids == [one.id for one in read(FULL).each()]


EVERYTHING = """\
timeot: 3
steps:
  - uses: notify.slak
    id: a b
  - uses: play.script
    whn: [Failed]
    when: [Faild]
    with: {sai: x, size: big, mood: laud}
    retry: {attemts: 3}
  - parallel:
      - uses: play.script
        timeout: -1
        wiht: {}
      - use: play.script
  - uses: play.script
    id: x
    fallback: [y]
  - uses: play.script
    id: x
    if: "workflow.status =="
    with: {say: "{{ wrkflow.name }}"}
"""


def test_all_that_is_wrong_is_told_at_once_with_its_place():
    """Unknown keys at every depth with the nearest, actions, statuses, values, ids, fallbacks, templates."""
    lines = wrong(EVERYTHING)
    expected = [
        "1:1: timeot: unknown key; did you mean 'timeout'?",
        "3:5: steps[0].uses: there is no action 'notify.slak'; did you mean 'notify.slack'?",
        "4:5: steps[0].id: ",
        "6:5: steps[1].whn: unknown key; did you mean 'when'?",
        "7:12: steps[1].when[0]: is not one of Succeeded, Failed, ",
        "8:12: steps[1].with.sai: unknown key; did you mean 'say'?",
        "8:20: steps[1].with.size: a size is a number of bytes or such as 64Ki, 10Mi, 5G",
        "8:31: steps[1].with.mood: is not one of calm, loud; did you mean 'loud'?",
        "9:13: steps[1].retry.attemts: unknown key; did you mean 'attempts'?",
        "12:9: steps[2].parallel[0].timeout: must be at least 0",
        "13:9: steps[2].parallel[0].wiht: unknown key; did you mean 'with'?",
        "14:9: steps[2].parallel[1].use: unknown key; did you mean 'uses'?",
        "14:9: steps[2].parallel[1].uses: is missing",
        "17:5: steps[3].fallback: there is no step 'y'",
        "16:5: steps[3].id: the id 'x' is given twice",
        "19:5: steps[4].id: the id 'x' is given twice",
        "20:5: steps[4].if: template: ",
        "21:12: steps[4].with.say: template: there is no 'wrkflow'; did you mean 'workflow'?",
    ]
    for one in expected:
        assert any(line.startswith(f"exitkit.yaml:{one}") for line in lines), (one, lines)
    assert len(lines) == len(expected)
    assert [int(line.split(":")[1]) for line in lines] == sorted(int(line.split(":")[1]) for line in lines)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: a plan is a mapping with the key 'steps'"),
        ("- a", "1:1: a plan is a mapping with the key 'steps'"),
        ("{}", "1:1: steps: is missing"),
        ("steps: []", "1:1: steps: "),
        ("steps: {}", "1:1: steps: is a mapping, not a list; each step begins with - uses:"),
        ("steps: [7]", "1:9: steps[0]: is a number, not a mapping"),
        ("steps: [null]", "1:9: steps[0]: is empty"),
        ("steps:\n  - parallel: []\n", "2:5: steps[0].parallel: "),
        ("steps:\n  - parallel: 7\n", "2:5: steps[0].parallel: is a number, not a list"),
        (
            "steps:\n  - parallel: [{parallel: [{uses: play.script}]}]\n",
            "2:17: steps[0].parallel[0].parallel: unknown key",
        ),
        ("steps:\n  - uses: play.script\n    parallel: [{uses: play.script}]\n", "2:5: steps[0].uses: unknown key"),
        ("steps: [{uses: play.script, uses: play.script}]", "1:29: the key 'uses' stands here twice"),
        ("steps: [{uses: play.missing}]", "1:10: steps[0].uses: play.missing: trunkplay cannot be imported"),
        (
            "steps: [{uses: play.buggy, with: {value: 7}}]",
            "1:28: steps[0].with: bug in Buggy: its own check raised KeyError",
        ),
        (step("when: {is: Failed}"), "3:5: steps[0].when: is a mapping, not a list; write when: [Failed, Error]"),
        (step("timeout: soon"), "3:5: steps[0].timeout: a duration is"),
        (step("with: {token_file: /no/such/file}"), "3:12: steps[0].with.token_file: cannot be read: no such file"),
        (step("with: {words: {a: [1]}}"), "3:20: steps[0].with.words.a: is a list, not a text"),
        (step("if: 'a b'"), "3:5: steps[0].if: template: "),
        (step("if: '{{ a }} and {{ b }}'"), "3:5: steps[0].if: template: "),
        (step("if: wrkflow.name"), "3:5: steps[0].if: template: there is no 'wrkflow'; did you mean 'workflow'?"),
        (step("with: {say: '{{ workflow.name'}"), "3:12: steps[0].with.say: template: "),
        (
            step("with: {say: '{{ step.x.outcome }}'}"),
            "3:12: steps[0].with.say: template: there is no 'step'; did you mean 'steps'?",
        ),
        (step("fallback: [play.script]"), "3:5: steps[0].fallback: leads back to 'play.script'"),
    ],
)
def test_a_mistake_is_told_once_and_in_its_place(text, told):
    """A line says it, and there is no second one about the same."""
    lines = wrong(text)
    assert any(line.startswith(f"exitkit.yaml:{told}") for line in lines), lines
    assert len(lines) == 1 or "parallel" in text, lines


def test_fallbacks_may_not_go_in_circles():
    """Each step of the circle is told."""
    text = "steps:\n" + "".join(
        f"  - {{uses: play.script, id: {one}, fallback: [{two}]}}\n" for one, two in ("ab", "bc", "ca", "da")
    )
    lines = wrong(text)
    assert [line.split(": ")[2] for line in lines] == ["leads back to 'a'", "leads back to 'b'", "leads back to 'c'"]


def test_what_is_wrong_in_one_step_does_not_hide_what_is_wrong_between_others():
    """Ids, fallbacks and circles are checked also where another step has no form at all."""
    lines = wrong(
        "steps:\n  - 7\n  - {uses: play.script, id: a, fallback: [b, nope]}\n  - {uses: play.script, id: b, fallback: [a]}\n"
    )
    assert len(lines) == 4, lines


def test_a_templated_value_is_not_judged_before_it_is_known():
    """A size, a choice, a file's path and a whole rule may come out right."""
    read(
        step(
            'with: {size: "{{ workflow.parameters.size }}", mood: "{{ workflow.status }}", token_file: "{{ workflow.name }}"}'
        )
    )


@pytest.mark.parametrize(
    "secret", ["hunter2 and so on", "{{hunter2 word}}", "{{ hunter2 }}", "{% hunter2 %}", "{{'hunter2"]
)
def test_no_error_shows_a_secret(secret):
    """Not even the part of one that a template's reader trips over."""
    text = step(
        f"with: {{token: {yaml.safe_dump(secret).splitlines()[0]}, token_file: /x, size: {yaml.safe_dump(secret).splitlines()[0]}x}}"
    )
    assert "hunter2" not in "\n".join(
        wrong(
            text.replace(", size: " + yaml.safe_dump(secret).splitlines()[0] + "x", ""),
            EXITKIT_PLAY_SCRIPT_SIZE="hunter2",
        )
    )


def test_a_wrong_variable_is_told_with_its_name():
    """It stands nowhere in the plan."""
    lines = wrong("steps: [{uses: play.script}]", EXITKIT_PLAY_SCRIPT_SIZE="hunter2")
    assert lines == [
        "exitkit.yaml:1:9: steps[0].with.size: a size is a number of bytes or such as 64Ki, 10Mi, 5G, in EXITKIT_PLAY_SCRIPT_SIZE"
    ]


def test_a_built_in_name_that_a_plugin_takes_is_told(monkeypatch):
    """A plan must not mean something else where that plugin is installed."""
    monkeypatch.syspath_prepend(DATA / "plugin-clash")
    registry._plugins.cache_clear()
    assert "built-in's name" in wrong("steps: [{uses: notify.console}]")[0]
    monkeypatch.undo()
    registry._plugins.cache_clear()


_KEYS = st.sampled_from(
    ["uses", "id", "with", "if", "when", "retry", "timeout", "required", "fallback", "parallel", "steps", "wth", "{{"]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(
        [
            "play.script",
            "notify.console",
            "play.buggy",
            "play.kinds",
            "a",
            "Failed",
            "5s",
            "{{ workflow.name }}",
            "{{ steps",
            "{% if %}",
            "workflow.x",
            "",
            "\ud7ff",
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            _KEYS | st.sampled_from(["say", "do", "token", "token_file", "attempts", "inner", "value", "table", "0"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
_STEP = (
    st.fixed_dictionaries(
        {"uses": st.sampled_from(["play.script", "play.kinds", "play.buggy", "notify.console"])},
        optional={
            "id": st.sampled_from(["a", "b", ""]),
            "with": st.dictionaries(
                st.sampled_from(["say", "do", "token", "size", "inner", "named", "value", "title"]), _VALUES, max_size=3
            ),
            "fallback": st.lists(st.sampled_from(["a", "b", "c"]), max_size=2),
            "if": st.sampled_from(["workflow.name", "a b", "steps.a.outcome == 'ok'", "{{ workflow.status }}"]),
            "when": st.lists(st.sampled_from(["Failed", "Succeeded", "faild"]), max_size=2),
            "retry": st.dictionaries(st.sampled_from(["attempts", "wait", "x"]), _VALUES, max_size=2),
        },
    )
    | _VALUES
)
_PLANS = (
    st.fixed_dictionaries(
        {},
        optional={
            "timeout": st.sampled_from([5, "5m", -1, "x", None]),
            "steps": st.lists(
                _STEP | st.fixed_dictionaries({"parallel": st.lists(_STEP, max_size=3) | _VALUES}), max_size=4
            )
            | _VALUES,
        },
    )
    | _VALUES
)


@given(_PLANS)
def test_only_config_errors_leave(data):
    """A plan near to a right one is read, or told with line and column in each line."""
    try:
        found = read(yaml.safe_dump(data))
    except ConfigError as error:
        assert all(line.startswith("exitkit.yaml:") for line in str(error).splitlines())
    else:
        ids = [one.id for one in found.each()]
        assert len(set(ids)) == len(ids) > 0


def test_a_plan_of_one_step_is_what_its_checked_form_would_be():
    """A command's plan is made without a check where there is nothing to check."""
    given = {"title": "a", "facts": {"b": "c"}}
    made = check.single("notify.console", given)
    assert made.model_dump() == check.Plan(steps=(check.Step(uses="notify.console", with_=given),)).model_dump()
    assert [one.id for one in made.each()] == ["notify.console"]
    assert made.each()[0].retry == check.When(retry={}).retry
