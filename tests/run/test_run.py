"""A plan runs from the top down, within one deadline, whatever any of its steps does."""

import json
import logging
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exitkit.action import Result
from exitkit.argo.failures import decode
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.plan import registry
from exitkit.plan.check import Plan
from exitkit.retry import GRACE, Retry
from exitkit.retry.clock import Clock, Deadline
from exitkit.run import deadline_for, dispatch, foresight, loop, settled
from exitkit.testing.clock import FakeClock
from exitkit.text import redact

DATA = Path(__file__).parents[1] / "data"
GRACES = 2 * GRACE + 0.001


@pytest.fixture(autouse=True, scope="module")
def _plugin():
    """The plugin from the data, as if pip had put it there."""
    with pytest.MonkeyPatch.context() as patch, redact.forget_all():
        patch.syspath_prepend(DATA / "plugin")
        registry._plugins.cache_clear()
        yield
    registry._plugins.cache_clear()
    sys.modules.pop("trunkplay", None)


@pytest.fixture
def played():
    """What the plugin's script notes of each run: step, the clock's seconds, and why."""
    registry.find("play.script")
    found = sys.modules["trunkplay"].PLAYED
    found.clear()
    return found


def step(id_, do="ok", /, *, uses="play.script", if_="", when=(), **more):
    terms = {key: more.pop(key) for key in ("timeout", "required", "fallback", "retry") if key in more}
    given = {"do": do, **more} if uses == "play.script" else more
    return {"id": id_, "uses": uses, "if": if_, "when": when, "with": given, **terms}


def context(status="Failed", seconds=300.0, clock=None, **more):
    workflow = Workflow(name="w", namespace="n", uid="u", status=status)
    return Context(workflow, Retry(deadline=Deadline(seconds, clock or FakeClock())), **more)


def run(*steps, fail_on="any", environ=None, **options):
    plan = Plan.model_validate({"steps": [{"parallel": one} if isinstance(one, list) else one for one in steps]})
    report = dispatch(plan, context(**options), environ or {}, fail_on=fail_on)
    assert [entry.step for entry in report.entries] == [one.id for one in plan.each()]
    return report


def outcomes(report):
    return {entry.step: entry.outcome for entry in report.entries}


def summaries(report):
    return {entry.step: entry.summary for entry in report.entries}


def test_steps_run_from_the_top_down(played):
    """One after the other, each with its time."""
    report = run(step("a", seconds=3), step("b", seconds=4), step("c"))
    assert [(one[0], one[1]) for one in played] == [("a", 0), ("b", 3), ("c", 7)]
    assert [entry.seconds for entry in report.entries] == [3, 4, 0]
    assert report.seconds == 7
    assert (report.exit_code, report.outcome) == (0, "ok")
    assert report.workflow == {"name": "w", "namespace": "n", "uid": "u", "status": "Failed"}


def test_parallel_steps_run_together(played):
    """They take as long as the longest, and the next step waits for all."""
    report = run([step("a", seconds=30), step("b", seconds=50), step("c", seconds=20)], step("d"))
    assert {one[0]: one[1] for one in played} == {"a": 0, "b": 0, "c": 0, "d": 50}
    assert report.seconds == 50


def test_a_later_step_sees_what_earlier_ones_came_to():
    """In its settings, in its condition, and in its context."""
    report = run(
        step("a", say="hello"),
        step("b", "fail", say="b"),
        step("c", say="{{ steps.a.said }} {{ steps.a.deep.list[0] }} {{ steps.b.outcome }} {{ steps.b.half }}"),
        step("d", if_="steps.b.outcome == 'failed' and steps['a'].summary == 'hello'"),
        step("e", if_="steps.b.outcome == 'ok'"),
        step("f", "see"),
    )
    assert summaries(report)["c"] == "hello 1 failed 1"
    assert (outcomes(report)["d"], outcomes(report)["e"]) == ("ok", "skipped")
    assert summaries(report)["f"] == "a=ok,b=failed,c=ok,d=ok,e=skipped"


