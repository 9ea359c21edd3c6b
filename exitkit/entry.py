"""What became of a step, in one line and for machines; light to import, as a report may be made in an emergency."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

StepOutcome = Literal["ok", "skipped", "failed", "unknown", "duplicate"]


@dataclass(frozen=True)
class Entry:
    """What became of a step.

    `outcome` is `unknown` where bytes left and no verdict came back, and `duplicate` where it had been
    done before. `seconds` is how long it took; `because` is why a fallback ran, and `covered_by` the id of the
    fallback that made this step's failure good. `output` is what the step was asked to print.
    """

    step: str
    uses: str
    outcome: StepOutcome
    summary: str
    reason: str = ""
    seconds: float = 0.0
    required: bool = False
    because: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    covered_by: str = ""
    output: str = ""
