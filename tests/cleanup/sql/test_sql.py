"""What cleanup.sql drops and deletes, on SQLite; what servers do differently is in the integration tests."""

import gzip
import json
import sqlite3

import pytest

from exitkit.cleanup.sql import SQL
from exitkit.errors import ActionError, ConfigError, Exhausted, Skip
from exitkit.plan.registry import prefix
from exitkit.retry import RetryPolicy
from exitkit.settings import SettingsError, load
from exitkit.testing import context, failed_workflow

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
OWN = "train_x7k2p"
POSTGRES = "postgresql://ml:made-up-for-this-test@db.invalid/ml"
MYSQL = "mysql://ml:made-up-for-this-test@db.invalid/ml"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def database(path):
    """Gives a way to run a statement and see its rows."""

    def run(*statements):
        with sqlite3.connect(path) as connection:
            rows = [connection.execute(one).fetchall() for one in statements]
        connection.close()
        return rows[-1] if rows else []

    run("CREATE TABLE neighbour (id INTEGER)")
    return run


def names(database):
    return [one for (one,) in database("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]


def sql(path, **more):
    url = f"sqlite:///{path}" if path is not None else POSTGRES
    return load(SQL, {"url": url, **more}, {}, prefix("cleanup.sql"))


def refused(match=None, **more):
    with pytest.raises(SettingsError, match=match) as caught:
        load(SQL, {"url": POSTGRES, **more}, {}, prefix("cleanup.sql"))
    assert "made-up" not in str(caught.value)


def metrics(database, ours=10, others=3):
    database("CREATE TABLE metrics (id INTEGER PRIMARY KEY, workflow TEXT, at TEXT)")
    for number in range(ours + others):
        name = NAME if number < ours else "other"
        database(f"INSERT INTO metrics VALUES ({number}, '{name}', '2026-09-{number % 28 + 1:02d} 00:00:00')")


def rows(path, where="workflow = :w", **more):
    return sql(path, rows="metrics", where=where, **{"values": {"w": NAME}, **more})


# Tables.


def test_tables_that_match_go_and_their_neighbours_stay(database, path):
    """A wildcard is one, and the underscore is none."""
    database(
        *(f"CREATE TABLE {one} (id)" for one in (f"{OWN}_a", f"{OWN}_b", f"{OWN}", "train_x7k2pa", "trainAx7k2p_c"))
    )
    result = sql(path, tables=[f"{OWN}_*"]).run(context())
    assert (result.facts["found"], result.facts["deleted"], result.facts["complete"]) == (2, 2, True)
    assert result.facts["examples"] == [f"main.{OWN}_a", f"main.{OWN}_b"]
    assert names(database) == ["neighbour", "trainAx7k2p_c", OWN, "train_x7k2pa"]
    assert sql(path, tables=[f"{OWN}_*"]).run(context()).summary == "nothing to delete"


def test_a_dry_run_lists_the_same_and_changes_no_byte(database, path):
    """The file is opened so that it cannot be written."""
    database(f"CREATE TABLE {OWN}_a (id)")
    before = path.read_bytes()
    told = sql(path, tables=[f"{OWN}_*"]).run(context(dry_run=True))
    assert told.facts["examples"] == [f"main.{OWN}_a"]
    assert path.read_bytes() == before


def test_more_tables_than_go_in_one_transaction(database, path):
    """They go a hundred at a time, and the counts are exact."""
    database(*(f"CREATE TABLE {OWN}_{number:03d} (id)" for number in range(250)))
    assert sql(path, tables=[f"{OWN}_*"]).run(context()).facts["deleted"] == 250
    assert names(database) == ["neighbour"]


def test_a_limit_is_held_exactly(database, path):
    """It stops before the first one beyond, and says so."""
    database(*(f"CREATE TABLE {OWN}_{number} (id)" for number in range(5)))
    with pytest.raises(ActionError, match="limit=3") as caught:
        sql(path, tables=[f"{OWN}_*"], limit=3).run(context())
    assert caught.value.facts["deleted"] == 3
    assert names(database) == ["neighbour", f"{OWN}_3", f"{OWN}_4"]


def test_include_and_exclude_are_globs_on_names(database, path):
    """SQLite does not tell A from a, so neither do they."""
    database(*(f"CREATE TABLE {OWN}_{one} (id)" for one in ("Keep", "tmp_1", "tmp_2", "log")))
    sql(path, tables=[f"{OWN}_*"], include=["*_tmp_*", "*_keep"], exclude=["*_KEEP", "*_2"]).run(context())
    assert names(database) == ["neighbour", f"{OWN}_Keep", f"{OWN}_log", f"{OWN}_tmp_2"]


def test_the_receipt_lists_what_went(database, path, tmp_path):
    """One line for each table."""
    database(f"CREATE TABLE {OWN}_a (id)")
    sql(path, tables=[f"{OWN}_*"], receipt=str(tmp_path / "gone.ndjson.gz")).run(context())
    with gzip.open(tmp_path / "gone.ndjson.gz", "rt") as file:
        assert [json.loads(line) for line in file] == [{"deleted": f"main.{OWN}_a"}]


def test_keep_on_keeps_all(database, path):
    """Evidence of a failure stays."""
    database(f"CREATE TABLE {OWN}_a (id)")
    with pytest.raises(Skip):
        sql(path, tables=[f"{OWN}_*"], keep_on=["Failed"]).run(context())
    assert names(database) == ["neighbour", f"{OWN}_a"]


def test_names_that_would_be_code_go_by_name(database, path):
    """Quotes, signs that drivers replace, a second statement: each is dropped, and nothing else is."""
    odd = ['a"b', "a'; DROP TABLE neighbour;--", "a%s%%b", "a:b ::c \\:d", "a b", "ünï", "a.b", "[x]", "`t`", "a\\b"]
    database(*('CREATE TABLE "{}" (id)'.format(f"{OWN}_{one}".replace('"', '""')) for one in odd))
    result = sql(path, tables=[f'"{OWN}_a.b"', f"{OWN}_*"]).run(context())
    assert result.facts["deleted"] == len(odd)
    assert names(database) == ["neighbour"]


def test_a_name_in_double_quotes_is_exactly_that(database, path):
    """Its signs are no wildcards."""
    database(f'CREATE TABLE "{OWN}_*" (id)', f"CREATE TABLE {OWN}_a (id)")
    sql(path, tables=[f'"{OWN}_*"']).run(context())
    assert names(database) == ["neighbour", f"{OWN}_a"]


def test_case_is_told_apart_as_the_database_does(database, path):
    """SQLite folds the letters of ASCII and no others."""
    database(f"CREATE TABLE {OWN.upper()}_A (id)", f'CREATE TABLE "{OWN}_Ä" (id)')
    assert sql(path, tables=[f"{OWN}_a", f"{OWN}_ä"]).run(context()).facts["deleted"] == 1
    assert names(database) == ["neighbour", f"{OWN}_Ä"]


def test_what_refers_to_a_table_goes_first(database, path):
    """However the names are ordered."""
    database(
        f"CREATE TABLE {OWN}_a (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE {OWN}_b (a REFERENCES {OWN}_a (id))",
        f"INSERT INTO {OWN}_a VALUES (1)",
        f"INSERT INTO {OWN}_b VALUES (1)",
    )
    assert sql(path, tables=[f"{OWN}_*"]).run(context()).facts["deleted"] == 2
    assert names(database) == ["neighbour"]


def test_a_table_that_others_refer_to_stays_and_is_told(database, path):
    """The rest goes all the same, and is kept gone."""
    database(
        f"CREATE TABLE {OWN}_a (id INTEGER PRIMARY KEY)",
        f"CREATE TABLE {OWN}_b (id)",
        f"CREATE TABLE holder (a REFERENCES {OWN}_a (id))",
        f"INSERT INTO {OWN}_a VALUES (1)",
        "INSERT INTO holder VALUES (1)",
    )
    with pytest.raises(ActionError, match="foreign key") as caught:
        sql(path, tables=[f"{OWN}_*"]).run(context())
    assert (caught.value.facts["found"], caught.value.facts["deleted"]) == (2, 1)
    assert sum(caught.value.facts["refused"].values()) == 1
    assert names(database) == ["holder", "neighbour", f"{OWN}_a"]


def test_a_virtual_table_takes_what_belongs_to_it(database, path):
    """And is one table."""
    database(f"CREATE VIRTUAL TABLE {OWN}_text USING fts5(body)")
    assert sql(path, tables=[f"{OWN}_*"]).run(context()).facts["deleted"] == 1
    assert names(database) == ["neighbour"]


def test_a_file_that_is_not_there_is_an_error_and_is_not_made(path):
    """A mistyped path must not look like a clean database."""
    for dry_run in (True, False):
        with pytest.raises(ActionError, match="unable to open"):
            sql(path, tables=[f"{OWN}_*"]).run(context(dry_run=dry_run))
    assert not path.exists()


# Rows.


def test_rows_that_match_go_and_are_counted(database, path):
    """Their neighbours stay."""
    metrics(database)
    result = rows(path).run(context())
    assert (result.facts["found"], result.facts["deleted"]) == (10, 10)
    assert database("SELECT count(*) FROM metrics") == [(3,)]
    assert rows(path).run(context()).summary == "nothing to delete"


def test_rows_in_batches_are_counted_exactly(database, path, tmp_path):
    """Also where the last batch is smaller; the receipt has a line for each row."""
    metrics(database)
    result = rows(path, batch=4, receipt=str(tmp_path / "gone")).run(context())
    assert result.facts["deleted"] == 10
    lines = (tmp_path / "gone").read_text().splitlines()
    assert [json.loads(one)["deleted"] for one in lines] == [f"metrics row {number}" for number in range(1, 11)]


@pytest.mark.parametrize("batch", [0, 4])
def test_a_limit_of_rows_is_held_exactly(database, path, batch):
    """Within a batch as well as between two."""
    metrics(database)
    with pytest.raises(ActionError, match="limit=6"):
        rows(path, batch=batch, limit=6).run(context())
    assert database("SELECT count(*) FROM metrics") == [(7,)]


def test_a_dry_run_counts_rows(database, path):
    """And deletes none."""
    metrics(database)
    assert rows(path, batch=3).run(context(dry_run=True)).facts["found"] == 10
    assert database("SELECT count(*) FROM metrics") == [(13,)]


@pytest.mark.parametrize("written", ["text", "unix"])
def test_only_rows_that_are_old_enough(database, path, written):
    """By the column that is named; rows without a time there stay."""
    now = context().deadline.clock.time()
    database("CREATE TABLE metrics (workflow TEXT, at)")
    for days in (1, 5, 20):
        at = f"datetime({now - days * 86400}, 'unixepoch')" if written == "text" else now - days * 86400
        database(f"INSERT INTO metrics VALUES ('{NAME}', {at})")
    database(f"INSERT INTO metrics VALUES ('{NAME}', NULL), ('{NAME}', 'never')")
    assert rows(path, older_than="3d", age_column="at").run(context()).facts["deleted"] == 2
    assert database("SELECT count(*) FROM metrics") == [(3,)]


def test_tables_without_a_number_of_rows_go_by_their_key(database, path):
    """And a column that is named like that number does not confuse."""
    database(
        "CREATE TABLE metrics (workflow TEXT, step INT, PRIMARY KEY (workflow, step)) WITHOUT ROWID",
        *(f"INSERT INTO metrics VALUES ('{NAME}', {number})" for number in range(3)),
        "CREATE TABLE other (workflow TEXT, rowid INT)",
        *(f"INSERT INTO other VALUES ('{NAME}', 1)" for _ in range(3)),
    )
    assert rows(path, batch=2).run(context()).facts["deleted"] == 3
    other = sql(path, rows="other", where="workflow = :w", values={"w": NAME}, batch=2)
    assert other.run(context()).facts["deleted"] == 3


def test_parameters_are_bound(database, path):
    """What is in them is never read as SQL."""
    metrics(database)
    wild = rows(
        path, where="workflow = :w OR workflow = :evil", values={"w": NAME, "evil": "' OR 1=1;--"}, anything=True
    )
    assert wild.run(context()).facts["deleted"] == 10


def test_signs_that_drivers_replace_are_only_signs(database, path):
    """A remainder, and a cast that looks like a parameter."""
    metrics(database)
    assert rows(path, where="workflow = :w AND id % 2 = 1").run(context()).facts["deleted"] == 5


def test_rows_that_others_refer_to_stay(database, path):
    """All of the transaction is undone."""
    metrics(database)
    database("CREATE TABLE holder (id REFERENCES metrics (id))", "INSERT INTO holder VALUES (5)")
    with pytest.raises(ActionError, match="refers to it"):
        rows(path).run(context())
    assert database("SELECT count(*) FROM metrics") == [(13,)]


def test_a_trigger_that_keeps_rows_does_not_keep_the_run(database, path):
    """It ends, and tells of it."""
    metrics(database)
    database("CREATE TRIGGER keep BEFORE DELETE ON metrics WHEN old.id = 3 BEGIN SELECT RAISE(IGNORE); END")
    with pytest.raises(ActionError, match="trigger") as caught:
        rows(path).run(context())
    assert caught.value.facts["deleted"] == 9


@pytest.mark.parametrize("more", [{"where": "no_such_column = :w"}, {"where": "workflow = :w AND", "anything": True}])
def test_a_condition_that_the_database_refuses_fails_at_once(database, path, more):
    """No try would cure it."""
    metrics(database)
    with pytest.raises(ActionError) as caught:
        rows(path, **more).run(context())
    assert not isinstance(caught.value, Exhausted)
    assert caught.value.reason == "client"


def test_a_value_that_the_driver_cannot_write_is_an_error(database, path):
    """Of ours, and not a bug."""
    metrics(database)
    with pytest.raises(ActionError, match="cannot be sent"):
        rows(path, where="workflow = :w AND id < :n", values={"w": NAME, "n": 2**70}).run(context())


def test_a_table_that_is_not_there_is_an_error(database, path):
    """Rows are of a table that somebody named; a typing error must not look clean."""
    with pytest.raises(ActionError, match="no table metrics"):
        rows(path).run(context())


# Others who use the database.


def test_a_lock_is_waited_for_and_tried_again_and_told(database, path):
    """As long as the terms say; nothing is dropped."""
    database(f"CREATE TABLE {OWN}_a (id)")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Exhausted, match="is locked") as caught:
        sql(path, tables=[f"{OWN}_*"], lock_timeout=0.01).run(context(terms=RetryPolicy(attempts=3)))
    assert caught.value.tries == 3
    holder.execute("ROLLBACK")
    holder.close()
    assert sql(path, tables=[f"{OWN}_*"]).run(context()).facts["deleted"] == 1


def test_a_reader_keeps_a_commit_from_happening_and_nothing_from_being_true(database, path):
    """COMMIT itself fails; that is known, tried again, and nothing is gone."""
    metrics(database)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM metrics").fetchone()
    with pytest.raises(Exhausted, match="is locked"):
        rows(path, lock_timeout=0.01).run(context(terms=RetryPolicy(attempts=2)))
    reader.close()
    assert database("SELECT count(*) FROM metrics") == [(13,)]


def test_a_statement_ends_with_its_attempt(database, path):
    """Also one that would go on for hours."""
    metrics(database)
    endless = "id IN (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)"
    from exitkit.retry.clock import Clock

    with pytest.raises(ActionError, match="attempt_timeout") as caught:
        rows(path, where=f"workflow = :w AND {endless}").run(
            context(clock=Clock(), terms=RetryPolicy(attempts=2, attempt_timeout=0.3))
        )
    assert caught.value.reason == "timeout"
    assert database("SELECT count(*) FROM metrics") == [(13,)]


# What is refused before anything is connected to.


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        " ",
        "*",
        "**",
        "?",
        "_*",
        "%",
        "-",
        "pg_*",
        "pg_catalog",
        "PG_temp_3",
        "information_schema",
        "info*",
        "mysql",
        "sys",
        "s?s",
        "performance*",
        "public*",
        "p*",
        "*c",
        "pub?ic",
        " train",
        "train ",
        "a.b",
        "a\0",
        '""',
        "train\ud800",
    ],
)
def test_schemas_that_can_mean_too_much_are_refused(pattern):
    """Even with anything: true; the default schema only by its whole name."""
    refused(schemas=[pattern], anything=True)


