"""cleanup.sql against real servers: PostgreSQL and MariaDB, as they refuse, block, vanish and keep silent."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pymysql
import pytest

from exitkit.cleanup.sql import SQL
from exitkit.errors import ActionError, ConfigError, Unknown
from exitkit.retry import RetryPolicy
from exitkit.retry.clock import Clock
from exitkit.testing import context

NAME = "train-x7k2p"  # the workflow's, as exitkit.testing tells it
OWN = "train_x7k2p"
PASSWORD = "made-up/for@this%test"
ENCODED = "made-up%2Ffor%40this%25test"
# Each of them would be something else if it were not quoted, or quoted twice.
ODD = ['a"b', "a`b", "a'; DROP TABLE neighbour;--", "a%s%%b", "a:b ::c \\:d", "a b", "ünï👍", "a.b", "Select", "a\\b"]


def finder(name, folders):
    found = shutil.which(name) or next((str(one) for one in sorted(folders, reverse=True)), None)
    if found is None:
        pytest.skip(f"{name} is not installed: nothing to test against")
    return found


@contextlib.contextmanager
def home(user):
    """A folder of the user's that a server runs in, as both refuse to run as root; and who that is for Popen."""
    top = tempfile.mkdtemp(prefix="exitkit-", dir="/tmp")
    own = {"cwd": "/", "env": {**os.environ, "TMPDIR": top}}  # the test's own may not be for other users
    try:
        if os.geteuid() != 0:
            yield top, own
            return
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            pytest.skip(f"the user {user} is not here, and the server does not run as root")
        os.chown(top, entry.pw_uid, entry.pw_gid)
        yield top, {**own, "user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    finally:
        shutil.rmtree(top, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres(serve, free_port):
    """The port of a server with the user `ml`."""
    initdb = finder("initdb", Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    with home("postgres") as (top, who):
        Path(top, "secret").write_text(PASSWORD)
        words = [
            initdb,
            "-D",
            f"{top}/data",
            "-U",
            "ml",
            "--pwfile",
            f"{top}/secret",
            "-A",
            "scram-sha-256",
            "-N",
            "-E",
            "UTF8",
        ]
        subprocess.run([*words, "--locale=C"], check=True, capture_output=True, **who)
        port = free_port()
        words = [str(Path(initdb).with_name("postgres")), "-D", f"{top}/data", "-k", top, "-p", str(port), "-F"]
        process = serve([*words, "-c", "listen_addresses=127.0.0.1"], port, **who)
        for _ in range(200):  # it listens before it answers
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(host="127.0.0.1", port=port, user="ml", password=PASSWORD, dbname="postgres").close()
                break
        yield port
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def mariadb(serve, free_port):
    """The port of a server with the user `ml`."""
    install = finder("mariadb-install-db", [])
    server = finder("mariadbd", [Path("/usr/sbin/mariadbd")] if Path("/usr/sbin/mariadbd").exists() else [])
    with home("mysql") as (top, who):
        words = [install, "--no-defaults", f"--datadir={top}/data", "--auth-root-authentication-method=normal"]
        subprocess.run([*words, "--skip-test-db"], check=True, capture_output=True, **who)
        port = free_port()
        words = [server, "--no-defaults", f"--datadir={top}/data", f"--socket={top}/socket", f"--port={port}"]
        process = serve([*words, "--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0"], port, **who)
        with pymysql.connect(host="127.0.0.1", port=port, user="root") as root:
            with root.cursor() as cursor:
                cursor.execute("CREATE USER ml@'127.0.0.1' IDENTIFIED BY %s", (PASSWORD,))
                cursor.execute("GRANT ALL ON *.* TO ml@'127.0.0.1' WITH GRANT OPTION")
        yield port
        process.terminate()
        process.wait(30)


class Server:
    """One of them, emptied: statements by its own driver, and steps that clean up in it."""

    def __init__(self, kind, port):
        self.kind, self.port = kind, port
        self.commit = b"\x03COMMIT" if kind == "mysql" else b"COMMIT\x00"  # as the drivers write it
        self.mark = "`" if kind == "mysql" else '"'
        if kind == "mysql":
            own = "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN "
            for (one,) in self.run(own + "('mysql', 'sys', 'information_schema', 'performance_schema')", database=None):
                self.run(f"DROP DATABASE {self.quote(one)}", database=None)
            self.run("CREATE DATABASE ml", database=None)
        else:
            self.run("DROP DATABASE IF EXISTS ml WITH (FORCE)", database="postgres")
            self.run("CREATE DATABASE ml", database="postgres")
        self.default = "ml" if kind == "mysql" else "public"

    def connect(self, database="ml", **more):
        if self.kind == "mysql":
            login = {"user": "ml", "password": PASSWORD, "database": database, "autocommit": True, **more}
            return pymysql.connect(host="127.0.0.1", port=self.port, **login)
        login = {"user": "ml", "password": PASSWORD, "dbname": database, "autocommit": True, **more}
        return psycopg.connect(host="127.0.0.1", port=self.port, **login)

    def run(self, *statements, **login):
        connection = self.connect(**login)
        with contextlib.closing(connection), connection.cursor() as cursor:
            for one in statements:
                cursor.execute(one)
            return list(cursor.fetchall()) if cursor.description else []

    def quote(self, name):
        return self.mark + name.replace(self.mark, self.mark * 2) + self.mark

    def tables(self):
        system = "('pg_catalog', 'information_schema', 'mysql', 'sys', 'performance_schema')"
        found = self.run(
            "SELECT table_schema, table_name FROM information_schema.tables "
            f"WHERE table_type = 'BASE TABLE' AND table_schema NOT IN {system}"
        )
        return sorted(f"{schema}.{name}" for schema, name in found)

    def schemas(self):
        return sorted(one for (one,) in self.run("SELECT schema_name FROM information_schema.schemata"))

    def step(self, port=None, **more):
        scheme = "mariadb" if self.kind == "mysql" else "postgresql"
        return SQL(url=f"{scheme}://ml:{ENCODED}@127.0.0.1:{port or self.port}/ml", **more)

    def fill(self, ours=10, others=3):
        """A table of rows, and how many there are."""
        self.run(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, workflow VARCHAR(50), made TIMESTAMP NULL)",
            *(
                f"INSERT INTO metrics VALUES ({number}, '{NAME if number < ours else 'other'}', '2026-01-01 00:00:00')"
                for number in range(ours + others)
            ),
        )

    def rows(self):
        return self.run("SELECT count(*) FROM metrics")[0][0]


@pytest.fixture(params=["postgresql", "mysql"])
def server(request):
    return Server(request.param, request.getfixturevalue("mariadb" if request.param == "mysql" else "postgres"))


@pytest.fixture
def pg(postgres):
    return Server("postgresql", postgres)


@pytest.fixture
def maria(mariadb):
    return Server("mysql", mariadb)


def ours(**more):
    """Real time."""
    seconds = more.pop("seconds", 60)
    terms = {"attempts": 3, "wait": 0.05, "attempt_timeout": 10, **more}
    return context(clock=Clock(), seconds=seconds, terms=RetryPolicy(**terms))


def rehearsal():
    return context(clock=Clock(), dry_run=True)


@contextlib.contextmanager
def proxy(port, on):
    """Between us and the server: `on(data)` sees what we send, and says what becomes of it.

    It may pass; the connection may be cut before it arrives, or once it has arrived and before an answer is given;
    or it may be kept for long.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_accept, args=(door, port, on), daemon=True).start()
        yield door.getsockname()[1]


def _accept(door, port, on):
    with contextlib.suppress(OSError):
        while True:
            client, _ = door.accept()
            threading.Thread(target=_pass_on, args=(client, port, on), daemon=True).start()


def _pass_on(client, port, on):
    mute = threading.Event()
    with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_back, args=(client, server, mute), daemon=True)
        back.start()
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                fate = on(data)
                if fate == "mute":
                    mute.set()
                elif fate == "keep":
                    threading.Event().wait(10)
                if fate != "cut":
                    server.sendall(data)
                if fate == "mute":
                    threading.Event().wait(0.3)
                if fate != "pass":
                    break
        for end in (client, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        back.join()


def _back(client, server, mute):
    with contextlib.suppress(OSError):
        while data := server.recv(65536):
            if not mute.is_set():
                client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)


def once(word, fate):
    """This becomes of the first message with the word, and nothing of any other."""
    left = [fate]
    return lambda data: left.pop() if word in data and left else "pass"


# Tables.


def test_tables_that_match_go_and_their_neighbours_stay(server):
    """In the default schema and no other, with the sizes that the server knows; a dry run changes nothing."""
    there = [f"{OWN}_a", f"{OWN}_b", OWN, "train_x7k2pa", "trainAx7k2p_c"]
    server.run(*(f"CREATE TABLE {server.quote(one)} (id INT)" for one in there), f"INSERT INTO {OWN}_a VALUES (1)")
    server.run("CREATE SCHEMA elsewhere", f"CREATE TABLE elsewhere.{OWN}_a (id INT)")
    before = server.tables()
    told = server.step(tables=[f"{OWN}_*"]).run(rehearsal()).facts
    assert server.tables() == before
    result = server.step(tables=[f"{OWN}_*"]).run(ours()).facts
    assert result["deleted"] == told["found"] == 2
    assert result["bytes"] == told["bytes"] > 0
    gone = {f"{server.default}.{OWN}_a", f"{server.default}.{OWN}_b"}
    assert server.tables() == [one for one in before if one not in gone]
    assert server.step(tables=[f"{OWN}_*"]).run(ours()).summary == "nothing to delete"
    server.step(tables=[f"elsewhere.{OWN}_*"]).run(ours())
    assert f"elsewhere.{OWN}_a" not in server.tables()


def test_names_that_would_be_code_go_by_name(server):
    """In schemas as well as in tables."""
    server.run("CREATE TABLE neighbour (id INT)")
    made = [f"{OWN}_{one}" for one in ODD if server.kind == "postgresql" or "👍" not in one]
    for one in made:
        server.run(f"CREATE TABLE {server.quote(one)} (id INT)")
        server.run(
            f"CREATE SCHEMA {server.quote(one)}", f"CREATE TABLE {server.quote(one)}.{server.quote('t')} (id INT)"
        )
    assert server.step(tables=[f"{OWN}_*"]).run(ours()).facts["deleted"] == len(made)
    assert server.step(schemas=[f"{OWN}_*"]).run(ours()).facts["deleted"] == len(made)
    assert server.tables() == [f"{server.default}.neighbour"]


def test_many_tables_go_within_what_the_server_can_lock(server):
    """More than one transaction, counted exactly."""
    server.run(*(f"CREATE TABLE {OWN}_{number:03d} (id INT PRIMARY KEY)" for number in range(230)))
    assert server.step(tables=[f"{OWN}_*"]).run(ours()).facts["deleted"] == 230
    assert server.tables() == []


def test_tables_that_refer_to_each_other_go(server):
    """In whichever order the names are."""
    server.run(
        f"CREATE TABLE {OWN}_a (id INT PRIMARY KEY)",
        f"CREATE TABLE {OWN}_b (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES {OWN}_a (id))",
        f"CREATE TABLE {OWN}_c (id INT, FOREIGN KEY (id) REFERENCES {OWN}_b (id))",
    )
    assert server.step(tables=[f"{OWN}_*"]).run(ours()).facts["deleted"] == 3
    assert server.tables() == []


def test_a_table_that_others_refer_to_stays_and_is_told(server):
    """The others are gone, also where a refusal would end a transaction."""
    server.run(
        f"CREATE TABLE {OWN}_a (id INT PRIMARY KEY)",
        f"CREATE TABLE {OWN}_b (id INT)",
        f"CREATE TABLE holder (id INT, FOREIGN KEY (id) REFERENCES {OWN}_a (id))",
    )
    with pytest.raises(ActionError, match="something else refers to it") as caught:
        server.step(tables=[f"{OWN}_*"]).run(ours())
    assert (caught.value.facts["found"], caught.value.facts["deleted"]) == (2, 1)
    assert server.tables() == [f"{server.default}.holder", f"{server.default}.{OWN}_a"]


def test_a_circle_of_tables_goes_at_once(pg):
    """None of them could go first."""
    pg.run(
        f"CREATE TABLE {OWN}_a (id INT PRIMARY KEY)", f"CREATE TABLE {OWN}_b (id INT PRIMARY KEY REFERENCES {OWN}_a)"
    )
    pg.run(f"ALTER TABLE {OWN}_a ADD FOREIGN KEY (id) REFERENCES {OWN}_b")
    assert pg.step(tables=[f"{OWN}_*"]).run(ours()).facts["deleted"] == 2


def test_views_go_only_where_cascade_is_said(pg):
    """Else the table stays."""
    pg.run(f"CREATE TABLE {OWN}_a (id INT)", f"CREATE VIEW seen AS SELECT * FROM {OWN}_a")
    with pytest.raises(ActionError, match="view"):
        pg.step(tables=[f"{OWN}_*"]).run(ours())
    assert pg.tables() == [f"public.{OWN}_a"]
    pg.step(tables=[f"{OWN}_*"], cascade=True).run(ours())
    assert pg.run("SELECT 1 FROM pg_views WHERE viewname = 'seen'") == []


def test_partitions_go_with_what_they_are_part_of_unless_one_is_excluded(pg):
    """What is excluded stays, whatever it is part of."""
    pg.run(f"CREATE TABLE {OWN}_a (id INT) PARTITION BY RANGE (id)")
    pg.run(f"CREATE TABLE {OWN}_keep PARTITION OF {OWN}_a FOR VALUES FROM (0) TO (9)")
    pg.run(f"CREATE TABLE {OWN}_two PARTITION OF {OWN}_a FOR VALUES FROM (9) TO (19)")
    with pytest.raises(ActionError, match="a part of it is excluded"):
        pg.step(tables=[f"{OWN}_*"], exclude=["*_keep"]).run(ours())
    assert pg.tables() == [f"public.{OWN}_a", f"public.{OWN}_keep"]
    assert pg.step(tables=[f"{OWN}_*"]).run(ours()).facts["deleted"] == 2
    assert pg.tables() == []


def test_a_table_that_somebody_uses_is_refused_after_a_while_and_the_rest_goes(server):
    """A reader that holds it is not waited for without end."""
    server.run(*(f"CREATE TABLE {OWN}_{one} (id INT)" for one in "abc"))
    with contextlib.closing(server.connect(autocommit=False)) as reader, reader.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {OWN}_b")
        with pytest.raises(ActionError, match="lock_timeout") as caught:
            server.step(tables=[f"{OWN}_*"], lock_timeout=0.3).run(ours())
        assert caught.value.facts["deleted"] == 2
    assert server.tables() == [f"{server.default}.{OWN}_b"]


def test_many_tables_that_somebody_uses_do_not_use_up_an_attempt(pg):
    """What went before is kept, and each attempt comes further."""
    pg.run(*(f"CREATE TABLE {OWN}_{number} (id INT)" for number in range(8)))
    with contextlib.closing(pg.connect(autocommit=False)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE " + ", ".join(f"{OWN}_{number}" for number in range(7)))
        with pytest.raises(ActionError, match="sizes are not known"):  # nobody can measure a table that is locked so
            pg.step(tables=[f"{OWN}_*"], lock_timeout=0.1, limit_bytes="1Gi").run(ours())
        with pytest.raises(ActionError, match="7 another session") as caught:
            pg.step(tables=[f"{OWN}_*"], lock_timeout=5).run(ours(attempt_timeout=1, attempts=1))
    assert (caught.value.facts["deleted"], len(pg.tables())) == (1, 7)


def test_what_is_not_ours_to_drop_is_refused(server):
    """By a user who may not; what that user owns goes."""
    server.run(
        f"CREATE TABLE {OWN}_a (id INT)",
        *(
            ["DROP ROLE IF EXISTS weak", "CREATE ROLE weak LOGIN PASSWORD 'weak'"]
            if server.kind == "postgresql"
            else [
                "CREATE OR REPLACE USER weak@'127.0.0.1' IDENTIFIED BY 'weak'",
                "GRANT SELECT ON ml.* TO weak@'127.0.0.1'",
            ]
        ),
    )
    scheme = "mysql" if server.kind == "mysql" else "postgresql"
    step = SQL(url=f"{scheme}://weak:weak@127.0.0.1:{server.port}/ml", tables=[f"{OWN}_*"])
    with pytest.raises(ActionError, match="this user may not"):
        step.run(ours())
    assert server.tables() == [f"{server.default}.{OWN}_a"]


def test_a_table_that_was_made_anew_is_another_one(server, monkeypatch):
    """It has the name that was listed, and stays; MariaDB tells it by the second in which it was made."""
    from exitkit.cleanup.sql.drop import DropSweeper

    server.run(f"CREATE TABLE {OWN}_a (id INT)")
    original = DropSweeper.delete

    def delete(self, batch, context, most):
        server.run("DO SLEEP(1.1)" if server.kind == "mysql" else "SELECT 1")
        server.run(f"DROP TABLE {OWN}_a", f"CREATE TABLE {OWN}_a (id INT)")
        return original(self, batch, context, most)

    monkeypatch.setattr(DropSweeper, "delete", delete)
    result = server.step(tables=[f"{OWN}_*"]).run(ours())
    assert (result.facts["deleted"], result.facts["gone"]) == (0, 1)
    assert server.tables() == [f"{server.default}.{OWN}_a"]


# Schemas.


def test_a_schema_goes_with_all_that_is_in_it(server):
    """Its neighbours, and the default, stay."""
    for one in (f"{OWN}_a", f"{OWN}_b", "train_x7k2pa"):
        server.run(
            f"CREATE SCHEMA {one}",
            f"CREATE TABLE {one}.t (id INT PRIMARY KEY, note TEXT)",
            f"INSERT INTO {one}.t VALUES (1, 'x')",
        )
        server.run(f"CREATE TABLE {one}.u (id INT, FOREIGN KEY (id) REFERENCES {one}.t (id))")
        server.run(f"CREATE VIEW {one}.v AS SELECT * FROM {one}.t")
    before = server.schemas()
    assert server.step(schemas=[f"{OWN}_*"]).run(rehearsal()).facts["examples"] == [f"{OWN}_a", f"{OWN}_b"]
    assert server.schemas() == before
    result = server.step(schemas=[f"{OWN}_*"]).run(ours())
    assert result.facts["deleted"] == 2
    assert result.facts["bytes"] > 0
    assert server.schemas() == [one for one in before if one not in (f"{OWN}_a", f"{OWN}_b")]


@pytest.mark.parametrize(
    "outside",
    [
        "CREATE TABLE holder (id INT REFERENCES {0}.t (id))",
        "CREATE VIEW holder AS SELECT * FROM {0}.v",
        "CREATE MATERIALIZED VIEW holder AS SELECT * FROM {0}.t",
        "CREATE TABLE holder (mood {0}.mood)",
        "CREATE TABLE holder (id INT DEFAULT {0}.f())",
        "CREATE TABLE holder (); CREATE TRIGGER x BEFORE INSERT ON holder EXECUTE FUNCTION {0}.g()",
        "CREATE TABLE holder () INHERITS ({0}.t)",
        "CREATE TABLE holder (id INT DEFAULT nextval('{0}.s'))",
        "CREATE FUNCTION holder() RETURNS SETOF {0}.t LANGUAGE sql AS 'SELECT * FROM {0}.t'",
    ],
)
def test_a_schema_that_something_outside_refers_to_stays(pg, outside):
    """Whatever that is: PostgreSQL's own CASCADE would take it along."""
    one = f"{OWN}_a"
    pg.run(
        f"CREATE SCHEMA {one}",
        f"CREATE TABLE {one}.t (id INT PRIMARY KEY)",
        f"CREATE VIEW {one}.v AS SELECT * FROM {one}.t",
    )
    pg.run(f"CREATE TYPE {one}.mood AS ENUM ('a')", f"CREATE FUNCTION {one}.f() RETURNS INT LANGUAGE sql AS 'SELECT 1'")
    pg.run(f"CREATE FUNCTION {one}.g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    pg.run(f"CREATE SEQUENCE {one}.s")
    pg.run(outside.format(one))
    with pytest.raises(ActionError, match="something else refers to it"):
        pg.step(schemas=[f"{OWN}_*"]).run(ours())
    assert one in pg.schemas()
    pg.step(schemas=[f"{OWN}_*"], cascade=True).run(ours())
    assert one not in pg.schemas()


def test_a_database_whose_keys_others_use_stays(maria):
    """MariaDB sees foreign keys from outside."""
    maria.run(f"CREATE DATABASE {OWN}_a", f"CREATE TABLE {OWN}_a.t (id INT PRIMARY KEY)")
    maria.run(f"CREATE TABLE holder (id INT, FOREIGN KEY (id) REFERENCES {OWN}_a.t (id))")
    with pytest.raises(ActionError, match="something else refers to it"):
        maria.step(schemas=[f"{OWN}_*"]).run(ours())
    assert f"{OWN}_a" in maria.schemas()


def test_the_default_schema_is_not_found_by_a_wildcard(pg):
    """Where it is the role's own, and only the server knows."""
    pg.run(f"CREATE SCHEMA {OWN}_a", f"ALTER DATABASE ml SET search_path = {OWN}_a")
    with pytest.raises(ActionError, match="default schema"):
        pg.step(schemas=[f"{OWN}_*"]).run(ours())
    assert f"{OWN}_a" in pg.schemas()
    pg.step(schemas=[f"{OWN}_a"]).run(ours())
    assert f"{OWN}_a" not in pg.schemas()


# Rows.


def metrics(server, port=None, where="workflow = :w", **more):
    return server.step(port, rows="metrics", where=where, **{"values": {"w": NAME}, **more})


@pytest.mark.parametrize("batch", [0, 4])
def test_rows_that_match_go_and_are_counted(server, batch):
    """The others stay, and a dry run sends nothing that changes."""
    server.fill()
    assert metrics(server, batch=batch).run(rehearsal()).facts["found"] == 10
    assert server.rows() == 13
    result = metrics(server, batch=batch, where="workflow = :w AND id % 20 < 30").run(ours())
    assert (result.facts["found"], result.facts["deleted"], server.rows()) == (10, 10, 3)
    assert metrics(server).run(ours()).summary == "nothing to delete"


def test_a_limit_of_rows_is_held_exactly(server):
    """Within a batch."""
    server.fill()
    with pytest.raises(ActionError, match="limit=6"):
        metrics(server, limit=6, batch=4).run(ours())
    assert server.rows() == 7


def test_rows_of_partitions_are_told_apart(pg):
    """Rows of two partitions have the same place in them, and a limit is exact all the same."""
    pg.run("CREATE TABLE metrics (id INT, workflow TEXT) PARTITION BY LIST (id)")
    for number in range(4):
        pg.run(f"CREATE TABLE m{number} PARTITION OF metrics FOR VALUES IN ({number})")
        pg.run(f"INSERT INTO metrics SELECT {number}, '{NAME}' FROM generate_series(1, 5)")
    with pytest.raises(ActionError, match="limit=7"):
        metrics(pg, limit=7).run(ours())
    assert pg.rows() == 13


def test_only_rows_that_are_old_enough(server):
    """By a column without a zone, which is read as UTC whatever the server's zone is."""
    server.fill(ours=0, others=0)
    if server.kind == "mysql":
        server.run("ALTER TABLE metrics MODIFY made DATETIME NULL")  # its TIMESTAMP has a zone
    now = datetime.fromtimestamp(context().deadline.clock.time(), UTC)
    for number, hours in enumerate((1, 11, 13, 30)):
        then = (now - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S")
        zone = "SET time_zone = '+00:00'" if server.kind == "mysql" else "SET TimeZone = 'UTC'"
        server.run(zone, f"INSERT INTO metrics VALUES ({number}, '{NAME}', '{then}')")
    server.run(
        "SET GLOBAL time_zone = '+09:00'" if server.kind == "mysql" else "ALTER DATABASE ml SET TimeZone = 'Asia/Tokyo'"
    )
    terms = context(clock=_Shifted(), seconds=60, terms=RetryPolicy())
    assert metrics(server, older_than="12h", age_column="made").run(terms).facts["deleted"] == 2
    assert server.rows() == 2


class _Shifted(Clock):
    """Real waiting, at the time of the tests."""

    def time(self):
        return context().deadline.clock.time()


def test_a_dry_run_cannot_change_anything(server):
    """Not even by a function in the condition, in a table that knows no transactions."""
    server.fill()
    side = "CREATE TABLE side (id INT)"
    if server.kind == "mysql":
        body = "MODIFIES SQL DATA BEGIN INSERT INTO side VALUES (1); RETURN 1; END"
        server.run("SET GLOBAL log_bin_trust_function_creators = 1", f"{side} ENGINE = MyISAM")
        server.run(f"CREATE FUNCTION f() RETURNS INT {body}")
    else:
        server.run(side, "CREATE FUNCTION f() RETURNS INT LANGUAGE sql AS 'INSERT INTO side VALUES (1); SELECT 1'")
    step = metrics(server, where="workflow = :w AND f() = 1")
    with pytest.raises(ActionError, match=r"(?i)read.only"):
        step.run(rehearsal())
    assert server.run("SELECT * FROM side") == []
    with pytest.raises(ActionError, match=r"(?i)read.only"):  # nor while a run still looks
        step.run(ours())


def test_a_statement_that_takes_too_long_is_ended_by_the_server(server):
    """Within its attempt, and it does not go on there."""
    server.fill()
    nap = "SLEEP(3) = 0" if server.kind == "mysql" else "pg_sleep(3) IS NOT NULL"
    with pytest.raises(ActionError, match="attempt_timeout") as caught:
        metrics(server, where=f"workflow = :w AND {nap}").run(ours(attempt_timeout=1, attempts=2))
    assert caught.value.reason == "timeout"
    assert server.rows() == 13


def test_a_deadlock_is_tried_again(pg):
    """The server undoes one of two transactions; ours comes again and is counted once."""
    pg.fill()
    pg.run("ALTER DATABASE ml SET deadlock_timeout = '50ms'")
    with contextlib.closing(pg.connect(autocommit=False)) as other, other.cursor() as cursor:
        cursor.execute("SET deadlock_timeout = '10s'")
        cursor.execute("UPDATE metrics SET made = NULL WHERE id = 9")
        done = []
        step = metrics(pg, lock_timeout=8)
        thread = threading.Thread(target=lambda: done.append(step.run(ours(attempt_timeout=40))))
        thread.start()
        while not pg.run(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'exitkit' AND wait_event_type = 'Lock'"
        ):
            assert thread.is_alive()
        cursor.execute("UPDATE metrics SET made = NULL WHERE id = 0")  # ours holds it
        other.commit()
        thread.join(30)
    assert done[0].facts["deleted"] == 10
    assert pg.rows() == 3


# Connections that end.


def test_a_connection_that_is_lost_before_commit_is_made_again(server):
    """All of the transaction is done again, and counted once."""
    server.fill()
    with proxy(server.port, once(server.commit, "cut")) as port:
        if server.kind == "mysql":
            with pytest.raises(Unknown, match="may have happened"):
                metrics(server, port).run(ours())
            assert server.rows() == 13
            return
        result = metrics(server, port).run(ours())
    assert (result.facts["deleted"], server.rows()) == (10, 3)


def test_a_commit_without_an_answer_is_asked_about(server):
    """PostgreSQL tells that it happened; MariaDB does not, so nobody claims to know."""
    server.fill()
    with proxy(server.port, once(server.commit, "mute")) as port:
        if server.kind == "mysql":
            with pytest.raises(Unknown, match="may have happened"):
                metrics(server, port).run(ours())
        else:
            result = metrics(server, port).run(ours())
            assert result.facts["deleted"] == 10
    assert server.rows() == 3


def test_a_commit_that_never_arrives(server):
    """PostgreSQL undoes it by itself and tells so, after which it is done again; MariaDB leaves it unknown."""
    server.fill()
    with proxy(server.port, once(server.commit, "keep")) as port:
        if server.kind == "mysql":
            with pytest.raises(Unknown, match="may have arrived"):
                metrics(server, port).run(ours(attempt_timeout=1))
            return
        result = metrics(server, port).run(ours(attempt_timeout=1))
    assert (result.facts["deleted"], server.rows()) == (10, 3)


def test_rows_that_are_lost_on_the_way_are_asked_for_again(server):
    """Nothing has happened as long as COMMIT was not sent."""
    server.fill()
    with proxy(server.port, once(b"DELETE FROM", "cut")) as port:
        assert metrics(server, port).run(ours()).facts["deleted"] == 10
    assert server.rows() == 3


def test_rows_of_an_engine_that_cannot_undo_are_not_asked_for_twice(maria):
    """What was sent to it may have happened in part."""
    maria.fill()
    maria.run("ALTER TABLE metrics ENGINE = MyISAM")
    with proxy(maria.port, once(b"DELETE FROM", "mute")) as port:
        with pytest.raises(Unknown):
            metrics(maria, port).run(ours())


@pytest.mark.parametrize("fate", ["cut", "mute"])
def test_a_drop_without_an_answer_is_looked_after(server, fate):
    """Whether it arrived or not, all tables are gone in the end, and each is counted once as ours."""
    server.run(*(f"CREATE TABLE {OWN}_{number} (id INT)" for number in range(5)))
    with proxy(server.port, once(server.quote(f"{OWN}_3").encode(), fate)) as port:
        result = server.step(port, tables=[f"{OWN}_*"]).run(ours())
    assert (result.facts["deleted"], result.facts["gone"]) == (5, 0)
    assert server.tables() == []


def test_what_went_before_the_end_is_told_exactly(server):
    """All of a transaction or nothing in PostgreSQL, one table after the other in MariaDB; the counts say which."""
    server.run(*(f"CREATE TABLE {OWN}_{number} (id INT)" for number in range(5)))
    with proxy(server.port, lambda data: "cut" if f"{OWN}_3".encode() in data and b"DROP" in data else "pass") as port:
        with pytest.raises(ActionError) as caught:
            server.step(port, tables=[f"{OWN}_*"]).run(ours())
    left = len(server.tables())
    assert left == (5 if server.kind == "postgresql" else 2)
    assert caught.value.facts["deleted"] == 5 - left
    assert caught.value.facts["complete"] is False


def test_a_server_that_stops_answering_ends_with_the_deadline(server):
    """The report says what is known: nothing was committed."""
    server.fill()

    clock = Clock()
    began = clock.monotonic()
    with proxy(server.port, lambda data: "keep" if b"DELETE" in data else "pass") as port:
        with pytest.raises(ActionError) as caught:
            metrics(server, port).run(ours(seconds=3, attempt_timeout=1.5))
    assert clock.monotonic() - began < 4
    assert not isinstance(caught.value, Unknown)
    assert server.rows() == 13


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_never_greets_ends_with_the_deadline(scheme):
    """It takes the connection, and says nothing."""
    clock = Clock()
    began = clock.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"{scheme}://ml:{ENCODED}@127.0.0.1:{door.getsockname()[1]}/ml"
        with pytest.raises(ActionError):
            SQL(url=url, tables=[f"{OWN}_*"]).run(ours(seconds=2.5, attempt_timeout=1))
    assert clock.monotonic() - began < 3.5


def test_a_login_that_fails_fails_at_once_and_tells_no_secret(server):
    """No try would cure it."""
    scheme = "mysql" if server.kind == "mysql" else "postgresql"
    SQL(url=f"{scheme}://ml@127.0.0.1:{server.port}/ml", password=PASSWORD, tables=[f"{OWN}_*"]).run(ours())
    for name, what in ((f"ml:wrong-{ENCODED}", "auth|denied"), (f"nobody:{ENCODED}", "auth|denied|exist")):
        with pytest.raises(ActionError, match=f"(?i){what}") as caught:
            SQL(url=f"{scheme}://{name}@127.0.0.1:{server.port}/ml", tables=[f"{OWN}_*"]).run(ours())
        assert caught.value.reason == "auth"
        assert PASSWORD not in str(caught.value)
    with pytest.raises(ActionError, match=r"(?i)not exist|unknown database|denied"):
        SQL(url=f"{scheme}://ml:{ENCODED}@127.0.0.1:{server.port}/nowhere", tables=[f"{OWN}_*"]).run(ours())


# Whose rows they are.


def left(server, table="runs"):
    return sorted(str(one) for (one,) in server.run(f"SELECT workflow FROM {table}"))


@pytest.fixture
def runs(server):
    """A table with rows of the workflow, and of others whose names a database may take for the same."""
    collation = "" if server.kind == "postgresql" else " CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    server.run(
        f"CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow VARCHAR(50){collation}, size INTEGER, at TIMESTAMP NULL)",
        *(
            f"INSERT INTO runs VALUES ({number}, '{name}', 0, '2026-01-01 00:00:00')"
            for number, name in enumerate((*FOREIGN, NAME, NAME))
        ),
    )
    return server


FOREIGN = [NAME.upper(), f"{NAME} ", "Train-x7k2p", "träin-x7k2p", "other", f"{NAME}0"]


@pytest.mark.parametrize(
    "where",
    [
        f'"{NAME}" = :w',
        f':w = "{NAME}"',
        f'"{NAME}" IN (:w)',
        f'"{NAME}" LIKE :w',
        f"`{NAME}` = :w",
        "current_user = :w",
        "session_user = :w",
        "user = :w",
        "current_schema = :w",
        "current_role = :w",
        "id = :w",
        "size = :w",
        "runs.size = :w",
        "ctid = :w",
        "tableoid = :w",
        "other.workflow = :w",
        "no_column = :w",
    ],
)
def test_no_foreign_row_goes_by_what_is_no_column_of_texts(runs, where):
    """A word in quotes, a function, a number that a text is zero to, a column of the system's."""
    with pytest.raises((ActionError, ConfigError)):
        step = runs.step(rows="runs", where=where, values={"w": NAME})
        step.guard(ours())
        step.run(ours())
    assert left(runs) == sorted([*FOREIGN, NAME, NAME])


def test_no_foreign_row_goes_where_the_user_bears_the_name(pg):
    """PostgreSQL's session_user is whoever logs in."""
    pg.run(
        f"CREATE ROLE \"{NAME}\" SUPERUSER LOGIN PASSWORD '{PASSWORD}'",
        "CREATE TABLE runs (workflow text)",
        "INSERT INTO runs VALUES ('other')",
    )
    try:
        for where in ("session_user = :w", "current_user = :w", "user = :w", '"session_user" = :w'):
            url = f"postgresql://{NAME}:{ENCODED}@127.0.0.1:{pg.port}/ml"
            with pytest.raises((ActionError, ConfigError)):
                step = SQL(url=url, rows="runs", where=where, values={"w": NAME})
                step.guard(ours())
                step.run(ours())
            assert left(pg) == ["other"]
    finally:
        pg.run(f'DROP ROLE "{NAME}"')


@pytest.mark.parametrize(
    "where", ["workflow = :w", "workflow IN (:w)", "runs.workflow = :w AND id >= 0", "WORKFLOW LIKE :w"]
)
def test_only_the_exact_name_goes(runs, where):
    """Whatever the collation takes for the same: capitals, accents, blanks at the end."""
    result = runs.step(rows="runs", where=where, values={"w": NAME}).run(ours())
    assert result.facts["deleted"] == 2
    assert left(runs) == sorted(FOREIGN)


def test_a_quoted_column_is_one_in_either_quotes(runs):
    """As the database writes it."""
    assert (
        runs.step(rows="runs", where='"workflow" = :w AND `id` = :i', values={"w": NAME, "i": len(FOREIGN)})
        .run(ours())
        .facts["deleted"]
        == 1
    )
    assert runs.step(rows="runs", where="`workflow` = :w", values={"w": NAME}).run(ours()).facts["deleted"] == 1
    assert left(runs) == sorted(FOREIGN)


def test_a_like_takes_no_foreign_row(server):
    """Capitals apart; a backslash makes a plain sign in each of them."""
    server.run(
        "CREATE TABLE runs (workflow VARCHAR(99))",
        *(
            f"INSERT INTO runs VALUES ('{one}')"
            for one in (
                f"runs/{NAME}/a",
                f"RUNS/{NAME}/a",
                f"runs/{NAME.upper()}/a",
                f"runs/{NAME}/a_b",
                f"runs/{NAME}/axb",
            )
        ),
    )
    assert (
        server.step(rows="runs", where="workflow LIKE :w", values={"w": f"runs/{NAME}/a\\_b"})
        .run(ours())
        .facts["deleted"]
        == 1
    )
    assert (
        server.step(rows="runs", where="workflow LIKE :w", values={"w": f"runs/{NAME}/%"}).run(ours()).facts["deleted"]
        == 2
    )
    assert left(server) == sorted([f"RUNS/{NAME}/a", f"runs/{NAME.upper()}/a"])


def test_types_that_compare_in_their_own_way_are_compared_exactly(pg):
    """citext, a collation that takes capitals for the same, char, a domain; and a uuid by the uid."""
    pg.run(
        "CREATE EXTENSION IF NOT EXISTS citext",
        "CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "CREATE DOMAIN word AS text",
    )
    for kind in ("citext", "text COLLATE blind", "char(20)", "word", "varchar(30)"):
        pg.run("DROP TABLE IF EXISTS runs", f"CREATE TABLE runs (workflow {kind})")
        pg.run(*(f"INSERT INTO runs VALUES ('{one}')" for one in (NAME, NAME.upper(), "other")))
        assert pg.step(rows="runs", where="workflow = :w", values={"w": NAME}).run(ours()).facts["deleted"] == 1, kind
        assert [one.strip() for one in left(pg)] == sorted([NAME.upper(), "other"]), kind
    uid = ours().workflow.uid
    pg.run(
        "DROP TABLE runs",
        "CREATE TABLE runs (workflow uuid)",
        f"INSERT INTO runs VALUES ('{uid}'), (gen_random_uuid())",
    )
    assert pg.step(rows="runs", where="workflow = :w", values={"w": uid}).run(ours()).facts["deleted"] == 1


# What refers to rows.


@pytest.fixture
def family(server):
    """Runs, their steps, and the steps' logs, which go along."""
    server.run(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow VARCHAR(50))",
        "CREATE TABLE steps (id INTEGER PRIMARY KEY, run INTEGER, FOREIGN KEY (run) REFERENCES runs (id) ON DELETE CASCADE)",
        "CREATE TABLE logs (step INTEGER, FOREIGN KEY (step) REFERENCES steps (id) ON DELETE CASCADE)",
        f"INSERT INTO runs VALUES (1, '{NAME}'), (2, '{NAME}'), (3, 'other')",
        "INSERT INTO steps VALUES (11, 1), (12, 1), (21, 2), (31, 3)",
        "INSERT INTO logs VALUES (11), (11), (12), (21), (31)",
    )
    return server


def family_rows(server):
    return tuple(server.run(f"SELECT count(*) FROM {table}")[0][0] for table in ("runs", "steps", "logs"))


def test_what_goes_along_is_told_and_counted(family):
    """In a dry run, against the limit, and as it went."""
    given = {"rows": "runs", "where": "workflow = :w", "values": {"w": NAME}}
    assert family.step(**given).run(rehearsal()).facts["found"] == 2 + 3 + 4
    with pytest.raises(ActionError, match="limit=8"):
        family.step(**given, limit=8).run(ours())
    assert family_rows(family) == (3, 4, 5)
    assert family.step(**given, limit=9, batch=1).run(ours()).facts["deleted"] == 9
    assert family_rows(family) == (1, 1, 1)


def test_a_row_that_is_held_keeps_no_other(family):
    """Also by what holds what goes along."""
    family.run(
        "CREATE TABLE holder (step INTEGER, FOREIGN KEY (step) REFERENCES steps (id))", "INSERT INTO holder VALUES (11)"
    )
    with pytest.raises(ActionError, match="foreign key") as caught:
        family.step(rows="runs", where="workflow = :w", values={"w": NAME}).run(ours())
    assert caught.value.facts["deleted"] == 3
    assert family_rows(family) == (2, 3, 4)


def test_rows_that_refer_to_each_other_and_all_go_hold_nothing(server):
    """A tree of a run's own."""
    server.run(
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow VARCHAR(50), up INTEGER, FOREIGN KEY (up) REFERENCES runs (id))",
        f"INSERT INTO runs VALUES (1, '{NAME}', NULL)",
        f"INSERT INTO runs VALUES (2, '{NAME}', NULL), (3, 'other', NULL), (4, '{NAME}', NULL)",
        "UPDATE runs SET up = 1 WHERE id = 3",
    )
    with pytest.raises(ActionError, match="foreign key") as caught:
        server.step(rows="runs", where="workflow = :w", values={"w": NAME}).run(ours())
    assert caught.value.facts["deleted"] == 2
    assert left(server) == sorted([NAME, "other"])


def test_who_may_not_read_what_refers_to_rows_deletes_those_that_nothing_holds(pg):
    """The server itself looks with its own rights."""
    pg.run(
        "DROP ROLE IF EXISTS cleaner",
        f"CREATE ROLE cleaner LOGIN PASSWORD '{PASSWORD}'",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow text)",
        "CREATE TABLE holder (run INTEGER REFERENCES runs (id))",
        f"INSERT INTO runs VALUES (1, '{NAME}'), (2, 'other')",
        "GRANT SELECT, DELETE ON runs TO cleaner",
    )
    url = f"postgresql://cleaner:{ENCODED}@127.0.0.1:{pg.port}/ml"
    assert SQL(url=url, rows="runs", where="workflow = :w", values={"w": NAME}).run(ours()).facts["deleted"] == 1
    assert left(pg) == ["other"]


