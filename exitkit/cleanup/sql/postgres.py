"""PostgreSQL, as a cleanup needs to know it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from exitkit.cleanup.sql.dialect import Rows, Victim
from exitkit.cleanup.sql.errors import Fault
from exitkit.cleanup.sql.names import LIKE_ESCAPE, Glob, Name, shown
from exitkit.cleanup.sql.session import Session, parsed
from exitkit.cleanup.sql.url import Address

_LIKE = f"LIKE :{{}} ESCAPE '{LIKE_ESCAPE}'"

_SCHEMAS = f"""
SELECT n.oid::text, n.nspname, n.nspname = current_schema(), CASE WHEN :sized THEN (
    SELECT coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0) FROM pg_catalog.pg_class c
    WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'm')) END
FROM pg_catalog.pg_namespace n
WHERE n.nspname {_LIKE.format("name")} ORDER BY 2
"""  # noqa: S608 - the escape sign is ours

# Partitions come before what they are part of, which takes its partitions along.
_TABLES = f"""
SELECT c.oid::text, n.nspname, c.relname, CASE WHEN :sized THEN pg_catalog.pg_total_relation_size(c.oid) END,
    CASE WHEN c.relkind = 'p' THEN ARRAY(
        SELECT pn.nspname || '/' || p.relname FROM pg_catalog.pg_partition_tree(c.oid) t
        JOIN pg_catalog.pg_class p ON p.oid = t.relid JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
        WHERE p.oid <> c.oid) ELSE ARRAY[]::text[] END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relname {_LIKE.format("name")}
    AND CASE WHEN CAST(:anywhere AS boolean) THEN n.nspname = current_schema() ELSE n.nspname {_LIKE.format("schema")} END