def test_a_fact_that_looks_like_a_template_stays_what_it_is():
    """What one step found is data for the next, and never rendered."""
    report = run(step("a", say="{{ '{{ 7*7 }}' }}"), step("b", say="{{ steps.a.said }}"))
    assert summaries(report) == {"a": "{{ 7*7 }}", "b": "{{ 7*7 }}"}


@pytest.mark.parametrize(
    ("when", "status", "runs"),
    [
        (["Failed", "Error"], "Failed", True),
        (["Failed"], "Error", False),
        (["Succeeded"], "Succeeded", True),
        (["Succeeded"], "Failed", False),
        ([], "Failed", True),
        (["Failed"], "", True),
        (["Error"], "", True),
        (["Succeeded"], "", False),
    ],
)
def test_when_is_the_workflows_status(when, status, runs):
    """Where nobody knows how it ended, what is meant for failures runs and what is meant for success does not."""
    report = run(step("a", when=when), status=status)
    assert outcomes(report) == {"a": "ok" if runs else "skipped"}
    if not runs:
        assert summaries(report)["a"] == f"the workflow is {status or 'of unknown status'}, not {when[0]}"


def test_a_condition_that_cannot_be_decided_fails_its_step_alone():
    """Nobody guesses; the others run."""
    report = run(step("a", if_="workflow.duration > 60"), step("b", if_="workflow.name == 'w'"), step("c", if_="false"))
    assert outcomes(report) == {"a": "failed", "b": "ok", "c": "skipped"}


@pytest.mark.parametrize(
    ("do", "outcome", "told"),
    [
        ("duplicate", "duplicate", "x"),
        ("skip", "skipped", "nothing here"),
        ("fail", "failed", "x failed"),
        ("exhausted", "failed", "x is used up"),
        ("unknown", "unknown", "x may be"),
        ("config", "failed", "x is not set"),
        ("bug", "failed", "bug in play.script: KeyError: 'x'"),
        ("exit", "failed", "bug in play.script: SystemExit: 0"),
        ("interrupt", "failed", "bug in play.script: KeyboardInterrupt: "),
        ("none", "failed", "bug in play.script: run gave no Result"),
        ("strange", "ok", "None"),
        ("circle", "ok", "x"),
    ],
)
@pytest.mark.parametrize("parallel", [False, True])
def test_however_a_step_ends_the_next_one_runs(do, outcome, told, parallel, caplog):
    """Every way to end, a plugin's bugs and its attempts to end the process included, is an entry."""
    caplog.set_level(logging.CRITICAL, "exitkit")
    steps = [step("a", do, say="x"), step("b")]
    report = run(steps) if parallel else run(*steps)
    assert outcomes(report) == {"a": outcome, "b": "ok"}
    assert summaries(report)["a"] == told
    assert report.exit_code == (1 if outcome in ("failed", "unknown") else 0)
    assert report.to_json()


def test_a_bug_has_its_traceback_in_the_log(caplog):
    """And no secret in it."""
    logging.getLogger("exitkit").propagate = True
    with caplog.at_level("ERROR", "exitkit"):
        run(step("a", "bug"))
    assert "KeyError" in caplog.text
    assert "trunkplay.py" in caplog.text


def test_retries_are_the_steps_own():
    """As often as its terms say, with what it ended as."""
    report = run(
        step("a", "retryable", retry={"attempts": 3}), step("b", "busy"), step("c", "busy", retry={"attempts": 2})
    )
    assert summaries(report)["a"].endswith("again; gave up after 3 tries")
    assert outcomes(report) == {"a": "failed", "b": "ok", "c": "failed"}


def test_an_unknown_outcome_is_resent_only_where_asked_for(played):
    """And then only as often as the terms say, not once for each loop it is in."""
    report = run(
        step("a", "late"),
        step("b", "late", retry={"resend": True}),
        step("c", "never", retry={"resend": True, "attempts": 4}),
    )
    assert outcomes(report) == {"a": "unknown", "b": "ok", "c": "unknown"}
    assert [one[0] for one in played] == ["a", "sent", "b", "sent", "sent", "sent", "c", *["sent"] * 4]


