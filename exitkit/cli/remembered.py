"""A run with a store: what it names, and the history of the series that the workflow is one of."""

from dataclasses import replace

from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.history import History, series_of
from exitkit.plan import template
from exitkit.store.place import open_store


def with_store(context: Context, where: str, series: str = "") -> Context:
    """The context with the store and the history; both settings may be templates.

    Raises ConfigError for what is no place. A template that this workflow's facts do not fill in is a note: it must not
    cost the deliveries.
    """
    context, place = _filled(context, where, "state")
    state = open_store(place)
    if state is None:
        return context
    context, named = _filled(context, series, "series")
    known = series_of(context.workflow, named)
    return replace(context, state=state, history=History(state, context.workflow, known) if known else None)


def _filled(context: Context, text: str, what: str) -> tuple[Context, str]:
    facts = {"workflow": context.workflow.facts()}
    try:
        return context, str(template.render(text, facts))
    except ConfigError as error:
        notes = (*context.workflow.notes, f"{what} is left out: {error}")
        return replace(context, workflow=replace(context.workflow, notes=notes)), ""
