"""Argo's `workflow` in one object, as its controller 4.0.7 wrote it, and in the forms in which it may arrive."""

import base64
import json

import pytest

from exitkit.argo.gather import gather
from exitkit.argo.gostring import quote

FAILURES = quote(json.dumps([{"displayName": "fit", "message": "main: Error (exit code 3): near {{=foo(}} \x7f"}]))
# Every dot of a name is a branch, and creationTimestamp has a leaf for each of its formats.
TREE = {
    "annotations": {
        "json": '{"workflows.argoproj.io/pod-name-format":"v2"}',
        "workflows": {"argoproj": {"io/pod-name-format": "v2"}},
    },
    "creationTimestamp": {"A": "Friday", "RFC3339": "2026-11-27T03:25:24Z", "s": "1795749924", "y": "26"},
    "duration": "1.770631",
    "failures": FAILURES,
    "labels": {
        "json": '{"team":"search","workflows.argoproj.io/completed":"false","workflows.argoproj.io/phase":"Running"}',
        "team": "search",
        "workflows": {"argoproj": {"io/completed": "false", "io/phase": "Running"}},
    },
    "mainEntrypoint": "main",
    "name": "train-x",
    "namespace": "data",
    "outputs": {"parameters": {"rows": "12"}},
    "parameters": {
        "json": '[{"name":"date","value":"2026"},{"name":"rate","valueFrom":{"configMapKeyRef":{"key":"rate","name":"c"}}}]',
        "date": "2026",
        "rate": "0.01",
    },
    "priority": 7,
    "scheduledTime": "2026-11-27T03:25:00Z",
    "serviceAccountName": "trainer",
    "status": "Failed",
    "uid": "8043969f-4e63-4821-a45c-1c5423f62efd",
}


def coded(text):
    return base64.b64encode(text.encode()).decode()


def test_every_fact_is_read_from_it():
    """As the flags of each would say it."""
    got = gather({"workflow": coded(json.dumps(TREE))}, {})
    assert (got.name, got.namespace, got.uid) == ("train-x", "data", TREE["uid"])
    assert (got.status, got.duration, got.priority) == ("Failed", 1.770631, 7)
    assert (got.main_entrypoint, got.service_account_name) == ("main", "trainer")
    assert got.creation_timestamp.isoformat() == "2026-11-27T03:25:24+00:00"
    assert got.scheduled_time.isoformat() == "2026-11-27T03:25:00+00:00"
    assert got.parameters == {"date": "2026", "rate": "0.01"}
    assert got.labels == {"team": "search"}
    assert got.annotations == {"workflows.argoproj.io/pod-name-format": "v2"}
    assert got.outputs == {"rows": "12"}
    assert [one.message for one in got.failures] == ["main: Error (exit code 3): near {{=foo(}} \x7f"]
    assert got.notes == got.failures.notes == ()


@pytest.mark.parametrize(
    "wrap", [str, coded, quote, lambda text: coded(quote(text)), lambda text: f"  {coded(text)}\n"]
)
def test_it_is_read_in_every_form(wrap):
    """Plain, in base64, quoted, both, with space around it; as a flag and as a variable."""
    text = wrap(json.dumps(TREE))
    whole = gather({"workflow": json.dumps(TREE)}, {})
    assert gather({"workflow": text}, {}) == gather({}, {"ARGO_WORKFLOW_WORKFLOW": text}) == whole


def test_a_fact_of_its_own_goes_before_it():
    """A flag, and a variable too; an unset one does not."""
    given = {"workflow": json.dumps(TREE), "status": "Error", "name": "{{workflow.name}}", "failures": ""}
    got = gather(given, {"ARGO_WORKFLOW_NAMESPACE": "other"})
    assert (got.status, got.name, got.namespace, len(got.failures)) == ("Error", "train-x", "other", 1)


@pytest.mark.parametrize(
    ("branch", "parameters"),
    [
        ({"json": "null"}, {}),
        ({"json": "mine", "a": "1"}, {"json": "mine", "a": "1"}),
        ({"json": "[1]"}, {"json": "[1]"}),
        ({"json": '{"a":1}', "b": "1"}, {"json": '{"a":1}', "b": "1"}),
        ({"json": '[{"name":"a","value":"1"}]', "a": "1"}, {"a": "1"}),
        ({"a": "1"}, {"a": "1"}),
        ('[{"name":"a","value":"1"}]', {"a": "1"}),
        (None, {}),
    ],
)
def test_a_parameter_that_is_named_json_is_a_parameter(branch, parameters):
    """Argo puts it in the place of its list of all."""
    got = gather({"workflow": json.dumps({"name": "x", "parameters": branch})}, {})
    assert (got.parameters, got.notes) == (parameters, ())
    if isinstance(branch, dict):
        assert gather({"parameters": [coded(json.dumps(branch))]}, {}).parameters == parameters


