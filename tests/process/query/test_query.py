"""What SQL over result files comes to, and what it cannot do."""

import gzip
import json
import os

import pytest

from exitkit.action import Action
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, ConfigError
from exitkit.plan import template
from exitkit.process.query import Query
from exitkit.process.query.statement import as_sql
from exitkit.retry import Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.testing import FakeClock

ROWS = [{"model": "a", "accuracy": 0.95}, {"model": "b", "accuracy": 0.5}, {"model": "c", "accuracy": None}]


@pytest.fixture
def scores(tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def run(**settings):
    return Query(**{"threads": 1, "memory": 128 << 20, **settings}).run(Context(Workflow(name="train-x7k2p")))


def test_an_answer_is_told_to_later_steps(scores):
    """Rows as objects, how many there are, the columns, and a table in Markdown."""
    result = run(files={"scores": str(scores)}, sql="SELECT model, accuracy FROM scores ORDER BY model")
    assert result.facts["rows"] == ROWS
    assert (result.facts["count"], result.facts["columns"]) == (3, ["model", "accuracy"])
    assert result.facts["table"].splitlines() == [
        "| model | accuracy |", "| --- | --- |", "| a | 0.95 |", "| b | 0.5 |", "| c |  |",
    ]  # fmt: skip
    assert result.summary == "3 rows"


def test_one_row_is_told_in_the_summary(scores):
    """It is what people want to read."""
    result = run(files={"s": str(scores)}, sql="SELECT count(*) AS models, max(accuracy) AS best FROM s")
    assert result.summary == "models: 3, best: 0.95"


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.tsv", "x.json", "x.jsonl.gz", "x.ndjson"])
def test_each_form_is_read_by_its_name(tmp_path, name):
    """Also packed."""
    plain = {
        "csv": "a,b\n1,x\n",
        "tsv": "a\tb\n1\tx\n",
        "json": '[{"a": 1, "b": "x"}]',
        "json lines": '{"a": 1, "b": "x"}\n',
    }
    content = plain.get(name.split(".")[1], plain["json lines"]).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert run(files={"x": str(tmp_path / name)}, sql="FROM x").facts["rows"] == [{"a": 1, "b": "x"}]


@pytest.mark.parametrize("ending", [".csv", ".json", ".jsonl", ".parquet"])
def test_the_whole_answer_is_written_in_the_form_of_the_files_name(scores, tmp_path, ending):
    """All rows, not only those that are shown; and it can be read again."""
    path = tmp_path / "out" / f"answer{ending}"
    result = run(files={"s": str(scores)}, sql="SELECT * FROM s ORDER BY model", rows=1, path=path)
    assert (result.facts["path"], result.facts["bytes"]) == (str(path), path.stat().st_size)
    assert len(result.facts["rows"]) == 1 and "And 2 more rows." in result.facts["table"]
    again = run(files={"x": str(path)}, sql="SELECT model, accuracy FROM x ORDER BY model")
    assert [row["model"] for row in again.facts["rows"]] == ["a", "b", "c"]
    if ending == ".csv":
        assert path.read_text().splitlines()[0] == "model,accuracy"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [*path.parent.iterdir()] == [path]


@pytest.mark.parametrize(
    "expect", ["rows > 0", "rows = 3", "rows BETWEEN 1 AND 5 -- as always", "accuracy > 0.1 OR accuracy IS NULL"]
)
def test_what_is_as_expected_passes(scores, expect):
    """An expectation about all of it, and one about each row."""
    assert run(files={"s": str(scores)}, sql="FROM s", expect=expect).facts["count"] == 3


@pytest.mark.parametrize(
    "expect, told",
    [
        ("rows > 3", "3 rows; model: a, accuracy: 0.95; model: b, accuracy: 0.5; model: c, accuracy: "),
        ("accuracy >= 0.9", "2 rows; model: b, accuracy: 0.5; model: c, accuracy: "),
        ("accuracy IS NOT NULL AND rows > 0", "1 row; model: c, accuracy: "),
    ],
)
def test_what_is_not_as_expected_fails_and_is_shown(scores, expect, told):
    """The rows that offend, of which NULL is one, in the error and in the facts."""
    with pytest.raises(ActionError) as error:
        run(files={"s": str(scores)}, sql="SELECT * FROM s ORDER BY model", expect=expect)
    assert str(error.value) == f"not as expected, {expect}: {told}"
    assert error.value.facts["count"] == 3
    assert error.value.facts["offenders"]["rows"]


def test_no_rows_are_not_some(scores):
    """The check that people need most."""
    with pytest.raises(ActionError, match="not as expected, rows > 0: 0 rows"):
        run(files={"s": str(scores)}, sql="FROM s WHERE false", expect="rows > 0")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/proc/self/environ')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'https://example.com/x.csv'",
        "COPY (SELECT 1) TO '/tmp/exitkit-out.csv'; SELECT 1",
        "ATTACH '/tmp/exitkit.db' AS other; SELECT 1",
        "INSTALL httpfs; SELECT 1",
        "LOAD httpfs; SELECT 1",
        "SET enable_external_access = true; SELECT 1",
        "SET memory_limit = '100GB'; SELECT 1",
        "RESET allowed_paths; SELECT 1",
        "SELECT * FROM ROWS",
        "EXPORT DATABASE '/tmp/exitkit-export'; SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "",
        "SELEC 1",
    ],
)
def test_a_query_reaches_its_own_files_and_nothing_else(scores, sql):
    """No other file, no network, no extension, and it cannot undo this."""
    with pytest.raises((ActionError, ValueError)):
        run(files={"s": str(scores)}, sql=sql)


