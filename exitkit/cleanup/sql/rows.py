"""Rows by a predicate: counted, and deleted at most so many at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

from exitkit.cleanup.engine.deletion import Outcome
from exitkit.cleanup.sql.database import Database
from exitkit.cleanup.sql.dialect import Rows
from exitkit.cleanup.sql.names import shown
from exitkit.cleanup.sql.session import Session
from exitkit.clients.deletion import Refusal
from exitkit.context import Context


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
class Some:
    """So many rows that go in one transaction."""

    names: Numbers
    place: str
    sizes: Sequence[int] = ()


class Deletion:
    """The table, while one run deletes rows of it; `batch` is how many at a time, or 0 for all."""

    def __init__(self, rows: Rows, database: Database, batch: int) -> None:
        self.rows, self.database, self.batch = rows, database, batch
        self.deleted = self._missed = 0
        self._safe = True

    @property
    def table(self) -> str:
        return shown(*(one.text for one in self.rows.table.parts))

    def find(self, context: Context) -> Iterator[Some | Refusal]:
        left = self.database.read(self._look, f"count rows of {self.table}")
        while left:
            self._missed, before = 0, self.deleted
            begin = self.deleted + 1
            for at in range(begin, begin + left, self.batch or left):
                yield Some(Numbers(range(at, min(begin + left, at + (self.batch or left)))), f"{self.table} row ")
            if not self._missed or context.dry_run:
                return
            # Some were changed meanwhile, and either went otherwise or still match.
            left = min(self._missed, self.database.read(self._count, f"count rows of {self.table}"))
            if left and self.deleted == before:
                yield Refusal(self.table, "rows that match are not deleted: does a trigger keep them")
                return

    def delete(self, batch: Some, context: Context, most: int) -> Outcome:  # noqa: ARG002 - it is the database's own
        def work(session: Session) -> int:
            return self.database.dialect.delete(session, self.rows, most)

        went = self.database.write(work, f"delete rows of {self.table}", safe=self._safe)
        self.deleted += went
        self._missed += most - went
        return Outcome(again=batch.names[went:most])

    def _look(self, session: Session) -> int:
        self._safe = self.database.dialect.rows_are_safe(session, self.rows)
        return self._count(session)

    def _count(self, session: Session) -> int:
        return self.database.dialect.count(session, self.rows)
