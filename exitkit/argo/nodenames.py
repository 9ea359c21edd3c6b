"""Argo's node names, node ids and pod names, and what each tells of the others.

A node's name is its path (`wf[0].train.onExit`), its id `<workflow>-<fnv32a of the name>` (NodeID in workflow_types.go).
"""

import re
from collections.abc import Iterator

_FNV_OFFSET, _FNV_PRIME = 0x811C9DC5, 0x01000193
_FNV_INVERSE = pow(_FNV_PRIME, -1, 2**32)
_HASH = re.compile(r"-([0-9]{1,10})\Z")
_HOOKED = re.compile(r"(.*)\.(?:onExit|hooks\.[^.\[(]+)(?=$|[.\[(])", re.DOTALL)
_JOINT = re.compile(r"[.\[(]")
_ATTEMPT = re.compile(r"\([0-9]+\)(?=$|[.\[])")
_ATTEMPT_AT_END = re.compile(r"\([0-9]+\)\Z")
_LONGEST_PREFIX = 242
"""Characters of a pod's name before its hash (ensurePodNamePrefixLength in workflow/util/pod_name.go)."""
# A retryStrategy's attempts at the workflow's handler that are recognised by their id.
_MOST_ATTEMPTS = 20


def fnv32a(text: str, state: int = _FNV_OFFSET) -> int:
    """Go's hash/fnv New32a; `state` carries on from a prefix."""
    for byte in text.encode("utf-8", "replace"):
        state = (state ^ byte) * _FNV_PRIME & 0xFFFFFFFF
    return state


def undo_fnv32a(text: str, state: int) -> int:
    """The state from which the text led to this one; there is one, as FNV's multiplier is odd and so has an inverse."""
    for byte in reversed(text.encode("utf-8", "replace")):
        state = (state * _FNV_INVERSE & 0xFFFFFFFF) ^ byte
    return state


def node_hash(identifier: str) -> str:
    """The digits at the end of a node id or of a pod name, or ""."""
    match = _HASH.search(identifier)
    return match[1] if match else ""


def workflow_of(node_id: str) -> str:
    """The workflow's name in a node id. An exit handler is never the root node, whose id has no hash."""
    return _HASH.sub("", node_id)


def node_id_of(workflow: str, pod_name: str) -> str:
    """The id of the pod's node, or "" where it cannot be known.

    Pod names are `<workflow>-<template>-<hash>`, or the node id itself in Argo's v1 form, which ends the same;
    the root node's pod and id are the workflow's name.
    """
    if not workflow or not pod_name:
        return ""
    if pod_name == workflow:
        return workflow
    digits = node_hash(pod_name)
    return f"{workflow}-{digits}" if digits else ""


def pod_name_of(workflow: str, node_name: str, template_name: str, node_id: str) -> str:
    """The pod's name in Argo's second form, the default since 3.4 (GeneratePodName in workflow/util/pod_name.go)."""
    if workflow in (node_name, node_id):
        return workflow
    prefix = f"{workflow}-{template_name}" if template_name and ".inline" not in node_name else workflow
    return f"{prefix[:_LONGEST_PREFIX]}-{node_hash(node_id) or fnv32a(node_name)}"


def names_above(node_name: str) -> Iterator[str]:
    """The names of which this one is a continuation, the longest first: `wf[0].a`, `wf[0]` and `wf` of `wf[0].a(1:b)`.

    An item's text may have any sign in it, so that a name among them may be nobody's.
    """
    for joint in reversed([match.start() for match in _JOINT.finditer(node_name)]):
        if joint:
            yield node_name[:joint]


def without_attempt(node_name: str) -> str:
    """The name of the node of which this is an attempt: `wf[0].fit` of `wf[0].fit(2)`."""
    return _ATTEMPT_AT_END.sub("", node_name)


def handler_name(workflow: str, node_id: str) -> str:
    """The node name of the workflow's exit handler if the id is that of one of its attempts, else ""."""
    digits = node_hash(node_id)
    if not workflow or not digits:
        return ""
    name = f"{workflow}.onExit"
    state = fnv32a(name)
    if digits == str(state):
        return name
    tries = range(_MOST_ATTEMPTS + 1)
    return next((f"{name}({n})" for n in tries if digits == str(fnv32a(f"({n})", state))), "")


def subject_of(node_name: str) -> str:
    """The node that a handler or hook of this name is for, or "" if the name is of neither."""
    if ".onExit" not in node_name and ".hooks." not in node_name:
        return ""
    match = _HOOKED.match(node_name)
    return match[1] if match else ""


def step_of(workflow: str, node_name: str) -> str:
    """What people call the step of that node: `fit(1:a.b)` of `wf[0].train[2].fit(1:a.b)(0)`; "" for the workflow's own."""
    path = node_name.removeprefix(workflow)
    start = depth = 0
    for position, character in enumerate(path):
        # In parentheses stands an item of a loop, whose text may be any.
        depth = max(0, depth + (character == "(") - (character == ")"))
        if character == "." and not depth:
            start = position + 1
    return _ATTEMPT_AT_END.sub("", path[start:])


def scope_of(workflow: str, node_name: str, node_id: str) -> str:
    """A name for the running node that all its attempts share; "onExit" for the workflow's own handler."""
    node_name = node_name or handler_name(workflow, node_id)
    if not node_name:
        return node_id
    name = _ATTEMPT.sub("", node_name)
    return "onExit" if workflow and name == f"{workflow}.onExit" else name
