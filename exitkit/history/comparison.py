"""How a run did beside earlier ones of its series, as messages, reports and templates tell it."""

from dataclasses import dataclass
from typing import Final

from exitkit.history.provenance import Change

_CHANGES: Final = 6  # that a line tells; the report has all


@dataclass(frozen=True)
class RunComparison:
    """How a run did beside earlier ones: in a line, and what it was made from that the last success was not.

    `since` is that success's name and `at` when it ended.
    """

    usual: str = ""
    changes: tuple[Change, ...] = ()
    since: str = ""
    at: str = ""

    @property
    def changed(self) -> str:
        """`image ranker 1.4 → 1.5, parameter lr 0.1 → 0.2, since train-b2k9x succeeded`; "" where nothing is another.

        Without parameters that are another each time.
        """
        told = [str(change) for change in self.changes if not (change.is_usual and change.kind == "parameter")]
        if not told:
            return ""
        shown, more = told[:_CHANGES], [f"{len(told) - _CHANGES} more"] if len(told) > _CHANGES else []
        return f"{', '.join(shown + more)}, since {self.since or 'the last success'} succeeded"

    def facts(self) -> dict[str, object]:
        """Those of them that templates and machines read."""
        return {
            "usual": self.usual,
            "changes": [change.facts() for change in self.changes],
            "changed_since": self.changed,
        }


NOTHING = RunComparison()
