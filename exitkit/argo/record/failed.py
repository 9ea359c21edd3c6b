"""Which nodes failed for good and on their own, told from the record, where nothing has to be guessed from names."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Literal, NamedTuple

from exitkit.argo import nodenames
from exitkit.argo.failures import Failures
from exitkit.argo.failures.ancestry import of_pod
from exitkit.argo.failures.failure import Failure
from exitkit.argo.failures.rootcause import in_order
from exitkit.argo.record import Node, WorkflowRecord
from exitkit.argo.record.resources import resources

Fate = Literal["last", "recovered", "superseded"]
"""Of an attempt: its end is the node's, a later one succeeded, or a later one failed too."""


class _Tried(NamedTuple):
    """The attempts at one node: the one whose end counts, the last that failed, and how many failed."""

    last: str
    last_failed: str
    failed: int
    recovered: bool


def failures(record: WorkflowRecord, below: Node | None = None) -> Failures:
    """The failures of the workflow, or of one node and what is below it.

    A parent counts only where nothing below it failed, such as a step group whose list of items could not be read.
    Of attempts the last counts, and none where one succeeded. What handlers and hooks failed of is apart.
    """
    failed = [node for node in record.nodes.values() if node.failed and (below is None or _is_below(node, below))]
    handlers = [node for node in failed if node.hooked and not node.is_parent]
    own = [node for node in failed if not node.hooked]
    leaves: list[tuple[Node, int]] = []
    recovered: list[tuple[Node, int]] = []
    explained: set[str] = set()
    known: dict[str, _Tried] = {}
    for node in own:
        if node.is_parent:
            continue
        above = tuple(record.above(node))
        explained.update(parent.id for parent in above)
        fate, tries = _fate(record, node, above, known)
        if fate != "superseded":
            (leaves if fate == "last" else recovered).append((node, tries))
    leaves += [(node, 1) for node in _unexplained(record, own, explained, known)]
    return Failures(
        all=in_order(_told(record, leaves)),
        raw_count=len(failed),
        recovered=in_order(_told(record, recovered)),
        handlers=in_order(_told(record, [(node, 1) for node in handlers])),
    )


def _unexplained(
    record: WorkflowRecord, own: Iterable[Node], explained: set[str], known: dict[str, _Tried]
) -> list[Node]:
    """Parents below which nothing failed; of several that are part of each other the innermost."""
    alone = [node for node in own if node.is_parent and node.id not in explained]
    outer = {parent.id for node in alone for parent in record.above(node)}
    inner = [node for node in alone if node.id not in outer]
    return [node for node in inner if _fate(record, node, tuple(record.above(node)), known)[0] == "last"]


def _is_below(node: Node, subject: Node) -> bool:
    name, start = node.name, subject.name
    return name == start or (name.startswith(start) and name[len(start)] in ".[(")


def _tried(record: WorkflowRecord, retry: Node, known: dict[str, _Tried]) -> _Tried:
    if retry.id not in known:
        attempts = record.attempts(retry)
        failed = [attempt.id for attempt in attempts if attempt.failed]
        last = attempts[-1].id if attempts else ""
        known[retry.id] = _Tried(last, failed[-1] if failed else "", len(failed), retry.phase == "Succeeded")
    return known[retry.id]


def _fate(record: WorkflowRecord, node: Node, above: Sequence[Node], known: dict[str, _Tried]) -> tuple[Fate, int]:
    """What became of the attempts that the node is part of, and how many failed of the nearest node tried again."""
    fate: Fate = "last"
    tries = 0
    for part in (node, *above):
        retry = record.by_name.get(nodenames.without_attempt(part.name)) if part.retried else None
        if retry is None or retry.type != "Retry":
            continue
        tried = _tried(record, retry, known)
        tries = tries or tried.failed
        if part.id != (tried.last_failed if tried.recovered else tried.last):
            return "superseded", tries
        if tried.recovered:
            fate = "recovered"
    return fate, max(1, tries)


def _told(record: WorkflowRecord, nodes: Iterable[tuple[Node, int]]) -> Iterator[Failure]:
    """A failure for each node; of a containerSet's pod and its containers what is to be told of them together."""
    containers: dict[str, list[Failure]] = defaultdict(list)
    single: dict[str, Failure] = {}
    for node, tries in nodes:
        failure = _failure(record, node, tries)
        if node.type == "Container" and node.boundary_id in record.nodes:
            containers[node.boundary_id].append(failure)
        else:
            single[node.id] = failure
    for key, inside in containers.items():
        pod = single.pop(key, None)
        yield from of_pod(pod, inside) if pod is not None else inside
    yield from single.values()


def _failure(record: WorkflowRecord, node: Node, tries: int) -> Failure:
    """The failure as `workflow.failures` has it, with what the record knows beside it."""
    return Failure(
        display_name=node.display_name,
        message=node.message,
        template_name=node.template_name,
        phase=node.phase,
        pod_name=record.pod_name(node) or record.computed_pod_name(node),
        finished_at=node.finished_at,
        tries=tries,
        node=node,
        asked=partial(resources, record, node),
    )
