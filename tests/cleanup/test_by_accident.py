"""Whose something is: what bears a workflow's name by accident is refused, and what templates put in stands for itself."""

import sqlite3
from dataclasses import replace

import pytest

from exitkit.errors import ConfigError
from exitkit.plan import Step
from exitkit.run.binding import bind
from exitkit.testing import context

UID = "3a2b1c0d-1111-4222-8333-444455556666"
S3 = {"bucket": "shared"}
POSTGRES = "postgresql://ml:made-up-for-this-test@db.invalid/ml"


def bound(uses, given, name="train-x7k2p", uid="", **parameters):
    here = context()
    workflow = replace(here.workflow, name=name, uid=uid, namespace="ml", parameters=parameters)
    return bind(Step(uses=f"cleanup.{uses}", with_=given), replace(here, workflow=workflow), {})[0]


def refused(uses, given, match="somebody else's", **facts):
    with pytest.raises(ConfigError, match=match):
        bound(uses, given, **facts)


# A name that has a uid's length or form.

LIKE_A_UID = "a" * 36


@pytest.mark.parametrize(
    "name", [LIKE_A_UID, "1a2b3c4d-1111-4222-8333-444455556666", "nightly-import-of-all-the-customers-1"]
)
@pytest.mark.parametrize(
    ("uses", "given"),
    [
        ("files", {"paths": ["/scratch/{}0"]}),
        ("files", {"paths": ["/scratch/x-{}/out"]}),
        ("s3", {**S3, "prefixes": ["{}0/"]}),
        ("gcs", {**S3, "prefixes": ["a/x{}/"]}),
        ("kubernetes", {"kinds": ["pods"], "selector": "app={}0"}),
        ("sql", {"url": POSTGRES, "tables": ["t_{}0"]}),
        ("sql", {"url": POSTGRES, "rows": "runs", "where": "w = :w", "values": {"w": "{}0"}}),
    ],
)
def test_a_long_name_is_no_uid(uses, given, name):
    """Only what has the form of a uid, and is told to be the workflow's, may stand within something longer."""
    filled = {
        key: [one.format(name) for one in value]
        if isinstance(value, list)
        else {inner: one.format(name) for inner, one in value.items()}
        if isinstance(value, dict)
        else value.format(name)
        for key, value in given.items()
    }
    refused(uses, filled, name=name)
    refused(uses, filled, name="other-1", uid="z" * 36)


@pytest.mark.parametrize(
    ("uses", "given"),
    [
        ("files", {"paths": [f"/scratch/x-{UID}-out"]}),
        ("s3", {**S3, "prefixes": [f"x-{UID}-out/"]}),
        ("kubernetes", {"kinds": ["pods"], "selector": f"app=x-{UID}"}),
        ("sql", {"url": POSTGRES, "tables": [f"t_{UID}_*".replace("-", "_")]}),
        ("sql", {"url": POSTGRES, "rows": "runs", "where": "w = :w", "values": {"w": f"x/{UID}"}}),
    ],
)
def test_a_uid_may_stand_within_something_longer(uses, given):
    """It is nowhere by chance."""
    bound(uses, given, uid=UID)


@pytest.mark.parametrize("sign", ["0", "f", "F"])
def test_a_uid_that_nobody_has_is_none(sign):
    """The one of zeros stands for no uid at all, and so does any other of one sign."""
    uid = f"{sign * 8}-{sign * 4}-{sign * 4}-{sign * 4}-{sign * 12}"
    refused("files", {"paths": [f"/scratch/x-{uid}"]}, name="other-1", uid=uid)
    refused("s3", {**S3, "prefixes": [f"{uid}/"]}, name="other-1", uid=uid)


# A name that is a word.

WORDS = [
    ("files", {"paths": ["/tmp/x/{}/shared"]}),
    ("files", {"paths": ["/tmp/{}"]}),
    ("s3", {**S3, "prefixes": ["teams/{}/"]}),
    ("gcs", {**S3, "prefixes": ["{}/models/"]}),
    ("kubernetes", {"kinds": ["pods"], "selector": "app={}"}),
    ("sql", {"url": POSTGRES, "schemas": ["{}"]}),
    ("sql", {"url": POSTGRES, "tables": ["{}.x"]}),
    ("sql", {"url": POSTGRES, "rows": "runs", "where": "kind = :k", "values": {"k": "{}"}}),
]


def with_name(given, text):
    def put(value):
        if isinstance(value, list):
            return [one.replace("{}", text) for one in value]
        if isinstance(value, dict):
            return {key: one.replace("{}", text) for key, one in value.items()}
        return value.replace("{}", text)

    return {key: put(value) for key, value in given.items()}


