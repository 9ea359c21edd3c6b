"""Which plan a command means: the one named, the one found, or one of what the environment configures."""

import logging
from collections.abc import Mapping
from pathlib import Path

from exitkit import settings
from exitkit.builtin import BUILTIN
from exitkit.errors import ConfigError
from exitkit.plan import check, registry
from exitkit.plan.check import Care, Plan
from exitkit.settings import smallfile
from exitkit.text import redact

log = logging.getLogger("exitkit")

PLANS = ("exitkit.yaml", "/etc/exitkit/exitkit.yaml")
"""Where a plan is looked for, in this order, if none is named."""

# What yamltext takes, and one more, so that it can say that it is too much.
_MOST_BYTES = 1 << 20


def find_plan(arguments: list[str], environ: Mapping[str, str], *, care: Care = "run") -> Plan:
    """The plan named, or by EXITKIT_PLAN, or where plans are looked for. Raises ConfigError."""
    return read_plan(arguments, environ, care=care)[0]


def read_plan(arguments: list[str], environ: Mapping[str, str], *, care: Care = "run") -> tuple[Plan, str]:
    """The plan as `find_plan` finds it, and its text. Raises ConfigError."""
    named = arguments[0] if arguments else environ.get("EXITKIT_PLAN", "")
    if len(arguments) > 1:
        raise ConfigError("one plan at a time")
    path = named or next((one for one in PLANS if Path(one).is_file()), "")
    if not path:
        raise ConfigError(f"there is no plan; name one, or put it in {' or '.join(PLANS)}")
    try:
        text = smallfile.read(path, _MOST_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or 'i/o error').lower()}") from None
    except ValueError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    return check.read(text, redact.printable(path, 200), environ, care=care), text


def everybody(environ: Mapping[str, str]) -> Plan:
    """The notify steps of the plan, else every channel that the environment configures, else the console."""
    if environ.get("EXITKIT_PLAN") or is_there():
        return _only_notify(find_plan([], environ))
    return _together(configured(environ) or ["notify.console"])


def is_there() -> bool:
    """Whether there is a plan where plans are looked for."""
    return any(Path(one).is_file() for one in PLANS)


def without_plan(environ: Mapping[str, str]) -> Plan | None:
    """Every channel that can be reached without the plan, or None: those of the environment."""
    names = configured(environ)
    return _together(names) if names else None


def configured(environ: Mapping[str, str]) -> list[str]:
    """The names of all channels that the environment configures, of whatever name they are."""
    kind = registry.of_kind("notify")  # of those built in, the name says what each is
    return [
        name for name in registry.names() if (name in kind or name not in BUILTIN) and _is_configured(name, environ)
    ]


def _together(names: list[str]) -> Plan:
    together = check.Parallel(parallel=tuple(check.Step(uses=name) for name in names))
    return Plan(steps=(together,))


def _is_configured(name: str, environ: Mapping[str, str]) -> bool:
    if not any(variable.startswith(registry.prefix(name)) for variable in environ):
        return False  # which spares the import
    try:
        action = registry.find(name)
        return action.notifies and settings.configured(action, environ, registry.prefix(name))
    except ConfigError as error:  # a plugin that is broken must not keep the others from telling
        log.warning("%s", error)
        return False


def _only_notify(whole: Plan) -> Plan:
    steps = tuple(step for step in whole.each() if registry.find(step.uses).notifies)
    if not steps:
        raise ConfigError("the plan has no notify step; name a channel, such as exitkit notify slack")
    kept = {step.id for step in steps}
    return Plan(
        timeout=whole.timeout,
        state=whole.state,
        series=whole.series,
        steps=tuple(
            step.model_copy(update={"fallback": tuple(one for one in step.fallback if one in kept)}) for step in steps
        ),
    )