def test_a_link_among_the_results_leads_nowhere(tmp_path):
    """A step of the workflow could have left it there, to have a secret of this pod sent."""
    (tmp_path / "out").mkdir()
    (tmp_path / "token.csv").write_text("a\nsecret\n")
    (tmp_path / "out" / "x.csv").symlink_to(tmp_path / "token.csv")
    for place in ("out/*.csv", "out/x.csv"):
        with pytest.raises(ActionError, match="no plain file of"):
            run(files={"x": str(tmp_path / place)}, sql="FROM x")


def test_a_pipe_is_no_file(tmp_path):
    """Reading it would wait for ever."""
    os.mkfifo(tmp_path / "x.csv")
    with pytest.raises(ActionError, match="no plain file"):
        run(files={"x": str(tmp_path / "x.csv")}, sql="FROM x")


@pytest.mark.parametrize(
    "files, told",
    [
        ({"x": "{}/none.csv"}, "no such file"),
        ({"x": "{}/*.parquet"}, "no file fits"),
        ({"x": "{}/x.log"}, "its name tells no form"),
        ({"x": ["{}/a.csv", "{}/b.json"]}, "different forms"),
    ],
)
def test_files_that_cannot_be_read_are_told(tmp_path, files, told):
    """With what to do."""
    placed = {k: [p.format(tmp_path) for p in ([v] if isinstance(v, str) else v)] for k, v in files.items()}
    with pytest.raises((ActionError, ConfigError), match=told):
        run(files=placed, sql="FROM x")


def test_files_of_different_columns_are_one_table(tmp_path):
    """Columns go by their names."""
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("b,c\n3,4\n")
    rows = run(files={"x": str(tmp_path / "*.csv")}, sql="SELECT sum(b) AS b, sum(c) AS c FROM x").facts["rows"]
    assert rows == [{"b": 5, "c": 4}]


def test_what_does_not_end_is_broken_off(scores):
    """At the deadline, and the error says what to do; nothing runs on."""
    clock = FakeClock(patience=0.05)
    context = Context(Workflow(), retry=Retry(RetryPolicy(), Deadline(3, clock)))
    endless = "SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range * b.range % 7 = 1"
    with pytest.raises(ActionError, match="took longer than there was time") as error:
        Query(files={"s": str(scores)}, sql=endless, threads=1).run(context)
    assert error.value.reason == "timeout"


HOSTILE = [
    "x' OR '1'='1",
    "x'; DROP TABLE s; --",
    "1 OR true",
    "\\",
    "''",
    "$$",
    "/*",
    'Robert"; --',
    "--",
    "E'",
    "{{ 7*7 }}",
]


