"""Nodes as spans of OpenTelemetry: opentelemetry/proto/trace/v1/trace.proto.

Names and attributes are those of https://opentelemetry.io/docs/specs/semconv/cicd/.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

from exitkit.argo.workflow import Workflow
from exitkit.clients.otlp import protobuf
from exitkit.clients.otlp.attributes import attributes
from exitkit.process.course import Course
from exitkit.process.spans import NodeSpan
from exitkit.text.safe import clean, line

_NAME, _MESSAGE = 200, 2000
_INTERNAL, _SERVER = 1, 2
_ERROR = 2
_ABOVE = re.compile(r"(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})")
_ANNOTATION = "workflows.argoproj.io/"
_RESULTS = {"Succeeded": "success", "Failed": "failure", "Error": "error", "Skipped": "skip", "Omitted": "skip"}


class WorkflowTrace:
    """One workflow's trace; `id` is its 16 bytes."""

    def __init__(self, workflow: Workflow, course: Course) -> None:
        self._workflow, self._course = workflow, course
        record = course.record
        assert record is not None
        self._uid = record.uid or workflow.uid or workflow.name
        above = _ABOVE.fullmatch(_argos_span(record.annotations) or workflow.traceparent[3:-3])
        self.id = bytes.fromhex(above[1]) if above else hashlib.sha256(self._uid.encode()).digest()[:16]
        self._above = bytes.fromhex(above[2]) if above else b""

    def request(self, spans: Sequence[NodeSpan], resource: Mapping[str, str]) -> bytes:
        """An ExportTraceServiceRequest."""
        record = self._course.record
        assert record is not None
        where = {**resource, "k8s.namespace.name": record.namespace}
        scope = protobuf.nested(1, protobuf.text(1, "exitkit"))
        each = b"".join(protobuf.nested(2, self._span(span)) for span in spans)
        return protobuf.nested(1, protobuf.nested(1, attributes(1, where)) + protobuf.nested(2, scope + each))

    def span_id(self, node: str) -> bytes:
        """8 bytes, the same in each run."""
        return hashlib.sha256(f"{self._uid}\0{node}".encode()).digest()[:8]

    def _span(self, span: NodeSpan) -> bytes:
        is_root = span.node.name == self._root
        parent = self.span_id(span.parent) if span.parent else self._above
        kind = _SERVER if is_root else _INTERNAL
        # Low in number, as the conventions want: the template, and not the item of a loop.
        name = f"RUN {self._pipeline}" if is_root else line(span.template or span.node.display_name, _NAME)
        made = [
            protobuf.nested(1, self.id),
            protobuf.nested(2, self.span_id(span.id)),
            protobuf.nested(4, parent) if parent else b"",
            protobuf.text(5, name),
            protobuf.number(6, kind),
            protobuf.fixed(7, int(span.start * 1e9)),
            protobuf.fixed(8, int(span.end * 1e9)),
            attributes(9, self._attributes(span, is_root=is_root)),
        ]
        if span.node.message:
            said = attributes(3, {"message": clean(span.node.message, _MESSAGE)})
            made.append(
                protobuf.nested(11, protobuf.fixed(1, int(span.end * 1e9)) + protobuf.text(2, "message") + said)
            )
        if span.failed:
            why = protobuf.text(2, line(span.node.message or span.phase, _NAME))
            made.append(protobuf.nested(15, why + protobuf.number(3, _ERROR)))
        return b"".join(made)

    def _attributes(self, span: NodeSpan, *, is_root: bool) -> dict[str, object]:
        record, node = self._course.record, span.node
        assert record is not None
        result = _RESULTS.get(span.phase, "")
        own: dict[str, object] = {
            "argo.node.id": span.id,
            "argo.node.name": line(node.display_name, _NAME),
            "argo.node.type": span.type,
            "k8s.pod.name": record.pod_name(node) if span.does else "",
            "k8s.node.name": line(node.host, _NAME),
            "error.type": (line(node.message, 50).partition(" (")[0] or span.phase) if span.failed else "",
            "argo.node.attempts": span.attempts if span.attempts > 1 else "",
            "process.exit.code": node.exit_code if node.exit_code is not None else "",
        }
        if is_root:
            own |= {
                "cicd.pipeline.name": self._pipeline,
                "cicd.pipeline.run.id": self._uid,
                "cicd.pipeline.run.url.full": self._workflow.url,
                "cicd.pipeline.result": "cancellation" if self._workflow.stopped and span.failed else result,
                "argo.workflow.name": record.name,
            }
        else:
            own |= {
                "cicd.pipeline.task.name": line(span.template or node.display_name, _NAME),
                "cicd.pipeline.task.run.id": span.id,
                "cicd.pipeline.task.run.result": result,
            }
        return {name: value for name, value in own.items() if value != ""}

    @property
    def _root(self) -> str:
        record = self._course.record
        return record.name if record else ""

    @property
    def _pipeline(self) -> str:
        """What all runs of it are called."""
        record, workflow = self._course.record, self._workflow
        assert record is not None
        return line(
            workflow.cron or workflow.workflow_template or record.entrypoint or workflow.main_entrypoint or "workflow",
            _NAME,
        )


def _argos_span(annotations: Mapping[str, str]) -> str:
    """Where Argo's own tracing, from 4.1 on, says that the workflow's span is."""
    trace, span = (annotations.get(f"{_ANNOTATION}{name}", "") for name in ("trace-id", "span-id"))
    return f"{trace}-{span}" if trace and span else ""
