"""Conditions: whose rows they mean; those that are refused stand with the action's own tests."""

import itertools
import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.sql import tokens
from exitkit.cleanup.sql.predicate import Predicate
from exitkit.cleanup.sql.tautology import is_always

OWN = "train-x7k2p"


def conditions(atoms):
    joined = st.sampled_from([" AND ", " OR "])
    return st.recursive(
        st.sampled_from(atoms),
        lambda inner: st.one_of(
            st.tuples(inner, joined, inner).map("".join),
            inner.map(lambda one: f"({one})"),
            inner.map(lambda one: f"NOT ({one})"),
        ),
        max_leaves=6,
    )


def rows_for(text, rows, **values):
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (a, b, w)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        found = connection.execute(f"SELECT a, b, w FROM t WHERE {text}", values).fetchall()
    connection.close()
    return found


EVERYTHING = list(itertools.product((0, 1, 2), (0, 1, 2), (OWN, "other")))


@given(
    conditions(
        [
            "w = :w",
            "w <> :w",
            "a = 1",
            "a BETWEEN 0 AND 1",
            "w IN (:w)",
            "b < a",
            ":w = w",
            "w LIKE :w",
            "w NOT IN (:w)",
        ]
    )
)
def test_what_bears_the_name_holds_for_no_other_rows(text):
    """As the database itself sees it, however conditions are joined."""
    if Predicate(text, {"w": OWN}).bears(OWN):
        assert all(row[2] == OWN for row in rows_for(text, EVERYTHING, w=OWN))


@given(
    conditions(
        ["a = 1", "a <> 1", "a < b", "a >= b", "b > a", "TRUE", "1=1", "a = a", "w = :w", "w IS NULL", "w IS NOT NULL"]
    )
)
def test_what_is_said_to_hold_for_every_row_does(text):
    """Nothing useful is refused: the database agrees."""
    if is_always([one for one in tokens.read(text) if not one.isspace()], set()):
        assert len(rows_for(text, EVERYTHING, w=OWN)) == len(EVERYTHING)


@given(conditions(["a = 1", "a <> 1", "a < 1", "a >= 1", "b = 1", "b != 1"]))
def test_what_holds_for_every_row_is_seen(text):
    """Where each condition may be true or false by itself, nothing that is always true gets by."""
    signs = [one for one in tokens.read(text) if not one.isspace()]
    names = re.sub(r"([ab]) (?:<>|!=) 1", r"NOT \1e", re.sub(r"([ab]) >= 1", r"NOT \1l", text))
    names = re.sub(r"([ab]) = 1", r"\1e", re.sub(r"([ab]) < 1", r"\1l", names)).replace("AND", "and")
    code = compile(names.replace("NOT", "not").replace("OR", "or"), "condition", "eval")
    worlds = (
        dict(zip(("ae", "al", "be", "bl"), one, strict=True)) for one in itertools.product((False, True), repeat=4)
    )
    assert is_always(signs, set()) == all(eval(code, {}, world) for world in worlds)


def test_parameters_get_names_that_nobody_else_has():
    """And what only looks like one is left as it is."""
    text, values = Predicate("at::date = :limit AND b = :w", {"limit": 1, "w": "x"}).bound
    assert text == "(at\\:\\:date = :exitkit_limit AND b = :exitkit_w)"
    assert values == {"exitkit_limit": 1, "exitkit_w": "x"}


def test_a_name_in_quotes_is_a_column():
    """Also one with signs in it."""
    made = Predicate('"my ) column" = :w AND `a``b` = 1', {"w": OWN})
    made.check()
    assert made.bears(OWN)


def test_many_conditions_take_no_time():
    """Beyond a dozen, not every combination is tried."""
    text = " OR ".join(f"c{number} = 1" for number in range(200))
    Predicate(text, {}).check()


@pytest.mark.parametrize("text", ["((((w = :w))))", "(" * 200 + "w = :w" + ")" * 200])
def test_parentheses_around_it_change_nothing(text):
    """However many."""
    assert Predicate(text, {"w": OWN}).bears(OWN)
