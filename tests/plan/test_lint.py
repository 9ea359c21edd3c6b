"""`exitkit check` says beforehand what a run would do wrong, and what to write instead; a run takes the plan all the same."""

import json
from pathlib import Path

import pytest
import yaml

from exitkit.builtin import BUILTIN
from exitkit.errors import ConfigError
from exitkit.plan import check, registry, samples

CHECKOUT = Path(__file__).parents[2]

SLACK = "  - uses: notify.slack\n    with: {token_file: /etc/slack/token, channel: ops, VALUE}\n"


def told(text, environ=None):
    """What is wrong with the plan, without where it stands."""
    try:
        check.read(text, "plan.yaml", environ or {}, care="thorough")
    except ConfigError as error:
        return [line.partition(": ")[2] for line in str(error).splitlines()]
    return []


def with_text(text):
    return "steps:\n" + SLACK.replace("VALUE", f"text: {text!r}")


def with_if(expression):
    return f"steps:\n  - {{uses: notify.console, id: a-1}}\n  - {{uses: notify.console, if: {expression!r}}}\n  - {{uses: notify.console, id: z}}\n"


@pytest.mark.parametrize(
    ("uses", "settings", "words"),
    [
        (
            "notify.slack",
            {"webhook_url": "{{ workflow.parameters.u | default('x') }}", "channel": "#o"},
            "its own channel",
        ),
        ("notify.slack", {"webhook_url": "{{ workflow.parameters.u }}", "channel": "#o"}, "its own channel"),
        (
            "notify.email",
            {"host": "h", "sender": "a@b.c", "to": "a@b.c", "password": "{{ workflow.name }}"},
            "needs a username",
        ),
        (
            "notify.email",
            {"host": "h", "sender": "a@b.c", "to": "{{ workflow.name }}"},
            "no e-mail address|not one e-mail",
        ),
        ("cleanup.files", {"paths": ["scratch/{{ workflow.name }}"]}, "is not absolute"),
        ("cleanup.files", {"paths": ["/data/{{ workflow.name }}/../x"]}, "'..'"),
        ("notify.slack", {"channel": "Ops Team!"}, "'Ops Team!' is no channel's id or name"),
    ],
)
def test_what_a_run_would_refuse_is_told_also_where_a_template_stands(uses, settings, words):
    """Rules about several settings, whichever secret a template makes; what is wrong whatever the workflow's name; and
    a channel that a run would go without."""
    problems = told(json.dumps({"steps": [{"uses": uses, "with": settings}]}))
    assert any(one in problem for problem in problems for one in words.split("|")), problems


@pytest.mark.parametrize(
    ("uses", "settings"),
    [
        ("notify.slack", {"webhook_url": "{{ workflow.parameters.u | default('x') }}"}),
        ("notify.slack", {"token": "{{ workflow.parameters.u | default('x') }}", "channel": "#o"}),
        ("cleanup.files", {"paths": ["/data/{{ workflow.name }}"]}),
        ("cleanup.files", {"paths": ["{{ workflow.parameters.root | default('/data') }}/{{ workflow.name }}"]}),
        ("notify.email", {"host": "h", "sender": "a@b.c", "to": "{{ workflow.labels.owner | default('a@b.c') }}"}),
    ],
)
def test_what_a_run_would_take_is_not_blamed(uses, settings):
    """Nor what only the cluster knows."""
    assert told(json.dumps({"steps": [{"uses": uses, "with": settings}]})) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ workflow.durration }}", "there is no workflow.durration; did you mean 'duration'?"),
        ("{{ workflow.nmae }}", "there is no workflow.nmae; did you mean 'name'?"),
        ("{{ workflow['nmae'] }}", "there is no workflow.nmae"),
        ("{{ workflow.failures[0].mesage }}", "did you mean 'message'?"),
        ("{{ workflow.lastRetry.exit }}", "there is no workflow.lastRetry.exit"),
        ("{{ workflow.labels.my-team }}", "in brackets: workflow.labels['my-team'], not workflow.labels.my-team"),
        (
            "{{ workflow.labels.team }}",
            "may be missing; say what stands there then: workflow.labels.team | default('…')",
        ),
        ("{{ workflow.annotations['a/b'] }}", "workflow.annotations['a/b'] | default('…')"),
        ("{{ steps.b.outcome }}", "there is no step 'b'"),
        ("{{ steps.notify.slack.outcome }}", "there is no step 'notify'"),
    ],
)
def test_what_is_read_and_is_not_there_is_told(text, words):
    """With the name that was meant, or the way to write it."""
    problems = told(with_text(text))
    assert len(problems) == 1, problems
    assert words in problems[0]
    if "step" not in words and "dash" not in problems[0]:
        assert check.read(with_text(text).replace("token_file: /etc/slack/token", "token: xoxb-1"), "p", {})


