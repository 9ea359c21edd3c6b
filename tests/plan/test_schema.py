"""The JSON Schema takes what runs and refuses what does not, read by an independent library."""

import json

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, Field, SecretStr

from exitkit.action import Action, Result
from exitkit.builtin import BUILTIN
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.plan import check, registry, schema
from exitkit.plan.check import Plan
from exitkit.retry import RetryPolicy
from exitkit.settings import fields
from exitkit.text.units import Seconds


@pytest.fixture(scope="module")
def made():
    return schema.plan_schema(BUILTIN)


@pytest.fixture(scope="module")
def faults(made):
    validator = jsonschema.Draft202012Validator(made)
    return lambda text: [one.message for one in validator.iter_errors(yaml.safe_load(text))]


def step(text, uses="notify.slack"):
    return f"steps:\n  - uses: {uses}\n    {text}\n"


GOOD = [
    step("with: {channel: ops}"),
    step("with: {broadcast: '{{ workflow.failed }}'}"),
    step("with: {thread_ts: '{{ steps.first.facts.ts }}'}"),
    step("with: {mention: ['{{ workflow.labels.owner }}', here]}"),
    step("with: {webhook_url_file: /etc/slack/url}"),
    step("with: {title: '{% if workflow.failed %}oh{% endif %}'}"),
    step("with: {port: '{{ workflow.parameters.port }}', tls: '{{ workflow.parameters.tls }}'}", "notify.email"),
    step("with: {password_file: /etc/mail/password}", "notify.email"),
    step("with: {headers: {X-Team: ops}, body: {deep: [1, {er: null}]}}", "notify.webhook"),
    step("when: [Failed, Error]"),
    step("if: workflow.duration > 60"),
    step("timeout: 1m30s"),
    step("timeout: 90"),
    step("retry: {attempts: 3, wait: 2s, max_wait: 1m, resend: true}"),
    "timeout: 5m\nsteps:\n  - parallel:\n      - uses: notify.console\n      - {uses: ship.file, id: logs}\n",
]
BAD = [
    "steps: []",
    "step:\n  - uses: notify.console",
    "steps:\n  - id: nothing",
    "steps:\n  - parallel: []",
    "steps:\n  - parallel: [{parallel: [{uses: notify.console}]}]",
    "steps:\n  - {uses: notify.console, parallel: [{uses: notify.console}]}",
    step("with: {chanel: ops}"),
    step("wiht: {channel: ops}"),
    step("with: {webhook_url_flie: /x}"),
    step("with: {channel: 5}"),
    step("with: {broadcast: often}"),
    step("with: {mention: here}"),
    step("with: {mention: [everybody]}"),
    step("with: {facts: [a, b]}"),
    step("with: {port: many}", "notify.email"),
    step("with: {tls: ssl}", "notify.email"),
    step("with: {to: []}", "notify.email"),
    step("when: [failed]"),
    step("when: [Terminated]"),
    step("when: Failed"),
    step("timeout: soon"),
    step("timeout: -1"),
    step("retry: {attempts: 0}"),
    step("retry: {tries: 3}"),
    step("required: sometimes"),
    step("id: 'two words'"),
    step("fallback: mail"),
    step("", "notify.slak"),
    step("", "slack"),
]


@pytest.mark.parametrize("text", GOOD)
def test_takes_what_may_run(faults, text):
    """Templates wherever a single value stands, and a file in the place of a secret."""
    assert faults(text) == []


@pytest.mark.parametrize("text", BAD)
def test_refuses_what_cannot_run(faults, text):
    """An editor marks what `exitkit check` would refuse."""
    assert faults(text) != []
    with pytest.raises(ConfigError):
        check.read(
            text, "plan.yaml", {"EXITKIT_NOTIFY_SLACK_TOKEN": "xoxb-made-up", "EXITKIT_NOTIFY_SLACK_CHANNEL": "ops"}
        )


def test_is_a_schema_itself(made):
    """Of draft 2020-12, in plain JSON, and every reference leads somewhere."""
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(made)))
    text = json.dumps(made)
    for part in text.split('"$ref": "')[1:]:
        reference = part.partition('"')[0]
        assert reference.removeprefix("#/$defs/") in made["$defs"], reference


