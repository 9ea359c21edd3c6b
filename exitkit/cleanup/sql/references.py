"""What refers to rows by a foreign key: what goes along with them, and what keeps them."""

from dataclasses import dataclass, field
from typing import Any

from exitkit.clients.sql.dialect import Dialect, ForeignKey, Rows
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.names import shown
from exitkit.clients.sql.session import Transaction

_MOST_TABLES = 50  # that go along, one because of the other: whoever has more wants something else

Table = tuple[str, ...]


@dataclass
class References:
    """The foreign keys that bear on deleting rows of a table, and conditions made of them.

    `cascades` are the tables whose rows go along, in an order in which each comes after what it refers to.
    """

    root: Table
    where: str
    values: dict[str, Any]
    keys: dict[Table, list[ForeignKey]] = field(default_factory=dict)
    cascades: list[Table] = field(default_factory=list)

    @property
    def is_own(self) -> bool:
        """Whether rows of the table take others of it along."""
        return any(key.cascades and key.table == self.root for keys in self.keys.values() for key in keys)

    @property
    def holds(self) -> bool:
        """Whether anything can keep a row."""
        return any(not key.cascades and not key.sets for keys in self.keys.values() for key in keys)

    def along(self, session: Transaction) -> dict[Table, int]:
        """How many rows of which tables go along."""
        return {
            table: count
            for table in self.cascades
            if (count := self._count(session, table, self._going(session, table)))
        }

    def changed(self, session: Transaction) -> dict[Table, int]:
        """How many rows of which tables stay and are changed, by ON DELETE SET NULL or SET DEFAULT."""
        found: dict[Table, int] = {}
        for parent, keys in self.keys.items():
            for key in keys:
                if key.sets:
                    stay = self._by(session, key, self._going(session, parent))
                    if key.table in (self.root, *self.cascades):
                        stay += f" AND ({self._going(session, key.table)}) IS NOT TRUE"
                    found[key.table] = found.get(key.table, 0) + self._count(session, key.table, stay)
        return {table: count for table, count in found.items() if count}

    def held(self, session: Transaction) -> str:
        """The condition for rows that something keeps, or nothing where nothing can."""
        return self._held(session, self.root) if self.holds else ""

    def check(self, session: Transaction) -> None:
        """Raises DatabaseFault where rows go along that refer to each other in a circle, so that they cannot be counted."""
        for table, keys in self.keys.items():
            for key in keys:
                if key.cascades and key.table in (self.root, *self.cascades) and self._is_back(key, table):
                    others = f"{self._by(session, key, self._going(session, table))}"
                    if key.table == self.root:
                        others += f" AND ({self.where}) IS NOT TRUE"
                    if self._count(session, key.table, others):
                        raise DatabaseFault(
                            "wrong",
                            f"rows of {shown(*key.table)} go along by ON DELETE CASCADE that refer to each other, so "
                            "that they cannot be counted: delete them first",
                        )

    def _is_back(self, key: ForeignKey, table: Table) -> bool:
        order = [self.root, *self.cascades]
        return order.index(key.table) <= order.index(table)

    def _going(self, session: Transaction, table: Table) -> str:
        """The condition for rows of a table that go."""
        if table == self.root:
            return self.where
        arms = [
            self._by(session, key, self._going(session, parent))
            for parent, keys in self.keys.items()
            for key in keys
            if key.cascades and key.table == table and not self._is_back(key, parent)
        ]
        return f"({' OR '.join(arms)})"

    def _held(self, session: Transaction, table: Table) -> str:
        arms = ["1 = 0"]
        for key in self.keys.get(table, ()):
            if key.sets:
                continue
            if not key.cascades:
                # What goes itself keeps nothing.
                stays = (
                    f"({self._going(session, key.table)}) IS NOT TRUE"
                    if key.table in (self.root, *self.cascades)
                    else ""
                )
                arms.append(self._from(session, key, stays))
            elif not self._is_back(key, table):
                arms.append(self._from(session, key, self._held(session, key.table)))
        return f"({' OR '.join(arms)})"

    def _by(self, session: Transaction, key: ForeignKey, where: str) -> str:
        """The condition for rows that refer to some."""
        own, theirs = _list(session, key.columns), _list(session, key.parent_columns)
        alias = f" AS {session.embed(key.alias)}" if key.alias else ""
        return f"({own}) IN (SELECT {theirs} FROM {session.embed(*key.parent)}{alias} WHERE {where})"  # noqa: S608 - quoted

    def _from(self, session: Transaction, key: ForeignKey, where: str) -> str:
        """The condition for rows that some refer to."""
        own, theirs = _list(session, key.parent_columns), _list(session, key.columns)
        known = " AND ".join(f"{session.embed(one)} IS NOT NULL" for one in key.columns)
        some = f"SELECT {theirs} FROM {session.embed(*key.table)} WHERE {known}{f' AND ({where})' if where else ''}"  # noqa: S608 - quoted
        if (
            key.table == self.root
        ):  # https://mariadb.com/kb/en/delete/: no subquery on the table itself, but on one of it
            some = f"SELECT * FROM ({some}) AS exitkit_referring"  # noqa: S608 - as above
        return f"({own}) IN ({some})"

    def _count(self, session: Transaction, table: Table, where: str) -> int:
        return int(session.value(f"SELECT count(*) FROM {session.embed(*table)} WHERE {where}", **self.values))  # noqa: S608 - quoted


def references(session: Transaction, dialect: Dialect, rows: Rows) -> References:
    """All that bears on these rows. Raises DatabaseFault where it is too much to tell."""
    root = dialect.table(session, rows)
    where, values = dialect.where(session, rows)
    found = References(root, where, values)
    order: list[Table] = []

    def visit(table: Table) -> None:
        found.keys[table] = list(dialect.foreign_keys(session, table))
        if len(found.keys) > _MOST_TABLES:
            raise DatabaseFault("wrong", f"rows of more than {_MOST_TABLES} tables would go along by ON DELETE CASCADE")
        for key in found.keys[table]:
            if key.cascades and key.table not in found.keys:
                visit(key.table)
        order.append(table)

    visit(root)
    found.cascades = [table for table in reversed(order) if table != root]
    found.check(session)
    return found


def _list(session: Transaction, columns: tuple[str, ...]) -> str:
    return ", ".join(session.embed(one) for one in columns)
