"""Which plan a command means: the one named, the one found, or one of what the environment configures."""

import logging
from collections.abc import Mapping
from pathlib import Path

from exitkit import settings
from exitkit.errors import ConfigError
from exitkit.plan import check, registry
from exitkit.plan.check import Plan
from exitkit.text import redact

log = logging.getLogger("exitkit")

PLANS = ("exitkit.yaml", "/etc/exitkit/exitkit.yaml")
"""Where a plan is looked for, in this order, if none is named."""

# What yamltext takes, and one more, so that it can say that it is too much.
_MOST_BYTES = 1 << 20


def find_plan(arguments: list[str], environ: Mapping[str, str]) -> Plan:
    """The plan named, or by EXITKIT_PLAN, or where plans are looked for. Raises ConfigError."""
    return read_plan(arguments, environ)[0]


def read_plan(arguments: list[str], environ: Mapping[str, str]) -> tuple[Plan, str]:
    """The plan as `find_plan` finds it, and its text. Raises ConfigError."""
    named = arguments[0] if arguments else environ.get("EXITKIT_PLAN", "")
    if len(arguments) > 1:
        raise ConfigError("one plan at a time")
    path = named or next((one for one in PLANS if Path(one).is_file()), "")
    if not path:
        raise ConfigError(f"there is no plan; name one, or put it in {' or '.join(PLANS)}")
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - reads a bounded part
            text = file.read(_MOST_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {(error.strerror or 'i/o error').lower()}") from None
    except ValueError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    return check.read(text, redact.printable(path, 200), environ), text


def everybody(environ: Mapping[str, str]) -> Plan:
    """The notify steps of the plan, else every channel that the environment configures, else the console."""
    if environ.get("EXITKIT_PLAN") or any(Path(one).is_file() for one in PLANS):
        return _only_notify(find_plan([], environ))
    names = [name for name in registry.of_kind("notify") if _is_configured(name, environ)]
    together = check.Parallel(parallel=tuple(check.Step(uses=name) for name in names or ["notify.console"]))
    return Plan(steps=(together,))


def _is_configured(name: str, environ: Mapping[str, str]) -> bool:
    if not any(variable.startswith(registry.prefix(name)) for variable in environ):
        return False  # which spares the import
    try:
        return settings.configured(registry.find(name), environ, registry.prefix(name))
    except ConfigError as error:  # a plugin that is broken must not keep the others from telling
        log.warning("%s", error)
        return False


def _only_notify(whole: Plan) -> Plan:
    steps = tuple(step for step in whole.each() if step.uses.startswith("notify."))
    if not steps:
        raise ConfigError("the plan has no notify step; name a channel, such as exitkit notify slack")
    kept = {step.id for step in steps}
    return Plan(
        timeout=whole.timeout,
        steps=tuple(
            step.model_copy(update={"fallback": tuple(one for one in step.fallback if one in kept)}) for step in steps
        ),
    )