@pytest.mark.parametrize(
    ("uses", "read", "words"),
    [
        ("process.report", "steps.r.pth", "there is no steps.r.pth; did you mean 'path'?"),
        ("process.report", "steps.r['Path']", "did you mean 'path'?"),
        ("process.report", "steps.r.pth | default('x')", "did you mean 'path'?"),
        ("process.report", "steps.r.sumary", "did you mean 'summary'?"),
        ("process.report", "steps.r.result", "or a fact of its own, such as steps.r.path"),
        ("notify.slack", "steps.r.url", "there is no steps.r.url; there are channel, outcome, payload, summary, ts"),
        ("notify.console", "steps.r.outcom", "did you mean 'outcome'?"),
        ("cleanup.s3", "steps.r.delted", "did you mean 'deleted'?"),
        ("ship.loki", "steps.r.acepted", "did you mean 'accepted'?"),
        ("process.query", "steps.r.row[0].n", "did you mean 'rows'?"),
    ],
)
def test_a_fact_that_no_run_of_a_step_gives_is_told(uses, read, words):
    """With the one that was meant, or those that there are; in a condition and in a setting."""
    first = (CHECKOUT / "docs" / "examples" / f"{uses}.yaml").read_text()
    given = next(step for step in yaml.safe_load(first)["steps"] if step.get("uses") == uses)
    for last in ({"with": {"text": f"{{{{ {read} }}}}"}}, {"if": f"{read} == 'x'"}):
        plan = {"steps": [{**given, "id": "r", "fallback": []}, {"uses": "notify.console", **last}]}
        problems = [line for line in told(yaml.safe_dump(plan)) if line.startswith("steps[1]")]
        assert len(problems) == 1, problems
        assert words in problems[0]