def test_what_goes_along_unseen_is_told_or_refused(maria):
    """A user sees the foreign keys of tables on which it has a right, and with PROCESS that there are others."""
    maria.run(
        "DROP USER IF EXISTS cleaner@'127.0.0.1'",
        f"CREATE USER cleaner@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, workflow VARCHAR(50))",
        "CREATE DATABASE other",
        "CREATE TABLE other.steps (run INTEGER, FOREIGN KEY (run) REFERENCES ml.runs (id) ON DELETE CASCADE)",
        f"INSERT INTO runs VALUES (1, '{NAME}'), (2, 'other')",
        "INSERT INTO other.steps VALUES (1), (1), (1), (2)",
        "GRANT ALL ON ml.* TO cleaner@'127.0.0.1'",
    )
    url = f"mariadb://cleaner:{ENCODED}@127.0.0.1:{maria.port}/ml"
    step = SQL(url=url, rows="runs", where="workflow = :w", values={"w": NAME}, limit=2)
    assert "sees no foreign keys of tables on which it has no right" in str(step.run(rehearsal()).notes)
    maria.run("GRANT SELECT ON other.steps TO cleaner@'127.0.0.1'")
    with pytest.raises(ActionError, match=r"other.*steps.* may go along .*may not see"):
        step.run(rehearsal())
    maria.run("REVOKE SELECT ON other.steps FROM cleaner@'127.0.0.1'", "GRANT PROCESS ON *.* TO cleaner@'127.0.0.1'")
    for how in (rehearsal, ours):
        with pytest.raises(ActionError, match=r"other.*steps.* may go along .*may not see"):
            step.run(how())
    assert maria.run("SELECT count(*) FROM other.steps") == [(4,)]
    maria.run("GRANT ALL ON other.* TO cleaner@'127.0.0.1'")
    with pytest.raises(ActionError, match="limit=2"):
        step.run(ours())
    assert step.model_copy(update={"limit": 4}).run(ours()).facts["deleted"] == 4
    assert maria.run("SELECT count(*) FROM other.steps") == [(1,)]


