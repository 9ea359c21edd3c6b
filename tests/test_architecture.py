"""The page on how exitkit is built says what the code does."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def architecture():
    spec = importlib.util.spec_from_file_location("exitkit_architecture", ROOT / "docs/architecture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_and_the_picture_are_what_the_code_says(architecture, capsys):
    """Each trip is taken, and the rooms are counted, anew."""
    assert architecture.main(["--check"]) == 0, f"run make docs: {capsys.readouterr().out}"


def test_the_tracer_sees_where_a_text_goes_and_nothing_else(architecture):
    """What does not carry the marker is no part of the trip."""
    passed = architecture.failure_to_slack()
    assert {"exitkit.argo.failures.failure", "exitkit.notify.slack.blocks"} <= set(passed)
    assert not [name for name in passed if name.startswith(("exitkit.ship", "exitkit.cleanup", "exitkit.process"))]


def test_each_room_stands_above_what_it_imports(architecture):
    """The floors of the picture are made from the imports."""
    rows = architecture.floors({"a": {"b"}, "b": {"c"}, "c": set(), "d": {"c"}})
    assert rows == [["c"], ["b", "d"], ["a"]]
