"""What the guard of a step that deletes would say, asked before with the facts of workflows that might be."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from exitkit.action import Action
from exitkit.argo.gather import gather
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.plan import Step, misread, registry, samples, secretless, template
from exitkit.plan.template.reading import Path

_STRANGER = "stranger-7q4zx"
_STRANGER_UID = "5c1a4e9e-07d3-4b6f-9a52-3d0c8e1f7b64"


def refusals(step: Step, action: type[Action], environ: Mapping[str, str]) -> Iterator[str]:
    """Why the step would do nothing in its runs, each reason once.

    What comes from earlier steps, or from the workflow's outputs, may bear its name, and is not asked about.
    """
    if action.guard is Action.guard and not hasattr(action, "guard_origin"):
        return
    with contextlib.suppress(ConfigError):  # which has been told
        if any(_is_open_ended(path) for path in _paths(step.with_)):
            return
    told: set[str] = set()
    for sample in ("failed", "succeeded"):  # a cleanup may keep what one of them left
        try:
            _ask(step, action, gather(samples.facts(sample), {}), sample, environ)
        except ConfigError as error:
            if str(error) not in told:
                told.add(str(error))
                yield f"would be refused: {error}"


def _ask(step: Step, action: type[Action], workflow: Workflow, sample: str, environ: Mapping[str, str]) -> None:
    """Raises ConfigError as the guard does in a run."""
    facts = misread.facts(sample)
    made = _made(step, action, facts, environ)
    if made is None:
        return  # for what has been told
    context = Context(workflow=workflow, dry_run=True, step=step.id)
    made.guard(context)
    guard_origin: Callable[[Context, Action | None, Workflow], None] | None = getattr(made, "guard_origin", None)
    if guard_origin is not None:
        twin = _made(step, action, {**facts, "name": _STRANGER, "uid": _STRANGER_UID}, environ)
        guard_origin(context, twin, replace(workflow, name=_STRANGER, uid=_STRANGER_UID))


def _made(step: Step, action: type[Action], workflow: Mapping[str, Any], environ: Mapping[str, str]) -> Action | None:
    facts = {"workflow": workflow, "steps": {}}
    literal: Callable[[Mapping[str, Any]], dict[str, Any]] | None = getattr(action, "literal", None)
    try:
        if literal is not None:
            given = literal(template.fill(step.with_, facts))
        else:
            given = template.render(step.with_, facts, lenient=action.lenient)
    except ConfigError:
        return None
    return secretless.made(action, given, environ, registry.prefix(step.uses))


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, str):
        if template.is_template(value):
            yield from (reading.path for reading in template.readings(value)[0])
        return
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from _paths(inner)


def _is_open_ended(path: Path) -> bool:
    return path[0] == "steps" or path[1:2] == ("outputs",)