def test_every_setting_is_there_and_described(made):
    """What hovering over a key shows comes from the declaration."""
    for name in BUILTIN:
        action = registry.find(name)
        properties = made["$defs"][name]["properties"]
        keys = {*fields.keys(action), *(f"{one}_file" for one in fields.secrets_of(action))}
        assert set(properties) == keys
        assert all(one["description"] for one in properties.values())
        assert made["$defs"][name]["additionalProperties"] is False
    for model, found in (
        (check.Step, made["$defs"]["Step"]),
        (RetryPolicy, made["$defs"]["RetryPolicy"]),
        (Plan, made),
    ):
        keys = {field.alias or name for name, field in model.model_fields.items()}
        assert set(found["properties"]) == keys
        assert all(one["description"] for one in found["properties"].values())


def test_actions_are_told_with_their_help(made):
    """An editor that knows enumDescriptions shows them as one chooses."""
    uses = made["$defs"]["Step"]["properties"]["uses"]
    assert uses["enum"] == list(BUILTIN)
    assert uses["enumDescriptions"] == [registry.help_of(registry.find(name)) for name in BUILTIN]


def test_nothing_is_required_of_the_settings(made):
    """The environment may give it; whether it does is seen when the plan is checked."""
    assert all("required" not in made["$defs"][name] for name in BUILTIN)


class Rule(BaseModel):
    """A part that two actions name alike."""

    after: Seconds = Field(60.0, gt=0, description="When.")
    level: int = Field(1, description="How much.")
    title: str = Field("", description="A key that pydantic's titles must not hide.")


class Other(BaseModel):
    """Another part under the same name."""

    colour: str = Field("", description="Which.")


Other.__name__ = "Rule"


class Deep(Action):
    """Try every kind of field."""

    rules: list[Rule] = Field(default_factory=list, description="Rules.")
    by_name: dict[str, Rule] = Field(default_factory=dict, description="Rules by name.")
    pair: tuple[int, str] = Field((1, ""), description="Two.")
    either: int | list[int] | None = Field(None, description="One or several.")
    secret: SecretStr | None = Field(None, description="A secret.")
    whatever: object = Field(None, description="Anything.")

    def run(self, context: Context) -> Result:
        return Result("done")


class Flat(Action):
    """Use a part of the same name."""

    rule: Other = Field(default_factory=Other, description="The other rule.")

    def run(self, context: Context) -> Result:
        return Result("done")


@pytest.fixture
def deep(monkeypatch):
    found = {"x.deep": Deep, "x.flat": Flat}
    monkeypatch.setattr(registry, "find", found.__getitem__)
    made = schema.plan_schema(found)
    jsonschema.Draft202012Validator.check_schema(made)
    validator = jsonschema.Draft202012Validator(made)
    return lambda given, uses="x.deep": [
        one.message for one in validator.iter_errors({"steps": [{"uses": uses, "with": given}]})
    ]


def test_takes_templates_at_any_depth(deep):
    """Wherever text is rendered and then read as a number."""
    for given in (
        {"rules": [{"after": "5m", "level": "{{ workflow.priority }}", "title": "x"}]},
        {"rules": [{"after": "{{ workflow.parameters.after }}"}]},
        {"by_name": {"a": {"level": "{{ 1 }}"}}},
        {"pair": ["{{ 1 }}", "x"]},
        {"either": "{{ 1 }}"},
        {"either": ["{{ 1 }}", 2]},
        {"secret": "{{ workflow.labels.x }}", "whatever": [{"a": 1}]},
        {"secret_file": "/x"},
    ):
        assert deep(given) == [], given


def test_refuses_at_any_depth(deep):
    """What is mistyped inside is seen too."""
    for given in (
        {"rules": "{{ a list cannot come from text }}"},
        {"rules": [{"level": "much"}]},
        {"by_name": {"a": {"level": []}}},
        {"rules": [{"after": "soon"}]},
        {"pair": ["x", "x"]},
        {"either": "x"},
    ):
        assert deep(given), given


def test_parts_of_one_name_do_not_meet(deep):
    """Two actions may each have a Rule of their own."""
    assert deep({"rule": {"colour": "red"}}, "x.flat") == []
    assert deep({"rules": [{"colour": "red"}]}, "x.flat") != []
    assert deep({"rules": [{"level": 1}]}) == []
