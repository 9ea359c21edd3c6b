"""A plan's templates see the facts, cannot get out, and never render what a workflow said."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.errors import ConfigError
from exitkit.plan import template
from exitkit.plan.template import meter

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
    assert len(template.render(text, facts, lenient=True)) <= meter.LIMIT + 100


def test_python_is_not_printed():
    """What is not known is nothing, and what has members is JSON, wherever it is made to text."""
    for text, told in {
        "{{ workflow.duration }}|{{ none }}": "|",
        "{{ workflow.labels }}": '{"items": "one", "keys": "two", "get": "three", "a/b": "four"}',
        "{{ workflow.failures }}": '[{"message": "{{ 7*7 }}{% for x in y %}"}]',
        "{{ true }} {{ workflow.priority > 5 }}": "true false",
        "{{ 'a' ~ none ~ [1, none, true] }}": "a[1, null, true]",
        "{{ [none, {'a': 'ü'}] | join('-') }}": '-{"a": "ü"}',
        "{{ workflow.labels.items }}|{{ ['a'] | map('upper') }}": 'one|["A"]',
        "{{ '%s %s' % (none, [1]) }}|{{ '%s' | format({'a': 1}) }}": ' [1]|{"a": 1}',
        "{{ '{} {:>3}'.format(none, 'a') }}|{{ [none] | string | upper }}": "   a|[NULL]",
        "{{ none | upper }}|{{ {'a': {'b': 1}} | tojson }}": '|{"a": {"b": 1}}',
        "{{ (workflow.failures | groupby('message'))[0].list | length }}": "1",
        "{% for key, value in {'a': 1}.items() %}{{ loop.index }}{{ key }}{{ value }}{% endfor %}": "1a1",
    }.items():
        assert render(text) == told


@pytest.mark.parametrize("path", ["items", "copy", "update", "name.upper", "failures.index", "name.encode", "x.items"])
def test_no_method_is_a_value(path):
    """`workflow.items` is an item or a gap, in every place where it can stand."""
    facts = {"workflow": {"name": "x", "failures": [], "x": {}}}
    name = path.rpartition(".")[2]
    for text in (f"{{{{ workflow.{path} }}}}", f"{{{{ '{{0.{path}}}'.format(workflow) }}}}"):
        with pytest.raises(ConfigError, match=f"there is no '{name}'"):
            template.render(text, facts)
        assert template.render(text, facts, lenient=True) == f"({name}?)"
    assert template.render("{{ workflow.name.upper() }}{{ workflow.get('a', 'b') }}", facts) == "Xb"


def test_a_gap_in_an_address_is_an_error():
    """Also where a message may have gaps, and also of a fact that is merely not known."""
    for text in ("#wf-{{ workflow.labels.team }}", "x{{ workflow.duration }}", ["{{ workflow.nope }}"]):
        with pytest.raises(ConfigError, match=r"^to: template: "):
            render({"to": text, "text": "a"}, lenient=True, addresses={"to"})
    given = {"to": "{{ workflow.name }}", "text": "{{ workflow.nope }}{{ workflow.duration }}"}
    assert render(given, lenient=True, addresses={"to"}) == {"to": "train-x7k2p", "text": "(nope?)"}
    with pytest.raises(ConfigError, match=r"not known"):
        template.fill("/data/{{ workflow.duration }}", FACTS)
    filled = template.fill(["/data/{{ workflow.name }}/{% if 1 %}x{% endif %}", "y"], FACTS)
    assert filled == ["/data/train-x7k2p/x", "y"]
    assert filled[0].parts == (("/data/", False), ("train-x7k2p", True), ("/x", False))


_DOUBLINGS = ("a ~ a", "[a, a]", "(a, a)", "{'a': a, 'b': a}", "a + a", "[a] | batch(2, a) | list")
_LOOPS = "{% for a in workflow.many %}{% for b in workflow.many %}BODY{% endfor %}{% endfor %}"
BOMBS = [
    "{{ (10**10)**30000000 > 1 }}",
    "{{ 'a' * 10**10 }}",
    "{{ 10**10 * 'a' }}",
    "{{ [1] * 10**10 }}",
    "{{ '%1000000000d' % 5 }}",
    "{{ '%*d' % (10**9, 5) }}",
    "{{ '%1000000000s' | format('a') }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '{:>{}}'.format(1, 10**9) }}",
    "{{ ('{0}' * 300000).format('a' * 100000) }}",
    "{{ 'a' | center(10**10) }}",
    "{% filter center(10**10) %}x{% endfilter %}",
    "{{ ['a'] | map('center', 10**10) | list }}",
    "{{ 'a'.zfill(10**10) }}",
    "{{ 'a'.ljust(10**10) }}",
    "{{ '\t'.expandtabs(10**10) }}",
    "{{ ('a\n' * 100000) | indent(60000) }}",
    "{{ ('a ' * 500000) | wordwrap(1, true, 'x' * 1000) }}",
    "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
    "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
    "{{ workflow.many | join('x' * 1000000) }}",
    "{{ ('x' * 1000000).join(workflow.many) }}",
    "{{ [1, 2] | batch(10**10, 'x') | list }}",
    "{{ [1, 2] | slice(10**10, 'x') | list }}",
    "{{ 5 | round(-10**10) }}",
    "{{ 5 | round(10**10, 'ceil') }}",
    "{{ ('f' * 1000000) | int(0, 16) }}",
    "{{ workflow | tojson(10**9) }}",
    "{{ ('http://a.b ' * 90000) | urlize(rel='x' * 1000) }}",
    *("{% set a = ['x'] %}" + f"{{% set a = {way} %}}" * 60 + "{{ a == a }}" for way in _DOUBLINGS),
    *(_LOOPS.replace("BODY", body) for body in ("{{ b[::-1] }}" * 20, "{% if a in workflow.many %}{% endif %}", "x")),
    _LOOPS.replace("BODY", _LOOPS.replace("BODY", "")),
    "{% set x %}" + _LOOPS.replace("BODY", "x" * 20000) + "{% endset %}",
    "{% macro m0() %}xx{% endmacro %}"
    + "".join(f"{{% macro m{n + 1}() %}}{{{{ m{n}() }}}}{{{{ m{n}() }}}}{{% endmacro %}}" for n in range(40))
    + "{% set x %}{{ m40() }}{% endset %}",
    "{% for a in workflow.many recursive %}{{ loop(workflow.many) }}{% endfor %}",
    "{% block b %}{{ self.b() }}{{ self.b() }}{% endblock %}",
    "x" * 70000 + "{{ 1 }}",
]
_MANY = {"workflow": {"many": ["m" * 1000] * 1000}}


@pytest.mark.parametrize("text", BOMBS, ids=lambda text: text[:40])
def test_what_would_take_too_long_is_not_begun(text, monkeypatch):
    """Checked, rendered or decided, it ends soon and with a ConfigError, in a process of little memory."""
    began = time.thread_time()
    with contextlib.suppress(ConfigError):
        template.check(text)
    with pytest.raises(ConfigError, match=r"^template: \S") as caught:
        template.render(text, _MANY)
    assert len(str(caught.value)) < 400
    monkeypatch.setattr(meter, "WORK", meter.WORK // 100)  # as much as is needed to see that it ends
    assert len(template.render(text, _MANY, lenient=True)) < meter.LIMIT + 400
    assert time.thread_time() - began < 10


def test_the_allowance_is_a_steps():
    """A hundred templates that cost a little less than too much are too much together."""
    dear = "{% for a in workflow.many %}" + "{{ a[1:] | length }}" * 3 + "{% endfor %}"
    assert template.render(dear, _MANY)
    with pytest.raises(ConfigError, match=r"does too much"):
        template.render([dear] * 100, _MANY)


def test_what_people_write_is_no_bomb():
    """A thousand failures of a line each can be looped over, filtered, grouped, sorted and printed."""
    failures = [{"message": f"failed {n}", "templateName": f"t{n % 7}", "exitCode": n % 3} for n in range(1000)]
    text = (
        "{% for group in workflow.failures | groupby('templateName') %}{{ group.grouper }}: {{ group.list | length }}\n"
        "{% for one in group.list | rejectattr('exitCode', 'eq', 0) | sort(attribute='message') %}"
        "- {{ one.message | replace('failed', 'broke') | truncate(40) }} {{ '%3d' % one.exitCode }}"
        "{{ ',' if not loop.last }}{% endfor %}{% endfor %}{{ workflow.failures | tojson }}"
    )
    told = template.render(text, {"workflow": {"failures": failures}})
    assert "- broke 1   1," in told
    assert told.endswith('"exitCode": 0}]')


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
