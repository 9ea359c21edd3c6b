"""An entry for every step, also for those that the end did not let finish or begin."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from exitkit.entry import Entry


class Planned(Protocol):
    """What must be known of a step to say what became of it."""

    @property
    def id(self) -> str: ...
    @property
    def uses(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def fallback(self) -> tuple[str, ...]: ...


TIME = ("when the time ran out", "no time left", "timeout")
"""Why a run ended before its steps did: in the words for a step under way, for one not begun, and as a reason."""


def settle(
    steps: Sequence[Planned],
    entries: Mapping[str, Entry],
    begun: Collection[str],
    why: tuple[str, str, str] = TIME,
) -> tuple[Entry, ...]:
    """The entries in the plan's order; a step that has none is told as under way, not run, or not needed."""
    fallbacks = {name for step in steps for name in step.fallback}

    def entry(step: Planned) -> Entry:
        if step.id in entries:
            return entries[step.id]
        if step.id in begun:
            told = f"under way {why[0]}; it may have happened"
            return Entry(step.id, step.uses, "unknown", told, reason=why[2], required=step.required)
        if step.id in fallbacks and not is_needed(step.id, steps, entries):
            return Entry(step.id, step.uses, "skipped", "not needed", required=step.required)
        return Entry(step.id, step.uses, "failed", f"not run: {why[1]}", reason=why[2], required=step.required)

    return tuple(entry(step) for step in steps)


def is_needed(name: str, steps: Sequence[Planned], entries: Mapping[str, Entry]) -> bool:
    """Whether a step that the fallback is for has failed for good, or has not come to an end."""
    fallbacks = {other for step in steps for other in step.fallback}
    for step in steps:
        if name in step.fallback:
            entry = entries.get(step.id)
            if entry is None and (step.id not in fallbacks or is_needed(step.id, steps, entries)):
                return True
            if entry is not None and entry.outcome in ("failed", "unknown") and not entry.covered_by:
                return True
    return False
