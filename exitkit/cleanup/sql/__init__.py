"""Schemas, tables and rows of a database."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field, SecretStr, field_validator, model_validator

from exitkit.argo.ownership import is_unmistakable, owners
from exitkit.cleanup import Cleanup
from exitkit.cleanup.engine.deletion import Sweeper
from exitkit.cleanup.sql.drop import Dropping, DropSweeper
from exitkit.cleanup.sql.predicate import Predicate, Value
from exitkit.cleanup.sql.rows import RowSweeper
from exitkit.clients.sql import names
from exitkit.clients.sql import url as sqlurl
from exitkit.clients.sql.database import Database
from exitkit.clients.sql.dialect import Comparison, Rows
from exitkit.context import Context
from exitkit.errors import ConfigError
from exitkit.text.filled import put_in, written
from exitkit.text.units import Bytes, Seconds


class SQL(Cleanup):
    """Drop schemas or tables by pattern, or delete rows, in PostgreSQL, MySQL, MariaDB or SQLite.

    A pattern is matched with names as the database has stored them. In it `*` stands for any text and `?` for one
    character; in double quotes it is exactly that name, and `[*]` is a star. Names there seldom have a dash, so
    `train_x7k2p_*` bears the name `train-x7k2p` as well; it has to be written so, as by
    `{{ workflow.name | replace('-', '_') }}_*`. Only a generated name or the uid can have more beside it: a workflow
    `train` cannot have `train_*`, which are the tables of `train-10` too.

    Rows are the workflow's where a column of texts has its name, exactly: a column that is not in the table, or holds
    numbers, is refused, and what a collation takes for the same stays. Rows of other tables that go along by ON DELETE
    CASCADE are counted; MySQL and MariaDB do not show all foreign keys to every user, and then those that PROCESS or
    information_schema tell of end the step, and that there may be others is noted. A row that a foreign key keeps is left. What a trigger changes is not counted, so it is named in the report.

    PostgreSQL and SQLite drop up to 100 tables in one transaction. MySQL and MariaDB commit each DROP by itself, so
    that a run which is cut has dropped what it counts. A schema goes with all that is in it, and stays if anything
    outside refers to that; in MySQL and MariaDB it is a database, and only foreign keys are seen to refer to it. A
    table stays as long as a foreign key of another one refers to it, and in PostgreSQL a view or anything else.

    Without `batch` all rows go in one transaction. What one transaction may take is `attempt_timeout` in `retry`.
    """

    url: SecretStr = Field(
        description="The database, as postgresql://user:secret@host/name, mysql://… or sqlite:////path/to/file."
    )
    password: SecretStr | None = Field(None, description="The password, if it is not in the url.")
    schemas: list[str] = Field([], description="Patterns of the schemas to drop; in MySQL these are databases.")
    tables: list[str] = Field(
        [], description="Patterns of the tables to drop, as table or schema.table; without one in the default schema."
    )
    rows: str = Field("", description="The table whose rows to delete, as table or schema.table.")
    where: str = Field(
        "",
        description="Which rows, in SQL with :named parameters and without texts, such as run_id = :run; the workflow "
        "has to be in a column = :parameter that holds for every row.",
    )
    values: dict[str, Value] = Field({}, description="The values of the parameters in where.")
    age_column: str = Field(
        "", description="The column of times that older_than means; one without a zone is read as UTC."
    )
    batch: int = Field(0, ge=0, description="Rows in one transaction; 0 is all of them.")
    cascade: bool = Field(
        False, description="Drop also what refers to it, such as views, wherever it is; PostgreSQL alone knows this."
    )
    lock_timeout: Seconds = Field(
        3.0,
        gt=0,
        description="How long to wait for others who use a table, but no longer than a quarter of an attempt.",
    )
    older_than: Seconds = Field(0.0, description="Only rows whose age_column says that they are at least so old.")
    include: list[str] = Field(
        [],
        description="Only what matches one of these globs: tmp_* is a table or schema, results/* a table with its own.",
    )
    exclude: list[str] = Field([], description="Not what matches one of these globs.")
    limit_bytes: Bytes | None = Field(
        None, description="The most to delete in bytes; for schemas and tables of a server, which knows their sizes."
    )

    reads_in_dry_run: ClassVar[bool] = True

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: SecretStr) -> SecretStr:
        sqlurl.read(url.get_secret_value())
        return url

    @field_validator("schemas")
    @classmethod
    def _are_schemas(cls, patterns: list[str]) -> list[str]:
        for one in patterns:
            names.read(one, parts=1)
        return patterns

    @field_validator("tables")
    @classmethod
    def _are_tables(cls, patterns: list[str]) -> list[str]:
        for one in patterns:
            names.read(one)
        return patterns

    @model_validator(mode="after")
    def _fits(self) -> "SQL":
        if sum(map(bool, (self.schemas, self.tables, self.rows))) != 1:
            raise ValueError("give one of schemas, tables and rows: what is to go")
        if self.rows:
            self._check_rows()
        else:
            self._check_objects()
        if self._address.kind == "sqlite" and self.limit_bytes is not None:
            raise ValueError("limit_bytes is not for SQLite, which does not tell sizes: use limit")
        return self

    def _check_rows(self) -> None:
        table = names.read(self.rows)
        if any(one.is_pattern for one in table.parts):
            raise ValueError("rows is one table, without wildcards; put a name that has such signs in double quotes")
        if sqlurl.is_system(table.parts[0].text):
            raise ValueError("rows is a table of the database itself")
        if self._address.kind == "mysql" and table.schema is None and not self._address.database:
            raise ValueError("rows has no database, nor has the url: write database.table")
        if self._address.kind == "sqlite" and table.schema is not None and table.schema.text != "main":
            raise ValueError("rows has a schema, and SQLite has but one: leave it out")
        self._predicate.check()
        if bool(self.age_column) != bool(self.older_than):
            raise ValueError("older_than and age_column go together")
        if "\0" in self.age_column or not names.is_text(self.age_column):
            raise ValueError("age_column is no name")
        for name in ("include", "exclude", "limit_bytes", "cascade"):
            if getattr(self, name):
                raise ValueError(f"{name} is not for rows: write a condition into where, or use limit")

    def _check_objects(self) -> None:
        for name in ("where", "values", "batch", "age_column"):
            if getattr(self, name):
                raise ValueError(f"{name} is for rows: say of which table in rows")
        if self.older_than:
            raise ValueError("older_than is for rows: databases do not tell how old a table is")
        if self.cascade and self._address.kind != "postgresql":
            raise ValueError("cascade is for PostgreSQL: others do not drop what refers to a table")
        if self.schemas and self._address.kind == "sqlite":
            raise ValueError("schemas is not for SQLite, where one is a file: use cleanup.files")
        for one in self.schemas:
            self._address.check_schema(names.read(one, parts=1).name)
        for one in self.tables:
            self._address.check_table(names.read(one))

    @classmethod
    def literal(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        made = super().literal(given)
        where, values = given.get("where", ""), given.get("values")
        if isinstance(where, str) and put_in(where):
            raise ConfigError("where has something put in by a template: give it as a parameter, in values")
        for key in made.keys() & {"schemas", "tables", "rows"}:
            made[key] = _named(key, given[key])
        if isinstance(where, str) and isinstance(values, Mapping):
            predicate = Predicate(where)
            try:
                made["values"] = {key: _value(predicate, str(key), value) for key, value in values.items()}
            except ValueError as error:
                raise ConfigError(str(error)) from None
        return made

    def targets(self) -> list[str]:
        return [*self.schemas, *self.tables, *([f"{self.rows} where {self.where}"] if self.rows else [])]

    def bears(self, target: str, own: str) -> bool:
        """Whether the name is a part of the pattern that no wildcard can add a letter to, or what every row has."""
        if self.rows:
            return bool(self._predicate.owned(own))
        name = names.read(target, parts=1 if self.schemas else 2)
        if self.tables and name.name.bears(own):
            return True
        # Everybody's tables are in the default schema, also where it happens to be called as the workflow is.
        schema = name.name if self.schemas else name.schema
        is_default = schema is not None and schema.text.lower() in self._address.default_schemas
        return schema is not None and schema.bears(own) and (not is_default or is_unmistakable(own))

    @contextlib.contextmanager
    def open(self, context: Context) -> Iterator[Sweeper]:
        database = Database(self._address, context, self.lock_timeout)
        try:
            if self.rows:
                yield RowSweeper(self._rows(context), database, self.batch, self.limit)
            else:
                yield DropSweeper(self._dropping(context), database)
        finally:
            database.close()

    def _dropping(self, context: Context) -> Dropping:
        schemas, tables = [names.read(one, parts=1) for one in self.schemas], [names.read(one) for one in self.tables]
        own = list(owners(context.workflow))
        return Dropping(
            schemas=schemas,
            tables=tables,
            shared=[]
            if self.anything
            else [
                pattern
                for pattern in (*schemas, *(table for table in tables if table.schema))
                if not any(
                    (self.tables and pattern.name.bears(one)) or (is_unmistakable(one) and pattern.bears(one))
                    for one in own
                )
            ],
            include=self.include,
            exclude=self.exclude,
            cascade=self.cascade,
            sized=self.limit_bytes is not None,
        )

    @property
    def _address(self) -> sqlurl.DatabaseAddress:
        return sqlurl.read(self.url.get_secret_value(), self.password.get_secret_value() if self.password else "")

    @property
    def _predicate(self) -> Predicate:
        return Predicate(self.where, self.values)

    def _rows(self, context: Context) -> Rows:
        where, values = self._predicate.bound(self._address.kind)
        before = context.deadline.clock.time() - self.older_than
        owned = () if self.anything else self._owned(context)
        return Rows(names.read(self.rows), where, dict(values), self.age_column, before, owned)

    def _owned(self, context: Context) -> tuple[Comparison, ...]:
        found = next((found for own in owners(context.workflow) if (found := self._predicate.owned(own))), ())
        if not found:
            raise ConfigError(
                "where does not say whose rows they are: say anything: true if they are to go all the same"
            )
        return found


_MARK = "\0"  # around what a template put in


def _named(key: str, value: Any) -> Any:
    """A pattern in which what a template put in is that name. Raises ConfigError for a schema that is everybody's."""
    if isinstance(value, list):
        return [_named(key, inner) for inner in value]
    if not isinstance(value, str):
        return value
    schema, dot, _ = written(value, lambda data: f"{_MARK}{data}{_MARK}").partition(".")
    if key == "schemas" or dot:
        plain = schema.replace(_MARK, "")
        if plain != schema and (sqlurl.is_system(plain) or plain.lower() == "public"):
            raise ConfigError(f"{key} has {plain[:100]!r} by a template, which is not the workflow's own: write it out")
    return written(value, names.escaped)


def _value(predicate: Predicate, key: str, value: Any) -> Any:
    if isinstance(value, str) and put_in(value) and predicate.check_data(key, put_in(value)):
        return written(value, lambda data: re.sub(r"[%_\\]", r"\\\g<0>", data))
    return str(value) if isinstance(value, str) else value
