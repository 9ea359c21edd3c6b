"""How long each pod was pending and initialising: asked for once, drawn, told in words, and never in the way."""

import json
import re

import pytest

from exitkit.argo.workflow import Workflow
from exitkit.clients.kubernetes.podtimes import MOST, PodTimes
from exitkit.process.course import Course
from exitkit.process.podphases import phases_of
from exitkit.process.report import Report
from exitkit.process.spans import NodeSpan
from exitkit.testing.kube import ScriptedKube

NAME, SPACE = "etl-x7k2p", "ml"
LABELS = {"workflows.argoproj.io/workflow": NAME}
WORKFLOW = Workflow(name=NAME, namespace=SPACE, status="Failed")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with ScriptedKube() as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig(tmp_path)))
        yield made


def began(name, second, state="terminated", **more):
    return {"name": name, "state": {state: {"startedAt": f"2026-11-27T03:{second // 60:02}:{second % 60:02}Z"}}, **more}


def add(cluster, node, init=(), containers=(), owners=()):
    status = {"initContainerStatuses": list(init), "containerStatuses": list(containers)}
    annotations = {"workflows.argoproj.io/node-id": node}
    cluster.add("pods", f"{NAME}-{node}", labels=LABELS, annotations=annotations, status=status, owners=owners)


def reported(tmp_path, with_record, etl, **given):
    folder = tmp_path / "out"
    result = Report(folder=folder, formats=["json", "html", "svg"], pods=True, **given).run(with_record(etl, WORKFLOW))
    timeline = json.loads((folder / "report.json").read_text())["timeline"]
    html, svg = (folder / "report.html").read_text(), (folder / "timeline.svg").read_text()
    return result, {span["id"]: span.get("phases") for span in timeline}, html, svg


def test_each_phase_is_told_and_drawn(cluster, tmp_path, with_record, etl):
    """In seconds, in words beside the time that it took, and as lighter parts of its bar; in one request."""
    add(cluster, "fit", [began("init", 690)], [began("wait", 700), began("main", 780)])  # the node began at 630
    result, phases, html, svg = reported(tmp_path, with_record, etl)
    assert phases["fit"] == {"pending": 60, "init": 90, "running": 500}
    assert "(pending 1m, init 1m 30s, running 8m 20s)" in html and "its pod was pending" in html
    assert "<title>fit · 10m 50s · failed: pending 1m, init 1m 30s, running 8m 20s</title>" in svg
    assert [svg.count(f'class="{kind}"') for kind in ("pending", "init")] == [1, 1]
    assert {key for key, value in phases.items() if value} == {"fit"} and not result.notes
    listings = [request for request in cluster.requests if "/pods" in request.path]
    assert len(listings) == 1 and f"limit={MOST}" in listings[0].path


def test_nothing_is_asked_unless_it_is_wished(cluster, tmp_path, with_record, etl):
    """The account may need one more right for it, which the manifest then gives."""
    Report(folder=tmp_path).run(with_record(etl, WORKFLOW))
    assert cluster.requests == []
    assert [Report.rights({}), *map(tuple, Report.rights({"pods": True}))] == [(), ("", "pods", ("list",), "", ())]


def test_what_may_not_be_read_is_a_note(cluster, tmp_path, with_record, etl):
    """The report is written all the same."""
    cluster.forbidden.add("list pods")
    result, phases, html, _ = reported(tmp_path, with_record, etl)
    (note,) = result.notes
    assert note.startswith("how long pods were pending is not known: ") and "pods" in note
    assert not any(phases.values()) and "its pod was pending" not in html


def test_the_pods_of_an_earlier_workflow_of_the_name_do_not_count(cluster, tmp_path, with_record, etl):
    """Their nodes have the same ids, and other owners."""
    other = cluster.add("pods", "owner")
    add(cluster, "fit", [], [began("main", 640)], owners=[other])
    _, phases, _, _ = reported(tmp_path, with_record, etl)
    assert not any(phases.values())


@pytest.mark.parametrize(
    ("initialising", "running", "phases"),
    [
        (110, 130, {"pending": 10, "init": 20, "running": 70}),
        (None, 130, {"pending": 30, "running": 70}),  # without init containers
        (110, None, {"pending": 10, "init": 90}),  # an image that is never pulled
        (None, None, {"pending": 100}),  # never scheduled
        (90, 95, {"running": 100}),  # a clock that is behind
        (150, 120, {"pending": 50, "running": 50}),
        (500, 600, {"pending": 100}),
    ],
)
def test_phases_fill_the_span_and_nothing_else(initialising, running, phases):
    """Whatever moments a cluster tells, their sum is the time that the step took."""
    span = NodeSpan(None, "a", "Pod", "Failed", "t", hook=False, start=100, end=200)
    made = phases_of(span, PodTimes("p", initialising=initialising, running=running)).seconds()
    assert made == phases and sum(made.values()) == 100


def test_odd_pods_count_for_nothing(cluster, tmp_path, with_record, etl):
    """Whatever stands in a status: nothing, other types, moments that are none; a restart counts from its first begin."""
    add(
        cluster,
        "score0",
        ["x", {"name": 1, "state": []}],
        [{"name": "main", "state": {"running": {"startedAt": "soon"}}}],
    )
    add(cluster, "score1", [], [began("main", 360, "running", lastState=began("", 330)["state"])])
    add(cluster, "no such node", [], [began("main", 340)])
    _, phases, _, svg = reported(tmp_path, with_record, etl)
    assert phases["score0"] == {"pending": 90} and phases["score1"] == {"pending": 19, "running": 140}
    assert re.findall(r"<title>score1 [^<]*</title>", svg) == [
        "<title>score1 · 2m 39s: pending 19s, running 2m 20s</title>"
    ]


def test_a_course_without_pods_has_no_phases(etl):
    """As before."""
    assert Course(etl.record()).phases == {}