def test_the_default_schema_goes_by_its_whole_name():
    """And with anything: true, since it bears no workflow's name."""
    made = sql(None, schemas=["public"], anything=True)
    made.guard(context())
    with pytest.raises(ConfigError, match="anything: true"):
        sql(None, schemas=["public"]).guard(context())


@pytest.mark.parametrize(
    "pattern", ["", "*", "*.*", "public.*", "PUBLIC.?", "pg_catalog.train", "m*l.x", "a..b", ".x", "a.b.c"]
)
def test_tables_that_can_mean_too_much_are_refused(pattern):
    """All of the default schema's as well as the system's."""
    refused(tables=[pattern], anything=True)


def test_mysqls_default_is_the_database_of_the_url():
    """A pattern that also stands for it is refused; without one a table needs a database."""
    refused("default", url=MYSQL, schemas=["ml*"], anything=True)
    refused("default", url=MYSQL, tables=["ml.*"], anything=True)
    refused("every table", url="sqlite:////a", tables=["main.*"], anything=True)
    refused("no database", url="mysql://db.invalid", tables=["train_x"])
    refused("no database", url="mysql://db.invalid", rows="metrics", where="a = :a", values={"a": "x"})


@pytest.mark.parametrize(
    "where",
    [
        "",
        " ",
        "1=1",
        "true",
        "1",
        "id = id",
        "(id = id)",
        "id >= ID",
        "NOT false",
        "TRUE OR workflow = :w",
        "workflow = :w OR 1 = 1",
        "workflow = :w OR workflow <> :w",
        "workflow IS NULL OR workflow IS NOT NULL",
        "NOT (id <> id)",
        "id < 5 OR NOT id < 5",
        "id > 5 OR id <= 5",
        "workflow IN (:w) OR workflow NOT IN (:w)",
        ":w = :w",
        "workflow = :w; DROP TABLE metrics",
        "workflow = :w --",
        "workflow = 'x'",
        "workflow = :w) OR (id = 1",
        "(workflow = :w",
        "workflow = :other",
        "workflow = {{ x }}",
        'workflow = :w AND "a',
        "a = :w /* x */",
    ],
)
def test_conditions_that_hold_for_every_row_or_could_are_refused(where):
    """Before anything is connected to, and whatever else is said."""
    values = {"w": NAME} if ":w" in where else {}
    refused(r"where (is|has|names|holds)", rows="metrics", where=where, values=values, anything=True)


