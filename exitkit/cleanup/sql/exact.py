"""The condition that only the workflow's own rows fulfil, made of the catalogue's columns and compared byte by byte.

What stands in `where` is the user's: a word in it may be a function, a text or a number, and `=` may take capitals and
blanks for the same. So the same is asked once more in our words, and both have to hold.
"""

from collections.abc import Mapping
from dataclasses import replace

from exitkit.cleanup.sql.tokens import name
from exitkit.clients.sql.dialect import Comparison, Dialect, Rows
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.names import shown, signs_of_like
from exitkit.clients.sql.session import Transaction


def exact(session: Transaction, dialect: Dialect, rows: Rows) -> Rows:
    """The same rows with that condition. Raises DatabaseFault where a column is not there, or has no texts."""
    table = dialect.table(session, rows)
    columns = dialect.columns(session, table)
    known = {dialect.folded(column, quoted=True) for column in columns}
    if rows.age_column and dialect.folded(rows.age_column, quoted=True) not in known:
        raise DatabaseFault(
            "wrong", f"there is no column {shown(rows.age_column)} in {shown(*table)}: correct age_column"
        )
    if not rows.owned:
        return rows
    conditions, values = [], dict(rows.values)
    for number, comparison in enumerate(rows.owned):
        column = session.embed(_column(comparison, dialect, table, columns))
        key = f"exitkit_own_{number}"
        values[key] = dialect.like(signs_of_like(comparison.text)) if comparison.like else comparison.text
        conditions.append((dialect.is_like if comparison.like else dialect.is_text)(column, key))
    return replace(rows, where=f"{rows.where} AND ({' OR '.join(conditions)})", values=values)


def _column(comparison: Comparison, dialect: Dialect, table: tuple[str, ...], columns: Mapping[str, bool]) -> str:
    """The column's name as the catalogue has it."""
    *before, last = comparison.column
    written = ".".join(comparison.column)
    sought = dialect.folded(name(last), quoted=last != name(last))
    found = [one for one in columns if dialect.folded(one, quoted=True) == sought]
    names = [name(one).lower() for one in before]
    if not found or (names and [one.lower() for one in table[-len(names) :]] != names):
        raise DatabaseFault("wrong", f"where compares {written}, which is no column of {shown(*table)}")
    if not columns[found[0]]:
        raise DatabaseFault("wrong", f"where compares {written}, which has no texts: only a text tells whose a row is")
    return found[0]
