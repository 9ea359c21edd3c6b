"""SQL over the files that a workflow has left: a table for the message, the report or a file, and what to expect of it."""

import contextlib
import glob
import math
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast

from pydantic import Field, field_validator

from exitkit.action import Action, Result
from exitkit.context import Context
from exitkit.errors import ActionError
from exitkit.message import markdown
from exitkit.process import destination
from exitkit.process.query import files as located
from exitkit.process.query.database import FORMS, DuckDB, Table, default_memory
from exitkit.process.query.statement import as_sql
from exitkit.settings.fields import ADDRESS
from exitkit.text.filled import written
from exitkit.text.safe import line
from exitkit.text.units import Bytes, human_size

_CELL = 200
_MOST_OFFENDERS = 5  # in the error, which is read in a message
_TABLE_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"


class Query(Action):
    """Ask the files that the workflow has left with SQL, and fail where the answer is not as expected."""

    gives: ClassVar[Mapping[str, str] | None] = {
        "count": "how many rows there are",
        "columns": "their names",
        "rows": "the rows, at most as many as rows says, as objects",
        "table": "the rows as a table of Markdown",
        "path": "the file that was written",
        "bytes": "its size in bytes",
        "offenders": "count, columns, rows and table of what is not as expected",
        "files": "in a dry run the files that would be asked",
    }

    files: dict[str, str | list[str]] = Field(
        min_length=1,
        description="Tables by their names, each a path, a glob or a URL such as s3://bucket/runs/*.parquet, or a list "
        "of them. Parquet, CSV, TSV and JSON, also packed with gzip or zstd.",
    )
    sql: str = Field(
        min_length=1, description="What to ask, in DuckDB's SQL; what templates put in is always a value of it."
    )
    expect: str = Field(
        "",
        description="What holds of the answer, in SQL: of all of it where only `rows` stands, the number of rows, else "
        "of each row. The step fails where it does not, and shows the rows.",
    )
    path: Annotated[Path | None, ADDRESS] = Field(
        None, description=f"A file for the whole answer, in the form that its ending tells: {', '.join(FORMS)}."
    )
    rows: int = Field(20, ge=1, le=1000, description="Most rows in the report and for templates.")
    memory: Bytes = Field(
        0, description="Most memory for DuckDB; 0 is half of the container's limit. What does not fit goes to scratch."
    )
    threads: int = Field(0, ge=0, le=256, description="Threads of DuckDB; 0 is as many as the process may use at once.")
    scratch: Annotated[Path, ADDRESS] = Field(
        Path("/tmp"),  # noqa: S108 - the pod's own; a folder of its own in it, for nobody else to read
        description="A folder for what is fetched and what does not fit into memory.",
    )
    max_size: Bytes = Field(1 << 30, description="Most bytes that are fetched from buckets.")

    @field_validator("files")
    @classmethod
    def _can_be_tables(cls, files: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        for name, places in files.items():
            if not re.fullmatch(_TABLE_NAME, name):
                raise ValueError(f"{name[:100]!r} is no name of a table: letters, digits and _ only, a letter first")
            if not places:
                raise ValueError(f"{name} has no file")
        return files

    @field_validator("path")
    @classmethod
    def _has_a_form(cls, path: Path | None) -> Path | None:
        if path is not None and (path.suffix not in FORMS or ".." in path.parts or "\0" in str(path)):
            raise ValueError(f"is the path of a file that ends in one of {', '.join(FORMS)}, without '..'")
        return path

    @classmethod
    def literal(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings, in which what templates put into SQL is a value, and into a glob stands for itself."""
        return {key: _written(key, value) for key, value in given.items()}

    def run(self, context: Context) -> Result:
        for places in self._places().values():
            for place in places:
                located.reader_of(place)
        if context.dry_run:
            return Result(f"would ask {', '.join(self.files)}", {"files": self._places()})
        with _scratch(self.scratch) as scratch:
            fetched, spill = scratch / "fetched", scratch / "spill"
            spill.mkdir()
            limit = int(self.max_size)
            tables = {
                name: located.locate(name, places, context, fetched, limit) for name, places in self._places().items()
            }
            threads = self.threads or len(os.sched_getaffinity(0))
            database = DuckDB(spill, memory=int(self.memory) or default_memory(), threads=threads)
            return _in_time(partial(self._answer, database, tables, spill), database, context)

    def _answer(self, database: DuckDB, tables: Mapping[str, located.Files], scratch: Path) -> Result:
        database.lock(tables)
        table = database.ask(self.sql, self.rows)
        facts = _facts(table)
        if self.path:
            made = scratch / f"answer{self.path.suffix}"
            database.write(made)
            facts |= {"path": str(self.path), "bytes": made.stat().st_size}
            destination.keep(self.path, made)
        offenders = database.offenders(self.expect, self.rows) if self.expect else None
        if offenders is not None:
            raise ActionError(
                f"not as expected, {self.expect}: {_told(offenders)}",
                reason="client",
                facts={**facts, "offenders": _facts(offenders)},
            )
        return Result(_summary(table, facts), facts)

    def _places(self) -> dict[str, list[str]]:
        return {name: [places] if isinstance(places, str) else places for name, places in self.files.items()}


def _in_time(work: Callable[[], Result], database: DuckDB, context: Context) -> Result:
    """What the work comes to, which is broken off at the deadline. Raises what it raises."""
    ready = threading.Event()
    results: list[Result] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            database.close()
            ready.set()

    context.deadline.clock.spawn(body, "exitkit-query")
    if not context.deadline.wait(ready, lambda: bool(results or errors)):
        database.stop()
        raise ActionError("the query took longer than there was time; raise timeout, or ask for less", reason="timeout")
    if errors:
        raise errors[0]
    return results[0]


@contextlib.contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    """A folder of our own that goes again, with all that is in it."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="exitkit-query-", dir=parent))
    except OSError as error:
        why = (error.strerror or "i/o error").lower()
        raise ActionError(
            f"no folder for temporary files in {parent}: {why}; mount a volume there, or name another as scratch"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _written(key: str, value: Any) -> Any:
    if isinstance(value, str):
        if key in {"sql", "expect"}:
            return as_sql(value)
        return written(value, glob.escape if key == "files" else str)
    if isinstance(value, Mapping):
        return {str(name): _written(key, inner) for name, inner in value.items()}
    return [_written(key, inner) for inner in value] if isinstance(value, list) else value


def _facts(table: Table) -> dict[str, object]:
    """What templates read: `rows` as objects, `count` of all of them, `columns`, and `table` as Markdown."""
    rows = [dict(zip(table.columns, map(_plain, row), strict=True)) for row in table.rows]
    return {"count": table.total, "columns": list(table.columns), "rows": rows, "table": _markdown(table)}


def _plain(value: Any) -> object:
    """What JSON has for it, without secrets and not longer than a cell."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return line(value if isinstance(value, str) else str(value), _CELL)


def _markdown(table: Table) -> str:
    rows = [
        [_cell(value) if _is_number(value) else markdown.escape(_cell(value)) for value in row] for row in table.rows
    ]
    text = markdown.table([markdown.escape(line(column, _CELL)) for column in table.columns], rows)
    hidden = table.total - len(table.rows)
    return f"{text}\n\nAnd {hidden} more rows." if hidden else text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal)


def _cell(value: Any) -> str:
    shown = _plain(value)
    return "" if shown is None else f"{shown:.6g}" if isinstance(shown, float) else str(shown)


def _row(columns: tuple[str, ...], row: tuple[Any, ...]) -> str:
    return ", ".join(f"{line(name, _CELL)}: {_cell(value)}" for name, value in zip(columns, row, strict=True))


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _told(offenders: Table) -> str:
    shown = [_row(offenders.columns, row) for row in offenders.rows[:_MOST_OFFENDERS]]
    more = offenders.total - len(shown)
    return "; ".join([_rows(offenders.total), *shown]) + (f"; and {more} more" if more > 0 and shown else "")


def _summary(table: Table, facts: Mapping[str, object]) -> str:
    told = _row(table.columns, table.rows[0]) if table.total == 1 else _rows(table.total)
    return (
        f"{line(told, 300)}, in {facts['path']} ({human_size(cast('int', facts['bytes']))})"
        if "path" in facts
        else line(told, 300)
    )
