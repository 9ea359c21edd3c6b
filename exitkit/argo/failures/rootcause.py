"""Which of the nodes that Argo lists as failed say why: not the parents, not the retried, not the handler's own.

Argo lists every node in Failed or Error, in random order and without its type (operator.go), so what a node is shows
only in its name, in its message, and in the hash of its full name at the end of its pod's.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from exitkit.argo.failures.failure import Failure
from exitkit.argo.failures.reason import PARENT
from exitkit.argo.nodenames import fnv32a, fnv32a_before, node_hash

_HANDLER = re.compile(r"\.(?:onExit|hooks\.[^.\[(]+)(?:\([0-9]+\))?\Z")
_ATTEMPT = re.compile(r"(.*)\(([0-9]{1,9})\)\Z", re.DOTALL)
_GROUP = re.compile(r"\[[0-9]+\]")
# What stands between the workflow's name and a step's in a handler's node names: step groups 0 to 9, or a DAG's dot.
_UNDER_HANDLER = tuple(
    f"{handler}{group}." for handler in (".onExit", ".onExit(0)") for group in ("", *(f"[{n}]" for n in range(10)))
)
# The hashes of one node take some 50 µs. Among more failures than this, a handler's own are lost anyway.
_MOST_HASHED = 2_000
_LATEST = datetime.max.replace(tzinfo=UTC)


class Sorted(NamedTuple):
    """What failed for good and on its own, what failed and then succeeded, and what failed in exit handlers and hooks."""

    leaves: tuple[Failure, ...]
    recovered: tuple[Failure, ...] = ()
    handlers: tuple[Failure, ...] = ()


def sort_out(nodes: Sequence[Failure], *, whole: bool, succeeded: bool) -> Sorted:
    """Tell the leaves from the rest. Where the workflow failed and no leaf would be left, all nodes are leaves.

    Attempts count as recovered only where that is sure: no parent of theirs is in a list that is whole and has other
    parents, or the workflow succeeded.
    """
    mine, rest = _split_handlers(nodes)
    rest = _without_repeats(rest)
    children, parents = _split_parents(rest)
    leaves, recovered = _join_attempts(children, parents, sure=succeeded or (whole and bool(parents)))
    if leaves or succeeded:
        return Sorted(in_order(leaves), in_order(recovered), in_order(mine))
    return Sorted(in_order(rest), (), in_order(mine)) if rest else Sorted(in_order(nodes))


def in_order(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """By the time they finished, those without one last, and the same way in every run."""
    return tuple(
        sorted(failures, key=lambda one: (one.finished_at or _LATEST, one.display_name, one.pod_name, one.message))
    )


def _split_handlers(nodes: Sequence[Failure]) -> tuple[list[Failure], list[Failure]]:
    mine: list[Failure] = []
    rest: list[Failure] = []
    prefixes: dict[str, tuple[int, ...]] = {}
    for one in nodes:
        own = _HANDLER.search(one.display_name) or (len(nodes) <= _MOST_HASHED and _is_under_handler(one, prefixes))
        (mine if own else rest).append(one)
    return mine, rest


def _is_under_handler(one: Failure, prefixes: dict[str, tuple[int, ...]]) -> bool:
    """Whether the node is a step of the workflow's exit handler. Its display name is the step's alone, so the pod's hash tells."""
    digits = node_hash(one.pod_name)
    if not digits or len(one.display_name) > 256:
        return False
    workflow = one.pod_name.removesuffix(f"-{digits}").removesuffix(f"-{one.template_name}")
    if workflow not in prefixes:
        prefixes[workflow] = tuple(fnv32a(workflow + between) for between in _UNDER_HANDLER)
    return any(fnv32a(one.display_name, state) == int(digits) for state in prefixes[workflow])


def _without_repeats(nodes: list[Failure]) -> list[Failure]:
    """Each message once along a path of nodes: a parent that repeats its child's, or the other way round, is one failure.

    What stays is the node that people know: of a step group and its steps template the template, of a pod and its
    container the pod, and else the child. Who is whose child shows in the hash of the child's full name, which begins
    with its parent's.
    """
    if len(nodes) > _MOST_HASHED:
        return nodes
    by_hash = {_hash(one): one for one in nodes}
    kept = {id(one): one for one in nodes}
    for child in nodes:
        group = _GROUP.fullmatch(child.display_name)
        suffix = child.display_name if group else f".{child.display_name}"
        parent = by_hash.get(fnv32a_before(suffix[:256], _hash(child)))
        if parent is None or parent is child or parent.message != child.message or child.reason == PARENT:
            continue
        if group:
            kept.pop(id(child), None)
            kept[id(parent)] = replace(parent, pod_name="")  # it has none, and so no logs to link to
        elif child.message.strip():
            kept.pop(id(child if child.container == child.display_name else parent), None)
    return list(kept.values())


def _hash(one: Failure) -> int:
    """The hash of the node's full name; the workflow's own node has its name as pod's."""
    digits = "" if one.pod_name == one.display_name else node_hash(one.pod_name)
    return int(digits) if digits else fnv32a(one.pod_name)


def _split_parents(nodes: Sequence[Failure]) -> tuple[list[Failure], list[Failure]]:
    """Children and parents. A failed DAG has no message of its own, and ends no sooner than one that has."""
    ends = [one.finished_at for one in nodes if one.message.strip() and one.reason != PARENT and one.finished_at]
    first = min(ends, default=None)

    def is_parent(one: Failure) -> bool:
        if one.message.strip():
            return one.reason == PARENT
        return first is not None and one.finished_at is not None and first <= one.finished_at

    parents = [one for one in nodes if is_parent(one)]
    return [one for one in nodes if not is_parent(one)], parents


def _join_attempts(
    children: Sequence[Failure], parents: Sequence[Failure], *, sure: bool
) -> tuple[list[Failure], list[Failure]]:
    """One failure for all attempts at one node, and apart from them those attempts that ended well."""
    attempts: dict[tuple[str, str], list[tuple[int, Failure]]] = defaultdict(list)
    singles: list[Failure] = []
    for one in children:
        match = _ATTEMPT.match(one.display_name)
        if match:
            attempts[match[1], one.template_name].append((int(match[2]), one))
        else:
            singles.append(one)
    # A retry that gave up early repeats its last attempt's message instead of saying that it is a parent.
    copies = [one for one in singles if (one.display_name, one.template_name) in attempts]
    parents_of = Counter((one.display_name, one.template_name) for one in (*parents, *copies))
    leaves = [one for one in singles if (one.display_name, one.template_name) not in attempts]
    recovered: list[Failure] = []
    for node, tried in attempts.items():
        (recovered if (sure or copies) and not parents_of[node] else leaves).extend(_last_attempts(node[0], tried))
    return leaves, recovered


def _last_attempts(node: str, tried: list[tuple[int, Failure]]) -> Iterator[Failure]:
    """The last attempt of each node among nodes that share their name: attempt 2 follows one of the attempts 1.

    It is told by the name that the user gave the step, without the number of the attempt.
    """
    waiting: dict[int, deque[Failure]] = defaultdict(deque)
    for number, one in sorted(tried, key=lambda pair: (pair[0], pair[1].finished_at or _LATEST)):
        if waiting[number - 1]:
            waiting[number - 1].popleft()
        waiting[number].append(replace(one, display_name=node, tries=number + 1))
    for nodes in waiting.values():
        yield from nodes
