"""Where runs are found, which of them are of the series, and that none counts twice."""

import json
import os

import pytest

from exitkit.argo import record
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.history import History
from exitkit.process.history.gather import Gathering, Series
from exitkit.recordreader import KnownRecord
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.store.bounded import BoundedStore
from exitkit.store.folder import FolderStore
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import ScriptedHTTP, answer, answer_json
from exitkit.testing.kube import ScriptedKube

OK, BAD = "Succeeded", "Failed"
SERIES = Series("ml", "cron/nightly")
LOADED = ("load", OK, 60, {})


@pytest.fixture
def gathered():
    """What is known of the series, as (name, status, source), and the notes."""

    def run(sources=("argo", "reports", "store"), reports=(), *, series=SERIES, most=30, selector="", **more):
        workflow = more.pop("workflow", Workflow(namespace="ml"))
        context = Context(workflow, Retry(deadline=Deadline(60, FakeClock())), **more)
        gathering = Gathering(context, series, most, None)
        runs = gathering.runs(sources, [os.fspath(place) for place in reports], selector)
        return [(run.name, run.status, run.source) for run in runs], gathering.notes

    return run


@pytest.fixture
def left(tmp_path):
    """A folder in which a run leaves its report.json, written so many seconds after the epoch."""

    def leave(name, document, written=0):
        path = tmp_path / "runs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        os.utime(path, (written, written))
        return tmp_path / "runs"

    return leave


def told(name, status=OK, *, cron="nightly", ended="2026-11-03T03:10:00Z", **more):
    labels = {"workflows.argoproj.io/cron-workflow": cron} if cron else {}
    workflow = {"name": name, "namespace": "ml", "status": status, "finishedAt": ended, "labels": labels}
    return {"version": 1, "workflow": workflow, **more}


def test_reports_in_a_folder_are_runs(gathered, left):
    """At any depth; other files of JSON, other series and what has not ended are none, and a broken one is a note."""
    left("a/report.json", told("a"))
    left("b/c/report.json", told("b", BAD, ended="2026-11-04T03:10:00Z"))
    left("d.json", told("d", cron="weekly"))
    left("e.json", told("e", "Running"))
    left("f.json", {"version": 1, "shape": "another tool's"})
    left("g.json", "{cut")
    left("h.txt", told("h"))
    left("i.json", told("i", cron="") | {"version": 99})
    folder = left("j.json", [1, 2])
    runs, notes = gathered(reports=[folder])
    assert runs == [("a", OK, "report"), ("b", BAD, "report")]
    assert set(notes) == {
        "a report of a newer exitkit (version 99) is left out",
        f"{folder}/g.json: it is no JSON",
    }


def test_of_many_reports_the_last_written_are_read(gathered, left):
    """As many runs as are wanted, those of other series not counted."""
    for number in range(9):
        folder = left(f"{number}.json", told(f"n-{number}", ended=f"2026-11-0{number + 1}T03:00:00Z"), number)
        left(f"other-{number}.json", told(f"o-{number}", cron="weekly"), number)
    runs, _ = gathered(reports=[folder], most=3)
    assert [name for name, *_ in runs] == ["n-6", "n-7", "n-8"]


def test_objects_in_a_bucket_are_read_as_files_are(gathered, aws, night):
    """report.json and Workflow objects below a prefix."""
    s3 = aws("s3")
    s3.create_bucket(Bucket="reports")
    for key, document in (
        ("nightly/a/report.json", told("a")),
        ("nightly/b.json", night(5, LOADED)),
        ("c.json", told("c")),
    ):
        s3.put_object(Bucket="reports", Key=key, Body=json.dumps(document))
    runs, notes = gathered(reports=["s3://reports/nightly/"])
    assert (runs, notes) == ([("a", OK, "report"), ("nightly-005", OK, "report")], [])


def test_a_report_that_tells_no_time_has_that_of_its_failures_or_its_file(left):
    """Of a run whose arguments told neither creation nor duration."""
    untimed = {"version": 1, "workflow": {"name": "a", "namespace": "ml", "status": BAD}}
    failed = {"failures": [{"finishedAt": "2026-11-03T03:00:00Z"}, {"finishedAt": "2026-11-03T03:05:00Z"}]}
    for name, document in (
        ("a.json", untimed),
        ("b.json", {**untimed, **failed, "workflow": {"name": "b", "status": BAD}}),
    ):
        folder = left(name, document, 1_795_000_000)
    context = Context(Workflow(namespace="ml"), Retry(deadline=Deadline(60, FakeClock())))
    runs = Gathering(context, SERIES, 30, None).runs(["reports"], [str(folder)], "")
    assert [(run.name, run.ended) for run in runs] == [("b", 1793675100.0), ("a", 1795000000.0)]


