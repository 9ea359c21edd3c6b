"""Receipts have an end: what no second run will ask for any more is removed, now and then, by a run that is through.

One run in eight looks at one kind of values, with one listing that begins at a place of its own, so that each has its
turn however many there are. How old a value is says the store that keeps it, and a pod whose clock is wrong removes
nothing that is young.
"""

from exitkit.retry.clock import Deadline
from exitkit.store import MOST_LISTED
from exitkit.store.bounded import BoundedStore, StoreFailure

KEPT_FOR = 30 * 86400.0
"""Seconds that a receipt is kept: an exit handler is run again within hours, by hand perhaps within days."""
KEPT_FOR_SURE = 86400.0
"""Seconds that it is kept however many there are."""
KEPT = 5000
"""How many are kept of those that are older than a day."""

_KINDS = ("receipt.", "sent.")
_AT_A_TIME = 200  # so that a run is not held up by what many before it left
_LONGEST = 5.0  # seconds of one run
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def is_due(delivery: str) -> bool:
    """Whether this run is one of the eight that looks; the same for each run of the same end."""
    return _LETTERS.find(delivery[-1:]) % 8 == 0


def expire(state: BoundedStore, deadline: Deadline, delivery: str) -> tuple[str, ...]:
    """Remove what has had its time; what could not be done, as notes. It raises nothing where the store fails."""
    deadline = deadline.within(min(_LONGEST, deadline.remaining() / 4))
    prefix = _KINDS[_LETTERS.find(delivery[-2:-1]) % 2]
    try:
        written = state.ask(deadline, lambda store: store.written(prefix, f"{prefix}{delivery}"))
        if not written:
            return ()
        # By the clock of the store, which nothing written later shows; where that one is wrong, by this pod's.
        now = min(max(written.values()), deadline.clock.time())
        for name in _expired(written, now)[:_AT_A_TIME]:
            if state.half_spent or deadline.remaining() <= 0:
                break
            state.ask(deadline, lambda store: store.delete(name))  # noqa: B023 - called at once
        state.ask(deadline, lambda store: store.tidy(now - KEPT_FOR_SURE))
    except StoreFailure as failure:
        return (f"old receipts were not removed: {failure}",) if deadline.remaining() > 0 else ()
    return ()


def _expired(written: dict[str, float], now: float) -> list[str]:
    """The names of those that go, the oldest first."""
    oldest = sorted((at, name) for name, at in written.items() if at < now - KEPT_FOR_SURE)
    # Where not all are listed, there are more than are kept, by nobody knows how many.
    over = len(oldest) if len(written) >= MOST_LISTED else len(written) - KEPT
    return [name for number, (at, name) in enumerate(oldest) if number < over or at < now - KEPT_FOR]
