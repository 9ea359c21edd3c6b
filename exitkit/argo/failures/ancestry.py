"""Which failed nodes only repeat a node below them: a step group its parent, and a containerSet's pod its containers.

A node's name is its parent's and a suffix, and Argo puts the hash of the name at the end of the pod's. The hash (FNV-1a)
can be taken back by the suffix, so that each node's hash tells its parent's.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from exitkit.argo.failures.failure import Failure
from exitkit.argo.failures.reason import DEPENDENCY, PARENT, consequence
from exitkit.argo.nodenames import fnv32a, node_hash, undo_fnv32a

_LONGEST_NAME = 256  # characters; Argo's own are shorter, and each costs a step of the hash
_DEEPEST = 100


class Folded(NamedTuple):
    """The nodes that say something of their own, and those that only repeat one of these."""

    kept: list[Failure]
    parents: list[Failure]


def fold(nodes: Sequence[Failure]) -> Folded:
    """Leave out parents that repeat a child, and make one failure of a pod and its containers.

    A retry that repeats its last attempt stays: that it is there tells that no attempt succeeded.
    """
    parent_of = _by_hash(nodes) or _by_words(nodes)
    if not parent_of:
        return Folded(list(nodes), [])
    containers: dict[int, list[int]] = defaultdict(list)
    for child, parent in parent_of.items():
        if _is_pod(nodes[parent], nodes[child]):
            containers[parent].append(child)
    instead: dict[int, list[Failure]] = {}
    for pod, inside in containers.items():
        told = of_pod(nodes[pod], [nodes[one] for one in inside])
        instead |= {pod: told, **{one: [] for one in inside}}
    repeated = {
        above
        for child in range(len(nodes))
        for above in _above(child, parent_of)
        if above not in instead and _words(nodes[above]) == _words(nodes[child]) != ""
    }
    kept = [
        failure for index, node in enumerate(nodes) if index not in repeated for failure in instead.get(index, [node])
    ]
    return Folded(kept, [nodes[index] for index in sorted(repeated)])


def _is_pod(parent: Failure, child: Failure) -> bool:
    """Whether it is a containerSet's pod and its container, whose nodes name one template; a DAG's task has its own."""
    ended = parent.exit_code is not None or parent.reason not in ("", PARENT)
    return ended and child.template_name == parent.template_name


def of_pod(pod: Failure, containers: Sequence[Failure]) -> list[Failure]:
    """What of a pod and its containers is to be told: each container that failed by itself, else the pod.

    What they are called and where their logs are is the pod's, because that is the step that people know.
    """
    named = [
        replace(pod, message=one.message, phase=one.phase, finished_at=one.finished_at, container_name=one.display_name)
        for one in containers
    ]
    own = [one for one in named if one.message.strip() and not consequence(one.termination)]
    if own:
        alone = not consequence(pod.termination) and all(_words(pod) != _words(one) for one in own)
        return [*own, pod] if alone else own
    if pod.reason == DEPENDENCY:
        return [min((pod, *named), key=lambda one: consequence(one.termination))]
    return [pod]


def _words(node: Failure) -> str:
    """What a node says, whoever's container it says it of."""
    end = node.termination
    return f"{end.reason}|{end.exit_code}|{end.detail.strip()}" if node.message.strip() else ""


def _above(child: int, parent_of: Mapping[int, int]) -> Iterator[int]:
    for _ in range(_DEEPEST):
        if child not in parent_of:
            return
        child = parent_of[child]
        yield child


def _by_hash(nodes: Sequence[Failure]) -> dict[int, int]:
    """Each node's parent, as far as it is in the list."""
    hashes = [_hash(node) for node in nodes]
    by_hash = {digest: index for index, digest in enumerate(hashes) if digest is not None}
    parent_of: dict[int, int] = {}
    for index, (node, digest) in enumerate(zip(nodes, hashes, strict=True)):
        for suffix in _suffixes(node.display_name) if digest is not None else ():
            parent = by_hash.get(undo_fnv32a(suffix, digest))  # type: ignore[arg-type]
            if parent is not None and parent != index:
                parent_of[index] = parent
                break
    return parent_of


def _hash(node: Failure) -> int | None:
    if node.display_name and node.display_name == node.pod_name:  # the workflow's own node
        return fnv32a(node.display_name) if len(node.display_name) <= _LONGEST_NAME else None
    digits = node_hash(node.pod_name)
    return int(digits) if digits and len(node.display_name) <= _LONGEST_NAME else None


def _suffixes(name: str) -> Iterator[str]:
    """What may stand between a parent's name and its child's: a step group, a task or container, an item of a loop."""
    if name.startswith("["):
        yield name
    elif name:
        yield f".{name}"
        begin = name.find("(")
        if begin > 0 and ":" in name[begin:]:
            yield name[begin:]


def _by_words(nodes: Sequence[Failure]) -> dict[int, int]:
    """Where no hash tells: what repeats the workflow's own node, and containers that their pod's message names."""
    said: dict[str, list[int]] = defaultdict(list)
    for index, node in enumerate(nodes):
        if node.reason != PARENT and node.message.strip():
            said[_words(node)].append(index)
    parent_of: dict[int, int] = {}
    for alike in said.values():
        roots = [index for index in alike if nodes[index].display_name == nodes[index].pod_name]
        for index in alike:
            if roots and index != roots[0]:
                parent_of[index] = roots[0]
            elif pods := [pod for pod in alike if _is_container(nodes[index], nodes[pod])]:
                parent_of[index] = pods[0]
    return parent_of


def _is_container(node: Failure, pod: Failure) -> bool:
    here = node.template_name == pod.template_name or node.pod_name == pod.pod_name
    return here and node.display_name == pod.container != pod.display_name