# What a schema holds.


def test_the_limit_counts_all_that_a_schema_holds(server):
    """Functions and the like as well, of which a schema may have nothing else."""
    server.run(f"CREATE {'DATABASE' if server.kind == 'mysql' else 'SCHEMA'} {OWN}")
    if server.kind == "mysql":
        server.run(*(f"CREATE FUNCTION {OWN}.f{n}() RETURNS INTEGER RETURN 1" for n in range(3)))
    else:
        server.run(
            f"CREATE FUNCTION {OWN}.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            f"CREATE SEQUENCE {OWN}.s",
            f"CREATE TYPE {OWN}.mood AS ENUM ('calm')",
        )
    with pytest.raises(ActionError, match="limit=3"):
        server.step(schemas=[f'"{OWN}"'], limit=3).run(ours())
    assert "with 3 in it" in server.step(schemas=[f'"{OWN}"'], limit=4).run(rehearsal()).summary


@pytest.mark.parametrize("as_schema", [False, True])
def test_what_goes_along_by_cascade_is_told_and_counted(pg, as_schema):
    """Views, tables that inherit, columns and foreign keys elsewhere: in the dry run, and against the limit."""
    own = f"{OWN}.a" if as_schema else f"{OWN}_a"
    pg.run(
        f"CREATE SCHEMA {OWN}",
        f"CREATE TABLE {own} (id integer PRIMARY KEY)",
        f"CREATE TABLE kid () INHERITS ({own})",
        f"CREATE TABLE other (own {own}, a integer REFERENCES {own})",
        f"CREATE VIEW seen AS SELECT * FROM {own}",
        "CREATE VIEW again AS SELECT * FROM seen",
    )
    what = {"schemas": [f'"{OWN}"']} if as_schema else {"tables": [own]}
    told = pg.step(**what, cascade=True).run(rehearsal()).notes[0]
    for one in (
        "table public.kid",
        "view public.seen",
        "view public.again",
        "foreign key of public.other",
        "column of public.other",
    ):
        assert one in told
    with pytest.raises(ActionError, match="limit=5"):
        pg.step(**what, cascade=True, limit=5).run(ours())
    assert pg.run("SELECT count(*) FROM again")[0][0] == 0
    assert pg.step(**what, cascade=True, limit=7).run(ours()).notes == (told,)
    assert pg.run("SELECT count(*) FROM other")[0][0] == 0


