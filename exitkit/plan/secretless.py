"""A step looked at where its secrets are not at hand: what is wrong whatever they are, and which stand where all can read them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from exitkit import settings
from exitkit.action import Action
from exitkit.errors import ConfigError
from exitkit.plan import Parallel, Plan, Step, registry, template
from exitkit.settings import Problem, credentials, fields
from exitkit.text import redact

# One of these is what any check of a secret takes.
_MADE_UP = (
    "whsec_bWFkZS11cC1zZWNyZXQ=",
    "https://hooks.example.com/services/T0/B0/made-up-secret",
    "postgresql://user:made-up-secret@db.example.com/db",
)


def problems(model: type[Action], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> list[Problem]:
    """What is wrong with the settings, whatever the secrets that are not at hand may be."""
    best: list[Problem] | None = None
    for made_up, trial in _trials(model, given, environ, prefix):
        _, found = _loaded(model, trial, environ, prefix)
        if any(one.path[:1] in {(name,) for name in made_up} for one in found):
            continue  # what is made up is of the wrong form, and keeps the rest from being looked at
        if best is None or len(found) < len(best):
            best = found
        if not best:
            return []
    return best or []


def made(model: type[Action], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str) -> Action | None:
    """The action with whatever secrets make one of the settings, or None where none do."""
    for _, trial in _trials(model, given, environ, prefix):
        action, _ = _loaded(model, trial, environ, prefix)
        if action is not None:
            return action
    return None


def completed(
    plan: Plan, workflow: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Plan, dict[str, tuple[str, ...]]]:
    """The plan to be shown where its secrets are not: with some made up, and which, by the ids of their steps."""
    made_up: dict[str, tuple[str, ...]] = {}

    def whole(step: Step) -> Step:
        names, given = _completed(step, {"workflow": workflow, "steps": {}}, environ)
        if names:
            made_up[step.id] = names
        return step.model_copy(update={"with_": given})

    items = tuple(
        item.model_copy(update={"parallel": tuple(map(whole, item.parallel))})
        if isinstance(item, Parallel)
        else whole(item)
        for item in plan.steps
    )
    return plan.model_copy(update={"steps": items}), made_up


def _completed(
    step: Step, facts: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The names of the secrets that are made up, none where the settings do as they are, or nothing helps them."""
    try:
        action, prefix = registry.find(step.uses), registry.prefix(step.uses)
        rendered = template.render(step.with_, facts, lenient=True)
    except ConfigError:
        return (), step.with_
    if action.guard is not Action.guard or _loaded(action, rendered, environ, prefix)[0] is not None:
        return (), step.with_  # what deletes looks at what is there, for which no other secret will do
    for names, trial in _trials(action, rendered, environ, prefix):
        if names and _loaded(action, trial, environ, prefix)[0] is not None:
            kept = {key: value for key, value in step.with_.items() if key.removesuffix("_file") not in names}
            return names, {**kept, **{name: trial[name] for name in names}}
    return (), step.with_


def _trials(
    model: type[Action], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The settings with each choice of secrets made up, and the names of these."""
    secrets = fields.secrets_of(model)
    present = {
        key: value
        for key, value in given.items()
        if not (key.removesuffix("_file") in secrets and key.endswith("_file"))
    }
    filed = [name for name in secrets if f"{name}_file" in given and name not in given]
    absent = [
        name for name in secrets if name not in given and name not in filed and not _is_set(name, environ, prefix)
    ]
    for chosen in itertools.chain.from_iterable(itertools.combinations(absent, n) for n in range(len(absent) + 1)):
        for made_up in _MADE_UP:
            yield (*filed, *chosen), {**present, **dict.fromkeys((*filed, *chosen), made_up)}


def _is_set(name: str, environ: Mapping[str, str], prefix: str) -> bool:
    return bool(environ.get(prefix + name.upper()))


def _loaded(
    model: type[Action], given: Mapping[str, Any], environ: Mapping[str, str], prefix: str
) -> tuple[Action | None, list[Problem]]:
    try:
        return settings.load(model, given, environ, prefix), []
    except settings.SettingsError as error:
        return None, error.problems


def in_plain_text(model: type[Action], given: Mapping[str, Any], prefix: str) -> Iterator[Problem]:
    """Secrets that stand in the plan itself, and what to write in their place."""
    for key, field in fields.keys(model).items():
        value = given.get(key)
        if key in fields.secrets_of(model) and isinstance(value, str) and _is_plain_secret(key, value):
            yield Problem((key,), f"is a secret in plain text; give {key}_file, or set {prefix}{key.upper()}")
        elif (
            isinstance(value, str) and "://" in value and not template.is_template(value) and redact.looks_secret(value)
        ):
            yield Problem(
                (key,), f"has what gives access in its address, in plain text; set {prefix}{key.upper()} in its place"
            )
        if fields.are_headers(field) and isinstance(value, Mapping):
            for header, text in value.items():
                if isinstance(text, str) and not template.is_template(text) and credentials.authenticates(header, text):
                    # Not below the header's own name: what follows that one after a colon is cut out as its value.
                    yield Problem(
                        (key,), f"{header!r} is a secret in plain text; set {prefix}{key.upper()} in its place"
                    )


def _is_plain_secret(name: str, text: str) -> bool:
    if template.is_template(text) or not text:
        return False
    return "url" not in name or redact.looks_secret(text)
