"""An action is found by its name, built in or of a plugin, and one that is broken harms only who uses it."""

import subprocess
import sys
from pathlib import Path

import pytest

from exitkit.builtin import BUILTIN, KINDS
from exitkit.errors import ConfigError
from exitkit.plan import registry

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def installed(monkeypatch):
    """Puts distributions from the data on the path, as if pip had."""

    def install(*names):
        for name in names:
            monkeypatch.syspath_prepend(DATA / name)
        registry._plugins.cache_clear()

    yield install
    monkeypatch.undo()
    registry._plugins.cache_clear()
    for name in [one for one in sys.modules if one.startswith("trunkplay")]:
        del sys.modules[name]


def test_a_plugin_is_found_by_its_entry_point(installed):
    """One line of metadata makes it an action as the built-in ones are."""
    installed("plugin")
    assert registry.find("play.script").__name__ == "Script"
    assert registry.help_of(registry.find("play.script")) == "Play one way to end."
    assert registry.origin("play.script") == "trunkplay"
    assert {"play.script", "play.kinds"} <= set(registry.names())
    assert registry.of_kind("play") == [
        "play.buggy",
        "play.kinds",
        "play.leaves",
        "play.missing",
        "play.number",
        "play.script",
        "play.stuck",
    ]
    assert registry.kind_names() == [*KINDS, "play"]


def test_a_name_that_is_none_is_not_offered(installed):
    """An entry point that no plan could name is passed over."""
    installed("plugin", "plugin-clash")
    assert "Not A Name" not in registry.names()
    with pytest.raises(ConfigError, match=r"there is no action"):
        registry.find("Not A Name")


def test_without_plugins_there_are_the_built_in_ones(installed):
    """And each says where it comes from."""
    installed()
    assert set(BUILTIN) <= set(registry.names())
    assert {registry.origin(name) for name in BUILTIN} == {"exitkit"}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("notify.slak", "notify.slack"),
        ("notify.Slack", "notify.slack"),
        ("slack", "notify.slack"),
        ("play.scrpt", "play.script"),
    ],
)
def test_the_nearest_name_is_offered(installed, name, near):
    """Among all, those of plugins included."""
    installed("plugin")
    with pytest.raises(ConfigError, match=rf"there is no action '{name}'; did you mean '{near}'\?"):
        registry.find(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "play.missing",
            r"^play.missing: trunkplay cannot be imported \(ModuleNotFoundError: .*\); update or uninstall it$",
        ),
        ("play.leaves", r"^play.leaves: trunkplay cannot be imported \(SystemExit: 0\)"),
        ("play.number", r"^play.number: trunkplay:NUMBER of trunkplay is not an Action$"),
    ],
)
def test_a_broken_plugin_is_told_where_it_is_used(installed, name, told):
    """By the name of who gives it; one that ends the process as it is imported does not end ours."""
    installed("plugin")
    with pytest.raises(ConfigError, match=told):
        registry.find(name)


def test_one_name_by_two_plugins_is_an_error(installed):
    """Which one is meant would be a matter of luck; both are named."""
    installed("plugin", "plugin-clash")
    with pytest.raises(ConfigError, match=r"given by more than one plugin \(clash, trunkplay\); uninstall all but one"):
        registry.find("play.script")


def test_a_built_in_name_cannot_be_taken(installed):
    """The built-in stays what it is, and a plan that uses the name is told."""
    installed("plugin", "plugin-clash")
    assert registry.find("notify.console").__module__ == "exitkit.notify.console"
    with pytest.raises(ConfigError, match=r"clash gives an action of a built-in's name; uninstall it"):
        registry.check_unique("notify.console")
    registry.check_unique("play.script")
    registry.check_unique("notify.slack")


def test_a_prefix_is_the_name_in_capitals():
    """Knowing the name is knowing the variables."""
    assert registry.prefix("ship.loki") == "EXITKIT_SHIP_LOKI_"
    assert registry.prefix("play.some_thing") == "EXITKIT_PLAY_SOME_THING_"


def test_looking_for_one_imports_no_other():
    """A command starts as fast with a hundred actions as with one."""
    code = "import sys; from exitkit.plan import registry; registry.find('notify.console'); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"exitkit.notify.slack", "exitkit.ship.file", "jinja2", "urllib3"} & set(ran.stdout.split())
