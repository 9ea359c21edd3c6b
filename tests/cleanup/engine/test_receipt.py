"""The list of what went is there as far as it went, and neither it nor a terminal ever stops a cleanup."""

import gzip
import io
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exitkit.cleanup.engine.deletion import DeletionTally
from exitkit.cleanup.engine.receipt import DeletionReceipt
from exitkit.clients.appendfile import open_file
from exitkit.errors import ActionError, ConfigError
from exitkit.testing.clock import FakeClock


class Sink:
    """Keeps what is written, and breaks when it is told."""

    def __init__(self, writing=None, closing=None, after=0):
        self.pieces, self.closed, self.writing, self.closing, self.after = [], 0, writing, closing, after

    @property
    def data(self):
        return b"".join(self.pieces)

    def write(self, data):
        assert not self.closed
        if self.writing and len(self.pieces) >= self.after:
            raise self.writing
        self.pieces.append(data)

    def close(self):
        self.closed += 1
        if self.closing:
            raise self.closing


class Terminal(io.StringIO):
    def isatty(self):
        return True


def receipt(sink=None, *, zipped=False, progress="", clock=None):
    return DeletionReceipt(sink, zipped=zipped, progress=str(progress), clock=(clock or FakeClock()).monotonic)


def read(data):
    return [json.loads(line)["deleted"] for line in data.decode("ascii").splitlines()]


# The list.


@given(st.lists(st.lists(st.text(st.characters()), max_size=4), max_size=4), st.booleans())
def test_every_name_is_a_line_of_json(batches, zipped):
    """Whatever is in it; the list is ASCII, so that any reader of lines reads it."""
    sink = Sink()
    with receipt(sink, zipped=zipped) as list_:
        for names in batches:
            list_.write(names)
    assert read(gzip.decompress(sink.data) if zipped else sink.data) == [name for names in batches for name in names]
    assert sink.closed == 1
    assert list_.failure == ""


def test_a_line_looks_like_this():
    """One object, whose one key says what happened; a name that is no UTF-8 has its bytes as Python reads them."""
    sink = Sink()
    with receipt(sink) as list_:
        list_.write(["/data/a b", "é\n", "\udcff"])
    assert sink.data == b'{"deleted": "/data/a b"}\n{"deleted": "\\u00e9\\n"}\n{"deleted": "\\udcff"}\n'


def test_lines_leave_at_once():
    """So that a kill loses nothing of what was told."""
    sink = Sink()
    with receipt(sink) as list_:
        list_.write(["a"])
        assert read(sink.data) == ["a"]
        list_.write([])
        list_.write(["b"])
    assert len(sink.pieces) == 2


def test_gzip_is_one_member_and_small():
    """And an empty one where nothing went, which is a valid file all the same."""
    sink = Sink()
    with receipt(sink, zipped=True) as list_:
        for number in range(1000):
            list_.write([f"s3://models/runs/{number}"])
    assert len(sink.data) < 10_000
    assert len(read(gzip.decompress(sink.data))) == 1000
    with receipt(empty := Sink(), zipped=True):
        pass
    assert gzip.decompress(empty.data) == b""


def test_without_a_place_nothing_is_listed():
    """And names are not even looked at."""
    with receipt() as list_:
        list_.write(pytest.fail("looked") for _ in range(1))
    assert not list_.listed
    assert receipt(Sink()).listed


@pytest.mark.parametrize("zipped", [False, True])
def test_it_is_whole_after_an_error(zipped):
    """What went is listed however the run ended, and the error leaves."""
    sink = Sink()
    with pytest.raises(ActionError, match="403"), receipt(sink, zipped=zipped) as list_:
        list_.write(["a"])
        raise ActionError("403")
    assert read(gzip.decompress(sink.data) if zipped else sink.data) == ["a"]
    assert sink.closed == 1


# What breaks.


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "no space left on device"),
        (OSError(), "i/o error"),
        (ActionError("writing k to models: SlowDown (503)"), "writing k to models: SlowDown (503)"),
        (ConfigError("no credentials"), "no credentials"),
    ],
)
def test_a_list_that_breaks_stops_nothing_and_is_told(error, told):
    """After it nothing more is written, which would leave a hole; what was there stays, and is closed."""
    sink = Sink(writing=error, after=1)
    with receipt(sink) as list_:
        for name in "abc":
            list_.write([name])
        sink.writing = None
        list_.write(["d"])
    assert read(sink.data) == ["a"]
    assert sink.closed == 1
    assert list_.failure == f"the receipt is not complete: {told}"


def test_a_zipped_list_that_breaks_has_no_end_put_after_the_hole():
    """It would look whole, with a part that is missing."""
    sink = Sink(writing=OSError(28, "No space left on device"))
    with receipt(sink, zipped=True) as list_:
        list_.write(os.urandom(50_000).hex() for _ in range(2))
        sink.writing = None
    assert sink.data == b""
    assert sink.closed == 1
    assert "no space left" in list_.failure


@pytest.mark.parametrize("zipped", [False, True])
def test_an_end_that_cannot_be_written_is_told(zipped):
    """By an object store that takes all of it at the end."""
    with receipt(Sink(closing=ActionError("denied", reason="auth")), zipped=zipped) as list_:
        list_.write(["a"])
    assert list_.failure == "the receipt is not complete: denied"


def test_it_is_closed_also_where_its_end_cannot_be_written():
    """Else a descriptor, or an upload, would be left."""
    sink = Sink(writing=OSError(28, "No space left on device"))
    with receipt(sink, zipped=True):
        pass
    assert sink.closed == 1


