"""A plan read from YAML and checked as a whole: all that is wrong, with line and column."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from exitkit import settings
from exitkit.action import Action
from exitkit.errors import ConfigError
from exitkit.plan import Parallel, Plan, Status, Step, When, keys, registry, single, template
from exitkit.settings import KeyPath, Problem, fields

if TYPE_CHECKING:
    from exitkit.settings.yamltext import Document

__all__ = ["Care", "Parallel", "Plan", "Status", "Step", "When", "check", "read", "single"]

TEMPLATE_NAMES = ("workflow", "steps", "history")
"""What templates and conditions can read: Argo's facts, what earlier steps came to, and how earlier runs ended."""


Care = Literal["run", "elsewhere", "published", "thorough"]
"""For what a plan is read: to be run here; to be run elsewhere, where its secrets are; also there, to be put where many
can read it; or, also there, to be checked for what its runs would do wrong."""


def read(text: str, source: str, environ: Mapping[str, str], *, care: Care = "run") -> Plan:
    """The plan in a YAML text. Raises ConfigError with all that is wrong, a line each, as source:line:column."""
    from exitkit.settings import yamltext

    try:
        document = yamltext.read(text)
    except ConfigError as error:
        raise ConfigError(f"{source}:{error}") from None
    plan, found = _parse(document.data)
    found += check(plan, environ, care=care) + _ambiguous(plan)
    if care == "published":
        found += _in_plain_text(plan)
    if care == "thorough":
        from exitkit.plan import lint

        lost = yamltext.lost(text)
        if lost:
            raise ConfigError("\n".join(f"{source}:{one}" for one in lost))
        told = {one.path for one in found}
        found += [one for one in lint.lint(plan, environ) if one.path not in told]
    if found:
        raise ConfigError("\n".join(_lines(found, document, source)))
    return plan


def check(plan: Plan, environ: Mapping[str, str], *, care: Care = "run") -> list[Problem]:
    """What is wrong with the plan's steps, as far as that can be said before a workflow has ended."""
    found: list[Problem] = []
    ids = [step.id for step in plan.each() if step.id]
    for path, step in _paths(plan):
        if ids.count(step.id) > 1:
            found.append(Problem((*path, "id"), f"the id {step.id!r} is given twice"))
        found += [
            Problem((*path, "fallback"), f"there is no step {name!r}{settings.nearest(name, ids)}")
            for name in step.fallback
            if name not in ids
        ]
        found += _check_step(step, path, environ, care=care)
    return found + _circles(plan) + _wrong_state(plan)


def _wrong_state(plan: Plan) -> list[Problem]:
    """What is wrong with where the plan is remembered, and as what."""
    found = []
    for key, text in (("state", plan.state), ("series", plan.series)):
        try:
            unknown = sorted(template.check(text) - {"workflow"})
            if unknown:
                raise ConfigError(f"template: only the workflow's facts can be read here, not {unknown[0]!r}")  # noqa: TRY301 - told as all others are
            if key == "state" and text and not template.is_template(text):
                from exitkit.store.place import open_store

                open_store(text)
        except ConfigError as error:
            found.append(Problem((key,), str(error).removeprefix("state: ")))
    return found


def _in_plain_text(plan: Plan) -> list[Problem]:
    from exitkit.plan import secretless

    return [
        Problem((*path, "with", *one.path), one.text)
        for path, step in _paths(plan)
        if registry.is_known(step.uses)
        for one in secretless.in_plain_text(registry.find(step.uses), step.with_, registry.prefix(step.uses))
    ]


def _parse(data: Any) -> tuple[Plan, list[Problem]]:
    """The plan and what is wrong with its form; then the plan is as much of it as can be made out."""
    if not isinstance(data, dict):
        return _loose({}), [Problem((), "a plan is a mapping with the key 'steps'")]
    try:
        return Plan.model_validate(data), []
    except ValidationError as error:
        found = _own(_problems(error, Plan, data), "steps", data.get("steps"))
    steps = data.get("steps")
    for index, item in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(item, dict) and "parallel" in item:
            found += _outside(item, ("steps", index), Parallel)
            for inner, one in enumerate(item["parallel"] if isinstance(item["parallel"], list) else []):
                found += _outside(one, ("steps", index, "parallel", inner), Step)
        else:
            found += _outside(item, ("steps", index), Step)
    return _loose(data), found


def _loose(data: dict[str, Any]) -> Plan:
    """A plan of unchecked form, so that the rest of what is wrong can be told as well; never to be run."""

    def step(item: Any) -> Step:
        given: dict[str, Any] = item if isinstance(item, dict) else {}
        texts = {key: given.get(key, "") if isinstance(given.get(key), str) else "" for key in ("uses", "id", "if")}
        stand_ins = given.get("fallback")
        return Step.model_construct(
            uses=texts["uses"],
            id=texts["id"],
            if_=texts["if"],
            with_=given["with"] if isinstance(given.get("with"), dict) else {},
            fallback=tuple(one for one in stand_ins if isinstance(one, str)) if isinstance(stand_ins, list) else (),
        )

    items: Any = data.get("steps")
    steps: list[Step | Parallel] = []
    for item in items if isinstance(items, list) else []:
        inner = item.get("parallel") if isinstance(item, dict) else None
        if isinstance(inner, list):
            steps.append(Parallel.model_construct(parallel=tuple(step(one) for one in inner)))
        else:
            steps.append(step(item))
    plan = Plan.model_construct(steps=tuple(steps))
    plan.name_steps()
    return plan


