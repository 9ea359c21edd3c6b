"""Numbers of a run for Prometheus and for OpenTelemetry collectors."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from exitkit.action import Action, Result
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError
from exitkit.process import destination
from exitkit.process.bill import Prices, chosen
from exitkit.process.course import Course
from exitkit.process.endpoint import Endpoint
from exitkit.process.metrics import otlp
from exitkit.process.metrics.exposition import REMOTE_WRITE_HEADERS, as_remote_write, as_text
from exitkit.process.metrics.families import Family, families
from exitkit.settings.fields import ADDRESS
from exitkit.text.safe import line

_LONGEST = 200  # characters of a label's value
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OURS = ("argo_run_", "__")


class Metrics(Endpoint, Action):
    """Send a run's numbers to Prometheus, to an OpenTelemetry collector, or to a file.

    Prometheus is a Pushgateway here, or whatever takes remote write. The numbers are status, end, duration and failed
    steps, and where the workflow's record can be read retries, waiting, the longest step of each template and what was
    requested. The labels are the namespace and the CronWorkflow or WorkflowTemplate, never the workflow's name or uid:
    each run would make series that nobody removes. `examples/grafana` has a dashboard.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        "samples": "how many samples were sent",
        "labels": "the labels that all of them have",
        "text": "in a dry run all of it as Prometheus reads it",
    }

    reads_lines: ClassVar[bool] = False  # numbers and times alone

    to: Literal["pushgateway", "remote_write", "otlp", "file"] = Field("pushgateway", description="What takes them.")
    path: Annotated[destination.Place, ADDRESS] = Field(
        "", description="The file or object for `file`; node_exporter reads those that end in .prom."
    )
    job: str = Field("exitkit", min_length=1, description="The label job, and in OpenTelemetry the service.name.")
    external_labels: dict[str, str] = Field({}, description="More labels, such as the team.")
    gauges: dict[str, float | str] = Field(
        {}, description="More gauges, by their whole names, such as a count that process.query found."
    )
    prices: str | Prices | None = Field(None, description="What resources cost, as in process.report.")

    @field_validator("external_labels", "gauges")
    @classmethod
    def _are_names(cls, values: dict[str, str]) -> dict[str, str]:
        for name in values:
            if not _NAME.fullmatch(name) or name.startswith(_OURS):
                raise ValueError(f"{name[:100]!r} is no name for it: letters, digits and _ only, and none that begins "
                                 "with argo_run_ or __")  # fmt: skip
        return values

    @model_validator(mode="after")
    def _has_a_place(self) -> "Metrics":
        if self.to == "file":
            if not self.path:
                raise ValueError("path is needed for a file")
            destination.check(self.path)
        elif not self.url:
            raise ValueError(f"url is needed for {self.to}")
        return self

    def run(self, context: Context) -> Result:
        prices = chosen(self.prices)
        course = Course(context.record(), prices)
        labels = self._labels(context.workflow)
        gauges = [*families(context, course), *self._own()]
        count = sum(len(family.samples) for family in gauges)
        facts = {"samples": count, "labels": labels}
        where = self.path if self.to == "file" else self.told
        if context.dry_run:
            return Result(f"would send {count} samples to {where}", {**facts, "text": as_text(gauges, labels)})
        ended = course.spans.end if course.spans else context.deadline.clock.time()
        self._send(gauges, labels, ended, context)
        return Result(f"sent {count} samples to {where}", facts)

    def _labels(self, workflow: Workflow) -> dict[str, str]:
        made = {
            "namespace": workflow.namespace,
            "workflow_template": workflow.workflow_template,
            "cron_workflow": workflow.cron,
            **self.external_labels,
        }
        for name, value in made.items():
            for own in (workflow.name, workflow.uid):
                if own and own in value and name in self.external_labels:
                    raise ConfigError(
                        f"external_labels.{name} has the workflow's name or uid in it, so that each run would make series that "
                        "nobody removes: leave it out"
                    )
        return {name: line(value, _LONGEST) for name, value in made.items() if value}

    def _own(self) -> list[Family]:
        made = []
        for name, value in self.gauges.items():
            try:
                made.append(Family(name, "Given by the plan.", (({}, float(value)),)))
            except ValueError:
                raise ActionError(f"gauges.{name}: {line(str(value), 100)!r} is no number", reason="data") from None
        return made

    def _send(self, gauges: list[Family], labels: dict[str, str], ended: float, context: Context) -> None:
        what = f"sending metrics to {self.told}"
        if self.to == "file":
            destination.write(self.path, as_text(gauges, labels).encode("utf-8", "backslashreplace"), context)
        elif self.to == "pushgateway":
            # POST, and not PUT: the last success stays where this run was none.
            body = as_text(gauges, {}).encode("utf-8", "backslashreplace")
            headers = {"Content-Type": "text/plain; version=0.0.4"}
            self.post(
                context,
                self.at("").rstrip("/") + _group({"job": self.job, **labels}),
                body,
                headers,
                what=what,
                safe=True,
            )
        elif self.to == "remote_write":
            body = as_remote_write(gauges, {"job": self.job, **labels}, int(ended * 1000))
            self.post(context, self.at("/api/v1/write"), body, REMOTE_WRITE_HEADERS, what=what, safe=True)
        else:
            body = otlp.request(gauges, {"service.name": self.job, **labels}, int(ended * 1e9))
            self.export(context, "/v1/metrics", body, what=what)


def _group(labels: dict[str, str]) -> str:
    """The path of a group: https://github.com/prometheus/pushgateway#url; what a path cannot hold goes in base64."""
    from base64 import urlsafe_b64encode

    parts = ["/metrics"]
    for name, value in labels.items():
        if "/" in value or PurePosixPath(value).name != value:
            parts.append(f"{name}@base64/{urlsafe_b64encode(value.encode()).decode().rstrip('=') or '='}")
        else:
            parts.append(f"{name}/{quote(value, safe='')}")
    return "/".join(parts)
