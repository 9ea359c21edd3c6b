"""Schemas and tables of a database that bear the workflow's name or uid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exitkit.clients.sql.database import Database
from exitkit.clients.sql.dialect import Victim
from exitkit.clients.sql.names import Name
from exitkit.clients.sql.session import Transaction
from exitkit.clients.sql.url import is_system
from exitkit.process.leftovers.bearing import Owners, name_template


@dataclass(frozen=True)
class LeftSchema:
    """A schema or table, how many bytes it has if that is known, and how many tables are in it."""

    name: str
    own: str
    size: int | None
    tables: int = 0


@dataclass
class Schemas:
    """What was found in one database; the tables are those of the default schema."""

    schemas: list[LeftSchema] = field(default_factory=list)
    tables: list[LeftSchema] = field(default_factory=list)


def scan(database: Database, owners: Owners) -> Schemas:
    """Look in a transaction that can change nothing. Raises ActionError."""

    def look(session: Transaction) -> Schemas:
        found = Schemas()
        for pattern in owners.patterns:
            for schema in database.dialect.schemas(session, pattern):
                _add(found.schemas, schema, owners)
            for table in database.dialect.tables(session, Name(pattern)):
                _add(found.tables, table, owners)
        return found

    return database.read(look, "list what is there")


def _add(found: list[LeftSchema], victim: Victim, owners: Owners) -> None:
    name = victim.names[-1]
    # Everybody's tables are in the default schema, also where it happens to be called as the workflow is.
    if (len(victim.names) == 1 and victim.default) or is_system(victim.names[0]):
        return
    own = owners.of_name(name)
    if own and all(one.name != name for one in found):
        found.append(LeftSchema(name, own, victim.size, victim.holds))


def steps(found: Schemas) -> Iterator[Mapping[str, object]]:
    """Settings of cleanup.sql, whose `url` is not among them: it is a secret."""
    for key, left in (("tables", found.tables), ("schemas", found.schemas)):
        templates = [template for one in left if (template := name_template(one.name, one.own))]
        if templates:
            yield {key: templates}
