"""The page: what people see of a run, whatever the run is called."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exitkit.argo import record
from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.context import Context, Entry
from exitkit.explain import LogLine
from exitkit.process.bill import Prices
from exitkit.process.course import Course
from exitkit.process.report.page import as_html
from exitkit.process.report.timeline import MOST_ROWS, svg
from exitkit.process.spans import Spans
from exitkit.text import redact

FAILED = Failures(
    all=(
        Failure(
            "fit", "main: Error (exit code 1): Traceback (most recent call last):\n  File a, line 1\nKeyError: 'eur'"
        ),
    ),
    raw_count=1,
)
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u202e\x00 {{=x}} ]]> javascript:alert(1)'
RECORDS = sorted(Path(__file__).parents[2].joinpath("data/records").glob("*.json"))
_VOID = {"meta", "br", "rect", "line"}


class Reader(HTMLParser):
    """The elements with their attributes, and whether each is closed."""

    def __init__(self):
        super().__init__()
        self.elements, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def page(nodes, workflow=None, prices=None, **more):
    workflow = workflow or Workflow(name="etl-x7k2p", status="Failed", failures=FAILED, argo_url="https://argo.example")
    return as_html(Context(workflow, **more), Course(nodes.record() if nodes is not None else None, prices))


def elements(html):
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader.elements


def titles(html):
    return re.findall(r"<h2>(.*?)</h2>", html)


def test_what_failed_comes_first_then_when_then_for_how_much(etl):
    """In the order in which people ask."""
    assert titles(page(etl, prices=Prices(cpu=1))) == [
        "What failed, and why", "Timeline", "The critical path", "Slowest steps", "The bill", "Artifacts", "All steps",
    ]  # fmt: skip


def test_the_line_that_says_why_stands_above_its_text(etl):
    """And the rest is there as it was, unfolded."""
    html = page(etl)
    assert "KeyError: &#x27;eur&#x27;" in html.partition("<pre")[0]
    assert '<details class="failure" open>' in html and "  File a, line 1\nKeyError" in html


def test_the_lines_that_say_why_and_what_to_do_stand_with_the_failure(etl):
    """As explain found them in the log, with their numbers and places; what markup they hold is text."""
    lines = (LogLine(42, "KeyError: 'eur' <b>", 0.9, place="/app/load.py:12 in read"),)
    failure = Failure("fit", "main: OOMKilled (exit code 137)", lines=lines)
    workflow = Workflow(name="etl", status="Failed", failures=Failures(all=(failure,), raw_count=1))
    html = page(etl, workflow)
    assert "42: KeyError: &#x27;eur&#x27; &lt;b&gt; (/app/load.py:12 in read)" in html
    assert failure.advice and f"<p>→ {failure.advice}" in html


def test_a_failure_with_nothing_more_to_tell_does_not_open(etl):
    """What opens on nothing disappoints."""
    failures = Failures(all=(Failure("fit", "it broke"),), raw_count=1)
    html = page(etl, Workflow(name="etl", status="Failed", failures=failures))
    assert '<div class="failure"><strong>fit</strong>' in html


def test_each_fact_of_the_head_is_said_once(etl):
    """When and how long stands in one line, and no label twice."""
    labels = re.findall("<dt>(.*?)</dt>", page(etl).partition("</header>")[0])
    assert len(set(labels)) == len(labels) and labels[0] == "Ran"
    assert "21m 30s, 2026-11-27 03:00:00 to 03:21:30 UTC" in page(etl)


def test_rows_that_a_step_has_made_are_a_table(etl):
    """Those of process.query, under the step's id, as text."""
    facts = {"columns": ["a", "b"], "rows": [{"a": 1, "b": "<i>"}, {"a": 0.25, "b": None}], "count": 9}
    html = page(etl, entries=(Entry("scores", "process.query", "ok", "9 rows", 0.2, facts=facts),))
    elements(html)
    assert "<h3>scores</h3>" in html and "And 7 more rows." in html
    assert "<td>1</td><td>&lt;i&gt;</td>" in html and "<td>0.25</td><td></td>" in html


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_shape_that_argo_writes_makes_a_page(path):
    """Of records of a real controller: the page is sound, and its critical path is the whole time."""
    document = json.loads(path.read_bytes())
    made = record.read(document.get("workflow", document))
    course = Course(made)
    html = as_html(Context(Workflow(name=made.name, status="Failed")), course)
    assert elements(html)
    if made.nodes:
        assert {"Timeline", "The critical path", "All steps"} <= set(titles(html))
        assert sum(segment.seconds for segment in course.path) == course.spans.seconds
        assert [segment for segment in course.path if segment.kind == "run"]


