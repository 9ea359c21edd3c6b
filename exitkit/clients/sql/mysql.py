"""MySQL and MariaDB, as we need to know them; there a schema is a database, and DROP commits by itself."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exitkit.clients.sql.dialect import ForeignKey, Rows, Victim
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.names import LIKE_ESCAPE, Glob, Name, like_of, shown
from exitkit.clients.sql.session import Transaction, parsed
from exitkit.clients.sql.url import DatabaseAddress

_SCHEMAS = f"""
SELECT s.schema_name, s.schema_name = DATABASE(), (
    SELECT count(*) FROM information_schema.tables t WHERE t.table_schema = s.schema_name) + (
    SELECT count(*) FROM information_schema.routines r WHERE r.routine_schema = s.schema_name) + (
    SELECT count(*) FROM information_schema.events e WHERE e.event_schema = s.schema_name), (
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

_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "uuid")
_REFERRING = """
SELECT k.table_schema, k.table_name, k.constraint_name, r.delete_rule, k.column_name, k.referenced_column_name
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.referenced_table_schema = :schema AND k.referenced_table_name = :name
ORDER BY 1, 2, 3, k.ordinal_position
"""

# Tables whose reference to one is seen, and not what becomes of their rows: that takes a right on all of their schema.
_UNRULED = """
SELECT k.table_schema, k.table_name FROM information_schema.key_column_usage k
LEFT JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.referenced_table_schema = :schema AND k.referenced_table_name = :name AND r.constraint_name IS NULL
ORDER BY 1, 2 LIMIT 1
"""
# Rights that each make the foreign keys of all tables visible, if they are held on *.*; SELECT does not.
_SEES_ALL = """
SELECT count(*) FROM information_schema.user_privileges WHERE grantee = :user
    AND privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER', 'INDEX', 'REFERENCES')
"""
# https://mariadb.com/kb/en/information-schema-innodb_sys_foreign-table/: needs PROCESS; of TYPE, 1 is ON DELETE CASCADE.
# https://dev.mysql.com/doc/refman/8.4/en/information-schema-innodb-foreign-table.html
_INNODB = "SELECT for_name FROM information_schema.{view} WHERE ref_name IN (:own, :encoded) AND type & 1"
_INNODB_VIEWS = ("innodb_sys_foreign", "innodb_foreign")


