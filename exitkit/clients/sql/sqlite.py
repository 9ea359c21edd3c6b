"""SQLite, as we need to know it: one file, opened only if it is there."""

import re
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from exitkit.clients.sql.dialect import ForeignKey, Rows, Victim
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.names import LIKE_ESCAPE, Glob, Name, shown
from exitkit.clients.sql.session import Transaction
from exitkit.clients.sql.url import DatabaseAddress

# What belongs to a virtual table goes with it. https://www.sqlite.org/pragma.html#pragma_table_list
_TABLES = f"""
SELECT l.name, s.sql FROM pragma_table_list l JOIN main.sqlite_schema s ON s.name = l.name AND s.type = 'table'
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite!_%' ESCAPE '!'
    AND l.name LIKE :name ESCAPE '{LIKE_ESCAPE}' ORDER BY 1
"""  # noqa: S608 - the escape sign is ours
_REFERRING = """
SELECT s.name, f.id, f.on_delete, f."from", f."to" FROM main.sqlite_schema s JOIN pragma_foreign_key_list(s.name, 'main') f
WHERE s.type = 'table' AND f."table" = :name COLLATE NOCASE ORDER BY 1, 2, f.seq
"""
_KEEPING = ("NO ACTION", "RESTRICT")
_ON_DELETE = re.compile(r"\bDELETE\s+ON\b", re.IGNORECASE)  # of CREATE TRIGGER, as it is kept
_STEPS = 10_000  # of its virtual machine between two looks at the clock: some tens of microseconds each

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = str.maketrans(_UPPER, _UPPER.lower())