def test_bars_of_a_folded_row_come_from_its_whole_length(nodes):
    """Of thousands some are drawn, the last ones too, and each that failed."""
    nodes.add("w", "DAG", 0, 1000, boundary="")
    for number in range(1000):
        phase = "Failed" if number == 777 else "Succeeded"
        nodes.add(f"s{number}", "Pod", number, number + 1, phase=phase, boundary="w", template="s")
    drawn = svg(Spans(nodes.record().nodes.values()), ())
    lefts = [float(left) for left in re.findall(r'class="ok" x="([0-9.]+)%', drawn)]
    assert max(lefts) > 99 and 'class="bad" x="77.70%"' in drawn
    assert len(lefts) <= 200


def test_it_needs_nothing_of_another_place(etl):
    """No script, no picture, no style sheet; a browser is told to load none."""
    made = elements(page(etl))
    assert not {tag for tag, _ in made} & {"script", "img", "link", "iframe", "object", "form"}
    assert "default-src 'none'" in str(made)
    leads = [attrs["href"] for tag, attrs in made if tag == "a"]
    assert leads and all(target.startswith(("#", "https://argo.example/")) for target in leads)


def test_it_can_be_read_without_seeing_it(etl):
    """A language, headings in order, a name for the picture and for what scrolls, and a way past the head."""
    made = elements(page(etl))
    assert ("html", {"lang": "en"}) in made
    assert [tag for tag, _ in made if re.fullmatch("h[1-6]", tag)][:2] == ["h1", "h2"]
    assert all(attrs.get("aria-label") for tag, attrs in made if attrs.get("role") in ("img", "region"))
    assert all(attrs.get("scope") == "col" for tag, attrs in made if tag == "th")


def test_hostile_names_stay_text(etl):
    """In the names, messages, labels and artifacts of a run."""
    for node in etl.values():
        for key in ("displayName", "templateName", "message", "hostNodeName"):
            node[key] = node.get(key, "") + HOSTILE
        node["outputs"] = {"artifacts": [{"name": HOSTILE, "s3": {"key": HOSTILE}}]}
    failures = Failures(all=(Failure(HOSTILE, f"main: {HOSTILE}\n{HOSTILE}", HOSTILE),), raw_count=1)
    workflow = Workflow(
        name=HOSTILE,
        status="Failed",
        failures=failures,
        parameters={HOSTILE: HOSTILE},
        labels={HOSTILE: HOSTILE},
        argo_url='https://x"onclick=1',
    )
    html = page(
        etl, workflow, Prices(cpu=1, currency="<b>"), entries=(Entry(HOSTILE, "x", "ok", HOSTILE),), because=HOSTILE
    )
    made = elements(html)
    assert not {tag for tag, _ in made} & {"script", "img", "b"}
    assert not any(name.startswith("on") for _, attrs in made for name in attrs)
    assert "\x00" not in html and "\u202e" not in html


def test_secrets_are_cut_wherever_they_stand(etl):
    """Also from the names of steps, which are looked through together."""
    with redact.forget_all():
        redact.remember("hunter2hunter2")
        for node in etl.values():
            node["displayName"] += "-hunter2hunter2"
        assert "hunter2hunter2" not in page(etl, Workflow(parameters={"a": "hunter2hunter2"}))


def test_without_a_record_there_is_no_timeline(etl):
    """And all that the facts tell."""
    assert titles(page(None)) == ["What failed, and why"]
    assert titles(page(None, Workflow(status="Succeeded"))) == []


def test_a_fan_out_is_folded(nodes):
    """Items of one template become one row, which says how many failed."""
    nodes.add("etl-x7k2p", "Steps", 0, 100, boundary="", name="etl-x7k2p", display="etl-x7k2p")
    for number in range(MOST_ROWS * 3):
        nodes.add(f"work{number}", "Pod", 1, 2 + number % 90, phase="Failed" if number < 7 else "Succeeded")
    course = Course(nodes.record())
    drawn = svg(course.spans, course.path)
    assert "work · 900 of them, 7 failed · 1m 30s" in drawn
    assert drawn.count("<g>") == 2


def test_a_wide_run_keeps_to_a_size(nodes):
    """Of thousands of templates the failed and the longest are drawn, the rest is counted."""
    nodes.add("etl-x7k2p", "DAG", 0, 5000, boundary="", name="etl-x7k2p", display="etl-x7k2p")
    for number in range(1000):
        nodes.add(
            f"step{number}", "Pod", 1, 2 + number, template=f"t{number}", phase="Failed" if number == 0 else "Succeeded"
        )
    course = Course(nodes.record())
    drawn = svg(course.spans, course.path)
    assert drawn.count("<g>") == MOST_ROWS and "step0 · " in drawn and "and 701 shorter ones" in drawn


@pytest.mark.parametrize("seconds", [0, 1, 59, 3600, 10**7])
def test_the_axis_has_few_marks_at_round_times(nodes, seconds):
    """Whatever the length."""
    nodes.add("etl-x7k2p", "Pod", 0, seconds, boundary="", name="etl-x7k2p")
    course = Course(nodes.record())
    assert 1 <= svg(course.spans, course.path).count('class="grid"') <= 7
