"""Argo's `workflow` as an expression sees it: all its variables in one object, with traps where a name has a dot.

Argo makes a tree of its variables' dotted names (util/expand), so that `workflow.parameters` has a member for each
parameter beside `json`, the list of all; a label's name with dots is a branch, and a member `json` that a user named so
stands in place of the list.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from exitkit.argo import loosejson

# Facts whose value is one text or number.
_SIMPLE: Final = {
    "status": "status",
    "name": "name",
    "namespace": "namespace",
    "uid": "uid",
    "failures": "failures",
    "duration": "duration",
    "scheduled_time": "scheduledTime",
    "priority": "priority",
    "main_entrypoint": "mainEntrypoint",
    "service_account_name": "serviceAccountName",
}

DOTTED: Final = frozenset({"labels", "annotations"})
"""Facts whose names may have dots, and whose values are text."""


def read(text: str) -> tuple[dict[str, str], bool]:
    """The facts in the object, by name, each as the text that its own flag takes, and whether the object was whole.

    Raises ValueError for what is no such object.
    """
    value, whole = loosejson.beginning(text)
    if not isinstance(value, Mapping):
        raise ValueError("it is no object")  # noqa: TRY004 - of the text, not of a caller's
    facts = {name: loosejson.as_text(value.get(member)) for name, member in _SIMPLE.items()}
    facts["creation_timestamp"] = _creation(value.get("creationTimestamp"))
    outputs = value.get("outputs")
    members = {**value, "outputs": outputs.get("parameters") if isinstance(outputs, Mapping) else None}
    for name in ("parameters", "labels", "annotations", "outputs"):
        member = members.get(name)
        dotted = name in DOTTED
        facts[name] = loosejson.as_text(pairs(member, dotted=dotted) if isinstance(member, Mapping) else member)
    facts = {name: fact for name, fact in facts.items() if fact}
    if not facts:
        raise ValueError("it holds none of Argo's variables")
    return facts, whole


def pairs(branch: Mapping[str, object], *, dotted: bool = False) -> dict[str, str]:
    """The names and values of one branch, such as `workflow.labels`; of a plain object its members.

    `dotted` names are put together again out of the branches that Argo makes of them.
    """
    others = {name: value for name, value in branch.items() if name != "json"}
    values = {name: loosejson.as_text(value) for name, value in (_leaves(others) if dotted else others.items())}
    listed = _listed(branch.get("json"), set(others))
    if listed is None:
        return values | {name: loosejson.as_text(value) for name, value in branch.items() if name == "json"}
    if isinstance(listed, dict):
        return {name: loosejson.as_text(value) for name, value in listed.items()}
    # A value from a ConfigMap stands in the tree alone, the list has its reference.
    return {str(one["name"]): loosejson.as_text(one.get("value")) for one in listed} | values


def _leaves(branch: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in branch.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def _listed(value: object, others: set[str]) -> dict[str, object] | list[dict[str, object]] | None:
    """Argo's own list of all names, {} for its `null`; None for what only is named so."""
    if not isinstance(value, str):
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if found is None and not others:
        return {}
    if isinstance(found, dict) and others <= {name.split(".")[0] for name in found}:
        return found
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) and "name" in one for one in found):
        return None
    return found if others <= {one["name"] for one in found} else None


def _creation(value: object) -> str:
    if isinstance(value, Mapping):
        value = value.get("RFC3339")
    return loosejson.as_text(value)
