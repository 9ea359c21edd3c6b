"""`exitkit explain`: a log on this machine, and the lines of it that say why."""

import gzip
import io
import json
import sys

import pytest

from exitkit import cli

PASSED = b"start 1\nWARN cache is cold, not found\nread 4%\nread 100 rows\ndone\n"
FAILED = b"start 2\nWARN cache is cold, not found\r\nread 3%\rread 9%\rValueError: negative price\nexit code 1\n"


@pytest.fixture
def explain(capsys):
    """Run the command; its exit code, output and errors."""

    def run(*argv):
        code = cli.run(["explain", *map(str, argv)], environ={})
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def logs(tmp_path):
    (tmp_path / "fail.log").write_bytes(FAILED)
    (tmp_path / "pass.log").write_bytes(PASSED)
    (tmp_path / "fail.gz").write_bytes(gzip.compress(FAILED[:20]) + gzip.compress(FAILED[20:]))
    (tmp_path / "pass.gz").write_bytes(gzip.compress(PASSED))
    return tmp_path


def test_json_is_a_list_of_lines_best_first(explain, logs):
    """Numbers count from 1 after splitting at CR LF, LF and CR."""
    code, out, _ = explain(logs / "fail.log", "--against", logs / "pass.log", "--top", "5", "--format", "json")
    lines = json.loads(out)
    assert code == 0
    assert [line["line"] for line in lines] == [5, 6]
    assert lines[0]["text"] == "ValueError: negative price"
    assert all(set(line) == {"line", "text", "score"} for line in lines)


def test_text_is_a_line_each(explain, logs):
    """With its number, as grep has it, and the place in one's own code where that is known."""
    code, out, _ = explain(logs / "fail.log", "--top=1")
    assert (code, out) == (0, "5: ValueError: negative price\n")


def test_packed_logs_are_read_as_they_are(explain, logs):
    """Also of several members, and where the end is missing."""
    same = explain(logs / "fail.log", "--against", logs / "pass.log")
    assert explain(logs / "fail.gz", "--against", logs / "pass.gz") == same
    whole = gzip.compress(b"".join(b"row %d\n" % row for row in range(9)) + FAILED * 100)
    (logs / "cut.gz").write_bytes(whole[:-12])
    assert explain(logs / "cut.gz", "--top", "1")[0] == 0


def test_standard_input_is_a_log_as_well(explain, monkeypatch):
    """By `-`, or where no log is named."""
    for argv in ((), ("-",)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FAILED)))
        assert explain(*argv, "--top", "1")[1] == "5: ValueError: negative price\n"


def test_several_runs_that_passed_are_all_left_out(explain, logs):
    """Each with `--against`."""
    (logs / "other.log").write_bytes(b"ValueError: negative price\n")
    _, out, _ = explain(logs / "fail.log", "--against", logs / "pass.log", "--against", logs / "other.log")
    assert "negative" not in out
    assert out.startswith("6: exit code 1\n")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nowhere.log"], "cannot read nowhere.log: no such file or directory"),
        (["{folder}"], "cannot read {folder}: is a directory"),
        (["{folder}/fail.log", "--against", "{folder}/none"], "cannot read {folder}/none: no such file"),
        (["{folder}/fail.log", "{folder}/pass.log"], "name one log, not 2"),
        (["{folder}/fail.log", "--top", "0"], "top"),
        (["{folder}/fail.log", "--format", "xml"], "format"),
        (["{folder}/odd.gz"], "it is no gzip file"),
    ],
)
def test_what_is_wrong_is_told(explain, logs, argv, said):
    """With exit code 2, and nothing on standard output."""
    (logs / "odd.gz").write_bytes(b"\x1f\x8bnot at all")
    code, out, err = explain(*(word.format(folder=logs) for word in argv))
    assert (code, out) == (2, "")
    assert said.format(folder=logs) in err


def test_an_empty_log_has_no_lines(explain, tmp_path):
    """Which is no error."""
    (tmp_path / "empty.log").write_bytes(b"")
    assert explain(tmp_path / "empty.log") == (0, "", "")
    assert explain(tmp_path / "empty.log", "--format", "json") == (0, "[]\n", "")