def _outside(item: Any, path: KeyPath, model: type[Step | Parallel]) -> list[Problem]:
    """What is wrong with a step's own keys."""
    try:
        model.model_validate(item)
    except ValidationError as error:
        inner = item.get("parallel") if isinstance(item, dict) and model is Parallel else None
        return [Problem((*path, *one.path), one.text) for one in _own(_problems(error, model, item), "parallel", inner)]
    return []


def _own(found: list[Problem], key: str, steps: Any) -> list[Problem]:
    """Without those of the steps under the key, which are looked at one by one."""
    are_there = isinstance(steps, list) and bool(steps)
    return [one for one in found if not (are_there and one.path[:1] == (key,))]


def _problems(error: ValidationError, model: "type[Plan | Step | Parallel]", data: Any) -> list[Problem]:
    """With YAML's names for keys, and hints for those that are not there, and for values of another kind."""
    found = []
    for one in settings.problems(error, model):
        if one.text.startswith("unknown key") and one.path:
            found.append(keys.unknown(one, model, data))
        else:
            found.append(keys.misplaced(one, _at(data, one.path)))
    return found


def _at(data: Any, path: KeyPath) -> Any:
    """What stands there; a single value in the place of a list is its own first member."""
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
    return data


def _check_step(step: Step, at: KeyPath, environ: Mapping[str, str], *, care: Care) -> list[Problem]:
    return [Problem((*at, *one.path), one.text) for one in _wrong_settings(step, environ, care=care)]


def _wrong_settings(step: Step, environ: Mapping[str, str], *, care: Care) -> list[Problem]:
    found = []
    try:
        if step.if_:
            _known(step.if_, expression=True)
    except ConfigError as error:
        found.append(Problem(("if",), str(error)))
    if not step.uses:
        return found  # which is told where the step's own keys are
    try:
        action = registry.find(step.uses)
    except ConfigError as error:
        return [*found, Problem(("uses",), str(error))]
    templated = set()
    secrets = fields.secrets_of(action)
    for path, text in template.texts(step.with_):
        try:
            _known(text)
        except ConfigError as error:
            told = "template: is not well-formed" if path[0] in secrets else str(error)  # which quotes the text
            found.append(Problem(("with", *path), told))
        if template.is_template(text):
            templated.add(path)
    wrong = _wrong_values(step, action, environ, care=care)
    return found + [Problem(("with", *one.path), one.text) for one in wrong if not _inside(one.path, templated)]


def _wrong_values(step: Step, action: type[Action], environ: Mapping[str, str], *, care: Care) -> list[Problem]:
    if care != "run":
        from exitkit.plan import secretless

        return secretless.problems(action, step.with_, environ, registry.prefix(step.uses))
    try:
        settings.load(action, step.with_, environ, registry.prefix(step.uses))
    except settings.SettingsError as error:
        return error.problems
    return []


def _known(text: str, *, expression: bool = False) -> None:
    """Raises ConfigError where a template is not well-formed, or reads what there never is."""
    unknown = sorted(template.check(text, expression=expression) - set(TEMPLATE_NAMES))
    if not unknown:
        return
    for name in template.readings(text, expression=expression)[1]:
        raise ConfigError(f"template: a name with a dash is written in brackets: {name.meant}, not {name.written}")
    from exitkit.plan.template import wording

    raise ConfigError(f"template: {wording.unknown(unknown[0], TEMPLATE_NAMES, expression=expression)}")


def _inside(path: KeyPath, templated: set[KeyPath]) -> bool:
    """Whether a problem may go away once its template is filled in."""
    if not path:
        return bool(templated)  # a rule about several fields, one of which is not known yet
    return any(one[: len(path)] == path or path[: len(one)] == one for one in templated)


def _paths(plan: Plan) -> list[tuple[KeyPath, Step]]:
    found: list[tuple[KeyPath, Step]] = []
    for index, item in enumerate(plan.steps):
        if isinstance(item, Parallel):
            found += [(("steps", index, "parallel", inner), step) for inner, step in enumerate(item.parallel)]
        else:
            found.append((("steps", index), item))
    return found


def _ambiguous(plan: Plan) -> list[Problem]:
    found = []
    for path, step in _paths(plan):
        try:
            registry.check_unique(step.uses)
        except ConfigError as error:
            found.append(Problem((*path, "uses"), str(error)))
    return found


def _circles(plan: Plan) -> list[Problem]:
    """Fallbacks that lead back to where they came from would never end."""
    following = {step.id: step.fallback for step in plan.each()}
    found = []
    for path, step in _paths(plan):
        seen, ahead = set(), list(step.fallback)
        while ahead:
            name = ahead.pop()
            if name == step.id:
                found.append(Problem((*path, "fallback"), f"leads back to {step.id!r}"))
                break
            if name not in seen:
                seen.add(name)
                ahead += following.get(name, ())
    return found


def _lines(found: list[Problem], document: "Document", source: str) -> list[str]:
    placed = sorted((document.place(one.path), settings.dotted(one.path), one.text) for one in found)
    return [f"{source}:{line}:{column}: {path + ': ' if path else ''}{text}" for (line, column), path, text in placed]
