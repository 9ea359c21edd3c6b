"""Names in databases: a pattern is told from what it is not, in Python as in the database."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.clients.sql.names import LIKE_ESCAPE, Glob, read, shown

# What LIKE, globs, regular expressions and quotes make something of.
SIGNS = "ab_%*?![]\\\\\"'`.^$+(){}|-: \n"


def is_like(name, like):
    with sqlite3.connect(":memory:") as connection:
        (found,) = connection.execute(f"SELECT ? LIKE ? ESCAPE '{LIKE_ESCAPE}'", (name, like)).fetchone()
    connection.close()
    return bool(found)


@given(st.text(SIGNS, min_size=1, max_size=8), st.text(SIGNS, max_size=8), st.booleans())
def test_the_database_finds_what_python_matches(text, name, exact):
    """The one only narrows what the other has to look at; here they agree."""
    glob = Glob(text, exact)
    assert is_like(name, glob.like) == glob.matches(name)
    assert is_like(text, glob.like)


@given(st.text(SIGNS, min_size=1, max_size=8))
def test_a_name_in_double_quotes_is_read_back(name):
    """Whatever is in it."""
    if not any(sign.isalnum() for sign in name) or name != name.strip():
        with pytest.raises(ValueError, match=r"everything|blanks"):
            read('"' + name.replace('"', '""') + '"')
        return
    found = read('"' + name.replace('"', '""') + '"')
    assert (found.name.text, found.name.is_pattern, found.schema) == (name, False, None)


@pytest.mark.parametrize(
    ("text", "own", "bears"),
    [
        ("train_x7k2p_*", "train-x7k2p", True),
        ("train-x7k2p", "train-x7k2p", True),
        ("a_train_x7k2p_b", "train-x7k2p", True),
        ("*_train_x7k2p_*", "train-x7k2p", True),
        ("train_x7k2p*", "train-x7k2p", False),
        ("*train_x7k2p", "train-x7k2p", False),
        ("train_x7k2p?", "train-x7k2p", False),
        ("train_x7k2pq_*", "train-x7k2p", False),
        ("2train_x7k2p", "train-x7k2p", False),
        ("train_*", "train-*", False),
        ("train_*", "", False),
        ("___", "-", False),
        ("übertrain", "train", False),
    ],
)
def test_a_pattern_bears_a_name_where_nothing_can_be_beside_it(text, own, bears):
    """A letter or digit there would make it another workflow's; a wildcard may stand for one."""
    assert Glob(text).bears(own) is bears


@pytest.mark.parametrize(
    "text", ["", " ", "a.", ".a", "a..b", "a.b.c", '"a', 'a"b', '""', "*", "?.*", "a. b", "a\0", "\ud800"]
)
def test_what_is_no_pattern_is_refused(text):
    """Before anybody is asked for it."""
    with pytest.raises(ValueError, match=r"empty|everything|dot|blanks"):
        read(text)


def test_a_dot_stands_between_schema_and_table():
    """Unless it is in double quotes."""
    found = read('"a.b".c_*')
    assert found.schema is not None
    assert (found.schema.text, found.schema.exact, found.name.text, found.name.is_pattern) == ("a.b", True, "c_*", True)


def test_names_are_shown_so_that_they_can_be_read_again():
    """Plain ones plainly."""
    assert shown("public", "a_b") == "public.a_b"
    assert shown("a.b", 'c"d') == '"a.b"."c""d"'
