"""What ran when, and which of it made the run as long as it was."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from exitkit.argo.record import Node
from exitkit.process.criticalpath import critical_path
from exitkit.process.spans import Spans


def spans_of(nodes):
    return Spans(nodes.record().nodes.values())


def told(spans):
    return [(span.depth, span.id) for span in spans]


def path_of(spans):
    return [
        (part.kind, int(part.start - spans.start), int(part.end - spans.start), part.span.id if part.span else "")
        for part in critical_path(spans)
    ]


def test_spans_stand_below_what_holds_them(etl):
    """Groups that only order are gone, and so are the skipped and the handler that asks; a hook is no try."""
    assert told(spans_of(etl)) == [
        (0, "etl-x7k2p"),
        (1, "extract"),
        (2, "extract0"),
        (2, "extract1"),
        (1, "told"),
        (1, "split"),
        (2, "score0"),
        (2, "score1"),
        (2, "score2"),
        (2, "score3"),
        (1, "fit"),
    ]


def test_tries_are_counted_and_told_apart(etl):
    """A try that failed before another succeeded has recovered."""
    spans = spans_of(etl).by_id
    assert spans["extract"].attempts == 2
    assert [spans[key].retried for key in ("extract", "extract0", "extract1")] == [False, True, True]
    assert [spans[key].recovered for key in ("extract0", "extract1", "fit")] == [True, False, False]


def test_the_whole_ends_with_the_workflow_not_with_its_handler(etl):
    """From the first node's start to the last one's end, hooks aside."""
    assert spans_of(etl).seconds == 1290


def test_the_critical_path_goes_by_what_ended_last(etl):
    """Through the last try and the slowest item; what lies between is waiting."""
    assert path_of(spans_of(etl)) == [
        ("wait", 0, 2, "extract0"),
        ("run", 2, 70, "extract0"),
        ("retry", 70, 80, "extract1"),
        ("run", 80, 300, "extract1"),
        ("wait", 300, 313, "score3"),
        ("run", 313, 610, "score3"),
        ("wait", 610, 630, "fit"),
        ("run", 630, 1280, "fit"),
        ("wait", 1280, 1290, ""),
    ]


def test_nothing_that_runs_beside_is_on_the_path(nodes):
    """A branch that ends early does not count, however long it was."""
    nodes.add("w", "DAG", 0, 100, children=["a", "b"], boundary="")
    nodes.add("a", "Pod", 0, 60, children=["c"], boundary="w").add("b", "Pod", 0, 90, boundary="w")
    nodes.add("c", "Pod", 61, 100, boundary="w")
    assert [part[3] for part in path_of(spans_of(nodes)) if part[0] == "run"] == ["a", "c"]


def test_a_step_of_no_second_is_on_the_path(nodes):
    """Argo keeps whole seconds: what took less has made the run no longer, and yet it is the way it went."""
    nodes.add("w", "DAG", 0, 2, children=["a"], boundary="")
    nodes.add("a", "Pod", 0, 0, children=["b"], boundary="w").add("b", "Pod", 1, 1, boundary="w")
    assert path_of(spans_of(nodes)) == [
        ("run", 0, 0, "a"),
        ("wait", 0, 1, "b"),
        ("run", 1, 1, "b"),
        ("wait", 1, 2, ""),
    ]


def test_nobody_waits_for_the_end_of_a_daemon(nodes):
    """It is stopped because all else has ended; Argo then takes its mark away and notes no end."""
    nodes.add("w", "DAG", 0, 60, children=["a"], boundary="").add("a", "Pod", 0, 5, children=["d"], boundary="w")
    nodes.add("d", "Pod", 6, None, children=["b"], boundary="w").add("b", "Pod", 10, 50, boundary="w")
    assert [part[3] for part in path_of(spans_of(nodes)) if part[0] == "run"] == ["a", "b"]


def test_what_has_not_ended_runs_until_the_end(nodes):
    """As in a workflow that was stopped."""
    nodes.add("w", "Steps", 0, 50, boundary="").add("a", "Pod", 10, None, phase="Running", boundary="w")
    assert spans_of(nodes).by_id["a"].seconds == 40


def test_containers_stand_below_their_pod(nodes):
    """Those of a containerSet."""
    nodes.add("w", "Pod", 0, 50, children=["c1", "c2"], boundary="")
    nodes.add("c1", "Container", 0, 20, boundary="w").add("c2", "Container", 20, 50, boundary="w")
    assert told(spans_of(nodes)) == [(0, "w"), (1, "c1"), (1, "c2")]


def test_nothing_comes_of_nothing():
    """No record, no nodes, nodes that are no nodes."""
    assert len(Spans(())) == 0 and critical_path(Spans(())) == ()
    assert len(Spans([Node({}), Node({"id": 3, "startedAt": "x", "children": {"a": 1}})])) == 0


ids = st.sampled_from("abcdefgh")
node = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            ["Pod", "Steps", "StepGroup", "DAG", "TaskGroup", "Retry", "Container", "Suspend", "?"]
        ),
        "phase": st.sampled_from(["Succeeded", "Failed", "Running", "Omitted", ""]),
        "startedAt": st.integers(0, 9).map(lambda second: f"2026-11-27T03:00:0{second}Z"),
        "finishedAt": st.integers(0, 9).map(lambda second: f"2026-11-27T03:00:0{second}Z") | st.none(),
        "children": st.lists(ids, max_size=4),
        "boundaryID": ids | st.just(""),
        "nodeFlag": st.sampled_from([{}, {"hooked": True}, {"retried": True}]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(ids, node, max_size=8))
def test_the_path_covers_all_the_time_whatever_the_record_says(graph):
    """Without gap or overlap, also of a graph with circles; and each span stands once."""
    spans = Spans(Node({"id": key, "name": key, **value}) for key, value in graph.items())
    path = critical_path(spans)
    assert len({span.id for span in spans}) == len(spans)
    if path:
        assert (path[0].start, path[-1].end) == (spans.start, max(spans.end, path[-1].end))
        assert all(one.end == other.start for one, other in pairwise(path))
        assert all(part.seconds > 0 or (part.kind == "run" and part.seconds == 0) for part in path)
        assert sum(part.seconds for part in path) == spans.seconds
