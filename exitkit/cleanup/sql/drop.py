"""Schemas and tables by pattern: listed, picked by their names, and dropped as far as nothing else needs them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from exitkit.cleanup.engine.deletion import DeletionOutcome
from exitkit.cleanup.engine.globs import Globs
from exitkit.cleanup.engine.reading import read
from exitkit.clients.deletion import Refusal
from exitkit.clients.sql.database import Database
from exitkit.clients.sql.dialect import Victim
from exitkit.clients.sql.errors import DatabaseFault, Needed, TooManyLocks
from exitkit.clients.sql.names import Glob, Name, shown
from exitkit.clients.sql.session import Transaction
from exitkit.clients.sql.url import is_system
from exitkit.context import Context

# PostgreSQL has room for 64 locks times its connections, and a table takes one for itself and for each index.
# https://www.postgresql.org/docs/current/runtime-config-locks.html
_TOGETHER = 100
_TOLD = 10  # of what goes along by CASCADE, by name


@dataclass(frozen=True)
class Dropping:
    """What is to be dropped: patterns of `schemas` or of `tables`, and globs on their names.

    `shared` are those of them that do not say enough for a default schema, which is everybody's. `sized` says that
    nothing may go whose size is not known; `cascade` takes along what refers to it.
    """

    schemas: Sequence[Name]
    tables: Sequence[Name]
    shared: Sequence[Name] = ()
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    cascade: bool = False
    sized: bool = False


@dataclass(frozen=True)
class DropBatch:
    """Some schemas or tables that go in one transaction; with `last` nothing can be hoped for from a later one."""

    victims: Sequence[Victim]
    last: bool = False
    place: str = ""

    @property
    def names(self) -> Sequence[str]:
        return [shown(*one.names) for one in self.victims]

    @property
    def sizes(self) -> Sequence[int]:
        return [one.size or 0 for one in self.victims]

    @property
    def weights(self) -> Sequence[int]:
        return [one.holds for one in self.victims]


class DropSweeper:
    """The database, while one run finds and drops what is in it."""

    def __init__(self, wanted: Dropping, database: Database) -> None:
        self.wanted, self.database = wanted, database
        self.notes: list[str] = []
        self._again: list[Victim] = []

    def find(self, context: Context) -> Iterator[DropBatch | Refusal]:  # noqa: ARG002 - it is the database's own
        found, refused = read(lambda: self.database.read(self._listed, "list what is there"))
        yield from refused
        together = _TOGETHER if self.database.dialect.atomic and self.wanted.tables else 1
        last = False
        while found:
            self._again = []
            for at in range(0, len(found), together):
                yield DropBatch(found[at : at + together], last)
            # Tables that refer to each other go as soon as those do that refer to them.
            last = len(self._again) == len(found)
            found = self._again

    def delete(self, batch: DropBatch, context: Context, most: int) -> DeletionOutcome:  # noqa: ARG002 - as above
        victims = list(batch.victims[:most])
        if not self.database.dialect.atomic:
            outcome, again = self._one(victims[0], last=batch.last)
        else:
            if victims[0].holds > _TOGETHER and len(victims[0].names) == 1:
                self._emptied(victims[0])
            outcome, again = self._together(victims, last=batch.last)
        self._again += again
        return outcome

    def _together(self, victims: list[Victim], *, last: bool) -> tuple[DeletionOutcome, list[Victim]]:
        """In one transaction, or in two of half as many where the server has too few locks for one."""
        what = f"drop {shown(*victims[0].names)}"
        try:
            return self.database.write(lambda session: self._several(session, victims, last=last), what)
        except TooManyLocks:
            if len(victims) == 1:
                raise
            middle = len(victims) // 2
            (first, again), (second, further) = (
                self._together(part, last=last) for part in (victims[:middle], victims[middle:])
            )
        return DeletionOutcome(
            gone=[*first.gone, *second.gone],
            again=[*first.again, *second.again],
            refused=[*first.refused, *second.refused],
        ), [*again, *further]

    def _emptied(self, schema: Victim) -> None:
        """Drop the tables of a schema first, some at a time: all of them at once take more locks than a server has."""
        what, together = f"drop tables of {shown(*schema.names)}", _TOGETHER

        def some(session: Transaction) -> int:
            if schema not in self.database.dialect.still(session, [schema]):
                return 0
            return self.database.dialect.drop_part(session, schema, together, cascade=self.wanted.cascade)

        while True:
            try:
                if self.database.write(some, what) < together:
                    return
            except TooManyLocks:
                if together == 1:
                    raise
                together = max(1, together // 4)
            except Needed:  # by something outside, as the schema itself will tell
                return

    def _listed(self, session: Transaction) -> tuple[list[Victim], list[Refusal]]:
        """What matches, each once, and what matches and must stay."""
        wanted, dialect = self.wanted, self.database.dialect

        def fold(text: str) -> str:
            return folded.setdefault(text, dialect.fold(session, text))

        folded: dict[str, str] = {}
        include, exclude = (Globs([fold(one) for one in globs]) for globs in (wanted.include, wanted.exclude))
        found: dict[tuple[str, ...], Victim] = {}
        refused: list[Refusal] = []
        for pattern in wanted.schemas or wanted.tables:
            candidates = dialect.schemas(session, pattern.name) if wanted.schemas else dialect.tables(session, pattern)
            for one in candidates:
                if is_system(one.names[0]) or one.names in found or not _matches(pattern, one, fold):
                    continue
                path = fold(one.path)
                if exclude.match(path) or (include and not include.match(path)):
                    continue
                kept = [part for part in one.parts if exclude.match(fold(part))]
                if kept:
                    refused.append(Refusal(shown(*one.names), "a part of it is excluded"))
                elif one.default and wanted.schemas and pattern.name.is_pattern:
                    refused.append(Refusal(shown(*one.names), "it is the default schema: write out its whole name"))
                elif one.default and pattern in wanted.shared:
                    told = "it is the default schema" if wanted.schemas else "it is in the default schema"
                    refused.append(Refusal(shown(*one.names), f"{told}: say anything: true if it is to go"))
                elif one.size is None and wanted.sized:
                    raise DatabaseFault("wrong", "sizes are not known, so that limit_bytes cannot be kept: use limit")
                else:
                    found[one.names] = one
        counted = {one.path for one in found.values()}
        victims = [_beside(one, counted) for one in found.values()]
        return self._with_along(session, victims) if wanted.cascade and victims else victims, refused

    def _with_along(self, session: Transaction, victims: list[Victim]) -> list[Victim]:
        """The victims that hold what CASCADE takes along as well, from outside of them, each once."""
        inside = {path for one in victims for path in (one.path, *one.parts)}
        schemas = {one.path for one in victims}
        along: dict[str, Victim] = {}
        for victim, what, path in self.database.dialect.along(session, victims):
            if path not in inside and path.partition("/")[0] not in schemas:
                along.setdefault(what, victim)
        if along:
            told = ", ".join(list(along)[:_TOLD]) + (f" and {len(along) - _TOLD} more" if len(along) > _TOLD else "")
            self.notes = [f"by cascade this goes along: {told}"]
        more = Counter(one.names for one in along.values())
        return [replace(one, holds=one.holds + more[one.names]) for one in victims]

    def _several(
        self, session: Transaction, victims: list[Victim], *, last: bool
    ) -> tuple[DeletionOutcome, list[Victim]]:
        """All of them in one transaction, each as though it were alone."""
        there = self.database.dialect.still(session, victims)
        gone = [shown(*one.names) for one in victims if one not in there]
        refused: list[Refusal] = []
        again: list[Victim] = []
        rest = [one for one in victims if one in there]
        if last and len(rest) > 1 and self._dropped(session, rest) is None:  # they may refer to each other in a circle
            return DeletionOutcome(gone=gone), []
        for number, one in enumerate(rest):
            if number and session.left() <= 2 * session.lock_timeout:  # what is done by now is worth keeping
                again += rest[number:]
                break
            fault = self._dropped(session, [one])
            if fault is None:
                continue
            if fault.meaning == "gone":
                gone.append(shown(*one.names))
            elif fault.meaning == "needed" and not last:
                again.append(one)
            else:
                refused.append(Refusal(shown(*one.names), _told(fault)))
        return DeletionOutcome(gone=gone, again=[shown(*one.names) for one in again], refused=refused), again

    def _dropped(self, session: Transaction, victims: Sequence[Victim]) -> DatabaseFault | None:
        try:
            with session.savepoint():
                self.database.dialect.drop(session, victims, cascade=self.wanted.cascade)
        except DatabaseFault as fault:
            if fault.meaning in ("busy", "lost", "login"):
                raise
            return fault
        return None

    def _one(self, victim: Victim, *, last: bool) -> tuple[DeletionOutcome, list[Victim]]:
        """One by itself, where DROP cannot be undone; sent again if no answer came, and then it is known to be ours."""
        dialect, name = self.database.dialect, shown(*victim.names)
        sent = False

        def drop(session: Transaction) -> None:
            nonlocal sent
            if victim not in dialect.still(session, [victim]):
                raise DatabaseFault("gone", "")
            sent = True
            dialect.drop(session, [victim], cascade=False)

        try:
            self.database.statement(drop, f"drop {name}")
        except DatabaseFault as fault:
            if fault.meaning == "gone":
                return DeletionOutcome(gone=() if sent else [name]), []
            if fault.meaning == "needed" and not last:
                return DeletionOutcome(again=[name]), [victim]
            return DeletionOutcome(refused=[Refusal(name, _told(fault))]), []
        return DeletionOutcome(), []


def _beside(victim: Victim, counted: set[str]) -> Victim:
    """The table, that holds those of its partitions which are not counted by themselves; a schema as it is."""
    if not victim.parts or len(victim.names) == 1:
        return victim
    return replace(victim, holds=sum(part not in counted for part in victim.parts))


def _matches(pattern: Name, victim: Victim, fold: "Fold") -> bool:
    globs = pattern.parts[-len(victim.names) :]
    names = victim.names[-len(globs) :]
    return all(Glob(fold(glob.text), glob.exact).matches(fold(name)) for glob, name in zip(globs, names, strict=True))


def _told(fault: DatabaseFault) -> str:
    if fault.meaning == "needed":
        return f"{fault.told}, such as a view or a foreign key"
    return fault.told


class Fold(Protocol):
    def __call__(self, text: str) -> str: ...
