"""What a plan would do wrong in its runs, told by `exitkit check`: a run itself takes such a plan, and does what it can.

Each step is looked at with the facts of workflows that might be, and with made-up secrets where only the cluster has
them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from exitkit import settings
from exitkit.argo.gather import gather
from exitkit.argo.workflow import Workflow
from exitkit.errors import ConfigError
from exitkit.plan import Parallel, Plan, Status, Step, registry, samples, secretless, template
from exitkit.settings import KeyPath, Problem

_OUTCOMES = ("ok", "skipped", "failed", "unknown", "duplicate")
_WORDS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("workflow", "status"): get_args(Status),
    ("workflow", "lastRetry", "status"): get_args(Status),
}
# What the user's own workflows decide; everything else of a workflow has a known name.
_OPEN = ("labels", "annotations", "parameters", "outputs")
_MAY_BE_MISSING = ("labels", "annotations")
_METHODS = ("items", "keys", "values", "get")
_STEP_FACTS = {"outcome": "ok", "summary": "done"}


class _Open(dict[str, Any]):
    """Labels or the like: whatever is asked for is there."""

    def __missing__(self, key: str) -> str:
        return "sample"

    def __contains__(self, key: object) -> bool:
        return True


def lint(plan: Plan, environ: Mapping[str, str]) -> list[Problem]:
    """All that would be wrong, beyond what `check` finds."""
    found: list[Problem] = []
    for path, step, before in _with_earlier(plan):
        ids = [one.id for one in plan.each()]
        for inner, text, expression in _templates(step):
            misread = dict.fromkeys(_misread(text, ids, before, expression=expression))
            found += [Problem((*path, *inner), words) for words in misread]
        if registry.is_known(step.uses):
            found += [Problem((*path, "with", *one.path), one.text) for one in _wrong(step, environ)]
    return found


def _wrong(step: Step, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What would be wrong once the templates are filled in, and what should not stand in a plan."""
    try:
        action, prefix = registry.find(step.uses), registry.prefix(step.uses)
    except ConfigError:  # which has been told
        return
    yield from secretless.in_plain_text(action, step.with_, prefix)
    if not any(template.is_template(text) for _, text in _texts(step.with_)):
        return
    told: list[str] = []
    for sample in ("failed", "succeeded"):
        facts = {"workflow": _facts(_workflow(sample)), "steps": _Steps()}
        try:
            given = template.render(step.with_, facts, lenient=action.lenient)
        except ConfigError:
            continue  # what is missing there has been told, and what a sample cannot tell is not known
        for problem in secretless.problems(action, given, environ, prefix):
            if not problem.path and problem.text not in told:  # a rule about several settings
                told.append(problem.text)
                yield problem


class _Steps(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        return _Open(_STEP_FACTS)

    def __contains__(self, key: object) -> bool:
        return True


def _workflow(sample: str) -> Workflow:
    return gather(samples.facts(sample), {})


def _facts(workflow: Workflow) -> dict[str, Any]:
    facts: dict[str, Any] = workflow.facts()
    for name in ("labels", "annotations", "parameters"):
        facts[name] = _Open(facts[name])
    # What the record has of a node is named by the workflow's own templates.
    inner = {"inputs": _Open(), "outputs": _Open()}
    facts["subjectNode"] = {**facts["subjectNode"], **inner}
    facts["failures"] = [{**failure, **inner, "limits": _Open(), "requests": _Open()} for failure in facts["failures"]]
    return {**facts, "outputs": {"parameters": _Open()}}


def _misread(text: str, ids: list[str], before: list[str], *, expression: bool) -> Iterator[str]:
    """What a template reads that is not there, or will never be what it is compared to."""
    try:
        readings, dashed = template.readings(text, expression=expression)
    except ConfigError:
        return  # which has been told
    for name in dashed:
        yield f"a name with a dash is written in brackets: {name.meant}, not {name.written}"
    known = _facts(_workflow("failed"))
    for reading in dict.fromkeys(readings):
        if reading.path[0] == "steps":
            yield from _misread_step(reading.path, reading.words, ids, before)
        else:
            yield from _misread_fact(reading.path, reading.words, known, guarded=reading.guarded)


def _misread_step(
    path: tuple[str | int, ...], words: tuple[str, ...], ids: list[str], before: list[str]
) -> Iterator[str]:
    if len(path) < 2:
        return
    name = str(path[1])
    if name not in ids:
        whole = next((one for one in ids if one == ".".join(map(str, path[1 : 1 + one.count(".") + 1]))), "")
        meant = (
            f"; a name with a dot is written in brackets: steps['{whole}']" if whole else settings.nearest(name, ids)
        )
        yield f"there is no step {name!r}{meant}"
    elif name not in before:
        yield f"the step {name!r} comes later, so that nothing is known of it here"
    if len(path) == 3 and path[2] == "outcome":
        yield from (
            f"no outcome is {word!r}{settings.nearest(word, _OUTCOMES)}" for word in words if word not in _OUTCOMES
        )


def _misread_fact(
    path: tuple[str | int, ...], words: tuple[str, ...], known: dict[str, Any], *, guarded: bool
) -> Iterator[str]:
    value: Any = known
    for depth, key in enumerate(path[1:], 1):
        if isinstance(value, _Open):
            if path[1] in _MAY_BE_MISSING and not guarded and depth == 2 and key not in _METHODS:
                where = template.dotted(path)
                yield f"{where} may be missing; say what stands there then: {where} | default('…')"
            return
        if isinstance(value, Mapping) and isinstance(key, str):
            if key not in value:
                if key not in _METHODS:
                    yield f"there is no {template.dotted(path[: depth + 1])}{settings.nearest(key, list(value))}"
                return
            value = value[key]
        elif isinstance(value, list) and isinstance(key, int) and value:
            value = value[0]
        else:
            return
    choices = _WORDS.get(tuple(map(str, path)), ())
    if choices:
        yield from (f"no status is {word!r}{settings.nearest(word, choices)}" for word in words if word not in choices)


def _with_earlier(plan: Plan) -> Iterator[tuple[KeyPath, Step, list[str]]]:
    """Each step, where it stands, and the steps that have come to an end when it is its turn."""
    fallbacks: dict[str, list[str]] = {}
    for step in plan.each():
        for name in step.fallback:
            fallbacks.setdefault(name, []).append(step.id)
    before: list[str] = []
    items: list[tuple[KeyPath, Step, int]] = []
    for index, item in enumerate(plan.steps):
        if isinstance(item, Parallel):
            items += [(("steps", index, "parallel", inner), one, index) for inner, one in enumerate(item.parallel)]
        else:
            items.append((("steps", index), item, index))
    for path, step, index in items:
        before = [one.id for _, one, other in items if other < index]
        if step.id in fallbacks:  # it runs when those have failed, wherever it stands
            first = min(other for _, one, other in items if one.id in fallbacks[step.id])
            before = [one.id for _, one, other in items if other <= max(first, index - 1) and one.id != step.id]
        yield path, step, before


def _templates(step: Step) -> Iterator[tuple[KeyPath, str, bool]]:
    if step.if_:
        yield ("if",), step.if_, True
    for path, text in _texts(step.with_):
        if template.is_template(text):
            yield ("with", *path), text, False


def _texts(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _texts(one, (*path, key))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from _texts(one, (*path, index))
