"""PostgreSQL, as we need to know it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from exitkit.clients.sql.dialect import ForeignKey, Rows, Victim
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.names import LIKE_ESCAPE, Glob, Name, like_of, shown
from exitkit.clients.sql.session import Transaction, parsed
from exitkit.clients.sql.url import DatabaseAddress

_LIKE = f"LIKE :{{}} ESCAPE '{LIKE_ESCAPE}'"

_SCHEMAS = f"""
SELECT n.oid::text, n.nspname, n.nspname = ANY(current_schemas(false)), (
    SELECT count(*) FROM pg_catalog.pg_class c
    WHERE c.relnamespace = n.oid AND (c.relkind IN ('r', 'p', 'v', 'm', 'f') OR (c.relkind = 'S' AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
            AND d.refclassid = d.classid AND d.deptype IN ('a', 'i'))))) + (
    SELECT count(*) FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid) + (
    SELECT count(*) FROM pg_catalog.pg_type t WHERE t.typnamespace = n.oid AND t.typtype IN ('d', 'e', 'r')), CASE WHEN :sized THEN (
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
        WHERE p.oid <> c.oid) ELSE ARRAY[]::text[] END, n.nspname = ANY(current_schemas(false))
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

# What CASCADE takes along: what depends on it, and what that is a part of, down to columns and foreign keys elsewhere.
_ALONG = """
WITH RECURSIVE reached(root, classid, objid, sub) AS (
    SELECT CAST(v AS oid), CAST(CAST(:class AS text) AS regclass)::oid, CAST(v AS oid), 0
    FROM unnest(CAST(:oids AS text[])) v
    UNION
    SELECT r.root, next.classid, next.objid, next.sub FROM reached r CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid FROM pg_catalog.pg_depend d
        WHERE d.refclassid = r.classid AND d.refobjid = r.objid AND (r.sub = 0 OR d.refobjsubid = r.sub)
        UNION ALL
        SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_catalog.pg_depend d
        WHERE d.classid = r.classid AND d.objid = r.objid AND d.deptype = 'i'
    ) next(classid, objid, sub) WHERE next.classid <> 'pg_catalog.pg_namespace'::regclass
)
SELECT DISTINCT r.root::text, n.nspname, c.relname, CASE WHEN k.oid IS NOT NULL THEN 'a foreign key of '
    WHEN NOT EXISTS (SELECT FROM reached w WHERE w.root = r.root AND w.classid = r.classid AND w.objid = r.objid AND w.sub = 0)
    THEN 'a column of ' WHEN c.relkind IN ('v', 'm') THEN 'view ' ELSE 'table ' END
FROM reached r
LEFT JOIN pg_catalog.pg_constraint k ON r.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = r.objid AND k.contype = 'f'
JOIN pg_catalog.pg_class c ON c.oid = coalesce(k.conrelid, r.objid) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (k.oid IS NOT NULL OR r.classid = 'pg_catalog.pg_class'::regclass)
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 4, 2, 3
"""

# A table, its partitions, and what inherits from it: a DELETE of the one takes rows of all.
_TREE = """
WITH RECURSIVE tree(oid) AS (
    SELECT to_regclass(:name)::oid UNION
    SELECT i.inhrelid FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid
)
"""
# Those that keep a row or take others along; not the copies that partitions have of them.
_REFERRING = f"""
{_TREE}
SELECT pn.nspname, p.relname, n.nspname, c.relname,
    ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.place),
    ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.place),
    k.confdeltype::text
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN tree t ON t.oid = k.confrelid JOIN pg_catalog.pg_class p ON p.oid = t.oid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
"""  # noqa: S608 - as above
# https://www.postgresql.org/docs/current/catalog-pg-trigger.html: bit 3 of tgtype is DELETE, as in pg_trigger.h.
_TRIGGERS = f"""
{_TREE}
SELECT DISTINCT g.tgname::text FROM pg_catalog.pg_trigger g JOIN tree t ON t.oid = g.tgrelid
WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & 8 <> 0 ORDER BY 1
"""  # noqa: S608 - as above
# https://www.postgresql.org/docs/current/catalog-pg-rewrite.html: 4 is DELETE.
_RULE = """
SELECT rulename::text FROM pg_catalog.pg_rewrite
WHERE ev_class = to_regclass(:name) AND ev_type = '4' AND ev_enabled <> 'D' ORDER BY 1 LIMIT 1
"""
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


