"""A library that is not installed is named by the extra that brings it, before anything runs."""

import sys
from importlib.machinery import PathFinder

import pytest

from exitkit.builtin import BUILTIN
from exitkit.cli import run
from exitkit.errors import MissingExtra
from exitkit.plan import registry
from exitkit.settings import extras


@pytest.fixture
def without(monkeypatch):
    """Plays a machine on which packages are not installed."""

    def hide(*tops):
        def find_spec(name, path=None, target=None, real=PathFinder.find_spec):
            return None if name.partition(".")[0] in tops else real(name, path, target)

        for name in [one for one in sys.modules if one.partition(".")[0] in tops]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(PathFinder, "find_spec", find_spec)

    return hide


@pytest.mark.parametrize("extra", extras.EXTRAS)
def test_what_is_installed_is_fine(extra):
    """All extras are here, where the tests run."""
    extras.check(extra, "x")


@pytest.mark.parametrize(("extra", "top"), [(extra, top.partition(".")[0]) for extra, top in extras.EXTRAS.items()])
def test_what_is_missing_is_named(without, extra, top):
    """With the command to type; also where the package around it is missing."""
    without(top)
    with pytest.raises(MissingExtra, match=f"x needs the extra '{extra}': pip install 'argo-exitkit\\[{extra}\\]'"):
        extras.check(extra, "x")


def test_every_extra_of_an_action_is_known():
    """The table of actions names no other."""
    assert {one.extra for one in BUILTIN.values()} - {""} <= set(extras.EXTRAS)


def test_an_action_without_its_extra_is_exit_code_2(without, capsys):
    """And nothing runs."""
    without("botocore")
    assert run(["cleanup", "s3", "--bucket", "models", "--prefixes", "train/", "--name", "train"], environ={}) == 2
    assert "pip install 'argo-exitkit[aws]'" in capsys.readouterr().err
    registry.check_extra("notify.console")
