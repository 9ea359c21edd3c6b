"""What the report of a finished workflow says, to people and to machines."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.context import Context, Entry
from exitkit.process.report.account import MOST_BYTES, as_json, as_markdown
from exitkit.text import redact

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def failure(name, message="main: OOMKilled (exit code 137)", seconds=0, **more):
    return Failure(
        display_name=name,
        message=message,
        template_name="train",
        phase="Failed",
        pod_name=f"etl-train-{seconds}",
        finished_at=NOON + timedelta(seconds=seconds),
        **more,
    )


def context(*failures, entries=(), because="", failed=None, recovered=(), handlers=(), **more):
    facts = {"name": "etl-x7k2", "namespace": "data", "uid": "u-1", "status": "Failed" if failures else "Succeeded"}
    found = Failures(all=failures, raw_count=len(failures), recovered=recovered, handlers=handlers)
    return Context(Workflow(**{**facts, "failures": found, **more}), entries=entries, because=because)


THREE = (
    failure("train(0:eu)", seconds=1),
    failure("train(1:us)", seconds=2),
    failure("load", "main: Error (exit code 1): KeyError: 'price'\n  at line 12", 5, tries=3),
)


def test_the_head_says_who_ended_how_and_when():
    """Name, status, namespace and duration stand at the top."""
    text = as_markdown(context(*THREE, duration=252.0, creation_timestamp=NOON))
    head = text.partition("## ")[0]
    assert head.startswith("# ❌ etl-x7k2 failed\n")
    for told in ("Status: Failed", "Namespace: data", "Argo's duration: 4m 12s", "Created: 2026-11-23 12:00:00 UTC"):
        assert told in head


def test_success_is_short():
    """Nobody has to look for a failure that is not there."""
    assert as_markdown(context()) == "# ✅ etl-x7k2 succeeded\n\nStatus: Succeeded · Namespace: data\n"


def test_the_root_cause_comes_first_and_whole():
    """The first failure's message with its lines, its exit code, and how many had the same."""
    text = as_markdown(context(*THREE))
    causes = text.partition("## Root cause and what followed")[2].partition("## ")[0]
    assert "**train(0:eu)** · OOMKilled · exit code 137 · 2026-11-23 12:00:01 UTC · 2 steps with this message" in causes
    assert "Also: train(1:us)" in causes
    assert "3 tries" in causes
    assert "KeyError: 'price'\n  at line 12\n```" in causes
    assert causes.count("it used more memory than its limit") == 1


def test_every_failed_step_is_a_row():
    """Step, template, exit code, reason, tries, what the container said, and when."""
    text = as_markdown(context(*THREE))
    assert "| Step | Template | Exit code | Reason | Tries | Message | Finished (UTC) |" in text
    assert "| load | `train` | 1 | Error | 3 | KeyError: 'price' | 12:00:05 |" in text
    assert "## Failed steps (3)" in text


def test_a_traceback_is_told_by_its_last_line():
    """The table has room for the error's name, not for where it came from; the whole stands above."""
    message = "main: Error (exit code 1): Traceback (most recent call last):\n  File a, line 1\nKeyError: 'eur'"
    text = as_markdown(context(failure("a", message, 1), THREE[0]))
    assert "| KeyError: 'eur' |" in text
    assert "  File a, line 1" in text


def test_days_are_told_where_there_is_more_than_one():
    """Times of one day stand alone; over midnight each has its date."""
    text = as_markdown(context(THREE[0], failure("late", seconds=90_000)))
    assert "| 2026-11-23 12:00:01 |" in text
    assert "| 2026-11-24 13:00:00 |" in text


def test_one_failure_needs_no_table():
    """The root cause has said it all."""
    assert "## Failed steps" not in as_markdown(context(THREE[0]))