def test_a_label_that_is_named_json_takes_none_of_the_others_with_it():
    """The branches of dotted names are put together again."""
    branch = {"json": "mine", "app": {"kubernetes": {"io/name": "x"}}}
    for given in ({"workflow": json.dumps({"labels": branch})}, {"labels": [json.dumps(branch)]}):
        assert gather(given, {}).labels == {"json": "mine", "app.kubernetes.io/name": "x"}


@pytest.mark.parametrize("text", ["[]", "7", "{}", "{broken", coded("[1]"), "no JSON at all", '{"other": 1}', "W10="])
def test_what_is_no_such_object_is_noted(text):
    """And the facts that are given beside it stand."""
    got = gather({"workflow": text, "name": "x"}, {})
    assert got.name == "x"
    (note,) = got.notes
    assert note.startswith("=sprig.b64enc(toJson(workflow)): was not read: ")


def test_what_is_cut_is_read_as_far_as_it_goes():
    """Whole members only: a shortened value could be another one, and a plan may delete by it."""
    text = json.dumps(TREE)
    for end in range(1, len(text), 7):
        got = gather({"workflow": coded(text[:end])}, {})
        assert got.notes
        assert got.namespace in ("", "data")
        assert got.uid == ""  # it is the last
        assert got.priority in (None, 7)


@pytest.mark.parametrize(
    ("text", "pairs", "noted"),
    [
        (coded('{"a":"1","b":"2"}'), {"a": "1", "b": "2"}, False),
        (coded('{"a":"1","b":"22')[:], {"a": "1"}, True),
        (coded('{"a":"1","b":12'), {"a": "1"}, True),
        (coded('[{"name":"a","value":"1"},{"name":"b"'), {"a": "1"}, True),
        (coded('"[{\\"name\\":\\"a\\",\\"value\\":\\"1\\"}]"'), {"a": "1"}, False),
        (coded("null"), {}, False),
        (coded('{"a":"ü') + "", {}, True),
        (base64.b64encode('{"a":"1","b":"ü'.encode()[:-1]).decode(), {"a": "1"}, True),
        ("abc=", {"abc": ""}, False),
        ("team=W3s=", {"team": "W3s="}, False),
        ("W=1", {"W": "1"}, False),
    ],
)
def test_pairs_are_read_from_base64_and_cut(text, pairs, noted):
    """What only looks like base64 is what it says."""
    for given, environ in (({"labels": [text]}, {}), ({}, {"ARGO_WORKFLOW_LABELS": text})):
        got = gather(given, environ)
        assert (got.labels, bool(got.notes)) == (pairs, noted)


def test_failures_are_read_from_base64():
    """Quoted once more, as an expression gives them; `null`; nothing; and cut within a character."""
    got = gather({"failures": coded(FAILURES)}, {})
    assert [one.display_name for one in got.failures] == ["fit"]
    for text in ('"null"', "null", '""'):
        got = gather({"failures": coded(text)}, {})
        assert (len(got.failures), got.failures.notes) == (0, ())
    many = quote(json.dumps([{"displayName": f"fit-{n}", "message": f"ü{n}"} for n in range(9)], ensure_ascii=False))
    for cut in range(60, 90):
        got = gather({"failures": base64.b64encode(many.encode()[:cut]).decode()}, {})
        assert got.failures.truncated
        assert "fit-0" in [one.display_name for one in got.failures]


def test_base64_of_base64_and_base64_cut_anywhere_are_read():
    """A hook that encodes what its template encodes as well, and a text that was cut after it was encoded."""
    many = quote(json.dumps([{"displayName": f"fit-{n}", "message": f"ü{n}"} for n in range(5)], ensure_ascii=False))
    for whole in (coded(many), coded(coded(many))):
        assert len(gather({"failures": whole}, {}).failures) == 5
        assert len(gather({"failures": whole.rstrip("=")}, {}).failures) == 5
    for cut in range(150, len(coded(many)) - 4):
        got = gather({"failures": coded(many)[:cut]}, {}).failures
        assert (got.truncated, "fit-0" in [one.display_name for one in got]) == (True, True), cut
    safe = base64.urlsafe_b64encode(many.encode()).decode()
    assert [one.message for one in gather({"failures": safe}, {}).failures][-1] == "ü4"


@pytest.mark.parametrize("word", ["W", "We", "YES", "QUIT", "Veritas", "Zero", "Seven", "In", "Connection"])
def test_a_word_that_looks_like_base64_is_shown(word):
    """It is what somebody wanted to say."""
    assert gather({"failures": word}, {}).failures.notes[0].endswith(f": {word}")


def test_the_controllers_own_state_is_no_label():
    """`phase: Running` beside the status Failed: the labels are written after the handler has ended."""
    labels = {"team": "a", "workflows.argoproj.io/phase": "Running", "workflows.argoproj.io/completed": "false"}
    assert gather({"labels": [json.dumps(labels)]}, {}).labels == {"team": "a"}
    ended = {"workflows.argoproj.io/phase": "Failed", "workflows.argoproj.io/completed": "true"}
    assert gather({"labels": [json.dumps(ended)]}, {}).labels == ended
