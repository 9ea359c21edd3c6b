"""Whether two steps were given the same: their inputs, template and workflow's parameters, as a short digest."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from exitkit.argo.record import Node, WorkflowRecord, loose
from exitkit.process.spans import NodeSpan, Spans
from exitkit.text import redact
from exitkit.text.safe import is_secret_name

_LENGTH: Final = 16  # of its hexadecimal digits
_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


class Inputs:
    """Digests of what the steps of one record were given; the same for the same, in whichever run.

    What is secret by its name or value plays no part, so that nobody can find it out by trying.
    """

    def __init__(self, record: WorkflowRecord, spans: Spans) -> None:
        self._record, self._spans = record, spans
        self._parameters = _open(record.parameters)
        self._templates: dict[tuple[str, str, str], str] = {}

    def step(self, span: NodeSpan) -> str:
        """The name of what it is a try of, else its own."""
        holder = self._spans.by_id.get(span.parent) if span.retried else None
        return (holder or span).node.display_name

    def digests(self, spans: Iterable[NodeSpan]) -> Mapping[str, str]:
        """By their ids those of these steps, the same for each try: 16 hexadecimal digits."""
        given = {span.id: self._given(span) for span in spans}
        # What looks like a secret is looked for in all of them at once, in a fraction of the time; no text holds a line's end.
        safe = redact.redact("\n".join(given.values())).split("\n")
        if len(safe) != len(given):
            safe = [redact.redact(text) for text in given.values()]
        return dict(zip(given, map(_digest, safe), strict=True))

    def _given(self, span: NodeSpan) -> str:
        node = span.node
        given = [self.step(span), self._template(node), _open(node.inputs), node.input_artifacts, self._parameters]
        return orjson.dumps(given, option=_OPTIONS, default=str).decode("utf-8", "replace")

    def _template(self, node: Node) -> str:
        reference = node.template_ref
        key = node.template_scope, loose.text(reference, "name"), node.template_name
        if key not in self._templates:
            template = self._record.template_of(node)
            self._templates[key] = (
                _digest(orjson.dumps(template, option=_OPTIONS, default=str).decode()) if template else ""
            )
        return self._templates[key]


def step_name(name: str) -> str:
    """The step's name without its item: `score(0:eu)` is one of `score`."""
    return name.partition("(")[0] or name


def _open(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not is_secret_name(name)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_LENGTH]
