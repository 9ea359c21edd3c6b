"""Addresses of databases: which are taken, and that none is ever shown."""

import pytest

from exitkit.clients.sql.url import is_system, read


@pytest.mark.parametrize(
    ("url", "kind", "text", "database"),
    [
        ("postgresql://u:p@h/d", "postgresql", "postgresql+psycopg://u:p@h/d", "d"),
        (
            "postgres://u:p@h:5433/d?sslmode=require",
            "postgresql",
            "postgresql+psycopg://u:p@h:5433/d?sslmode=require",
            "d",
        ),
        ("postgresql+psycopg:///d?host=/run", "postgresql", "postgresql+psycopg:///d?host=/run", "d"),
        ("mysql://u@h", "mysql", "mysql+pymysql://u@h", ""),
        ("mariadb://u@[::1]:3306/d", "mysql", "mysql+pymysql://u@[::1]:3306/d", "d"),
        ("sqlite:////data/runs.db", "sqlite", "/data/runs.db", "main"),
        ("sqlite:///runs.db", "sqlite", "runs.db", "main"),
        (" postgresql://u:p@h/d\n", "postgresql", "postgresql+psycopg://u:p@h/d", "d"),
    ],
)
def test_a_driver_is_chosen_where_none_is_named(url, kind, text, database):
    """Those that the extra brings."""
    found = read(url)
    assert (found.kind, found.text, found.database) == (kind, text, database)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "x",
            "https://u:s3cr3t@h",
            "oracle://u:s3cr3t@h/d",
            "postgresql:u:s3cr3t@h",
            "postgresql+asyncpg://u:s3cr3t@h/d",
        ),
        *("mysql+mysqldb://u:s3cr3t@h/d", "postgresql://u:s3cr3t@h:port/d", "postgresql://u:s3cr3t @h/d"),
        *(
            "sqlite://",
            "sqlite:///",
            "sqlite:////",
            "sqlite:///:memory:",
            "sqlite:///file:s3cr3t?mode=rwc",
            "sqlite://host/x",
        ),
        *("mysql://u:s3cr3t@[::1/d", "postgresql://u:s3cr3t@h/d\0"),
    ],
)
def test_others_are_refused_without_showing_them(url):
    """Nothing of it, as any part may be the secret."""
    with pytest.raises(ValueError, match=r"no url|names|host or port|blanks") as caught:
        read(url)
    assert "s3cr3t" not in str(caught.value)


def test_an_address_does_not_show_its_secret():
    """Neither does what holds it."""
    assert "s3cr3t" not in repr(read("postgresql://u@h/d", "s3cr3t"))
    assert "s3cr3t" not in f"{read('postgresql://u:s3cr3t@h/d')!r} {[read('postgresql://u:s3cr3t@h/d')]}"


@pytest.mark.parametrize(
    "name", ["pg_catalog", "PG_TOAST_7", "information_schema", "MySQL", "sys", "performance_schema"]
)
def test_schemas_of_the_database_itself(name):
    """However they are written."""
    assert is_system(name)
    assert not is_system(f"my_{name}")
