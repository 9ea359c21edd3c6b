"""SQL that a template put data into: each piece of data as one value, whatever it says.

Within quotes, what would end them is doubled; outside of them a number stands as it is, and everything else becomes a
text. So `run = {{ workflow.name }}` and `run = '{{ workflow.name }}'` say the same, and no workflow's name is SQL.
"""

import re

from exitkit.errors import ConfigError
from exitkit.text.filled import Filled

# How DuckDB reads SQL: https://duckdb.org/docs/stable/sql/data_types/literal_types, with PostgreSQL's dollar quotes.
# `E'…'` knows backslashes, so that a quote in it can be escaped.
_OPENING = re.compile(r"[eE]'|'|\"|--|/\*|\$[A-Za-z_0-9]*\$")
_ESCAPED = re.compile(r"(?:[^\\']|\\.)*'", re.DOTALL)  # the rest of such a text
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_ENDS = {"'": "'", '"': '"', "--": "\n", "/*": "*/"}


def as_sql(text: str) -> str:
    """The SQL with its data as values. Raises ConfigError where data stands in a comment or a quote that takes none."""
    if not isinstance(text, Filled):
        return text
    written, quote = [], ""
    for piece, is_data in text.parts:
        if is_data:
            written.append(_value(piece, quote))
        else:
            written.append(piece)
            quote = _quote_after(piece, quote)
    return "".join(written)


def _value(data: str, quote: str) -> str:
    if not quote:
        return data if _NUMBER.fullmatch(data) else "'" + data.replace("'", "''") + "'"
    if quote in {"'", '"'}:
        return data.replace(quote, quote * 2)
    raise ConfigError(f"sql: a template stands within {quote}, where data cannot be told from SQL; put it in quotes")


def _quote_after(sql: str, quote: str) -> str:
    """What is open at the end of this piece, with what was open before it: a quote, a comment, or nothing."""
    place = 0
    while place <= len(sql):
        if not quote:
            opening = _OPENING.search(sql, place)
            if opening is None:
                return ""
            quote, place = opening[0], opening.end()
        place = _after(sql, place, quote)
        if place < 0:
            return quote
        quote = ""
    return quote


def _after(sql: str, place: int, quote: str) -> int:
    """Where what is open ends, -1 if it does not."""
    if quote in {"e'", "E'"}:
        escaped = _ESCAPED.match(sql, place)
        return escaped.end() if escaped else -1
    closing = _ENDS.get(quote, quote)
    # A doubled quote ends one text and begins the next, which comes to the same.
    end = sql.find(closing, place)
    return -1 if end < 0 else end + len(closing)
