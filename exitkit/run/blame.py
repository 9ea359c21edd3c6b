"""Whose fault it is that a step cannot be made ready: the plan's, or the data's that its templates read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, MissingExtra
from exitkit.plan import template
from exitkit.plan.check import Plan, Step
from exitkit.run.report import entries_as_facts

if TYPE_CHECKING:
    from exitkit.plan.template.reading import Reading

_OWN = ("labels", "annotations", "parameters", "outputs")
"""What of a workflow has names of its user's."""


@contextmanager
def blamed(plan: Plan, step: Step, context: Context, environ: Mapping[str, str]) -> Iterator[None]:
    """Turns the ConfigError of a step that is made ready into an ActionError of the reason `data`, where that is it.

    The plan was found right before anything ran, so that what is wrong now came with what its templates read: a label that
    is not there, an empty parameter, an address that is none.
    """
    try:
        yield
    except MissingExtra:
        raise
    except ConfigError as error:
        if not is_of_data(plan, step, context, environ):
            raise
        raise ActionError(str(error), reason="data") from error


def is_of_data(plan: Plan, step: Step, context: Context, environ: Mapping[str, str]) -> bool:
    """Whether the step could have been made ready for another workflow, and no step failed whose facts it lacks."""
    readings = list(_readings(step))
    known = context.workflow.facts()
    if any(_is_missing(reading, known) for reading in readings):
        return True
    if not readings or any(_is_of_failed(reading, context) for reading in readings):
        return False
    from exitkit.plan import lint  # which is seldom needed here

    return not any(lint.never(plan, step, environ))


def _is_missing(reading: "Reading", known: Mapping[str, Any]) -> bool:
    """Whether it reads what this workflow could have and has not, such as a label."""
    path = reading.path
    if reading.guarded or len(path) < 3 or path[0] != "workflow" or path[1] not in _OWN:
        return False
    from exitkit.plan.template.methods import methods_of

    value: Any = known.get(str(path[1]))
    for key in path[2:]:
        if not isinstance(value, Mapping) or key in methods_of(value):
            return False
        if key not in value:
            return True
        value = value[key]
    return False


def _is_of_failed(reading: "Reading", context: Context) -> bool:
    """Whether it reads what an earlier step would have given, had it not failed for a reason other than data."""
    path = reading.path
    if path[0] != "steps" or reading.guarded:
        return False
    failed = [one for one in context.entries if one.outcome in ("failed", "unknown") and one.reason != "data"]
    if len(path) < 3:  # all of a step's, or of all steps'
        return any(len(path) < 2 or path[1] == one.step for one in failed)
    return any(path[1] == one.step and path[2] not in entries_as_facts([one])[one.step] for one in failed)  # type: ignore[operator]


def _readings(step: Step) -> "Iterator[Reading]":
    """The facts that its condition and its settings read."""
    if step.if_:
        yield from template.readings(step.if_, expression=True)[0]
    for _, text in template.texts(step.with_):
        if template.is_template(text):
            yield from template.readings(text)[0]
