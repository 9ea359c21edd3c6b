"""What the databases have in common: what is found in them, and what each kind must know how to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from exitkit.clients.sql.names import Glob, Name
from exitkit.clients.sql.session import Transaction
from exitkit.clients.sql.url import DatabaseAddress


@dataclass(frozen=True)
class Victim:
    """A schema or table: its names from the outside in, and its size in bytes if that is known.

    `identity` tells it from another one that takes its name later. `parts` are the paths of what goes along with
    it, and `holds` is how many tables and the like are in a schema; `default` is where names without a schema lead.
    """

    names: tuple[str, ...]
    size: int | None = None
    identity: str = ""
    parts: tuple[str, ...] = ()
    default: bool = False
    holds: int = 0

    @property
    def path(self) -> str:
        """As `include` and `exclude` see it."""
        return "/".join(self.names)


@dataclass(frozen=True)
class Comparison:
    """What each row has in a column: the `text`, or if `like` something that is LIKE it.

    The column is its name, with its table's before it if that is written, each in quotes or not.
    """

    column: tuple[str, ...]
    text: str
    like: bool = False


@dataclass(frozen=True)
class Rows:
    """Which rows go: of which table, for which predicate with its values, and not if changed after `before`.

    `before` is in Unix seconds, and compared with the column `age_column`. With `owned`, each row has one of these.
    """

    table: Name
    where: str
    values: Mapping[str, Any]
    age_column: str = ""
    before: float = 0.0
    owned: tuple[Comparison, ...] = ()


@dataclass(frozen=True)
class ForeignKey:
    """Rows of a table, schema first, whose `columns` are those of another's row that they refer to, `parent`'s.

    With `cascades` they go along with that row; with `sets` they stay, and refer to nothing or to their default; and else
    they keep it. Where `parent` is but a part of the table that
    was asked about, `alias` is what conditions call that.
    """

    table: tuple[str, ...]
    columns: tuple[str, ...]
    parent: tuple[str, ...]
    parent_columns: tuple[str, ...]
    cascades: bool
    sets: bool = False
    alias: str = ""


class Dialect(Protocol):
    """One kind of database. Everything that takes a session raises DatabaseFault."""

    atomic: bool
    """Whether DROP is part of a transaction, and may be undone with it."""
    tells_commits: bool
    """Whether it can be asked what became of a transaction whose COMMIT got no answer."""

    def engine(self, address: DatabaseAddress, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:
        """An engine of SQLAlchemy, whose connections take at most so many seconds to come about."""

    def begin(self, session: Transaction, seconds: float, *, readonly: bool) -> None:
        """Bound what statements may take, and how long they wait for others."""

    def fold(self, session: Transaction, name: str) -> str:
        """The name as it is compared."""

    def schemas(self, session: Transaction, pattern: Glob) -> Iterable[Victim]:
        """What may match, and more."""

    def tables(self, session: Transaction, pattern: Name) -> Iterable[Victim]:
        """What may match, and more."""

    def still(self, session: Transaction, victims: Sequence[Victim]) -> set[Victim]:
        """Those that are still there, and still the same."""

    def drop(self, session: Transaction, victims: Sequence[Victim], *, cascade: bool) -> None:
        """Drop one schema, or tables with one statement where that is possible."""

    def along(self, session: Transaction, victims: Sequence[Victim]) -> Sequence[tuple[Victim, str, str]]:
        """What else a DROP with CASCADE takes: because of which victim, in words, and the path of what it is part of."""

    def drop_part(self, session: Transaction, schema: Victim, most: int, *, cascade: bool) -> int:
        """Drop so many tables of a schema, with what in it refers to them; how many it were."""

    def rows_are_safe(self, session: Transaction, rows: Rows) -> bool:
        """Whether a deletion of rows can be undone until COMMIT. Raises DatabaseFault if there is no such table."""

    def columns(self, session: Transaction, table: tuple[str, ...]) -> Mapping[str, bool]:
        """The columns of a table by name, and whether texts are in them."""

    def folded(self, column: str, *, quoted: bool) -> str:
        """A column's name as it is compared."""

    def is_text(self, column: str, parameter: str) -> str:
        """The condition that a column, quoted, has exactly a parameter's text, whatever its collation is."""

    def is_like(self, column: str, parameter: str) -> str:
        """The same for what is LIKE it; `like` gives the parameter."""

    def like(self, signs: tuple[str, ...]) -> str:
        """The pattern for `is_like`."""

    def where(self, session: Transaction, rows: Rows) -> tuple[str, dict[str, Any]]:
        """The condition for the rows, their age included, and the values in it."""

    def table(self, session: Transaction, rows: Rows) -> tuple[str, ...]:
        """The table's name as the catalogue has it, with its schema."""

    def foreign_keys(self, session: Transaction, table: tuple[str, ...]) -> Sequence[ForeignKey]:
        """Those by which rows of other tables, or of the same, refer to its rows, and bear on their deletion."""

    def unseen(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> str:
        """What to tell where foreign keys to these may exist that the user cannot see.

        Raises DatabaseFault where there is one by which rows would go along uncounted.
        """

    def triggers(self, session: Transaction, tables: Sequence[tuple[str, ...]]) -> Sequence[str]:
        """What runs as rows of the first table go, and of the others along with them, such as `runs has the trigger t`."""

    def delete(self, session: Transaction, rows: Rows, most: int) -> int:
        """Delete at most so many rows; how many it were."""

    def mark(self, session: Transaction) -> str:
        """What the transaction can be asked for by, or nothing if nothing was changed."""

    def committed(self, session: Transaction, mark: str) -> bool | None:
        """Whether it was, or None if that is not decided or not known any more."""
