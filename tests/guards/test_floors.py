"""Imports only go down: a module knows what is below it, and nothing of what is above."""

import graphlib

import pytest

# From the ground up; modules of one floor may know each other, but not in a circle.
FLOORS = (
    # What knows nothing of exitkit: errors, time, and texts as others write them.
    {
        "errors",
        "fields",
        "units",
        "clock",
        "crew",
        "extras",
        "redact",
        "gostring",
        "plaintext",
        "protobuf",
        "scrub",
        "yamltext",
    },
    # Argo's facts, and the terms of trying again.
    {"argo", "attempt", "retry", "secretfile", "settings", "stop", "workflow"},
    # What an action is, and what it tells.
    {"action", "context", "state", "delivery", "template", "message", "records", "render", "sweep"},
    # Records in columns, and their way to a target.
    {"batch", "chunk", "handover", "lines", "proof"},
    {"clients"},
    {"sources"},
    {"steps", "rehearsal", "removal", "shipment"},
    {"actions"},
    {"registry", "plan", "report"},
    {"binding", "choice", "dispatch", "options", "schema", "output", "about", "log"},
    {"demo"},
    {"commands"},
    {"tree"},
    {"cli"},
    {"__main__"},
    {"testing"},
)
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}

# Doors for people outside, which stand above everything and are used by nothing inside.
OUTSIDE = {"exitkit", "exitkit.testing"}
# Both tell the version, which stands on the door.
THROUGH_THE_DOOR = {("exitkit.tree", "exitkit"), ("exitkit.clients.http", "exitkit")}


def part(name):
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
            if (one.name, imported.name) in THROUGH_THE_DOOR:
                continue
            here, there = part(one.name), part(imported.name)
            where = f"{one.name}:{imported.line} imports {imported.name}"
            if there not in FLOOR_OF or here not in FLOOR_OF:
                is_door = not any(
                    imported.name == name or imported.name.startswith(f"{name}.") for name in modules - OUTSIDE
                )
                why = "the package's door is for plugins" if is_door else "a module without a floor"
                found.append(f"{where}: {why}")
            elif FLOOR_OF[there] > FLOOR_OF[here]:
                found.append(f"{where}: that is {FLOOR_OF[there] - FLOOR_OF[here]} up")
    return found


def between_actions(sources, leaves):
    """Every import by which an action would know another one, or another kind."""
    found = []
    for one in sources:
        if part(one.name) != "actions":
            continue
        kind = ".".join(one.name.split(".")[:3])
        for imported in one.imports():
            if not imported.name.startswith("exitkit.actions."):
                continue
            is_leaf = any(imported.name == leaf or imported.name.startswith(f"{leaf}.") for leaf in leaves - {one.name})
            is_own_kind = imported.name == kind or imported.name.startswith(f"{kind}.")
            if is_leaf or not is_own_kind:
                found.append(f"{one.name}:{imported.line} imports {imported.name}")
    return found


def circle(sources):
    """The modules of a circle of imports that happen as modules load, if there is one."""
    modules = {one.name for one in sources}
    graph = {
        one.name: {
            owner
            for imported in one.imports()
            if imported.at_load
            for owner in (imported.name, imported.name.rpartition(".")[0])
            if owner in modules - {"exitkit", one.name}
        }
        for one in sources
        if one.name != "exitkit"
    }
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        return error.args[1]
    return []


@pytest.fixture(scope="session")
def leaves():
    from exitkit.actions import BUILTIN

    return {one.where.partition(":")[0] for one in BUILTIN.values()}


def test_imports_only_go_down(sources):
    """Every module has a floor, and imports nothing above it."""
    unplaced = sorted({part(one.name) for one in sources} - {""} - set(FLOOR_OF))
    assert unplaced == []
    assert climbs(sources) == []


def test_actions_do_not_know_each_other(sources, leaves):
    """An action imports no other action and nothing of another kind."""
    assert between_actions(sources, leaves) == []


def test_there_is_no_circle(sources):
    """No module needs itself to load."""
    assert circle(sources) == []


def test_the_guard_sees_a_climb(source):
    """An import upwards is seen, also inside a function; one for types only is not."""
    tree = [source("exitkit.errors", ""), source("exitkit.cli", "")]
    for text in ("from exitkit.cli import app", "import exitkit.cli", "def f():\n    from exitkit import cli"):
        assert len(climbs([*tree, source("exitkit.retry", text)])) == 1
    harmless = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from exitkit.cli import app"
    assert climbs([*tree, source("exitkit.retry", harmless)]) == []
    assert climbs([*tree, source("exitkit.cli", "from exitkit.errors import Skip")]) == []


def test_the_guard_sees_the_door_used_inside_and_a_module_without_floor(source):
    """`from exitkit import Action` is for plugins, and a new module must be given a floor."""
    assert climbs([source("exitkit", ""), source("exitkit.plan", "from exitkit import Action")])
    assert climbs([source("exitkit.odds", ""), source("exitkit.plan", "from exitkit import odds")])
    assert climbs([source("exitkit.testing.clock", ""), source("exitkit.plan", "from exitkit.testing import clock")])


def test_the_guard_sees_actions_that_know_each_other(source):
    """Another leaf and another kind are seen; the own kind's common part is not."""
    slack = "exitkit.actions.notify.slack"
    email = source("exitkit.actions.notify.email", "from exitkit.actions.notify.slack import blocks")
    assert between_actions([email], {slack}) != []
    other = source("exitkit.actions.ship.file", "from exitkit.actions.notify import Notify")
    assert between_actions([other], {slack}) != []
    own = source(slack, "from exitkit.actions.notify import Notify")
    assert between_actions([own], {slack}) == []


def test_the_guard_sees_a_circle(source):
    """Two modules that need each other to load are seen."""
    one, two = source("exitkit.a", "from exitkit import b"), source("exitkit.b", "from exitkit.a import x")
    assert circle([one, two]) != []
    assert circle([one, source("exitkit.b", "def f():\n    from exitkit import a")]) == []
