import json
import math
import os
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.facts import FACTS
from exitkit.argo.failures import Failure, Failures
from exitkit.argo.gather import gather
from exitkit.argo.gostring import quote
from exitkit.argo.nodenames import fnv32a
from exitkit.argo.workflow import LastRetry, Workflow

FAILURES = quote(
    json.dumps(
        [
            {
                "displayName": "train",
                "message": "main: OOMKilled (exit code 137)",
                "templateName": "fit",
                "phase": "Failed",
                "podName": "wf-fit-1170427545",
                "finishedAt": "2026-08-21T12:40:07Z",
            }
        ]
    )
)
GIVEN = {
    "status": "Failed",
    "name": "wf",
    "namespace": "data",
    "uid": "u-1",
    "failures": FAILURES,
    "duration": "12.345678",
    "message": "a word",
    "parameters": '[{"name":"date","value":"2026-08-20"},{"name":"n","value":7},{"name":"cm","valueFrom":{}}]',
    "labels": '{"team":"search"}',
    "annotations": "null",
    "outputs": ["rows=12", "query=a=b\nc=d"],
    "creation_timestamp": "2026-08-21T12:39:06Z",
    "scheduled_time": "2026-08-21T14:39:00+02:00",
    "priority": "5",
    "main_entrypoint": "main",
    "service_account_name": "",
    "node_name": "wf.onExit(1)",
    "pod_name": "wf-exit-2",
    "retries": "1",
    "last_retry_exit_code": "-1",
    "last_retry_status": "Error",
    "last_retry_duration": "3",
    "last_retry_message": "killed",
    "argo_url": "https://argo.example.com/argo/",
}


@pytest.fixture
def empty(tmp_path):
    return tmp_path


