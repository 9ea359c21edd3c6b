"""The workflow as a trace: a span a node, the same in every run."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import Skip
from exitkit.process.trace import Trace
from exitkit.testing import ScriptedHTTP
from exitkit.testing.http import answer

WORKFLOW = Workflow(name="etl-x7k2p", namespace="ml", uid="u-1", status="Failed", main_entrypoint="main")


def sent(context, answers=1, **settings):
    """Names of the resource's attributes, and the spans."""
    with ScriptedHTTP([answer()] * answers) as server:
        Trace(url=server.url, **settings).run(context)
    assert {request.path for request in server.requests} == {"/v1/traces"}
    whole = [ExportTraceServiceRequest.FromString(request.body) for request in server.requests]
    spans = [span for each in whole for span in each.resource_spans[0].scope_spans[0].spans]
    return whole[0].resource_spans[0].resource, spans


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_each_node_is_a_span_below_what_holds_it(etl, with_record):
    """With its own times; the root is the workflow."""
    _, spans = sent(with_record(etl, WORKFLOW))
    by_id = {span.span_id: span for span in spans}
    root = next(span for span in spans if not span.parent_span_id)
    assert root.name == "RUN main"
    assert (root.end_time_unix_nano - root.start_time_unix_nano) == 1290 * 10**9
    tries = [span for span in spans if attributes(span)["argo.node.name"] in ("extract0", "extract1")]
    assert len(tries) == 2
    assert {attributes(by_id[span.parent_span_id])["argo.node.name"] for span in tries} == {"extract"}
    assert len({span.trace_id for span in spans}) == 1 and len(by_id) == len(spans) == 11


def test_what_failed_says_so(etl, with_record):
    """Status, exit code and message, under the conventions' names."""
    resource, spans = sent(with_record(etl, WORKFLOW))
    fit = next(span for span in spans if span.name == "fit")
    assert (fit.status.code, fit.status.message) == (2, "OOMKilled (exit code 137)")
    told = attributes(fit)
    assert told["cicd.pipeline.task.run.result"] == "failure"
    assert (told["process.exit.code"], told["error.type"]) == (137, "OOMKilled")
    assert fit.events[0].name == "message"
    assert {one.key: one.value.string_value for one in resource.attributes}["k8s.namespace.name"] == "ml"


def test_a_second_run_sends_the_same_trace(etl, with_record):
    """So that a handler that is tried again makes no second one."""
    context = with_record(etl, WORKFLOW)
    ids = [[(span.trace_id, span.span_id, span.parent_span_id) for span in sent(context)[1]] for _ in range(2)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("where", ["environment", "annotation"])
def test_it_hangs_below_argos_own_trace(etl, with_record, where):
    """Where Argo 4.1 traces."""
    trace, span = "a" * 32, "b" * 16
    if where == "environment":
        context = with_record(etl, Workflow(name="etl-x7k2p", traceparent=f"00-{trace}-{span}-01"))
    else:
        names = {f"workflows.argoproj.io/{key}": value for key, value in (("trace-id", trace), ("span-id", span))}
        context = with_record(etl, WORKFLOW, annotations=names)
    _, spans = sent(context)
    assert {one.trace_id.hex() for one in spans} == {trace}
    assert [one.parent_span_id.hex() for one in spans if one.name.startswith("RUN")] == [span]


def test_many_nodes_go_in_several_requests(nodes, with_record):
    """Of a size that collectors take."""
    nodes.add("etl-x7k2p", "Steps", 0, 10, boundary="", name="etl-x7k2p")
    for number in range(1500):
        nodes.add(f"work{number}", "Pod", 1, 2)
    assert len(sent(with_record(nodes, WORKFLOW), answers=2)[1]) == 1501


def test_without_a_record_there_is_nothing_to_do():
    """It is told with the right that is missing, and is no failure."""
    with pytest.raises(Skip, match="no record"):
        Trace(url="http://127.0.0.1:1").run(Context(WORKFLOW))