@pytest.mark.parametrize(("uses", "given"), WORDS)
@pytest.mark.parametrize("name", ["data", "shared", "my-data", "prod", "2026-11-27", "2026"])
def test_a_word_that_was_written_out_says_nothing(uses, given, name):
    """A folder called data is not the workflow data's; one that a template calls so is."""
    refused(uses, with_name(given, name), name=name)
    bound(uses, with_name(given, "{{ workflow.name }}"), name=name)


@pytest.mark.parametrize(("uses", "given"), WORDS)
@pytest.mark.parametrize("name", ["train-x7k2p", "train-1", "nightly-1700000000"])
def test_a_name_that_is_no_word_may_be_written_out(uses, given, name):
    """As Argo does, which fills in a manifest before exitkit sees it."""
    bound(uses, with_name(given, name), name=name)


def test_a_parameter_that_happens_to_be_the_name_says_nothing():
    """Only the workflow's own name, put in by a template, is its own."""
    refused("files", {"paths": ["/tmp/{{ workflow.parameters.kind }}/x"]}, name="data", kind="data")


def test_argos_own_label_means_the_workflow_whatever_its_name_is():
    """Nobody else writes that label."""
    bound("kubernetes", {"kinds": ["pods"], "selector": "workflows.argoproj.io/workflow=data"}, name="data")


@pytest.mark.parametrize(
    ("uses", "given"),
    [
        ("s3", {"bucket": "train-x7k2p", "prefixes": ["prod/"]}),
        ("gcs", {"bucket": "train-x7k2p", "prefixes": ["prod/"]}),
        ("files", {"roots": ["/data/train-x7k2p"], "paths": ["/data/train-x7k2p/prod"]}),
        ("s3", {**S3, "prefixes": ["train-x7k2p"]}),
    ],
)
def test_a_bucket_or_a_root_says_nothing_of_what_is_in_it(uses, given):
    """Nor does a prefix without its slash, which is also that of longer names."""
    refused(uses, given)


@pytest.mark.parametrize(
    ("uses", "given"),
    [
        ("files", {"paths": ["/scratch/{{ workflow.name }}/{{ workflow.parameters.part }}"]}),
        ("s3", {**S3, "prefixes": ["{{ workflow.name }}/{{ workflow.parameters.part }}"]}),
        ("gcs", {**S3, "prefixes": ["x/{{ workflow.name }}/{% if true %}{{ workflow.parameters.part }}{% endif %}"]}),
    ],
)
def test_a_part_that_is_empty_is_not_the_folder_it_stands_in(uses, given):
    """What was meant is one thing in the workflow's folder, and not all of it."""
    refused(uses, given, "filled in with nothing", part="")
    bound(uses, given, part="cache/")


@pytest.mark.parametrize("part", [".", "..", "../other", "a/../../other"])
@pytest.mark.parametrize("uses", ["s3", "gcs"])
def test_a_prefix_leads_nowhere_else(uses, part):
    """A server whose bucket is a file system takes two dots for the folder above."""
    refused(uses, {**S3, "prefixes": ["{{ workflow.name }}/{{ workflow.parameters.part }}/"]}, "holds", part=part)


# Databases.


@pytest.mark.parametrize("name", ["train", "train-1", "etl", "nightly-2"])
@pytest.mark.parametrize("pattern", ["{}_*", "*_{}", "*_{}_*", "x_{}", "{}_?", "s.{}_*"])
def test_a_name_that_may_begin_another_one_has_nothing_beside_it(name, pattern):
    """train_* is for train_10_a as well, which is the workflow train-10's."""
    refused("sql", {"url": POSTGRES, "tables": [pattern.format(name.replace("-", "_"))]}, name=name)
    template = pattern.format("{{ workflow.name | replace('-', '_') }}")
    refused("sql", {"url": POSTGRES, "tables": [template]}, name=name)


@pytest.mark.parametrize("pattern", ["{}_*", "t_{}_*", "{}.*", "*_{}_*"])
def test_a_generated_name_is_its_own(pattern):
    """Kubernetes gives each another end, so that none begins another."""
    for name in ("{{ workflow.name | replace('-', '_') }}", "train_x7k2p"):
        bound("sql", {"url": POSTGRES, "tables": [pattern.format(name)]})


@pytest.mark.parametrize("name", ["public", "mysql", "sys", "information-schema", "pg-x"])
def test_everybodys_schemas_are_nobodys(name):
    """Also of a workflow that is called like one."""
    refused("sql", {"url": POSTGRES, "schemas": [name]}, "somebody|itself", name=name)
    template = "{{ workflow.name | replace('-', '_') }}"
    for given in ({"schemas": [template]}, {"tables": [f"{template}.x"]}, {"tables": [f"{template}.metrics_*"]}):
        for anything in (False, True):
            step = {"url": POSTGRES, **given, "anything": anything}
            refused("sql", step, "somebody|itself|not the workflow's own", name=name)