def test_a_parameter_that_every_text_is_like_is_refused():
    """As is one that a template filled in with nothing, and one that nobody uses."""
    refused("every row", rows="m", where="a LIKE :w", values={"w": "%"}, anything=True)
    refused("empty", rows="m", where="a = :w", values={"w": ""}, anything=True)
    refused("no database takes", rows="m", where="a = :w", values={"w": "x\0"}, anything=True)
    refused("no database takes", rows="m", where="a = :w", values={"w": "x\ud800"}, anything=True)
    refused("no text", rows="m", where='"a\ud800" = :w', values={"w": "x"}, anything=True)
    refused("age_column", rows="m", where="a = :w", values={"w": "x"}, age_column="a\0", older_than="1d", anything=True)
    refused("not in where", rows="m", where="a = :w", values={"w": "x", "v": "y"}, anything=True)


@pytest.mark.parametrize("pattern", ["train_x*", "*", "train_x7k2p*", "*train_x7k2p", "my_train_x7k2*", "other"])
def test_patterns_that_do_not_bear_the_name_are_refused(database, path, pattern):
    """A wildcard beside the name could be another letter of a longer one."""
    database("CREATE TABLE other (id)", f"CREATE TABLE {OWN}2 (id)")
    try:
        with pytest.raises(ConfigError, match=r"anything: true|everything|every table"):
            sql(path, tables=[pattern]).run(context())
    finally:
        assert names(database) == ["neighbour", "other", f"{OWN}2"]


