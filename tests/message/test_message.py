"""The neutral message: what people are told before any channel's form."""

import json

import pytest

from exitkit import message
from exitkit.argo.gather import gather
from exitkit.message import Message, ShownFailure
from exitkit.testing.scene import failed_workflow, hostile_workflow
from exitkit.text import redact


def test_a_failed_workflow_is_told_with_its_causes():
    """Title, summary, causes with counts and links, and facts come from Argo's arguments alone."""
    told = message.build(failed_workflow())
    assert told.title == "train-x7k2p failed"
    assert told.summary == (
        "4 steps failed, the same message 3 times; the first was fit(1:1) (OOMKilled, exit code 137): "
        "it used more memory than its limit"
    )
    assert [(one.step, one.count, one.exit_code) for one in told.failures] == [("fit(1:1)", 3, 137), ("evaluate", 1, 1)]
    assert all("tab=workflow" in one.link and "sidePanel=logs" in one.link for one in told.failures)
    assert ("Cron workflow", "train-nightly") in told.facts
    assert told.bad
    assert not told.good


def test_a_workflow_of_which_nothing_is_known_is_still_told():
    """Without a single fact there is a message, and it looks like one that may tell of a failure."""
    told = message.build(gather({}, {}))
    assert told.title == "a workflow ended, and its status is not known"
    assert told.bad
    assert told.as_line()


def test_the_users_words_come_before_ours():
    """Title, text, facts and link that were given replace what would have stood there."""
    told = message.build(
        failed_workflow(), title="nope", text="see the wiki", facts={"Status": "bad"}, link="https://wiki.example.com"
    )
    assert told.title == "nope"
    assert told.text == "see the wiki"
    assert told.link == "https://wiki.example.com"
    assert [value for label, value in told.facts if label == "Status"] == ["bad"]


def test_a_stopped_workflow_says_who_stopped_it():
    """A workflow that somebody stopped did not fail by itself."""
    labels = {"workflows.argoproj.io/action": "Terminate", "workflows.argoproj.io/actor-email": "ann.at.example.com"}
    told = message.build(failed_workflow(labels=json.dumps(labels)))
    assert told.title == "train-x7k2p was stopped by ann@example.com"


@pytest.mark.parametrize(
    ("status", "title", "shown", "bad"),
    [
        ("Failed", "train-x: step fit(0:a) failed", "Failed", True),
        ("Error", "train-x: step fit(0:a) ended in an error", "Error", True),
        ("Succeeded", "train-x: step fit(0:a) succeeded", "Succeeded", False),
        ("Skipped", "train-x: step fit(0:a) was skipped", "Skipped", False),
        ("Running", "train-x: step fit(0:a) ended, the workflow goes on", "ended", False),
        ("", "train-x: step fit(0:a) ended, the workflow goes on", "ended", True),
        ("Faild", "train-x: step fit(0:a) ended, the workflow goes on", "Faild", False),
    ],
)
def test_a_steps_own_handler_tells_of_the_step(status, title, shown, bad):
    """Argo gives it the workflow's status, which is Running; only an older hook passes the step's own."""
    given = {"name": "train-x", "status": status, "node_name": "train-x[0].deep[1].fit(0:a)(1).onExit", "duration": "7"}
    told = message.build(gather({**given, "creation_timestamp": "2026-08-21T12:39:06Z"}, {}))
    assert (told.title, told.bad) == (title, bad)
    facts = dict(told.facts)
    assert (facts["Status"], facts["Step"]) == (shown, "fit(0:a)")
    assert "Workflow created" in facts
    assert not any("uration" in label for label in facts)


def test_the_workflows_own_handler_tells_of_no_step():
    """Also where it is a step of a handler's template, or a hook on Running."""
    for node in ("train-x.onExit", "train-x.onExit(0)", "train-x.onExit[1].tell", "train-x.hooks.started"):
        told = message.build(gather({"name": "train-x", "status": "Failed", "node_name": node}, {}))
        assert told.title == "train-x failed"
        assert "Step" not in dict(told.facts)


def test_the_time_of_creation_is_called_so():
    """A mutex or a retry can lie between it and the start."""
    facts = dict(message.build(failed_workflow()).facts)
    assert facts["Created"] == "2026-08-21 12:18:38 UTC"
    assert "Started" not in facts


def test_secrets_are_cut_from_every_part():
    """A secret that a pod printed does not leave in a message."""
    with redact.forget_all():
        redact.remember("hunter2-hunter2")
        failures = [
            {"displayName": "a", "message": "login hunter2-hunter2 failed", "podName": "x-1", "phase": "Failed"}
        ]
        told = message.build(
            failed_workflow(failures=json.dumps(failures)),
            text="hunter2-hunter2",
            facts={"x": "hunter2-hunter2"},
            because="hunter2-hunter2",
        )
    assert "hunter2-hunter2" not in repr(told)


