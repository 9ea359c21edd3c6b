"""Run a plan: each step when its terms hold, all within one deadline, whatever any of them does."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from exitkit.action import Action, Result
from exitkit.context import Context, Entry, Outcome
from exitkit.errors import ActionError, ConfigError, Reason, Skip, Unknown
from exitkit.plan import template
from exitkit.plan.check import Parallel, Plan, Step
from exitkit.retry import GRACE, Retry
from exitkit.retry.clock import Deadline
from exitkit.run.binding import bind, check_terms, is_due
from exitkit.run.report import FailOn, Report
from exitkit.text import redact

log = logging.getLogger("exitkit")


class Bound(NamedTuple):
    """A step whose action is made, cannot be made, or not yet because its settings read earlier steps."""

    action: Action | None = None
    error: Exception | None = None


def dispatch(plan: Plan, context: Context, environ: Mapping[str, str], *, fail_on: FailOn = "any") -> Report:
    """The report of all steps. `context.retry.deadline` bounds the whole; cutting it ends the run early.

    Raises ConfigError, before anything ran, if no step of the plan can run as it stands.
    """
    run = _Run(plan, context, environ)
    clock, deadline = context.deadline.clock, context.deadline
    started, began = clock.time(), clock.monotonic()
    ready = threading.Event()
    clock.spawn(lambda: run.run(ready.set), "exitkit-run")
    # Two graces: a loop reports its own end, then the step that it is in, then this.
    finished = deadline.wait(ready, lambda: run.over, 2 * GRACE)
    if run.refused is not None:
        raise run.refused
    return Report(
        workflow={key: value for key, value in _identity(context).items() if value},
        entries=run.entries_now(),
        started=started,
        seconds=clock.monotonic() - began,
        notes=(*context.workflow.notes, *context.workflow.failures.notes),
        cut=not finished or run.cut,
        fail_on=fail_on,
    )


class _Run:
    """One run under way. The thread that runs it writes; whoever waits for it may read at any time."""

    def __init__(self, plan: Plan, context: Context, environ: Mapping[str, str]) -> None:
        self.plan, self.context, self.environ = plan, context, environ
        self.entries: dict[str, Entry] = {}
        self.over = False
        self.cut = False
        self.refused: ConfigError | None = None
        self.bound: dict[str, Bound] = {}
        self.begun: set[str] = set()
        self.fallbacks = plan.fallbacks()
        self.turns = {name: threading.Lock() for name in self.fallbacks}

    def run(self, done: Callable[[], None]) -> None:
        try:
            self._bind_all()
            if self.refused is None:
                for item in self.plan.steps:
                    self._together([step for step in _steps(item) if step.id not in self.fallbacks])
        finally:
            self.over = True
            done()

    def entries_now(self) -> tuple[Entry, ...]:
        """An entry for every step, also for those that the end of time did not let finish or begin."""
        return tuple(self.entries.get(step.id) or self._unfinished(step) for step in self.plan.each())

    def _unfinished(self, step: Step) -> Entry:
        if step.id in self.begun:
            return _entry(step, "unknown", "under way when the time ran out; it may have happened", reason="timeout")
        if step.id in self.fallbacks and not self._is_needed(step.id):
            return _entry(step, "skipped", "not needed")
        return _entry(step, "failed", "not run: no time left", reason="timeout")

    def _is_needed(self, name: str) -> bool:
        """Whether a step that the fallback is for has failed for good, or has not come to an end."""
        for step in self.plan.each():
            if name in step.fallback:
                entry = self.entries.get(step.id)
                if entry is None and (step.id not in self.fallbacks or self._is_needed(step.id)):
                    return True
                if entry is not None and entry.outcome in ("failed", "unknown") and not entry.covered_by:
                    return True
        return False

    def _bind_all(self) -> None:
        self.bound = {step.id: self._bound(step) for step in self.plan.each()}
        errors = [one.error for one in self.bound.values() if isinstance(one.error, ConfigError)]
        if len(errors) == len(self.bound):
            self.refused = errors[0] if len(errors) == 1 else ConfigError("\n".join(map(str, errors)))

    def _bound(self, step: Step) -> Bound:
        try:
            if not is_due(step, self.context) or "steps" in template.names_in(step.with_):
                return Bound()
            return Bound(bind(step, self._context(step), self.environ))
        except Exception as error:  # a bug in the rules of one action's settings must not stop the others
            return Bound(error=error)

    def _context(self, step: Step, because: str = "") -> Context:
        deadline = self.context.deadline
        timed = deadline if step.timeout is None else deadline.within(step.timeout)
        return replace(
            self.context,
            retry=Retry(step.retry, timed),
            step=step.id,
            because=because,
            entries=tuple(self.entries.values()),
        )

    def _together(self, steps: list[Step]) -> None:
        """Run the steps at once, each in a thread of its own, and wait for all of them."""
        if len(steps) == 1:
            self._chain(steps[0])
            return
        ready, ended = threading.Event(), set[str]()

        def one(step: Step) -> None:
            try:
                self._chain(step)
            finally:
                ended.add(step.id)
                ready.set()

        for step in steps:
            self.context.deadline.clock.spawn(lambda step=step: one(step), f"exitkit-{step.id}")  # type: ignore[misc]
        self.context.deadline.wait(ready, lambda: len(ended) == len(steps), 2 * GRACE)

    def _chain(self, step: Step, because: str = "") -> None:
        """The step, and while it fails the steps that stand in for it."""
        self.begun.add(step.id)
        entry = self._one(step, because)
        self.entries[step.id] = entry
        log.info("%s: %s: %s", entry.step, entry.outcome, redact.redact(entry.summary))
        if entry.outcome not in ("failed", "unknown"):
            return
        doubt = "may not have arrived: " if entry.outcome == "unknown" else "failed: "
        why = f"{step.id} {doubt}{entry.summary}"
        covered_by = next((name for name in step.fallback if self._stands_in(name, why)), "")
        self.entries[step.id] = replace(entry, covered_by=covered_by)

    def _stands_in(self, name: str, because: str) -> bool:
        """Whether the fallback made it good. It runs once, however many steps need it."""
        with self.turns[name]:
            if name not in self.entries:
                self._chain(next(one for one in self.plan.each() if one.id == name), because)
        entry = self.entries[name]
        return entry.outcome in ("ok", "duplicate") or bool(entry.covered_by)

    def _one(self, step: Step, because: str) -> Entry:
        clock = self.context.deadline.clock
        began = clock.monotonic()
        entry = self._outcome(step, because)
        return replace(entry, seconds=clock.monotonic() - began, because=because)

    def _outcome(self, step: Step, because: str) -> Entry:
        if self.context.deadline.remaining() <= 0:
            self.cut = True
            return _entry(step, "failed", "not run: no time left", reason="timeout")
        context = self._context(step, because)
        try:
            check_terms(step, context)
            action = self._action(step, context)
            return _done(step, context.retry.whole(lambda: action.run(context)))
        except Skip as skip:
            return _entry(step, "skipped", str(skip) or "nothing to do")
        except ConfigError as error:
            return _entry(step, "failed", str(error), reason="client")
        except ActionError as error:
            self.cut = self.cut or self.context.deadline.remaining() <= 0
            outcome: Outcome = "unknown" if isinstance(error, Unknown) else "failed"
            failed = _entry(step, outcome, str(error), reason=error.reason)
            return replace(failed, facts=_facts(error.facts), notes=_notes(error.notes))
        except BaseException as error:  # a bug of the action, SystemExit included, must not stop the others
            log.error("%s: %s", step.id, "".join(traceback.format_exception(error)))  # noqa: TRY400 - redacted by the formatter
            return _entry(step, "failed", f"bug in {step.uses}: {type(error).__name__}: {error}", reason="other")

    def _action(self, step: Step, context: Context) -> Action:
        bound = self.bound[step.id]
        if bound.error is not None:
            raise bound.error
        return bound.action or bind(step, context, self.environ)


def _steps(item: Step | Parallel) -> tuple[Step, ...]:
    return item.parallel if isinstance(item, Parallel) else (item,)


def _done(step: Step, result: object) -> Entry:
    if not isinstance(result, Result):
        return _entry(step, "failed", f"bug in {step.uses}: run gave no Result", reason="other")
    done = _entry(step, "duplicate" if result.duplicate else "ok", str(result.summary))
    output = redact.redact(str(result.output))
    return replace(done, facts=_facts(result.facts), notes=_notes(result.notes), output=output)


def _facts(facts: object) -> Mapping[str, object]:
    """A plugin may call anything facts."""
    return dict(facts) if isinstance(facts, Mapping) else {}


def _notes(notes: object) -> tuple[str, ...]:
    """A plugin may call anything notes, one text included."""
    if isinstance(notes, str):
        return (notes,)
    return tuple(str(note) for note in notes) if isinstance(notes, Iterable) else ()


def _entry(step: Step, outcome: Outcome, summary: str, reason: Reason | str = "") -> Entry:
    return Entry(step.id, step.uses, outcome, redact.redact(summary), reason=reason, required=step.required)


def _identity(context: Context) -> dict[str, object]:
    workflow = context.workflow
    return {
        "name": workflow.name,
        "namespace": workflow.namespace,
        "uid": workflow.uid,
        "status": workflow.status,
        "url": workflow.url,
    }


def deadline_for(plan: Plan, context: Context, timeout: float | None) -> Deadline:
    """The least of the flag or the plan's timeout, and Argo's own deadline where it sets one."""
    clock = context.deadline.clock
    seconds = timeout if timeout is not None else plan.timeout
    if context.workflow.deadline is not None:
        seconds = min(seconds, max(0.0, context.workflow.deadline.timestamp() - clock.time()))
    return Deadline(seconds, clock)
