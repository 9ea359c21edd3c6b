"""One attempt: in a daemon thread, abandoned when its time is up, and then unable to deliver.

No timeout of a library bounds a whole call: a resolver blocks, a server drips a byte a second. So whoever
waits stops waiting. What has not been sent by then is stopped at `sending()`; what has is unknown.
"""

import contextlib
import contextvars
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeVar

from exitkit.errors import ActionError, Reason, Retryable, Unknown
from exitkit.retry.clock import Deadline

T = TypeVar("T")

GRACE = 0.1
"""Seconds that a loop gets to report its own last error before whoever waits for it gives up on it."""


def bounded(attempt: Callable[[], T], deadline: Deadline, grace: float, *, one: bool) -> T:
    """Run the attempt in a daemon thread, and wait for it until the deadline and a grace in seconds.

    `one` says that it is one try of one thing, and not a whole step, so that each wait inside may take all of it.
    """
    call, ready = _Call(deadline if one else None), threading.Event()
    began = deadline.clock.monotonic()
    values: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        _current.set(call)
        try:
            values.append(attempt())
        except BaseException as error:  # also SystemExit: a plugin must not end the thread unseen
            errors.append(error)
        finally:
            ready.set()

    context = contextvars.copy_context()
    deadline.clock.spawn(lambda: context.run(body), "exitkit-attempt")
    if deadline.wait(ready, lambda: bool(values or errors), grace):
        error = errors[0] if errors else None
        call.verdict(error)
        if error is not None:
            raise error
        return values[0]
    raise _overdue(call, deadline.clock.monotonic() - began)


def _overdue(call: "_Call", seconds: float) -> ActionError:
    arrived = call.abandon()
    known = call.known_by_now()
    told = f"{known.told}; before that: {call.last}" if call.last else known.told
    if arrived:
        error: ActionError = Unknown(f"no verdict within {seconds:.1f} s; it may have arrived{told}", reason="timeout")
    else:
        what, cure = call.under_way or ("no answer", "")
        reason: Reason = call.last.reason if call.last else "timeout"
        error = Retryable(f"{what} within {seconds:.1f} s{cure}{told}", reason=reason)
    error.facts, error.notes = known.facts, known.notes
    return error


def sending() -> None:
    """Say that the first byte leaves now. Clients call it once for each request.

    Raises `Abandoned` if whoever asked for this request has stopped waiting.
    """
    call = _current.get()
    if call is not None:
        call.sending()
    show("sent")


Sign = Literal["connecting", "sent", "answered"]
"""That a connection is asked for, that it stands and a request leaves, and that an answer begins to come."""


@contextlib.contextmanager
def watching(tell: Callable[[Sign], None]) -> Iterator[None]:
    """Hear how far it is what is asked inside, in whichever thread it is asked."""
    token = _watcher.set(tell)
    try:
        yield
    finally:
        _watcher.reset(token)


def show(sign: Sign) -> None:
    """Say so to whoever watches."""
    if (tell := _watcher.get()) is not None:
        tell(sign)


def time_left() -> float | None:
    """Seconds that the try under way has left, by which libraries' own limits are set; None outside of one."""
    call = _current.get()
    while call is not None and call.deadline is None:
        call = call.parent
    return None if call is None or call.deadline is None else call.deadline.remaining()


@contextlib.contextmanager
def blocking(told: str, cure: str) -> Iterator[None]:
    """What is done inside cannot be ended, such as a look-up of a name: what to tell where it takes too long.

    `told` stands before the time it took, `cure` after it.
    """
    call = _current.get()
    if call is None:
        yield
        return
    for above in call.chain():
        above.under_way = told, cure
    try:
        yield
    finally:
        for above in call.chain():
            above.under_way = None


class Known(NamedTuple):
    """What is known by now of something under way: words to stand in its error, facts and notes."""

    told: str = ""
    facts: Mapping[str, object] = {}
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def knowing(known: Callable[[], Known]) -> Iterator[None]:
    """What is done inside can say at any moment how far it is, should nobody wait for it any longer.

    `known` is then called in another thread, while it is still being done in this one.
    """
    call = _current.get()
    chain = list(call.chain()) if call is not None else []
    before = [above.known for above in chain]
    for above in chain:
        above.known = known
    try:
        yield
    finally:
        for above, earlier in zip(chain, before, strict=True):
            above.known = earlier


class Abandoned(BaseException):
    """Ends the thread of an attempt that nobody waits for any more; nobody sees it."""


class _Call:
    """One running attempt: whether something left without a verdict, and whether anybody still waits."""

    def __init__(self, deadline: Deadline | None) -> None:
        self.parent = _current.get()
        self.deadline = deadline
        self.under_way: tuple[str, str] | None = None  # what it does that nobody can end
        self.in_flight = 0  # requests below that left and have no verdict
        self.sent = False
        self.abandoned = False
        self.last: ActionError | None = None
        self.known: Callable[[], Known] | None = None

    def known_by_now(self) -> Known:
        for _ in range(3):  # what it reads changes at the same time
            with contextlib.suppress(RuntimeError, LookupError):
                return self.known() if self.known is not None else Known()
        return Known()

    def chain(self) -> "Iterator[_Call]":
        call: _Call | None = self
        while call is not None:
            yield call
            call = call.parent

    def sending(self) -> None:
        with _lock:
            if any(call.abandoned for call in self.chain()):
                raise Abandoned
            if not self.sent:
                self.sent = True
                for call in self.chain():
                    call.in_flight += 1

    def verdict(self, error: BaseException | None) -> None:
        """The attempt is over: unless its outcome is unknown, nothing of it is in flight."""
        with _lock:
            if self.sent and not isinstance(error, Unknown):
                for call in self.chain():
                    call.in_flight -= 1
            if isinstance(error, ActionError):
                for call in self.chain():
                    call.last = error

    def abandon(self) -> bool:
        """Stop waiting; whether something may have arrived."""
        with _lock:
            self.abandoned = True
            return self.in_flight > 0


_lock = threading.Lock()
_watcher: contextvars.ContextVar[Callable[[Sign], None] | None] = contextvars.ContextVar(
    "exitkit_watcher", default=None
)
_current: contextvars.ContextVar[_Call | None] = contextvars.ContextVar("exitkit_call", default=None)