def test_a_bug_is_no_broken_list():
    """It leaves as it is."""
    with pytest.raises(ZeroDivisionError), receipt(Sink(writing=ZeroDivisionError())) as list_:
        list_.write(["a"])


# How far it is.


def test_progress_is_argos_way_to_write_it(tmp_path):
    """N/M and nothing else, anew each time."""
    path = tmp_path / "progress"
    with receipt(progress=path) as list_:
        list_.progress(DeletionTally(found=1000, deleted=1000))
        assert path.read_text() == "1000/1000\n"
        list_.progress(DeletionTally(found=3, deleted=2))
    assert path.read_text() == "2/3\n"


def test_progress_is_not_written_through_a_link(tmp_path):
    """Nor is it ever half a number to the executor that reads it."""
    (tmp_path / "other").write_text("mine")
    (tmp_path / "progress").symlink_to(tmp_path / "other")
    with receipt(progress=tmp_path / "progress") as list_:
        list_.progress(DeletionTally(found=3, deleted=2))
    assert (tmp_path / "other").read_text() == "mine"
    assert (tmp_path / "progress").read_text() == "2/3\n"


def test_progress_that_cannot_be_told_stops_nothing(tmp_path):
    """A file in the folder's place, or a folder in the file's."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "progress", tmp_path):
        with receipt(progress=path) as list_:
            list_.progress(DeletionTally())
        assert list_.failure == ""


def test_a_terminal_has_one_line_that_is_gone_at_the_end(monkeypatch):
    """Written anew a few times a second, however many batches there are."""
    monkeypatch.setattr("sys.stderr", shown := Terminal())
    clock = FakeClock()
    with receipt(clock=clock) as list_:
        for number in range(1, 101):
            list_.progress(DeletionTally(found=2 * number, deleted=number, bytes=1024 * number))
            clock.advance(0.01)
    lines = shown.getvalue().split("\r")
    assert lines[1] == "deleted 1 (1 KiB) of 2 found so far\x1b[K"
    assert lines[-1] == "\x1b[K"
    assert 4 <= len(lines) - 2 <= 6
    assert "\n" not in shown.getvalue()


def test_a_terminal_where_nothing_was_shown_is_left_alone(monkeypatch):
    """A run of nothing writes nothing."""
    monkeypatch.setattr("sys.stderr", shown := Terminal())
    with receipt():
        pass
    assert shown.getvalue() == ""


def test_a_log_has_no_line_written_anew(monkeypatch):
    """Standard error of a pod is no terminal."""
    monkeypatch.setattr("sys.stderr", shown := io.StringIO())
    with receipt() as list_:
        list_.progress(DeletionTally(found=1, deleted=1))
    assert shown.getvalue() == ""


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("I/O operation on closed file")])
def test_a_terminal_that_goes_away_stops_nothing(monkeypatch, error):
    """Somebody closed the window."""

    class Gone(Terminal):
        def write(self, text):
            raise error

    monkeypatch.setattr("sys.stderr", Gone())
    with receipt(Sink()) as list_:
        list_.progress(DeletionTally(found=1, deleted=1))
    assert list_.failure == ""


# A file.


def test_a_file_is_made_with_its_folders(tmp_path):
    """Readable for all as the umask has it; what is written is on its way to the disk at once."""
    path = tmp_path / "a" / "b" / "gone.ndjson"
    before = os.umask(0o022)
    try:
        sink = open_file(str(path))
    finally:
        os.umask(before)
    sink.write(b"one\n")
    assert path.read_bytes() == b"one\n"
    sink.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("zipped", [False, True])
def test_a_second_run_adds_to_the_file(tmp_path, zipped):
    """What the first one listed stays; gzip members one after the other are one file."""
    path = tmp_path / "gone"
    for name in "ab":
        with receipt(open_file(str(path)), zipped=zipped) as list_:
            list_.write([name])
    data = path.read_bytes()
    assert read(gzip.decompress(data) if zipped else data) == ["a", "b"]


def test_two_that_write_at_the_same_time_lose_nothing(tmp_path):
    """Steps of one plan may run together and name one file."""
    one, two = (open_file(str(tmp_path / "gone")) for _ in range(2))
    for number in range(3):
        one.write(f"one {number}\n".encode())
        two.write(f"two {number}\n".encode())
    one.close()
    two.close()
    assert (tmp_path / "gone").read_text() == "one 0\ntwo 0\none 1\ntwo 1\none 2\ntwo 2\n"


def test_what_is_no_plain_file_is_refused(tmp_path):
    """A link could lead to somebody else's file, a pipe would hang; each is told by its name."""
    theirs = tmp_path / "theirs"
    theirs.write_text("kept\n")
    (tmp_path / "link").symlink_to(theirs)
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "dangling", "folder", "pipe", "theirs/below"):
        with pytest.raises(
            ActionError, match=rf"^receipt {tmp_path}/{name} cannot be written, so nothing was deleted: "
        ):
            open_file(str(tmp_path / name))
    assert theirs.read_text() == "kept\n"
    assert not (tmp_path / "new").exists()


def test_a_pipe_that_somebody_reads_is_refused_too(tmp_path):
    """It can be opened, and is still no file that a second run adds to."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(ActionError, match="it is no plain file"):
            open_file(str(tmp_path / "pipe"))
        assert os.read(reader, 1) == b""  # nobody has it open to write any more
    finally:
        os.close(reader)


def test_a_full_disk_is_told():
    """By the device that is always full, through the real system calls."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    from exitkit.clients.appendfile import _File

    with receipt(_File(Path("/dev/full").open("ab", buffering=0))) as list_:
        list_.write(["a"])
    assert list_.failure == "the receipt is not complete: no space left on device"