def test_the_uid_is_as_good_as_the_name(database, path):
    """With dashes or underscores."""
    uid = failed_workflow().uid
    database(f'CREATE TABLE "t_{uid}" (id)', f"CREATE TABLE u_{uid.replace('-', '_')} (id)")
    sql(path, tables=[f"t_{uid}", f"u_{uid.replace('-', '_')}"]).run(context())
    assert names(database) == ["neighbour"]


@pytest.mark.parametrize(
    "where",
    [
        "workflow = :w",
        ":w = workflow",
        "m.workflow = :w AND id > 3",
        "(workflow = :w)",
        "workflow IN (:w)",
        "(workflow = :w AND a = 1) OR (workflow = :w AND b = 2)",
        "id BETWEEN 1 AND 5 AND workflow = :w",
    ],
)
def test_conditions_that_hold_only_for_the_workflows_own_rows(where):
    """Its name is in a column of each of them."""
    sql(None, rows="metrics", where=where, values={"w": NAME}).guard(context())
    with pytest.raises(ConfigError):
        sql(None, rows="metrics", where=where, values={"w": "train-x7k2"}).guard(context())


@pytest.mark.parametrize(
    "where",
    [
        "workflow <> :w",
        "NOT workflow = :w",
        "NOT (workflow = :w)",
        "workflow = :w OR id > 3",
        "id > 3 OR workflow = :w",
        "workflow NOT IN (:w)",
        "workflow > :w",
        "workflow = :w XOR id = 3",
        "workflow NOT LIKE :w",
        "lower(a) = lower(:w)",
        "id IN (SELECT id FROM runs WHERE workflow = :w)",
        "CASE WHEN workflow = :w THEN a ELSE b END",
        "CASE WHEN a = 1 AND workflow = :w AND b = 2 THEN 0 ELSE 1 END",
        "a BETWEEN 1 AND workflow = :w",
    ],
)
def test_conditions_that_may_hold_for_others_rows_need_to_be_said(where):
    """The name is in them, and they mean more."""
    step = sql(None, rows="metrics", where=where, values={"w": NAME})
    with pytest.raises(ConfigError, match="anything: true"):
        step.guard(context())
    sql(None, rows="metrics", where=where, values={"w": NAME}, anything=True).guard(context())


