"""Rows by a predicate: counted, and deleted at most so many at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

from exitkit.cleanup.engine.deletion import DeletionOutcome
from exitkit.cleanup.engine.reading import read
from exitkit.cleanup.sql.exact import exact
from exitkit.cleanup.sql.references import References, Table, references
from exitkit.clients.deletion import Refusal
from exitkit.clients.sql.database import Database
from exitkit.clients.sql.dialect import Rows
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.names import shown
from exitkit.clients.sql.session import Transaction
from exitkit.context import Context
from exitkit.errors import ActionError


class Numbers(Sequence[str]):
    """The numbers from 1 on, as names for rows, which have none; none of them is kept."""

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> "Numbers": ...
    def __getitem__(self, at: int | slice) -> "str | Numbers":
        return Numbers(self.numbers[at]) if isinstance(at, slice) else str(self.numbers[at])


@dataclass(frozen=True)
class RowBatch:
    """So many rows that go in one transaction."""

    names: Numbers
    place: str
    sizes: Sequence[int] = ()


class RowSweeper:
    """The table, while one run deletes rows of it; `batch` is how many at a time, or 0 for all.

    Rows of other tables that go along by ON DELETE CASCADE are counted with them, against the `limit` too. What a
    foreign key keeps is left, and keeps no other.
    """

    def __init__(self, rows: Rows, database: Database, batch: int, limit: int) -> None:
        self.asked = self.rows = rows
        self.database, self.batch, self.limit = database, batch, limit
        self.deleted = self._missed = self._held = 0
        self._along: dict[Table, int] = {}
        self._gone_along: dict[Table, int] = {}
        self._safe = True
        self.notes: list[str] = []
        self._is_own = False

    @property
    def table(self) -> str:
        return shown(*(part.text for part in self.rows.table.parts))

    def find(self, context: Context) -> Iterator[RowBatch | Refusal]:
        left = read(lambda: self.database.read(self._look, f"count rows of {self.table}"))
        for _ in range(self._held):
            yield Refusal(f"{self.table} row", "something else refers to it by a foreign key")
        if context.dry_run:
            for table, count in self._along.items():
                yield RowBatch(Numbers(range(1, count + 1)), f"{shown(*table)} row, by ON DELETE CASCADE, ")
        elif (self._along or self._is_own) and left + sum(self._along.values()) > self.limit:
            raise ActionError(
                f"nothing was deleted: {left} rows of {self.table}{self._told()} by ON DELETE CASCADE are more than "
                f"limit={self.limit}; raise it if all of it is to go",
                reason="client",
            )
        together = 0 if self._is_own else self.batch  # or one would take some of the next along
        while left:
            self._missed, before = 0, self.deleted
            begin = self.deleted + 1
            for at in range(begin, begin + left, together or left):
                names = Numbers(range(at, min(begin + left, at + (together or left))))
                yield RowBatch(names, f"{self.table} row ")
            if not self._missed or context.dry_run:
                return
            # Some were changed meanwhile, and either went otherwise or still match.
            left = min(self._missed, read(lambda: self.database.read(self._count, f"count rows of {self.table}")))
            if left and self.deleted == before:
                yield Refusal(self.table, "rows that match are not deleted: does a trigger keep them")
                return

    def delete(self, batch: RowBatch, context: Context, most: int) -> DeletionOutcome:  # noqa: ARG002 - it is the database's own
        def work(session: Transaction) -> tuple[int, dict[Table, int]]:
            dialect = self.database.dialect
            if not self._along and not self._is_own:
                return dialect.delete(session, self.rows, most), {}
            # The database tells how many rows of the table went, and not how many elsewhere.
            known = references(session, dialect, self.rows)
            before, there = known.along(session), self._count(session)
            dialect.delete(session, self.rows, most)
            after, went = known.along(session), there - self._count(session)
            return went, {table: count - after.get(table, 0) for table, count in before.items()}

        went, along = self.database.write(work, f"delete rows of {self.table}", safe=self._safe)
        self.deleted += went
        self._missed += max(0, most - went)
        return DeletionOutcome(again=batch.names[went:most], along=list(self._went_along(along)))

    def _look(self, session: Transaction) -> int:
        dialect = self.database.dialect
        self._safe = dialect.rows_are_safe(session, self.asked)
        rows = exact(session, dialect, self.asked)
        known = references(session, dialect, rows)
        self._held = 0
        if held := known.held(session):
            free = replace(rows, where=f"{rows.where} AND ({held}) IS NOT TRUE")
            try:
                with session.savepoint():
                    self._held = self._count_of(session, rows) - self._count_of(session, free)
            except DatabaseFault as fault:
                if fault.meaning != "denied":  # who may not read what refers to a row learns of it as it is deleted
                    raise
            else:
                rows = free
                known = references(session, dialect, rows)
        self._along, self._is_own = known.along(session), known.is_own
        tables = [known.root, *(table for table in known.cascades if table in self._along)]
        self.notes = [f"{told}, and what that changes is not counted" for told in dialect.triggers(session, tables)]
        if told := dialect.unseen(session, [known.root, *known.cascades]):
            self.notes.append(told)
        self.notes += self._changed(session, known)
        self.rows = rows
        return self._count_of(session, rows)

    def _changed(self, session: Transaction, known: References) -> list[str]:
        """Notes on rows that stay and are changed; none where they may not be read."""
        try:
            with session.savepoint():
                changed = known.changed(session)
        except DatabaseFault as fault:
            if fault.meaning != "denied":
                raise
            return ["what ON DELETE SET NULL changes in other tables may not be read, so it is not counted"]
        return [
            f"{count} rows of {shown(*table)} stay, and refer to nothing or to their default then, by their foreign key"
            for table, count in changed.items()
        ]

    def _count(self, session: Transaction) -> int:
        return self._count_of(session, self.rows)

    def _count_of(self, session: Transaction, rows: Rows) -> int:
        where, values = self.database.dialect.where(session, rows)
        table = session.embed(*(part.text for part in rows.table.parts))
        return int(session.value(f"SELECT count(*) FROM {table} WHERE {where}", **values))  # noqa: S608 - quoted

    def _told(self) -> str:
        return "".join(f" and {count} of {shown(*table)}" for table, count in self._along.items())

    def _went_along(self, along: dict[Table, int]) -> Iterator[str]:
        for table, count in along.items():
            begin = self._gone_along.get(table, 0) + 1
            self._gone_along[table] = begin + count - 1
            yield from (f"{shown(*table)} row {number}" for number in range(begin, begin + count))