def test_the_limit_counts_what_a_schema_holds(server):
    """One schema of many tables is many."""
    server.run(f"CREATE SCHEMA {OWN}_a", *(f"CREATE TABLE {OWN}_a.t{number} (id INTEGER)" for number in range(5)))
    with pytest.raises(ActionError, match="limit=5"):
        server.step(schemas=[f"{OWN}_*"], limit=5).run(ours())
    assert f"{OWN}_a" in server.schemas()
    assert "with 5 in it" in server.step(schemas=[f"{OWN}_*"]).run(rehearsal()).summary
    assert server.step(schemas=[f"{OWN}_*"], limit=6).run(ours()).facts["inside"] == 5
    assert f"{OWN}_a" not in server.schemas()


def test_a_schema_of_four_thousand_tables_goes_at_default_locks(pg):
    """Which are 6,400, and each table here takes four; with what refers to each other, and nothing outside."""
    pg.run(
        f"CREATE SCHEMA {OWN}_a",
        "DO $$ BEGIN FOR n IN 1..4000 LOOP "
        f"EXECUTE format('CREATE TABLE {OWN}_a.t%s (id int PRIMARY KEY, name text)', n); "
        "IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$",
        f"ALTER TABLE {OWN}_a.t1 ADD FOREIGN KEY (id) REFERENCES {OWN}_a.t4000 (id)",
        f"CREATE VIEW {OWN}_a.v AS SELECT * FROM {OWN}_a.t7",
        f"CREATE TABLE holder (id int REFERENCES {OWN}_a.t3 (id))",
    )
    with pytest.raises(ActionError, match="refers to it"):
        pg.step(schemas=[f"{OWN}_a"]).run(ours(seconds=200, attempt_timeout=60))
    assert len([one for one in pg.tables() if one.startswith(OWN)]) == 4000
    pg.run("DROP TABLE holder")
    result = pg.step(schemas=[f"{OWN}_a"]).run(ours(seconds=200, attempt_timeout=60))
    assert (result.facts["deleted"], result.facts["inside"]) == (1, 4001)
    assert f"{OWN}_a" not in pg.schemas()