def test_a_list_of_workflows_in_a_file_is_read(gathered, left, night):
    """As `kubectl get workflows -o json` writes it."""
    items = [night(number, LOADED) for number in (1, 2)] + [night(3, LOADED, cron="weekly")]
    folder = left("runs.json", {"kind": "List", "items": items})
    assert gathered(reports=[folder / "runs.json"])[0] == [
        ("nightly-001", OK, "report"),
        ("nightly-002", OK, "report"),
    ]


def test_a_place_that_cannot_be_read_is_a_note(gathered, left, tmp_path):
    """And the others count."""
    folder = left("a.json", told("a"))
    runs, notes = gathered(reports=[folder])
    assert (len(runs), notes) == (1, [])
    runs, notes = gathered(reports=[tmp_path / "gone" / "x.json"])
    assert runs == [] and notes == [f"reports: cannot read {tmp_path}/gone/x.json: no such file or directory"]


def test_the_store_knows_how_runs_ended(gathered, tmp_path):
    """Also outside of a workflow, and then the run that asks is none of them."""
    store = BoundedStore(FolderStore(str(tmp_path / "state")))
    labels = {"workflows.argoproj.io/cron-workflow": "nightly"}
    deadline = Deadline(60, FakeClock())
    for number, status in enumerate((OK, BAD)):
        workflow = Workflow(name=f"n-{number}", namespace="ml", uid=f"u-{number}", status=status, labels=labels)
        History(store, workflow, "ml/cron/nightly").keep(deadline)
    runs, notes = gathered(state=store)
    assert (sorted(runs), notes) == ([("n-0", OK, "store"), ("n-1", BAD, "store")], [])
    assert gathered(state=store, series=Series("ml", "cron/weekly")) == ([], [])


def test_this_run_is_the_last_of_them(gathered, night, left):
    """As its record knows it, though it is running its exit handler."""
    workflow = night(7, LOADED, ("fit", BAD, 5, {}))
    workflow["status"]["phase"] = "Running"
    known = KnownRecord(record.read(workflow))
    folder = left("nightly-007.json", told("nightly-007", BAD, ended="2026-11-09T03:01:05Z"))
    context = Workflow(name="nightly-007", namespace="ml", status=BAD)
    assert gathered(reports=[folder], records=known, workflow=context)[0] == [("nightly-007", BAD, "this")]


def test_a_run_counts_once_whoever_knows_of_it(gathered, left, night, tmp_path):
    """As who knows most of it tells; one that was retried after its end has two ends, of which the last counts."""
    folder = left("a.json", told("nightly-001", BAD, ended="2026-11-03T03:00:30Z"))
    left("b.json", night(1, LOADED))
    left("c.json", told("nightly-001", BAD, ended="2026-11-02T12:00:00Z"))
    context = Context(Workflow(namespace="ml"), Retry(deadline=Deadline(60, FakeClock())))
    (run,) = Gathering(context, SERIES, 30, None).runs(["reports"], [str(folder)], "")
    assert (run.name, run.status, run.ends, list(run.steps)) == ("nightly-001", OK, 2, ["load"])


def test_argo_server_gives_the_newest_of_the_series(gathered, monkeypatch, night):
    """From its list and the archive, each once, with all nodes."""
    workflows = [night(number, LOADED, creationTimestamp=f"2026-11-0{number}T03:00:00Z") for number in (1, 2, 3, 4)]
    named = [{"metadata": workflow["metadata"]} for workflow in workflows]
    live = answer_json({"metadata": {}, "items": named[2:]})
    archived = answer_json({"metadata": {}, "items": named[:3]})
    with ScriptedHTTP([live, archived, *(answer_json(workflow) for workflow in workflows[:0:-1])]) as server:
        monkeypatch.setenv("ARGO_SERVER", server.url)
        runs, notes = gathered(most=3)
    assert (runs, notes) == ([(f"nightly-00{number}", OK, "argo") for number in (2, 3, 4)], [])
    paths = [request.path.partition("?")[0] for request in server.requests]
    assert paths[:2] == ["/api/v1/workflows/ml", "/api/v1/archived-workflows"]
    assert paths[2:] == [f"/api/v1/workflows/ml/nightly-00{number}" for number in (4, 3, 2)]
    assert "listOptions.labelSelector=workflows.argoproj.io%2Fcron-workflow%3Dnightly" in server.requests[0].path


