"""A run with a store: what it names, and the history of the series that the workflow is one of."""

from dataclasses import replace

from exitkit.argo.failures import Failure
from exitkit.argo.record import WorkflowRecord
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError
from exitkit.history import History, series_of
from exitkit.logreader import LogReader
from exitkit.plan import template
from exitkit.recordreader import KnownRecord
from exitkit.retry.clock import Deadline
from exitkit.store import expiry
from exitkit.store.bounded import StoreFailure
from exitkit.store.place import open_store

_TEMPLATES = 12
"""Templates of a workflow whose logs are learnt."""

_LONGEST = 10.0  # seconds for all of them
_SHARE = 4  # of the time that is left, at most


def with_store(context: Context, where: str, series: str = "") -> Context:
    """The context with the store and the history; both settings may be templates.

    Raises ConfigError for what is no place. A template that this workflow's facts do not fill in is a note: it must not
    cost the deliveries.
    """
    context, place = _filled(context, where, "state")
    try:
        state = open_store(place)
    except ConfigError as error:
        if not template.is_template(where):
            raise
        return _noted(context, f"state is left out: {error}")
    if state is None:
        return context
    context, named = _filled(context, series, "series")
    # A record that is a file costs no wait, and may be all that is known of the workflow.
    told = context.informed() if isinstance(context.records, KnownRecord) else context
    known = series_of(told.workflow, named)
    return replace(context, state=state, history=History(state, context.workflow, known) if known else None)


def keep(context: Context, deadline: Deadline) -> tuple[str, ...]:
    """Leave for later runs what they may ask for, and remove what none will; what could not be done, as notes.

    What a success was made from is read in its record, for which nothing waits but the end of the process.
    """
    notes: tuple[str, ...] = ()
    if context.history is not None:
        told = context.informed() if context.workflow.succeeded and not context.workflow.step else context
        context.history.keep(deadline, told.workflow, told.joined_record)
        learnt = learn(context, deadline)
        notes = (*context.history.notes, *learnt)
    if context.state is not None and expiry.is_due(context.delivery):
        notes = (*notes, *expiry.expire(context.state, deadline, context.delivery))
    return notes


def learn(context: Context, deadline: Deadline) -> tuple[str, ...]:
    """Keep what the logs of a workflow that succeeded look like, one for each template; what it could not, as notes.

    What waits for this is the end of the process alone, and not for long.
    """
    workflow, history, logs = context.workflow, context.history, context.logs
    if history is None or not isinstance(logs, LogReader) or not workflow.succeeded or workflow.step:
        return ()
    from exitkit.history import shapes  # which takes a while to load, and is needed after the steps alone

    deadline = deadline.within(min(_LONGEST, deadline.remaining() / _SHARE))
    record = context.record()
    if record is None:
        return ()
    try:
        for step in _passed(record):
            if deadline.remaining() <= 0:
                return (f"not all logs of this run were learnt: {_LONGEST:g} s were not enough",)
            if seen := logs.shapes(step, deadline):
                shapes.keep(history, step.template_name, seen, deadline)
    except (ActionError, ConfigError, StoreFailure) as error:
        return (f"what the logs of this run look like is not remembered: {error}",)
    return ()


def _passed(record: WorkflowRecord) -> list[Failure]:
    """A pod that succeeded of each template that the workflow is made of, handlers and hooks aside, the first ones."""
    each: dict[str, Failure] = {}
    for node in record.nodes.values():
        if node.type == "Pod" and node.phase == "Succeeded" and not node.hooked and node.template_name not in each:
            each[node.template_name] = Failure(template_name=node.template_name, pod_name=record.pod_name(node))
    return list(each.values())[:_TEMPLATES]


def _filled(context: Context, text: str, what: str) -> tuple[Context, str]:
    facts = {"workflow": context.workflow.facts()}
    try:
        return context, str(template.render(text, facts))
    except ConfigError as error:
        return _noted(context, f"{what} is left out: {error}"), ""


def _noted(context: Context, note: str) -> Context:
    return replace(context, workflow=replace(context.workflow, notes=(*context.workflow.notes, note)))