def test_every_part_but_the_text_is_one_bounded_line():
    """Whatever a workflow is called, a title is a title."""
    told = message.build(hostile_workflow(100_000), because="x\ny")
    lines = [told.title, told.summary, *told.footer(), *(part for fact in told.facts for part in fact)]
    lines += [part for one in told.failures for part in (one.step, one.gist, *one.others, *one.remarks)]
    assert all("\n" not in one and "\r" not in one and len(one) <= 3000 for one in lines)
    assert all(len(one.message) <= 20_000 for one in told.failures)


def test_more_causes_than_people_read_are_counted():
    """Ten causes are told, and how many others there are."""
    failures = [
        {
            "displayName": f"s{n}",
            "message": f"cause {chr(97 + n)}{chr(97 + n)}",
            "templateName": f"t{n}",
            "podName": f"p-{n}",
        }
        for n in range(13)
    ]
    told = message.build(failed_workflow(failures=json.dumps(failures)))
    assert (len(told.failures), told.more) == (10, 3)
    assert "- and 3 more" in told.as_text()


def test_a_line_ends_in_the_whole_link():
    """A link that is cut leads elsewhere, so the words give way."""
    link = "https://argo.example.com/workflows/a/b"
    line = Message("Failed", "t" * 500, link=link).as_line(120)
    assert line.endswith(f"… {link}")
    assert len(line) <= 120


def test_text_has_all_of_it_in_the_order_of_interest():
    """Causes come before facts, the link after both, and the footer last."""
    told = Message(
        "Failed",
        "t",
        "s",
        link="https://x.example",
        facts=(("a", "b"),),
        failures=(ShownFailure("step", "bad\n  at x", 2, gist="bad"),),
        notes=("n",),
    )
    assert told.as_text().split("\n") == [
        "t",
        "s",
        "",
        "- step and 1 more: bad (2 times)",
        "    bad",
        "      at x",
        "",
        "a: b",
        "",
        "https://x.example",
        "",
        "n",
    ]


LOG = "".join(f"2026-08-21 12:00:{n % 60:02d} INFO row {n} of the table is read\n" for n in range(60))
TRACEBACK = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nKeyError: 'price'\n"


def failed(*messages, template="load"):
    """The message about steps of one template with these messages of Argo's."""
    failures = [
        {"displayName": f"s{n}", "message": message, "templateName": template, "podName": f"x-{n}"}
        for n, message in enumerate(messages)
    ]
    return message.build(failed_workflow(failures=json.dumps(failures)))


def test_the_cause_at_the_end_of_a_long_log_is_told_first():
    """Argo puts the container's last 4 KiB into the message, and the exception stands at its end."""
    (failure,) = failed(f"main: Error (exit code 1): {LOG}{TRACEBACK}").failures
    assert failure.gist == "KeyError: 'price'"
    whole = failure.whole(600)
    assert whole.startswith("KeyError: 'price'\n\n2026-08-21 12:00:00 INFO")
    assert "characters left out" in whole
    assert whole.endswith("KeyError: 'price'")
    assert len(whole) <= 600


def test_line_ends_stay_line_ends():
    """A traceback in one line is hard to read."""
    (failure,) = failed(f"main: Error (exit code 1): {TRACEBACK}").failures
    assert failure.message.split("\n") == TRACEBACK.strip().split("\n")


def test_all_steps_that_share_a_message_are_named():
    """One of three names leaves a reader to look for the others; what is left out is counted."""
    told = failed(*["main: Error (exit code 1): no route to host"] * 40)
    (failure,) = told.failures
    assert failure.names(60).startswith("s0, s1, s10, s11, ")
    assert failure.names(60).endswith(f" and {40 - failure.names(60).count('s')} more")
    assert failure.names(10_000).count("s") == 40
    assert "s0, s1, s10" in told.as_text()


def test_half_a_key_is_never_the_line_that_is_told():
    """The last line of a private key looks like no secret by itself, so secrets go before lines are chosen."""
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQ\n"
    told = failed(f"main: Error (exit code 1): bad key\n{key}")
    assert "BKcwgg" not in repr(told)
    assert "MIIEv" not in repr(told)
    assert "bad key" in repr(told)


def test_what_could_not_be_read_of_the_failures_is_shown():
    """Somebody passed a text of his own; it is a note of the message."""
    told = message.build(failed_workflow(failures="disk full on node 7"))
    assert any("disk full on node 7" in note for note in told.notes)
