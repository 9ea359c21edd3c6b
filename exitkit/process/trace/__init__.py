"""The workflow as an OpenTelemetry trace: a span for each node."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.errors import Skip
from exitkit.process.course import Course
from exitkit.process.endpoint import Endpoint
from exitkit.process.trace import encoding

_BATCH = 1000
"""Spans of a request: some 400 KB, where collectors take 4 MiB at least."""


class Trace(Endpoint, Action):
    """Send the finished workflow as a trace to an OpenTelemetry collector, or whatever takes OTLP/HTTP.

    A span for the workflow and for each of its nodes, with tries and hooks as spans of their own, named as
    OpenTelemetry's conventions for CI/CD have it. Ids are made of the workflow's uid and its nodes', so that a second run
    sends the same trace. Where `TRACEPARENT` or the annotation of Argo's own trace is there, it hangs below that.
    It needs the workflow's record.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        "spans": "how many spans were sent",
        "traceId": "the trace's id",
    }

    reads_lines: ClassVar[bool] = False  # numbers and times alone

    service_name: str = Field(
        "argo-workflows", min_length=1, description="What the spans say they are of: service.name."
    )
    resource_attributes: dict[str, str] = Field({}, description="More attributes of the resource, for all spans.")

    @model_validator(mode="after")
    def _has_a_place(self) -> "Trace":
        if not self.url:
            raise ValueError("url is needed")
        return self

    def run(self, context: Context) -> Result:
        course = Course(context.record(needed=True))
        if not course.spans:
            raise Skip("there is no record of the workflow to make spans of; see docs/record.md for the right it needs")
        trace = encoding.WorkflowTrace(context.workflow, course)
        facts = {"spans": len(course.spans), "traceId": trace.id.hex()}
        if context.dry_run:
            return Result(f"would send {len(course.spans)} spans to {self.told}", facts)
        what = f"sending a trace to {self.told}"
        resource = {"service.name": self.service_name, **self.resource_attributes}
        for start in range(0, len(course.spans), _BATCH):
            body = trace.request(course.spans[start : start + _BATCH], resource)
            # A second arrival has the same ids, which is the same span.
            self.export(context, "/v1/traces", body, what=what)
        return Result(f"sent {len(course.spans)} spans to {self.told}", facts)