def test_like_bears_the_name_where_no_wildcard_is_beside_it():
    """A percent sign could be more of the name, and so could an underscore."""
    for text, fits in ((f"runs/{NAME}/%", True), (f"%/{NAME}", True), (f"{NAME}%", False), (f"{NAME}_", False)):
        step = sql(None, rows="metrics", where="path LIKE :w", values={"w": text})
        if fits:
            step.guard(context())
            continue
        with pytest.raises(ConfigError):
            step.guard(context())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"schemas": ["a"], "tables": ["b"]},
        {"tables": ["a"], "where": "x = :x"},
        {"tables": ["a"], "batch": 5},
        {"tables": ["a"], "older_than": "1d"},
        {"rows": "a*", "where": "x = 1"},
        {"rows": "pg_catalog.pg_class", "where": "x = 1"},
        {"rows": "a", "where": "x = 1", "older_than": "1d"},
        {"rows": "a", "where": "x = 1", "age_column": "at"},
        {"rows": "a", "where": "x = 1", "include": ["b"]},
        {"rows": "a", "where": "x = 1", "cascade": True},
        {"url": MYSQL, "tables": ["a"], "cascade": True},
        {"url": "sqlite:////a", "schemas": ["a"]},
        {"url": "sqlite:////a", "tables": ["a"], "limit_bytes": 5},
        {"url": "sqlite:////a", "rows": "x.a", "where": "x = 1"},
    ],
)
def test_settings_that_do_not_go_together_are_refused(more):
    """With the reason, before anything runs."""
    refused(anything=True, **more)


def test_the_url_is_a_secret_like_others(tmp_path, monkeypatch):
    """From the environment, or from a file with a line end."""
    file = tmp_path / "url"
    file.write_text(f"{POSTGRES}\n")
    for given, environ in (
        ({}, {"EXITKIT_CLEANUP_SQL_URL": POSTGRES}),
        ({}, {"EXITKIT_CLEANUP_SQL_URL_FILE": str(file)}),
        ({"url_file": str(file)}, {}),
    ):
        made = load(SQL, {"tables": [f"{OWN}_*"], **given}, environ, prefix("cleanup.sql"))
        assert made.url.get_secret_value() == POSTGRES
        assert "made-up" not in repr(made)
