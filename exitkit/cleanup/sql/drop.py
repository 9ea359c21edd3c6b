"""Schemas and tables by pattern: listed, picked by their names, and dropped as far as nothing else needs them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from exitkit.cleanup.engine.deletion import Outcome
from exitkit.cleanup.engine.globs import Globs
from exitkit.cleanup.sql.database import Database
from exitkit.cleanup.sql.dialect import Victim
from exitkit.cleanup.sql.errors import Fault
from exitkit.cleanup.sql.names import Glob, Name, read, shown
from exitkit.cleanup.sql.session import Session
from exitkit.cleanup.sql.url import is_system
from exitkit.clients.deletion import Refusal
from exitkit.context import Context

# PostgreSQL has room for 64 locks times its connections, and a table takes one for itself and for each index.
# https://www.postgresql.org/docs/current/runtime-config-locks.html
_TOGETHER = 100


class Picks(Protocol):
    """What is to go; the fields are those of the action."""

    @property
    def schemas(self) -> Sequence[str]: ...
    @property
    def tables(self) -> Sequence[str]: ...
    @property
    def include(self) -> Sequence[str]: ...
    @property
    def exclude(self) -> Sequence[str]: ...
    @property
    def cascade(self) -> bool: ...
    @property
    def limit_bytes(self) -> int | None: ...


@dataclass(frozen=True)
class Objects:
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


class Drop:
    """The database, while one run finds and drops what is in it."""

    def __init__(self, settings: Picks, database: Database) -> None:
        self.settings, self.database = settings, database
        self._again: list[Victim] = []

    def find(self, context: Context) -> Iterator[Objects | Refusal]:  # noqa: ARG002 - it is the database's own
        found, refused = self.database.read(self._listed, "list what is there")
        yield from refused
        together = _TOGETHER if self.database.dialect.atomic and self.settings.tables else 1
        last = False
        while found:
            self._again = []
            for at in range(0, len(found), together):
                yield Objects(found[at : at + together], last)
            # Tables that refer to each other go as soon as those do that refer to them.
            last = len(self._again) == len(found)
            found = self._again

    def delete(self, batch: Objects, context: Context, most: int) -> Outcome:  # noqa: ARG002 - as above
        victims = list(batch.victims[:most])
        if not self.database.dialect.atomic:
            outcome, again = self._one(victims[0], last=batch.last)
        else:
            outcome, again = self.database.write(
                lambda session: self._several(session, victims, last=batch.last), f"drop {shown(*victims[0].names)}"
            )
        self._again += again
        return outcome

    def _listed(self, session: Session) -> tuple[list[Victim], list[Refusal]]:
        """What matches, each once, and what matches and must stay."""
        settings, dialect = self.settings, self.database.dialect

        def fold(text: str) -> str:
            return folded.setdefault(text, dialect.fold(session, text))

        folded: dict[str, str] = {}
        include, exclude = (Globs([fold(one) for one in globs]) for globs in (settings.include, settings.exclude))
        found: dict[tuple[str, ...], Victim] = {}
        refused: list[Refusal] = []
        patterns = [read(one, parts=1) for one in settings.schemas] or [read(one) for one in settings.tables]
        for pattern in patterns:
            candidates = (
                dialect.schemas(session, pattern.name) if settings.schemas else dialect.tables(session, pattern)
            )
            for one in candidates:
                if is_system(one.names[0]) or one.names in found or not _matches(pattern, one, fold):
                    continue
                path = fold(one.path)
                if exclude.match(path) or (include and not include.match(path)):
                    continue
                kept = [part for part in one.parts if exclude.match(fold(part))]
                if kept:
                    refused.append(Refusal(shown(*one.names), "a part of it is excluded"))
                elif one.default and pattern.name.is_pattern:
                    refused.append(Refusal(shown(*one.names), "it is the default schema: write out its whole name"))
                elif one.size is None and settings.limit_bytes is not None:
                    raise Fault("wrong", "sizes are not known, so that limit_bytes cannot be kept: use limit")
                else:
                    found[one.names] = one
        return list(found.values()), refused

    def _several(self, session: Session, victims: list[Victim], *, last: bool) -> tuple[Outcome, list[Victim]]:
        """All of them in one transaction, each as though it were alone."""
        there = self.database.dialect.still(session, victims)
        gone = [shown(*one.names) for one in victims if one not in there]
        refused: list[Refusal] = []
        again: list[Victim] = []
        rest = [one for one in victims if one in there]
        if last and len(rest) > 1 and self._dropped(session, rest) is None:  # they may refer to each other in a circle
            return Outcome(gone=gone), []
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
        return Outcome(gone=gone, again=[shown(*one.names) for one in again], refused=refused), again

    def _dropped(self, session: Session, victims: Sequence[Victim]) -> Fault | None:
        try:
            with session.savepoint():
                self.database.dialect.drop(session, victims, cascade=self.settings.cascade)
        except Fault as fault:
            if fault.meaning in ("busy", "lost", "login"):
                raise
            return fault
        return None

    def _one(self, victim: Victim, *, last: bool) -> tuple[Outcome, list[Victim]]:
        """One by itself, where DROP cannot be undone; sent again if no answer came, and then it is known to be ours."""
        dialect, name = self.database.dialect, shown(*victim.names)
        sent = False

        def drop(session: Session) -> None:
            nonlocal sent
            if victim not in dialect.still(session, [victim]):
                raise Fault("gone", "")
            sent = True
            dialect.drop(session, [victim], cascade=False)

        try:
            self.database.statement(drop, f"drop {name}")
        except Fault as fault:
            if fault.meaning == "gone":
                return Outcome(gone=() if sent else [name]), []
            if fault.meaning == "needed" and not last:
                return Outcome(again=[name]), [victim]
            return Outcome(refused=[Refusal(name, _told(fault))]), []
        return Outcome(), []


def _matches(pattern: Name, victim: Victim, fold: "Fold") -> bool:
    globs = pattern.parts[-len(victim.names) :]
    names = victim.names[-len(globs) :]
    return all(Glob(fold(glob.text), glob.exact).matches(fold(name)) for glob, name in zip(globs, names, strict=True))


def _told(fault: Fault) -> str:
    if fault.meaning == "needed":
        return f"{fault.told}, such as a view or a foreign key"
    return fault.told


class Fold(Protocol):
    def __call__(self, text: str) -> str: ...
