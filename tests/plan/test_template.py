"""A plan's templates see the facts, cannot get out, and never render what a workflow said."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.errors import ConfigError
from exitkit.plan import template

FACTS = {
    "workflow": {
        "name": "train-x7k2p",
        "duration": None,
        "priority": 3,
        "labels": {"items": "one", "keys": "two", "get": "three", "a/b": "four"},
        "failures": [{"message": "{{ 7*7 }}{% for x in y %}"}],
    },
    "steps": {},
}


def render(value, **options):
    return template.render(value, FACTS, **options)


def test_facts_are_filled_in_at_any_depth():
    """Texts are rendered, keys and all else stay as they are."""
    value = {"{{ a }}": ["{{ workflow.name }}", 7, None, {"x": ("{{ workflow.priority }}",)}], "plain": "no } brace {"}
    assert render(value) == {"{{ a }}": ["train-x7k2p", 7, None, {"x": ["3"]}], "plain": "no } brace {"}


def test_what_a_workflow_says_is_never_rendered():
    """Data that looks like a template stays what it is."""
    assert render("{{ workflow.failures[0].message }}") == "{{ 7*7 }}{% for x in y %}"
    assert render("{{ workflow.failures[0].message | upper }}", lenient=True) == "{{ 7*7 }}{% FOR X IN Y %}"


@pytest.mark.parametrize("name", ["items", "keys", "get"])
def test_a_label_may_be_called_like_a_method(name):
    """`labels.items` is the label, not what a dictionary can do."""
    assert render("{{ workflow.labels." + name + " }}") == FACTS["workflow"]["labels"][name]
    assert render("{% for key, value in workflow.labels | dictsort %}{{ key }},{% endfor %}") == "a/b,get,items,keys,"


def test_what_is_missing_is_an_error_or_is_shown():
    """A path with a gap is refused; a message with a gap is sent."""
    for text in ("{{ workflow.nmae }}", "{{ workflow.a.b }}", "{{ steps.x.outcome }}", "{{ other }}"):
        with pytest.raises(ConfigError, match=r"template: "):
            render(text)
    assert render("by {{ workflow.nmae }}, {{ workflow.a.b }}", lenient=True) == "by (nmae?), (a?)"


@pytest.mark.parametrize(
    "text", ["{{ workflow.duration / 60 }}", "{{ 1 / 0 }}", "{{ 5 | dictsort }}", "{{ workflow.name() }}"]
)
def test_what_cannot_be_worked_out_does_not_stop_a_message(text):
    """An unknown duration makes a gap, where a gap is allowed, and is an error elsewhere."""
    with pytest.raises(ConfigError, match=r"template: "):
        render(text)
    assert render(f"before {text} after", lenient=True).startswith("before (")


def test_units_are_told_also_where_they_are_unknown():
    """`| duration` and `| size` of nothing is no failure."""
    assert render("{{ workflow.duration | duration }} {{ 90 | duration }} {{ 2048 | size }}") == "unknown 1m 30s 2 KiB"
    assert render("{{ workflow.nope | duration }}", lenient=True) == "(nope?)"
    with pytest.raises(ConfigError, match=r"nope"):
        render("{{ workflow.nope | duration }}")


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ workflow.__class__ }}",
        "{{ workflow['__class__'].__base__ }}",
        "{{ (workflow | attr('__class__')).__init__.__globals__ }}",
        "{{ workflow.labels.update({'a': 1}) }}",
        "{{ workflow.failures.append(1) }}",
        "{{ '{0.__class__.__init__.__globals__}'.format(workflow) }}",
        "{{ self._TemplateReference__context.environment }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{{ range(10) }}",
        "{{ lipsum(5) }}",
        "{{ dict(a=1) }}",
        "{{ namespace() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends 'x' %}",
    ],
)
def test_there_is_no_way_out(text):
    """Neither to Python nor to files, nor to what only serves to use up time."""
    with pytest.raises(ConfigError, match=r"template: "):
        render(text)


def test_facts_cannot_be_changed():
    """A template that tries to is refused, and the next one sees what it should."""
    render("{{ workflow.labels.update({'x': 1}) }}", lenient=True)
    assert "x" not in FACTS["workflow"]["labels"]


def test_a_text_has_an_end():
    """What grows beyond a mebibyte is an error, and in a message cut."""
    facts = {"workflow": {"failures": ["x" * 1000] * 3000}}
    text = "{% for one in workflow.failures %}{{ one }}{% endfor %}"
    with pytest.raises(ConfigError, match=r"makes more than 1 MiB"):
        template.render(text, facts)
    assert len(template.render(text, facts, lenient=True)) <= template.LIMIT + 100


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("workflow.priority > 2", True),
        ("{{ workflow.priority > 5 }}", False),
        ("  workflow.name.startswith('train')  ", True),
        ("'a/b' in workflow.labels", True),
        ("workflow.labels['a/b'] == 'four' and not workflow.duration", True),
        ("workflow.duration", False),
        ("steps.x is defined", False),
        ("false", False),
    ],
)
def test_a_condition_holds_or_does_not(expression, holds):
    """With or without the braces."""
    template.check(expression, expression=True)
    assert template.evaluate(expression, FACTS) is holds


@pytest.mark.parametrize(
    "expression", ["workflow.duration > 60", "workflow.nope", "nope", "1/0", "5|dictsort", "workflow.name.__class__"]
)
def test_a_condition_that_cannot_be_decided_is_an_error(expression):
    """Nobody guesses whether a step was meant to run."""
    template.check(expression, expression=True)
    with pytest.raises(ConfigError):
        template.evaluate(expression, FACTS)


@pytest.mark.parametrize(
    "text", ["", "a b", "{{ a }} and {{ b }}", "a }} {% set b = 1 %} {{ b", "{% if a %}1{% endif %}", "a ==", "'"]
)
def test_a_condition_that_is_none_is_told_before_the_run(text):
    """What could not be decided at the end is wrong at the beginning."""
    with pytest.raises(ConfigError, match=r"template: "):
        template.check(text, expression=True)


def test_names_are_told():
    """What a template reads from outside, not what it sets itself."""
    text = "{% for one in workflow.failures %}{{ one }}{% endfor %}{% set a = steps %}{{ other }}"
    assert template.check(text) == {"workflow", "steps", "other"}
    assert template.check("no template: workflow") == set()
    assert template.names_in({"a": ["{{ steps.x }}"], "b": 7}) == {"steps"}


@pytest.mark.parametrize(
    "text", ["{{", "{% if %}", "{{ a | nofilter }}", "{% for %}", "{# open", "{{ " + "(" * 3000 + " }}"]
)
def test_a_malformed_template_is_told(text):
    """In one line, whatever the engine trips over."""
    with pytest.raises(ConfigError, match=r"template: ") as caught:
        template.check(text)
    assert "\n" not in str(caught.value)


@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{%",
                "%}",
                " workflow.name ",
                "|",
                "upper",
                "if",
                "endif",
                "(",
                ")",
                "'",
                "a",
                ".",
                "[0]",
                "*9",
                "~",
                "{#",
                "#}",
                "for x in ",
            ]
        ),
        max_size=12,
    ).map("".join)
)
def test_only_config_errors_leave(text):
    """Checking, rendering and deciding end well or with a ConfigError, and soon."""
    began = time.thread_time()
    for step in (
        lambda: template.check(text),
        lambda: template.check(text, expression=True),
        lambda: render(text),
        lambda: template.evaluate(text, FACTS),
    ):
        try:
            step()
        except ConfigError as error:
            assert str(error)
    assert time.thread_time() - began < 5


@given(st.text(max_size=60))
def test_a_text_without_a_template_is_not_touched(text):
    """Backslashes, quotes and line ends included."""
    if not template.is_template(text):
        assert render(text) == text
