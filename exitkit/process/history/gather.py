"""The last runs of a series, from wherever something is known of them; what could not be asked is a note."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from exitkit.argo.record import WorkflowRecord, loose, read
from exitkit.argo.workflow import Workflow
from exitkit.clients.argo import runs
from exitkit.context import Context
from exitkit.errors import ConfigError, ExitkitError
from exitkit.history import History
from exitkit.process.bill import Prices
from exitkit.process.history.pastrun import PastRun, of_end, of_record, of_report
from exitkit.process.history.reports import documents
from exitkit.process.spans import Spans
from exitkit.process.usage import StepUsage
from exitkit.process.usage.prometheus import Watched, unknown
from exitkit.text.safe import line

Source = Literal["store", "argo", "reports"]

_LABEL: Final = "workflows.argoproj.io/"
_LABELS: Final = {
    "cron": (f"{_LABEL}cron-workflow",),
    "template": (f"{_LABEL}workflow-template", f"{_LABEL}cluster-workflow-template"),
}
_MOST_NOTES: Final = 20
_APART: Final = 300.0  # seconds by which two sources may differ on when one and the same end was


@dataclass(frozen=True)
class Series:
    """What the runs are runs of: `cron/nightly`, `template/etl`, or what a plan calls it; and its namespace."""

    namespace: str
    name: str

    @classmethod
    def of(cls, workflow: Workflow, named: str) -> "Series":
        """As a setting names it, else that of this workflow. Raises ConfigError where nothing tells."""
        if not named and workflow.cron:
            named = f"cron/{workflow.cron}"
        elif not named and workflow.workflow_template:
            named = f"template/{workflow.workflow_template}"
        return cls(workflow.namespace, named)

    @property
    def key(self) -> str:
        """As the store's history has it."""
        return f"{self.namespace}/{self.name}"

    def selectors(self) -> tuple[str, ...]:
        """The label selectors that its workflows fit, one of them each; none where its name tells no label."""
        kind, _, name = self.name.partition("/")
        return tuple(f"{label}={name}" for label in _LABELS.get(kind, ())) if name else ()

    def has(self, labels: Mapping[str, str], namespace: str) -> bool:
        """Whether a workflow of these labels may be one: it bears no label of another series, nor another namespace."""
        if namespace and self.namespace and namespace != self.namespace:
            return False
        kind, _, name = self.name.partition("/")
        known = [labels[label] for label in _LABELS.get(kind, ()) if labels.get(label)]
        return not name or not known or name in known


