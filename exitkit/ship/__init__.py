"""What every target shares: what is shipped, and the limits within which it goes."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import model_validator

from exitkit.action import Action, Result, Right
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.ship import sources
from exitkit.ship.pipeline.deadletters import file_of
from exitkit.ship.pipeline.dryrun import dry_run
from exitkit.ship.pipeline.shipment import Shipment
from exitkit.ship.pipeline.target import Target
from exitkit.ship.sources.selection import Selection


class Ship(Target, Selection, Action):
    """A target. It encodes records and posts batches of them, within its limits."""

    gives: ClassVar[Mapping[str, str] | None] = {
        "target": "where it went",
        "idempotent": "whether a second arrival is known there",
        "read": "how many records were read",
        "accepted": "how many were taken",
        "duplicate": "how many were there already",
        "rejected": "how many were refused",
        "unknown": "how many have no answer",
        "left": "how many were not sent",
        "complete": "whether every record read was taken",
        "redacted": "how many secrets were cut out",
        "sources": "the counts of each source",
        "bytes": "what was sent, in bytes",
        "batches": "in how many requests",
        "deadLetters": "how many records are kept, as they were refused",
        "deadLetterFile": "the file in which",
        "deadLettersLost": "how many of them could not be kept",
        "kinds": "in a dry run how many records of each kind",
        "example": "in a dry run one of the records",
    }

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:
        """The status and its failures do, and so does the choice of the pods that failed."""
        return "status" in _sources(given, ("status",)) or given.get("only") == "failed"

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        wanted = _sources(given)
        rights = []
        if "pods" in wanted:
            rights += [Right("", "pods", ("list",)), Right("", "pods/log", ("get",))]
        if "archive" in wanted:
            rights.append(Right("argoproj.io", "workflows", ("get",)))
        return rights

    @model_validator(mode="after")
    def _has_what_it_reads(self) -> "Ship":
        if "dead-letter" in self.from_ and not self.dead_letter:
            raise ValueError("from: dead-letter needs the file dead_letter")
        return self

    def run(self, context: Context) -> Result:
        if "pods" in self.from_ and not (context.workflow.name and context.workflow.namespace):
            raise ConfigError("the workflow's name and namespace are not known, so its pods cannot be found")
        if "archive" in self.from_ and not context.workflow.name:
            raise ConfigError("the workflow's name is not known, so its archived logs cannot be found")
        dead_letter = file_of(self.dead_letter, context.step)
        resends = self.is_safe_to_resend() or bool(context.retry.terms.resend)
        chosen = sources.sources(self, context, sources.ShippedTo(self.target(), dead_letter, self.longest(), resends))
        if context.dry_run:
            return dry_run(self, chosen, context)
        return Shipment(self, context, dead_letter).ship(chosen)


def _sources(given: Mapping[str, object], default: Sequence[object] = ()) -> Sequence[object]:
    """What `from` names in a plan, which may be one word."""
    named = given.get("from", default)
    return (named,) if isinstance(named, str) else named if isinstance(named, list | tuple) else ()