def test_what_failed_first_and_succeeded_then_is_told_apart():
    """A retried attempt is no cause of the end, nor is a failed hook."""
    text = as_markdown(context(recovered=(THREE[0],), handlers=(THREE[2],)))
    assert "## Failed, then succeeded when tried again" in text
    assert "## Failed exit handlers and hooks" in text
    assert "Root cause" not in text


def test_a_failure_of_which_argo_says_nothing_is_said_to_be_one():
    """An empty page would look like a success."""
    assert "Argo named no failed step." in as_markdown(context(status="Failed"))


def test_parameters_and_labels_are_shown_without_secrets():
    """A parameter named like a secret is masked, and so is a remembered secret anywhere."""
    with redact.forget_all():
        redact.remember("hunter2hunter2")
        one = context(
            failure("a", "main: Error (exit code 1): hunter2hunter2"),
            parameters={"date": "2026-11-22", "apiToken": "abc123", "url": "x?y=hunter2hunter2"},
            labels={"team": "data"},
            outputs={"rows": "1204"},
            entries=(Entry("a", "b", "failed", "hunter2hunter2"),),
        )
        both = as_markdown(one) + json.dumps(as_json(one))
    assert "hunter2" not in both
    assert "abc123" not in both
    assert "| `date` | `2026-11-22` |" in both
    assert "| `apiToken` | `***` |" in both
    assert "| `team` | `data` |" in both
    assert "## Outputs\n\n| Name | Value |\n| --- | --- |\n| `rows` | `1204` |" in both


def test_the_way_to_argo_is_one_click():
    """The workflow's page at the top, and each failed step's logs behind its name."""
    one = context(*THREE, argo_url="https://argo.example")
    links = [
        each.attrs["href"]
        for token in READER.parse(as_markdown(one))
        for each in token.children or []
        if each.type == "link_open"
    ]
    assert links[0] == one.workflow.url
    assert links[0].startswith("https://argo.example/")
    assert one.workflow.failure_url(THREE[0]) in [link.replace("&amp;", "&") for link in links]
    assert len(links) == 1 + 2 + 3
    assert as_json(one)["workflow"]["url"] == one.workflow.url


def test_what_earlier_steps_did_is_told():
    """Outcome, summary, notes and how long it took."""
    entry = Entry("notify.slack", "notify.slack", "failed", "no such channel", seconds=2.2, notes=("tried 3 times",))
    text = as_markdown(context(entries=(entry,)))
    assert "| ❌ notify.slack | failed | no such channel; tried 3 times | 2.2s |" in text
    (told,) = as_json(context(entries=(entry,)))["steps"]
    assert (told["outcome"], told["summary"], told["seconds"]) == ("failed", "no such channel", 2.2)


def test_what_an_earlier_step_found_is_in_the_json():
    """As templates read it, whatever its values are, and without a secret."""
    redact.remember("s3cr3t-of-a-step")
    facts = {
        "count": 2,
        "text": "left over: 2 pods",
        "kinds": {"pods": 2},
        "key": "s3cr3t-of-a-step",
        "odd": float("nan"),
    }
    told = as_json(context(entries=(Entry("left", "process.leftovers", "ok", "2 pods", facts=facts),)))["steps"]
    assert told[0]["facts"] == {**facts, "key": redact.MASK, "odd": None}
    assert "facts" not in as_json(context(entries=(Entry("a", "notify.console", "ok", "told"),)))["steps"][0]


def test_degraded_facts_and_fallbacks_are_noted():
    """What is missing, and why this ran at all."""
    text = as_markdown(context(notes=("duration was no number",), because="ship.loki failed"))
    assert "- sent here because ship.loki failed\n- duration was no number" in text
    assert as_json(context(notes=("duration was no number",), because="ship.loki failed"))["notes"] == [
        "sent here because ship.loki failed",
        "duration was no number",
    ]


