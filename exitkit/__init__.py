"""Run what should happen when an Argo workflow ends. What plugin authors import is here."""

from exitkit.version import __version__

# What typing's own is for a checker, without loading typing: a signal has no handler until this is through.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from exitkit.action import Action, Result
    from exitkit.argo.workflow import Workflow
    from exitkit.cleanup import Cleanup
    from exitkit.context import Context, Entry
    from exitkit.errors import (
        ActionError,
        ConfigError,
        Exhausted,
        ExitkitError,
        MissingExtra,
        Retryable,
        Skip,
        Unknown,
    )
    from exitkit.message import Message
    from exitkit.notify import Notify, Refused
    from exitkit.settings.fields import ADDRESS, Headers
    from exitkit.ship import Ship


_WHERE = {
    "exitkit.action": ("Action", "Result"),
    "exitkit.cleanup": ("Cleanup",),
    "exitkit.notify": ("Notify", "Refused"),
    "exitkit.ship": ("Ship",),
    "exitkit.context": ("Context", "Entry"),
    "exitkit.errors": (
        "ActionError",
        "ConfigError",
        "Exhausted",
        "ExitkitError",
        "MissingExtra",
        "Retryable",
        "Skip",
        "Unknown",
    ),
    "exitkit.message": ("Message",),
    "exitkit.settings.fields": ("ADDRESS", "Headers"),
    "exitkit.argo.workflow": ("Workflow",),
}

__all__ = [
    "ADDRESS",
    "Action",
    "ActionError",
    "Cleanup",
    "ConfigError",
    "Context",
    "Entry",
    "Exhausted",
    "ExitkitError",
    "Headers",
    "Message",
    "MissingExtra",
    "Notify",
    "Refused",
    "Result",
    "Retryable",
    "Ship",
    "Skip",
    "Unknown",
    "Workflow",
    "__version__",
]


def __getattr__(name: str) -> "Any":
    """Import on first use: `exitkit --help` needs none of it."""
    for module, names in _WHERE.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(module), name)
    raise AttributeError(f"module 'exitkit' has no attribute {name!r}")