def test_a_timeout_ends_its_step_alone():
    """The rest of the plan's time is for the others."""
    report = run(step("a", "hang", timeout=5), step("b", "hang-sent", timeout=5), step("c"))
    assert outcomes(report) == {"a": "failed", "b": "unknown", "c": "ok"}
    assert 9.5 <= report.seconds <= 10 + 2 * GRACES  # of each, a moment is for telling how far it came
    assert report.exit_code == 1


def test_the_deadline_ends_all_and_every_step_has_an_entry():
    """What was begun and what was not are told apart, and the exit code says that time ran out."""
    report = run(
        step("a"), step("b", "hang-sent"), [step("c"), step("d")], step("e", fallback=["f"]), step("f"), seconds=10
    )
    assert outcomes(report) == {"a": "ok", "b": "unknown", "c": "failed", "d": "failed", "e": "failed", "f": "failed"}
    assert summaries(report)["c"] == summaries(report)["f"] == "not run: no time left"
    assert 9.5 <= report.seconds <= 10 + GRACES
    assert (report.exit_code, report.outcome, report.cut) == (3, "cut", True)


def test_parallel_steps_at_the_deadline_are_told_each_for_itself():
    """One that is done is done."""
    report = run([step("a", seconds=3), step("b", "hang"), step("c", "hang-sent")], step("d"), seconds=10)
    assert outcomes(report) == {"a": "ok", "b": "failed", "c": "unknown", "d": "failed"}
    assert report.exit_code == 3


def test_a_signal_ends_it_with_what_is_known():
    """A cut of the deadline from outside, while steps run."""
    clock = FakeClock()
    whole = context(seconds=300, clock=clock)
    clock.spawn(lambda: (clock.sleep(2), whole.deadline.cut(0.5)), "signal")
    plan = Plan.model_validate({"steps": [step("a", seconds=1), step("b", "hang"), step("c")]})
    report = dispatch(plan, whole, {})
    assert outcomes(report) == {"a": "ok", "b": "failed", "c": "failed"}
    assert clock.monotonic() <= 2.5 + GRACES
    assert report.exit_code == 3


def test_a_step_that_gets_stuck_while_it_is_made_ends_with_its_time():
    """Its settings' own check hangs: nothing of it was done, and those before it are told."""
    clock = FakeClock(patience=0.05)
    stuck = step("b", uses="play.stuck", text="{{ steps.a.said }}")
    report = run(step("a"), stuck, step("c"), seconds=10, clock=clock)
    sys.modules["trunkplay"].STUCK.set()
    assert outcomes(report) == {"a": "ok", "b": "failed", "c": "failed"}
    assert summaries(report)["b"].startswith("no answer within 9.9 s")
    assert report.exit_code == 3


def test_a_fallback_runs_only_when_it_is_needed(played):
    """In its order, until one succeeds, and it says why it fired."""
    report = run(
        step("a", "fail", say="a", fallback=["f1", "f2", "f3"]),
        step("f1", "fail", say="f1"),
        step("f2"),
        step("f3"),
        step("z"),
    )
    assert outcomes(report) == {"a": "failed", "f1": "failed", "f2": "ok", "f3": "skipped", "z": "ok"}
    assert summaries(report)["f3"] == "not needed"
    assert [(one[0], one[2]) for one in played] == [
        ("a", ""),
        ("f1", "a failed: a failed"),
        ("f2", "a failed: a failed"),
        ("z", ""),
    ]
    assert [entry.because for entry in report.entries] == ["", "a failed: a failed", "a failed: a failed", "", ""]


def test_a_fallback_that_succeeds_makes_the_failure_good():
    """The step is told as failed, and does not count; the fallback's own failures still do."""
    report = run(step("a", "fail", fallback=["f"], required=True), step("f"), fail_on="required")
    assert outcomes(report) == {"a": "failed", "f": "ok"}
    assert (report.exit_code, report.outcome, report.entries[0].covered_by) == (0, "ok", "f")
    assert run(step("a", "fail", fallback=["f"]), step("f", "fail")).exit_code == 1
    assert run(step("a", "fail", fallback=["f"]), step("f", "skip")).exit_code == 1