class MySQL:
    atomic = False
    tells_commits = False

    def engine(self, address: DatabaseAddress, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:  # noqa: ARG002 - told in `begin`
        import sqlalchemy as sa

        # Longer than the server gets, whose own word tells more.
        bounds = {"connect_timeout": max(1, math.ceil(min(seconds, 10))), "program_name": "exitkit"}
        bounds |= {"read_timeout": math.ceil(seconds) + 1, "write_timeout": math.ceil(seconds) + 1}
        return sa.create_engine(parsed(address), poolclass=sa.NullPool, connect_args=bounds, hide_parameters=True)

    def begin(self, session: Transaction, seconds: float, *, readonly: bool) -> None:
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

    def fold(self, session: Transaction, name: str) -> str:
        # https://dev.mysql.com/doc/refman/8.4/en/identifier-case-sensitivity.html
        return name.lower() if int(session.value("SELECT @@lower_case_table_names")) else name

    def schemas(self, session: Transaction, pattern: Glob) -> Iterable[Victim]:
        for name, default, holds, size in session.rows(_SCHEMAS, name=pattern.like):
            yield Victim((name,), int(size), default=bool(default), holds=int(holds))

    def tables(self, session: Transaction, pattern: Name) -> Iterable[Victim]:
        asked = {
            "name": pattern.name.like,
            "anywhere": pattern.schema is None,
            "schema": pattern.schema.like if pattern.schema else "",
        }
        for schema, name, size, made in session.rows(_TABLES, **asked):
            yield Victim((schema, name), int(size), str(made))

    def still(self, session: Transaction, victims: Sequence[Victim]) -> set[Victim]:
        return {one for one in victims if self._is_there(session, one)}

    def drop(self, session: Transaction, victims: Sequence[Victim], *, cascade: bool) -> None:  # noqa: ARG002 - refused before
        for one in victims:
            what = "DATABASE" if len(one.names) == 1 else "TABLE"
            session.command(f"DROP {what} {session.quote(*one.names)}")

    def along(self, session: Transaction, victims: Sequence[Victim]) -> Sequence[tuple[Victim, str, str]]:  # noqa: ARG002 - it has no CASCADE
        return ()

    def drop_part(self, session: Transaction, schema: Victim, most: int, *, cascade: bool) -> int:  # noqa: ARG002 - a DROP DATABASE of it takes few locks
        return 0

    def rows_are_safe(self, session: Transaction, rows: Rows) -> bool:
        names = [one.text for one in rows.table.parts]
        found = session.rows(
            "SELECT t.table_type, e.transactions FROM information_schema.tables t "
            "LEFT JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_name = :name AND t.table_schema = coalesce(:schema, DATABASE())",
            name=names[-1],
            schema=names[0] if len(names) > 1 else None,
        )
        if not found:
            raise DatabaseFault("gone", f"there is no table {shown(*names)}")
        if found[0][0] not in ("BASE TABLE", "SYSTEM VERSIONED"):
            raise DatabaseFault("wrong", "it is no plain table")
        return str(found[0][1]) == "YES"

    def columns(self, session: Transaction, table: tuple[str, ...]) -> Mapping[str, bool]:
        found = session.rows(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_schema = :schema AND table_name = :name",
            schema=table[0],
            name=table[1],
        )
        return {str(name): str(kind).lower() in _TEXTS for name, kind in found}

    def folded(self, column: str, *, quoted: bool) -> str:  # noqa: ARG002 - it never tells A from a in them
        return column.lower()

    def is_text(self, column: str, parameter: str) -> str:
        # In bytes, for even a binary collation takes a text with blanks at its end for the same.
        sides = [f"CAST(CONVERT({side} USING utf8mb4) AS BINARY)" for side in (column, f":{parameter}")]
        return " = ".join(sides)

    def is_like(self, column: str, parameter: str) -> str:
        sides = [f"CONVERT({side} USING utf8mb4) COLLATE utf8mb4_bin" for side in (column, f":{parameter}")]
        return f"{' LIKE '.join(sides)} ESCAPE '{LIKE_ESCAPE}'"

    def like(self, signs: tuple[str, ...]) -> str:
        return like_of(signs)

    def table(self, session: Transaction, rows: Rows) -> tuple[str, ...]:
        names = [one.text for one in rows.table.parts]
        found = session.rows(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_name = :name AND table_schema = coalesce(:schema, DATABASE())",
            name=names[-1],
            schema=names[0] if len(names) > 1 else None,
        )
        return tuple(map(str, found[0]))

    def foreign_keys(self, session: Transaction, table: tuple[str, ...]) -> Sequence[ForeignKey]:
        found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for *key, column, referred in session.rows(_REFERRING, schema=table[0], name=table[1]):
            found.setdefault(tuple(map(str, key)), []).append((str(column), str(referred)))
        return [
            ForeignKey(
                (schema, name),
                tuple(own for own, _ in pairs),
                table,
                tuple(theirs for _, theirs in pairs),
                cascades=rule == "CASCADE",
                sets=rule in ("SET NULL", "SET DEFAULT"),
            )
            for (schema, name, _, rule), pairs in found.items()
        ]

    def unseen(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> str:
        user, _, host = str(session.value("SELECT CURRENT_USER()")).rpartition("@")
        if int(session.value(_SEES_ALL, user=f"'{user}'@'{host}'")):
            return ""
        for table in tables:
            keys = self.foreign_keys(session, table)
            seen = {name for key in keys for name in (_in_files(key.table), "/".join(key.table))}
            known = self._known_to_innodb(session, table)
            hidden = (
                sorted(known - seen)
                if known is not None
                else ["/".join(map(str, row)) for row in session.rows(_UNRULED, schema=table[0], name=table[1])]
            )
            if hidden:
                schema, _, name = hidden[0].partition("/")
                raise DatabaseFault(
                    "wrong",
                    f"rows of {shown(schema, name)} may go along with those of {shown(*table)} by ON DELETE CASCADE, which "
                    f"{user} may not see, so that they cannot be counted: grant it ALL on {schema}.*, or delete them first",
                )
            if known is None:
                return (
                    f"{user} sees no foreign keys of tables on which it has no right, and rows that go along by them are "
                    "not counted: grant it PROCESS to have such refused"
                )
        return ""

    def _known_to_innodb(self, session: Transaction, table: tuple[str, ...]) -> set[str] | None:
        """Tables, as InnoDB names them, whose rows go along with those of one; None where the user may not ask."""
        for view in _INNODB_VIEWS:
            try:
                with session.savepoint():
                    found = session.rows(_INNODB.format(view=view), own="/".join(table), encoded=_in_files(table))
            except DatabaseFault:
                continue
            return {str(name) for (name,) in found}
        return None

    def triggers(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> Sequence[str]:
        # What goes along by a foreign key runs none. https://mariadb.com/kb/en/foreign-keys/
        schema, name = tables[0]
        found = session.rows(
            "SELECT trigger_name FROM information_schema.triggers WHERE event_manipulation = 'DELETE' "
            "AND event_object_schema = :schema AND event_object_table = :name ORDER BY 1",
            schema=schema,
            name=name,
        )
        return [f"{shown(*tables[0])} has the trigger {shown(str(trigger))}" for (trigger,) in found]

    def delete(self, session: Transaction, rows: Rows, most: int) -> int:
        table = session.embed(*(one.text for one in rows.table.parts))
        where, values = self.where(session, rows)
        return session.change(f"DELETE FROM {table} WHERE {where} LIMIT {most:d}", values)  # noqa: S608 - quoted

    def mark(self, session: Transaction) -> str:  # noqa: ARG002 - it has none
        return ""

    def committed(self, session: Transaction, mark: str) -> bool | None:  # noqa: ARG002 - it cannot tell
        return None

    def _is_there(self, session: Transaction, one: Victim) -> bool:
        if len(one.names) == 1:
            query = "SELECT 1 FROM information_schema.schemata WHERE schema_name = :name"
            return session.value(query, name=one.names[0]) is not None
        found = session.rows(
            "SELECT create_time FROM information_schema.tables WHERE table_schema = :schema AND table_name = :name",
            schema=one.names[0],
            name=one.names[1],
        )
        return bool(found) and str(found[0][0]) == one.identity

    def where(self, session: Transaction, rows: Rows) -> tuple[str, dict[str, Any]]:
        if not rows.age_column:
            return rows.where, dict(rows.values)
        # FROM_UNIXTIME gives the session's zone, which is UTC.
        age = f"{session.embed(rows.age_column)} <= FROM_UNIXTIME(:before)"
        return f"{rows.where} AND {age}", {**rows.values, "before": rows.before}


def _in_files(table: tuple[str, ...]) -> str:
    """A table's name as that of its file: https://mariadb.com/kb/en/identifier-to-file-name-mapping/."""
    parts = (
        "".join(one if one.isascii() and (one.isalnum() or one == "_") else f"@{ord(one):04x}" for one in part)
        for part in table
    )
    return "/".join(parts)