def test_json_has_the_documented_shape():
    """These keys, with these types, under version 1: others read it."""
    told = as_json(context(*THREE, duration=2.0, creation_timestamp=NOON))
    keys = {"version", "workflow", "title", "summary", "failed", "rootCause", "failures", "groups", "recovered"}
    assert keys | {"handlers", "steps", "notes"} == set(told)
    assert (told["version"], told["failed"]) == (1, 3)
    assert told["workflow"]["creationTimestamp"] == "2026-11-23T12:00:00Z"
    assert told["rootCause"] == told["failures"][0]
    assert {
        "step": "train(0:eu)",
        "template": "train",
        "phase": "Failed",
        "pod": "etl-train-1",
        "container": "main",
        "exitCode": 137,
        "reason": "OOMKilled",
        "message": "main: OOMKilled (exit code 137)",
        "finishedAt": "2026-11-23T12:00:01Z",
    }.items() <= told["rootCause"].items()
    assert [one["count"] for one in told["groups"]] == [2, 1]
    assert as_json(context())["rootCause"] is None


@pytest.mark.parametrize("duration", [float("nan"), float("inf")])
def test_json_is_json_whatever_the_duration(duration):
    """NaN is not JSON."""
    assert "duration" not in as_json(context(duration=duration))["workflow"]


def test_the_page_stays_below_githubs_limit():
    """Thousands of failures with long messages and full parameters do not make it too large to be shown."""
    many = [
        failure(f"s{number}" * 100, f"{chr(97 + number % 26) * 9}|<`\U0001f525" * 900, number) for number in range(700)
    ]
    full = {f"{number}" * 99: "&|" * 900 for number in range(200)}
    one = context(*many, parameters=full, labels=full, entries=(Entry("s" * 9000, "u", "ok", "<" * 9000),) * 200)
    text = as_markdown(one)
    assert len(text.encode()) <= MOST_BYTES
    assert "And 650 more." in text
    assert as_json(one)["failed"] == 700


PIECES = [
    "`",
    "```",
    "|",
    "[a](https://e.example)",
    "![",
    "](",
    "<img>",
    "\n",
    "\n\n# x",
    "- ",
    "@ops",
    "#1",
    "&lt;",
    "\\",
    "*",
    "\x1b[1m",
]
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(st.characters(), max_size=30)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(name=HOSTILE, message=HOSTILE, template=HOSTILE, key=HOSTILE, value=HOSTILE, note=HOSTILE)
def test_no_fact_gets_out_of_its_place(name, message, template, key, value, note):
    """Whatever a workflow's author writes, the page has our links, headings and tables, and no HTML."""
    failures = (Failure(f"s{name}", message, template), Failure(f"s{key}", value, note))
    one = context(
        *failures,
        name=name,
        parameters={f"k{key}": value},
        labels={f"k{value}": key},
        notes=(note,),
        entries=(Entry(name, key, "ok", message, notes=(note,)),),
    )
    found = [each for token in READER.parse(as_markdown(one)) for each in (token, *(token.children or []))]
    kinds = [each.type for each in found]
    assert not {"html_block", "html_inline", "image", "link_open", "blockquote_open", "hr", "em_open", "s_open"} & set(
        kinds
    )
    headings = [after.content for before, after in pairwise(found) if before.type == "heading_open"]
    known = {"Root cause", "Root cause and what followed", "Failed steps (2)", "Parameters", "Labels", "Notes"}
    assert set(headings[1:]) <= known | {"What this exit handler did before"}
    assert kinds.count("table_open") == 4
    json.dumps(as_json(one), allow_nan=False).encode()
    as_markdown(one).encode()


def test_a_table_that_a_step_has_made_is_shown():
    """A fact called `table`, as process.query tells it, under the step's id."""
    entry = Entry("scores", "process.query", "ok", "2 rows", 0.2, facts={"table": "| a |\n| --- |\n| 1 |"})
    assert "## scores\n\n| a |\n| --- |\n| 1 |" in as_markdown(context(entries=(entry,)))
