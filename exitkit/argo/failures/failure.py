"""One failed node of a workflow, as `workflow.failures` tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Self

from exitkit.argo.failures import reason as cause
from exitkit.argo.timestamp import parse_moment
from exitkit.text.plain import plain


@dataclass(frozen=True)
class Failure:
    """A failed node. The fields are Argo's, `message` byte for byte; the properties are read from them.

    `tries` counts the attempts that failed, this one included. `finished_at` is aware, or None while unknown.
    """

    display_name: str = ""
    message: str = ""
    template_name: str = ""
    phase: str = ""
    pod_name: str = ""
    finished_at: datetime | None = None
    tries: int = 1

    @classmethod
    def of(cls, entry: Mapping[str, str]) -> Self:
        """Make one of an entry of `workflow.failures`. Never raises."""
        return cls(
            display_name=entry.get("displayName", ""),
            message=entry.get("message", ""),
            template_name=entry.get("templateName", ""),
            phase=entry.get("phase", ""),
            pod_name=entry.get("podName", ""),
            finished_at=parse_moment(entry.get("finishedAt", "")),
        )

    @cached_property
    def cause(self) -> cause.Cause:
        return cause.read(self.message)

    @property
    def exit_code(self) -> int | None:
        """The container's, or None for what ended in another way."""
        return self.cause.exit_code

    @property
    def reason(self) -> str:
        """A word or two: the container runtime's ("Error", "OOMKilled"), or one of `exitkit.argo.failures.reason`; "" if unknown."""
        return self.cause.reason

    @property
    def container(self) -> str:
        """The container that failed, "main" or "wait" mostly; "" where the message does not say."""
        return self.cause.container

    @cached_property
    def text(self) -> str:
        """The message for people: without colours, control characters and marks that turn the reading direction."""
        return plain(self.message)

    @property
    def line(self) -> str:
        """The text in one line."""
        return " ".join(self.text.split())
