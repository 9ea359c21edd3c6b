"""What refers to rows: what goes along with them is counted, and what keeps one keeps no other."""

import json
import sqlite3

import pytest

from exitkit.cleanup.sql import SQL
from exitkit.errors import ActionError
from exitkit.testing import context

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it


@pytest.fixture
def database(tmp_path):
    """Gives a way to run statements and see the rows of the last one."""

    def run(*statements):
        with sqlite3.connect(tmp_path / "runs.db") as connection:
            found = [connection.execute(one).fetchall() for one in statements]
        connection.close()
        return found[-1] if found else []

    run(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow TEXT, parent REFERENCES runs (id) ON DELETE CASCADE)",
        f"INSERT INTO runs (id, workflow) VALUES (1, '{NAME}'), (2, '{NAME}'), (3, 'other')",
    )
    return run


def step(tmp_path, **more):
    given = {"rows": "runs", "where": "workflow = :w", "values": {"w": NAME}, **more}
    return SQL(url=f"sqlite:///{tmp_path / 'runs.db'}", **given)


def count(database, table):
    return database(f"SELECT count(*) FROM {table}")[0][0]


def steps_and_logs(database):
    """Three rows for each run, and two for each of these."""
    database(
        "CREATE TABLE steps (id INTEGER PRIMARY KEY, run REFERENCES runs ON DELETE CASCADE)",
        "CREATE TABLE logs (step REFERENCES steps (id) ON DELETE CASCADE, run REFERENCES runs (id) ON DELETE CASCADE)",
        "INSERT INTO steps (run) SELECT id FROM runs, (VALUES (1), (2), (3))",
        "INSERT INTO logs (step) SELECT id FROM steps, (VALUES (1), (2))",
        "INSERT INTO logs (run) VALUES (1), (3)",
    )


def test_rows_that_go_along_are_told_and_counted(database, tmp_path):
    """In the dry run, in the result and in the receipt; also those of a table that refers to one that goes along."""
    steps_and_logs(database)
    told = step(tmp_path).run(context(dry_run=True))
    assert told.facts["found"] == 2 + 6 + 13
    assert any("CASCADE" in example for example in told.facts["examples"])
    result = step(tmp_path, receipt=str(tmp_path / "gone")).run(context())
    assert (result.facts["found"], result.facts["deleted"]) == (21, 21)
    assert (count(database, "runs"), count(database, "steps"), count(database, "logs")) == (1, 3, 7)
    gone = [json.loads(line)["deleted"] for line in (tmp_path / "gone").read_text().splitlines()]
    assert len(gone) == 21
    assert len({name for name in gone if name.startswith("main.logs")}) == 13


@pytest.mark.parametrize("batch", [0, 1])
def test_rows_that_go_along_count_against_the_limit(database, tmp_path, batch):
    """And are seen before the first deletion."""
    steps_and_logs(database)
    with pytest.raises(ActionError, match="limit=20") as caught:
        step(tmp_path, limit=20, batch=batch).run(context())
    assert caught.value.facts["deleted"] == 0
    assert count(database, "runs") == 3
    assert "limit=20" in step(tmp_path, limit=20).run(context(dry_run=True)).summary
    assert step(tmp_path, limit=21, batch=batch).run(context()).facts["deleted"] == 21


def test_rows_that_nothing_goes_along_with_need_no_room(database, tmp_path):
    """A foreign key without rows behind it is nothing."""
    database("CREATE TABLE steps (run REFERENCES runs ON DELETE CASCADE)")
    assert step(tmp_path, limit=2).run(context()).facts["deleted"] == 2


@pytest.mark.parametrize("action", ["SET NULL", "SET DEFAULT"])
def test_rows_that_stay_and_are_changed_are_told(database, tmp_path, action):
    """Somebody else's rows that referred to ours, with their number, before the first deletion and after it; also of what goes along."""
    database(
        "CREATE TABLE steps (id INTEGER PRIMARY KEY, run REFERENCES runs ON DELETE CASCADE)",
        f"CREATE TABLE notes (run DEFAULT 3 REFERENCES runs (id) ON DELETE {action})",
        f"CREATE TABLE marks (step REFERENCES steps (id) ON DELETE {action})",
        "INSERT INTO steps VALUES (10, 1), (30, 3)",
        "INSERT INTO notes VALUES (1), (2), (3), (NULL)",
        "INSERT INTO marks VALUES (10), (10), (30)",
    )
    for dry_run in (True, False):
        told = step(tmp_path).run(context(dry_run=dry_run)).notes
        assert sorted(note.partition(" stay")[0] for note in told) == ["2 rows of main.marks", "2 rows of main.notes"]
    assert count(database, "notes") == 4
    assert step(tmp_path).run(context(dry_run=True)).notes == ()


def test_rows_that_go_themselves_are_not_told_as_changed(database, tmp_path):
    """A tree of the workflow's own, of which one is somebody else's."""
    database(
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, workflow TEXT, up REFERENCES tree (id) ON DELETE SET NULL)",
        f"INSERT INTO tree VALUES (1, '{NAME}', NULL), (2, '{NAME}', 1), (3, 'other', 1)",
    )
    assert step(tmp_path, rows="tree").run(context()).notes[0].startswith("1 rows of main.tree stay")
    assert database("SELECT id, up FROM tree") == [(3, None)]


