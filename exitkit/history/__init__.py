"""What earlier runs of the same series left: how the last fifty ended, and what follows from that for this end.

A series is what makes the same workflow again and again: a CronWorkflow, a WorkflowTemplate, or what the plan names.
"""

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from exitkit.argo.failures.fingerprint import fingerprint
from exitkit.argo.record import WorkflowRecord
from exitkit.argo.timestamp import write_moment
from exitkit.argo.workflow import Workflow
from exitkit.errors import Retryable
from exitkit.history import usual
from exitkit.history.comparison import NOTHING, RunComparison
from exitkit.history.ends import End, Ends, Success, UnreadableHistory, decode, encode
from exitkit.history.provenance import Provenance, provenance
from exitkit.retry.clock import Deadline
from exitkit.store import Store, Value
from exitkit.store.bounded import BoundedStore, StoreFailure

_SLUG = re.compile(r"[^A-Za-z0-9]+")
_LONGEST = 20.0  # seconds, for the ends of many runs that ended at once
_PATIENCE = 0.5  # seconds for which a message waits, which can do without
_APART = 6.0  # seconds up to which a run waits after another was first, so that of hundreds not all write at once
_AGAIN = 6  # part of its time for which it waits at most where many write at a time and hold each other up
_ROOMY = 1024  # bytes of an end beside the history, above which only the first few have what they were made from
_SOME = 10  # ends that are taken in by a run that had no need of them

_ENDED = ("Succeeded", "Failed", "Error")


def series_of(workflow: Workflow, named: str = "") -> str:
    """What the workflow is one of: as the plan names it, else its CronWorkflow, else its template; "" if none is known."""
    if named:
        return f"{workflow.namespace}/{named}"
    if workflow.cron:
        return f"{workflow.namespace}/cron/{workflow.cron}"
    return f"{workflow.namespace}/template/{workflow.workflow_template}" if workflow.workflow_template else ""


@dataclass(frozen=True)
class Standing:
    """How this end stands to those before it."""

    ends: Ends
    """With this end."""
    this: End
    is_known: bool = True
    """Whether the earlier ones could be asked for."""

    @cached_property
    def before(self) -> End | None:
        """The end right before this one, or None where none is known."""
        earlier = [end for end in self.ends.each if end != self.this and end.at <= self.this.at]
        return earlier[-1] if earlier else None

    @property
    def word(self) -> str:
        """FirstFailure, StillFailing, Fixed, or "" for a success that follows one, or follows nothing."""
        failed_before = self.before is not None and self.before.failed
        if self.this.failed:
            return "StillFailing" if failed_before else "FirstFailure"
        return "Fixed" if failed_before else ""

    def facts(self) -> dict[str, object]:
        """What templates and conditions read as `history`, in plain JSON types."""
        last = self.ends.last_success(but=self.this)
        return {
            "failures_in_a_row": self.ends.failures_in_a_row() if self.this.failed else 0,
            "last_success": None if last is None else last.facts(),
            "usual_duration": self.ends.usual_duration(but=self.this),
            "changed": self.before is not None and self.before.failed != self.this.failed,
            "known": len(self.ends.each) - 1,
            "failed": sum(end.failed for end in self.ends.each),
        }


@dataclass(frozen=True)
class _Stored:
    """What stands in the store: the history, and by their names the ends that have not been taken into it."""

    main: Value | None
    beside: Mapping[str, Value]


