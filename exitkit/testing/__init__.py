"""What plugin authors test with: the contract every action keeps, scripted servers, a fake clock."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exitkit.testing.clock import FakeClock
    from exitkit.testing.contract import ActionContract
    from exitkit.testing.http import ScriptedHTTP
    from exitkit.testing.proxy import ScriptedProxy
    from exitkit.testing.scene import context, failed_workflow, hostile_workflow
    from exitkit.testing.smtp import ScriptedSMTP
    from exitkit.testing.touches import watch

_WHERE = {
    "FakeClock": "clock",
    "ActionContract": "contract",
    "ScriptedHTTP": "http",
    "ScriptedProxy": "proxy",
    "context": "scene",
    "failed_workflow": "scene",
    "hostile_workflow": "scene",
    "ScriptedSMTP": "smtp",
    "watch": "touches",
}

__all__ = [
    "ActionContract",
    "FakeClock",
    "ScriptedHTTP",
    "ScriptedProxy",
    "ScriptedSMTP",
    "context",
    "failed_workflow",
    "hostile_workflow",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Import on first use: a clock needs neither a server nor pytest."""
    if name not in _WHERE:
        raise AttributeError(f"module 'exitkit.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"exitkit.testing.{_WHERE[name]}"), name)