def test_a_circle_that_takes_others_along_is_refused(database, tmp_path):
    """A row of somebody else's that refers to ours would go, and so on."""
    database("UPDATE runs SET parent = 1 WHERE id = 3")
    for dry_run in (True, False):
        with pytest.raises(ActionError, match="cannot be counted"):
            step(tmp_path).run(context(dry_run=dry_run))
    assert count(database, "runs") == 3
    database("UPDATE runs SET parent = NULL", "UPDATE runs SET parent = 1 WHERE id = 2")
    with pytest.raises(ActionError, match="limit=1"):
        step(tmp_path, limit=1).run(context())
    assert step(tmp_path, batch=1).run(context()).facts["deleted"] == 2
    assert count(database, "runs") == 1


@pytest.mark.parametrize("action", ["", "ON DELETE RESTRICT", "ON DELETE NO ACTION"])
def test_a_row_that_is_held_keeps_no_other(database, tmp_path, action):
    """It stays, is told, and fails the step."""
    database(f"CREATE TABLE holder (run REFERENCES runs (id) {action})", "INSERT INTO holder VALUES (1), (NULL)")
    with pytest.raises(ActionError, match="foreign key") as caught:
        step(tmp_path).run(context())
    assert (caught.value.facts["deleted"], sum(caught.value.facts["refused"].values())) == (1, 1)
    assert database("SELECT id FROM runs") == [(1,), (3,)]


def test_a_row_is_held_by_what_holds_what_goes_along(database, tmp_path):
    """However far away."""
    steps_and_logs(database)
    database(
        "CREATE TABLE holder (step REFERENCES steps (id))", "INSERT INTO holder SELECT id FROM steps WHERE run = 2"
    )
    with pytest.raises(ActionError, match="foreign key") as caught:
        step(tmp_path).run(context())
    assert caught.value.facts["deleted"] == 1 + 3 + 7
    assert database("SELECT id FROM runs") == [(2,), (3,)]


def test_rows_that_hold_each_other_and_all_go_hold_nothing(database, tmp_path):
    """A run's own rows may refer to one another."""
    database(
        "CREATE TABLE tree (id INTEGER PRIMARY KEY, workflow TEXT, up REFERENCES tree (id))",
        f"INSERT INTO tree VALUES (1, '{NAME}', NULL), (2, '{NAME}', 1), (3, 'other', NULL)",
    )
    assert step(tmp_path, rows="tree").run(context()).facts["deleted"] == 2
    assert database("SELECT id FROM tree") == [(3,)]


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_a_table_whose_end_would_change_others_rows_stays(database, tmp_path, action):
    """SQLite deletes a table's rows before it drops it, and what refers to them follows."""
    database(
        "CREATE TABLE train_x7k2p_a (id INTEGER PRIMARY KEY)",
        "INSERT INTO train_x7k2p_a VALUES (1)",
        f"CREATE TABLE holder (a REFERENCES train_x7k2p_a ON DELETE {action})",
        "INSERT INTO holder VALUES (1)",
    )
    tables = {"rows": "", "where": "", "values": {}, "tables": ["train_x7k2p_*"]}
    with pytest.raises(ActionError, match="foreign key"):
        step(tmp_path, **tables).run(context())
    assert database("SELECT a FROM holder") == [(1,)]
    database(f"CREATE TABLE train_x7k2p_b (a REFERENCES train_x7k2p_a ON DELETE {action})", "DELETE FROM holder")
    database("INSERT INTO train_x7k2p_b VALUES (1)")
    assert step(tmp_path, **tables).run(context()).facts["deleted"] == 2


def test_the_column_of_the_age_is_one_of_the_table(database, tmp_path):
    """Else SQLite takes its name for a text, and `now` for a time."""
    with pytest.raises(ActionError, match="correct age_column"):
        step(tmp_path, age_column="now", older_than="1d").run(context())
    assert count(database, "runs") == 3


@pytest.mark.parametrize("table", ["runs", "steps"])
def test_a_trigger_is_told_as_nobody_counts_what_it_changes(database, tmp_path, table):
    """Of the table itself, or of one whose rows go along; in the dry run and in the result."""
    database(
        "CREATE TABLE steps (id INTEGER PRIMARY KEY, run REFERENCES runs ON DELETE CASCADE)",
        "INSERT INTO steps (run) VALUES (1)",
        "CREATE TABLE kept (workflow TEXT)",
        f"CREATE TRIGGER clears AFTER DELETE ON {table} BEGIN DELETE FROM kept; END",
        f"CREATE TRIGGER copies AFTER INSERT ON {table} BEGIN INSERT INTO kept VALUES ('x'); END",
    )
    for dry_run in (True, False):
        result = step(tmp_path).run(context(dry_run=dry_run))
        assert result.notes == (f"main.{table} has the trigger clears, and what that changes is not counted",)
