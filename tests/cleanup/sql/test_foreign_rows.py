"""Whoever's row it is: what holds for a row of another workflow is refused, or leaves that row."""

import random
import sqlite3
from functools import cache

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.simplify import simplify

from exitkit.cleanup.sql import SQL
from exitkit.errors import ActionError, ConfigError
from exitkit.plan.registry import prefix
from exitkit.settings import SettingsError, load
from exitkit.testing import context

OWN = "train-1"
FOREIGN = ("train-10", "other", "TRAIN-1", "train-1 ", "Train-1", "trainX1", "", None)
TABLE = "CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow TEXT, folded TEXT COLLATE NOCASE, kind TEXT, size REAL, user TEXT)"
WORDS = ('"train-1"', '"train%1"', '"1"', "`train-1`", "current_user", "session_user", "user", "rowid", "no_column")
COLUMNS = ("workflow", "folded", "kind", "id", "size", "runs.workflow", "main.runs.workflow", "other.workflow", "x.y")


def fill(connection):
    connection.execute(TABLE)
    for number, name in enumerate((*FOREIGN, OWN, OWN)):
        connection.execute("INSERT INTO runs VALUES (?, ?, ?, 'debug', 1.5, 'ml')", (number, name, name))
    connection.commit()


def predicates(seed, count):
    """Conditions that look as though they were about the workflow; most of them are not."""
    rng = random.Random(seed)
    pick = rng.choice

    def side():
        return pick(
            (*COLUMNS, *WORDS, f"lower({pick(COLUMNS)})", f"{pick(COLUMNS)} || {pick(WORDS)}", "id + 0", "1", ":w")
        )

    def atom():
        left = side()
        return pick(
            (
                f"{left} = :w",
                f":w = {left}",
                f"{left} LIKE :w",
                f"{left} IN (:w)",
                f"{left} <> :w",
                f"{left} >= :w",
                f"{left} NOT IN (:w)",
                f"{left} IS NOT NULL",
                f"{left} = {side()}",
                f"{left} BETWEEN :w AND {side()}",
                f"{left} = :w COLLATE NOCASE",
                f"{left} GLOB :w",
                f"{left} = :w IS NOT NULL",
                f"{left} IN (SELECT {pick(COLUMNS)} FROM runs)",
                f"CASE WHEN {left} = :w THEN 1 ELSE 1 END",
                f"EXISTS (SELECT 1 FROM runs WHERE {left} = :w)",
            )
        )

    def condition(depth):
        if depth == 0:
            return atom()
        inner = condition(depth - 1)
        return pick(
            (
                inner,
                f"({inner})",
                f"NOT ({inner})",
                f"NOT {inner}",
                *(f"{inner} {word} {condition(depth - 1)}" for word in ("OR", "AND", "OR", "IS")),
            )
        )

    return [
        (condition(rng.randrange(4)), pick((OWN, OWN, f"%{OWN}", f"{OWN}%", "train_1", f"{OWN}/%")))
        for _ in range(count)
    ]


@cache
def world():
    connection = sqlite3.connect(":memory:")
    fill(connection)
    return connection


def held_for(text, value):
    """The rows of others that it holds for, as the database reads it; None if it cannot."""
    try:
        found = world().execute(f"SELECT workflow FROM runs WHERE {text}", {"w": value} if ":w" in text else {})
        return [name for (name,) in found if name != OWN]
    except sqlite3.Error:
        return None


def is_always_true(text):
    """Whether an independent reader of SQL can prove it."""
    if ":w" in text:
        return False
    try:
        return simplify(sqlglot.parse_one(text, dialect="sqlite")) == exp.true()
    except sqlglot.errors.SqlglotError:
        return False


def outcome(path, text, value):
    """`refused`, or how many rows went."""
    given = {"url": f"sqlite:///{path}", "rows": "runs", "where": text, "values": {"w": value} if ":w" in text else {}}
    here = context()
    object.__setattr__(here.workflow, "name", OWN)
    object.__setattr__(here.workflow, "uid", "")
    try:
        step = load(SQL, given, {}, prefix("cleanup.sql"))
        step.guard(here)
        return step.run(here).facts["deleted"]
    except (SettingsError, ConfigError, ActionError):
        return "refused"


@pytest.fixture
def path(tmp_path):
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        fill(connection)
    connection.close()
    return tmp_path / "runs.db"


def rest(path):
    with sqlite3.connect(path) as connection:
        found = sorted(str(name) for (name,) in connection.execute("SELECT workflow FROM runs") if name != OWN)
    connection.close()
    return found


def test_what_holds_for_a_foreign_row_is_refused(path):
    """2,000 conditions, of which the database or sqlglot proves that they take somebody else's row."""
    every = sorted(map(str, FOREIGN))
    proved = [
        (text, value) for text, value in predicates(20261127, 8_000) if held_for(text, value) or is_always_true(text)
    ]
    refused = 0
    for text, value in proved[:2_000]:
        if outcome(path, text, value) == "refused":
            refused += 1
            continue
        # What only a collation takes for the same is no condition that is wrong: the row is left.
        assert "folded" in text or "LIKE" in text, (text, value)
        assert rest(path) == every, (text, value)
    assert len(proved) >= 2_000
    assert refused > 1_900


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ('"train-1" = :w', OWN),
        (':w = "train-1"', OWN),
        ('"train-1" IN (:w)', OWN),
        ('"train-1" LIKE :w', OWN),
        ("current_user = :w", OWN),
        ("session_user = :w", OWN),
        ("id = :w", OWN),
        ("size = :w", OWN),
        ("other.workflow = :w", OWN),
        ("no_column = :w", OWN),
        ("rowid = :w", OWN),
        ('workflow = :w OR "train-1" = :w', OWN),
    ],
)
def test_what_is_no_column_of_texts_is_refused(path, where, value):
    """A word in quotes that names no column, a function, a number, another table's column."""
    assert outcome(path, where, value) == "refused"
    assert rest(path) == sorted(map(str, FOREIGN))


@pytest.mark.parametrize(
    "where", ["workflow = :w", "folded = :w", "WORKFLOW = :w", '"workflow" = :w', "`folded` IN (:w)"]
)
def test_only_the_exact_name_goes(path, where):
    """Whatever the collation takes for the same: capitals, blanks at the end."""
    assert outcome(path, where, OWN) == 2
    assert rest(path) == sorted(map(str, FOREIGN))


def test_like_tells_capitals_apart(tmp_path):
    """SQLite's does not."""
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (workflow TEXT)")
        rows = ["runs/train-1/a", "RUNS/train-1/a", "runs/TRAIN-1/a", "runs/train-10/a", "runs/train-1/[*]"]
        connection.executemany("INSERT INTO runs VALUES (?)", [(one,) for one in rows])
    connection.close()
    assert outcome(path, "workflow LIKE :w", "runs/train-1/%") == 2
    assert rest(path) == sorted(["RUNS/train-1/a", "runs/TRAIN-1/a", "runs/train-10/a"])


def test_a_quoted_word_is_a_name_whatever_else_is_said(path):
    """Also with anything: true, where no name is asked for: it is no text that is true for every row."""
    step = SQL(url=f"sqlite:///{path}", rows="runs", where='"train-1" = :w', values={"w": OWN}, anything=True)
    with pytest.raises(ActionError, match="no such column"):
        step.run(context())
    assert len(rest(path)) == len(FOREIGN)
