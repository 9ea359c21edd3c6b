"""What a plan would do wrong in its runs, told by `exitkit check`: a run itself takes such a plan, and does what it can.

Each step is looked at with the facts of workflows that might be, and with made-up secrets where only the cluster has
them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from exitkit.action import Action
from exitkit.errors import ConfigError
from exitkit.plan import Parallel, Plan, Step, guarded, misread, registry, secretless, template
from exitkit.settings import KeyPath, Problem, fields
from exitkit.text import redact

_ALWAYS = {("workflow", name) for name in ("name", "namespace", "uid")}


def lint(plan: Plan, environ: Mapping[str, str]) -> list[Problem]:
    """All that would be wrong, beyond what `check` finds."""
    found: list[Problem] = []
    for path, step, before in _with_earlier(plan):
        around = misread.Around(step.id, _given(plan), before)
        for inner, text, expression in _templates(step):
            found += [
                Problem((*path, *inner), words)
                for words in dict.fromkeys(misread.misread(text, around, expression=expression))
            ]
        if not any(one.path == (*path, "if") for one in found):
            found += [Problem((*path, "if"), words) for words in _condition(step)]
        if registry.is_known(step.uses):
            found += [Problem((*path, "with", *one.path), one.text) for one in _wrong(step, environ)]
    return found


def never(plan: Plan, step: Step, environ: Mapping[str, str]) -> Iterator[str]:
    """What keeps the step from being done whatever the workflow is, for one that could not be made ready."""
    around = next(
        misread.Around(step.id, _given(plan), before) for _, one, before in _with_earlier(plan) if one is step
    )
    for _, text, expression in _templates(step):
        yield from misread.misread(text, around, expression=expression, missing=False)
    yield from _condition(step)
    yield from guarded.refusals(step, registry.find(step.uses), environ)


def _given(plan: Plan) -> dict[str, Mapping[str, str] | None]:
    """What each step may give to later ones, None where its action does not say."""
    given: dict[str, Mapping[str, str] | None] = {}
    for step in plan.each():
        try:
            given[step.id] = registry.facts_of(step.uses)
        except ConfigError:  # which has been told
            given[step.id] = None
    return given


def _condition(step: Step) -> Iterator[str]:
    """What cannot be compared, whatever the workflow is: a number with a text, and a parameter, which is a text."""
    if not step.if_:
        return
    facts = {"workflow": misread.facts("failed"), "steps": _Steps()}
    try:
        if any(reading.path[0] == "steps" for reading in template.readings(step.if_, expression=True)[0]):
            return  # whose facts may be of any kind
        template.evaluate(step.if_, facts)
    except ConfigError as error:
        if "not supported between" in str(error):
            yield "a number is compared with a text: write numbers without quotes, and workflow.parameters.x | int"


def _wrong(step: Step, environ: Mapping[str, str]) -> Iterator[Problem]:
    """What would be wrong once the templates are filled in, and what should not stand in a plan."""
    try:
        action, prefix = registry.find(step.uses), registry.prefix(step.uses)
    except ConfigError:  # which has been told
        return
    yield from secretless.in_plain_text(action, step.with_, prefix)
    yield from _unusable(action, step.with_)
    yield from (Problem((), words) for words in guarded.refusals(step, action, environ))
    if not any(template.is_template(text) for _, text in template.texts(step.with_)):
        return
    told: list[str] = []
    for sample in ("failed", "succeeded"):
        facts = {"workflow": misread.facts(sample), "steps": _Steps(), "history": misread.HISTORY}
        try:
            given = template.render(_without_secrets(step, action), facts, lenient=action.lenient)
        except ConfigError:
            continue  # what is missing there has been told, and what a sample cannot tell is not known
        for problem in secretless.problems(action, given, environ, prefix):
            # A rule about several settings, or what is wrong whichever workflow it is.
            if (not problem.path or _is_sure(step.with_, problem.path)) and problem.text not in told:
                told.append(problem.text)
                yield problem


def _without_secrets(step: Step, action: type[Action]) -> dict[str, Any]:
    """The settings with each secret that a template makes as though it were in a file: no sample's is of the right form."""
    made = {key for key in fields.secrets_of(action) if template.is_template(str(step.with_.get(key, "")))}
    return {f"{key}_file" if key in made else key: "" if key in made else value for key, value in step.with_.items()}


def _is_sure(given: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether a template there reads nothing but what every workflow has, and a sample has as well."""
    found = [text for inner, text in template.texts(given) if _overlap(inner, path) and template.is_template(text)]
    return bool(found) and all(reading.path in _ALWAYS for text in found for reading in template.readings(text)[0])


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    return one[: len(other)] == other[: len(one)]


def _unusable(action: type[Action], given: Mapping[str, Any]) -> Iterator[Problem]:
    """A text that is written out and will not do, such as a channel's name with a blank: a run goes without it."""
    for key, check in action.spare.items():
        value = given.get(key)
        if isinstance(value, str) and value and not template.is_template(value) and not _is_list(action, key):
            try:
                check(value)
            except ValueError as error:
                yield Problem((key,), f"{redact.printable(value, 100)!r} {error}")


def _is_list(action: type[Action], key: str) -> bool:
    return fields.shape(fields.keys(action)[key]) == "list"


class _Steps(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        return misread.Open(misread.STEP_FACTS)

    def __contains__(self, key: object) -> bool:
        return True


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
    for path, text in template.texts(step.with_):
        if template.is_template(text):
            yield ("with", *path), text, False
