"""Run what should happen when an Argo workflow ends. What plugin authors import is here."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exitkit.action import Action, Result
    from exitkit.actions.cleanup import Cleanup
    from exitkit.actions.notify import Notify, Refused
    from exitkit.actions.ship import Ship
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
    from exitkit.workflow import Workflow

__version__ = "0.1.0"

_WHERE = {
    "exitkit.action": ("Action", "Result"),
    "exitkit.actions.cleanup": ("Cleanup",),
    "exitkit.actions.notify": ("Notify", "Refused"),
    "exitkit.actions.ship": ("Ship",),
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
    "exitkit.workflow": ("Workflow",),
}

__all__ = [
    "Action",
    "ActionError",
    "Cleanup",
    "ConfigError",
    "Context",
    "Entry",
    "Exhausted",
    "ExitkitError",
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
]


def __getattr__(name: str) -> Any:
    """Import on first use: `exitkit --help` needs none of it."""
    for module, names in _WHERE.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(module), name)
    raise AttributeError(f"module 'exitkit' has no attribute {name!r}")
