"""MySQL and MariaDB, as a cleanup needs to know them; there a schema is a database, and DROP commits by itself."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from exitkit.cleanup.sql.dialect import Rows, Victim
from exitkit.cleanup.sql.errors import Fault
from exitkit.cleanup.sql.names import LIKE_ESCAPE, Glob, Name, shown
from exitkit.cleanup.sql.session import Session, parsed
from exitkit.cleanup.sql.url import Address

_SCHEMAS = f"""
SELECT s.schema_name, s.schema_name = DATABASE(), (
    SELECT coalesce(sum(coalesce(t.data_length, 0) + coalesce(t.index_length, 0)), 0) FROM information_schema.tables t
    WHERE t.table_schema = s.schema_name)
FROM information_schema.schemata s WHERE s.schema_name LIKE :name ESCAPE '{LIKE_ESCAPE}' ORDER BY 1
"""  # noqa: S608 - the escape sign is ours

# Plain tables, and MariaDB's with a history; neither views nor sequences.
_PLAIN = "t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')"
_TABLES = f"""
SELECT t.table_schema, t.table_name, coalesce(t.data_length, 0) + coalesce(t.index_length, 0), t.create_time
FROM information_schema.tables t WHERE {_PLAIN} AND t.table_name LIKE :name ESCAPE '{LIKE_ESCAPE}'
    AND CASE WHEN :anywhere THEN t.table_schema = DATABASE() ELSE t.table_schema LIKE :schema ESCAPE '{LIKE_ESCAPE}' END
ORDER BY 1, 2
"""  # noqa: S608 - the escape sign is ours


class MySQL:
    atomic = False
    tells_commits = False
    drops_schemas = True
    cascades = False

    def engine(self, address: Address, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:  # noqa: ARG002 - told in `begin`
        import sqlalchemy as sa

        # Longer than the server gets, whose own word tells more.
        bounds = {"connect_timeout": max(1, math.ceil(min(seconds, 10))), "program_name": "exitkit"}
        bounds |= {"read_timeout": math.ceil(seconds) + 1, "write_timeout": math.ceil(seconds) + 1}
        return sa.create_engine(parsed(address), poolclass=sa.NullPool, connect_args=bounds, hide_parameters=True)

    def begin(self, session: Session, seconds: float, *, readonly: bool) -> None:
        lock = max(1, math.ceil(session.lock_timeout))
        # MariaDB has a limit for every statement, MySQL one for those that read.
        # https://mariadb.com/kb/en/aborting-statements/
        # https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_max_execution_time
        maria = bool(getattr(session.connection.dialect, "is_mariadb", False))
        most = f"max_statement_time = {seconds:.3f}" if maria else f"max_execution_time = {int(seconds * 1000)}"
        session.command(
            f"SET SESSION lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}, {most}, time_zone = '+00:00'"
        )
        if readonly:  # SQLAlchemy has not begun one that the server knows of
            session.command("START TRANSACTION READ ONLY")

    def fold(self, session: Session, name: str) -> str:
        # https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html
        return name.lower() if int(session.value("SELECT @@lower_case_table_names")) else name

    def schemas(self, session: Session, pattern: Glob) -> Iterable[Victim]:
        for name, default, size in session.rows(_SCHEMAS, name=pattern.like):
            yield Victim((name,), int(size), default=bool(default))

    def tables(self, session: Session, pattern: Name) -> Iterable[Victim]:
        asked = {
            "name": pattern.name.like,
            "anywhere": pattern.schema is None,
            "schema": pattern.schema.like if pattern.schema else "",
        }
        for schema, name, size, made in session.rows(_TABLES, **asked):
            yield Victim((schema, name), int(size), str(made))

    def still(self, session: Session, victims: Sequence[Victim]) -> set[Victim]:
        return {one for one in victims if self._is_there(session, one)}

    def drop(self, session: Session, victims: Sequence[Victim], *, cascade: bool) -> None:  # noqa: ARG002 - refused before
        for one in victims:
            what = "DATABASE" if len(one.names) == 1 else "TABLE"
            session.command(f"DROP {what} {session.quote(*one.names)}")

    def rows_are_safe(self, session: Session, rows: Rows) -> bool:
        names = [one.text for one in rows.table.parts]
        found = session.rows(
            "SELECT t.table_type, e.transactions FROM information_schema.tables t "
            "LEFT JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_name = :name AND t.table_schema = coalesce(:schema, DATABASE())",
            name=names[-1],
            schema=names[0] if len(names) > 1 else None,
        )
        if not found:
            raise Fault("gone", f"there is no table {shown(*names)}")
        if found[0][0] not in ("BASE TABLE", "SYSTEM VERSIONED"):
            raise Fault("wrong", "it is no plain table")
        return str(found[0][1]) == "YES"

    def count(self, session: Session, rows: Rows) -> int:
        table, where, values = self._where(session, rows)
        return int(session.value(f"SELECT count(*) FROM {table} WHERE {where}", **values))  # noqa: S608 - quoted

    def delete(self, session: Session, rows: Rows, most: int) -> int:
        table, where, values = self._where(session, rows)
        return session.change(f"DELETE FROM {table} WHERE {where} LIMIT {most:d}", values)  # noqa: S608 - quoted

    def mark(self, session: Session) -> str:  # noqa: ARG002 - it has none
        return ""

    def committed(self, session: Session, mark: str) -> bool | None:  # noqa: ARG002 - it cannot tell
        return None

    def _is_there(self, session: Session, one: Victim) -> bool:
        if len(one.names) == 1:
            query = "SELECT 1 FROM information_schema.schemata WHERE schema_name = :name"
            return session.value(query, name=one.names[0]) is not None
        found = session.rows(
            "SELECT create_time FROM information_schema.tables WHERE table_schema = :schema AND table_name = :name",
            schema=one.names[0],
            name=one.names[1],
        )
        return bool(found) and str(found[0][0]) == one.identity

    def _where(self, session: Session, rows: Rows) -> tuple[str, str, dict[str, Any]]:
        table = session.embed(*(one.text for one in rows.table.parts))
        if not rows.age_column:
            return table, rows.where, dict(rows.values)
        # FROM_UNIXTIME gives the session's zone, which is UTC.
        age = f"{session.embed(rows.age_column)} <= FROM_UNIXTIME(:before)"
        return table, f"{rows.where} AND {age}", {**rows.values, "before": rows.before}
