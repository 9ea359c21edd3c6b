"""A plan or a line that is wrong is told wherever the end of a run is told, and people still hear of the workflow."""

import json
import sys
from pathlib import Path

import pytest

from exitkit import cli
from exitkit.plan import registry
from exitkit.text import redact

DATA = Path(__file__).parents[1] / "data"
CONSOLE = {"EXITKIT_NOTIFY_CONSOLE_STREAM": "stderr"}


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs a line that exits with 2; gives what it wrote to its folder, and to stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(DATA / "plugin")
    registry._plugins.cache_clear()

    def run(*argv, **environ):
        known = {"EXITKIT_OUTPUT_DIR": "out", "ARGO_WORKFLOW_NAME": "w", "ARGO_WORKFLOW_STATUS": "Failed"}
        code = cli.run(list(argv), environ={**known, **environ})
        out, err = capsys.readouterr()
        assert (code, out) == (2, "")
        files = {path.name: path.read_text() for path in Path("out").iterdir()}
        assert files["exit-code"] == "2"
        assert files["outcome"] == "failed"
        return files, err

    with redact.forget_all():
        yield run
    monkeypatch.undo()
    registry._plugins.cache_clear()
    sys.modules.pop("trunkplay", None)


@pytest.mark.parametrize(
    ("argv", "name", "told"),
    [
        (["run"], "plan", "there is no plan"),
        (["run", "bad.yaml"], "plan", "there is no action 'notify.slak'"),
        (["run", "--timeout", "soon"], "plan", "timeout: a duration is"),
        (["run", "--nonsense"], "plan", "no such option: --nonsense"),
        (["run", "a", "b"], "plan", "one plan at a time"),
        (["notify", "console", "--stream", "x"], "notify.console", "--stream: is not one of"),
        (["notify", "slack"], "notify.slack", "channel"),
        (["notify", "--state", "ftp://b"], "notify", "ftp:// is no place for it"),
        (["cleanup", "files"], "cleanup.files", "paths"),
        (["notify", "slak"], "notify.slak", "no such command 'slak'"),
        (["cleanup"], "cleanup", "more is to be said after exitkit cleanup"),
    ],
)
def test_it_fills_the_files_and_the_channels_of_the_environment_are_told(refused, argv, name, told):
    """Report, outcome, summary and exit code as at any other end, and a message that says what is wrong."""
    Path("bad.yaml").write_text("steps: [{uses: notify.slak}]")
    files, err = refused(*argv, **CONSOLE)
    report = json.loads(files["report"])
    assert report["exitCode"] == 2
    assert [one["step"] for one in report["steps"]] == [name, "notify.console"]
    assert (report["steps"][0]["outcome"], report["steps"][1]["outcome"]) == ("failed", "ok")
    assert told in report["steps"][0]["summary"]
    assert files["summary"].startswith(f"exitkit: {name}: ")
    assert "w failed" in err
    assert "sent here because exitkit could not do what it was asked to" in err


def test_without_channels_of_the_environment_the_files_still_say_it(refused):
    """And nothing is sent."""
    files, err = refused("run")
    assert [one["step"] for one in json.loads(files["report"])["steps"]] == ["plan"]
    assert err.startswith("exitkit: there is no plan")
    assert len(err.splitlines()) == 1


def test_facts_and_options_are_taken_from_the_line_as_far_as_they_can_be(refused):
    """Whatever else is wrong with it."""
    files, err = refused(
        "run",
        "--nonsense",
        "--name=typed",
        "--status",
        "Error",
        "--output-dir",
        "out",
        "--fail-on",
        "nothing",
        **CONSOLE,
    )
    assert json.loads(files["report"])["workflow"] == {"name": "typed", "status": "Error"}
    assert "typed ended in error" in err or "typed" in err


def test_a_channel_of_another_name_is_told_as_well(refused):
    """What counts is that it is a Notify."""
    files, _ = refused("run", EXITKIT_PLAY_ROOM_TOKEN="x", EXITKIT_PLAY_SCRIPT_SAY="y", EXITKIT_DRY_RUN="yes")
    assert [one["step"] for one in json.loads(files["report"])["steps"]] == ["plan", "play.room"]


def test_the_kind_of_a_channel_is_its_class(refused, capsys):
    """Also for `exitkit notify` without a channel, and for the plan's steps that it runs."""
    environ = {"ARGO_WORKFLOW_NAME": "w", "EXITKIT_PLAY_ROOM_TOKEN": "x"}
    assert cli.run(["notify"], environ=environ) == 0
    assert [one["step"] for one in json.loads(capsys.readouterr().out)["steps"]] == ["play.room"]
    Path("exitkit.yaml").write_text("steps: [{uses: play.script}, {uses: play.room, id: a}]")
    assert cli.run(["notify"], environ=environ) == 0
    assert [one["step"] for one in json.loads(capsys.readouterr().out)["steps"]] == ["a"]
