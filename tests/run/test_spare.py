"""A mention, a channel or a recipient that the workflow's data does not make costs neither the message nor the run."""

import pytest

from exitkit.plan import Plan, Step
from exitkit.run import dispatch
from exitkit.testing.http import ScriptedHTTP, answer_json
from exitkit.testing.scene import context, failed_workflow
from exitkit.testing.smtp import ScriptedSMTP, Session

OK = {"ok": True, "ts": "1.2", "channel": "C1"}
GAP = "{{ workflow.labels.oncall }}"


def run(uses, settings, environ=None, workflow=None, **terms):
    plan = Plan(steps=(Step(uses=uses, with_=settings, **terms),))
    return dispatch(plan, context(workflow=workflow or failed_workflow(labels="{}")), environ or {})


def slack(server, **settings):
    return {"token": "xoxb-for-this-test", "channel": "#ops", "api_url": f"{server.url}/api/", **settings}


@pytest.mark.parametrize(
    ("mention", "pinged", "left"),
    [
        ("U0ABC,S0DEF", "<@U0ABC> <!subteam^S0DEF>", []),
        ("U0ABC; here", "<@U0ABC> <!here>", []),
        ("U0ABC jane", "<@U0ABC>", ["left out: mention 'jane'"]),
        (["jane, U0ABC", "channel"], "<@U0ABC> <!channel>", ["left out: mention 'jane'"]),
        ('["U0ABC", "S0ABC"]', "<@U0ABC> <!subteam^S0ABC>", []),
        ("{{ ['U0ABC', 'jane'] }}", "<@U0ABC>", ["left out: mention 'jane'"]),
    ],
)
def test_several_mentions_may_stand_in_one_text(mention, pinged, left):
    """As a label holds them; one that cannot be made costs none of the others."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        report = run("notify.slack", slack(server, mention=mention))
    assert pinged in server.requests[0].json()["text"]
    assert [note[: len(told)] for note, told in zip(report.entries[0].notes, left, strict=True)] == left


@pytest.mark.parametrize("to", ["{{ workflow.labels.a }}; ops@example.com", "nobody; Ops <ops@example.com>"])
def test_one_recipient_of_a_text_that_cannot_be_made_costs_no_other(to):
    """A list by comma or semicolon is several."""
    with ScriptedSMTP([Session()], implicit_tls=True) as server:
        settings = {"host": "127.0.0.1", "port": server.port, "tls": "implicit", "ca_file": server.ca_file}
        report = run("notify.email", {**settings, "sender": "argo@example.com", "to": to})
    assert server.envelopes[0].recipients == ["ops@example.com"]
    assert report.entries[0].notes[0].startswith("left out: to ")


@pytest.mark.parametrize("mention", [GAP, "jane", "<!channel>", "U0ABC|x", "@jane"])
def test_a_mention_that_cannot_be_made_is_left_out(mention):
    """The message goes with those that can, and both the report and the message say what is missing."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        report = run("notify.slack", slack(server, mention=[mention, "here"]))
    (entry,) = report.entries
    assert (entry.outcome, report.exit_code) == ("ok", 0)
    assert entry.notes[0].startswith("left out: mention ")
    assert "<!here>" in server.requests[0].json()["text"]
    assert "left out: mention " in str(server.requests[0].json()["blocks"][-1])


def test_a_thread_that_cannot_be_made_is_left_out():
    """The step that was to begin it may not have run; the answer then stands in the channel."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        report = run("notify.slack", slack(server, thread_ts="{{ workflow.labels.ts }}", broadcast=True))
    assert report.exit_code == 0
    assert not {"thread_ts", "reply_broadcast"} & set(server.requests[0].json())


def test_a_channel_that_cannot_be_made_gives_way_to_the_environments():
    """It is the default of whoever installed exitkit."""
    with ScriptedHTTP([answer_json(OK)]) as server:
        report = run("notify.slack", slack(server, channel=f"#{GAP}"), {"EXITKIT_NOTIFY_SLACK_CHANNEL": "#fallback"})
    assert server.requests[0].json()["channel"] == "#fallback"
    assert report.entries[0].notes[0].startswith("left out: channel ")


@pytest.mark.parametrize("channel", [GAP, "{{ workflow.labels.oncall or '' }}"])
def test_without_any_channel_the_step_fails_and_the_plan_is_not_wrong(channel):
    """It is exit code 1, which a fallback makes good, and not 2, which would be a mistake in the plan."""
    with ScriptedHTTP() as server:
        report = run("notify.slack", slack(server, channel=channel))
    (entry,) = report.entries
    assert (entry.outcome, entry.reason, report.exit_code) == ("failed", "data", 1)
    assert "token needs a channel" in entry.summary


def test_a_recipient_that_cannot_be_made_is_left_out():
    """The others have the mail, also from a list in one text; without any the step fails."""
    mail = {"tls": "none", "sender": "a@example.com"}
    with ScriptedSMTP([Session()]) as server:
        place = {"host": f"{server.host}:{server.port}", **mail}
        report = run("notify.email", {**place, "to": ["ops@example.com", GAP, f"team-{GAP}@example.com"], "cc": GAP})
        nobody = run("notify.email", {**place, "to": [GAP]})
    assert server.envelopes[0].recipients == ["ops@example.com"]
    assert len([note for note in report.entries[0].notes if note.startswith("left out: ")]) == 3
    assert (nobody.entries[0].outcome, nobody.exit_code) == ("failed", 1)


def test_a_mistake_in_the_plan_is_still_one():
    """What no data has a part in is told by its own name, and is left out by nobody."""
    with ScriptedHTTP() as server:
        (entry,) = run("notify.slack", slack(server, broadcast="perhaps")).entries
    assert (entry.outcome, entry.notes) == ("failed", ())
    assert "broadcast" in entry.summary