class Gathering:
    """What is asked of which source; `notes` say what gave nothing, and why."""

    def __init__(
        self, context: Context, series: Series, most: int, prices: Prices | None, watched: Watched | None = None
    ) -> None:
        self.context, self.series, self.most, self.prices = context, series, most, prices
        self._watched = watched
        self.notes: list[str] = []
        self.asked: list[str] = []

    def runs(self, sources: Iterable[Source], reports: Sequence[str], selector: str) -> tuple[PastRun, ...]:
        """The last so many, in the order of time."""
        ask: Mapping[Source, Callable[[], Iterator[PastRun | None]]] = {
            "argo": lambda: self._argo(selector),
            "reports": lambda: self._reports(reports),
            "store": self._store,
        }
        known = list(self._this())
        for source in ("argo", "reports", "store"):
            if source in sources:
                known += self._from(source, ask[source])
        merged = _merged(run for run in known if run.ended > 0)
        return tuple(sorted(merged, key=lambda run: (run.ended, run.name))[-self.most :])

    def _from(self, source: str, ask: Callable[[], Iterator[PastRun | None]]) -> list[PastRun]:
        each: list[PastRun] = []
        try:
            each.extend(run for run in ask() if run is not None)
        except ConfigError:
            raise
        except ExitkitError as error:
            self._note(f"{source}: {error}")
        return each

    def _this(self) -> Iterator[PastRun]:
        """This very run, where it has ended."""
        record, workflow = self.context.record(), self.context.workflow
        if record is not None and not workflow.step and self.series.has(record.labels, record.namespace):
            run = self._of_record(record, "this")
            if run is not None:
                yield run

    def _store(self) -> Iterator[PastRun]:
        if self.context.state is None:
            return
        self.asked.append(self.context.state.where)
        history = self.context.history
        if history is None or history.series != self.series.key:
            history = History(self.context.state, self.context.workflow, self.series.key)
        standing = history.standing(self.context.deadline)
        for note in history.notes:
            self._note(note)
        # Of a run whose end nobody knows, or of none, there is an end all the same.
        has_ended = self.context.workflow.status in ("Succeeded", "Failed", "Error")
        yield from (of_end(end) for end in standing.ends.each if has_ended or end != standing.this)

    def _argo(self, selector: str) -> Iterator[PastRun | None]:
        selectors = (selector,) if selector else self.series.selectors()
        if not selectors or not self.series.namespace or not runs.is_known(os.environ):
            return
        for labels in selectors:
            for record in runs.records(self.series.namespace, labels, self.most, os.environ, self.context.retry):
                if isinstance(record, str):
                    self._note(record)
                else:
                    yield self._of_record(record, "argo")
        self.asked.append("argo")

    def _reports(self, places: Sequence[str]) -> Iterator[PastRun | None]:
        for place in places:
            count = 0
            self.asked.append(place)
            for document in documents(place, self.context):
                if isinstance(document, str):
                    self._note(document)
                    continue
                run = self._told(*document)
                count += run is not None
                yield run
                if count >= self.most:
                    break

    def _told(self, document: Mapping[str, Any], written: float) -> PastRun | None:
        """What a file holds; None for one that is no report of this series, such as another tool's."""
        if "status" in document and "metadata" in document:
            record: WorkflowRecord = read(document)
            if not self.series.has(record.labels, record.namespace):
                return None
            return self._of_record(record, "report")
        version, workflow = document.get("version"), loose.mapping(document.get("workflow"))
        if not workflow or not isinstance(version, int):
            return None
        if version > 1:
            self._note(f"a report of a newer exitkit (version {version}) is left out")
            return None
        if not self.series.has(loose.words(workflow.get("labels")), loose.text(workflow, "namespace")):
            return None
        return of_report(document, self.context.workflow.argo_url, written)

    def _of_record(self, record: WorkflowRecord, source: str) -> PastRun | None:
        return of_record(record, self.prices, self.context.workflow.argo_url, source, self._used)

    def _used(self, record: WorkflowRecord, spans: Spans) -> tuple[StepUsage, ...]:
        if self._watched is None:
            return ()
        try:
            return self._watched.usage_of(record, spans, self.context)
        except ExitkitError as error:
            self._watched = None  # who did not answer of one run is not asked of the next
            self._note(unknown(error))
            return ()

    def _note(self, note: str) -> None:
        note = line(note, 300)
        if note not in self.notes and len(self.notes) < _MOST_NOTES:
            self.notes.append(note)


def _merged(runs: Iterable[PastRun]) -> Iterator[PastRun]:
    """One of each workflow: its last end, as whoever knows most of it tells; where it ended before, that is counted."""
    ends: dict[str, list[PastRun]] = {}
    for run in runs:
        ends.setdefault(run.name or run.uid, []).append(run)
    for each in ends.values():
        last = max(run.ended for run in each)
        ended_last = [run for run in each if last - run.ended <= _APART]
        best = max(ended_last, key=lambda run: (len(run.steps) > 0, run.source == "this", run.ended))
        priced = next((run.cost for run in (best, *ended_last) if run.cost), None)
        times: list[float] = []
        for run in sorted(each, key=lambda run: run.ended):
            if not times or run.ended - times[-1] > _APART:
                times.append(run.ended)
        usage = next((run.usage for run in (best, *ended_last) if run.usage), ())
        yield replace(best, cost=priced, usage=usage, cause=best.cause or next((run.cause for run in ended_last if run.cause), ""),
                      ends=len(times))  # fmt: skip