def test_a_fallback_of_a_fallback_makes_both_good():
    """What counts is that somebody was told in the end."""
    report = run(step("a", "fail", fallback=["b", "d"]), step("b", "fail", fallback=["c"]), step("c"), step("d"))
    assert outcomes(report) == {"a": "failed", "b": "failed", "c": "ok", "d": "skipped"}
    assert [entry.covered_by for entry in report.entries] == ["b", "c", "", ""]
    assert report.exit_code == 0


def test_a_fallback_for_two_steps_runs_once_and_makes_both_good(played):
    """One message is enough, one after the other and at once."""
    for steps in (
        [step("a", "fail", fallback=["f"]), step("b", "fail", fallback=["f"])],
        [[step("a", "fail", fallback=["f"]), step("b", "fail", fallback=["f"])]],
    ):
        played.clear()
        report = run(*steps, step("f", seconds=5), clock=FakeClock(patience=0.05))
        assert [one[0] for one in played].count("f") == 1
        assert [entry.covered_by for entry in report.entries] == ["f", "f", ""]
        assert report.exit_code == 0


def test_a_fallback_of_what_may_have_arrived_says_so(played):
    """The reader may get it twice."""
    run(step("a", "unknown", say="a", fallback=["f"]), step("f"))
    assert played[-1][2] == "a may not have arrived: a may be"


def test_a_fallbacks_message_says_why_it_was_sent(capsys):
    """The person who reads it learns that the other channel failed."""
    run(step("a", "fail", say="slack", fallback=["tell"]), step("tell", uses="notify.console"))
    assert "sent here because a failed: slack failed" in capsys.readouterr().err


def test_a_fallback_also_stands_in_for_what_could_not_be_set_up():
    """A channel without its token is a channel that failed."""
    report = run(step("a", size="{{ workflow.name }}", fallback=["f"]), step("f"))
    assert outcomes(report) == {"a": "failed", "f": "ok"}
    assert report.exit_code == 0


@pytest.mark.parametrize(
    ("steps", "fail_on", "code"),
    [
        ([("a", "ok")], "any", 0),
        ([("a", "fail"), ("b", "ok")], "any", 1),
        ([("a", "fail"), ("b", "ok")], "required", 0),
        ([("a", "ok"), ("b", "fail", "required")], "required", 1),
        ([("a", "unknown", "required")], "required", 1),
        ([("a", "fail", "required")], "never", 0),
        ([("a", "skip", "required"), ("b", "duplicate", "required")], "required", 0),
    ],
)
def test_the_user_chooses_what_counts(steps, fail_on, code):
    """Any failure, that of a required step, or none."""
    found = [step(*one[:2], required="required" in one) for one in steps]
    assert run(*found, fail_on=fail_on).exit_code == code


@pytest.mark.parametrize(("fail_on", "code"), [("any", 1), ("required", 0), ("never", 0)])
def test_what_data_makes_wrong_is_a_failed_step(played, fail_on, code):
    """Also where it makes all of them wrong: only a plan's text is refused, and what counts is the user's choice."""
    report = run(step("a", size="{{ workflow.name }}"), step("b", size="{{ workflow.uid }}"), fail_on=fail_on)
    assert outcomes(report) == {"a": "failed", "b": "failed"}
    assert summaries(report)["a"].startswith("a: size: a size is")
    assert report.exit_code == code
    assert played == []


def test_one_step_that_cannot_run_fails_alone(played):
    """The others are not to blame."""
    report = run(step("a", size="{{ workflow.name }}"), step("b", say="{{ workflow.nope }}"), step("c"))
    assert outcomes(report) == {"a": "failed", "b": "failed", "c": "ok"}
    assert summaries(report)["a"].startswith("a: size: a size is")
    assert [one[0] for one in played] == ["c"]


