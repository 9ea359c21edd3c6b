"""What the databases have in common for a cleanup: what is found in them, and what each kind must know how to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from exitkit.cleanup.sql.names import Glob, Name
from exitkit.cleanup.sql.session import Session
from exitkit.cleanup.sql.url import Address


@dataclass(frozen=True)
class Victim:
    """A schema or table: its names from the outside in, and its size in bytes if that is known.

    `identity` tells it from another one that takes its name later. `parts` are the paths of what goes along with
    it; `default` is where names without a schema lead.
    """

    names: tuple[str, ...]
    size: int | None = None
    identity: str = ""
    parts: tuple[str, ...] = ()
    default: bool = False

    @property
    def path(self) -> str:
        """As `include` and `exclude` see it."""
        return "/".join(self.names)


@dataclass(frozen=True)
class Rows:
    """Which rows go: of which table, for which predicate with its values, and not if changed after `before`.

    `before` is in Unix seconds, and compared with the column `age_column`.
    """

    table: Name
    where: str
    values: Mapping[str, Any]
    age_column: str = ""
    before: float = 0.0


class Dialect(Protocol):
    """One kind of database. Everything that takes a session raises Fault."""

    atomic: bool
    """Whether DROP is part of a transaction, and may be undone with it."""
    tells_commits: bool
    """Whether it can be asked what became of a transaction whose COMMIT got no answer."""
    drops_schemas: bool
    cascades: bool

    def engine(self, address: Address, seconds: float, lock_timeout: float, *, readonly: bool) -> Any:
        """An engine of SQLAlchemy, whose connections take at most so many seconds to come about."""

    def begin(self, session: Session, seconds: float, *, readonly: bool) -> None:
        """Bound what statements may take, and how long they wait for others."""

    def fold(self, session: Session, name: str) -> str:
        """The name as it is compared."""

    def schemas(self, session: Session, pattern: Glob) -> Iterable[Victim]:
        """What may match, and more."""

    def tables(self, session: Session, pattern: Name) -> Iterable[Victim]:
        """What may match, and more."""

    def still(self, session: Session, victims: Sequence[Victim]) -> set[Victim]:
        """Those that are still there, and still the same."""

    def drop(self, session: Session, victims: Sequence[Victim], *, cascade: bool) -> None:
        """Drop one schema, or tables with one statement where that is possible."""

    def rows_are_safe(self, session: Session, rows: Rows) -> bool:
        """Whether a deletion of rows can be undone until COMMIT. Raises Fault if there is no such table."""

    def count(self, session: Session, rows: Rows) -> int: ...

    def delete(self, session: Session, rows: Rows, most: int) -> int:
        """Delete at most so many rows; how many it were."""

    def mark(self, session: Session) -> str:
        """What the transaction can be asked for by, or nothing if nothing was changed."""

    def committed(self, session: Session, mark: str) -> bool | None:
        """Whether it was, or None if that is not decided or not known any more."""