def put(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def test_every_fact_arrives(empty):
    """Each flag ends in the field of its name, with its type."""
    assert set(GIVEN) == {fact.name for fact in FACTS} - {"workflow"}  # which is all of them in one
    got = gather(GIVEN, {}, root=empty)
    failure = Failure(
        display_name="train",
        message="main: OOMKilled (exit code 137)",
        template_name="fit",
        phase="Failed",
        pod_name="wf-fit-1170427545",
        finished_at=datetime(2026, 8, 21, 12, 40, 7, tzinfo=UTC),
    )
    assert got == Workflow(
        status="Failed",
        name="wf",
        namespace="data",
        uid="u-1",
        failures=Failures(all=(failure,), raw_count=1),
        duration=12.345678,
        message="a word",
        parameters={"date": "2026-08-20", "n": "7"},
        labels={"team": "search"},
        annotations={},
        outputs={"rows": "12", "query": "a=b\nc=d"},
        creation_timestamp=datetime(2026, 8, 21, 12, 39, 6, tzinfo=UTC),
        scheduled_time=datetime(2026, 8, 21, 12, 39, tzinfo=UTC),
        priority=5,
        main_entrypoint="main",
        node_name="wf.onExit(1)",
        pod_name="wf-exit-2",
        retries=1,
        last_retry=LastRetry(-1, "Error", 3.0, "killed"),
        argo_url="https://argo.example.com/argo",
    )


def test_variables_say_the_same_as_flags(empty):
    """Every fact has a variable, which is read alike."""
    environ = {fact.variable: GIVEN[fact.name] for fact in FACTS if isinstance(GIVEN.get(fact.name), str)}
    environ["ARGO_WORKFLOW_OUTPUTS"] = '{"rows":12,"query":"a=b\\nc=d"}'
    assert gather(GIVEN, {}, root=empty) == gather({}, environ, root=empty)


def test_a_flag_beats_a_variable_and_a_variable_beats_the_executor(empty):
    """From the most deliberate to the least."""
    put(empty, "var/run/secrets/kubernetes.io/serviceaccount/namespace", "from-mount\n")
    environ = {"ARGO_WORKFLOW_NAME": "from-variable", "ARGO_NODE_ID": "from-executor-12"}
    assert gather({"name": "from-flag"}, environ, root=empty).name == "from-flag"
    assert gather({}, environ, root=empty).name == "from-variable"
    assert gather({}, {"ARGO_NODE_ID": "from-executor-12"}, root=empty).name == "from-executor"
    assert gather({"namespace": "mine"}, {}, root=empty).namespace == "mine"
    assert gather({}, {"POD_NAMESPACE": "downward"}, root=empty).namespace == "downward"
    assert gather({}, {}, root=empty).namespace == "from-mount"


@pytest.mark.parametrize("unset", ["", " ", "{{workflow.name}}", "{{ workflow.name }}", "{{=workflow.name}}", "<nil>"])
def test_a_tag_that_argo_left_is_unset(empty, unset):
    """The next source is asked, for every fact alike, and no note is left."""
    given = {fact.name: [unset] if fact.repeated else unset for fact in FACTS}
    assert gather(given, {}, root=empty) == Workflow()
    assert gather({"name": unset}, {"ARGO_WORKFLOW_NAME": "wf"}, root=empty).name == "wf"


def test_what_the_executor_leaves_needs_no_configuration(empty):
    """Name, namespace, pod, template, span and deadline of a handler about which nothing was said."""
    put(empty, "var/run/secrets/kubernetes.io/serviceaccount/namespace", "data")
    put(empty, "var/run/argo/template", '{"name":"exit","outputs":{"parameters":[{"name":"result"}]}}')
    digits = fnv32a("wf-7.onExit")
    span = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    environ = {
        "ARGO_NODE_ID": f"wf-7-{digits}",
        "ARGO_CONTAINER_NAME": "main",
        "HOSTNAME": f"wf-7-exit-{digits}",
        "ARGO_DEADLINE": "2026-08-21T12:45:00Z",
        "ARGO_PROGRESS_FILE": "/var/run/argo/progress",
        "TRACEPARENT": span,
    }
    got = gather({}, environ, root=empty)
    assert got == Workflow(
        name="wf-7",
        namespace="data",
        node_id=f"wf-7-{digits}",
        pod_name=f"wf-7-exit-{digits}",
        container_name="main",
        template={"name": "exit", "outputs": {"parameters": [{"name": "result"}]}},
        deadline=datetime(2026, 8, 21, 12, 45, tzinfo=UTC),
        progress_file="/var/run/argo/progress",
        traceparent=span,
    )
    assert (got.subject, got.scope) == ("wf-7", "onExit")


def test_no_deadline_is_the_year_1(empty):
    """Argo's way to say that an exit pod has none."""
    assert gather({}, {"ARGO_DEADLINE": "0001-01-01T00:00:00Z"}, root=empty).deadline is None


@pytest.mark.parametrize(
    ("name", "value", "field", "expected", "note"),
    [
        ("duration", "NaN", "duration", None, "workflow.duration: 'NaN' is no number of seconds"),
        ("duration", "-1", "duration", None, "workflow.duration: '-1' is no number of seconds"),
        ("duration", "1e308", "duration", None, "workflow.duration: '1e308' is no number of seconds"),
        ("duration", "9" * 400, "duration", None, f"workflow.duration: '{'9' * 40}...' is no number of seconds"),
        ("priority", "high", "priority", None, "workflow.priority: 'high' is no whole number"),
        ("priority", "9" * 5000, "priority", None, f"workflow.priority: '{'9' * 40}...' is no whole number"),
        (
            "creation_timestamp",
            "yesterday",
            "creation_timestamp",
            None,
            "workflow.creationTimestamp: 'yesterday' is no time in RFC 3339",
        ),
        (
            "creation_timestamp",
            "2026-13-41T99:00:00Z",
            "creation_timestamp",
            None,
            "workflow.creationTimestamp: '2026-13-41T99:00:00Z' is no time in RFC 3339",
        ),
        ("name", "a\nb", "name", "a\ufffdb", "workflow.name: holds control characters; they were replaced"),
        ("name", "x" * 300, "name", "x" * 253, "workflow.name: is 300 characters long and was cut to 253"),
        ("name", "a\0\udcff", "name", "a\ufffd\ufffd", None),
        ("labels", "[1, 2]", "labels", {}, "workflow.labels.json: is neither an object nor a list of names and values, and was not read"),
        ("labels", "{", "labels", {}, "workflow.labels.json: is no JSON and was not read: Expecting property name enclosed in double quotes at position 1"),
        ("labels", "[" * 100_000, "labels", {}, "workflow.labels.json: is no JSON and was not read: nested too deeply"),
        ("labels", '{"a":"\\ud800"}', "labels", {"a": "\ufffd"}, None),
        ("argo_url", "javascript:alert(1)", "argo_url", "", "--argo-url: is not linked to: it must begin with http:// or https:// and a host"),
        ("uid", "@/etc/passwd", "uid", "@/etc/passwd", None),
        ("uid", "@/tmp/argo_arg_1.txt", "uid", "", "workflow.uid: /tmp/argo_arg_1.txt cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_a_broken_fact_is_noted_and_nothing_else_is_lost(empty, name, value, field, expected, note):
    """The message leaves, and says what could not be read."""
    got = gather({"status": "Failed", name: value}, {}, root=empty)
    assert expected == getattr(got, field)
    assert got.status == "Failed"
    assert ((note,) if note else ()) == got.notes


@pytest.mark.parametrize("word", ["Succeeded", "succeeded", " SUCCEEDED\n", '"Succeeded"'])
def test_the_status_is_argos_word(empty, word):
    """Whatever its case and quotes."""
    got = gather({"status": word}, {}, root=empty)
    assert (got.status, got.succeeded, got.failed, got.notes) == ("Succeeded", True, False, ())


def test_an_unknown_status_is_kept_short(empty):
    """It may be Argo's next word, or a megabyte of something else."""
    assert gather({"status": "Paused"}, {}, root=empty).status == "Paused"
    got = gather({"status": "x" * 1_000_000}, {}, root=empty)
    assert (got.status, len(got.notes)) == ("x" * 64, 2)
    assert all(len(note) < 200 for note in got.notes)


@pytest.mark.parametrize(
    "value",
    [
        '[{"name":"a","value":"1"},{"name":"b","value":"x y"}]',
        '{"a":1,"b":"x y"}',
        quote('{"a":"1","b":"x y"}'),
        quote(quote('[{"name":"a","value":"1"},{"name":"b","value":"x y"}]')),
        "a=1\nb=x y",
        ["a=1", "b=x y"],
        ['{"a":"0","b":"x y"}', "a=1"],
    ],
)
def test_names_and_values_in_every_form(empty, value):
    """Argo's list, an object, either quoted, or pairs; a later one replaces an earlier."""
    assert gather({"parameters": value}, {}, root=empty).parameters == {"a": "1", "b": "x y"}


def test_a_long_value_of_any_fact_is_read_from_its_file(empty):
    """Argo replaces any argument over 128 KiB."""
    put(empty, "tmp/argo_arg_5.txt", json.dumps({"a": "x" * 200_000}))
    assert len(gather({"parameters": ["@/tmp/argo_arg_5.txt"]}, {}, root=empty).parameters["a"]) == 200_000


@pytest.mark.parametrize(
    ("text", "variable", "note"),
    [
        ("no json", "", "Argo's template of this pod is no JSON object and was not read"),
        ("[" * 100_000, "", "Argo's template of this pod is no JSON object and was not read"),
        ("9" * 5000, "", "Argo's template of this pod is no JSON object and was not read"),
        ("x" * (4 * 2**20 + 1), "", "/var/run/argo/template cannot be read: it is longer than 4194304 bytes"),
        ('{"name":"a"}', "{", "Argo's template of this pod is no JSON object and was not read"),
    ],
)
def test_a_broken_template_is_noted(empty, text, variable, note):
    """It only says where results go; the message leaves without it."""
    put(empty, "var/run/argo/template", text)
    got = gather({}, {"ARGO_TEMPLATE": variable}, root=empty)
    assert ({}, (note,)) == (got.template, got.notes)


def test_the_template_of_older_argos_is_in_a_variable(empty):
    """Up to 3.5; one that was too long for a variable is in the file."""
    put(empty, "var/run/argo/template", '{"name":"file"}')
    assert gather({}, {"ARGO_TEMPLATE": '{"name":"variable"}'}, root=empty).template == {"name": "variable"}
    assert gather({}, {"ARGO_TEMPLATE": "offloaded"}, root=empty).template == {"name": "file"}


def test_what_blocks_is_not_read(empty):
    """A FIFO in the place of a file would hang the handler, and the workflow with it."""
    for path in ("var/run/argo/template", "var/run/secrets/kubernetes.io/serviceaccount/namespace"):
        (empty / path).parent.mkdir(parents=True)
        os.mkfifo(empty / path)
    got = gather({}, {}, root=empty)
    assert (got.namespace, got.template, got.notes) == ("", {}, ("/var/run/argo/template cannot be read: it is no regular file",))  # fmt: skip


@pytest.mark.parametrize(
    ("node", "host", "pod"),
    [
        ("wf-12", "wf-exit-12", "wf-exit-12"),
        ("wf-12", "wf-12", "wf-12"),
        ("wf-12", "ip-10-0-0-1", ""),
        ("", "wf-exit-12", "wf-exit-12"),
        (f"{'w' * 60}-12", f"{'w' * 60}-ex", f"{'w' * 60}-exit-12"),
        ("wf-12", "", ""),
    ],
)
def test_the_host_name_is_the_pods_where_it_can_be(empty, node, host, pod):
    """Under hostNetwork it is the node's; past 63 characters it is cut, and completed where that is sure."""
    put(empty, "var/run/argo/template", '{"name":"exit"}')
    assert pod == gather({}, {"ARGO_NODE_ID": node, "HOSTNAME": host}, root=empty).pod_name


@pytest.mark.parametrize("text", ["00", f"00-{'0' * 32}-b7ad6b7169203331-01", "x" * 10_000])
def test_a_broken_span_is_not_used(empty, text):
    """A wrong parent would tear the trace apart."""
    got = gather({}, {"TRACEPARENT": text}, root=empty)
    assert (got.traceparent, got.notes) == ("", ("TRACEPARENT is no W3C trace context and was not used",))


@pytest.mark.parametrize(
    ("labels", "message", "stopped", "by"),
    [
        ({"action": "Stop", "actor-email": "jane.at.example.com", "actor": "abc"}, "", True, "jane@example.com"),
        ({"action": "Terminate", "actor-preferred-username": "jane", "actor": "abc"}, "", True, "jane"),
        ({"action": "Stop"}, "", True, ""),
        ({"action": "Resume", "actor": "abc"}, "main: Error (exit code 1)", False, ""),
        ({}, "workflow shutdown with strategy:  Stop", True, ""),
        ({"actor": "abc"}, "Stopped with strategy 'Stop'", True, ""),
        ({}, "", False, ""),
    ],
)
def test_a_stopped_workflow_did_not_just_fail(labels, message, stopped, by):
    """Argo's labels say who, its messages at least that."""
    failures = Failures(all=(Failure("a", message),)) if message else Failures()
    got = Workflow(labels={f"workflows.argoproj.io/{name}": value for name, value in labels.items()}, failures=failures)
    assert (stopped, by) == (got.stopped, got.stopped_by)


@pytest.mark.parametrize("label", ["workflow-template", "cluster-workflow-template"])
def test_where_a_workflow_came_from(label):
    """Argo's labels name the CronWorkflow and the template."""
    prefix = "workflows.argoproj.io/"
    got = Workflow(labels={f"{prefix}{label}": "etl", f"{prefix}cron-workflow": "nightly"})
    assert (got.cron, got.workflow_template) == ("nightly", "etl")


def test_links_lead_to_the_failed_pods_logs(empty):
    """From workflow.failures alone, without the API."""
    got = gather(GIVEN, {}, root=empty)
    assert got.url == "https://argo.example.com/argo/workflows/data/wf?uid=u-1"
    link = f"{got.url}&tab=workflow&nodeId=wf-1170427545&sidePanel=logs:wf-1170427545:main"
    assert link == got.failure_url(got.failures.all[0])
    assert got.url == got.failure_url(Failure("somewhere", pod_name="by-hand"))


def test_facts_are_argos_names_and_plain_data(empty):
    """Templates read the same here and in a manifest, and find nothing to call."""
    facts = gather(GIVEN, {}, root=empty).facts()
    assert facts == json.loads(json.dumps(facts, allow_nan=False))
    assert (facts["name"], facts["creationTimestamp"], facts["duration"]) == ("wf", "2026-08-21T12:39:06Z", 12.345678)
    assert facts["outputs"] == {"parameters": {"rows": "12", "query": "a=b\nc=d"}}
    (failure,) = facts["failures"]
    assert (failure["displayName"], failure["reason"], failure["exitCode"]) == ("train", "OOMKilled", 137)
    assert (
        facts["failuresSummary"]["headline"]
        == "train failed (OOMKilled, exit code 137): it used more memory than its limit"
    )
    assert set(Workflow().facts()) == set(facts)


def test_every_fact_has_its_own_flag_and_variable():
    """One declaration gives the command line, the environment and the reference page."""
    assert len({fact.flag for fact in FACTS}) == len({fact.variable for fact in FACTS}) == len(FACTS)
    known = {fact.name: (fact.flag, fact.variable, fact.argo) for fact in FACTS}
    assert known["creation_timestamp"] == (
        "--creation-timestamp",
        "ARGO_WORKFLOW_CREATION_TIMESTAMP",
        "workflow.creationTimestamp",
    )
    assert known["argo_url"] == ("--argo-url", "ARGO_UI_URL", "")
    assert all(fact.help.endswith(".") for fact in FACTS)


hostile = (
    st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Cf"]))
    | st.text(st.sampled_from("0123456789.eE+-:TZ"))
    | st.text(st.sampled_from('[]{}"\\:,=@/\n{}'))
    | st.sampled_from([*(value for value in GIVEN.values() if isinstance(value, str)), "NaN", "1e999", "Omitted", "@/dev/zero", "null"])
)  # fmt: skip
variables = [fact.variable for fact in FACTS] + [
    "ARGO_NODE_ID",
    "ARGO_CONTAINER_NAME",
    "ARGO_DEADLINE",
    "ARGO_TEMPLATE",
]
variables += ["HOSTNAME", "TRACEPARENT", "ARGO_PROGRESS_FILE", "POD_NAME", "POD_NAMESPACE"]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    given=st.dictionaries(st.sampled_from([fact.name for fact in FACTS]), hostile | st.lists(hostile, max_size=3)),
    environ=st.dictionaries(st.sampled_from(variables), hostile),
)
def test_anything_may_be_given(tmp_path_factory, given, environ):
    """gather never raises, and everything that comes out of it can be sent."""
    given = {name: value if isinstance(value, str) else list(value) for name, value in given.items()}
    got = gather(given, environ, root=tmp_path_factory.getbasetemp() / "none")
    json.dumps(got.facts(), allow_nan=False, ensure_ascii=False).encode()
    "".join((*got.notes, got.subject, got.scope, got.pod_name, got.container_name, got.progress_file)).encode()
    assert got.duration is None or (math.isfinite(got.duration) and got.duration >= 0)
    assert not any(char in note for note in got.notes for char in "\n\r\0\x1b")
