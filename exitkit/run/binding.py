"""A step made ready when it is its turn: whether it is due, and its action with the facts filled in."""

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args

from exitkit import settings
from exitkit.action import Action
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, MissingExtra, Skip
from exitkit.plan import Change, registry, template
from exitkit.plan.check import Plan, Step
from exitkit.run import spare
from exitkit.run.report import entries_as_facts
from exitkit.settings import fields

NO_HISTORY: Mapping[str, object] = MappingProxyType(
    {
        "failures_in_a_row": 0,
        "last_success": None,
        "usual_duration": None,
        "changed": False,
        "known": 0,
        "failed": 0,
        "usual": "",
        "changes": [],
        "changed_since": "",
    }
)
"""What templates read of a history of which nothing is known."""

CHANGES = frozenset(get_args(Change))
_TAKEN_FOR = "FirstFailure and StillFailing stand for Failed and Error, and Fixed for Succeeded"

# Another workflow, which is nobody's: what a step would name for it as well, no template put there.
_STRANGER = "stranger-7q4zx"
_STRANGER_UID = "5c1a4e9e-07d3-4b6f-9a52-3d0c8e1f7b64"


# What only the record tells, by the names that templates and conditions have for it; a workflow's own outputs are told.
_RECORDED = re.compile(
    r"\b(?:startedAt|submittedBy|counts|subjectNode|inputs|host|changes|changed_since)\b|workflow\.finishedAt\b"
    r"|(?<!workflow)\.(?:outputs|limits|requests)\b"
)
# What only the logs of the failed steps tell.
_LOGGED = re.compile(r"\.lines\b")


def names_record(step: Step) -> bool:
    """Whether a template or condition of the step names what only the workflow's record tells."""
    return _RECORDED.search(f"{step.if_}{step.with_}") is not None


def names_lines(step: Step) -> bool:
    """Whether a template or condition of the step names what only the failed steps' logs tell."""
    return _LOGGED.search(f"{step.if_}{step.with_}") is not None


def informed(step: Step, context: Context) -> Context:
    """The context with the facts of the workflow's record and of the failed steps' logs, where the step tells of the workflow or names such a fact.

    Others do not ask for it, so that nothing is loaded and nobody waits.
    """
    action = registry.find(step.uses)
    if action.compares and context.history is not None:
        context.history.begin(context.deadline)
    wants_record = action.wants_record(step.with_)
    if (wants_record and action.reads_lines) or _LOGGED.search(str(step.with_)):
        return context.explained()
    return context.informed() if wants_record or _RECORDED.search(str(step.with_)) else context


def bind(step: Step, context: Context, environ: Mapping[str, str]) -> tuple[Action, tuple[str, ...]]:
    """The step's action, with the facts filled in, and notes on settings that it has to go without.

    Raises ConfigError, MissingExtra, and ActionError where data left nothing of what it cannot go without.
    """
    registry.check_extra(step.uses)
    action = registry.find(step.uses)
    made, notes = _made(step, action, context, environ)
    made.check_extras()
    made.guard(context)
    guard_origin: Callable[[Context, Action | None, Workflow], None] | None = getattr(made, "guard_origin", None)
    if guard_origin is not None:
        stranger = replace(context.workflow, name=_STRANGER, uid=_STRANGER_UID)
        twin = None
        with contextlib.suppress(ConfigError):  # a name that only this workflow's template can do with
            twin, _ = _made(step, action, replace(context, workflow=stranger), environ)
        guard_origin(context, twin, stranger)
    return made, notes


def _made(
    step: Step, action: type[Action], context: Context, environ: Mapping[str, str]
) -> tuple[Action, tuple[str, ...]]:
    facts, prefix = facts_for(context, step), registry.prefix(step.uses)
    literal: Callable[[Mapping[str, Any]], dict[str, Any]] | None = getattr(action, "literal", None)
    if literal is not None:
        given = literal(template.fill(step.with_, facts))
    else:
        # What the action can go without is left out where there is a gap in it; another address with a gap is an error,
        # and so is a secret, which would sign or log in as everybody can.
        addresses = (fields.addresses_of(action) | set(fields.secrets_of(action))) - set(action.spare)
        given = template.render(step.with_, facts, lenient=action.lenient, addresses=addresses)
    spared = spare.without_unusable(action, given, environ, prefix)
    try:
        return settings.load(action, spared.given, environ, prefix), spared.notes
    except settings.SettingsError as error:
        if spared.incomplete:  # what the workflow's data says is no mistake of the plan's; a fallback may do better
            raise ActionError("; ".join((f"{step.id}: {error}", *spared.notes)), reason="data") from None
        raise ConfigError(f"{step.id}: {error}") from None


def facts_for(context: Context, step: Step) -> dict[str, object]:
    """What the step's templates and conditions can read; the history, which has to be asked for, where they name it."""
    facts: dict[str, object] = {"workflow": context.workflow.facts(), "steps": entries_as_facts(context.entries)}
    return {**facts, "history": _history(context)} if "history" in f"{step.if_}{step.with_}" else facts


def _history(context: Context) -> dict[str, object]:
    """How earlier runs of the series ended; without a store only what this run knows by itself."""
    if context.history is not None:
        past = context.history.comparison(context.workflow, context.joined_record, context.deadline)
        return {**context.history.standing(context.deadline).facts(), **past.facts()}
    return dict(NO_HISTORY) | {"failures_in_a_row": 0 if context.workflow.succeeded else 1}


def check_terms(step: Step, context: Context) -> None:
    """Raises Skip where the step's terms do not hold, ConfigError where its expression cannot be said."""
    own_end = bool(context.workflow.step) and not context.workflow.step_ended and bool(step.when or step.if_)
    if _LOGGED.search(step.if_):
        context = context.explained()
    elif own_end or _RECORDED.search(step.if_):
        context = context.informed()
    if not is_due(step, context):
        status = context.workflow.status
        raise Skip(f"the workflow is {status or 'of unknown status'}, not {' or '.join(step.when)}")
    if step.if_ and not template.evaluate(step.if_, facts_for(context, step)):
        raise Skip(f"not {step.if_}")


def is_due(step: Step, context: Context) -> bool:
    """Whether the step is for how the workflow ended."""
    # Without a status nobody knows that all went well, so what is meant for failures runs.
    statuses: set[str] = {context.workflow.status} if context.workflow.status else {"Failed", "Error"}
    if not CHANGES.isdisjoint(step.when):
        statuses |= _changes(context)
    return not step.when or not statuses.isdisjoint(step.when)


def _changes(context: Context) -> set[str]:
    """The word for how this end stands to the one before; where nobody knows, all those that its status may mean."""
    if context.history is not None:
        standing = context.history.standing(context.deadline)
        if standing.is_known:
            return {standing.word}
    return {"Fixed"} if context.workflow.succeeded else {"FirstFailure", "StillFailing"}


def without_history(plan: Plan, context: Context) -> tuple[str, ...]:
    """A note where a step asks how this end stands to the one before, and nobody can tell."""
    if context.history is not None or all(CHANGES.isdisjoint(step.when) for step in plan.each()):
        return ()
    why = "no series is known" if context.state is not None else "no state is set"
    return (f"nothing is known of earlier runs, as {why}: {_TAKEN_FOR}",)


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