def test_a_step_that_is_not_due_may_be_wrong():
    """What is only for failures needs no facts that only failures have."""
    report = run(step("a", size="{{ workflow.name }}", when=["Failed"]), status="Succeeded")
    assert outcomes(report) == {"a": "skipped"}
    assert report.exit_code == 0


def test_a_bug_in_an_actions_own_check_fails_its_step_alone():
    """Also where pydantic would not take it for a wrong value."""
    report = run(step("a", uses="play.buggy", value=7), step("b"))
    assert outcomes(report) == {"a": "failed", "b": "ok"}
    assert "bug in Buggy" in summaries(report)["a"]


def test_a_dry_run_reaches_every_action():
    """Whatever an action does is its own to leave out."""
    assert summaries(run(step("a", "dry"), dry_run=True)) == {"a": "would play"}
    assert summaries(run(step("a", "dry"))) == {"a": "played for real"}


def test_no_entry_shows_a_secret():
    """What an action says of its own token."""
    report = run(step("a", say="my token is hunter2-hunter2", token="hunter2-hunter2"))
    assert summaries(report) == {"a": "my token is ***"}


def test_settings_come_from_the_environment_as_well():
    """By the action's prefix."""
    assert summaries(run(step("a"), environ={"EXITKIT_PLAY_SCRIPT_SAY": "from env"})) == {"a": "from env"}


def test_the_deadline_is_the_least_of_all():
    """The flag before the plan's, and Argo's own end before both; one in the past leaves nothing."""
    plan = Plan.model_validate({"timeout": 100, "steps": [step("a")]})
    one = context()
    assert deadline_for(plan, one, None).remaining() == 100
    assert deadline_for(plan, one, 400).remaining() == 400
    for ahead, left in ((50, 50), (500, 100), (-50, 0)):
        end = datetime.fromtimestamp(one.deadline.clock.time() + ahead, UTC)
        assert deadline_for(plan, replace(one, workflow=Workflow(deadline=end)), None).remaining() == pytest.approx(
            left
        )


def test_many_parallel_steps_are_all_told():
    """No entry is lost, however many write at once."""
    report = run([step(f"s{number}", seconds=number % 3) for number in range(40)])
    assert set(outcomes(report).values()) == {"ok"}
    assert report.seconds == 2


@pytest.mark.parametrize("way", ["fail", "retryable"])
def test_what_a_failed_step_knew_is_in_the_report(way):
    """Facts and notes of an error stand in the step's entry, as a result's do, also after the last try."""
    (entry,) = run(step("a", way)).entries
    assert entry.outcome == "failed"
    assert entry.facts == {"half": 1}
    assert entry.notes == ("half of it is done",)


def test_each_step_is_made_when_it_is_its_turn(played):
    """What is wrong with a later step, however badly, does not keep an earlier one from telling."""
    report = run(step("a"), step("b", say="{% for x in steps.a %}{{ 1 // 0 }}{% endfor %}"), step("c"))
    assert outcomes(report) == {"a": "ok", "b": "failed", "c": "ok"}
    assert [one[0] for one in played] == ["a", "c"]


