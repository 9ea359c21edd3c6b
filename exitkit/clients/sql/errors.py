"""What a database's refusal means: for one object, for the whole transaction, or for another try."""

import re
import sqlite3
from typing import Any, Literal

from exitkit.clients.sql.url import Kind
from exitkit.errors import ActionError, Reason, Retryable
from exitkit.text.redact import printable, redact

Meaning = Literal["gone", "needed", "locked", "denied", "slow", "busy", "lost", "login", "crowded", "wrong"]

# https://www.postgresql.org/docs/current/errcodes-appendix.html, a whole code or its class.
_POSTGRES: dict[str, Meaning] = {
    "42P01": "gone",
    "3F000": "gone",
    "2BP01": "needed",
    "23503": "needed",
    "23001": "needed",
    "55P03": "locked",
    "55006": "locked",
    "42501": "denied",
    "57014": "slow",
    "40001": "busy",
    "40P01": "busy",
    "53300": "busy",
    "57P01": "lost",
    "57P02": "lost",
    "57P03": "busy",
    "25P03": "lost",
    "57P05": "lost",
    "08": "lost",
    "28": "login",
}
# https://mariadb.com/kb/en/mariadb-error-codes/ and
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
_MYSQL: dict[int, Meaning] = {
    1008: "gone",
    1051: "gone",
    1146: "gone",
    1217: "needed",
    1451: "needed",
    3730: "needed",
    1205: "locked",
    1142: "denied",
    1044: "denied",
    1227: "denied",
    1370: "denied",
    1969: "slow",
    3024: "slow",
    1317: "slow",
    1213: "busy",
    1040: "busy",
    1203: "busy",
    1053: "lost",
    1927: "lost",
    2002: "lost",
    2003: "lost",
    2006: "lost",
    2013: "lost",
    1045: "login",
    1698: "login",
}
# https://www.sqlite.org/rescode.html, the primary codes; the extended one of a foreign key.
_SQLITE: dict[int, Meaning] = {
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_INTERRUPT: "slow",
    sqlite3.SQLITE_PERM: "denied",
    sqlite3.SQLITE_READONLY: "denied",
    sqlite3.SQLITE_AUTH: "denied",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "needed",
}
# libpq has no code for a login that failed, only the server's words in the server's language.
_LOGIN = re.compile(r"authentication failed|no pg_hba\.conf entry|no password supplied|role \".*\" does not exist")
_NO_DATABASE = re.compile(r"database \".*\" does not exist")

_TOLD: dict[Meaning, str] = {
    "gone": "is not there",
    "needed": "something else refers to it",
    "locked": "another session held it for longer than lock_timeout",
    "denied": "this user may not: give it the right, or make it the owner",
    "slow": "took longer than an attempt may: raise attempt_timeout in retry",
}
_REASONS: dict[Meaning, Reason] = {"denied": "auth", "login": "auth", "slow": "timeout", "wrong": "client"}


class TooManyLocks(ActionError):
    """A transaction takes more locks than the server has room for; a smaller one may do."""


class Needed(ActionError):
    """Something else refers to what is to go."""


class DatabaseFault(Exception):
    """What a database said against a statement; `meaning` is what it comes to, `said` its own words."""

    def __init__(self, meaning: Meaning, said: str) -> None:
        super().__init__(said)
        self.meaning, self.said = meaning, printable(redact(said), 200)

    @property
    def told(self) -> str:
        """The same few words for every object that it happens to, so that they can be counted."""
        return _TOLD.get(self.meaning) or self.said

    def error(self, what: str) -> ActionError:
        """As an error of ours, for a statement without which nothing goes on."""
        known = _TOLD.get(self.meaning)
        told = f"{what}: {known} ({self.said})" if known else f"{what}: {self.said}"
        if self.meaning == "crowded":
            return TooManyLocks(told, reason="server")
        if self.meaning == "needed":
            return Needed(told, reason="client")
        if self.meaning in ("busy", "locked"):
            return Retryable(told, reason="server")
        if self.meaning == "lost":
            return Retryable(told, reason="network")
        return ActionError(told, reason=_REASONS.get(self.meaning, "client"))


def read(error: Any, kind: Kind) -> DatabaseFault:
    """What the driver's error means, which SQLAlchemy wraps."""
    cause = getattr(error, "orig", None) or error
    if kind == "postgresql":
        return _of_postgres(cause)
    if kind == "mysql":
        return _of_mysql(cause)
    return _of_sqlite(cause)


def _of_postgres(cause: Any) -> DatabaseFault:
    state = getattr(cause, "sqlstate", None)
    # Only the first line: the others may show rows.
    said = getattr(getattr(cause, "diag", None), "message_primary", None) or str(cause).partition("\n")[0]
    if state is None:
        whole = str(cause)
        if _LOGIN.search(whole):
            return DatabaseFault("login", said)
        return DatabaseFault("wrong" if _NO_DATABASE.search(whole) or not _is_operational(cause) else "lost", said)
    if state == "53200" and "max_locks" in str(getattr(cause.diag, "message_hint", "")):
        return DatabaseFault("crowded", "too many locks at a time: raise max_locks_per_transaction")
    return DatabaseFault(_POSTGRES.get(state) or _POSTGRES.get(state[:2]) or "wrong", said)


def _of_mysql(cause: Any) -> DatabaseFault:
    code = cause.args[0] if cause.args and isinstance(cause.args[0], int) else 0
    said = str(cause.args[1]) if len(cause.args) > 1 else str(cause)
    if code == 0 and _is_operational(cause):  # the driver's own words for a connection that is closed
        return DatabaseFault("lost", said or "the connection is closed")
    return DatabaseFault(_MYSQL.get(code, "wrong"), said)


def _of_sqlite(cause: Any) -> DatabaseFault:
    code, said = getattr(cause, "sqlite_errorcode", None), str(cause)
    if code is None:
        return DatabaseFault("wrong", said)
    if code == sqlite3.SQLITE_ERROR and said.startswith("no such table"):
        return DatabaseFault("gone", said)
    return DatabaseFault(_SQLITE.get(code) or _SQLITE.get(code & 0xFF) or "wrong", said)


def _is_operational(cause: Any) -> bool:
    """Of the driver's own classes, which are named by PEP 249."""
    return type(cause).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
