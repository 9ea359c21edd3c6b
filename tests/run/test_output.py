"""A report reaches the terminal, Argo's parameters and Kubernetes, and never fails on the way."""

import io
import json
import os
import sys
from dataclasses import replace

import pytest

from exitkit import stdout
from exitkit.clients import wholefile
from exitkit.context import Entry
from exitkit.run import output
from exitkit.run.output import Place, show, write
from exitkit.run.report import Report


def report(outcome="ok", **more):
    return Report({}, (Entry("a", "play.script", outcome, "dönö ✓"),), 1.0, 1.0, **more)


class Stream(io.StringIO):
    def __init__(self, *, terminal=False, error=None):
        super().__init__()
        self.terminal, self.error = terminal, error

    def isatty(self):
        return self.terminal

    def flush(self):
        if self.error:
            raise self.error


@pytest.fixture
def root(tmp_path):
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/termination-log").touch()
    return tmp_path


def put(found, root, capsys=None, template=None, folder=""):
    return write(found, Place("json", folder, output.declared(template or {})), root=root)


def declared(**paths):
    return {
        "outputs": {
            "parameters": [
                {"name": name.replace("_", "-"), "valueFrom": {"path": str(path)}} for name, path in paths.items()
            ]
        }
    }


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [("auto", False, True), ("auto", True, False), ("json", True, True), ("table", False, False)],
)
def test_a_terminal_gets_a_table_and_all_else_one_line_of_json(form, terminal, is_json):
    """Unless one of them is asked for."""
    stream = Stream(terminal=terminal)
    show(report(), form, stream)
    assert stream.getvalue().startswith("{") is is_json
    if is_json:
        assert json.loads(stream.getvalue())["outcome"] == "ok"
        assert stream.getvalue().count("\n") == 1


def test_colour_is_for_terminals_that_want_it(monkeypatch):
    """NO_COLOR is obeyed, and a file gets none."""
    stream = Stream(terminal=True)
    show(report(), "auto", stream)
    assert "\033[32m" in stream.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    for plain in (Stream(terminal=True), Stream()):
        show(report(), "table", plain)
        assert "\033" not in plain.getvalue()


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device")])
def test_a_reader_that_is_gone_is_no_failure(error):
    """The exit code still tells."""
    show(report(), "json", Stream(error=error))


def test_a_terminal_without_utf_8_gets_what_it_can_show():
    """Escaped rather than not at all."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    show(report(), "json", stream)
    assert json.loads(raw.getvalue())["steps"][0]["summary"] == "dönö ✓"


def test_every_declared_parameter_has_its_file(root, capsys):
    """One that is missing would make the node an Error, so what is not known is empty."""
    template = declared(report=root / "o/report", exit_code=root / "o/code", nonsense=root / "o/nonsense")
    put(report("failed"), root, template=template)
    assert json.loads((root / "o/report").read_text())["exitCode"] == 1
    assert (root / "o/code").read_text() == "1"
    assert (root / "o/nonsense").read_text() == ""
    assert (root / "o/report").stat().st_mode & 0o777 == 0o644
    assert capsys.readouterr().out.count("\n") == 1


def test_a_folder_gets_the_four_files(root):
    """For whoever reads them without Argo."""
    put(report(), root, folder=str(root / "x/y"))
    assert sorted(one.name for one in (root / "x/y").iterdir()) == ["exit-code", "outcome", "report", "summary"]


@pytest.mark.parametrize(
    "template",
    [
        {"outputs": None},
        {"outputs": []},
        {"outputs": {"parameters": {}}},
        {
            "outputs": {
                "parameters": [
                    None,
                    7,
                    {},
                    {"valueFrom": 7},
                    {"valueFrom": {"path": 7}},
                    {"valueFrom": {"path": "relative"}},
                ]
            }
        },
    ],
)
def test_a_strange_template_is_no_failure(template, root):
    """The executor's file may be of any version."""
    put(report(), root, template=template)


def test_what_cannot_be_written_is_told_and_not_raised(root, capsys):
    """All else is still written."""
    (root / "file").touch()
    template = declared(report=root / "file/x", outcome=f"{root}/a\0b", summary=root / "ok")
    put(report(), root, template=template)
    told = capsys.readouterr().err
    assert "file/x cannot be written: Not a directory" in told or "file/x cannot be written: File exists" in told
    assert "cannot be written: not a path" in told
    assert (root / "ok").read_text().startswith("exitkit: 1 of 1")


@pytest.mark.parametrize("fail_on", ["any", "required", "never"])
def test_what_failed_is_the_termination_message(root, fail_on):
    """Also where it does not count: it should still be known."""
    put(report("failed", fail_on=fail_on), root)
    assert (root / "dev/termination-log").read_text() == "exitkit: a: dönö ✓"


