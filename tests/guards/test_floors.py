"""The house: imports only go down its floors, wings do not know each other, and no trunk knows a leaf."""

import graphlib

import pytest

from exitkit.builtin import BUILTIN

# From the ground up. Rooms of one floor may know each other, but no module needs itself, however indirectly.
FLOORS = (
    {"errors", "text", "builtin", "version", "entry", "stdout"},
    {"settings", "argo", "explain"},
    {"retry", "message", "signals", "recordreader", "logreader"},
    {"context"},
    {"action", "clients"},
    {"store", "history"},
    {"notify", "cleanup", "ship", "process", "plan"},
    {"run"},
    {"cli"},
    {"__main__", "watchdog"},
    {"testing"},
)
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}
WINGS = {"notify", "cleanup", "ship", "process"}

# Doors for people outside, which stand above everything and are used by nothing inside.
OUTSIDE = {"exitkit", "exitkit.testing"}
# Rooms that stand on the ground alone: what they are made of, and nothing else.
ALONE = {"explain": {"text"}}


def room(name):
    """`clients` of `exitkit.clients.http.Response`, and nothing of the package itself."""
    return name.split(".")[1] if name.startswith("exitkit.") else ""


def climbs(sources):
    """Every import of a module's that does not go down."""
    modules = {one.name for one in sources}
    found = []
    for one in sources:
        for imported in one.imports():
            if imported.name.partition(".")[0] != "exitkit" or one.name == "exitkit":
                continue
            here, there = room(one.name), room(imported.name)
            where = f"{one.name}:{imported.line} imports {imported.name}"
            if there not in FLOOR_OF or here not in FLOOR_OF:
                is_door = not any(
                    imported.name == name or imported.name.startswith(f"{name}.") for name in modules - OUTSIDE
                )
                why = "the package's door is for plugins" if is_door else "a module without a floor"
                found.append(f"{where}: {why}")
            elif FLOOR_OF[there] > FLOOR_OF[here]:
                found.append(f"{where}: that is {FLOOR_OF[there] - FLOOR_OF[here]} up")
            elif there not in ALONE.get(here, {there}) | {here}:
                found.append(f"{where}: {here} is made of {', '.join(ALONE[here])} alone")
            elif there != here and there in WINGS and here in WINGS | {"plan"}:
                found.append(f"{where}: a wing is known by none beside it")
    return found


def leaf_of(name, leaves):
    """The action whose module, or package, this is in."""
    return next((leaf for leaf in leaves if name == leaf or name.startswith(f"{leaf}.")), None)


def into_leaves(sources, leaves):
    """Every import by which another module of its wing would know an action."""
    return [
        f"{one.name}:{imported.line} imports {imported.name}"
        for one in sources
        if room(one.name) in WINGS
        for imported in one.imports()
        if (leaf := leaf_of(imported.name, leaves)) and leaf != leaf_of(one.name, leaves)
    ]


def circle(sources):
    """The modules of a circle of imports, if there is one; an import inside a function counts as well."""
    modules = {one.name for one in sources} - {"exitkit"}
    graph = {}
    for one in sources:
        if one.name not in modules:
            continue
        needed = {
            imported.name if imported.name in modules else imported.name.rpartition(".")[0]
            for imported in one.imports()
        }
        graph[one.name] = (needed & modules) - {one.name}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        return error.args[1]
    return []


@pytest.fixture(scope="session")
def leaves():
    return {one.where.partition(":")[0] for one in BUILTIN.values()}


def test_imports_only_go_down(sources):
    """Every module has a floor, and imports nothing above it and no wing beside it."""
    unplaced = sorted({room(one.name) for one in sources} - {""} - set(FLOOR_OF))
    assert unplaced == []
    assert climbs(sources) == []


def test_no_trunk_and_no_leaf_knows_a_leaf(sources, leaves):
    """An action is imported by its own package alone."""
    assert into_leaves(sources, leaves) == []


def test_there_is_no_circle(sources):
    """No module needs itself, at once or later."""
    assert circle(sources) == []


def test_the_guard_sees_a_climb(source):
    """An import upwards is seen, also inside a function; one for types only is not."""
    tree = [source("exitkit.errors", ""), source("exitkit.cli", "")]
    for text in ("from exitkit.cli import app", "import exitkit.cli", "def f():\n    from exitkit import cli"):
        assert len(climbs([*tree, source("exitkit.retry", text)])) == 1
    harmless = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from exitkit.cli import app"
    assert climbs([*tree, source("exitkit.retry", harmless)]) == []
    assert climbs([*tree, source("exitkit.cli", "from exitkit.errors import Skip")]) == []


def test_the_guard_sees_a_room_that_stands_on_more_than_it_may(source):
    """`explain` is lines in and lines out: it knows texts, and neither settings nor Argo."""
    tree = [source("exitkit.text.redact", ""), source("exitkit.argo.workflow", ""), source("exitkit.errors", "")]
    assert climbs([*tree, source("exitkit.explain", "from exitkit.argo import workflow")])
    assert climbs([*tree, source("exitkit.explain", "from exitkit.errors import Skip")])
    fine = source("exitkit.explain", "from exitkit.text import redact\nfrom exitkit.explain import scan")
    assert climbs([*tree, fine, source("exitkit.explain.scan", "")]) == []


def test_the_guard_sees_the_door_used_inside_and_a_module_without_floor(source):
    """`from exitkit import Action` is for plugins, and a new module must be given a floor."""
    assert climbs([source("exitkit", ""), source("exitkit.plan", "from exitkit import Action")])
    assert climbs([source("exitkit.odds", ""), source("exitkit.plan", "from exitkit import odds")])
    assert climbs([source("exitkit.testing.clock", ""), source("exitkit.plan", "from exitkit.testing import clock")])


def test_the_guard_sees_wings_and_leaves_that_know_each_other(source):
    """Another wing, and another leaf or a leaf under its trunk, are seen; the own trunk is not."""
    slack = "exitkit.notify.slack"
    tree = [source(slack, ""), source("exitkit.notify", "")]
    assert climbs([*tree, source("exitkit.ship.file", "from exitkit.notify import Notify")])
    assert climbs([*tree, source("exitkit.plan.find", "def f():\n    from exitkit.notify import Notify")])
    assert into_leaves([source("exitkit.notify.email", "from exitkit.notify.slack import blocks")], {slack})
    assert into_leaves([source("exitkit.notify.delivery", f"from {slack}.client import Client")], {slack})
    own = source(f"{slack}.blocks", "from exitkit.notify import Notify\nfrom exitkit.notify.slack import client")
    assert into_leaves([own], {slack}) == []
    assert climbs([*tree, own]) == []


def test_the_guard_sees_a_circle(source):
    """Modules that need each other are seen, whether as they load or later; what only a type needs is not."""
    one = source("exitkit.a", "from exitkit import b")
    for text in ("from exitkit.a import x", "def f():\n    from exitkit import a", "import exitkit.a"):
        assert circle([one, source("exitkit.b", text)]) != []
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from exitkit import a"
    assert circle([one, source("exitkit.b", typed)]) == []
