"""`workflow.failures` decoded and cleaned: which steps failed, how often the same way, and which was first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from exitkit.argo.argument import resolve
from exitkit.argo.failures import reason
from exitkit.argo.failures.causes import Cause
from exitkit.argo.failures.failure import Failure

if TYPE_CHECKING:
    from exitkit.explain import LogLine

__all__ = ["Failure", "FailureGroup", "Failures", "decode"]

_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class FailureGroup:
    """Failures with one message, numbers and ids aside, or with one line in their logs; the likeliest cause of them first."""

    message: str
    failures: tuple[Failure, ...]

    @property
    def count(self) -> int:
        return len(self.failures)

    @property
    def first(self) -> Failure:
        return self.failures[0]


@dataclass(frozen=True)
class Failures:
    """The failed nodes that say why, in the order in which they finished; falsy when there are none.

    `raw_count` counts the nodes that Argo listed. `recovered` are attempts that failed before one succeeded, `handlers`
    failed exit handlers and hooks. `truncated` means that some may be missing, and `notes` says why.
    """

    all: tuple[Failure, ...] = ()
    raw_count: int = 0
    recovered: tuple[Failure, ...] = ()
    handlers: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    truncated: bool = False
    causes: tuple[Cause, ...] = ()

    def with_causes(self, causes: tuple[Cause, ...]) -> "Failures":
        """These, where a plan knows more causes than exitkit does."""
        if not causes:
            return self
        all_, recovered, handlers = (
            tuple(replace(failure, causes=causes) for failure in failures)
            for failures in (self.all, self.recovered, self.handlers)
        )
        return replace(self, all=all_, recovered=recovered, handlers=handlers, causes=causes)

    def with_lines(self, lines: "Mapping[tuple[str, str], tuple[LogLine, ...]]") -> "Failures":
        """These, with what the logs say of some of them, by the names of pod and container."""
        if not any(lines.values()):
            return self
        told = (replace(failure, lines=lines.get(failure.log, ())) for failure in self.all)
        return replace(self, all=tuple(told))

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Failure]:
        return iter(self.all)

    @property
    def finished_at(self) -> datetime | None:
        """When the last of them finished; None if no fact tells."""
        return max((failure.finished_at for failure in self.all if failure.finished_at), default=None)

    @cached_property
    def groups(self) -> tuple[FailureGroup, ...]:
        """Alike failures together; the group of the root cause first, the others by when they ended.

        What another failure caused comes after it. Of silent ones those are alike whose logs say the same.
        """
        if not self.all:
            return ()
        from exitkit.argo.failures import cascade
        from exitkit.argo.failures.fingerprint import fingerprint

        caused = cascade.cascades(self.all)
        order = sorted(range(len(self.all)), key=lambda place: _precedence(self.all[place], caused=place in caused))
        alike: dict[tuple[str, str], list[Failure]] = {}
        for failure in (self.all[place] for place in order):
            alike.setdefault((failure.template_name, fingerprint(failure.message)), []).append(failure)
        joined: dict[object, list[Failure]] = {}
        for key, failures in alike.items():
            joined.setdefault(_said(failures[0]) or key, []).extend(failures)
        return tuple(FailureGroup(failures[0].message, tuple(failures)) for failures in joined.values())

    @property
    def first(self) -> Failure | None:
        """The root cause: the first that failed of those that were not stopped, killed or cut off by something else."""
        return self.groups[0].first if self.all else None

    @property
    def headline(self) -> str:
        """Such as "12 steps failed, the same message 11 times"; "" if nothing failed."""
        if not self.all:
            return ""
        if len(self.all) == 1 and not self.truncated:
            return self.all[0].headline
        most = max(group.count for group in self.groups)
        count = f"{'at least ' if self.truncated else ''}{len(self.all)}"
        steps = "step" if len(self.all) == 1 else "steps"
        if most < 2:
            return f"{count} {steps} failed"
        same = "all with the same message" if most == len(self.all) else f"the same message {most} times"
        return f"{count} {steps} failed, {same}"


def decode(value: str | None, *, root: Path = Path("/"), succeeded: bool = False) -> Failures:
    """Read `workflow.failures` in any form in which it may arrive; what cannot be read becomes a note. Never raises.

    The forms: quoted by Go, once or more often; plain JSON; `null`, empty or a tag that was not filled; one object;
    `@/tmp/argo_arg_<n>.txt`, where `root` is what that path is under; and any of them cut or damaged.
    `succeeded` says that the workflow did, so that failed attempts in the list are known to have been made good.
    """
    argument = resolve(value, root=root)
    notes = (f"workflow.failures: {argument.note}",) if argument.note else ()
    if argument.text in ("", "null") and not argument.cut:  # as of most workflows
        return Failures(notes=notes)
    from exitkit.argo.failures import parse, rootcause

    parsed = parse.read(argument.text)
    truncated = argument.cut or parsed.truncated
    nodes = [Failure.of(entry) for entry in parsed.entries]
    sorted_out = rootcause.sort_out(nodes, whole=not truncated, succeeded=succeeded)
    return Failures(
        all=sorted_out.leaves,
        raw_count=len(nodes),
        recovered=sorted_out.recovered,
        handlers=sorted_out.handlers,
        notes=notes + parsed.notes,
        truncated=truncated,
    )


def _said(failure: Failure) -> str:
    """What its log says, numbers and ids aside, where it stands out and the failure itself said nothing; "" else."""
    from exitkit.argo.failures.fingerprint import fingerprint

    return "" if failure.detail or not failure.said else fingerprint(failure.said)


def _precedence(failure: Failure, *, caused: bool) -> tuple[int, bool, datetime, bool, str, str]:
    """First what no other failure explains, then by time; within one second, Argo's own, a container's before others."""
    return (
        max(reason.consequence(failure.termination), caused),
        caused,
        failure.finished_at or _LATEST,
        failure.exit_code is None,
        failure.display_name,
        failure.pod_name,
    )
