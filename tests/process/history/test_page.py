"""The page of a series and its other forms: in what order, sound, and of nothing but text."""

import json
import re
from html.parser import HTMLParser

import pytest

from exitkit.process.bill import Prices
from exitkit.process.history import account, chart
from exitkit.process.history.page import MOST_ROWS, as_html
from exitkit.process.history.pastrun import PastRun
from exitkit.process.history.summary import Summary
from exitkit.text import redact

OK, BAD = "Succeeded", "Failed"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u202e\x00 {{=x}} ]]> | `a` @all'
_VOID = {"meta", "br"}


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


def elements(html):
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader.elements


@pytest.fixture
def series(known):
    """Nine nights: loads that fail now and then, a fit that grows slower, and a bill."""

    def night(number):
        load = ("load", BAD if number == 3 else OK, 20, {"day": "x"})
        return known(number, load, ("fit", OK, 60 if number < 6 else 120, {}), cpu=3600, prices=Prices(cpu=0.5))

    return Summary([night(number) for number in range(9)])


def page(summary, notes=()):
    return as_html("nightly", summary, notes, "Made of nine runs.")


def test_how_it_stands_comes_first_then_what_failed(series):
    """In the order in which an owner asks."""
    html = page(series)
    assert re.findall(r"<h2>(.*?)</h2>", html) == [
        "What failed, and why", "Flaky steps", "Durations", "Slower lately", "Slowest steps", "The bill", "All runs", "Notes",
    ]  # fmt: skip
    head = html.partition("</header>")[0]
    assert "nightly: 8 of 9 runs succeeded" in head and "The last run succeeded." in head
    assert "1m 20s; 95% took at most 2m 20s" in head and "9.00 USD, 1.00 USD a run" in head


def test_what_there_is_none_of_has_no_heading():
    """Of runs of which only the ends are known."""
    runs = [PastRun(f"n-{number}", OK, 1e9 + number, "store", seconds=5.0) for number in range(3)]
    assert re.findall(r"<h2>(.*?)</h2>", page(Summary(runs))) == ["Durations", "All runs", "Notes"]


def test_it_needs_nothing_of_another_place_and_can_be_read_without_seeing_it(series):
    """No script, a language, headings in order, a name for the picture and for what scrolls."""
    made = elements(page(series))
    assert not {tag for tag, _ in made} & {"script", "img", "link", "iframe", "object", "form"}
    assert ("html", {"lang": "en"}) in made
    assert [tag for tag, _ in made if re.fullmatch("h[1-6]", tag)][:2] == ["h1", "h2"]
    assert all(attrs.get("aria-label") for tag, attrs in made if attrs.get("role") in ("img", "region"))
    assert all(attrs.get("scope") == "col" for tag, attrs in made if tag == "th")


def test_hostile_names_stay_text():
    """In runs, causes, steps, currencies, notes, and in Markdown too."""
    from exitkit.process.history.pastrun import PastCost, PastStep

    step = PastStep(2, 1, 5.0, 1.0, {"a"}, {"a"})
    run = PastRun(HOSTILE, BAD, 1e9, "report", seconds=1.0, cause=HOSTILE, failed_steps=(HOSTILE,), steps={HOSTILE: step},
                  cost=PastCost("<b>", 1.0, 0.5, {HOSTILE: 1.0}), url='javascript:alert("1")')  # fmt: skip
    html = as_html(HOSTILE, Summary([run]), (HOSTILE,), HOSTILE)
    made = elements(html)
    assert not {tag for tag, _ in made} & {"script", "img", "b"}
    assert not any(name.startswith("on") for _, attrs in made for name in attrs)
    assert "\x00" not in html and "\u202e" not in html and "javascript:alert(" not in html.replace("&", "")
    told = account.as_markdown(HOSTILE, Summary([run]), (HOSTILE,), "")
    assert "<script" not in told and "<img" not in told and "@all" not in told


def test_secrets_are_cut_wherever_they_stand(known):
    """From causes and names, in each form."""
    with redact.forget_all():
        redact.remember("hunter2hunter2")
        summary = Summary([known(1, ("load-hunter2hunter2", BAD, 5, {}))])
        whole = json.dumps(account.as_json("cron/nightly", "ml", summary, ()))
        assert "hunter2" not in page(summary) + account.as_markdown("nightly", summary, (), "") + whole


def test_thousands_of_runs_and_steps_keep_to_a_size():
    """The first of each list, and how many more there are."""
    from exitkit.process.history.pastrun import PastStep

    steps = {f"step-{number}": PastStep(1, 0, float(number), 0.0, {"a"}) for number in range(3000)}
    runs = [PastRun(f"n-{number}", BAD, 1e9 + number, "store", key=str(number)) for number in range(499)]
    runs.append(PastRun("n-500", BAD, 2e9, "argo", key="500", steps=steps))
    html = page(Summary(runs))
    assert len(html) < 500_000 and html.count(f"And {3000 - MOST_ROWS:,} more.") == 1
    assert html.count("<rect") == 500


@pytest.mark.parametrize("seconds", [0.0, 1.0, 59.0, 7200.0, 1e7, None])
def test_the_chart_has_few_marks_at_round_times(seconds):
    """Whatever the length; a run of which nobody knows it has a bar too, and a failed one a cross besides its colour."""
    runs = [PastRun("n", how, 1e9, "store", seconds=seconds) for how in (OK, BAD)]
    drawn = chart.svg(runs, seconds)
    assert drawn.count("<rect") == 2 and drawn.count("✗") == 1
    assert drawn.count('class="grid"') <= 4
    tops = [float(top) for top in re.findall(r' y="([0-9.]+)" width', drawn)]
    assert all(0 <= top < 160 for top in tops)
    assert chart.svg((), None) == ""


def test_markdown_and_json_tell_the_same(series):
    """The counts, the flaky step, the slower one and the bill."""
    told = account.as_markdown("nightly", series, ("a note",), "scope")
    assert told.startswith("# ✅ nightly: 8 of 9 runs succeeded\n")
    assert "| `load` | 1 | 1 | 1 of 9 | 20s |" in told
    whole = account.as_json("cron/nightly", "ml", series, ("a note",))
    assert (whole["version"], whole["series"], whole["counts"]) == (
        1,
        "cron/nightly",
        {"total": 9, "succeeded": 8, "failed": 1},
    )
    assert [step["step"] for step in whole["flaky"]] == ["load"]
    assert [step["step"] for step in whole["slowest"] if step["slower"]] == ["fit"]
    assert whole["bills"][0]["cost"] == 9.0 and whole["notes"] == ["a note"]
    assert whole["runs"][3]["failedSteps"] == ["load"] and whole["runs"][3]["cause"] == "load broke"
    json.dumps(whole, allow_nan=False)
