"""What is to be shipped: the settings by which every target's sources are chosen."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator

from exitkit.action import Settings
from exitkit.settings import fields
from exitkit.text.units import Seconds

WORDS = ("status", "pods", "archive", "stdin", "dead-letter")
_ARCHIVE = re.compile(r"(s3|gs)://[A-Za-z0-9][A-Za-z0-9._-]{1,254}(/.+)?")


class Selection(Settings):
    """Where records come from, and which of them."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    from_: Annotated[list[str], fields.WORDS] = Field(
        ["status"],
        alias="from",
        min_length=1,
        description="What is shipped: status is how the workflow ended and each failure, pods their logs by the "
        "Kubernetes API, archive the logs that Argo archived, stdin what is piped in, dead-letter what an earlier run "
        "could not ship, an absolute path or glob the lines of files.",
    )
    only: Literal["all", "failed"] = Field("all", description="Whether the logs of all pods go or of failed ones.")
    containers: Annotated[list[str], fields.WORDS] = Field(
        ["main"], description="The containers whose logs go; with none of all."
    )
    tail: int = Field(0, ge=0, description="Only so many of the last lines of each log; 0 means all.")
    since: Seconds = Field(0.0, description="Only what pods wrote in the last so long; 0 means all.")
    archive: str = Field(
        "",
        description="The artifact repository: s3://bucket or gs://bucket; without it the one that the workflow's record "
        "names. Its keys are told by the record as well, for which the account needs get on workflows, and else looked "
        "for below the workflow's name; with a prefix, such as s3://bucket/logs/, all below it is taken.",
    )
    kubeconfig: Path | None = Field(None, description="A kubeconfig, where not the pod's service account asks.")
    dead_letters: Literal["own", "all"] = Field(
        "own",
        description="Which dead letters are shipped: own are those that this target refused, all are also those of "
        "other targets and those that may have arrived.",
    )

    @field_validator("from_")
    @classmethod
    def _are_sources(cls, names: list[str]) -> list[str]:
        return [_checked(name) for name in names]

    @field_validator("archive")
    @classmethod
    def _is_a_repository(cls, url: str) -> str:
        if url and not _ARCHIVE.fullmatch(url):
            raise ValueError(
                "is s3://bucket or gs://bucket, with a prefix if the logs are not below the workflow's name"
            )
        return url


def _checked(name: str) -> str:
    """One name of a source, as it may stand in a plan. Raises ValueError."""
    if name in WORDS:
        return name
    if not name.startswith("/"):
        raise ValueError(f"{name!r} is none of {', '.join(WORDS)}, and no absolute path of files")
    if ".." in name.split("/") or "\0" in name:
        raise ValueError(f"{name!r} holds '..' or a NUL: give the path that is meant")
    return name
