"""JSON of many nodes made into objects, some at a time."""

import json

import pytest

from exitkit.argo.record import decoded
from exitkit.argo.record.decoded import in_pieces


def nodes(count=200, **more):
    """Texts that look like the beginning of a node, inside of one."""
    odd = '},"n7":{"id":"n7","x":"'
    made = {
        f"n{number}": {"id": f"n{number}", "message": odd, "inputs": {"parameters": [{"id": odd}]}, "children": ["n1"]}
        for number in range(count)
    }
    return made | more


def workflow(**more):
    return {"kind": "Workflow", "metadata": {"name": "n0"}, "status": {"nodes": nodes(**more), "phase": "Failed"}}


@pytest.mark.parametrize("form", [{"separators": (",", ":")}, {}, {"indent": 4}, {"indent": 2, "sort_keys": True}])
@pytest.mark.parametrize("document", [workflow(), nodes()])
def test_a_workflow_in_pieces_is_the_whole(document, form):
    """As Argo writes it, as kubectl does, and the packed nodes alone; in the same order."""
    text = json.dumps(document, **form).encode()
    said = in_pieces(text)
    assert said == document
    assert json.dumps(said) == json.dumps(json.loads(text))


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "List", "items": [workflow(), workflow()]},
        {"status": {"nodes": list(nodes().values())}},
        {"status": {"nodes": {"a": nodes()}}},
        workflow(n3={"id": "other"}),
        {"spec": nodes(), "status": {}},
        [nodes()],
        {"a": "b" * 5000},
    ],
)
def test_what_is_otherwise_is_left_to_the_parser(document):
    """Whatever is not nodes by their ids right below where Argo has them is never cut wrongly."""
    text = json.dumps(document).encode()
    assert in_pieces(text) in (None, document)
    assert decoded.decoded(text) == document


def test_what_is_no_json_is_refused_in_pieces_too(monkeypatch):
    """At whichever piece it breaks."""
    monkeypatch.setattr(decoded, "_LARGE", 0)
    whole = json.dumps(workflow(), separators=(",", ":")).encode()
    assert decoded.decoded(whole) == workflow()
    for place in range(50, len(whole), 1501):
        with pytest.raises(ValueError, match="no JSON"):
            decoded.decoded(whole[:place] + b"\x00" + whole[place:])