# What goes along without being named.


@pytest.mark.parametrize("part", ["PARTITION OF metrics FOR VALUES FROM (0) TO (100)", "() INHERITS (metrics)"])
def test_what_refers_to_a_part_of_a_table_is_counted(pg, part):
    """A foreign key may lead to one partition, or to a table that inherits, of which a deletion takes rows too."""
    whole = " PARTITION BY RANGE (id)" if part.startswith("PARTITION") else ""
    pg.run(f"CREATE TABLE metrics (id INT NOT NULL, workflow TEXT){whole}")
    pg.run(f"CREATE TABLE below {part}", "ALTER TABLE below ADD PRIMARY KEY (id)")
    pg.run(
        f"INSERT INTO below VALUES (1, '{NAME}'), (2, 'other')",
        "CREATE TABLE detail (metric INT REFERENCES below (id) ON DELETE CASCADE)",
        "INSERT INTO detail VALUES (1), (1), (1), (2)",
    )
    given = {"rows": "metrics", "where": "workflow = :w", "values": {"w": NAME}}
    assert pg.step(**given).run(rehearsal()).facts["found"] == 4
    with pytest.raises(ActionError, match="nothing was deleted"):
        pg.step(**given, limit=3).run(ours())
    assert (pg.rows(), pg.run("SELECT count(*) FROM detail")[0][0]) == (2, 4)
    assert pg.step(**given).run(ours()).facts["deleted"] == 4
    assert (pg.rows(), pg.run("SELECT count(*) FROM detail")[0][0]) == (1, 1)