def test_a_list_of_several_pages_is_read_to_its_end(gathered, monkeypatch, night):
    """As argo-server's token leads on; one that leads in a circle ends with a note."""
    one, two = (
        [{"metadata": night(number, creationTimestamp=f"2026-11-0{number}T03:00:00Z")["metadata"]}] for number in (1, 2)
    )
    pages = [answer_json({"metadata": {"continue": "500"}, "items": one}), answer_json({"metadata": {}, "items": two})]
    empty = answer_json({"metadata": {}})
    with ScriptedHTTP([*pages, empty, answer_json(night(2, LOADED))]) as server:
        monkeypatch.setenv("ARGO_SERVER", server.url)
        assert gathered(most=1)[0] == [("nightly-002", OK, "argo")]
    assert "listOptions.continue=500" in server.requests[1].path
    with ScriptedHTTP([pages[0]] * 2) as server:
        monkeypatch.setenv("ARGO_SERVER", server.url)
        runs, notes = gathered()
    assert runs == [] and "leads to itself" in notes[0]


def test_a_server_without_an_archive_has_what_is_live(gathered, monkeypatch, night):
    """It answers that it has none, and one workflow that is gone by then is a note."""
    named = [{"metadata": night(number)["metadata"]} for number in (1, 2)]
    gone = answer(404, b'{"message": "workflows \\"nightly-002\\" not found"}')
    with ScriptedHTTP(
        [answer_json({"items": named}), answer(501), gone, gone, answer_json(night(1, LOADED))]
    ) as server:
        monkeypatch.setenv("ARGO_SERVER", server.url)
        runs, notes = gathered()
    assert runs == [("nightly-001", OK, "argo")]
    assert len(notes) == 1 and notes[0].startswith("nightly-002 could not be read: ")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with ScriptedKube() as kube:
        monkeypatch.setenv("KUBECONFIG", str(kube.kubeconfig(tmp_path)))
        yield kube


def test_the_kubernetes_api_stands_in_for_argo_server(gathered, cluster, night):
    """It knows those that are not deleted yet."""
    for number in (1, 2, 3):
        workflow = night(number, LOADED)
        labels = {"workflows.argoproj.io/cron-workflow": "nightly" if number < 3 else "weekly"}
        cluster.add("workflows", workflow["metadata"]["name"], namespace="ml", labels=labels, status=workflow["status"])
    assert gathered()[0] == [("nightly-001", OK, "argo"), ("nightly-002", OK, "argo")]


def test_without_the_right_the_note_names_it(gathered, cluster, left):
    """And what else is known stands."""
    cluster.forbidden.add("list workflows")
    runs, notes = gathered(reports=[left("a.json", told("a"))])
    assert len(runs) == 1 and "the account may not list workflows" in notes[0]


def test_where_nobody_can_be_asked_nobody_is(gathered):
    """On a laptop with a folder of reports there is no note about clusters."""
    assert gathered() == ([], [])


@pytest.mark.parametrize(
    ("labels", "named", "series"),
    [
        ({"cron-workflow": "nightly", "workflow-template": "etl"}, "", "cron/nightly"),
        ({"workflow-template": "etl"}, "", "template/etl"),
        ({"cluster-workflow-template": "etl"}, "", "template/etl"),
        ({"cron-workflow": "nightly"}, "template/etl", "template/etl"),
        ({}, "", ""),
    ],
)
def test_the_series_is_that_of_the_store(labels, named, series):
    """By its CronWorkflow, else its template, unless the setting names one."""
    from exitkit.history import series_of

    workflow = Workflow(namespace="ml", labels={f"workflows.argoproj.io/{key}": value for key, value in labels.items()})
    known = Series.of(workflow, named)
    assert known.name == series
    assert not series or known.key == series_of(workflow, named)
