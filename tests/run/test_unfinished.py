"""What a run left open is told for what it is, by the run itself and by whoever tells it in its place."""

import json
import sys

import pytest

from exitkit.entry import Entry
from exitkit.run import lastwords
from exitkit.run.report import entry_json
from exitkit.run.unfinished import settle
from exitkit.text.safejson import dumps

STEPS = [
    lastwords.Told("a", "x.y", required=False, fallback=("f", "g")),
    lastwords.Told("b", "x.y", required=True, fallback=()),
    lastwords.Told("c", "x.y", required=False, fallback=("h",)),
    *(lastwords.Told(name, "x.y", required=False, fallback=()) for name in "fgh"),
]


def entry(name, outcome="ok", **more):
    return Entry(name, "x.y", outcome, name, **more)


def test_every_step_has_its_entry():
    """Under way, not run, and not needed are three things."""
    entries = {"a": entry("a", "failed", covered_by="f"), "f": entry("f")}
    found = {one.step: (one.outcome, one.summary) for one in settle(STEPS, entries, {"a", "f", "b"})}
    assert found == {
        "a": ("failed", "a"),
        "b": ("unknown", "under way when the time ran out; it may have happened"),
        "c": ("failed", "not run: no time left"),
        "f": ("ok", "f"),
        "g": ("skipped", "not needed"),
        "h": ("failed", "not run: no time left"),
    }


def messages(folder, *, place=True, plan=True, fail_on="any"):
    found = [("place", ("json", str(folder), {})), ("counts", (fail_on,))] if place else []
    if plan:
        known = {"workflow": {"name": "w"}, "notes": ["n"], "started": 1.0, "began": 0.0}
        found.append(("plan", ({**known, "steps": [tuple(step) for step in STEPS]},)))
        found += [("began", ("a", 0)), ("began", ("b", 0))]
        done = entry("a", facts={"n": 1}, notes=("m",), reason="r", required=True, because="q", seconds=1.5)
        found.append(("entry", (dumps(entry_json(done)), "printed")))
    return found


@pytest.mark.parametrize(
    ("why", "number", "code", "under_way", "note"),
    [
        ("time", 0, 3, "when the time ran out", "the time ran out, and what was under way did not let go"),
        ("signal", 15, 143, "when the time ran out", "ended by signal 15; it did not end by itself"),
        ("death", 0, 1, "when the process ended", "the process was ended from within, exit code 7"),
    ],
)
def test_the_last_words_are_what_is_known(tmp_path, capsys, why, number, code, under_way, note):
    """The steps that are done as they were, the one under way unknown, and one exit code everywhere."""
    decided = []
    assert lastwords.tell(messages(tmp_path), why, number, "exit code 7", decided.append) == code
    assert set(decided) == {code}
    out, err = capsys.readouterr()
    told = json.loads(err)
    assert out == "printed\n"
    assert told == json.loads((tmp_path / "report").read_text())
    assert (tmp_path / "exit-code").read_text() == str(code) == str(told["exitCode"])
    steps = {one.pop("step"): one for one in told["steps"]}
    assert steps["a"] == {
        "uses": "x.y",
        "outcome": "ok",
        "summary": "a",
        "seconds": 1.5,
        "required": True,
        "reason": "r",
        "because": "q",
        "facts": {"n": 1},
        "notes": ["m"],
    }
    assert steps["b"]["summary"] == f"under way {under_way}; it may have happened"
    assert steps["c"]["outcome"] == "failed"
    assert told["notes"] == ["n", note]


@pytest.mark.parametrize(("why", "code"), [("time", 3), ("signal", 143), ("death", 1)])
def test_before_any_step_began_there_is_an_exit_code_too(tmp_path, capsys, why, code):
    """With the files that were asked for, as far as that is known."""
    assert lastwords.tell(messages(tmp_path, plan=False), why, 15, "signal 9", lambda _: None) == code
    assert (tmp_path / "exit-code").read_text() == str(code)
    out = capsys.readouterr().out
    if why == "signal":  # as ever: whoever sent it knows
        assert out == ""
    else:
        assert json.loads(out)["notes"][0].endswith("no step had begun")
    assert lastwords.tell([], why, 15, "signal 9", lambda _: None) == code
    assert capsys.readouterr().out == ""


def test_what_does_not_count_does_not_count_here_either(tmp_path):
    """The user's choice holds whoever makes the report."""
    for plan in (True, False):
        assert lastwords.tell(messages(tmp_path, plan=plan, fail_on="never"), "time", 0, "", lambda _: None) == 0


def test_last_words_load_little():
    """There may be little time and memory left."""
    import subprocess

    code = "import exitkit.run.lastwords, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "exitkit.run.report" in loaded
    assert not {"pydantic", "jinja2", "exitkit.retry", "exitkit.plan", "typing_extensions"} & set(loaded)
