"""What every cleanup shares: the guard, the limits, the dry run, the counting and the receipt."""

import contextlib
import re
from abc import abstractmethod
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator

from exitkit.action import Action, Result
from exitkit.clients.pattern import Globs, is_magic
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError, Exhausted, Skip
from exitkit.retry import sending
from exitkit.sweep import EXAMPLES, Batch, Ledger, Outcome, Refusal, Tally
from exitkit.units import Bytes, Seconds, human_size

# https://www.rfc-editor.org/rfc/rfc9562#section-4: long enough that it is nowhere by chance.
_UID = 36

__all__ = ["Batch", "Cleanup", "Outcome", "Refusal"]


class Cleanup(Action):
    """A place where a workflow leaves things. It finds victims and deletes batches of them."""

    older_than: Seconds = Field(0.0, description="Only what was last changed at least so long ago.")
    include: list[str] = Field(
        [],
        description="Only what matches one of these globs: *.tmp is a name at any depth, logs/*.txt a path from the "
        "place given, ** any depth. What matches a folder matches all that is in it.",
    )
    exclude: list[str] = Field([], description="Not what matches one of these globs.")
    limit: int = Field(100_000, ge=0, description="The most to delete; it stops before the first one beyond.")
    limit_bytes: Bytes | None = Field(None, description="The most to delete in bytes; it stops before going beyond.")
    keep_on: list[Literal["Succeeded", "Failed", "Error"]] = Field(
        [], description="Delete nothing when the workflow ended so, to keep the evidence."
    )
    anything: bool = Field(
        False, description="Delete also what does not bear the workflow's name or uid, such as a shared folder."
    )
    receipt: str = Field("", description="A file that lists what was deleted, as NDJSON; gzipped if it ends in .gz.")

    @abstractmethod
    def targets(self) -> list[str]:
        """What is to be cleaned up, each of which must bear the workflow's name or uid."""

    @abstractmethod
    def find(self, context: Context) -> Iterator[Any]:
        """Batches of victims, and a Refusal for what is seen to be impossible. A batch is done before the next."""

    @abstractmethod
    def delete(self, batch: Any, context: Context, most: int) -> Outcome:
        """Delete the first so many of the batch. What is gone already is fine."""

    @field_validator("include", "exclude")
    @classmethod
    def _are_globs(cls, globs: list[str]) -> list[str]:
        if not all(one.strip("/") for one in globs):
            raise ValueError("a glob is empty: was a template filled in with nothing?")
        try:
            Globs(globs)
        except re.error:
            raise ValueError("a glob has brackets that mean nothing") from None
        return globs

    @field_validator("receipt")
    @classmethod
    def _is_a_file(cls, receipt: str) -> str:
        if receipt and (not receipt.startswith("/") or ".." in receipt.split("/") or receipt.endswith("/")):
            raise ValueError("is the absolute path of a file, without '..'")
        return receipt

    def guard(self, context: Context) -> None:
        """Refuse, before any step runs, what is not this workflow's own. Raises ConfigError."""
        if self.anything or self._keeps(context):
            return
        own = [one for one in (context.workflow.name, context.workflow.uid) if one]
        for target in self.targets():
            if not any(_bears(target, one) for one in own):
                who = (
                    f"the workflow's name {own[0][:100]!r}"
                    if own
                    else "the name of a workflow, which is not known here"
                )
                raise ConfigError(
                    f"{target} does not bear {who} or its uid between two slashes, so it may be somebody else's; "
                    "say anything: true if it is to be deleted all the same"
                )

    def run(self, context: Context) -> Result:
        if self._keeps(context):
            raise Skip(f"kept, because the workflow is {context.workflow.status or 'of unknown status'}")
        self.guard(context)
        tally = Tally()
        receipt, progress = ("", "") if context.dry_run else (self.receipt, context.workflow.progress_file)
        ledger = Ledger(receipt, progress)
        try:
            with ledger, contextlib.closing(self._found(context)) as found:
                for batch in found:
                    self._check_time(tally, context)
                    if isinstance(batch, Refusal):
                        tally.found += 1
                        tally.refuse([batch])
                    elif context.dry_run:
                        _count(batch, tally)
                    else:
                        self._delete(batch, tally, context, ledger)
            return self._result(tally, context, ledger)
        except ActionError as error:
            error.facts = {**error.facts, **tally.facts(dry_run=context.dry_run), "complete": False}
            raise

    def _keeps(self, context: Context) -> bool:
        """Without a status nobody knows that all went well, and there may be evidence."""
        return (context.workflow.status or "Error") in self.keep_on

    def _found(self, context: Context) -> Generator[Any, None, None]:
        yield from self.find(context)

    def _check_time(self, tally: Tally, context: Context) -> None:
        if context.deadline.remaining() <= 0:
            told = f"stopped after {tally}: no time left; what is left stays until this runs again"
            raise Exhausted(told, reason="timeout", tries=0)

    def _delete(self, batch: Batch, tally: Tally, context: Context, ledger: Ledger) -> None:
        """One batch, as far as the limits allow."""
        names, sizes = batch.names, batch.sizes
        most = self._room(tally, len(names), sizes)
        tally.found += most
        if most:
            sending()  # an attempt that nobody waits for any more ends here
            outcome = self.delete(batch, context, most)
            stayed = {*outcome.gone, *outcome.again, *(one.name for one in outcome.refused)}
            tally.found -= len(outcome.again)
            tally.deleted += most - len(stayed)
            tally.gone += len(outcome.gone)
            tally.bytes += sum(size for name, size in zip(names[:most], sizes, strict=False) if name not in stayed)
            tally.refuse(Refusal(f"{batch.place}{one.name}", one.reason) for one in outcome.refused)
            if ledger.listed or len(tally.examples) < EXAMPLES:
                went = [f"{batch.place}{name}" for name in names[:most] if name not in stayed]
                tally.show(went)
                ledger.write(went)
            ledger.progress(tally)
        if most < len(names):
            told = f"stopped after {tally}: there is more than {self._limits()}; raise it if all of it is to go"
            raise ActionError(told, reason="client")

    def _room(self, tally: Tally, count: int, sizes: Sequence[int]) -> int:
        room = min(count, max(0, self.limit - tally.deleted))
        if self.limit_bytes is None:
            return room
        spent = tally.bytes
        for index, size in enumerate(sizes[:room]):
            spent += size
            if spent > self.limit_bytes:
                return index
        return room

    def _limits(self) -> str:
        size = f" or limit_bytes={human_size(self.limit_bytes)}" if self.limit_bytes is not None else ""
        return f"limit={self.limit}{size}"

    def _result(self, tally: Tally, context: Context, ledger: Ledger) -> Result:
        facts = {**tally.facts(dry_run=context.dry_run), "complete": True}
        if context.dry_run:
            over = f"; more than {self._limits()}, so it would stop there" if self._is_over(tally) else ""
            refused = tally.refused.total()
            cannot = f", {refused} more cannot go" if refused else ""
            return Result(f"would delete {tally.found - refused}{tally.size}{cannot}{over}", facts, tuple(tally.why))
        if tally.refused:
            what = "; ".join(f"{count} {reason}" for reason, count in tally.refused.most_common(5))
            raise ActionError(f"{tally}; could not delete {what} (such as {tally.why[0]})")
        notes = (ledger.failure,) if ledger.failure else ()
        return Result(str(tally) if tally.found else "nothing to delete", facts, notes)

    def _is_over(self, tally: Tally) -> bool:
        return tally.found - tally.refused.total() > self.limit or (
            self.limit_bytes is not None and tally.bytes > self.limit_bytes
        )


def _count(batch: Batch, tally: Tally) -> None:
    """What a dry run does with a batch."""
    tally.found += len(batch.names)
    tally.bytes += sum(batch.sizes)
    tally.show([f"{batch.place}{name}" for name in batch.names[:EXAMPLES]])


def _bears(target: str, own: str) -> bool:
    """Whether one part of the target is the name, or holds the uid: `train` is not in `/data/train-x7k2p`.

    A part with a wildcard says nothing of what it will stand for.
    """
    parts = [part for part in target.split("/") if not is_magic(part)]
    return any(part == own or (len(own) == _UID and own in part) for part in parts)
