"""Try again, within one deadline: the only place that retries, with tenacity, which nobody else knows.

There are two kinds of patience. Who will answer later, because it is busy or restarts, is waited for as long as there
is time; what is merely unlucky is tried a few times. See docs/reliability.md.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, Field

from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.retry.attempt import (
    GRACE,
    Abandoned,
    Known,
    Sign,
    blocking,
    bounded,
    knowing,
    sending,
    show,
    time_left,
    watching,
)
from exitkit.retry.clock import Deadline
from exitkit.settings import STRICT
from exitkit.text.units import Seconds

if TYPE_CHECKING:
    import tenacity

__all__ = [
    "GRACE",
    "Abandoned",
    "Known",
    "Retry",
    "RetryPolicy",
    "Sign",
    "blocking",
    "knowing",
    "parse_retry_after",
    "sending",
    "show",
    "time_left",
    "watching",
]

T = TypeVar("T")
log = logging.getLogger("exitkit")

_LEAST = 0.5
"""Seconds up to which is waited for somebody who answers later, also where the policy says less."""

_LAST = 2.0
"""Seconds that are kept for the last try: a wait that would take them is cut short."""


class RetryPolicy(BaseModel):
    """How often and how patiently a step is tried."""

    model_config = STRICT

    attempts: int = Field(
        5,
        ge=1,
        le=100,
        description="Tries of what fails by bad luck; who is busy or restarts is waited for beyond them. 1 means no "
        "second try of anything.",
    )
    wait: Seconds = Field(
        0.5, description="Longest wait before the second try; doubled for each further one, with full jitter."
    )
    max_wait: Seconds = Field(
        20.0, description="Longest wait between two tries; a Retry-After of the server goes before it."
    )
    attempt_timeout: Seconds = Field(15.0, gt=0, description="After this long one request is given up.")
    resend: bool | None = Field(
        None,
        description="Send again also when an earlier try may have arrived, and risk a duplicate; by default only what an "
        "earlier run may have sent is, if it is news of a failure.",
    )


@dataclass(frozen=True)
class Retry:
    """The terms of a step and its deadline, as what an action calls."""

    terms: RetryPolicy = field(default_factory=RetryPolicy.model_construct)  # the defaults need no check
    deadline: Deadline = field(default_factory=lambda: Deadline(300))

    def __call__(self, attempt: Callable[[], T], *, safe: bool = False) -> T:
        """Call until it succeeds, fails for good, or tries or time run out.

        `safe` says that a second arrival does no harm, so that an unknown outcome may be tried again.

        Raises what the attempt raised if that is final, `Exhausted` after the last try, and `Unknown`
        if any try may have arrived. An error that is `later` uses up no try, but time.
        """
        return _Loop(self.terms, self.deadline, safe=safe, limit=self.terms.attempt_timeout).run(attempt)

    def whole(self, attempt: Callable[[], T]) -> T:
        """As a call, for an attempt that is bounded by the deadline alone, such as a whole step."""
        return _Loop(self.terms, self.deadline, safe=False, limit=math.inf).run(attempt)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait from a Retry-After header: a number, a fraction or an HTTP date (RFC 9110, 10.2.3).

    `now` is in Unix seconds. None for nonsense; never below 0.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


class _Loop:
    """One thing tried several times, with tenacity."""

    def __init__(self, policy: RetryPolicy, deadline: Deadline, *, safe: bool, limit: float) -> None:
        self.policy, self.deadline, self.limit = policy, deadline, limit
        self.resend = safe or bool(policy.resend)
        self.tries = 0
        self.unlucky = 0  # of them, those that count
        self.is_cut = False  # whether the wait that was drawn is longer than what is left
        self.is_last = False
        self.errors: list[ActionError] = []

    def run(self, attempt: Callable[[], T]) -> T:
        """The first try; tenacity, which takes a while to load, comes in where there is a second one."""
        try:
            return self._once(attempt)
        except ActionError as error:
            if not self._again(error):
                raise self._final(error) from error.__cause__
            first = error
        return self._further(attempt, first)

    def _further(self, attempt: Callable[[], T], first: ActionError) -> T:
        import tenacity

        failed = [first]

        def once() -> T:
            if failed:  # the first try, of which tenacity is to know
                raise failed.pop()
            return self._once(attempt)

        retrying = tenacity.Retrying(
            sleep=self._sleep,
            wait=self._wait,
            stop=self._stop,
            retry=tenacity.retry_if_exception(self._again),
            before_sleep=self._tell,
        )
        try:
            value: T = retrying(once)
        except tenacity.RetryError as error:
            raise self._exhausted() from error.last_attempt.exception()
        except ActionError as error:
            raise self._final(error) from error.__cause__
        return value

    def _once(self, attempt: Callable[[], T]) -> T:
        left = self.deadline.remaining()
        if left <= 0:
            raise self._exhausted() if self.errors else Exhausted("no time left to begin", reason="timeout", tries=0)
        self.tries += 1
        # A loop inside this attempt ends with the same deadline, and tells more about its end.
        grace = GRACE if math.isinf(self.limit) else 0.0
        try:
            return bounded(attempt, self.deadline.within(min(self.limit, left)), grace, one=not grace)
        except ActionError as error:
            self.errors.append(error)
            self.unlucky += not (isinstance(error, Retryable) and error.later)
            raise

    def _again(self, error: BaseException) -> bool:
        return isinstance(error, Retryable) or (self.resend and isinstance(error, Unknown) and not error.resent)

    def _wait(self, state: "tenacity.RetryCallState") -> float:
        clock, left, self.is_cut = self.deadline.clock, self.deadline.remaining(), False
        error = self.errors[-1]
        asked = error.after if isinstance(error, Retryable) else None
        if asked:  # never sooner than asked, and spread a little beyond; 0 asks for nothing
            return asked + clock.jitter(min(asked * 0.2, max(0.0, left - asked) / 2))
        # Where tries are not counted, something else has to keep them apart.
        least = _LEAST if isinstance(error, Retryable) and error.later else 0.0
        doubled = max(self.policy.wait, least) * 2.0 ** min(state.attempt_number - 1, 60)
        drawn = clock.jitter(min(max(self.policy.max_wait, least), doubled))
        most = left - min(_LAST, self.policy.attempt_timeout, left / 2)
        self.is_cut = drawn > most
        return min(drawn, most)

    def _sleep(self, seconds: float) -> None:
        self.is_last = self.is_cut
        if not self.deadline.pause(seconds):  # a signal came
            raise self._exhausted()

    def _stop(self, state: "tenacity.RetryCallState") -> bool:
        if self.is_last or self.policy.attempts == 1 or self.unlucky >= self.policy.attempts:
            return True
        return state.upcoming_sleep >= self.deadline.remaining()

    def _tell(self, state: "tenacity.RetryCallState") -> None:
        is_later = isinstance(self.errors[-1], Retryable) and self.errors[-1].later
        until = "while there is time" if is_later else f"{self.policy.attempts - self.unlucky} more at most"
        log.warning("try %d failed: %s; again in %.1f s, %s", self.tries, self.errors[-1], state.upcoming_sleep, until)

    def _exhausted(self) -> ActionError:
        # What an attempt said before the time ran out tells more than that it did.
        doubts: list[ActionError] = [error for error in self.errors if isinstance(error, Retryable) and error.doubt]
        said = doubts or [error for error in self.errors if error.reason != "timeout"] or self.errors
        last = said[-1]
        if self.unlucky >= self.policy.attempts or self.policy.attempts == 1:
            why = f"gave up after {self.tries} tries" if self.tries > 1 else ""
        else:
            after = getattr(self.errors[-1], "after", None)
            asked = f"; asked to wait {after:.0f} s" if after else ""
            why = f"no time left after {self.tries} {'try' if self.tries == 1 else 'tries'}{asked}"
        message = f"{last}; {why}" if why else str(last)
        if doubts:
            told = f"{message}; it may have arrived"
            return Unknown(told, reason=last.reason, resent=True, facts=last.facts, notes=last.notes)
        exhausted = Exhausted(message, reason=last.reason, tries=self.tries, facts=last.facts, notes=last.notes)
        return self._final(exhausted)

    def _final(self, error: ActionError) -> ActionError:
        unknown = next((one for one in self.errors if isinstance(one, Unknown)), None)
        if unknown is None or isinstance(error, Unknown):
            return error
        told = f"an earlier try may have arrived ({unknown}); then: {error}"
        return Unknown(told, reason=error.reason, resent=True, facts=error.facts, notes=error.notes)
