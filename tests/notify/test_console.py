"""The console: the channel that needs nothing."""

import contextlib
import sys

import pytest

from exitkit.errors import ActionError
from exitkit.notify.console import Console
from exitkit.testing import ActionContract
from exitkit.testing.scene import context, hostile_workflow


class TestConsole(ActionContract):
    name = "notify.console"
    action = Console


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_prints_where_it_is_told_to(capsys, stream):
    """The whole message, causes and link included, stands on the chosen stream and on that alone."""
    result = Console(stream=stream).run(context())
    told = capsys.readouterr()
    assert result.summary == "printed"
    shown, other = (told.out, told.err) if stream == "stdout" else (told.err, told.out)
    assert shown.startswith("train-x7k2p failed\n")
    assert "- evaluate: ValueError: column" in shown
    assert other == ""


def test_leaves_standard_output_to_the_report(capsys):
    """Where standard output is no terminal, Argo takes it for the step's result."""
    Console().run(context())
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err


def test_prints_a_name_that_no_encoding_has(capsys):
    """A lone surrogate or a control sequence in a name does not cost the message, nor steer the terminal."""
    Console(stream="stdout").run(context(workflow=hostile_workflow(2000)))
    told = capsys.readouterr().out
    assert told
    assert "\x1b" not in told


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_console_that_is_full_is_told_in_words(monkeypatch, stream):
    """And is no bug of ours."""
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a stream, as sys has them
        monkeypatch.setattr(sys, stream, full)
        with pytest.raises(ActionError, match=r"standard (output|error) cannot be written: no space left on device"):
            Console(stream=stream).run(context())
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            full.close()
