"""A step made ready when it is its turn: whether it is due, and its action with the facts filled in."""

from collections.abc import Mapping

from exitkit import settings
from exitkit.action import Action
from exitkit.context import Context
from exitkit.errors import ConfigError, MissingExtra, Skip
from exitkit.plan import registry, template
from exitkit.plan.check import Plan, Step
from exitkit.run.report import entries_as_facts


def bind(step: Step, context: Context, environ: Mapping[str, str]) -> Action:
    """The step's action, with the facts filled in. Raises ConfigError, and MissingExtra."""
    registry.check_extra(step.uses)
    kind = registry.find(step.uses)
    values = template.render(step.with_, facts_for(context), lenient=kind.lenient)
    try:
        action = settings.load(kind, values, environ, registry.prefix(step.uses))
    except settings.SettingsError as error:
        raise ConfigError(f"{step.id}: {error}") from None
    action.guard(context)
    return action


def facts_for(context: Context) -> dict[str, object]:
    """What templates and conditions can read."""
    return {"workflow": context.workflow.facts(), "steps": entries_as_facts(context.entries)}


def check_terms(step: Step, context: Context) -> None:
    """Raises Skip where the step's terms do not hold, ConfigError where its expression cannot be said."""
    if not is_due(step, context):
        status = context.workflow.status
        raise Skip(f"the workflow is {status or 'of unknown status'}, not {' or '.join(step.when)}")
    if step.if_ and not template.evaluate(step.if_, facts_for(context)):
        raise Skip(f"not {step.if_}")


def is_due(step: Step, context: Context) -> bool:
    """Whether the step is for how the workflow ended."""
    # Without a status nobody knows that all went well, so what is meant for failures runs.
    statuses = {context.workflow.status} if context.workflow.status else {"Failed", "Error"}
    return not step.when or not statuses.isdisjoint(step.when)


def check_extras(plan: Plan) -> None:
    """Raises MissingExtra if every step of the plan needs a library that is not installed."""
    missing: list[MissingExtra] = []
    steps = plan.each()
    for step in steps:
        try:
            registry.check_extra(step.uses)
        except MissingExtra as error:
            missing.append(error)
    if missing and len(missing) == len(steps):
        raise missing[0]
