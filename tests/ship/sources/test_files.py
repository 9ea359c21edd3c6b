"""Lines of files and of standard input."""

import gzip
import io
import os
import sys

import pytest

from exitkit.errors import ActionError
from exitkit.ship.sources import files
from exitkit.testing import FakeClock, context


def read(pattern, tail=0):
    found = list(files.matching(str(pattern), tail, context()))
    return [line for one in found for chunk in one.chunks() for line in chunk.messages], found


def test_a_glob_gives_each_file_by_name(tmp_path):
    """Sorted, also hidden and deep ones, and no folders."""
    for name in ("b.log", "a.log", "c.txt", ".d.log", "deep/e.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{name}\n")
    (tmp_path / "dir.log").mkdir()
    lines, found = read(tmp_path / "**" / "*.log")
    assert sorted(lines) == [".d.log", "a.log", "b.log", "deep/e.log"]
    assert [one.name for one in found] == sorted(one.name for one in found)
    assert found[1].size == 6


def test_a_path_that_is_not_there_is_a_source_that_fails(tmp_path):
    """It was asked for by name; a glob that fits nothing is no error."""
    with pytest.raises(ActionError, match=r"cannot read .*gone: no such file"):
        read(tmp_path / "gone")
    assert read(tmp_path / "*")[0] == []


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_is_refused_without_waiting(tmp_path, kind):
    """A pipe that nobody writes to would hang for ever."""
    path = tmp_path / "x"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(ActionError, match="cannot read"):
        read(path)


@pytest.mark.parametrize(
    ("text", "tail", "lines"),
    [
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb\nc", 2, ["b", "c"]),
        ("a\n", 5, ["a"]),
        ("", 5, []),
        ("\n\n\n", 2, ["", ""]),
        ("a\n" * 200_000 + "b\n", 3, ["a", "a", "b"]),
        ("a" * 600_000 + "\nb\n", 1, ["b"]),
    ],
)
def test_the_last_lines_are_found_from_the_end(tmp_path, text, tail, lines):
    """Whether the last one has an end or not, and however large the file is."""
    (tmp_path / "log").write_text(text)
    assert read(tmp_path / "log", tail)[0] == lines


def test_a_gzip_file_is_read_whole(tmp_path):
    """Also one of several members, as an appended one is, and with padding behind it."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n") + gzip.compress(b"three\n" * 100_000) + bytes(512))
    lines, (source,) = read(path)
    assert lines[:3] == ["one", "two", "three"]
    assert len(lines) == 100_002
    assert source.notes == []


@pytest.mark.parametrize(("cut", "note"), [(-20, "its end is missing"), (0, "broken place")])
def test_a_broken_gzip_file_gives_what_it_has_and_says_so(tmp_path, cut, note):
    """Cut off, or with rubbish behind it."""
    whole = gzip.compress(os.urandom(100_000).hex().encode())
    path = tmp_path / "a.gz"
    path.write_bytes(whole[:cut] if cut else whole + b"rubbish")
    lines, (source,) = read(path)
    assert len("".join(lines)) > 100_000
    assert note in source.notes[0]


def test_standard_input_is_read_to_its_end(monkeypatch):
    """As it comes."""
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo")
    os.close(writing)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        source = files.stdin(context())
        assert [line for chunk in source.chunks() for line in chunk.messages] == ["one", "two"]


def test_a_terminal_is_not_waited_for(monkeypatch):
    """Nobody types a log."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(ActionError, match="pipe a log into this"):
        list(files.stdin(context()).chunks())


def test_records_of_a_file_name_it(tmp_path):
    """And the workflow."""
    (tmp_path / "log").write_text("a\n")
    (source,) = files.matching(str(tmp_path / "log"), 0, context())
    (chunk,) = source.chunks()
    assert chunk.attributes["file"] == str(tmp_path / "log")
    assert chunk.attributes["workflow"]


def test_a_pipe_that_never_closes_gives_what_came_in_time(monkeypatch):
    """It is shipped, and the step says that the end is missing."""
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    clock = FakeClock()
    asked = []

    def select(*_):
        asked.append(1)
        clock.advance(20)
        return ([reading] if len(asked) == 1 else [], [], [])

    monkeypatch.setattr("select.select", select)
    with os.fdopen(reading) as stdin, os.fdopen(writing, "w"):
        monkeypatch.setattr(sys, "stdin", stdin)
        found = []
        with pytest.raises(ActionError, match="it was not closed by the time"):
            for chunk in files.stdin(context(clock=clock, seconds=100)).chunks():
                found += chunk.messages
    assert found == ["one", "two"]
    assert len(asked) == 5
