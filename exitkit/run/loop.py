"""Run a plan: each step when its terms hold, all within one deadline, whatever any of them does."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from exitkit.action import Result
from exitkit.context import Context, Entry, StepOutcome
from exitkit.errors import ActionError, ConfigError, Reason, Skip, Unknown
from exitkit.plan import registry
from exitkit.plan.check import Parallel, Plan, Step
from exitkit.retry import GRACE, Retry
from exitkit.retry.clock import Deadline
from exitkit.run import reserve, settled
from exitkit.run.binding import bind, check_extras, check_terms, informed, is_due, without_history
from exitkit.run.blame import blamed
from exitkit.run.foresight import foresee
from exitkit.run.report import FailOn, Report, entry_json, identity
from exitkit.run.spare import with_notes
from exitkit.run.unfinished import TIME, settle
from exitkit.text import redact
from exitkit.text.safejson import dumps

log = logging.getLogger("exitkit")

_AT_THE_END = 0.5
"""Seconds before the end in which it is the end that what gave up for lack of time gave up for: a shipment keeps some
time to count what was under way."""

Tell = Callable[..., None]
"""Hears of what happens, for whoever must tell it should this process not be able to: `kind, *what`."""


def dispatch(  # noqa: PLR0913 - what a run needs
    plan: Plan,
    context: Context,
    environ: Mapping[str, str],
    *,
    fail_on: FailOn = "any",
    because: str = "",
    tell: Tell = lambda *_: None,
) -> Report:
    """The report of all steps. `context.retry.deadline` bounds the whole; cutting it ends the run early.

    `because` is why all of it runs, where that is not for its own sake. Raises MissingExtra, before anything ran,
    if every step needs a library that is not installed.
    """
    check_extras(plan)
    if plan.causes:
        failures = context.workflow.failures.with_causes(tuple(cause.known for cause in plan.causes))
        context = replace(context, workflow=replace(context.workflow, failures=failures))
    foresee(plan, context)
    run = _Run(plan, context, environ, because, tell)
    clock, deadline = context.deadline.clock, context.deadline
    started, began = clock.time(), clock.monotonic()
    known = identity(context.workflow)
    notes = (*context.workflow.notes, *context.workflow.failures.notes, *without_history(plan, context))
    tell(
        "plan",
        {
            "steps": [(step.id, step.uses, step.required, tuple(step.fallback)) for step in plan.each()],
            "workflow": {key: redact.redact(str(value)) for key, value in known.items()},
            "notes": [redact.redact(note) for note in notes],
            "started": started,
            "began": began,
        },
    )
    ready = threading.Event()
    clock.spawn(lambda: run.run(ready.set), "exitkit-run")
    # Two graces: a loop reports its own end, then the step that it is in, then this.
    finished = deadline.wait(ready, lambda: run.over, 2 * GRACE)
    entries = settle(plan.each(), dict(run.entries), frozenset(run.begun), run.why or TIME)
    return Report(
        workflow=known,
        entries=entries,
        started=started,
        seconds=clock.monotonic() - began,
        notes=(*notes, *_unread(context), *_uncounted(entries, fail_on)),
        cut=not finished or run.cut,
        fail_on=fail_on,
    )


def _uncounted(entries: Iterable[Entry], fail_on: FailOn) -> tuple[str, ...]:
    """That a required step was not done, and why the exit code says nothing of it."""
    names = [
        one.step
        for one in entries
        if one.required and one.reason == "data" and one.outcome == "failed" and not one.covered_by
    ]
    if fail_on != "required" or not names:
        return ()
    return (
        f"required and not done, for the workflow's own data, which --fail-on required does not count: {', '.join(names)}",
    )


def _unread(context: Context) -> tuple[str, ...]:
    """What kept the run from the workflow's record and from the failed steps' logs, where they were asked for."""
    notes = {"the workflow's record": context.records.note, "the logs of what failed": context.logs.note}
    return tuple(f"{what}: {note}" for what, note in notes.items() if note)


class _Turn(NamedTuple):
    """A step whose turn has come: why, and who stands in for the same step if it fails as well."""

    step: Step
    because: str = ""
    others: tuple[str, ...] = ()


class _Run:
    """One run under way. The thread that runs it writes; whoever waits for it may read at any time."""

    def __init__(self, plan: Plan, context: Context, environ: Mapping[str, str], because: str, tell: Tell) -> None:
        self.plan, self.context, self.environ, self.because, self.tell = plan, context, environ, because, tell
        self.entries: dict[str, Entry] = {}
        self.over = False
        self.cut = False
        self.why: tuple[str, str, str] | None = None
        self.begun: set[str] = set()
        self.steps = {step.id: step for step in plan.each()}
        self.fallbacks = plan.fallbacks()
        self.waiting = {step.id for step in plan.each() if step.required and step.id not in self.fallbacks}
        # The end of each step, and of the patience with it, so that all is told before the run's own end.
        self.last = context.deadline.ahead(reserve.telling)
        self.patience = context.deadline.ahead(_half_telling)
        self.turns = {name: threading.Lock() for name in self.fallbacks}

    def run(self, done: Callable[[], None]) -> None:
        try:
            for item in self.plan.steps:
                self._together([step for step in _steps(item) if step.id not in self.fallbacks])
        except BaseException as error:  # what nobody thought of must not be told as lack of time
            log.error("%s", "".join(traceback.format_exception(error)))  # noqa: TRY400 - redacted by the formatter
            words = f"the run broke: {type(error).__name__}"
            self.why = ("when the run broke", words, "other")
        finally:
            self.over = True
            done()

    def _context(self, turn: _Turn, patience: Deadline) -> Context:
        """What the step is run with, which ends a little before whoever waits for it gives up."""
        step = turn.step
        return replace(
            self.context,
            retry=Retry(step.retry, patience.ahead(_half_telling)),
            step=step.id,
            because=turn.because,
            entries=tuple(self.entries.values()),
        )

    def _limit(self, turn: _Turn) -> float:
        """Seconds after which the step is given up: its own timeout, and in time for those that must have some."""
        left = self.context.deadline.remaining()
        names = reserve.standing_in((*turn.step.fallback, *turn.others), self.steps)
        names = [name for name in names if name not in self.begun]
        names += [name for name in self.steps if name in self.waiting and name not in names]
        own = left - reserve.kept((self.steps[name] for name in names if self._is_due(name)), left)
        return own if turn.step.timeout is None else min(own, turn.step.timeout)

    def _is_due(self, name: str) -> bool:
        return is_due(self.steps[name], self.context)

    def _together(self, steps: list[Step]) -> None:
        """Run the steps at once, each in a thread of its own as far as there are any, and wait for all of them."""
        self.waiting.difference_update(step.id for step in steps)
        if len(steps) == 1:
            self._chain(_Turn(steps[0], self.because))
            return
        ready, ended = threading.Event(), set[str]()

        def run(step: Step) -> None:
            try:
                self._chain(_Turn(step, self.because))
            finally:
                ended.add(step.id)
                ready.set()

        for step in steps:
            self.context.deadline.clock.spawn(partial(run, step), f"exitkit-{step.id}")
        self.context.deadline.wait(ready, lambda: len(ended) == len(steps), 2 * GRACE)

    def _chain(self, turn: _Turn) -> None:
        """The step, and while it fails the steps that stand in for it."""
        step = turn.step
        self.begun.add(step.id)
        self.tell("began", step.id)
        entry = self._entry(turn)
        self._keep(entry)
        log.info("%s: %s: %s", entry.step, entry.outcome, redact.redact(entry.summary))
        if entry.outcome not in ("failed", "unknown"):
            return
        doubt = "may not have arrived: " if entry.outcome == "unknown" else "failed: "
        why = f"{step.id} {doubt}{entry.summary}"
        for number, name in enumerate(step.fallback, 1):
            if self._stands_in(_Turn(self.steps[name], why, step.fallback[number:])):
                self._keep(replace(entry, covered_by=name))
                break

    def _stands_in(self, turn: _Turn) -> bool:
        """Whether the fallback made it good. It runs once, however many steps need it."""
        name = turn.step.id
        with self.turns[name]:
            if name not in self.entries:
                self._chain(turn)
        entry = self.entries[name]
        return entry.outcome in ("ok", "duplicate") or bool(entry.covered_by)

    def _keep(self, entry: Entry) -> None:
        self.entries[entry.step] = entry
        self.tell("entry", dumps(entry_json(entry)), redact.redact(entry.output))

    def _entry(self, turn: _Turn) -> Entry:
        clock = self.context.deadline.clock
        began = clock.monotonic()
        try:
            entry = self._outcome(turn)
        except BaseException as error:  # a bug of the action, SystemExit included, must not stop the others
            log.error("%s: %s", turn.step.id, "".join(traceback.format_exception(error)))  # noqa: TRY400 - as above
            told = f"bug in {turn.step.uses}: {type(error).__name__}: {settled.summary(error)}"
            entry = _entry(turn.step, "failed", told, reason="other")
        return replace(entry, seconds=clock.monotonic() - began, because=turn.because)

    def _outcome(self, turn: _Turn) -> Entry:
        step = turn.step
        if self.last.remaining() <= 0:
            self.cut = True
            return _entry(step, "failed", "not run: no time left", reason="timeout")
        deadline = self.patience.within(self._limit(turn))
        context = self._context(turn, deadline)
        try:
            with blamed(self.plan, step, context, self.environ):
                check_terms(step, context)
            result = Retry(step.retry, deadline).whole(partial(self._done, step, context))
        except Skip as skip:
            return _entry(step, "skipped", settled.summary(skip) or "nothing to do")
        except ConfigError as error:
            return _entry(step, "failed", settled.summary(error), reason="client")
        except ActionError as error:
            self.cut = self.cut or self.last.remaining() <= (_AT_THE_END if error.reason == "timeout" else 0)
            outcome: StepOutcome = "unknown" if isinstance(error, Unknown) else "failed"
            failed = _entry(step, outcome, settled.summary(error), reason=error.reason)
            known = settled.error(error)
            return replace(failed, facts=known.facts, notes=known.notes)
        if result is None:
            return _entry(step, "failed", f"bug in {step.uses}: run gave no Result", reason="other")
        done = _entry(step, "duplicate" if result.duplicate else "ok", result.summary)
        return replace(done, facts=result.facts, notes=result.notes, output=redact.redact(result.output))

    def _done(self, step: Step, context: Context) -> Result | None:
        """The step's action, made now and run, within the time of the step: its rules and facts may hang as well."""
        context = informed(step, context)
        with blamed(self.plan, step, context, self.environ):
            action, left_out = bind(step, context, self.environ)
        try:
            result = settled.result(action.run(with_notes(context, left_out)))
        except ActionError as error:
            known = settled.error(error)
            known.notes = (*known.notes, *left_out)
            raise known from error.__cause__
        if result is None:
            return None
        return replace(result, notes=(*result.notes, *left_out, *_unnamed(step.uses, result)))


def _unnamed(uses: str, result: Result) -> Iterator[str]:
    """That a fact is given of which the action says nothing, so that `check` refuses whoever reads it."""
    gives = registry.facts_of(uses)
    if gives is not None:
        for name in sorted(set(result.facts) - set(gives)):
            yield f"bug in {uses}: it does not say that it gives {redact.redact(name)!r}"


def _half_telling(seconds: float) -> float:
    return reserve.telling(seconds) / 2


def _steps(item: Step | Parallel) -> tuple[Step, ...]:
    return item.parallel if isinstance(item, Parallel) else (item,)


def _entry(step: Step, outcome: StepOutcome, summary: str, reason: Reason | str = "") -> Entry:
    return Entry(step.id, step.uses, outcome, redact.redact(summary), reason=str(reason), required=step.required)
