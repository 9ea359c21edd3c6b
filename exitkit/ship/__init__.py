"""What every target shares: what is shipped, and the limits within which it goes."""

from collections.abc import Mapping, Sequence

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

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        named = given.get("from", ())
        wanted = (named,) if isinstance(named, str) else named if isinstance(named, list | tuple) else ()
        rights = []
        if "pods" in wanted:
            rights += [Right("", "pods", ("list",)), Right("", "pods/log", ("get",))]
        if "archive" in wanted:
            rights.append(Right("argoproj.io", "workflows", ("get",)))
        return rights

    @model_validator(mode="after")
    def _has_what_it_reads(self) -> "Ship":
        if "archive" in self.from_ and not self.archive:
            raise ValueError("from: archive needs the artifact repository in archive")
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