# Data in patterns.


@pytest.mark.parametrize("wild", ["*", "?", "[a-z]*", "**", "a*b"])
def test_what_a_template_puts_into_a_glob_stands_for_itself(tmp_path, wild):
    """A parameter that is a star names a file called so, and not all of them."""
    top = tmp_path / "train-x7k2p"
    for name in ("keep", "ab", "a", wild.replace("/", "")):
        (top / name).mkdir(parents=True)
    given = {
        "roots": [str(tmp_path)],
        "paths": [f"{tmp_path}/{{{{ workflow.name }}}}/{{{{ workflow.parameters.part }}}}"],
    }
    here = context()
    bound("files", given, part=wild).run(replace(here, workflow=replace(here.workflow, name="train-x7k2p")))
    assert not (top / wild).exists()
    assert all((top / name).exists() for name in ("keep", "ab", "a") if name != wild)


def test_include_and_exclude_take_data_literally(tmp_path):
    """In both."""
    given = {"roots": [str(tmp_path)], "paths": [f"{tmp_path}/{{{{ workflow.name }}}}"]}
    step = bound("files", {**given, "include": ["{{ workflow.parameters.part }}.log"], "exclude": ["x*"]}, part="*")
    assert (step.include, step.exclude) == (["[*].log"], ["x*"])


@pytest.mark.parametrize("part", ["*", "?", "a.b", 'a"b', "*.*"])
def test_data_in_a_name_of_a_table_is_that_name(tmp_path, part):
    """A dot makes no schema of it, and a star no pattern."""
    path = tmp_path / "runs.db"
    names = [f"train_x7k2p_{one}" for one in ("keep", "a", part)]
    with sqlite3.connect(path) as connection:
        for name in names:
            quoted = name.replace('"', '""')
            connection.execute(f'CREATE TABLE "{quoted}" (id)')
    connection.close()
    given = {"url": f"sqlite:///{path}", "tables": ["train_x7k2p_{{ workflow.parameters.part }}"]}
    bound("sql", given, part=part).run(context())
    with sqlite3.connect(path) as connection:
        left = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    connection.close()
    assert sorted(left) == sorted(names[:2])


@pytest.mark.parametrize("part", ["%", "_", "\\%", "a_b", "%/%"])
def test_data_in_a_like_is_literal(tmp_path, part):
    """A per cent sign or an underscore of a parameter is that sign."""
    path = tmp_path / "runs.db"
    rows = [f"train-x7k2p/{one}/x" for one in ("keep", "axb", "z", "p/q", part)]
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (path TEXT)")
        connection.executemany("INSERT INTO runs VALUES (?)", [(one,) for one in rows])
    connection.close()
    given = {
        "url": f"sqlite:///{path}",
        "rows": "runs",
        "where": "path LIKE :p",
        "values": {"p": "{{ workflow.name }}/{{ workflow.parameters.part }}/%"},
    }
    bound("sql", given, part=part).run(context())
    with sqlite3.connect(path) as connection:
        left = [name for (name,) in connection.execute("SELECT path FROM runs")]
    connection.close()
    assert left == rows[:4]


@pytest.mark.parametrize("operator", ["GLOB", "REGEXP", "SIMILAR TO", "~", "!~"])
def test_data_in_other_patterns_is_refused_where_it_means_something(operator):
    """Nobody can escape it in each database's own language."""
    given = {"url": POSTGRES, "rows": "runs", "where": f"w = :w AND path {operator} :p"}
    values = {"w": "{{ workflow.name }}", "p": "{{ workflow.parameters.part }}"}
    refused("sql", {**given, "values": values}, "mean", part=".*")
    bound("sql", {**given, "values": {**values, "p": ".*"}})


def test_a_template_puts_nothing_into_where():
    """Its text is code."""
    given = {
        "url": POSTGRES,
        "rows": "runs",
        "where": "w = :w AND {{ workflow.parameters.x }}",
        "values": {"w": "train-x7k2p"},
    }
    refused("sql", given, "put in by a template", x="1 = 1")


def test_all_other_settings_are_plain_texts(tmp_path):
    """A choice, a secret, a number that a template puts in are read as they were written."""
    given = {
        "kinds": ["{{ workflow.parameters.kind }}"],
        "selector": "workflows.argoproj.io/workflow={{ workflow.name }}",
        "propagation": "{{ workflow.parameters.how }}",
        "keep_on": ["{{ workflow.parameters.when }}"],
        "limit": "{{ workflow.parameters.most }}",
    }
    step = bound("kubernetes", given, kind="pods", how="Orphan", when="Error", most="7")
    assert (step.propagation, step.keep_on, step.limit) == ("Orphan", ["Error"], 7)
    assert all(type(text) is str for text in (step.propagation, step.selector, *step.kinds))
