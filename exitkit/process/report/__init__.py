"""The account of the finished workflow: a page for people, Markdown for GitHub and Argo, JSON for scripts."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from exitkit.action import Action, Result, Right
from exitkit.argo.record import WorkflowRecord
from exitkit.context import Context
from exitkit.message import markup
from exitkit.process import destination, podphases
from exitkit.process.accountfiles import AccountFiles
from exitkit.process.bill import Prices, chosen
from exitkit.process.course import Course
from exitkit.process.report import account, page, picture
from exitkit.process.spans import Spans
from exitkit.process.usage.advice import Advice, unfit
from exitkit.process.usage.prometheus import Watched
from exitkit.settings.fields import ADDRESS
from exitkit.text.safe import line
from exitkit.text.units import human_size

Format = Literal["html", "markdown", "json", "svg", "png"]


class Report(Watched, AccountFiles, Action):
    """Write a report of the finished workflow: as a page of HTML, as Markdown and as JSON.

    What failed and why comes first. Where the workflow's record can be read there follow a timeline, the critical path,
    the slowest steps, artifacts, and with `prices` the bill. The page needs no script and no other address. Templates of
    later steps read `steps.<id>.path`; with `prometheus` also `fits`, which says of each step that asks for too much or too
    little what it used.
    """

    names: ClassVar[Mapping[Format, str]] = {
        "html": "report.html",
        "markdown": "report.md",
        "json": "report.json",
        "svg": "timeline.svg",
        "png": "timeline.png",
    }

    gives: ClassVar[Mapping[str, str] | None] = {
        "path": "the file or object, the first one where there are several",
        "paths": "all of them",
        "failed": "how many steps failed",
        "bytes": "their size in bytes",
        "seconds": "how long the workflow ran, from its record",
        "criticalPath": "the names of the steps on the critical path, at most 50",
        "fits": "which steps asked for too much or too little, and what they used, with prometheus",
        "cost": "what the resources cost, with prices",
        "currency": "of which currency that is",
    }

    compares: ClassVar[bool] = True

    formats: list[Format] = Field(
        ["markdown", "json"],
        min_length=1,
        description="What to write. svg and png are the timeline alone, small enough for a message; png needs the extra png.",
    )
    path: Annotated[destination.Place, ADDRESS] = Field(
        "",
        description="One file or object instead of the folder, in the form that its ending tells: .html, .md, .json, "
        ".svg or .png.",
    )
    links: dict[str, str] = Field(
        {},
        max_length=20,
        description="More links for its head, by what they say, such as {All runs: https://reports.example/nightly.html}.",
    )
    pods: bool = Field(
        False,
        description="Ask Kubernetes for the workflow's pods, in one list, to tell how long each was pending and "
        "initialising; what Argo keeps does not say that. Of pods that are gone nothing is known.",
    )
    prices: str | Prices | None = Field(
        None,
        description="What resources cost, for the bill: a sample (aws-fargate, gke-autopilot, azure-container-instances) "
        "or prices of an hour: currency, date, cpu, memory (of a GiB), and others by their names.",
    )

    @classmethod
    def wants_record(cls, given: Mapping[str, object]) -> bool:  # noqa: ARG003 - whatever is set
        return True

    @classmethod
    def rights(cls, given: Mapping[str, object]) -> Sequence[Right]:
        return (Right("", "pods", ("list",)),) if given.get("pods") in (True, "true") else ()

    def check_extras(self) -> None:
        if "png" in self.forms(self.formats).values():
            picture.check()

    def run(self, context: Context) -> Result:
        prices = chosen(self.prices)
        notes: list[str] = []

        def watched(record: WorkflowRecord | None, spans: Spans) -> tuple[Advice, ...]:
            advices, note = self.advices(record, spans, context)
            notes.extend([note] if note else [])
            return advices

        record = context.record()
        pods, note = podphases.asked(record, context) if self.pods else ({}, "")
        notes.extend([note] if note else [])
        course = Course(record, prices, watched if self.prometheus else None, pods)
        files = {place: self._rendered(form, context, course) for place, form in self.forms(self.formats).items()}
        size = sum(map(len, files.values()))
        facts = {
            "path": next(iter(files)),
            "paths": list(files),
            "failed": len(context.workflow.failures),
            "bytes": size,
            **_facts(course),
        }
        said = f"{' and '.join(files)} ({human_size(size)})"
        if context.dry_run:
            return Result(f"would write {said}", facts, tuple(notes))
        for place, content in files.items():
            destination.write(place, content, context)
        return Result(f"wrote {said}", facts, tuple(notes))

    def _rendered(self, form: Format, context: Context, course: Course) -> bytes:
        if form == "png":
            return picture.png(course, account.shown(context).title)
        if form == "html":
            text = page.as_html(context, course, self.links)
        elif form == "svg":
            text = picture.svg(course, account.shown(context).title)
        elif form == "markdown":
            text = account.as_markdown(context, course, self.links)
        else:
            links = {line(label, 200): markup.href(url) for label, url in self.links.items()}
            whole = account.as_json(context) | ({"links": links} if links else {}) | course.as_json()
            text = json.dumps(whole, ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n"
        return text.encode("utf-8", "backslashreplace")


def _facts(course: Course) -> dict[str, object]:
    if not course.spans:
        return {}
    path = [segment.span.node.display_name for segment in course.path if segment.span and segment.kind == "run"]
    facts: dict[str, object] = {"seconds": course.spans.seconds, "criticalPath": path[:50]}
    if course.advices:
        facts["fits"] = unfit(course.advices)
    if course.bill:
        facts |= {"cost": round(course.bill.cost, 6), "currency": course.bill.currency}
    return facts
