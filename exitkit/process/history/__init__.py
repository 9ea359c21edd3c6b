"""The last runs of a series on one page: how they ended, how long they took, which steps are flaky, and what it cost."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from exitkit.action import Action, Result, Right
from exitkit.context import Context
from exitkit.errors import ActionError, Skip
from exitkit.process import destination
from exitkit.process.accountfiles import AccountFiles
from exitkit.process.bill import Prices, chosen
from exitkit.process.history import account, page, words
from exitkit.process.history.gather import Gathering, Series, Source
from exitkit.process.history.summary import Summary
from exitkit.process.usage.advice import unfit
from exitkit.process.usage.prometheus import Watched
from exitkit.settings.fields import ADDRESS
from exitkit.text.units import Seconds, human_duration, human_size

Format = Literal["html", "markdown", "json"]


class History(Watched, AccountFiles, Action):
    """Gather the last runs of a series into one page.

    It shows outcomes and causes, durations, flaky steps, the slowest ones, and the bill.

    The series is that of this workflow, its CronWorkflow or WorkflowTemplate, or what `series` names, so that it also runs
    outside of one: `exitkit process history --namespace ml --series cron/nightly`. What is known of a run comes from its
    record by argo-server, live or archived, or by the Kubernetes API; from the report.json that it left, or its Workflow
    object in a file; and from the store of `state`, which has how it ended and how long it took. A step is flaky that
    failed and then passed on the same inputs. Templates of later steps read `steps.<id>.paths`, `runs`, `failed`,
    `failuresInARow`, `usual`, `flaky`, `cost` and `fits`.
    """

    names: ClassVar[Mapping[Format, str]] = {"html": "history.html", "markdown": "history.md", "json": "history.json"}

    gives: ClassVar[Mapping[str, str] | None] = {
        "path": "the file or object, the first one where there are several",
        "paths": "all of them",
        "runs": "how many runs are known",
        "failed": "how many of them failed",
        "failuresInARow": "how many failed one after the other up to now",
        "usual": "how long a run takes, the median in seconds",
        "flaky": "the names of steps that failed and then passed on the same inputs",
        "fits": "which steps asked for too much or too little, with prometheus",
        "cost": "what the runs cost, with prices",
        "currency": "of which currency that is",
    }

    reads_lines: ClassVar[bool] = False

    series: str = Field(
        "",
        max_length=300,
        description="What the runs are runs of: cron/NAME, template/NAME, or the `series` of the plan that kept them; by "
        "default that of this workflow.",
    )
    runs: int = Field(30, ge=1, le=500, description="Most runs, the last ones.")
    since: Seconds | None = Field(None, gt=0, description="Only runs that ended in so much time up to now, such as 7d.")
    sources: list[Source] = Field(
        ["argo", "reports", "store"],
        min_length=1,
        description="Where to look: argo is argo-server or the Kubernetes API, reports the places of `reports`, store "
        "what `state` names.",
    )
    reports: list[Annotated[destination.Place, ADDRESS]] = Field(
        [],
        description="Folders, files, s3://bucket/prefix or gs://bucket/prefix with the report.json of earlier runs, or "
        "their Workflow objects.",
    )
    selector: str = Field(
        "", max_length=1000, description="Label selector of the workflows, where the series tells no label: team=etl,env=prod."
    )  # fmt: skip
    formats: list[Format] = Field(["html", "markdown", "json"], min_length=1, description="What to write.")
    path: Annotated[destination.Place, ADDRESS] = Field(
        "",
        description="One file or object instead of the folder, in the form that its ending tells: .html, .md or .json.",
    )
    prices: str | Prices | None = Field(
        None,
        description="What resources cost, for the bill of runs whose record is read: a sample (aws-fargate, gke-autopilot, "
        "azure-container-instances) or prices of an hour: currency, date, cpu, memory (of a GiB), and others by their names.",
    )

    @field_validator("reports")
    @classmethod
    def _are_places(cls, reports: list[str]) -> list[str]:
        return [destination.check(place) for place in reports]

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:  # noqa: ARG003 - whatever is set
        return True

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        sources = given.get("sources") or ["argo"]
        asks = "argo" in sources if isinstance(sources, list | tuple) else True
        return (Right("argoproj.io", "workflows", ("get", "list")),) if asks else ()

    def run(self, context: Context) -> Result:
        series, prices = Series.of(context.workflow, self.series), chosen(self.prices)
        gathering = Gathering(context, series, self.runs, prices, self if self.prometheus else None)
        runs = gathering.runs(self.sources, self.reports, self.selector)
        if self.since is not None:
            earliest = context.deadline.clock.time() - self.since
            runs = tuple(run for run in runs if run.ended >= earliest)
        if not runs:
            if gathering.notes:
                raise ActionError(f"no run is known of: {'; '.join(gathering.notes)}", reason="client")
            raise Skip(_nothing(series, self.since))
        summary, notes = Summary(runs, self.margin), tuple(gathering.notes)
        scope = _scope(runs, self.since)
        files = {
            place: _rendered(form, series, summary, notes, scope) for place, form in self.forms(self.formats).items()
        }
        said = f"{' and '.join(files)} ({human_size(sum(map(len, files.values())))})"
        facts = {"path": next(iter(files)), "paths": list(files), **_facts(summary)}
        if context.dry_run:
            return Result(f"would write {said}", facts, notes)
        for place, content in files.items():
            destination.write(place, content, context)
        return Result(
            f"{len(runs)} {'runs' if len(runs) != 1 else 'run'}, {summary.failed} failed: wrote {said}", facts, notes
        )


def _nothing(series: Series, since: float | None) -> str:
    lately = f" of the last {human_duration(since)}" if since is not None else ""
    where = "name `reports` or a `state`, or set ARGO_SERVER"
    return f"no run of {words.short(series.name)}{lately} is known; {where}"


def _scope(runs: Sequence[object], since: float | None) -> str:
    lately = f", of the last {human_duration(since)}" if since is not None else ""
    return f"Made of the last {len(runs)} runs that are known{lately}; runs that left nothing are not among them."


def _facts(summary: Summary) -> dict[str, object]:
    facts: dict[str, object] = {
        "runs": len(summary.runs),
        "failed": summary.failed,
        "failuresInARow": summary.failures_in_a_row,
        "usual": summary.median,
        "flaky": [step.name for step in summary.flaky[:20]],
    }
    if summary.advices:
        facts["fits"] = unfit(summary.advices)
    if bills := summary.bills:
        facts |= {"cost": round(bills[0].cost, 6), "currency": bills[0].currency}
    return facts


def _rendered(form: Format, series: Series, summary: Summary, notes: Sequence[str], scope: str) -> bytes:
    if form == "html":
        text = page.as_html(words.short(series.name), summary, notes, scope)
    elif form == "markdown":
        text = account.as_markdown(words.short(series.name), summary, notes, scope)
    else:
        whole = account.as_json(series.name, series.namespace, summary, notes)
        text = json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")