ORDER BY c.relispartition DESC, 2, 3
"""  # noqa: S608 - the escape sign is ours

# What depends on the schema, on anything in it, and so on; what is internal to something leads to that as well.
# https://www.postgresql.org/docs/current/catalog-pg-depend.html
_OUTSIDE = """
WITH RECURSIVE reached(classid, objid) AS (
    SELECT 'pg_catalog.pg_namespace'::regclass::oid, CAST(CAST(:schema AS text) AS oid)
    UNION
    SELECT next.classid, next.objid FROM reached r CROSS JOIN LATERAL (
        SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = r.classid AND d.refobjid = r.objid
        UNION ALL
        SELECT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d
        WHERE d.classid = r.classid AND d.objid = r.objid AND (d.deptype = 'i' OR (d.deptype = 'a'
            AND (pg_catalog.pg_identify_object(d.classid, d.objid, 0)).schema IS NULL))
    ) next WHERE next.classid <> 'pg_catalog.pg_namespace'::regclass
)
SELECT o.type || ' ' || o.identity FROM reached r
CROSS JOIN LATERAL pg_catalog.pg_identify_object(r.classid, r.objid, 0) o
WHERE o.schema NOT IN (quote_ident(CAST(:name AS text)), 'pg_toast') ORDER BY 1 LIMIT 1
"""


class Postgres:
    atomic = True
    tells_commits = True
    drops_schemas = True
    cascades = True

    def engine(self, address: Address, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:  # noqa: ARG002 - told in `begin`
        import sqlalchemy as sa

        # https://www.postgresql.org/docs/current/libpq-connect.html: whole seconds, at least 2.
        bounds = {"connect_timeout": max(2, math.ceil(min(seconds, 10))), "application_name": "exitkit"}
        bounds |= {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        # Prepared statements do not outlive a transaction behind a pooler such as PgBouncer.
        return sa.create_engine(
            parsed(address),
            poolclass=sa.NullPool,
            connect_args={**bounds, "prepare_threshold": None},
            hide_parameters=True,
        )

    def begin(self, session: Session, seconds: float, *, readonly: bool) -> None:
        session.rows(
            "SELECT set_config('statement_timeout', :all, true), set_config('lock_timeout', :lock, true), "
            "set_config('idle_in_transaction_session_timeout', :all, true), set_config('TimeZone', 'UTC', true)",
            all=f"{max(1, int(seconds * 1000))}ms",
            lock=f"{max(1, int(session.lock_timeout * 1000))}ms",
        )
        if readonly:
            session.command("SET TRANSACTION READ ONLY")

    def fold(self, session: Session, name: str) -> str:  # noqa: ARG002 - as in the others
        return name

    def schemas(self, session: Session, pattern: Glob) -> Iterable[Victim]:
        for oid, name, default, size in self._sized(session, _SCHEMAS, name=pattern.like):
            yield Victim((name,), None if size is None else int(size), oid, default=bool(default))

    def tables(self, session: Session, pattern: Name) -> Iterable[Victim]:
        asked = {
            "name": pattern.name.like,
            "anywhere": pattern.schema is None,
            "schema": pattern.schema.like if pattern.schema else "",
        }
        for oid, schema, name, size, parts in self._sized(session, _TABLES, **asked):
            yield Victim((schema, name), size, oid, tuple(parts))

    def still(self, session: Session, victims: Sequence[Victim]) -> set[Victim]:
        oids = [one.identity for one in victims]
        found = session.rows(
            "SELECT c.oid::text, n.nspname, c.relname FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY(CAST(:oids AS oid[])) "
            "UNION ALL SELECT oid::text, nspname, NULL FROM pg_catalog.pg_namespace WHERE oid = ANY(CAST(:oids AS oid[]))",
            oids=oids,
        )
        there = {(oid, tuple(one for one in names if one is not None)) for oid, *names in found}
        return {one for one in victims if (one.identity, one.names) in there}

    def drop(self, session: Session, victims: Sequence[Victim], *, cascade: bool) -> None:
        one = victims[0]
        if len(one.names) == 1:
            if not cascade:
                # Dropped just after, with all that is in it and nothing else.
                outside = session.value(_OUTSIDE, schema=one.identity, name=one.names[0])
                if outside:
                    raise Fault("needed", f"{outside} refers to what is in it")
            session.command(f"DROP SCHEMA {session.quote(*one.names)} CASCADE")
            return
        names = ", ".join(session.quote(*one.names) for one in victims)
        session.command(f"DROP TABLE {names} {'CASCADE' if cascade else 'RESTRICT'}")

    def rows_are_safe(self, session: Session, rows: Rows) -> bool:
        kind = session.value(
            "SELECT relkind::text FROM pg_catalog.pg_class WHERE oid = to_regclass(:name)",
            name=self._table(session, rows),
        )
        if kind is None:
            raise Fault("gone", f"there is no table {shown(*(one.text for one in rows.table.parts))}")
        if kind not in ("r", "p"):
            raise Fault("wrong", "it is no plain table")
        return True

    def count(self, session: Session, rows: Rows) -> int:
        where, values = self._where(session, rows)
        return int(session.value(f"SELECT count(*) FROM {self._embedded(session, rows)} WHERE {where}", **values))  # noqa: S608 - quoted

    def delete(self, session: Session, rows: Rows, most: int) -> int:
        where, values = self._where(session, rows)
        table = self._embedded(session, rows)
        # A ctid is one of its own only within a partition.
        picked = f"SELECT tableoid, ctid FROM {table} WHERE {where} LIMIT {most:d}"  # noqa: S608 - quoted
        return session.change(f"DELETE FROM {table} WHERE (tableoid, ctid) IN ({picked})", values)  # noqa: S608 - quoted

    def mark(self, session: Session) -> str:
        return str(session.value("SELECT txid_current_if_assigned()::text") or "")

    def committed(self, session: Session, mark: str) -> bool | None:
        # https://www.postgresql.org/docs/current/functions-info.html: txid_status
        status = session.value("SELECT txid_status(CAST(CAST(:mark AS text) AS bigint))", mark=mark)
        return {"committed": True, "aborted": False}.get(str(status))

    def _sized(self, session: Session, query: str, **values: Any) -> Sequence[Any]:
        """With sizes, unless a table is locked so that nobody can measure it."""
        try:
            with session.savepoint():
                return session.rows(query, **values, sized=True)
        except Fault as fault:
            if fault.meaning != "locked":
                raise
            return session.rows(query, **values, sized=False)

    def _table(self, session: Session, rows: Rows) -> str:
        return session.quote(*(one.text for one in rows.table.parts))

    def _embedded(self, session: Session, rows: Rows) -> str:
        return session.embed(*(one.text for one in rows.table.parts))

    def _where(self, session: Session, rows: Rows) -> tuple[str, dict[str, Any]]:
        if not rows.age_column:
            return rows.where, dict(rows.values)
        column = session.embed(rows.age_column)
        return f"{rows.where} AND {column} <= to_timestamp(:before)", {**rows.values, "before": rows.before}