def test_a_trigger_is_told_and_a_rule_refused(server):
    """Nobody counts what a trigger changes; what a rule makes of a deletion may be something else altogether."""
    server.fill()
    server.run("CREATE TABLE kept (id INT)", "INSERT INTO kept VALUES (1)")
    given = {"rows": "metrics", "where": "workflow = :w", "values": {"w": NAME}}
    if server.kind == "mysql":
        server.run("CREATE TRIGGER clears AFTER DELETE ON metrics FOR EACH ROW DELETE FROM kept")
    else:
        body = "BEGIN DELETE FROM kept; RETURN NULL; END"
        server.run(
            "CREATE RULE away AS ON DELETE TO metrics DO INSTEAD DELETE FROM kept",
            f"CREATE FUNCTION clear() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
            "CREATE TRIGGER clears AFTER DELETE ON metrics FOR EACH ROW EXECUTE FUNCTION clear()",
        )
        with pytest.raises(ActionError, match="its rule away"):
            server.step(**given).run(ours())
        assert server.run("SELECT count(*) FROM kept")[0][0] == 1
        server.run("DROP RULE away ON metrics")
    notes = server.step(**given).run(rehearsal()).notes
    assert [note.endswith("has the trigger clears, and what that changes is not counted") for note in notes] == [True]
    assert server.step(**given).run(ours()).notes == notes


