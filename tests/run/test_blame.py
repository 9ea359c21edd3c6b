"""A required step that the workflow's data left undone is told as loudly as any, and fails no workflow that succeeded."""

import pytest

from exitkit.argo.gather import gather
from exitkit.context import Context
from exitkit.plan.check import Plan
from exitkit.retry import Retry
from exitkit.retry.clock import Deadline
from exitkit.run import dispatch
from exitkit.testing import ScriptedHTTP
from exitkit.testing.clock import FakeClock
from exitkit.testing.http import answer

FACTS = {
    "status": "Succeeded", "name": "train-x7k2p", "uid": "0b3c8a52", "labels": '{"empty": "", "hook": "not a url", "size": "huge", "team": "a b"}',
    "parameters": '[{"name": "rows", "value": "many"}, {"name": "to", "value": "nobody"}]', "annotations": '{"n": "x"}',
}  # fmt: skip


def webhook(url, **terms):
    return {"uses": "notify.webhook", "with": {"url": url}, **terms}


def run(*steps, fail_on="required", facts=FACTS):
    plan = Plan.model_validate({"steps": [{"required": True, **step} for step in steps]})
    context = Context(gather(facts, {}), Retry(deadline=Deadline(60, FakeClock())))
    return dispatch(plan, context, {}, fail_on=fail_on)


@pytest.mark.parametrize(
    "step",
    [
        webhook("https://a.example/{{ workflow.labels.nope }}"),
        webhook("https://a.example/{{ workflow.annotations['a/b'] }}"),
        webhook("https://a.example/{{ workflow.parameters.nope }}"),
        webhook("https://a.example/{{ workflow.outputs.parameters.nope }}"),
        webhook("{{ workflow.labels.empty }}"),
        webhook("{{ workflow.labels.hook }}"),
        webhook("https://{{ workflow.labels.team }}/"),
        webhook("http://169.254.{{ workflow.labels.empty }}169.254/"),
        webhook("https://a.example/", **{"if": "workflow.labels.nope == 'x'"}),
        webhook("https://a.example/", **{"if": "workflow.parameters.rows | int > workflow.labels.nope | int"}),
        webhook("https://a.example/", **{"if": "workflow.duration > 60"}),
        {"uses": "notify.slack", "with": {"token": "xoxb-1", "channel": "#{{ workflow.labels.team }}"}},
        {"uses": "notify.slack", "with": {"token": "xoxb-1", "channel": "{{ workflow.labels.nope }}"}},
        {"uses": "notify.email", "with": {"to": "{{ workflow.parameters.to }}", "sender": "a@b.example", "host": "h"}},
        {"uses": "cleanup.files", "with": {"paths": ["/d/{{ workflow.name }}/{{ workflow.labels.nope }}"], "roots": ["/d"]}},
        {"uses": "cleanup.files", "with": {"paths": ["/d/{{ workflow.labels.nope }}"], "roots": ["/d"]}},
        {"uses": "cleanup.files", "with": {"paths": ["/d/{{ workflow.name }}"], "roots": ["/d"], "max_size": "{{ workflow.labels.size }}"}},
        {"uses": "ship.file", "with": {"path": "/tmp/{{ workflow.labels.nope }}"}},
        {"uses": "process.report", "with": {"folder": "/tmp/{{ workflow.labels.nope }}"}},
        {"uses": "process.metrics", "with": {"to": "file", "path": "/nowhere/a.prom", "gauges": {"rows": "{{ workflow.parameters.rows }}"}}},
    ],
)  # fmt: skip
def test_no_datum_turns_a_good_workflow_into_a_failed_one(step):
    """Missing, empty or bad: the step has failed in the report and its line, a note says that it does not count, `any` counts it."""
    report = run(step)
    (entry,) = report.entries
    assert (entry.outcome, entry.reason) == ("failed", "data"), entry
    assert (report.exit_code, report.outcome) == (0, "failed")
    assert entry.summary in report.line()
    assert any("which --fail-on required does not count: " + entry.step in note for note in report.notes)
    assert run(step, fail_on="never").exit_code == 0
    assert run(step, fail_on="any").exit_code == 1


@pytest.mark.parametrize(
    "step",
    [
        webhook("https://a.example/{{ workflow.nmae }}"),
        webhook("https://a.example/{{ workflow.failuresSummary.frist }}"),
        webhook("https://a.example/", **{"if": "workflow.duration > 'long'"}),
        webhook("https://a.example/{{ steps.nope.id }}"),
        {"uses": "cleanup.files", "with": {"paths": ["/d/{{ workflow.namespace }}"], "roots": ["/d"]}},
    ],
)
def test_what_no_workflow_could_cure_counts(step):
    """A plan that is wrong whatever the data is, as `exitkit check` tells beforehand."""
    report = run(step, facts=FACTS | {"namespace": "ml", "duration": "70"})
    (entry,) = report.entries
    assert (entry.outcome, entry.reason, report.exit_code) == ("failed", "client", 1), entry


def test_what_a_server_refuses_counts():
    """Also where the address came out of a label: it was tried, and somebody has to hear of it."""
    with ScriptedHTTP([answer(404)]) as server:
        report = run(webhook(f"{server.url}/{{{{ workflow.labels.size }}}}"))
    assert (report.entries[0].reason, report.exit_code) == ("client", 1)


def test_a_step_that_lacks_what_a_failed_one_gives_counts():
    """The delivery before it is to blame; where that had failed for data alone, nothing counts."""
    with ScriptedHTTP([answer(404)]) as server:
        first = webhook(f"{server.url}/", id="a", required=False)
        report = run(first, webhook("https://a.example/{{ steps.a.id }}", id="b"))
    assert [(one.step, one.reason) for one in report.entries] == [("a", "client"), ("b", "client")]
    assert report.exit_code == 1
    report = run(webhook("{{ workflow.labels.nope }}", id="a"), webhook("https://a.example/{{ steps.a.id }}", id="b"))
    assert [(one.step, one.reason) for one in report.entries] == [("a", "data"), ("b", "data")]
    assert report.exit_code == 0


def test_a_fallback_hears_of_it():
    """As of any failure; what it made good has no note."""
    keep = {"uses": "notify.console", "id": "keep", "required": False}
    report = run(webhook("{{ workflow.labels.nope }}", fallback=["keep"]), keep)
    assert [one.outcome for one in report.entries] == ["failed", "ok"]
    assert (report.exit_code, report.outcome, report.notes) == (0, "ok", ())
