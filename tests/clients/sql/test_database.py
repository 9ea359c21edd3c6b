"""Transactions: done again as a whole until COMMIT leaves, and never counted twice."""

import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.clients.sql.database import Database
from exitkit.clients.sql.errors import DatabaseFault
from exitkit.clients.sql.mysql import MySQL
from exitkit.clients.sql.url import read
from exitkit.errors import ActionError, Exhausted, Retryable, Unknown
from exitkit.retry import RetryPolicy
from exitkit.testing import context


@pytest.fixture
def path(tmp_path):
    connection = sqlite3.connect(tmp_path / "runs.db")
    with connection:
        connection.execute("CREATE TABLE t (id INTEGER)")
        connection.execute("INSERT INTO t VALUES (1), (2), (3)")
    connection.close()
    return tmp_path / "runs.db"


@pytest.fixture
def database(path):
    made = Database(read(f"sqlite:///{path}"), context(terms=RetryPolicy(attempts=3)), 0.01)
    yield made
    made.close()


def count(database):
    return database.read(lambda session: session.value("SELECT count(*) FROM t"), "count")


def test_what_fails_is_undone_and_done_again(database):
    """From the start: nothing of a try that failed is left."""
    tries = []

    def work(session):
        tries.append(session.change("DELETE FROM t WHERE id <= :n", {"n": 2}))
        if len(tries) < 3:
            raise DatabaseFault("busy", "deadlock")
        return tries[-1]

    assert database.write(work, "delete") == 2
    assert tries == [2, 2, 2]
    assert count(database) == 1


def test_what_no_try_cures_is_told_at_once(database):
    """Once."""
    with pytest.raises(ActionError, match="no such column"):
        database.write(lambda session: session.change("DELETE FROM t WHERE x = 1", {}), "delete")
    assert count(database) == 3


def test_a_savepoint_undoes_its_own_part(database):
    """The rest of the transaction stays."""

    def work(session):
        session.change("DELETE FROM t WHERE id = 1", {})
        with pytest.raises(DatabaseFault):
            with session.savepoint():
                session.change("DELETE FROM t WHERE id = 2", {})
                session.command("DROP TABLE absent")

    database.write(work, "delete")
    assert count(database) == 2


def test_nothing_can_be_changed_while_reading(database):
    """The file is opened so."""
    with pytest.raises(ActionError, match="may not"):
        database.read(lambda session: session.change("DELETE FROM t", {}), "count")
    assert count(database) == 3


def lost(session):
    raise DatabaseFault("lost", "the connection is closed")


class Telling:
    """A dialect that is asked about transactions; the file's own in all else."""

    tells_commits = True

    def __init__(self, inner, *verdicts):
        self.inner, self.verdicts = inner, list(verdicts)

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def mark(self, session):
        return "17"

    def committed(self, session, mark):
        assert mark == "17"
        return self.verdicts.pop(0)


def break_commit(database, monkeypatch, *, after):
    """The first COMMIT gets no answer, before or after it happened."""
    original, broken = Database._commit, []

    def commit(self, session, what):
        if broken:
            return original(self, session, what)
        broken.append(1)
        if after:
            original(self, session, what)
        raise Unknown("the connection was lost when COMMIT was on its way")

    monkeypatch.setattr(Database, "_commit", commit)


@pytest.mark.parametrize("verdicts", [(True,), (None, True)])
def test_a_commit_that_happened_is_not_done_again(database, monkeypatch, verdicts):
    """The server is asked until it knows."""
    break_commit(database, monkeypatch, after=True)
    database.dialect = Telling(database.dialect, *verdicts)
    runs = []

    def work(session):
        runs.append(1)
        return session.change("DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 1)", {})

    assert database.write(work, "delete") == 1
    assert (runs, count(database)) == ([1], 2)


def test_a_commit_that_did_not_happen_is_done_again(database, monkeypatch):
    """Once the server has said so."""
    break_commit(database, monkeypatch, after=False)
    database.dialect = Telling(database.dialect, False)
    assert database.write(lambda session: session.change("DELETE FROM t", {}), "delete") == 3
    assert count(database) == 0


def test_a_commit_that_nobody_can_tell_of_is_unknown(database, monkeypatch):
    """It is not sent again, nor is anything claimed."""
    break_commit(database, monkeypatch, after=True)
    with pytest.raises(Unknown, match="COMMIT"):
        database.write(lambda session: session.change("DELETE FROM t", {}), "delete")
    assert count(database) == 0


def test_work_that_cannot_be_undone_is_unknown_once_it_began(database):
    """As in a table that knows no transactions."""
    with pytest.raises(Unknown, match="some may have happened"):
        database.write(lost, "delete", safe=False)
    with pytest.raises(Exhausted):
        database.write(lost, "delete")


def test_a_connection_serves_the_next_transaction(database):
    """Until something goes wrong in it."""
    seen = []
    for _ in range(3):
        database.write(lambda session: seen.append(session.connection), "look")
    assert seen[0] is seen[1] is seen[2]
    with pytest.raises(Exhausted):
        database.write(lost, "look")
    database.write(lambda session: seen.append(session.connection), "look")
    assert seen[3] is not seen[0]


def test_the_secret_is_remembered_as_the_driver_gets_it():
    """In a URL it is written otherwise."""
    from exitkit.text.redact import forget_all, redact

    with forget_all():
        Database(read("postgresql://u:made%2Fup%40secret@h.invalid/d"), context(), 1).close()
        assert redact("it is made/up@secret") == "it is ***"
        Database(read("postgresql://u@h.invalid/d", "another-made-up"), context(), 1).close()
        assert redact("it is another-made-up") == "it is ***"


@pytest.mark.parametrize(("setting", "name"), [(0, "Train"), (1, "train"), (2, "train")])
def test_mysql_compares_names_as_it_is_set(setting, name):
    """lower_case_table_names says how."""

    class Transaction:
        def value(self, text):
            assert "lower_case_table_names" in text
            return setting

    assert MySQL().fold(Transaction(), "Train") == name


@settings(max_examples=60)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_name_is_quoted_so_that_it_is_that_name(name):
    """In a plain statement, and in one with values."""
    if name.lower().startswith("sqlite_"):
        return
    import sqlalchemy as sa

    from exitkit.clients.sql.session import Transaction

    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        session = Transaction(connection, "sqlite", lambda: 1.0, 1.0)
        session.command(f"CREATE TABLE {session.quote(name)} ({session.quote('c' + name)})")
        assert session.value("SELECT name FROM sqlite_schema") == name
        session.change(
            f"INSERT INTO {session.embed(name)} ({session.embed('c' + name)}) VALUES (:value)", {"value": name}
        )
        assert session.value(f"SELECT {session.embed('c' + name)} FROM {session.embed(name)}") == name
        session.command(f"DROP TABLE {session.quote(name)}")
        assert session.rows("SELECT name FROM sqlite_schema") == []
    engine.dispose()


def test_importing_the_client_does_not_import_sqlalchemy():
    """It is loaded when a database is asked for."""
    code = (
        "import exitkit.clients.sql.database, sys; assert not {'sqlalchemy', 'psycopg', 'pymysql'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_retryable_faults_end_as_exhausted(database):
    """With the database's own words."""
    with pytest.raises(Exhausted, match="deadlock found") as caught:
        database.write(lambda session: (_ for _ in ()).throw(DatabaseFault("busy", "deadlock found")), "delete")
    assert isinstance(caught.value.__cause__, Retryable)
