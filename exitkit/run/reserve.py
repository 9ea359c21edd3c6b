"""Time kept for who comes later: no step may use up what a required one, or its own fallback, will need.

The rule: each required step that is still to come, and each fallback of the step that is about to run, has in reserve
the length of one attempt of its own, but not more than an equal share of the time that is left.
"""

from collections.abc import Iterable, Mapping

from exitkit.context import Context
from exitkit.plan.check import Plan, Step
from exitkit.retry.clock import Deadline


def kept(others: Iterable[Step], left: float) -> float:
    """Seconds of those left that are for the others, and not for the step that is about to run.

    >>> slack = Step(uses="notify.slack", required=True)
    >>> kept([slack], 10.0), kept([slack], 300.0), kept([slack, slack, slack], 10.0), kept([], 10.0)
    (5.0, 15.0, 7.5, 0)
    """
    waiting = list(others)
    share = left / (len(waiting) + 1)
    return sum(min(step.retry.attempt_timeout, share) for step in waiting)


def telling(left: float) -> float:
    """Seconds before a step's end in which it tells how far it came: a busy machine needs more than none."""
    return min(0.5, max(left / 20, min(0.2, left / 4)))


def standing_in(names: Iterable[str], steps: Mapping[str, Step]) -> list[str]:
    """The steps of these names, and those that stand in for them in turn, each once."""
    found: list[str] = []
    ahead = list(names)
    while ahead:
        name = ahead.pop(0)
        if name in steps and name not in found:
            found.append(name)
            ahead += steps[name].fallback
    return found


def deadline_for(plan: Plan, context: Context, timeout: float | None, spent: float = 0.0) -> Deadline:
    """The least of the flag or the plan's timeout, less what has been spent, and Argo's own deadline where it sets one."""
    clock = context.deadline.clock
    seconds = (timeout if timeout is not None else plan.timeout) - spent
    if context.workflow.deadline is not None:
        seconds = min(seconds, context.workflow.deadline.timestamp() - clock.time())
    return Deadline(max(0.0, seconds), clock)