def test_the_secret_of_a_later_step_is_in_no_earlier_message(tmp_path):
    """Though it comes from a parameter, and the step is made when it is its turn; a name in a secret stays a name."""
    facts = {"tok": "0pen-sesame-77", "h": "hdr-s3cret-88"}
    failures = decode(
        json.dumps([{"displayName": "fit", "message": "0pen-sesame-77 and hdr-s3cret-88 of train-long-9"}])
    )
    workflow = Workflow(name="train-long-9-x7k2p", status="Failed", parameters=facts, failures=failures)
    earlier = {"id": "a", "uses": "ship.file", "with": {"path": f"{tmp_path}/out"}}
    hook = {"url": "http://127.0.0.1:9/hook/{{ workflow.name }}", "bearer": "{{ workflow.parameters.tok }}"}
    headers = {"X-Api-Key": "{{ workflow.parameters['h'] | trim }}"}
    plan = Plan.model_validate(
        {"steps": [earlier, {"id": "b", "uses": "notify.webhook", "if": "false", "with": {**hook, "headers": headers}}]}
    )
    with redact.forget_all():
        dispatch(plan, Context(workflow, Retry(deadline=Deadline(300, FakeClock()))), {})
        shipped = (tmp_path / "out").read_text()
    assert "*** and *** of train-long-9" in shipped
    assert "train-long-9-x7k2p" in shipped


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(9) %}{{ 'a' * 10 ** 9 }}{% endfor %}",
        "{{ workflow.name | indent(9 ** 9) }}",
        "{{ workflow.name * 9 }}",
        "{{ workflow.name }}{# {{ #}{{ 9 ** 9 }}",
        "{{ steps.tell.outcome }}",
    ],
)
def test_no_secret_is_looked_for_where_that_takes_more_than_a_fact(monkeypatch, text):
    """A template that works something out is made at its own turn, so that it keeps no earlier step from telling."""
    monkeypatch.setattr(foresight.template, "render", lambda *_, **__: pytest.fail("rendered"))
    foresight.foresee(Plan.model_validate({"steps": [step("tell"), step("b", token=text)]}), context())


@pytest.mark.parametrize("gap", ["{{ workflow.labels.key }}", "{{ workflow.message }}", "a-{{ workflow.labels.key }}"])
def test_a_secret_with_a_gap_signs_nothing(gap):
    """A key that everybody can guess would be worse than none; a fallback hears of it."""
    hook = {"id": "b", "uses": "notify.webhook", "with": {"url": "http://127.0.0.1:9/x", "secret": gap}}
    stand_in = {"id": "c", "uses": "notify.console"}
    report = run({**hook, "fallback": ["c"]}, stand_in)
    assert [entry.outcome for entry in report.entries] == ["failed", "ok"]
    assert "secret: " in report.entries[0].summary


def test_time_is_kept_for_a_required_step():
    """However long a server asks the first one to wait."""
    report = run(step("a", "later", say="9.7"), step("b", seconds=4, required=True), seconds=10)
    assert outcomes(report) == {"a": "failed", "b": "ok"}
    assert "asked to wait 10 s" in summaries(report)["a"]
    assert report.entries[0].seconds == 0


@pytest.mark.parametrize("first", ["hang", "hang-sent"])
def test_a_step_that_hangs_leaves_its_fallback_time(first):
    """One attempt's length, or its share where there is less than that for all."""
    report = run(step("a", first, fallback=["f", "g"]), step("f", "hang"), step("g"), seconds=300)
    assert outcomes(report)["g"] == "ok"
    assert 260 <= report.seconds <= 300
    report = run(step("a", first, fallback=["f"]), step("f"), step("z", required=True), seconds=3)
    assert outcomes(report)["f"] == outcomes(report)["z"] == "ok"


def test_no_time_is_kept_for_who_is_not_due():
    """What is only for success does not shorten what is for failure, and a step does not wait for itself."""
    report = run(step("a", seconds=9, required=True), step("b", required=True, when=["Succeeded"]), seconds=10)
    assert outcomes(report) == {"a": "ok", "b": "skipped"}


@pytest.mark.parametrize(
    ("do", "outcome", "told"),
    [
        ("bug-mute", "failed", "bug in play.script: Mute: (Mute that cannot be shown: RuntimeError)"),
        ("fail-mute", "failed", "(MuteFailure that cannot be shown: RuntimeError)"),
        ("wild", "ok", "(_Strange that cannot be shown: RuntimeError)"),
    ],
)
@pytest.mark.parametrize("parallel", [False, True])
def test_what_an_action_gives_may_raise_whatever_is_asked_of_it(do, outcome, told, parallel, caplog):
    """Errors without words, facts and notes that cannot be read: the step says so, and the others run."""
    caplog.set_level(logging.CRITICAL, "exitkit")
    steps = [step("a", do), step("b")]
    report = run(steps) if parallel else run(*steps)
    assert outcomes(report) == {"a": outcome, "b": "ok"}
    assert summaries(report)["a"] == told
    if do != "bug-mute":
        assert report.entries[0].notes == (
            "its notes cannot be read: RuntimeError",
            "its facts cannot be read: RuntimeError",
        )


