"""A database by SQLAlchemy: transactions that are tried again as a whole, and never counted twice."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import unquote

from exitkit.clients.sql.dialect import Dialect
from exitkit.clients.sql.errors import DatabaseFault, read
from exitkit.clients.sql.mysql import MySQL
from exitkit.clients.sql.postgres import Postgres
from exitkit.clients.sql.session import Transaction, parsed
from exitkit.clients.sql.sqlite import SQLite
from exitkit.clients.sql.url import DatabaseAddress, Kind
from exitkit.context import Context
from exitkit.errors import Unknown
from exitkit.retry import sending
from exitkit.text import redact

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

T = TypeVar("T")

_DIALECTS: dict[Kind, Callable[[], Dialect]] = {"postgresql": Postgres, "mysql": MySQL, "sqlite": SQLite}
_SPARE = 0.5  # seconds of an attempt, or a tenth of it, in which the server's own word of a timeout can arrive
_SHARE = 4  # waiting for one lock takes at most this part of an attempt


@dataclass(frozen=True)
class _Doubt(Generic[T]):
    """A transaction whose COMMIT left: what it can be asked for by, and what it comes to if it was committed."""

    mark: str
    value: T


class Database:
    """One database in one run. A connection that served a transaction serves the next one."""

    def __init__(self, address: DatabaseAddress, context: Context, lock_timeout: float) -> None:
        self.address, self.context, self.lock_timeout = address, context, lock_timeout
        self.dialect = _DIALECTS[address.kind]()
        self._idle: list[tuple[bool, Connection]] = []
        for secret in _secrets(address):
            redact.remember(secret)

    def read(self, work: Callable[[Transaction], T], what: str) -> T:
        """What the work finds, in a transaction that can change nothing. Raises ActionError."""

        def attempt() -> T:
            with self._session(what, readonly=True) as session:
                return work(session)

        return self.context.retry(attempt, safe=True)

    def write(self, work: Callable[[Transaction], T], what: str, *, safe: bool = True) -> T:
        """What the work comes to, once it is committed.

        Before COMMIT leaves, whatever fails is tried again from the start. After that the server is asked what
        became of it; one that cannot tell leaves it unknown. With `safe` false the work cannot be undone, so that
        its first statement counts like a COMMIT. Raises ActionError.
        """
        doubts: list[_Doubt[T]] = []
        lock = threading.Lock()

        def attempt() -> T:
            for doubt in tuple(doubts) if self.dialect.tells_commits else ():
                with self._session(what, readonly=True) as session:
                    verdict = self.dialect.committed(session, doubt.mark)
                if verdict:
                    return doubt.value
                if verdict is None:
                    raise Unknown(f"{what}: COMMIT was sent, and the server does not tell yet what became of it")
                with lock:
                    doubts.remove(doubt)
            with self._session(what, readonly=False) as session:
                value = work(session) if safe else _in_earnest(work, session, what)
                doubt = _Doubt(self.dialect.mark(session), value)
                with lock:
                    doubts.append(doubt)
                try:
                    self._commit(session, what)
                except Unknown:
                    raise
                except BaseException:
                    with lock:
                        doubts.remove(doubt)
                    raise
                with lock:
                    doubts.remove(doubt)
                return value

        return self.context.retry(attempt, safe=safe and self.dialect.tells_commits)

    def statement(self, work: Callable[[Transaction], None], what: str) -> None:
        """A statement that commits by itself, and may be sent again. Raises DatabaseFault for what it says of its object."""

        def attempt() -> DatabaseFault | None:
            with self._session(what, readonly=False) as session:
                try:
                    sending()
                    work(session)
                except DatabaseFault as fault:
                    if fault.meaning == "lost":
                        raise Unknown(f"{what}: the connection was lost, and it may have happened") from None
                    if fault.meaning in ("busy", "login"):
                        raise
                    return fault
                return None

        fault = self.context.retry(attempt, safe=True)
        if fault is not None:
            raise fault

    def close(self) -> None:
        while self._idle:
            with contextlib.suppress(Exception):  # the work is done, and the server notices by itself
                self._idle.pop()[1].close()

    def _commit(self, session: Transaction, what: str) -> None:
        sending()
        try:
            with session.faults():
                session.connection.commit()
        except DatabaseFault as fault:
            if fault.meaning == "lost":
                told = f"{what}: the connection was lost when COMMIT was on its way, so it may have happened"
                raise Unknown(f"{told} ({fault.said})") from None
            raise

    @contextlib.contextmanager
    def _session(self, what: str, *, readonly: bool) -> Iterator[Transaction]:
        """A transaction, which is undone at the end unless it was committed."""
        clock = self.context.deadline.clock
        seconds = min(self.context.retry.terms.attempt_timeout, self.context.deadline.remaining())
        until = clock.monotonic() + seconds - min(_SPARE, seconds / 10)
        lock_timeout = min(self.lock_timeout, seconds / _SHARE)
        try:
            connection = self._connection(seconds, lock_timeout, readonly=readonly)
            session = Transaction(connection, self.address.kind, lambda: until - clock.monotonic(), lock_timeout)
            try:
                self.dialect.begin(session, max(0.1, session.left()), readonly=readonly)
                yield session
                with session.faults():
                    connection.rollback()
                self._idle.append((readonly, connection))
            except BaseException as error:
                with contextlib.suppress(Exception):  # what is told is why it is given up
                    if (
                        not isinstance(error, DatabaseFault) or error.meaning == "lost"
                    ):  # there is nobody to say ROLLBACK to
                        connection.invalidate()
                    connection.close()
                raise
        except DatabaseFault as fault:
            raise fault.error(what) from None

    def _connection(self, seconds: float, lock_timeout: float, *, readonly: bool) -> "Connection":
        from sqlalchemy.exc import DBAPIError

        for one in tuple(self._idle):
            if one[0] == readonly or self.address.kind != "sqlite":
                with contextlib.suppress(ValueError):
                    self._idle.remove(one)
                    return one[1]
        logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)  # what it has to tell is told by our errors
        try:
            engine = self.dialect.engine(self.address, seconds, lock_timeout, readonly=readonly)
            connected: Connection = engine.connect()
        except DBAPIError as error:
            raise read(error, self.address.kind) from None
        return connected


def _in_earnest(work: Callable[[Transaction], T], session: Transaction, what: str) -> T:
    """Work of which some may have happened when it fails."""
    sending()
    try:
        return work(session)
    except DatabaseFault as fault:
        if fault.meaning in ("lost", "slow"):
            raise Unknown(f"{what}: some may have happened, as this table cannot undo it ({fault.said})") from None
        raise


def _secrets(address: DatabaseAddress) -> list[str]:
    """What the driver is given, which stands in the URL with its special signs encoded."""
    if address.kind == "sqlite":
        return []
    url = parsed(address)
    found = [url.password or "", *(str(url.query.get(one, "")) for one in ("password", "sslpassword", "passwd"))]
    return [form for one in found if one for form in {one, unquote(one)}]
