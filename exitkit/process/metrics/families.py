"""What a run comes to in numbers: families of gauges, under names and units as Prometheus has them.

https://prometheus.io/docs/practices/naming/: base units, and no label that has a new value with each run.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exitkit.context import Context
from exitkit.process.course import Course
from exitkit.process.spans import HOLDERS

_FAILED = frozenset({"Failed", "Error"})
_MOST_TEMPLATES = 100
"""Templates that have a series of their own, the longest first."""


class Family(NamedTuple):
    """A gauge: its name, what it is, and a value for each set of labels."""

    name: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def families(context: Context, course: Course) -> tuple[Family, ...]:
    """Of the facts, and of the record where there is one. What is not known has no family."""
    return tuple(family for family in (*_of_facts(context, course), *_of_course(course)) if family.samples)


def _of_facts(context: Context, course: Course) -> Iterator[Family]:
    workflow = context.workflow
    ended = course.spans.end if course.spans else workflow.ended_at.timestamp() if workflow.ended_at else None
    seconds = course.spans.seconds if course.spans else workflow.duration
    if workflow.status:
        yield _gauge("argo_run_succeeded", "1 if the last run succeeded, 0 if not.", float(workflow.succeeded))
    if ended is not None:
        yield _gauge("argo_run_end_timestamp_seconds", "When the last run ended.", ended)
        if workflow.succeeded:
            yield _gauge("argo_run_last_success_timestamp_seconds", "When the last run that succeeded ended.", ended)
    if seconds is not None:
        yield _gauge("argo_run_duration_seconds", "How long the last run took, its exit handler aside.", seconds)
    yield _gauge("argo_run_failed_steps", "Steps that failed for good in the last run.", len(workflow.failures))
    failed = sum(entry.outcome in ("failed", "unknown") for entry in context.entries)
    yield _gauge("argo_run_exit_handler_failed_steps", "Steps of the exit handler that failed before this one.", failed)


def _of_course(course: Course) -> Iterator[Family]:
    if not course.spans:
        return
    did = [span for span in course.spans if span.type not in HOLDERS and not span.hook]
    tries = sum(span.attempts - 1 for span in course.spans if span.attempts > 1)
    waits = sum(segment.seconds for segment in course.path if segment.kind != "run")
    yield _gauge("argo_run_steps", "Steps that ran in the last run, each try counted.", len(did))
    yield _gauge("argo_run_retries", "Tries after a first one in the last run.", tries)
    yield _gauge(
        "argo_run_waiting_seconds", "Of the duration of the last run, what was waited on the critical path.", waits
    )
    longest: dict[str, float] = defaultdict(float)
    failed: dict[str, set[str]] = defaultdict(set)
    used: dict[str, float] = defaultdict(float)
    for span in did:
        seconds = span.end - span.start
        if seconds > longest.get(span.template, -1.0):
            longest[span.template] = seconds
        if span.phase in _FAILED and not span.recovered:
            failed[span.template].add(span.parent if span.retried else span.id)  # all tries are of one step
        if span.type == "Pod":
            for resource, amount in span.node.resources.items():
                used[resource] += amount
    kept = sorted((name for name in longest if name), key=lambda name: -longest[name])[:_MOST_TEMPLATES]
    yield Family(
        "argo_run_step_duration_seconds",
        "How long the longest step of a template took in the last run.",
        tuple(({"template": name}, longest[name]) for name in kept),
    )
    yield Family(
        "argo_run_step_failures",
        "Steps of a template that failed for good in the last run.",
        tuple(({"template": name}, float(len(failed[name]))) for name in kept),
    )
    if "cpu" in used:
        yield _gauge(
            "argo_run_requested_cpu_seconds",
            "CPU that the pods of the last run had requested, times their time.",
            used["cpu"],
        )
    if "memory" in used:
        requested = used["memory"] * 100 * 2**20  # Argo counts seconds of 100 Mi
        yield _gauge(
            "argo_run_requested_memory_byte_seconds",
            "Memory that the pods of the last run had requested, times their time.",
            requested,
        )
    if course.bill:
        made = course.bill
        yield Family("argo_run_cost", "What the last run cost.", (({"currency": made.currency}, made.cost),))


def _gauge(name: str, said: str, value: float) -> Family:
    return Family(name, said, (({}, float(value)),))