class Postgres:
    atomic = True
    tells_commits = True

    def engine(self, address: DatabaseAddress, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:  # noqa: ARG002 - told in `begin`
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

    def begin(self, session: Transaction, seconds: float, *, readonly: bool) -> None:
        session.rows(
            "SELECT set_config('statement_timeout', :all, true), set_config('lock_timeout', :lock, true), "
            "set_config('idle_in_transaction_session_timeout', :all, true), set_config('TimeZone', 'UTC', true)",
            all=f"{max(1, int(seconds * 1000))}ms",
            lock=f"{max(1, int(session.lock_timeout * 1000))}ms",
        )
        if readonly:
            session.command("SET TRANSACTION READ ONLY")

    def fold(self, session: Transaction, name: str) -> str:  # noqa: ARG002 - as in the others
        return name

    def schemas(self, session: Transaction, pattern: Glob) -> Iterable[Victim]:
        for oid, name, default, holds, size in self._sized(session, _SCHEMAS, name=pattern.like):
            size_of = None if size is None else int(size)
            yield Victim((name,), size_of, oid, default=bool(default), holds=int(holds))

    def tables(self, session: Transaction, pattern: Name) -> Iterable[Victim]:
        asked = {
            "name": pattern.name.like,
            "anywhere": pattern.schema is None,
            "schema": pattern.schema.like if pattern.schema else "",
        }
        for oid, schema, name, size, parts, default in self._sized(session, _TABLES, **asked):
            yield Victim((schema, name), size, oid, tuple(parts), default=bool(default), holds=len(parts))

    def still(self, session: Transaction, victims: Sequence[Victim]) -> set[Victim]:
        oids = [one.identity for one in victims]
        found = session.rows(
            "SELECT c.oid::text, n.nspname, c.relname FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY(CAST(:oids AS oid[])) "
            "UNION ALL SELECT oid::text, nspname, NULL FROM pg_catalog.pg_namespace WHERE oid = ANY(CAST(:oids AS oid[]))",
            oids=oids,
        )
        there = {(oid, tuple(one for one in names if one is not None)) for oid, *names in found}
        return {one for one in victims if (one.identity, one.names) in there}

    def drop(self, session: Transaction, victims: Sequence[Victim], *, cascade: bool) -> None:
        one = victims[0]
        if len(one.names) == 1:
            self._check_outside(
                session, one, cascade=cascade
            )  # dropped just after, with all that is in it and nothing else
            session.command(f"DROP SCHEMA {session.quote(*one.names)} CASCADE")
            return
        names = ", ".join(session.quote(*one.names) for one in victims)
        session.command(f"DROP TABLE {names} {'CASCADE' if cascade else 'RESTRICT'}")

    def along(self, session: Transaction, victims: Sequence[Victim]) -> Sequence[tuple[Victim, str, str]]:
        by_oid = {one.identity: one for one in victims}
        kind = "pg_catalog.pg_namespace" if len(victims[0].names) == 1 else "pg_catalog.pg_class"
        found = session.rows(_ALONG, **{"class": kind, "oids": list(by_oid)})
        return [
            (by_oid[root], f"{what}{shown(schema, name)}", f"{schema}/{name}") for root, schema, name, what in found
        ]

    def drop_part(self, session: Transaction, schema: Victim, most: int, *, cascade: bool) -> int:
        self._check_outside(session, schema, cascade=cascade)
        found = session.rows(
            "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relnamespace = CAST(CAST(:schema AS text) AS oid) "
            "AND c.relkind IN ('r', 'p') ORDER BY c.relispartition DESC, c.oid LIMIT :most",
            schema=schema.identity,
            most=most,
        )
        if found:
            names = ", ".join(session.quote(*schema.names, name) for (name,) in found)
            session.command(f"DROP TABLE {names} CASCADE")
        return len(found)

    def _check_outside(self, session: Transaction, schema: Victim, *, cascade: bool) -> None:
        outside = None if cascade else session.value(_OUTSIDE, schema=schema.identity, name=schema.names[0])
        if outside:
            raise DatabaseFault("needed", f"{outside} refers to what is in it")

    def rows_are_safe(self, session: Transaction, rows: Rows) -> bool:
        kind = session.value(
            "SELECT relkind::text FROM pg_catalog.pg_class WHERE oid = to_regclass(:name)",
            name=self._table(session, rows),
        )
        if kind is None:
            raise DatabaseFault("gone", f"there is no table {shown(*(one.text for one in rows.table.parts))}")
        if kind not in ("r", "p"):
            raise DatabaseFault("wrong", "it is no plain table")
        if rule := session.value(_RULE, name=self._table(session, rows)):
            raise DatabaseFault("wrong", f"its rule {shown(rule)} makes something else of a deletion")
        return True

    def unseen(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> str:  # noqa: ARG002 - its catalogue shows all
        return ""

    def triggers(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> Sequence[str]:
        return [
            f"{shown(*table)} has the trigger {shown(name)}"
            for table in tables
            for (name,) in session.rows(_TRIGGERS, name=session.quote(*table))
        ]

    def columns(self, session: Transaction, table: tuple[str, ...]) -> Mapping[str, bool]:
        found = session.rows(
            "SELECT a.attname, t.typcategory = 'S' OR t.typname = 'uuid' FROM pg_catalog.pg_attribute a "
            "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
            "WHERE a.attrelid = to_regclass(:name) AND a.attnum > 0 AND NOT a.attisdropped",
            name=session.quote(*table),
        )
        return {name: bool(is_text) for name, is_text in found}

    def folded(self, column: str, *, quoted: bool) -> str:
        return column if quoted else column.translate(_LOWER)

    def is_text(self, column: str, parameter: str) -> str:
        # As a text, for a type such as citext has an = of its own.
        return f'CAST({column} AS text) COLLATE pg_catalog."C" = CAST(:{parameter} AS text)'

    def is_like(self, column: str, parameter: str) -> str:
        return f'CAST({column} AS text) COLLATE pg_catalog."C" {_LIKE.format(parameter)}'

    def like(self, signs: tuple[str, ...]) -> str:
        return like_of(signs)

    def table(self, session: Transaction, rows: Rows) -> tuple[str, ...]:
        found = session.rows(
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(:name)",
            name=self._table(session, rows),
        )
        return tuple(found[0])

    def foreign_keys(self, session: Transaction, table: tuple[str, ...]) -> Sequence[ForeignKey]:
        return [
            ForeignKey(
                (schema, name),
                tuple(own),
                tuple(parent),
                tuple(theirs),
                cascades=action == "c",
                sets=action in ("n", "d"),
                alias=table[-1] if tuple(parent) != tuple(table) else "",
            )
            for *parent, schema, name, own, theirs, action in session.rows(_REFERRING, name=session.quote(*table))
        ]

    def delete(self, session: Transaction, rows: Rows, most: int) -> int:
        where, values = self.where(session, rows)
        table = self._embedded(session, rows)
        # A ctid is one of its own only within a partition.
        picked = f"SELECT tableoid, ctid FROM {table} WHERE {where} LIMIT {most:d}"  # noqa: S608 - quoted
        return session.change(f"DELETE FROM {table} WHERE (tableoid, ctid) IN ({picked})", values)  # noqa: S608 - quoted

    def mark(self, session: Transaction) -> str:
        return str(session.value("SELECT txid_current_if_assigned()::text") or "")

    def committed(self, session: Transaction, mark: str) -> bool | None:
        # https://www.postgresql.org/docs/current/functions-info.html: txid_status
        status = session.value("SELECT txid_status(CAST(CAST(:mark AS text) AS bigint))", mark=mark)
        return {"committed": True, "aborted": False}.get(str(status))

    def _sized(self, session: Transaction, query: str, **values: Any) -> Sequence[Any]:
        """With sizes, unless a table is locked so that nobody can measure it."""
        try:
            with session.savepoint():
                return session.rows(query, **values, sized=True)
        except DatabaseFault as fault:
            if fault.meaning != "locked":
                raise
            return session.rows(query, **values, sized=False)

    def _table(self, session: Transaction, rows: Rows) -> str:
        return session.quote(*(one.text for one in rows.table.parts))

    def _embedded(self, session: Transaction, rows: Rows) -> str:
        return session.embed(*(one.text for one in rows.table.parts))

    def where(self, session: Transaction, rows: Rows) -> tuple[str, dict[str, Any]]:
        if not rows.age_column:
            return rows.where, dict(rows.values)
        column = session.embed(rows.age_column)
        return f"{rows.where} AND {column} <= to_timestamp(:before)", {**rows.values, "before": rows.before}
