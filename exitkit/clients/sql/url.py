"""The address of a database: read far enough, without SQLAlchemy, to know what it is and what must never go there."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from exitkit.clients.sql.names import Glob, Name

Kind = Literal["postgresql", "mysql", "sqlite"]

_KINDS: dict[str, Kind] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
}
_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "sqlite": "pysqlite"}
_URL = re.compile(r"([a-z]+)(?:\+([a-z0-9_]+))?://(.*)", re.DOTALL)

# https://www.postgresql.org/docs/current/ddl-schemas.html: names that begin with pg_ are the system's.
# https://mariadb.com/kb/en/system-databases/
_SYSTEM = (
    *("pg_catalog", "pg_toast", "pg_temp_1", "pg_toast_temp_1", "information_schema"),
    *("mysql", "sys", "performance_schema", "ndbinfo"),
)


@dataclass(frozen=True)
class DatabaseAddress:
    """Which database: `text` is a URL for SQLAlchemy with its driver, and a secret; of SQLite it is the file.

    `database` is the one that the URL names, or nothing; `password` goes before one in the URL.
    """

    kind: Kind
    text: str
    database: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"DatabaseAddress({self.kind})"

    @property
    def default_schemas(self) -> tuple[str, ...]:
        """Where names without a schema lead, as far as that is known before anybody is asked."""
        return ("public",) if self.kind == "postgresql" else (self.database,)

    def check_schema(self, pattern: Glob) -> None:
        """Raises ValueError where it may stand for the database's own schema, or for the default one by chance."""
        if is_system(pattern.text) or any(_folded(pattern).matches(one) for one in _SYSTEM):
            raise ValueError(f"{pattern.text!r} also stands for a schema of the database itself: write out more of it")
        for one in self.default_schemas:
            if pattern.is_pattern and one and _folded(pattern).matches(one.lower()):
                raise ValueError(
                    f"{pattern.text!r} also stands for {one}, the default: write out more of the name, or all of it"
                )

    def check_table(self, pattern: Name) -> None:
        """Raises ValueError where it stands for all tables of a default schema, or may for the database's own."""
        if pattern.schema is not None and pattern.schema.text.strip("*?"):
            self.check_schema(pattern.schema)
        if pattern.schema is None and self.kind == "mysql" and not self.database:
            raise ValueError(f"{pattern.name.text!r} has no database, nor has the url: write database.table")
        if not pattern.name.says_something and (
            pattern.schema is None or pattern.schema.text.lower() in [one.lower() for one in self.default_schemas]
        ):
            raise ValueError(f"{pattern.name.text!r} stands for every table of the default schema: write out more")


def read(url: str, password: str = "") -> DatabaseAddress:
    """The address in a URL such as `postgresql://user:secret@host/database`. Raises ValueError, without the URL."""
    found = _URL.fullmatch(url.strip())
    if found is None or found[1] not in _KINDS:
        raise ValueError(
            "is no url of PostgreSQL, MySQL, MariaDB or SQLite, such as postgresql://user:secret@host/name"
        )
    kind = _KINDS[found[1]]
    driver = found[2] or _DRIVERS[kind]
    if driver != _DRIVERS[kind]:
        raise ValueError(f"names another driver than {_DRIVERS[kind]}: leave the driver out")
    rest = found[3]
    if any(not one.isprintable() or (one == " " and kind != "sqlite") for one in rest):
        raise ValueError("has blanks in it: write those of a password as %20")
    if kind == "sqlite":
        if password:
            raise ValueError("is a file, which has no password")
        if not rest.startswith("/") or not rest.strip("/") or rest[1:].startswith((":memory:", "file:")) or "?" in rest:
            raise ValueError("names no file: SQLite's is written sqlite:////absolute/path.db, without options")
        return DatabaseAddress(kind, rest[1:], "main")
    try:
        parts = urlsplit(f"//{rest}")
        _ = parts.port
    except ValueError:
        raise ValueError("has a host or port that is none") from None
    return DatabaseAddress(kind, f"{kind}+{driver}://{rest}", parts.path.removeprefix("/"), password)


def is_system(schema: str) -> bool:
    """Whether the schema belongs to the database itself, of whichever kind that is."""
    return schema.lower() in _SYSTEM or schema.lower().startswith("pg_")


def _folded(pattern: Glob) -> Glob:
    return Glob(pattern.text.lower(), pattern.exact)