def test_facts_without_end_are_cut():
    """A step gives some thousand of them at most, however many an action has, and says so."""
    (entry,) = run(step("a", "endless")).entries
    assert 1000 < len(entry.facts) <= 5000
    assert entry.notes == (f"only {len(entry.facts)} of its facts are kept; no step may have more",)
    (entry,) = run(step("a", "longwinded")).entries
    assert sum(map(len, entry.facts.values())) <= 1 << 20


def test_where_no_thread_is_to_be_had_all_run_one_after_another(monkeypatch):
    """Steps that should run together, and the attempts in them."""

    class Alone(Clock):
        def monotonic(self):
            return 0.0

    def none(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    report = run(step("a"), [step("b"), step("c", "fail"), step("d", "late")], step("e", fallback=[]), clock=Alone())
    assert outcomes(report) == {"a": "ok", "b": "ok", "c": "failed", "d": "unknown", "e": "ok"}


def test_what_breaks_the_run_itself_is_no_lack_of_time(monkeypatch, caplog):
    """Each step says what really was."""
    caplog.set_level(logging.CRITICAL, "exitkit")
    monkeypatch.setattr(loop, "entry_json", lambda _: 1 / 0)
    report = run(step("a"), step("b"))
    assert outcomes(report) == {"a": "ok", "b": "failed"}
    assert summaries(report)["b"] == "not run: the run broke: ZeroDivisionError"
    assert (report.exit_code, report.cut) == (1, False)


def test_a_kind_is_known_by_its_class():
    """A gap is shown in what a Notify says, whatever it is called, and an error elsewhere."""
    report = run(
        step("a", uses="play.room", text="of {{ workflow.labels.team }}"), step("b", say="{{ workflow.labels.team }}")
    )
    assert outcomes(report) == {"a": "ok", "b": "failed"}


def test_what_happens_is_told_as_it_happens():
    """So that somebody else can tell it: the plan, each step's begin, and each end."""
    messages = []
    plan = Plan.model_validate({"steps": [step("a", "fail", fallback=["f"]), step("f")]})
    dispatch(plan, context(), {}, tell=lambda *message: messages.append(message))
    assert [(message[0], str(message[1])[:12]) for message in messages[1:]] == [
        ("began", "a"),
        ("entry", '{"step": "a"'),
        ("began", "f"),
        ("entry", '{"step": "f"'),
        ("entry", '{"step": "a"'),
    ]
    assert messages[0][1]["steps"] == [("a", "play.script", False, ("f",)), ("f", "play.script", False, ())]
    assert json.loads(messages[-1][1])["coveredBy"] == "f"


@pytest.mark.parametrize("do", ["bug-rude", "fail-rude"])
def test_an_error_whose_words_end_the_process_is_told_and_the_others_run(do, caplog):
    """`__str__` may call sys.exit, where the failure itself is told as well."""
    caplog.set_level(logging.CRITICAL, "exitkit")
    report = run(step("a", do), step("b"))
    assert outcomes(report) == {"a": "failed", "b": "ok"}
    assert "cannot be shown: SystemExit" in summaries(report)["a"]


def test_a_summary_is_no_book():
    """What stands for a step in each report and message is cut where an action wrote megabytes, and says so."""
    for do in ("fail-long", "long"):
        (entry,) = run(step("a", do)).entries
        assert len(entry.summary) < 5_000
        assert entry.summary.endswith("… (cut, of 1000000 characters)")


def test_a_cut_leaves_no_half_of_a_secret():
    """A secret that lies across the end is known only whole, so that it has to go before the cut."""
    redact.remember("correct-horse-battery-staple")
    text = "x" * 3_990 + "correct-horse-battery-staple" + "y" * 5_000
    result = settled.result(Result(text, {"a": text}, (text,)))
    assert result is not None
    for told in (result.summary, result.notes[0]):
        assert "correct" not in told
