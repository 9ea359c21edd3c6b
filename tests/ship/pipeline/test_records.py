"""The records that are shipped: their ids, their order, their times, and what is cut out of them."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.timestamp import rfc3339
from exitkit.argo.workflow import Workflow
from exitkit.ship.pipeline.records import identify, status_records
from exitkit.text import redact
from exitkit.text.safe import LONGEST, clean, is_secret_name, safe_values

NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def failure(name, message="main: Error (exit code 1)", seconds=0, **more):
    return Failure(
        display_name=name,
        message=message,
        pod_name=f"pod-{name}",
        finished_at=NOON + timedelta(seconds=seconds),
        **more,
    )


def workflow(*failures, **more):
    facts = {"name": "etl", "namespace": "data", "uid": "u-1", "status": "Failed" if failures else "Succeeded"}
    return Workflow(**{**facts, "failures": Failures(all=failures, raw_count=len(failures)), **more})


def test_status_comes_first_then_failures_as_they_finished():
    """The status record is always first, so that it arrives even if the rest does not."""
    records = list(status_records(workflow(failure("b", seconds=2), failure("a", seconds=1))))
    assert [one.kind for one in records] == ["status", "failure", "failure"]
    assert [one.attributes.get("step") for one in records] == [None, "a", "b"]


def test_the_same_workflow_gives_the_same_records_in_any_order_of_its_failures():
    """Argo lists failures in random order; ids, order and times do not hang on it."""
    failures = [failure(f"step-{number % 5}", f"m{number}", seconds=number % 3) for number in range(12)]
    first = list(status_records(workflow(*failures), 1.0))
    random.Random(1).shuffle(failures)
    second = list(status_records(workflow(*failures), 2.0))
    assert first == second
    assert len({one.id for one in first}) == 13


def test_failures_that_nothing_tells_apart_have_ids_of_their_own():
    """Two failures without pod, time and name are two records."""
    records = list(status_records(workflow(Failure(message="a"), Failure(message="a"))))
    assert len({one.id for one in records}) == 3


def test_ids_are_short_and_depend_on_every_part_of_the_origin():
    """An id is 26 characters of a-z2-7; another uid, kind, node, end, container or line is another id."""
    one = workflow()
    ids = [
        identify(one, "log", "n"),
        identify(replace(one, uid="u-2"), "log", "n"),
        identify(one, "failure", "n"),
        identify(one, "log", "m"),
        identify(one, "log", "n", ended="x"),
        identify(one, "log", "n", container="main"),
        identify(one, "log", "n", line=1),
    ]
    assert len(set(ids)) == len(ids)
    assert all(len(each) == 26 and set(each) <= set("abcdefghijklmnopqrstuvwxyz234567") for each in ids)
    assert identify(one, "log", "n") == identify(replace(one, notes=("n",), duration=2.0), "log", "n")


def test_a_published_id_never_changes():
    """Ids are in files and indexes of people: the recipe stays as it is."""
    assert identify(workflow(), "log", "node", container="main", line=7) == "idgutstcojgxxgfbm5wmcqujcy"


def test_a_retried_workflow_that_fails_again_ends_twice():
    """The second end under the same uid is news, not a duplicate."""
    first, second = (list(status_records(workflow(failure("a", seconds=at)))) for at in (0, 60))
    assert {one.id for one in first}.isdisjoint(one.id for one in second)


def test_times_are_to_the_nanosecond_and_from_the_facts():
    """A failure has its own time; the status has creation plus duration, else the last failure's, else now."""
    status, failed = status_records(workflow(failure("a"), creation_timestamp=NOON, duration=1.5))
    assert failed.to_json()["time"] == "2026-11-23T12:00:00.123456000Z"
    assert status.to_json()["time"] == "2026-11-23T12:00:01.623456000Z"
    status, _ = status_records(workflow(failure("a", seconds=9)))
    assert rfc3339(status.time) == "2026-11-23T12:00:09.123456000Z"
    (status,) = status_records(workflow(), 5.0)
    assert status.time == 5_000_000_000


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -1.0, 1e300])
def test_a_mad_duration_does_no_harm(duration):
    """What cannot be a duration is neither a time nor in the JSON."""
    (status,) = status_records(workflow(creation_timestamp=NOON, duration=duration))
    assert json.loads(json.dumps(status.to_json()), parse_constant=pytest.fail)
    assert rfc3339(status.time).startswith("20")


def test_levels_say_how_bad_it_is():
    """Succeeded is information, a failure an error, and so is an end that nobody knows."""
    levels = {status: next(status_records(workflow(status=status))).level for status in ("Succeeded", "Failed", "")}
    assert levels == {"Succeeded": "info", "Failed": "error", "": "error"}


def test_secrets_are_cut_out_of_messages_parameters_and_labels():
    """A remembered secret appears nowhere; a parameter named like a secret is masked whatever it holds."""
    with redact.forget_all():
        redact.remember("hunter2hunter2")
        records = list(
            status_records(
                workflow(
                    failure("a", "login with hunter2hunter2 failed"),
                    parameters={"dbPassword": "abc", "text": "x hunter2hunter2"},
                    labels={"l": "hunter2hunter2"},
                )
            )
        )
    text = json.dumps([one.to_json() for one in records])
    assert "hunter2" not in text
    assert records[0].attributes["parameters"] == {"dbPassword": "***", "text": "x ***"}


@pytest.mark.parametrize(
    "name",
    ["password", "DB_PASS_WORD", "apiKey", "api-key", "aws_secret_access_key", "githubToken", "dsn", "slack-webhook"],
)
def test_names_of_secrets_are_known(name):
    """However its words are joined."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["date", "tokenizer", "author", "key", "compass", "primary_key", "passenger"])
def test_names_that_only_look_like_it_are_shown(name):
    """A mask where none is needed costs somebody the fact."""
    assert not is_secret_name(name)


def test_text_that_is_no_text_stays_readable():
    """Broken UTF-8, colours and marks of direction do not get through; lines and indentation do."""
    assert clean("Traceback:\n  File a\n\x1b[31mred\x1b[0m \udcff\u202e b\r\n") == "Traceback:\n  File a\nred \ufffd b"


def test_a_secret_split_by_what_nobody_sees_is_still_cut_out():
    """A control character inside of a secret does not carry it through."""
    with redact.forget_all():
        redact.remember("hunter2hunter2")
        assert clean("a hunter2\x00hunter2 b") == "a *** b"


def test_a_long_message_is_cut_and_says_so():
    """So that a record has a bound, and nobody takes the part for the whole."""
    text = clean("x" * 3_000_000)
    assert len(text) < LONGEST + 100
    assert text.endswith("… (cut, of 3000000 characters)")
    assert len(safe_values({str(number): "v" for number in range(5000)})) == 100


ANY_TEXT = st.text(st.characters(), max_size=40)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(name=ANY_TEXT, message=ANY_TEXT, pod=ANY_TEXT, values=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=3))
def test_whatever_comes_in_valid_json_goes_out(name, message, pod, values):
    """No text, surrogates included, makes a record that UTF-8 or JSON cannot carry."""
    one = Failure(display_name=name, message=message, pod_name=pod)
    for record in status_records(workflow(one, name=name, parameters=values, labels=values)):
        assert record.to_json() == json.loads(json.dumps(record.to_json(), ensure_ascii=False).encode())
