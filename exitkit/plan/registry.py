"""From an action's dotted name to its class, one import at a time."""

import importlib
import inspect
import logging
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from exitkit.action import Action
from exitkit.builtin import BUILTIN
from exitkit.errors import ConfigError
from exitkit.settings import extras, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "exitkit.actions"
"""The entry-point group under which plugins give their actions."""

log = logging.getLogger("exitkit")

_NAME = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+")


def names() -> list[str]:
    """All actions there are, built in and of plugins, in the alphabet's order."""
    return sorted({*BUILTIN, *_plugins()})


def find(name: str) -> type[Action]:
    """The action's class. Raises ConfigError where there is none, or its plugin cannot be imported."""
    if name in BUILTIN:
        return _load(name, BUILTIN[name].where)
    points = _plugins().get(name, [])
    if not points:
        known = names()
        full = [one for one in known if one.endswith(f".{name.lower()}")]  # the kind is easily left out
        raise ConfigError(f"there is no action {name!r}{nearest((full or [name])[0], known)}")
    if len(points) > 1:
        givers = ", ".join(sorted(_giver(one) for one in points))
        raise ConfigError(f"{name}: given by more than one plugin ({givers}); uninstall all but one")
    return _load(name, points[0].value, _giver(points[0]))


def facts_of(name: str) -> Mapping[str, str] | None:
    """What a step of this action may give to later ones, by the fact's name; None where its class does not say.

    A plugin's class that only inherits what its kind gives may give more. Raises ConfigError as `find` does.
    """
    action = find(name)
    return action.gives if name in BUILTIN or "gives" in vars(action) else None


def check_unique(name: str) -> None:
    """Raises ConfigError where a plugin gives an action of a built-in's name.

    A plan would mean something else where that plugin is installed. Looking for plugins takes a while, so
    a command that names a built-in does without.
    """
    if name in BUILTIN and name in _plugins():
        raise ConfigError(
            f"{name}: {', '.join(map(_giver, _plugins()[name]))} gives an action of a built-in's name; uninstall it"
        )


def check_extra(name: str) -> None:
    """Raises MissingExtra where a built-in action needs a library that is not installed."""
    extra = BUILTIN[name].extra if name in BUILTIN else ""
    if extra:
        extras.check(extra, name)


def origin(name: str) -> str:
    """`exitkit` for a built-in, else the distribution that gives the action."""
    return "exitkit" if name in BUILTIN else ", ".join(_giver(one) for one in _plugins().get(name, []))


def prefix(name: str) -> str:
    """What the action's environment variables begin with: `EXITKIT_SHIP_LOKI_`."""
    return "EXITKIT_" + name.upper().replace(".", "_").replace("-", "_") + "_"


def help_of(action: type[Action]) -> str:
    """The first line of the class's docstring."""
    return (inspect.getdoc(action) or "").partition("\n")[0]


def is_known(name: str) -> bool:
    """Whether there is an action of this name; for a built-in, without looking for plugins."""
    return name in BUILTIN or name in _plugins()


def of_kind(kind: str) -> list[str]:
    return [name for name in names() if name.partition(".")[0] == kind]


def _load(name: str, where: str, giver: str = "exitkit") -> type[Action]:
    module, _, attribute = where.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # whatever it raises is the plugin's fault, and told as such
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ConfigError(f"{name}: {giver} cannot be imported ({why}); update or uninstall it") from error
    if not (isinstance(found, type) and issubclass(found, Action)):
        raise ConfigError(f"{name}: {where} of {giver} is not an Action")
    return found


@cache
def _plugins() -> "dict[str, list[EntryPoint]]":
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        if _NAME.fullmatch(point.name):
            found.setdefault(point.name, []).append(point)
        else:
            log.warning("%s gives an action called %r, which is no name like notify.slack", _giver(point), point.name)
    return found


def _giver(point: "EntryPoint") -> str:
    return point.dist.name if point.dist else point.value
