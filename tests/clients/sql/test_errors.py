"""What databases say, and what it comes to."""

import sqlite3
from types import SimpleNamespace

import pytest

from exitkit.clients.sql.errors import DatabaseFault, Needed, read
from exitkit.errors import ActionError, Retryable


class OperationalError(Exception):
    """As drivers name it (PEP 249)."""

    def __init__(self, *args, sqlstate=None, hint=""):
        super().__init__(*args)
        self.sqlstate = sqlstate
        self.diag = SimpleNamespace(message_primary=None, message_hint=hint)


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        ("42P01", "gone"),
        ("2BP01", "needed"),
        ("55P03", "locked"),
        ("42501", "denied"),
        ("57014", "slow"),
        ("40001", "busy"),
        ("40P01", "busy"),
        ("08006", "lost"),
        ("57P01", "lost"),
        ("28P01", "login"),
        ("42601", "wrong"),
        (None, "lost"),
    ],
)
def test_postgresqls_states(state, meaning):
    """By the whole code, or its class."""
    assert read(OperationalError("said", sqlstate=state), "postgresql").meaning == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('FATAL:  password authentication failed for user "x"', "login"),
        ('FATAL:  no pg_hba.conf entry for host "1.2.3.4"', "login"),
        ('FATAL:  database "x" does not exist', "wrong"),
        ("FATAL:  the database system is starting up", "lost"),
        ("connection refused", "lost"),
    ],
)
def test_postgresqls_refusal_of_a_connection(text, meaning):
    """It has no code, so it is read."""
    assert read(OperationalError(f"connection failed: {text}"), "postgresql").meaning == meaning


def test_too_many_locks_name_what_to_raise():
    """The server's own words are that memory is short."""
    error = OperationalError(
        "out of shared memory", sqlstate="53200", hint="You might need to increase max_locks_per_transaction."
    )
    assert "max_locks_per_transaction" in read(error, "postgresql").told


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (1051, "gone"),
        (1451, "needed"),
        (3730, "needed"),
        (1205, "locked"),
        (1142, "denied"),
        (1969, "slow"),
        (1213, "busy"),
        (1040, "busy"),
        (2013, "lost"),
        (2006, "lost"),
        (0, "lost"),
        (1045, "login"),
        (1064, "wrong"),
    ],
)
def test_mysqls_codes(code, meaning):
    """Of both servers."""
    assert read(OperationalError(code, "said"), "mysql").meaning == meaning


def test_sqlites_codes():
    """The extended one where it tells more."""
    with sqlite3.connect(":memory:") as connection:
        for statement, meaning in (("SELECT * FROM absent", "gone"), ("SELEC", "wrong")):
            with pytest.raises(sqlite3.OperationalError) as caught:
                connection.execute(statement)
            assert read(caught.value, "sqlite").meaning == meaning
        connection.executescript(
            "PRAGMA foreign_keys = ON; CREATE TABLE a (id PRIMARY KEY); CREATE TABLE b (a REFERENCES a)"
        )
        with pytest.raises(sqlite3.IntegrityError) as refused:
            connection.execute("INSERT INTO b VALUES (1)")
        assert read(refused.value, "sqlite").meaning == "needed"
    connection.close()


@pytest.mark.parametrize(
    ("meaning", "kind", "reason"),
    [
        ("busy", Retryable, "server"),
        ("locked", Retryable, "server"),
        ("lost", Retryable, "network"),
        ("denied", ActionError, "auth"),
        ("login", ActionError, "auth"),
        ("slow", ActionError, "timeout"),
        ("needed", Needed, "client"),
        ("wrong", ActionError, "client"),
    ],
)
def test_what_may_be_cured_is_tried_again(meaning, kind, reason):
    """And nothing else is."""
    error = DatabaseFault(meaning, "said").error("drop a")
    assert type(error) is kind
    assert error.reason == reason
    assert str(error).startswith("drop a: ")


def test_what_a_database_says_is_one_line_without_secrets():
    """It may hold anything."""
    told = DatabaseFault("wrong", "at postgresql://u:s3cr3t-made-up@h/d\x1b[31m\nnext").told
    assert "s3cr3t" not in told
    assert told.isprintable()