@pytest.mark.parametrize("name", BUILTIN)
def test_every_fact_that_an_action_names_can_be_read(name):
    """And what each step has; a method of a mapping is no fact."""
    action = registry.find(name)
    assert action.gives is not None, f"{name} does not say what it gives"
    read = " ".join(f"{{{{ steps.r.{fact} }}}}" for fact in (*action.gives, "outcome", "summary", "get('x', 1)"))
    plan = {"steps": [{"uses": name, "id": "r"}, {"uses": "notify.console", "with": {"text": read}}]}
    assert [line for line in told(yaml.safe_dump(plan)) if line.startswith("steps[1]")] == []


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("{{ workflow.status }} == 'Failed'", "leave out the braces"),
        ("'{{ workflow.status }}' == 'Failed'", "leave out the braces"),
        ("workflow.status == 'Faild'", "no status is 'Faild'; did you mean 'Failed'?"),
        ("'Faild' == workflow.status", "no status is 'Faild'"),
        ("workflow.status in ['Error', 'Faild']", "no status is 'Faild'"),
        ("steps['a-1'].outcome == 'okay'", "no outcome is 'okay'; did you mean 'ok'?"),
        ("steps.a-1.outcome == 'ok'", "in brackets: steps['a-1'].outcome"),
        ("steps.z.outcome == 'ok'", "the step 'z' comes later"),
        ("steps.y.outcome == 'ok'", "there is no step 'y'"),
        ("workflow.failed && workflow.stopped", "write and"),
        ("workflow.failed || workflow.stopped", "write or"),
        ("!workflow.failed", "write not"),
        ("workflow.status = 'Failed'", "write == to compare"),
        ("workflow.status <> 'Failed'", "write !="),
        ("workflow.status == 'Failed' and", "ends where more is expected"),
        ("workflow.status ==", "ends where more is expected"),
        ("${STATUS} == 'Failed'", "a plan reads no variables"),
        ("workflow.duration > 60 ? true : false", "write a if condition else b"),
        ("workflow.status == 'Failed' AND true", "write and"),
        ("workflow.status eq 'Failed'", "write == to compare"),
        ("workflow.duration > 60s", "a number of seconds"),
        ("workflow.duration > '60'", "write the number without quotes"),
        ("workflow.parameters.count > 3", "workflow.parameters.x | int"),
        ("workflow.stopped == 'true'", "write it alone"),
        ("workflow.name startsWith 'x'", "workflow.name.startswith('x')"),
        ("workflow.name =~ 'x'", "patterns are not known here"),
        ("workflow.status == Failed", "a text needs quotes: 'Failed'"),
        ("workflow.status is Failed", "write == 'Failed' to compare"),
        ("workflow.status == \u2018Failed\u2019", "typographic quote"),
        ("status == 'Failed'", "write workflow.status"),
        ("failed()", "write workflow.status == 'Failed'"),
        ("always()", "leave if: out"),
        ("len(workflow.failures) > 3", "write workflow.failures | length"),
        ("workflow.failures.length > 3", "write workflow.failures | length"),
        ("workflow.failures.message == 'x'", "write workflow.failures[0].message"),
        ("workflow.failures[0].phase == 'failed'", "no phase is 'failed'; did you mean 'Failed'?"),
        ("workflow.status.phase == 'Failed'", "workflow.status is a text and has no 'phase'"),
        ("workflow.priority == null", "write none"),
        ("steps['a-1'].status == 'Failed'", "write steps['a-1'].outcome"),
        ("steps['a-1'].outcom == 'ok'", "did you mean 'outcome'?"),
        ("steps['notify.console'].outcome == 'ok'", "is this one, of which nothing is known"),
        ("inputs.parameters.x == 'a'", "workflow.parameters"),
        ("workflow.status == 'Failed' or true fine", "join its parts"),
    ],
)
def test_a_condition_that_can_never_be_meant_is_told(expression, words):
    """It would be skipped for ever, or fail when it is its turn."""
    problems = told(with_if(expression))
    assert len(problems) == 1, problems
    assert words in problems[0]


@pytest.mark.parametrize(
    "plan",
    [
        with_text("{{ workflow.labels.team | default('nobody') }}{{ workflow.labels.get('team', 'x') }}"),
        with_text("{% if workflow.labels.team is defined %}{{ workflow.labels.team }}{% endif %}"),
        with_text("{% if 'team' in workflow.labels %}{{ workflow.labels.team }}{% endif %}"),
        with_text("{{ workflow.labels.team if workflow.labels.team else 'x' }}{{ workflow.labels.team or 'y' }}"),
        with_text("{% for failure in workflow.failures %}{{ failure.message }}{{ loop.index }}{% endfor %}"),
        with_text(
            "{{ workflow.parameters.date }}{{ workflow.outputs.parameters.rows }}{{ workflow.failures | length }}"
        ),
        with_text("{% for key, value in workflow.labels.items() %}{{ key }}={{ value }}{% endfor %}"),
        with_text(
            "{{ workflow.lastRetry.exitCode }}{{ workflow.failuresSummary.first.url }}{{ workflow.duration | duration }}"
        ),
        with_if("steps['a-1'].outcome == 'ok' and workflow.status in ['Failed', 'Error']"),
        with_if("{{ workflow.duration > 60 }}"),
        (
            "steps:\n  - {uses: notify.slack, fallback: mail, when: Failed}\n"
            "  - {uses: notify.email, id: mail, with: {host: h, sender: a@b.c, to: a@b.c, text: \"{{ steps['notify.slack'].summary }}\"}}\n"
        ),
        "steps:\n  - uses: notify.webhook\n    with: {facts: {Count: 3}, headers: {X-Scope-OrgID: ops}}\n",
        "steps:\n  - uses: notify.email\n    with: {host: h, sender: a@b.c, to: [a@b.c], username: u, password_file: /nowhere}\n",
        "steps:\n  - {uses: cleanup.sql, with: {schemas: ['{{ workflow.name }}']}}\n",
        "steps:\n  - {uses: ship.datadog}\n  - {uses: ship.splunk, with: {url: 'https://splunk:8088'}}\n",
    ],
)
def test_a_plan_that_is_right_is_not_blamed(plan):
    """Without any of the secrets that only the cluster has."""
    assert told(plan) == []