def test_without_a_failure_there_is_no_termination_message(root):
    """Nothing to explain."""
    put(report(), root)
    assert (root / "dev/termination-log").read_text() == ""


def test_the_termination_message_goes_to_a_file_that_is_there(root):
    """Never makes one, and never writes to a pipe that nobody may read."""
    log = root / "dev/termination-log"
    log.unlink()
    put(report("failed"), root)
    assert not log.exists()
    os.mkfifo(log)
    put(report("failed"), root)


def test_what_a_step_was_asked_to_print_is_all_of_stdout(root, capsys):
    """So that a script can read it; the report goes to stderr."""
    entry = Entry("a", "play.script", "ok", "two ranges", output='["a:b", "b:"]')
    put(Report({}, (entry,), 1.0, 1.0), root)
    told = capsys.readouterr()
    assert told.out == '["a:b", "b:"]\n'
    assert json.loads(told.err)["steps"][0]["summary"] == "two ranges"


def test_a_full_disk_is_exit_code_1_in_all_places(root, capsys, monkeypatch):
    """The files that can be written, the report and the process say the same, and the report is on stderr as well."""
    decided = []

    def add_some(files, path, text):
        if path.endswith("/outcome"):
            raise OSError(28, "No space left on device")
        add(files, path, text)

    add = wholefile.WholeFiles.add
    wholefile.write(f"{root}/out/outcome", "ok")  # by an earlier run
    monkeypatch.setattr(wholefile.WholeFiles, "add", add_some)
    told = write(report(), Place("json", str(root / "out"), {"code": str(root / "code")}), decided.append, root=root)
    assert (told.exit_code, decided) == (1, [1])
    assert (root / "out/exit-code").read_text() == "1"
    assert not (root / "out/outcome").exists()
    out, err = capsys.readouterr()
    for text in (out, err.splitlines()[-1], (root / "out/report").read_text()):
        assert json.loads(text)["exitCode"] == 1
        assert json.loads(text)["notes"] == [f"{root}/out/outcome cannot be written: No space left on device"]


def test_standard_output_that_is_full_is_exit_code_1(root, capsys, monkeypatch):
    """Also in the files, which were written before; the report is on stderr."""
    decided = []
    monkeypatch.setattr("sys.stdout", Stream(error=OSError(28, "No space left on device")))
    told = write(report(), Place("json", str(root / "out")), decided.append, root=root)
    assert (told.exit_code, decided) == (1, [0, 1])
    assert (root / "out/exit-code").read_text() == "1"
    assert json.loads(capsys.readouterr().err)["exitCode"] == 1
    assert write(replace(report(), fail_on="never"), Place("json"), root=root).exit_code == 0


def test_a_reader_who_has_gone_changes_nothing(root, monkeypatch):
    """Whoever wrote `| head -1` has seen enough."""
    monkeypatch.setattr("sys.stdout", Stream(error=BrokenPipeError(32, "Broken pipe")))
    assert write(report(), Place("json"), root=root).exit_code == 0


def test_what_a_failed_step_notes_is_in_the_termination_message(root):
    """After what failed, and within what Kubernetes keeps."""
    entries = tuple(Entry(name, "x", "failed", f"{name} failed", notes=("half is done", "é" * 4000)) for name in "ab")
    put(Report({}, entries, 1.0, 1.0), root)
    told = (root / "dev/termination-log").read_bytes()
    assert told.startswith("exitkit: a: a failed; b: b failed; a notes: half is done; a notes: é".encode())
    assert len(told) <= 4096


def test_a_termination_log_is_never_written_through_a_link(root):
    """Kubernetes makes a file."""
    log = root / "dev/termination-log"
    log.unlink()
    (root / "other").touch()
    log.symlink_to(root / "other")
    put(report("failed"), root)
    assert (root / "other").read_text() == ""


def test_a_refused_plan_is_told_everywhere_but_on_standard_output(root, capsys):
    """Its error is on stderr already."""
    put(report("failed", refused=True), root, folder=str(root / "out"), template=declared(failed=root / "failed"))
    assert (root / "out/exit-code").read_text() == "2"
    assert (root / "failed").read_text() == "a"
    assert (root / "dev/termination-log").read_text() == "exitkit: a: dönö ✓"
    assert capsys.readouterr().out == ""


def test_standard_output_is_apart_from_what_is_printed(capsys):
    """What prints goes to stderr meanwhile, also where it is nested, and afterwards all is as before."""
    own = sys.stdout
    with stdout.apart(), stdout.apart():
        sys.stdout.write("noise\n")
        show(report(), "json", stdout.stream())
    assert stdout.stream() is sys.stdout is own
    out, err = capsys.readouterr()
    assert (err, json.loads(out)["outcome"]) == ("noise\n", "ok")
