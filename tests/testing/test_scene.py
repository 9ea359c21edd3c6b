"""What plugin authors test with is there, and does what it says."""

import os
import subprocess
import sys

import pytest

import exitkit.testing
from exitkit.testing import FakeClock, context, failed_workflow, hostile_workflow, watch


def test_everything_is_exported():
    """What `__all__` says can be imported, and nothing else pretends to be there."""
    for name in exitkit.testing.__all__:
        assert getattr(exitkit.testing, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'ScriptedFTP'"):
        exitkit.testing.ScriptedFTP  # noqa: B018 - the look is the test


def test_nothing_of_it_needs_pytest():
    """A plugin may be tested with anything."""
    code = "import sys; sys.modules['pytest'] = None\nfrom exitkit.testing import *\nprint(ActionContract, context())"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr


def test_context_is_a_failed_run_and_does_not_sleep():
    """The smallest thing that an action can be run with."""
    made = context()
    assert made.workflow.failed
    assert len(made.workflow.failures) == 4
    assert isinstance(made.deadline.clock, FakeClock)
    assert not made.dry_run
    changed = context(workflow=failed_workflow(status="Succeeded", failures=""), dry_run=True, seconds=5, step="mine")
    assert changed.workflow.succeeded
    assert changed.dry_run
    assert changed.deadline.remaining() == 5
    assert changed.step == "mine"


def test_hostile_workflow_is_hostile():
    """As long as asked for, and with what is dangerous to each channel in it."""
    made = hostile_workflow(10_000)
    assert len(made.name) == 10_000
    for text in ("<!channel>", "\x1b[31m", "\r\nBcc:", "../../", "<script>", "$(id)", "\u202e"):
        assert text in made.name
    assert "\ud800" in made.message
    assert len(made.failures) > 0


def test_watch_refuses_and_remembers(tmp_path):
    """Network, programs, and files outside the folder fail as they would where they are forbidden."""
    import socket

    with watch(tmp_path) as seen:
        (tmp_path / "inside").write_text("x")
        with pytest.raises(PermissionError):
            (tmp_path / ".." / "outside").write_text("x")
        with pytest.raises(PermissionError):
            (tmp_path / "inside").rename(tmp_path.parent / "outside")
        with pytest.raises(ConnectionRefusedError), socket.socket() as one:
            one.connect(("127.0.0.1", 9))
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("localhost", 80)
        with pytest.raises(PermissionError):
            subprocess.run(["true"], check=False)
        (tmp_path / "inside").read_text()
    assert len(seen.seen) == 5
    assert not (tmp_path.parent / "outside").exists()
    (tmp_path.parent / "after").write_text("x")


def test_watch_without_a_folder_refuses_every_file(tmp_path):
    """Reading stays possible."""
    (tmp_path / "file").write_text("x")
    with watch() as seen:
        assert (tmp_path / "file").read_text() == "x"
        with pytest.raises(PermissionError):
            (tmp_path / "file").unlink()
        with pytest.raises(PermissionError):
            os.open(tmp_path / "new", os.O_WRONLY | os.O_CREAT)
    assert len(seen.seen) == 2
