"""What every cleanup shares: the guard, the limits, the dry run, the counting and the receipt."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar, Literal, cast

from pydantic import Field, field_validator

from exitkit.action import Action, Result
from exitkit.argo.ownership import Uid, is_telling, owners
from exitkit.argo.workflow import Workflow
from exitkit.cleanup.engine import confirm, laterlist
from exitkit.cleanup.engine.deletion import Sweeper
from exitkit.cleanup.engine.globs import Globs, escaped, is_magic
from exitkit.cleanup.engine.receipt import DeletionReceipt
from exitkit.cleanup.engine.removal import Removal
from exitkit.clients.appendfile import Sink, open_file
from exitkit.context import Context
from exitkit.errors import ConfigError, Skip
from exitkit.text.filled import Filled, written
from exitkit.text.units import Bytes, Seconds

_SOMEBODYS = "so it may be somebody else's; say anything: true if it is to be deleted all the same"


class Cleanup(Action):
    """A place where a workflow leaves things.

    A leaf says what its `targets` are, and opens the Sweeper that finds and deletes them.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        "found": "how many were found",
        "deleted": "how many were deleted",
        "gone": "how many were gone already",
        "unknown": "how many may have gone, as no answer came",
        "inside": "how many went because they were in what was deleted",
        "refused": "how many were refused, by the reason",
        "bytes": "the size of what went, or in a dry run would go, in bytes",
        "examples": "some of their names",
        "complete": "whether all was looked at",
    }

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
    receipt: str = Field(
        "",
        description="A file or s3://bucket/key that lists what was deleted, as NDJSON; gzipped if it ends in .gz.",
    )
    interactive: bool = Field(False, description="Show what would go, and ask on the terminal before it does.")

    globs: ClassVar[tuple[str, ...]] = ("include", "exclude")
    """The settings in which *, ? and [ are wildcards, unless a template put them in."""

    places: ClassVar[tuple[str, ...]] = ()
    """The settings that are paths, in which nothing at the end is the folder that it stands in."""

    reads_in_dry_run: ClassVar[bool] = False
    """Whether a dry run sends requests, which only read."""

    looks_again: ClassVar[bool] = False
    """Whether a second look is taken at what did not answer, for which some time is kept."""

    @property
    def in_flight(self) -> int:
        """How many batches are deleted at a time; with more than one, `delete` is called from several threads."""
        return 1

    @abstractmethod
    def targets(self) -> list[str]:
        """What is to be cleaned up, each of which must bear the workflow's name or uid."""

    @abstractmethod
    def open(self, context: Context) -> AbstractContextManager[Sweeper]:
        """What finds and deletes in one run, and is closed after it."""

    @field_validator("include", "exclude")
    @classmethod
    def _are_globs(cls, globs: list[str]) -> list[str]:
        if not all(one.strip("/") for one in globs):
            raise ValueError("a glob is empty: was a template filled in with nothing?")
        Globs(globs)
        return globs

    @field_validator("receipt")
    @classmethod
    def _is_a_place(cls, receipt: str) -> str:
        if receipt.startswith("s3://"):
            bucket, _, key = receipt.removeprefix("s3://").partition("/")
            if not bucket or not key or key.endswith("/"):
                raise ValueError("is s3://bucket/key, with a key that does not end in /")
        elif receipt and (not receipt.startswith("/") or ".." in receipt.split("/") or receipt.endswith("/")):
            raise ValueError("is the absolute path of a file, without '..', or s3://bucket/key")
        return receipt

    def guard(self, context: Context) -> None:
        """Refuse, before any step runs, what is not this workflow's own. Raises ConfigError."""
        if self.interactive and not context.dry_run and not confirm.is_there():
            raise ConfigError("interactive asks on a terminal, and here is none: leave it out, or try --dry-run")
        if self.anything or self._keeps(context):
            return
        own = list(owners(context.workflow))
        for target in self.targets():
            if not any(self.bears(target, one) for one in own):
                who = (
                    f"the workflow's name {own[0][:100]!r}"
                    if own
                    else "the name of a workflow, which is not known here"
                )
                raise ConfigError(f"{target} does not bear {who} or its uid as a part of its own, {_SOMEBODYS}")

    def guard_origin(self, context: Context, twin: "Action | None", stranger: Workflow) -> None:
        """Refuse what bears the workflow's name by accident. Raises ConfigError.

        `twin` is the same step made for another workflow, the `stranger`, if it can be: what bears that one's name
        there was put in by a template. What was written out counts where it can be nothing else but a workflow's.
        """
        if self.anything or self._keeps(context):
            return
        twins = twin.targets() if isinstance(twin, type(self)) else []
        for number, target in enumerate(self.targets()):
            put_in = number < len(twins) and any(self._knows(twin, twins[number], one) for one in owners(stranger))
            if not put_in and not any(self.tells(target, one) for one in owners(context.workflow)):
                raise ConfigError(
                    f"{target} has the workflow's name {context.workflow.name[:100]!r} written out, which may be there "
                    f"by chance, {_SOMEBODYS}; {{{{ workflow.name }}}} in a template and the uid are never by chance"
                )

    @classmethod
    def literal(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings, in which what templates put into a pattern stands for itself. Raises ConfigError."""
        for key in given.keys() & set(cls.places):
            for place in given[key] if isinstance(given[key], list) else [given[key]]:
                if isinstance(place, Filled) and place.ends_with_nothing and place.endswith("/"):
                    raise ConfigError(
                        f"{key}: {str(place)[:200]!r} ends with what a template filled in with nothing, so that it stands "
                        "for the whole folder: leave the template out if that is meant"
                    )
        return {key: _literal(value, escaped if key in cls.globs else str) for key, value in given.items()}

    def run(self, context: Context) -> Result:
        if self._keeps(context):
            raise Skip(f"kept, because the workflow is {context.workflow.status or 'of unknown status'}")
        self.guard(context)
        if context.dry_run:
            return Removal(self, context).dry_run()
        if self.interactive:
            self._ask(context)
        sink = self.open_receipt(context) if self.receipt else None
        clock = context.deadline.clock.monotonic
        progress = context.workflow.progress_file
        receipt = DeletionReceipt(sink, zipped=self.receipt.endswith(".gz"), progress=progress, clock=clock)
        return Removal(self, context).carry_out(receipt)

    def open_receipt(self, context: Context) -> Sink:
        """Where the list of what went is written. Raises ActionError, and then nothing is deleted."""
        if self.receipt.startswith("s3://"):
            from exitkit.clients.s3.upload import open_upload

            if laterlist.is_first(context):
                return open_upload(self.receipt, self.receipt_access(), context)
            own = laterlist.beside(self.receipt)
            return laterlist.LaterList(lambda: open_upload(own, self.receipt_access(), context))
        return open_file(self.receipt)

    def receipt_access(self) -> dict[str, Any]:
        """How the bucket of a receipt is reached, where a leaf knows more than the environment does."""
        return {}

    def bears(self, target: str, own: str) -> bool:
        """Whether one part of the target is the name, or holds the uid: `train` is not in `/data/train-x7k2p`.

        A part with a wildcard says nothing of what it will stand for.
        """
        parts = [part for part in target.split("/") if not is_magic(part)]
        return any(part == own or (isinstance(own, Uid) and own in part) for part in parts)

    def tells(self, target: str, own: str) -> bool:
        """Whether the target bears it so that it is the workflow's also where it was written out."""
        return is_telling(own) and self.bears(target, own)

    def _knows(self, twin: "Action | None", target: str, own: str) -> bool:
        return isinstance(twin, Cleanup) and twin.bears(target, own)

    def _keeps(self, context: Context) -> bool:
        """Without a status nobody knows that all went well, nor whether it failed or could not be run: there may be evidence."""
        status = context.workflow.status
        return status in self.keep_on if status else not {"Failed", "Error"}.isdisjoint(self.keep_on)

    def _ask(self, context: Context) -> None:
        preview = Removal(self, replace(context, dry_run=True)).dry_run()
        shown = "".join(f"  {one}\n" for one in cast("list[str]", preview.facts["examples"]))
        if not confirm.agrees(f"{shown}{preview.summary}; go on?"):
            raise Skip("nothing was deleted, because the answer was no")


def _literal(value: Any, write: Callable[[str], str]) -> Any:
    """The value without a trace of templates, with what they put in as `write` gives it."""
    if isinstance(value, str):
        return written(value, write)
    if isinstance(value, Mapping):
        return {key: _literal(inner, write) for key, inner in value.items()}
    return [_literal(inner, write) for inner in value] if isinstance(value, list) else value
