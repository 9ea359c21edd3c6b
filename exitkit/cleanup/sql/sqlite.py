"""SQLite, as a cleanup needs to know it: one file, opened only if it is there."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from exitkit.cleanup.sql.dialect import Rows, Victim
from exitkit.cleanup.sql.errors import Fault
from exitkit.cleanup.sql.names import LIKE_ESCAPE, Glob, Name, shown
from exitkit.cleanup.sql.session import Session
from exitkit.cleanup.sql.url import Address

# What belongs to a virtual table goes with it. https://www.sqlite.org/pragma.html#pragma_table_list
_TABLES = f"""
SELECT l.name, s.sql FROM pragma_table_list l JOIN main.sqlite_schema s ON s.name = l.name AND s.type = 'table'
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite!_%' ESCAPE '!'
    AND l.name LIKE :name ESCAPE '{LIKE_ESCAPE}' ORDER BY 1
"""  # noqa: S608 - the escape sign is ours
_STEPS = 10_000  # of its virtual machine between two looks at the clock: some tens of microseconds each

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = str.maketrans(_UPPER, _UPPER.lower())


class SQLite:
    atomic = True
    tells_commits = False
    drops_schemas = False
    cascades = False

    def engine(self, address: Address, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:
        import sqlalchemy as sa

        del seconds
        # Without a mode, a file that is not there would be made.
        uri = f"{Path(address.text).absolute().as_uri()}?mode={'ro' if readonly else 'rw'}"

        def connect() -> sqlite3.Connection:
            # Without an isolation level, or Python would commit before a DROP.
            return sqlite3.connect(uri, uri=True, timeout=lock_timeout, isolation_level=None, check_same_thread=False)

        return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)

    def begin(self, session: Session, seconds: float, *, readonly: bool) -> None:
        del seconds
        raw: Any = session.connection.connection.dbapi_connection
        raw.set_progress_handler(lambda: session.left() <= 0, _STEPS)
        session.command("PRAGMA foreign_keys = ON")  # or what refers to a row is left pointing to nothing
        session.command("BEGIN" if readonly else "BEGIN IMMEDIATE")

    def fold(self, session: Session, name: str) -> str:  # noqa: ARG002 - as in the others
        return name.translate(_LOWER)

    def schemas(self, session: Session, pattern: Glob) -> Iterable[Victim]:  # noqa: ARG002 - it has none
        return ()

    def tables(self, session: Session, pattern: Name) -> Iterable[Victim]:
        for name, sql in session.rows(_TABLES, name=pattern.name.like):
            yield Victim(("main", name), None, str(sql))

    def still(self, session: Session, victims: Sequence[Victim]) -> set[Victim]:
        query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = :name"
        return {one for one in victims if str(session.value(query, name=one.names[1])) == one.identity}

    def drop(self, session: Session, victims: Sequence[Victim], *, cascade: bool) -> None:  # noqa: ARG002 - refused before
        for one in victims:
            session.command(f"DROP TABLE {session.quote(*one.names)}")

    def rows_are_safe(self, session: Session, rows: Rows) -> bool:
        names = [one.text for one in rows.table.parts]
        kind = session.value(
            "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = :name", name=names[-1]
        )
        if kind is None:
            raise Fault("gone", f"there is no table {shown(*names)}")
        if kind not in ("table", "virtual"):
            raise Fault("wrong", "it is no plain table")
        return True

    def count(self, session: Session, rows: Rows) -> int:
        table, where, values = self._where(session, rows)
        return int(session.value(f"SELECT count(*) FROM {table} WHERE {where}", **values))  # noqa: S608 - quoted

    def delete(self, session: Session, rows: Rows, most: int) -> int:
        table, where, values = self._where(session, rows)
        key = self._key(session, rows)
        picked = f"SELECT {key} FROM {table} WHERE {where} LIMIT {most:d}"  # noqa: S608 - quoted
        return session.change(f"DELETE FROM {table} WHERE ({key}) IN ({picked})", values)  # noqa: S608 - quoted

    def mark(self, session: Session) -> str:  # noqa: ARG002 - a COMMIT in one's own process has an answer
        return ""

    def committed(self, session: Session, mark: str) -> bool | None:  # noqa: ARG002 - as above
        return None

    def _key(self, session: Session, rows: Rows) -> str:
        """What tells a row from all others: its number, or in a table without one its primary key."""
        name = rows.table.name.text
        columns = session.rows(
            "SELECT lower(name), name, pk FROM pragma_table_info(:name, 'main') ORDER BY pk", name=name
        )
        taken = {one[0] for one in columns}
        bare = session.value("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = :name", name=name)
        free = [one for one in ("rowid", "_rowid_", "oid") if one not in taken]
        if free and not bare:
            return free[0]
        keys = [session.embed(one[1]) for one in columns if one[2]]
        if not keys:
            raise Fault("wrong", "its rows have neither a number nor a primary key")
        return ", ".join(keys)

    def _where(self, session: Session, rows: Rows) -> tuple[str, str, dict[str, Any]]:
        table = session.embed(*(one.text for one in rows.table.parts))
        if not rows.age_column:
            return table, rows.where, dict(rows.values)
        # A time is text there, or a number of seconds. https://www.sqlite.org/lang_datefunc.html
        column = session.embed(rows.age_column)
        moment = f"CASE typeof({column}) WHEN 'text' THEN julianday({column}) ELSE julianday({column}, 'unixepoch') END"
        return (
            table,
            f"{rows.where} AND {moment} <= julianday(:before, 'unixepoch')",
            {**rows.values, "before": rows.before},
        )