@pytest.mark.parametrize("data", HOSTILE)
@pytest.mark.parametrize(
    "around", ["{{ workflow.name }}", "'{{ workflow.name }}'", "concat('{{ workflow.name }}', '')"]
)
def test_data_is_a_value_whatever_it_says(scores, data, around):
    """With quotes or without: the value comes out as it went in, and is no SQL."""
    sql = template.fill({"sql": f"SELECT {around} AS data, count(*) AS n FROM s"}, {"workflow": {"name": data}})
    assert run(files={"s": str(scores)}, **Query.literal(sql)).facts["rows"] == [{"data": data, "n": 3}]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 -- {{ workflow.name }}",
        "SELECT /* {{ workflow.name }} */ 1",
        "SELECT $x${{ workflow.name }}$x$",
        "SELECT E'{{ workflow.name }}'",
    ],
)
def test_data_in_a_comment_or_such_a_quote_is_refused(text):
    """There nothing ends it safely."""
    with pytest.raises(ConfigError, match="put it in quotes"):
        Query.literal(template.fill({"sql": text}, {"workflow": {"name": "x"}}))


def test_numbers_of_data_are_numbers():
    """So that they compare as such."""
    made = template.fill(
        {"sql": "SELECT 1 WHERE 10 > {{ workflow.n }} AND 'it''s' <> '{{ workflow.n }}'"}, {"workflow": {"n": "9"}}
    )
    assert as_sql(made["sql"]) == "SELECT 1 WHERE 10 > 9 AND 'it''s' <> '9'"


def test_a_dry_run_asks_nothing():
    """It says what it would read."""
    action: Action = Query(files={"s": "/nowhere/x.csv"}, sql="FROM s")
    result = action.run(Context(Workflow(), dry_run=True))
    assert result.summary == "would ask s" and result.facts["files"] == {"s": ["/nowhere/x.csv"]}


@pytest.mark.parametrize(
    "more",
    [{"files": {}}, {"files": {"a b": "x.csv"}}, {"files": {"x": []}}, {"path": "/o/x.xlsx"}, {"path": "/o/../x.csv"}],
)
def test_settings_that_make_no_sense_are_refused(more):
    """Before anything has run."""
    with pytest.raises(ValueError):
        Query(**{"files": {"x": "x.csv"}, "sql": "FROM x", **more})


@pytest.fixture
def put(aws):
    """Objects of a bucket, as moto keeps them."""
    client = aws("s3")
    client.create_bucket(Bucket="results")
    return lambda key, text: client.put_object(Bucket="results", Key=key, Body=text.encode())


def test_objects_of_a_bucket_are_fetched_and_joined_with_files(put, scores):
    """Those that fit the glob, under whatever keys, and what is fetched goes again."""
    put("run 1/it's/a.csv", "model,seconds\na,1\n")
    put("run 1/it's/b.csv", "model,seconds\nb,2\n")
    put("run 1/other.json", "{}")
    put("run 2/it's/a.csv", "model,seconds\na,100\n")
    sql = "SELECT model, seconds, accuracy FROM runs JOIN s USING (model) ORDER BY model"
    result = run(files={"runs": "s3://results/run 1/*.csv", "s": str(scores)}, sql=sql)
    assert [tuple(row.values()) for row in result.facts["rows"]] == [("a", 1, 0.95), ("b", 2, 0.5)]
    one = run(files={"runs": "s3://results/run 2/it's/a.csv"}, sql="FROM runs")
    assert one.facts["rows"] == [{"model": "a", "seconds": 100}]


@pytest.mark.parametrize("url", ["s3://results/none/*.csv", "s3://results/none.csv"])
def test_no_object_is_an_error(put, url):
    """As no file is."""
    put("other.csv", "a\n1\n")
    with pytest.raises(ActionError, match="no object fits"):
        run(files={"x": url}, sql="FROM x")


def test_no_more_is_fetched_than_may_be(put):
    """The volume at /tmp is small."""
    put("a.csv", "a\n1\n")
    put("b.csv", "a\n" + "1\n" * 1000)
    with pytest.raises(ActionError, match="more than 1000 B or 10000 files"):
        run(files={"x": "s3://results/*.csv"}, sql="FROM x", max_size=1000)