def test_a_rule_about_several_settings_is_told_also_of_templates():
    """A webhook posts to its own channel, whatever the channel's name turns out to be."""
    plan = "steps:\n  - uses: notify.slack\n    with: {webhook_url_file: /x, channel: '{{ workflow.name }}'}\n"
    assert told(plan) == ["steps[0].with: a webhook always posts to its own channel; leave channel out, or use a token"]
    mail = "steps:\n  - uses: notify.email\n    with: {host: h, sender: a@b.c, to: a@b.c, password_file: /x, text: '{{ workflow.name }}'}\n"
    assert [line for line in told(mail) if "username" in line]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            "{token: xoxb-1-abcdefgh, channel: a}",
            "token: is a secret in plain text; give token_file, or set EXITKIT_NOTIFY_SLACK_TOKEN",
        ),
        ("{webhook_url: 'https://hooks.slack.com/services/T/B/abcdefgh'}", "webhook_url: is a secret in plain text"),
    ],
)
def test_a_secret_in_plain_text_is_told_and_not_shown(settings, words):
    """Where it goes instead, and nothing of itself."""
    problems = told(f"steps:\n  - uses: notify.slack\n    with: {settings}\n")
    assert len(problems) == 1
    assert words in problems[0]
    assert "abcdefgh" not in problems[0]
    header = "steps:\n  - uses: notify.webhook\n    with: {headers: {X-Api-Key: abcdefgh}}\n"
    assert "headers: 'X-Api-Key' is a secret in plain text" in told(header)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("channel: {{ workflow.name }}", "needs quotes"),
        ("channel: {{ workflow.name }}-x", "needs quotes"),
        ("text: {% if x %}a{% endif %}", "needs quotes"),
        ("channel: #ops", 'write "#ops"'),
        ("mention: [#ops]", "such as '#ops'"),
        ("\tchannel: ops", "indented with spaces"),
        ("mention: @oncall", "quotes, such as '@name'"),
        ("text: *.tmp", "quotes, such as '*.tmp'"),
        ("text: failed: badly", "quotes"),
        ("text: 'failed", "a quote is opened and not closed"),
        ('mention: "@oncall"', "ids of users"),
        ("text: 'a' == 'b'", "put the whole text in double quotes"),
        ('text: "a" or "b"', "put the whole text in single quotes"),
        ("text: see issue #5", "'#5' is left out"),
        ("text: &oncall look", "'&oncall' is left out"),
        ("text: !important news", "! begins a tag in YAML"),
        ("text: > 5", "on the lines below"),
    ],
)
def test_yaml_is_told_in_words_of_the_plan(text, words):
    """What to write instead, not what a reader stumbled on."""
    problems = told(f"steps:\n  - uses: notify.slack\n    with:\n      {text}\n")
    assert any(words in problem for problem in problems), problems
    assert not any(word in "".join(problems) for word in ("scalar", "token", "pattern", "^("))


