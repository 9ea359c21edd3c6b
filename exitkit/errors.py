"""What can go wrong, as one tree.

ExitkitError
├── ConfigError            2  a plan, flag or variable is wrong; nothing has run
│   └── MissingExtra       2  names the command to type
└── ActionError            1  failed, and trying again would not help
    ├── Retryable          1  trying again may cure it; .later if it is only a matter of time, .after of how much
    ├── Unknown            1  it may have happened; resent only where that is safe or asked for
    └── Exhausted          1  retried until tries or time ran out; .tries
Skip                          nothing to do

The number is the exit code. A message says what failed, on what and what to do, in lower case and
without a secret. Anything else that leaves an action is a bug of that action.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

Reason = Literal["auth", "client", "server", "rate", "network", "timeout", "data", "other"]
"""Why an action failed, in few words, so that it can be counted and routed on.

`data`: the plan is right, and what the workflow's own data left of it cannot be done; nothing was tried."""


class ExitkitError(Exception):
    exit_code: ClassVar[int] = 1


class ConfigError(ExitkitError):
    """A plan, a flag or a variable is wrong. Raised before anything has run."""

    exit_code: ClassVar[int] = 2


class MissingExtra(ConfigError):
    """A library that an action needs is not installed."""

    def __init__(self, action: str, extra: str) -> None:
        super().__init__(f"{action} needs the extra {extra!r}: pip install 'argo-exitkit[{extra}]'")
        self.extra = extra


class ActionError(ExitkitError):
    """Failed for good: the same attempt would fail again.

    `facts` and `notes` are what was achieved all the same, as in a Result; whoever lets the error pass may add to both.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = "other",
        facts: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.facts: Mapping[str, object] = facts or {}
        self.notes: tuple[str, ...] = tuple(notes)


class Retryable(ActionError):
    """Failed, and nothing happened at the other end; another attempt may do better.

    With `doubt` it may have happened, and may happen twice: no answer came to what does no harm if it arrives again.
    `after` is how many seconds the server asked to be left alone, or None; with `resets` a
    period of it ends then, in which it takes so much, and the next begins. `later` says that there is somebody who
    will answer, only not yet: busy, asking for patience, restarting. That is waited for as long as there is time;
    what is merely unlucky is tried a few times.
    """

    def __init__(  # noqa: PLR0913 - what there is to say, by name
        self,
        message: str,
        *,
        reason: Reason = "network",
        after: float | None = None,
        resets: bool = False,
        later: bool = False,
        doubt: bool = False,
        facts: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message, reason=reason, facts=facts, notes=notes)
        self.after = after
        self.resets = resets
        self.later = later or bool(after)
        self.doubt = doubt


class Unknown(ActionError):
    """The request left and no verdict came back: it may have happened.

    `resent` says that it was tried again as often as the terms allow, so that nobody does it once more.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = "network",
        resent: bool = False,
        facts: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message, reason=reason, facts=facts, notes=notes)
        self.resent = resent


class Exhausted(ActionError):
    """Retried until the tries or the time ran out. Its cause is the last real error."""

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = "other",
        tries: int = 1,
        facts: Mapping[str, object] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        super().__init__(message, reason=reason, facts=facts, notes=notes)
        self.tries = tries


class AnotherEnd(Exception):
    """The receipt is that of an earlier end of the same workflow, from which nothing but its beginning tells this one."""


class Skip(Exception):
    """Nothing to do, and why."""
