"""A report tells the truth in every form: for machines, for a terminal, for Kubernetes, for Argo."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.context import Entry
from exitkit.run.report import Report, entries_as_facts, outputs
from exitkit.text import redact
from exitkit.text.safejson import dumps

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def _one_secret():
    with redact.forget_all():
        redact.remember(SECRET)
        yield


def entry(step="a", outcome="ok", summary="done", **more):
    return Entry(step, "play.script", outcome, summary, **more)


def report(*entries, **more):
    return Report(workflow={"name": "w"}, entries=entries, started=1_790_000_000.4, seconds=1.23456, **more)


@pytest.mark.parametrize(
    ("entries", "options", "code", "outcome"),
    [
        ([], {}, 0, "ok"),
        ([entry(), entry("b", "skipped"), entry("c", "duplicate")], {}, 0, "ok"),
        ([entry(outcome="failed")], {}, 1, "failed"),
        ([entry(outcome="unknown")], {}, 1, "failed"),
        ([entry(outcome="failed")], {"cut": True}, 3, "cut"),
        ([entry()], {"cut": True}, 0, "ok"),
        ([entry(outcome="failed")], {"fail_on": "required"}, 0, "failed"),
        ([entry(outcome="failed", required=True)], {"fail_on": "required"}, 1, "failed"),
        ([entry(outcome="failed", required=True)], {"fail_on": "never", "cut": True}, 0, "cut"),
        ([entry(outcome="failed", required=True, covered_by="b"), entry("b")], {"fail_on": "required"}, 0, "ok"),
        ([entry()], {"signal": 15, "cut": True}, 143, "ok"),
        ([entry(outcome="failed")], {"signal": 2, "cut": True, "fail_on": "never"}, 130, "cut"),
        ([entry(outcome="failed")], {"refused": True, "fail_on": "never"}, 2, "failed"),
        ([entry()], {"unwritten": True}, 1, "failed"),
        ([entry()], {"unwritten": True, "fail_on": "never"}, 0, "failed"),
        ([entry(outcome="failed")], {"unwritten": True, "cut": True}, 3, "cut"),
        (
            [entry(outcome="failed", required=True, covered_by="b"), entry("c", "failed")],
            {"fail_on": "required"},
            0,
            "failed",
        ),
    ],
)
def test_the_exit_code_is_what_counts_and_the_outcome_what_happened(entries, options, code, outcome):
    """Which failures count is the user's choice; what is told is not."""
    found = report(*entries, **options)
    assert (found.exit_code, found.outcome) == (code, outcome)


def test_the_form_for_machines_stays():
    """Others build on these keys; what is empty is left out of a step."""
    full = entry(
        "b",
        "failed",
        "no",
        reason="auth",
        seconds=1.5,
        required=True,
        because="a failed: x",
        facts={"n": 1},
        notes=("note",),
        covered_by="c",
    )
    assert report(entry(), full, notes=("degraded",)).to_json() == {
        "version": 1,
        "outcome": "ok",
        "exitCode": 0,
        "workflow": {"name": "w"},
        "startedAt": "2026-09-21T14:13:20+00:00",
        "seconds": 1.235,
        "steps": [
            {"step": "a", "uses": "play.script", "outcome": "ok", "summary": "done", "seconds": 0.0, "required": False},
            {
                "step": "b",
                "uses": "play.script",
                "outcome": "failed",
                "summary": "no",
                "seconds": 1.5,
                "required": True,
                "reason": "auth",
                "because": "a failed: x",
                "coveredBy": "c",
                "facts": {"n": 1},
                "notes": ["note"],
            },
        ],
        "notes": ["degraded"],
    }


def circle():
    found = {}
    found["self"] = [found]
    return found


class Silent:
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        {"a": float("inf"), 7: {"b"}, None: (1, 2)},
        "\ud800 \x00 \x1b[31m \x9b31m \u2028 \u202e \x85 \r\n",
        {"\ud800\x9b": b"\xff"},
        10**5000,
        circle(),
        Silent(),
        [[]] * 3,
        object(),
    ],
    ids=range(9),
)
def test_any_value_becomes_one_line_of_json(value):
    """Facts are a plugin's; none of them may cost the report, break its line or steer a terminal."""
    text = dumps({"value": value})
    json.loads(text, parse_constant=pytest.fail)
    assert len(text.splitlines()) == 1
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    text.encode()


def test_plain_values_come_back_as_they_were():
    """What is JSON is left alone, also letters of any script."""
    value = {"a": [1, 2.5, None, True, "ü ✓ 👍", {"b": {}}]}
    assert json.loads(dumps(value)) == value
    assert "ü ✓ 👍" in dumps(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=5),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
        max_leaves=10,
    )
)
def test_json_is_read_back_by_any_reader(value):
    """For all values that facts can have."""
    json.loads(dumps(value).encode())


def everything(text):
    one = entry("a", "failed", text, reason="other", because=text, facts={"k": [text], text: 1}, notes=(text,))
    return report(one, notes=(text,), cut=True)


def test_no_form_shows_a_secret():
    """However deep it stands, and also where it is a key."""
    found = everything(f"token {SECRET} was refused")
    forms = [
        dumps(found.to_json()),
        found.line(),
        found.termination().decode(),
        found.table(colour=True),
        *outputs(found).values(),
    ]
    assert not [form for form in forms if SECRET in form]
    assert all("token *** was refused" in form for form in forms[:4])