def test_a_default_schema_of_the_search_path_is_everybodys(pg):
    """A workflow may be called as a user's own schema is, which goes by its name only where somebody says so."""
    pg.run("CREATE SCHEMA ml", "CREATE TABLE ml.users (id INT)")
    here = ours()
    here = replace(here, workflow=replace(here.workflow, name="ml", uid=""))
    for given in ({"schemas": ["ml"]}, {"tables": ["ml.*"]}, {"tables": ["ml.users"]}):
        with pytest.raises(ActionError, match="default schema"):
            pg.step(**given).run(here)
    assert pg.tables() == ["ml.users"]
    assert pg.step(schemas=["ml"], anything=True).run(here).facts["deleted"] == 1


def test_the_limit_counts_partitions(pg):
    """They go with what they are part of; one that is named as well counts once."""
    pg.run(f"CREATE TABLE {OWN}_all (id INT) PARTITION BY RANGE (id)")
    names = [f"{OWN}_0", "part_1", "part_2"]
    pg.run(
        *(
            f"CREATE TABLE {name} PARTITION OF {OWN}_all FOR VALUES FROM ({at}) TO ({at + 1})"
            for at, name in enumerate(names)
        )
    )
    with pytest.raises(ActionError, match="more than limit=3"):
        pg.step(tables=[f"{OWN}_*"], limit=3).run(ours())
    assert f"public.{OWN}_all" in pg.tables()
    result = pg.step(tables=[f"{OWN}_*"]).run(ours()).facts
    assert result["deleted"] + result.get("inside", 0) in (3, 4)
    assert pg.tables() == []
