"""One transaction of a database: statements, names quoted by the dialect, and errors read."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from exitkit.clients.sql import errors
from exitkit.clients.sql.url import DatabaseAddress, Kind
from exitkit.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection


def parsed(address: DatabaseAddress) -> "URL":
    """The URL with its password. Raises ConfigError."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address.text)
    except (ArgumentError, ValueError):
        raise ConfigError("url cannot be read: correct it") from None
    return url.set(password=address.password) if address.password else url


class Transaction:
    """What runs statements; each raises DatabaseFault. `left` gives the seconds that its attempt may still take."""

    def __init__(self, connection: "Connection", kind: Kind, left: Callable[[], float], lock_timeout: float) -> None:
        self.connection, self.kind, self.left, self.lock_timeout = connection, kind, left, lock_timeout

    def rows(self, text: str, **values: Any) -> Sequence[Any]:
        """The rows of a query with `:named` values."""
        import sqlalchemy as sa

        with self.faults():
            return self.connection.execute(sa.text(text), values).all()

    def value(self, text: str, **values: Any) -> Any:
        """The first value of its first row, or None."""
        found = self.rows(text, **values)
        return found[0][0] if found else None

    def change(self, text: str, values: Mapping[str, Any]) -> int:
        """Change rows; how many it were."""
        import sqlalchemy as sa

        with self.faults():
            return int(self.connection.execute(sa.text(text), values).rowcount)

    def command(self, text: str) -> None:
        """A statement without values, in which no sign stands for one."""
        with self.faults():
            self.connection.exec_driver_sql(text, execution_options={"no_parameters": True})

    def quote(self, *names: str) -> str:
        """A name for `command`, such as `"schema"."table"`."""
        preparer = self.connection.dialect.identifier_preparer
        doubles = getattr(preparer, "_double_percents", False)  # for drivers that fill values in, which none does here
        quoted = [preparer.quote_identifier(one) for one in names]
        return ".".join(one.replace("%%", "%") if doubles else one for one in quoted)

    def embed(self, *names: str) -> str:
        """A name for a text with `:named` values, in which a colon could begin one."""
        return self.quote(*names).replace(":", "\\:")

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """What fails inside is undone, and the transaction goes on."""
        with self.faults():
            nested = self.connection.begin_nested()
        try:
            yield
        except errors.DatabaseFault as fault:
            if fault.meaning not in ("lost", "busy"):  # else there is no transaction that could go on
                with self.faults():
                    nested.rollback()
            raise
        else:
            with self.faults():
                nested.commit()

    @contextlib.contextmanager
    def faults(self) -> Iterator[None]:
        """What the driver raises inside becomes a DatabaseFault."""
        from sqlalchemy.exc import DBAPIError, InvalidRequestError

        try:
            yield
        except DBAPIError as error:
            raise errors.read(error, self.kind) from None
        except InvalidRequestError:
            raise errors.DatabaseFault("lost", "the connection is closed") from None
        except (ValueError, OverflowError) as error:  # the driver cannot write a value
            raise errors.DatabaseFault("wrong", f"a value cannot be sent: {error}") from None
