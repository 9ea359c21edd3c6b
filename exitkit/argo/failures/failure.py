"""One failed node of a workflow, as `workflow.failures` tells of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Self

from exitkit.argo.failures.causes import Cause, known
from exitkit.argo.failures.meaning import meaning
from exitkit.argo.failures.reason import (
    CONTAINER_DELETED,
    DEADLINE,
    DEPENDENCY,
    PARENT,
    POD_DELETED,
    STOPPED,
    Termination,
    read,
)
from exitkit.argo.timestamp import parse_moment
from exitkit.text.excerpt import last_line
from exitkit.text.plain import plain

if TYPE_CHECKING:
    from exitkit.argo.record.node import Node
    from exitkit.explain import LogLine

# What a retryStrategy adds to a node's name; an item of a loop is `(0:a)`.
_ATTEMPT = re.compile(r"(?<=.)\([0-9]{1,9}\)\Z", re.DOTALL)
_NAME, _GIST = 200, 500  # characters in a line about it
_BEGAN = ("OOMKilled", DEADLINE, "Evicted", "Error")  # without an exit code, and yet a log
_STEP_GROUP = re.compile(r"\[[0-9]{1,9}\]")


class Resources(NamedTuple):
    """By resource, as Kubernetes writes quantities: `{"memory": "128Mi"}`."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]


@dataclass(frozen=True)
class Failure:
    """A failed node. The fields are Argo's, `message` byte for byte; the properties are read from them.

    `tries` counts the attempts that failed, this one included. `finished_at` is aware, or None while unknown.
    `container_name` is the container of a containerSet that this tells of, whose node is told under its pod's name.
    `node` is what the workflow's record says of it, None where that was not read, and `asked` gives what a container
    of it asked for and was allowed. `causes` are those that the plan knows beside exitkit's own. `lines` are those of its log
    that say why, best first, as far as it was read.
    """

    display_name: str = ""
    message: str = ""
    template_name: str = ""
    phase: str = ""
    pod_name: str = ""
    finished_at: datetime | None = None
    tries: int = 1
    container_name: str = ""
    node: "Node | None" = field(default=None, compare=False, repr=False)
    asked: Callable[[str], Resources] | None = field(default=None, compare=False, repr=False)
    causes: tuple[Cause, ...] = field(default=(), compare=False, repr=False)
    lines: tuple["LogLine", ...] = field(default=(), compare=False, repr=False)

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

    @property
    def name(self) -> str:
        """What people call the step: without the number of the attempt; "a step" if it has no name."""
        name = _ATTEMPT.sub("", self.display_name)
        if _STEP_GROUP.fullmatch(name):
            return f"step group {name}"
        return name or self.pod_name or "a step"

    @cached_property
    def termination(self) -> Termination:
        return read(self.message)

    @property
    def exit_code(self) -> int | None:
        """The container's, or None for what ended in another way."""
        if self.termination.exit_code is not None or self.node is None:
            return self.termination.exit_code
        return self.node.exit_code or None  # 0 is no reason: something else failed

    @property
    def inputs(self) -> Mapping[str, str]:
        """Its input parameters, as far as the record was read."""
        return self.node.inputs if self.node else {}

    @property
    def outputs(self) -> Mapping[str, str]:
        """Its output parameters, as far as the record was read."""
        return self.node.outputs if self.node else {}

    @cached_property
    def resources(self) -> Resources:
        """What its container asked for and was allowed, as far as the record was read."""
        return self.asked(self.container) if self.asked else Resources({}, {})

    @cached_property
    def cause(self) -> Cause | None:
        """The known cause that it has, or None."""
        return known(self.causes, self.reason, self.exit_code, self.message)

    @property
    def cure(self) -> str:
        """What to do about it, in half a line; "" where nobody knows."""
        return self.cause.cure if self.cause else ""

    @property
    def platform(self) -> bool:
        """Whether it is known to be the platform's and not the user's."""
        return self.cause is not None and self.cause.platform

    @property
    def advice(self) -> str:
        """The cure for people, with a word on whose it is where that is not the step's, and on which node it was."""
        if not self.platform:
            return self.cure
        where = f" (it was on {self.node.host})" if self.node and self.node.host else ""
        return f"the platform, not the step: {self.cure}{where}"

    @property
    def reason(self) -> str:
        """A word or two: the container runtime's ("Error", "OOMKilled"), or one of `exitkit.argo.failures.reason`; "" if unknown."""
        return self.termination.reason

    @property
    def container(self) -> str:
        """The container that failed, "main" or "wait" mostly; "" where the message does not say."""
        return self.termination.container or self.container_name

    @property
    def is_pod(self) -> bool:
        """Whether there may be a pod, and so a log; a step group has neither."""
        return not _STEP_GROUP.fullmatch(self.display_name) and not (self.node is not None and self.node.is_parent)

    @property
    def log(self) -> tuple[str, str]:
        """The names of the pod and the container whose log may say why."""
        return self.pod_name, self.container or "main"

    @property
    def has_log(self) -> bool:
        """Whether its container began, so that it may have said something."""
        return self.is_pod and bool(self.pod_name) and (self.exit_code is not None or self.reason in _BEGAN)

    @cached_property
    def text(self) -> str:
        """The message for people: without colours, control characters and marks that turn the reading direction."""
        return plain(self.message)

    @cached_property
    def detail(self) -> str:
        """What the container itself said, for people; "" where it said nothing, or Argo's words only repeat the reason."""
        silent = self.reason in (STOPPED, POD_DELETED, CONTAINER_DELETED)
        return "" if silent else plain(self.termination.detail)

    @property
    def line(self) -> str:
        """The text in one line."""
        return " ".join(self.text.split())

    @cached_property
    def gist(self) -> str:
        """What went wrong, in one line: the last line of the message that says it, or what its end means; "" if nothing does."""
        if self.reason == PARENT:
            return self.line
        said = " ".join(last_line(self.detail).split()) or self.said
        meant = "" if self.reason == DEPENDENCY else meaning(self.reason, self.exit_code, self.container, said=said)
        if self.reason == "OOMKilled" and (limit := self.resources.limits.get("memory")):
            meant = f"{meant} of {limit}"
        return f"{said} ({meant})" if said and meant else said or meant

    @property
    def said(self) -> str:
        """What the log's best line says, without the time and level before it; "" where none stands out."""
        return self.lines[0].said if self.lines and self.lines[0].stands_out else ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """What stands beside the name: the reason, the container if it is not main, the exit code, the tries."""
        silent = ("", "Error", "Completed", PARENT)
        return tuple(
            part
            for part in (
                self.reason if self.reason not in silent else "",
                f"container {self.container}" if self.container not in ("", "main") else "",
                f"exit code {self.exit_code}" if self.exit_code is not None else "",
                f"{self.tries} tries" if self.tries > 1 else "",
            )
            if part
        )

    @property
    def headline(self) -> str:
        """Such as "train failed (OOMKilled, exit code 137, 3 tries): it used more memory than its limit"."""
        remarks = f" ({', '.join(self.remarks)})" if self.remarks else ""
        gist = f": {self.gist[:_GIST]}" if self.gist else ""
        return f"{' '.join(self.name.split())[:_NAME]} failed{remarks}{gist}"
