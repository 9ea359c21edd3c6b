"""What every target shares: what is shipped, and the limits within which it goes."""

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from exitkit.action import Action, Result, Right
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.ship import sources
from exitkit.ship.pipeline.batch import Items, Post
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.dryrun import rehearse
from exitkit.ship.pipeline.shipment import Shipment
from exitkit.text.units import Seconds


class Ship(Action):
    """A target. It encodes records and posts batches of them, within its limits."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    from_: list[str] = Field(
        ["status"],
        alias="from",
        min_length=1,
        description="What is shipped: status is how the workflow ended and each failure, pods their logs by the "
        "Kubernetes API, archive the logs that Argo archived, stdin what is piped in, dead-letter what an earlier run "
        "could not ship, an absolute path or glob the lines of files.",
    )
    only: Literal["all", "failed"] = Field("all", description="Whether the logs of all pods go or of failed ones.")
    containers: list[str] = Field(["main"], description="The containers whose logs go; with none of all.")
    tail: int = Field(0, ge=0, description="Only so many of the last lines of each log; 0 means all.")
    since: Seconds = Field(0.0, description="Only what pods wrote in the last so long; 0 means all.")
    archive: str = Field(
        "",
        description="The artifact repository: s3://bucket or gs://bucket. Its keys are told by the workflow's nodes, for "
        "which the account needs get on workflows, and else looked for below the workflow's name; with a prefix, such "
        "as s3://bucket/logs/, all below it is taken.",
    )
    kubeconfig: Path | None = Field(None, description="A kubeconfig, where not the pod's service account asks.")
    dead_letter: str = Field(
        "/tmp/exitkit/dead-letter.ndjson",  # noqa: S108 - the pod's own folder; links are not followed
        description="A file that keeps what the target refuses for good; empty for none.",
    )

    most_bytes: ClassVar[int] = 1 << 20
    """Encoded bytes of a batch, as far as the target documents a limit."""

    most_records: ClassVar[int] = 1000

    separator: ClassVar[str] = ""
    """What stands between two encoded records of one chunk."""

    by_source: ClassVar[bool] = False
    """Whether a batch holds records of one source only: for a target that does not say which record it refused."""

    @property
    def in_flight(self) -> int:
        """How many batches are sent at a time; with more than one, the post is called from several threads."""
        return 1

    @abstractmethod
    def target(self) -> str:
        """Where it goes, for people and without a secret: `Loki at logs.example`."""

    @abstractmethod
    def encode(self, chunk: Chunk) -> Items:
        """Each of its records in the target's form; as bytes only where `separator` is empty."""

    @abstractmethod
    def open(self, context: Context) -> AbstractContextManager[Post]:
        """What posts the batches of one run, and is closed after the last one.

        A target that keeps nothing open gives `nullcontext(post)`.
        """

    def acknowledged(self, context: Context, acks: Collection[int]) -> Iterator[int]:  # noqa: ARG002 - most have none
        """The acknowledgements that answers told of, as they come. Raises ActionError when one does not."""
        return iter(())

    def is_safe_to_resend(self) -> bool:
        """Whether the target takes a second arrival of a record for the first."""
        return False

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        sources = given.get("from", ())
        wanted = (sources,) if isinstance(sources, str) else sources if isinstance(sources, list | tuple) else ()
        rights = []
        if "pods" in wanted:
            rights += [Right("", "pods", ("list",)), Right("", "pods/log", ("get",))]
        if "archive" in wanted:
            rights.append(Right("argoproj.io", "workflows", ("get",)))
        return rights

    @field_validator("from_")
    @classmethod
    def _are_sources(cls, names: list[str]) -> list[str]:
        return [sources.check(one) for one in names]

    @field_validator("dead_letter")
    @classmethod
    def _is_a_file(cls, path: str) -> str:
        if path and (not path.startswith("/") or ".." in path.split("/") or path.endswith("/") or "\0" in path):
            raise ValueError("is the absolute path of a file, without '..'")
        return path

    @field_validator("archive")
    @classmethod
    def _is_a_repository(cls, url: str) -> str:
        return sources.check_archive(url)

    @model_validator(mode="after")
    def _has_an_archive(self) -> "Ship":
        if "archive" in self.from_ and not self.archive:
            raise ValueError("from: archive needs the artifact repository in archive")
        return self

    @model_validator(mode="after")
    def _has_dead_letters(self) -> "Ship":
        if "dead-letter" in self.from_ and not self.dead_letter:
            raise ValueError("from: dead-letter needs the file dead_letter")
        return self

    def run(self, context: Context) -> Result:
        if "pods" in self.from_ and not (context.workflow.name and context.workflow.namespace):
            raise ConfigError("the workflow's name and namespace are not known, so its pods cannot be found")
        if "archive" in self.from_ and not context.workflow.name:
            raise ConfigError("the workflow's name is not known, so its archived logs cannot be found")
        found = sources.sources(self, context)
        if context.dry_run:
            return rehearse(self, found, context)
        return Shipment(self, context, self.dead_letter).ship(found)
