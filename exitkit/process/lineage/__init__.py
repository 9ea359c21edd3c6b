"""The run as OpenLineage tells of runs: what ran, how it ended, and which data it read and wrote."""

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.errors import Skip
from exitkit.process import destination
from exitkit.process.endpoint import Endpoint
from exitkit.process.lineage.events import events
from exitkit.settings.fields import ADDRESS


class Lineage(Endpoint, Action):
    """Tell an OpenLineage service such as Marquez that the workflow ran, and what it read and wrote.

    COMPLETE, FAIL or ABORT at its end, with START before it unless `start` is false; in a hook on Running, START alone. The run's
    id is the workflow's uid, its job the CronWorkflow or WorkflowTemplate. Datasets are the artifacts of its steps in S3 and
    Google Cloud Storage, where the workflow's record can be read, and those that the plan names.
    """

    gives: ClassVar[Mapping[str, str] | None] = {
        "events": "which events were sent",
        "inputs": "how many datasets were read",
        "outputs": "how many were written",
    }

    path: Annotated[destination.Place, ADDRESS] = Field(
        "", description="A file or object for the events, a line each, instead of a url."
    )
    job_namespace: str = Field("", description="The job's namespace; by default argo:// and the workflow's namespace.")
    job_name: str = Field("", description="The job's name; by default the CronWorkflow's or WorkflowTemplate's.")
    reads: list[str] = Field([], description="More datasets that were read, as URLs such as s3://bucket/table.")
    writes: list[str] = Field([], description="More datasets that were written.")
    start: bool = Field(True, description="Tell of the start as well, with the time that it was at.")

    @model_validator(mode="after")
    def _has_a_place(self) -> "Lineage":
        if bool(self.url) == bool(self.path):
            raise ValueError("give one of url and path")
        for dataset in (*self.reads, *self.writes):
            if "://" not in dataset:
                raise ValueError(f"{dataset[:100]!r} is no URL of a dataset, such as s3://bucket/table")
        if self.path:
            destination.check(self.path)
        return self

    def run(self, context: Context) -> Result:
        if not context.workflow.uid:
            raise Skip("the workflow's uid is not known, and a run of OpenLineage is named by it")
        told = events(
            context,
            context.record(),
            namespace=self.job_namespace,
            job=self.job_name,
            inputs=self.reads,
            outputs=self.writes,
            is_start_told=self.start,
        )
        kinds = [str(event["eventType"]) for event in told]
        facts = {"events": kinds, "inputs": len(told[-1]["inputs"]), "outputs": len(told[-1]["outputs"])}
        where = self.path or self.told
        if context.dry_run:
            return Result(f"would tell {where} of {' and '.join(kinds)}", facts)
        lines = [json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace") for event in told]
        if self.path:
            destination.write(self.path, b"".join(line + b"\n" for line in lines), context)
        else:
            for body in lines:
                # The service puts events of one run together, so that a second arrival changes nothing.
                headers = {"Content-Type": "application/json"}
                what = f"sending lineage to {self.told}"
                self.post(context, self.at("/api/v1/lineage"), body, headers, what=what, safe=True)
        return Result(f"told {where} of {' and '.join(kinds)}", facts)
