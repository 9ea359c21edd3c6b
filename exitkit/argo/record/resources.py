"""What a node's container asked for and was allowed, as its template says, with the node's inputs filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from exitkit.argo.failures.failure import Resources
from exitkit.argo.record import Node, WorkflowRecord, loose

_INPUT = re.compile(r"\{\{\s*inputs\.parameters\.([A-Za-z0-9_-]{1,200})\s*\}\}")
_LONGEST = 64  # characters of a quantity


def resources(record: WorkflowRecord, node: Node, container: str = "") -> Resources:
    """Those of the node's main container, or of another one by its name; a podSpecPatch goes before the template.

    What the template leaves to a LimitRange or to the controller's defaults is not here, and neither is a quantity with
    a tag that is not one of the node's inputs.
    """
    template = record.template_of(node)
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for source in _containers(record, template, node, container or "main"):
        asked = loose.mapping(source.get("resources"))
        requests |= _quantities(asked.get("requests"), node)
        limits |= _quantities(asked.get("limits"), node)
    return Resources({**limits, **requests} if limits else requests, limits)


def _containers(
    record: WorkflowRecord, template: Mapping[str, Any], node: Node, container: str
) -> Iterator[Mapping[str, Any]]:
    if container == "main":
        for kind in ("container", "script"):
            yield loose.mapping(template.get(kind))
    inside = loose.mapping(template.get("containerSet")).get("containers")
    for several in (inside, template.get("sidecars"), template.get("initContainers")):
        yield from (one for one in loose.mappings(several) if one.get("name") == container)
    for holder in (record.spec, template):
        patch = _patch(_filled(loose.text(holder, "podSpecPatch"), node))
        yield from (one for one in loose.mappings(patch.get("containers")) if one.get("name") == container)


def _patch(text: str) -> Mapping[str, Any]:
    """A podSpecPatch, which is JSON or YAML, or {}."""
    if not text or len(text) > 20_000:
        return {}
    try:
        return loose.mapping(json.loads(text))
    except (ValueError, RecursionError):
        pass
    import yaml

    try:
        return loose.mapping(yaml.load(text, yaml.BaseLoader))  # noqa: S506 - makes nothing but text, lists and mappings
    except (yaml.YAMLError, RecursionError):
        return {}


def _quantities(value: object, node: Node) -> dict[str, str]:
    texts = {key: _filled(loose.as_text(item), node) for key, item in loose.mapping(value).items()}
    return {key: text for key, text in texts.items() if text and len(text) <= _LONGEST and "{{" not in text}


def _filled(text: str, node: Node) -> str:
    if "{{" not in text:
        return text
    inputs = node.inputs
    return _INPUT.sub(lambda match: inputs.get(match[1], match[0]), text)