def test_a_comment_and_an_anchor_that_is_used_are_left_alone():
    """A # with a space behind it is a comment, in quotes and in a text of several lines it is text."""
    plan = """steps:
  - uses: notify.console  # what it is for
    with: &shared
      text: "issue #5"  # and this
      title: |
        see #6
  - uses: notify.console
    with: *shared
"""
    assert told(plan) == []


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("on: Failed", "when: has the statuses"),
        ("needs: [a]", "from the top down"),
        ("title: x", "title is a setting, which stands below with:"),
        ("args: {title: x}", "settings stand below with:"),
        ("continueOn: {failed: true}", "never stops the next"),
        ("retry: 3", "write retry: {attempts: 3}"),
        ("retry: {limit: 3}", "write attempts: 3"),
        ("retry: {attempts: three}", "is not a whole number"),
        ("required: maybe", "is not true or false"),
        ("if: [Failed]", "or when: for statuses"),
        ("when: workflow.status == 'Failed'", "a condition stands in if:"),
        ("when: Failed, Error", "several are written [Failed, Error]"),
        ("when: always", "leave when: out"),
    ],
)
def test_a_key_of_another_tool_is_told_with_ours(key, words):
    """What to write instead, where people bring habits along."""
    problems = told(f"steps:\n  - uses: notify.console\n    {key}\n")
    assert len(problems) == 1, problems
    assert words in problems[0]


@pytest.mark.parametrize("item", ["notify.console", "uses notify.console", "uses:notify.console"])
def test_a_step_that_is_a_word_is_told_as_a_step_is_written(item):
    assert "a step is written - uses: notify.console" in told(f"steps:\n  - {item}\n")[0]


@pytest.mark.parametrize(
    ("uses", "settings"),
    [
        ("cleanup.files", "{paths: [/data/x], roots: [/data]}"),
        ("cleanup.files", "{paths: ['/data/x-{{ workflow.name }}'], roots: [/data]}"),
        ("cleanup.files", "{paths: ['/data/{{ workflow.parameters.date }}'], roots: [/data]}"),
        ("cleanup.files", "{paths: [/data/x], roots: [/data], keep_on: [Failed, Error]}"),
        ("cleanup.s3", "{bucket: scratch, prefixes: [tmp/]}"),
        ("cleanup.s3", "{bucket: scratch, prefixes: ['tmp/{{ workflow.name }}/', 'other/{{ workflow.namespace }}/']}"),
        ("cleanup.gcs", "{bucket: scratch, prefixes: ['{{ workflow.name }}-']}"),
        ("cleanup.kubernetes", "{kinds: [pods], selector: app=train}"),
        ("cleanup.kubernetes", "{kinds: [pods], in_namespace: others, selector: 'run={{ workflow.name }}'}"),
        ("cleanup.sql", "{schemas: [scratch]}"),
    ],
)
def test_what_a_guard_will_refuse_is_told_before(uses, settings):
    """A cleanup that would do nothing at night is a plan that is wrong, and says so when it is written."""
    problems = told(f"steps:\n  - uses: {uses}\n    with: {settings}\n")
    assert len(problems) == 1, problems
    assert "steps[0].with: would be refused: " in problems[0]


@pytest.mark.parametrize(
    ("uses", "settings"),
    [
        ("cleanup.files", "{paths: ['/data/{{ workflow.name }}/x'], roots: [/data]}"),
        ("cleanup.files", "{paths: [/data/x], roots: [/data], anything: true}"),
        ("cleanup.files", "{paths: ['{{ steps.made.path }}'], roots: [/data]}"),
        ("cleanup.files", "{paths: ['/data/{{ workflow.outputs.parameters.scratch }}'], roots: [/data]}"),
        ("cleanup.s3", "{bucket: scratch, prefixes: ['tmp/{{ workflow.uid }}/']}"),
        ("cleanup.kubernetes", "{kinds: [pods], selector: 'workflows.argoproj.io/workflow={{ workflow.name }}'}"),
        ("cleanup.sql", "{rows: runs, where: 'run = :run', values: {run: '{{ workflow.uid }}'}}"),
    ],
)
def test_what_bears_the_workflows_name_is_not_refused(uses, settings):
    """Nor what only an earlier step, or the workflow's outputs, can say."""
    assert told(f"steps:\n  - {{uses: process.report, id: made}}\n  - uses: {uses}\n    with: {settings}\n") == []


@pytest.mark.parametrize("sample", samples.SAMPLES)
def test_a_sample_is_what_argo_sends(sample):
    """Its failures are read without a note."""
    from exitkit.argo.gather import gather

    workflow = gather(samples.facts(sample), {})
    assert not workflow.failures.notes
    assert len(workflow.failures) == {"many": 41, "failed": 4}.get(sample, 0) or sample in ("many", "failed")