class SQLite:
    atomic = True
    tells_commits = False

    def engine(self, address: DatabaseAddress, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:
        import sqlalchemy as sa

        del seconds
        # Without a mode, a file that is not there would be made.
        uri = f"{Path(address.text).absolute().as_uri()}?mode={'ro' if readonly else 'rw'}"

        def connect() -> sqlite3.Connection:
            # Without an isolation level, or Python would commit before a DROP.
            made = sqlite3.connect(uri, uri=True, timeout=lock_timeout, isolation_level=None, check_same_thread=False)
            if sys.version_info >= (3, 12):  # before, only names in other quotes keep a word from being a text
                made.setconfig(sqlite3.SQLITE_DBCONFIG_DQS_DML, False)
            return made

        return sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)

    def begin(self, session: Transaction, seconds: float, *, readonly: bool) -> None:
        del seconds
        raw: Any = session.connection.connection.dbapi_connection
        raw.set_progress_handler(lambda: session.left() <= 0, _STEPS)
        session.command("PRAGMA foreign_keys = ON")  # or what refers to a row is left pointing to nothing
        session.command("BEGIN" if readonly else "BEGIN IMMEDIATE")

    def fold(self, session: Transaction, name: str) -> str:  # noqa: ARG002 - as in the others
        return name.translate(_LOWER)

    def schemas(self, session: Transaction, pattern: Glob) -> Iterable[Victim]:  # noqa: ARG002 - it has none
        return ()

    def tables(self, session: Transaction, pattern: Name) -> Iterable[Victim]:
        for name, sql in session.rows(_TABLES, name=pattern.name.like):
            yield Victim(("main", name), None, str(sql))

    def still(self, session: Transaction, victims: Sequence[Victim]) -> set[Victim]:
        query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = :name"
        return {one for one in victims if str(session.value(query, name=one.names[1])) == one.identity}

    def drop(self, session: Transaction, victims: Sequence[Victim], *, cascade: bool) -> None:  # noqa: ARG002 - refused before
        names = {one.names[1].translate(_LOWER) for one in victims}
        for one in victims:
            # It deletes the rows first, and what refers to them with ON DELETE CASCADE or SET NULL follows.
            for table, columns, _, action in self._referring(session, one.names[1]):
                known = " AND ".join(f"{session.embed(column)} IS NOT NULL" for column in columns)
                some = f"SELECT 1 FROM {session.embed('main', table)} WHERE {known} LIMIT 1"  # noqa: S608 - quoted
                if action not in _KEEPING and table.translate(_LOWER) not in names and session.value(some):
                    raise DatabaseFault("needed", f"rows of {table} would be changed")
            session.command(f"DROP TABLE {session.quote(*one.names)}")

    def along(self, session: Transaction, victims: Sequence[Victim]) -> Sequence[tuple[Victim, str, str]]:  # noqa: ARG002 - it has no CASCADE
        return ()

    def drop_part(self, session: Transaction, schema: Victim, most: int, *, cascade: bool) -> int:  # noqa: ARG002 - it has no schemas
        return 0

    def rows_are_safe(self, session: Transaction, rows: Rows) -> bool:
        names = [one.text for one in rows.table.parts]
        kind = session.value(
            "SELECT type FROM pragma_table_list WHERE schema = 'main' AND name = :name", name=names[-1]
        )
        if kind is None:
            raise DatabaseFault("gone", f"there is no table {shown(*names)}")
        if kind not in ("table", "virtual"):
            raise DatabaseFault("wrong", "it is no plain table")
        return True

    def columns(self, session: Transaction, table: tuple[str, ...]) -> Mapping[str, bool]:
        found = session.rows("SELECT name, upper(type) FROM pragma_table_xinfo(:name, 'main')", name=table[-1])
        return {name: _holds_texts(kind) for name, kind in found}

    def folded(self, column: str, *, quoted: bool) -> str:  # noqa: ARG002 - it never tells A from a in them
        return column.translate(_LOWER)

    def is_text(self, column: str, parameter: str) -> str:
        return f"typeof({column}) = 'text' AND CAST({column} AS BLOB) = CAST(:{parameter} AS BLOB)"

    def is_like(self, column: str, parameter: str) -> str:
        return f"typeof({column}) = 'text' AND {column} GLOB :{parameter}"  # LIKE takes A for a

    def like(self, signs: tuple[str, ...]) -> str:
        return "".join(sign[1:] if len(sign) > 1 else f"[{sign}]" if sign in "*?[" else sign for sign in signs)

    def table(self, session: Transaction, rows: Rows) -> tuple[str, ...]:
        query = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND name = :name COLLATE NOCASE"
        return "main", str(session.value(query, name=rows.table.name.text))

    def foreign_keys(self, session: Transaction, table: tuple[str, ...]) -> Sequence[ForeignKey]:
        return [
            ForeignKey(
                ("main", name),
                own,
                table,
                theirs,
                cascades=action == "CASCADE",
                sets=action not in (*_KEEPING, "CASCADE"),
            )
            for name, own, theirs, action in self._referring(session, table[-1])
        ]

    def unseen(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> str:  # noqa: ARG002 - its catalogue shows all
        return ""

    def triggers(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> Sequence[str]:
        query = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = :name COLLATE NOCASE ORDER BY 1"
        return [
            f"{shown(*table)} has the trigger {shown(name)}"
            for table in tables
            for name, sql in session.rows(query, name=table[-1])
            if _ON_DELETE.search(str(sql))
        ]

    def delete(self, session: Transaction, rows: Rows, most: int) -> int:
        table = session.embed(*(one.text for one in rows.table.parts))
        where, values = self.where(session, rows)
        key = self._key(session, rows)
        picked = f"SELECT {key} FROM {table} WHERE {where} LIMIT {most:d}"  # noqa: S608 - quoted
        return session.change(f"DELETE FROM {table} WHERE ({key}) IN ({picked})", values)  # noqa: S608 - quoted

    def mark(self, session: Transaction) -> str:  # noqa: ARG002 - a COMMIT in one's own process has an answer
        return ""

    def committed(self, session: Transaction, mark: str) -> bool | None:  # noqa: ARG002 - as above
        return None

    def _key(self, session: Transaction, rows: Rows) -> str:
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
            raise DatabaseFault("wrong", "its rows have neither a number nor a primary key")
        return ", ".join(keys)

    def where(self, session: Transaction, rows: Rows) -> tuple[str, dict[str, Any]]:
        if not rows.age_column:
            return rows.where, dict(rows.values)
        # A time is text there, or a number of seconds. https://www.sqlite.org/lang_datefunc.html
        column = session.embed(rows.age_column)
        moment = f"CASE typeof({column}) WHEN 'text' THEN julianday({column}) ELSE julianday({column}, 'unixepoch') END"
        text = f"{rows.where} AND {moment} <= julianday(:before, 'unixepoch')"
        return text, {**rows.values, "before": rows.before}

    def _referring(self, session: Transaction, table: str) -> list[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
        """The foreign keys that lead to a table: whose they are, their columns, the table's, and what a deletion does."""
        found: dict[tuple[str, int, str], list[tuple[str, str | None]]] = {}
        for name, number, action, own, theirs in session.rows(_REFERRING, name=table):
            found.setdefault((name, number, action), []).append((own, theirs))
        keys = session.rows("SELECT name FROM pragma_table_info(:name, 'main') WHERE pk ORDER BY pk", name=table)
        return [
            (
                name,
                tuple(own for own, _ in pairs),
                tuple(theirs or keys[at][0] for at, (_, theirs) in enumerate(pairs) if theirs or at < len(keys)),
                action,
            )
            for (name, _, action), pairs in found.items()
        ]


def _holds_texts(declared: str) -> bool:
    """Whether a column is declared so, or not at all, and then each row is asked.

    https://www.sqlite.org/datatype3.html#determination_of_column_affinity
    """
    return "INT" not in declared and (
        not declared or any(one in declared for one in ("CHAR", "CLOB", "TEXT", "STRING"))
    )