class History:
    """The history of one run's series, for several threads; asked for when somebody reads it, and once.

    It raises nothing where the store fails: then nothing is known of earlier runs, and `notes` say so.
    """

    def __init__(self, store: BoundedStore, workflow: Workflow, series: str) -> None:
        self.store, self.series = store, series
        self.notes: tuple[str, ...] = ()
        self._workflow = workflow
        self._name = _name(series)
        self._lock = threading.Lock()
        self._beginning = threading.Lock()
        self._until: float | None = None  # by the clock, up to when a message waits
        self._waiters: list[threading.Event] = []
        self._standing: Standing | None = None
        self._seen: _Stored | None = None
        self._this: End | None = None
        self._made: tuple[WorkflowRecord | None, Provenance] | None = None

    def standing(self, deadline: Deadline) -> Standing:
        """How this end stands to the others, as far as they can be read."""
        with self._lock:
            if self._standing is None:
                ends, is_known = Ends(), True
                try:
                    self._seen = self.store.ask(deadline, self._read, longest=_LONGEST / 2)
                    ends = self._together(self._seen)
                except StoreFailure as failure:
                    is_known = False
                    self._note(f"nothing is known of earlier runs: {failure}")
                this = self._end(deadline)
                self._standing = Standing(ends.with_end(this), this, is_known)
            return self._standing

    def begin(self, deadline: Deadline) -> None:
        """Begin to ask for it, so that who compares need not wait when it is their turn."""
        with self._beginning:
            if self._until is not None:
                return
            self._until = deadline.clock.monotonic() + _PATIENCE
        deadline.clock.spawn(lambda: self._look(deadline), "exitkit-history")

    def compared(self, workflow: Workflow, record: WorkflowRecord | None, deadline: Deadline) -> RunComparison:
        """How this run did beside earlier ones, as far as that is known within half a second of `begin`. Never raises.

        `workflow` is the run as its record tells it, where there is one.
        """
        if not self._counts:
            return NOTHING
        self.begin(deadline)
        ready = threading.Event()
        with self._beginning:
            self._waiters.append(ready)
        assert self._until is not None
        left = self._until - deadline.clock.monotonic()
        if left > 0:
            deadline.within(left).wait(ready, lambda: self._standing is not None)
        return self._comparison(self._standing, workflow, record)

    def comparison(self, workflow: Workflow, record: WorkflowRecord | None, deadline: Deadline) -> RunComparison:
        """The same for who asked for it, and waits as long as the store may take."""
        return self._comparison(self.standing(deadline), workflow, record) if self._counts else NOTHING

    def _comparison(
        self, standing: Standing | None, workflow: Workflow, record: WorkflowRecord | None
    ) -> RunComparison:
        if standing is None or not standing.is_known:
            return NOTHING
        line = usual.sentence(standing.ends, standing.this, workflow.duration)
        success = standing.ends.success
        if success is None or not standing.this.failed or success.at > standing.this.at:
            return RunComparison(line)
        changes = self._provenance(workflow, record).changes(success.provenance)
        moment = End(success.at, success.id, "Succeeded").facts()["at"]
        return RunComparison(line, changes, success.name, str(moment or ""))

    def _provenance(self, workflow: Workflow, record: WorkflowRecord | None) -> Provenance:
        """Made once of a record: of tens of thousands of nodes it takes a while."""
        if self._made is None or self._made[0] is not record:
            self._made = record, provenance(workflow, record, self.series)
        return self._made[1]

    @property
    def _counts(self) -> bool:
        """Not a step's own handler, nor an end of which nobody knows how it was."""
        return self._workflow.status in _ENDED and not self._workflow.step

    def _look(self, deadline: Deadline) -> None:
        self.standing(deadline)
        with self._beginning:
            for ready in self._waiters:
                ready.set()

    def keep(self, deadline: Deadline, workflow: Workflow | None = None, record: WorkflowRecord | None = None) -> None:
        """Add this end to the history, whoever else adds theirs at the same time; of a success also what it was made from.

        Where another was first it is put beside the history, and the next run takes it in. `workflow` is the run as its
        record tells it.
        """
        if not self._counts:
            return
        workflow = workflow or self._workflow
        this = replace(self._end(deadline), duration=workflow.duration)
        success = None
        if not this.failed:
            success = Success(this.at, this.id, this.name, self._provenance(workflow, record))

        try:
            if not self.store.ask(deadline, lambda store: self._take_in(store, this, success), longest=_LONGEST):
                self._keep_beside(Ends().with_end(this).with_success(success), deadline)
        except StoreFailure as failure:
            self._note(f"this end is not remembered: {failure}")

    def _take_in(self, store: Store, this: End, success: Success | None) -> bool:
        """Whether it is in the history now; not where another was first."""
        there = self._seen or self._read(store, _SOME)
        ends = self._together(there)
        if ends.has(this) and not there.beside:
            return True  # by an earlier run of this handler, or by another step's
        if not self._put(store, encode(ends.with_end(this).with_success(success), self.series), there.main):
            self._seen = None
            return False
        for name in there.beside:
            store.delete(name)
        return True

    def _keep_beside(self, alone: Ends, deadline: Deadline) -> None:
        """Put this end beside the history, of many at once not all again at once. Raises StoreFailure."""

        def put_once(store: Store) -> bool:
            """Whether it got through where writes hold each other up, of which more tries soon would make more."""
            try:
                self._put_beside(store, alone)
            except Retryable:
                if not store.collides:
                    raise
                return False
            return True

        deadline.pause(deadline.clock.jitter(min(_APART, deadline.remaining() / 20)))
        if not self.store.ask(deadline, put_once, longest=_LONGEST):
            deadline.pause(deadline.clock.jitter(deadline.remaining() / _AGAIN))
            self.store.ask(deadline, lambda store: self._put_beside(store, alone), longest=_LONGEST, apart=_LONGEST / 2)

    def _put_beside(self, store: Store, alone: Ends) -> None:
        """Write this end alone, under a name of its own."""
        data = encode(alone, self.series)
        if len(data) > _ROOMY and len(store.list(self._name)) > _SOME:
            # Of that many at once the others say what a success was made from; a ConfigMap has no room for all.
            data = encode(replace(alone, success=None), self.series)
        store.put_if_absent(f"{self._name}.{alone.each[0].id}", data)

    def _read(self, store: Store, most: int | None = None) -> "_Stored":
        names = store.list(self._name)
        values = store.get_all(names[:most]) if names else {}
        return _Stored(values.pop(self._name, None), values)

    def _put(self, store: Store, data: bytes, known: Value | None) -> bool:
        """Whether it was written; not where another was first, nor where a server has had enough writes of one name."""
        try:
            if known is None:
                return bool(store.put_if_absent(self._name, data))
            return bool(store.put_if_unchanged(self._name, data, known.version))
        except Retryable:
            return False

    def _together(self, there: "_Stored") -> Ends:
        """Raises StoreFailure for what is not ours to write over."""
        ends = self._decoded(there.main)
        for value in there.beside.values():
            beside = decode(value.data, self.series)
            if isinstance(beside, Ends):
                for end in beside.each:
                    ends = ends.with_end(end)
                ends = ends.with_success(beside.success)
        return ends

    def _decoded(self, value: Value | None) -> Ends:
        """Raises StoreFailure for what is not ours to write over."""
        if value is None:
            return Ends()
        ends = decode(value.data, self.series)
        if isinstance(ends, UnreadableHistory):
            if ends.keep:
                raise StoreFailure(ends.why)
            self._note(f"{ends.why}, and begins anew")
            return Ends()
        return ends

    def _end(self, deadline: Deadline) -> End:
        if self._this is None:
            workflow, first = self._workflow, self._workflow.failures.first
            ended = workflow.ended_at
            self._this = End(
                id=_id(workflow),
                status=workflow.status or "Failed",
                at=ended.timestamp() if ended is not None else deadline.clock.time(),
                duration=workflow.duration,
                cause=hashlib.sha256(fingerprint(first.message).encode("utf-8", "replace")).hexdigest()[:16]
                if first
                else "",
                name=workflow.name,
            )
        return self._this

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes = (*self.notes, note)


def _name(series: str) -> str:
    """A name that people recognise, and no other series has."""
    slug = _SLUG.sub("-", series).strip("-")[-60:].strip("-")
    return f"history.{slug}.{hashlib.sha256(series.encode('utf-8', 'replace')).hexdigest()[:16]}"


def _id(workflow: Workflow) -> str:
    """The same in every run for the same end of the same workflow."""
    finished = max((one.finished_at for one in workflow.failures if one.finished_at), default=None)
    parts = (workflow.uid or workflow.name, workflow.status, write_moment(finished) or "")
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
