"""Running a plan: dispatch makes a report of a plan and a context. Light to import, as reports are told in emergencies."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exitkit.run.loop import dispatch
    from exitkit.run.reserve import deadline_for

__all__ = ["deadline_for", "dispatch"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from exitkit.run import loop, reserve

        return getattr(loop if name == "dispatch" else reserve, name)
    raise AttributeError(f"module 'exitkit.run' has no attribute {name!r}")