@given(st.text(max_size=50) | st.sampled_from(["\ud800", "\x1b]0;x\x07", "\u202e", "x" * 5000, "👍" * 3000]))
def test_every_form_can_be_written_anywhere(text):
    """In UTF-8, and no row or line more than there should be."""
    found = everything(text)
    for form in (dumps(found.to_json()), found.line(), found.table(), *outputs(found).values()):
        form.encode()
    assert len(found.line().splitlines()) == 1
    assert len(found.table().splitlines()) <= 4
    assert not set("\x1b\x07\u202e\r") & set(found.table() + found.line())


@pytest.mark.parametrize("text", ["x" * 10_000, "👍" * 5_000, "é" * 4_077, "a" + "é" * 5_000, "\ud83d" * 5_000])
def test_the_termination_message_is_what_kubernetes_keeps(text):
    """4096 bytes at most, cut between characters, and it says first what failed."""
    found = report(entry("notify.slack", "failed", text)).termination()
    assert len(found) <= 4096
    assert found.decode().startswith("exitkit: notify.slack: ")


def test_the_line_says_what_failed_or_how_many_did_not():
    """One line for people, true to each outcome."""
    failed = [entry(outcome="failed", summary="no"), entry("b", "unknown", "maybe"), entry("c")]
    assert report(*failed).line() == "exitkit: a: no; b: maybe"
    fine = [entry(), entry("b", "skipped"), entry("c", "duplicate"), entry("d", "failed", covered_by="a")]
    assert report(*fine).line() == "exitkit: 2 of 4 steps done, 1 with nothing to do, 1 made good by a fallback"
    assert report(entry()).line() == "exitkit: 1 of 1 steps done, 0 with nothing to do"


def test_the_table_has_a_row_for_each_step():
    """In the plan's order, with why and what else below."""
    found = report(
        entry("first", seconds=75),
        entry("second", "failed", "no\nsuch channel", covered_by="third"),
        entry("third", because="second failed: no", notes=("degraded to text",)),
        notes=("the uid is not known",),
    )
    assert found.table().splitlines() == [
        "✓ first   ok         1m 15s  done",
        "✗ second  failed         0s  no such channel",
        "    made good by third",
        "✓ third   ok             0s  done",
        "    because second failed: no",
        "    degraded to text",
        "! the uid is not known",
    ]
    assert report().table() == ""


def test_outputs_are_what_argo_can_read():
    """The report's own and each step's facts, text as it is and all else as JSON."""
    found = outputs(report(entry("ship.file", facts={"path": "/a b", "n": 2, "list": [1]}), entry("b", "failed", "no")))
    assert found["outcome"] == "failed"
    assert found["exit-code"] == "1"
    assert found["failed"] == "b"
    assert found["summary"] == "exitkit: b: no"
    assert json.loads(found["report"])["version"] == 1
    assert {key: value for key, value in found.items() if key.startswith("ship-file-")} == {
        "ship-file-outcome": "ok",
        "ship-file-path": "/a b",
        "ship-file-n": "2",
        "ship-file-list": "[1]",
    }


def test_a_fact_cannot_pass_for_an_outcome():
    """What a later step decides on is what happened, whatever an action calls its facts."""
    seen = entries_as_facts([entry("a", "failed", "no", facts={"outcome": "ok", "summary": "x", "n": 1})])
    assert seen == {"a": {"outcome": "failed", "summary": "no", "n": 1}}


@pytest.mark.parametrize(
    "secret", ["step", "fail", "skip", "unknown", "steps", "exit", "code", "notes", "play", "Failed"]
)
def test_a_short_secret_breaks_no_word_of_ours(secret):
    """Keys, outcomes, ids and statuses stay what others look for; the text of others is masked."""
    redact.remember(secret)
    entries = [
        entry("step-1", "failed", f"it is {secret}", reason="other", notes=("n",), facts={"code": f"{secret}!"}),
        entry("fail-safe", "skipped", covered_by="step-1"),
        entry("unknown", "unknown"),
    ]
    found = Report({"name": "w", "status": "Failed"}, tuple(entries), 1.0, 1.0, cut=True)
    told = json.loads(dumps(found.to_json()))
    assert set(told) == {"version", "outcome", "exitCode", "workflow", "startedAt", "seconds", "steps", "notes"}
    assert set(told["steps"][0]) == set(found.to_json()["steps"][0])
    assert [one["outcome"] for one in told["steps"]] == ["failed", "skipped", "unknown"]
    assert [one["step"] for one in told["steps"]] == ["step-1", "fail-safe", "unknown"]
    assert (told["outcome"], told["workflow"]["status"], told["steps"][0]["uses"]) == ("cut", "Failed", "play.script")
    assert told["steps"][0]["facts"] == {"code": "***!"}
    assert outputs(found)["step-1-outcome"] == "failed"
    assert outputs(found)["failed"] == "step-1,unknown"
    for text in (dumps(found.to_json()), found.line(), found.table()):
        assert f"it is {secret}" not in text
        assert "it is ***" in text
    assert found.line().startswith("exitkit: step-1: ")
    assert report(entry("a")).line() == "exitkit: 1 of 1 steps done, 0 with nothing to do"
