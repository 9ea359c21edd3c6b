"""DuckDB in the process, locked up: it reads the files that were named and nothing else, and has no way out.

Of DuckDB only this module knows. https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from exitkit.errors import ActionError
from exitkit.process.query.files import Files
from exitkit.text.safe import line

if TYPE_CHECKING:
    import duckdb

_RESULT = "_result"
_SIMPLE = re.compile(r"(?i)(?:SELECT|FROM)\b")
_FORMS = {".csv": "csv, header", ".json": "json, array", ".jsonl": "json", ".parquet": "parquet, compression zstd"}
FORMS = tuple(_FORMS)
"""Endings of files that a result can be written to."""


class Table(NamedTuple):
    """A result: names of its columns, its first rows, and how many rows there are in all."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int


class DuckDB:
    """Tables made of files, and a result of them. Close it; `stop` ends what it does from another thread.

    `memory` is in bytes; what does not fit goes to `scratch`. Its methods raise ActionError for what DuckDB refuses.
    """

    def __init__(self, scratch: Path, *, memory: int, threads: int) -> None:
        import duckdb

        self._duckdb = duckdb
        self._scratch = scratch
        self._tables: dict[str, str] = {}
        self._connection: duckdb.DuckDBPyConnection = duckdb.connect(
            ":memory:",
            config={
                "allow_community_extensions": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",  # a name in the query is never a variable of ours
                "memory_limit": f"{memory}B",
                "temp_directory": str(scratch),
                "threads": str(threads),
            },
        )

    def lock(self, files: Mapping[str, Files]) -> None:
        """Take these files for tables. From now on it can reach nothing else."""
        self._tables = {name: _source(each) for name, each in files.items()}
        paths = [path for each in files.values() for path in each.paths]
        self._run("SET allowed_paths = ?", [paths])
        self._run("SET allowed_directories = ?", [[str(self._scratch)]])
        self._run("SET enable_external_access = false")
        self._run("SET lock_configuration = true")

    def close(self) -> None:
        self._connection.close()

    def stop(self) -> None:
        self._connection.interrupt()

    def ask(self, sql: str, most: int) -> Table:
        """Run the statements, of which the last is a SELECT, and keep its result; the first `most` rows of it."""
        try:
            *before, last = self._connection.extract_statements(sql)
        except (self._duckdb.Error, ValueError) as error:
            raise ActionError(f"sql: {_said(error) or 'no statement'}", reason="client") from None
        if last.type != self._duckdb.StatementType.SELECT:
            raise ActionError("sql: its last statement is no SELECT, so that there is nothing to show", reason="client")
        query = last.query.strip().rstrip(";")
        if before or not _SIMPLE.match(query):
            for name, source in self._tables.items():
                self._run(f"CREATE VIEW {_name(name)} AS {source}", what=f"files.{name}")
        else:  # without a view, whose making looks at the files once more
            query = f"WITH {', '.join(f'{_name(name)} AS ({source})' for name, source in self._tables.items())} {query}"
        for statement in before:
            self._run(statement)
        self._run(f"CREATE TEMP TABLE {_RESULT} AS {query}")
        return self._table(f"FROM {_RESULT}", most)

    def offenders(self, expectation: str, most: int) -> Table | None:
        """The rows of the result that are not as expected; None where all are.

        An expectation in which only `rows` stands, the number of rows, is about the result as a whole, and then all
        of it is what offends. A row for which it is neither true nor false is not as expected.
        """
        counted = f"(SELECT count(*) AS rows FROM {_RESULT}) AS _counted"
        # In brackets on lines of its own, so that it is one expression, whatever comment it ends with.
        holds = f"coalesce(CAST((\n{expectation}\n) AS BOOLEAN), false)"
        try:
            whole = self._connection.execute(f"SELECT {holds} FROM {counted}").fetchone()
        except self._duckdb.BinderException:  # it names a column
            table = self._table(f"SELECT {_RESULT}.* FROM {_RESULT}, {counted} WHERE NOT {holds}", most, "expect")
            return table if table.total else None
        except self._duckdb.Error as error:
            raise ActionError(f"expect: {_said(error)}", reason="client") from None
        return None if whole and whole[0] else self._table(f"FROM {_RESULT}", most)

    def write(self, path: Path) -> None:
        """Write the result to a file below the scratch folder, in the form that its name tells."""
        self._run(f"COPY {_RESULT} TO {_quoted(str(path))} (FORMAT {_FORMS[path.suffix]})")

    def _table(self, query: str, most: int, what: str = "sql") -> Table:
        with self._errors(what):
            count = self._connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
            shown = self._connection.execute(f"FROM ({query}) LIMIT {most:d}")
            columns = tuple(column[0] for column in shown.description or ())
            return Table(columns, tuple(shown.fetchall()), count[0] if count else 0)

    def _run(self, statement: "str | duckdb.Statement", values: Any = None, *, what: str = "sql") -> None:
        with self._errors(what):
            self._connection.execute(statement, values)

    @contextlib.contextmanager
    def _errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._duckdb.OutOfMemoryException as error:
            raise ActionError(
                f"{what}: {_said(error)}; raise memory, or the container's limit", reason="other"
            ) from None
        except self._duckdb.Error as error:
            raise ActionError(f"{what}: {_said(error)}", reason="client") from None


def default_memory() -> int:
    """Bytes: half of what the container may have, at least 128 MiB, below which it reads no packed CSV; 512 MiB where nothing limits it.

    https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            limit = int(Path(place).read_text(encoding="ascii"))
            if limit < 1 << 46:  # the first version of cgroups tells a number that no machine has
                return max(128 << 20, limit // 2)
    return 512 << 20


def _source(files: Files) -> str:
    """Several files are one table by the names of their columns."""
    listed = ", ".join(map(_quoted, files.paths))
    return f"SELECT * FROM {files.reader}([{listed}]{', union_by_name = true' if len(files.paths) > 1 else ''})"


def _said(error: Exception) -> str:
    """DuckDB's own words, without the picture of the place, and without advice on settings that are not the user's."""
    text = re.split(r"\n\n?(?:LINE |Possible solutions)", str(error))[0]
    return line(text, 500)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
