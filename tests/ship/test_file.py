"""Records in a file: one line each, once each, and nowhere but in that file."""

import fcntl
import gzip
import json
import os
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from exitkit.argo.failures import Failure, Failures
from exitkit.argo.workflow import Workflow
from exitkit.context import Context
from exitkit.errors import ActionError, Retryable
from exitkit.retry import Abandoned, Retry, RetryPolicy
from exitkit.retry.clock import Deadline
from exitkit.ship.file import File
from exitkit.ship.pipeline.batch import Batch, Part
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.records import Record

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def context(count=2, uid="u-1", message="main: Error (exit code 1): boom"):
    failures = tuple(
        Failure(f"step-{number}", message, pod_name=f"pod-{number}", finished_at=NOON) for number in range(count)
    )
    workflow = Workflow(
        name="etl", namespace="data", uid=uid, status="Failed", failures=Failures(all=failures, raw_count=count)
    )
    return Context(workflow, Retry(RetryPolicy(attempts=1), Deadline(60)), step="ship.file")


def read(path):
    raw = path.read_bytes()
    text = gzip.decompress(raw) if path.suffix == ".gz" else raw
    assert text == b"" or text.endswith(b"\n")
    return [json.loads(line) for line in text.decode().split("\n")[:-1]]


@pytest.fixture(params=["records.ndjson", "records.ndjson.gz"])
def path(request, tmp_path):
    return tmp_path / "new" / "folder" / request.param


def test_each_record_is_one_line_of_json_and_folders_are_made(path):
    """The status comes first, then the failures; the id begins the line."""
    result = File(path=path).run(context())
    lines = read(path)
    assert [one["kind"] for one in lines] == ["status", "failure", "failure"]
    assert {"id", "time", "kind", "level", "message", "attributes"} == set(lines[0])
    assert all(next(iter(one)) == "id" for one in lines)
    assert result.facts["accepted"] == 3
    assert f"shipped 3 records to {path}" == result.summary


def test_the_file_can_be_read_by_others_and_written_by_its_owner_only(path):
    """Argo's executor takes it up under another user."""
    before = os.umask(0o022)
    try:
        File(path=path).run(context())
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_second_run_adds_nothing(path):
    """The same exit handler run again finds its records there, and says that it is a duplicate."""
    File(path=path).run(context())
    before = path.read_bytes()
    result = File(path=path).run(context())
    assert result.duplicate
    assert result.summary == f"nothing new: {path} has 3 records already"
    assert tuple(result.facts[key] for key in ("read", "accepted", "duplicate", "left")) == (3, 0, 3, 0)
    assert before == path.read_bytes()


def test_a_second_run_adds_only_what_is_missing(path):
    """As after a run that was killed half-way, or for a workflow that tells of one more failure."""
    File(path=path).run(context(1))
    result = File(path=path).run(context(3))
    assert tuple(result.facts[key] for key in ("read", "accepted", "duplicate")) == (4, 2, 2)
    assert 4 == len({one["id"] for one in read(path)}) == len(read(path))


def test_workflows_share_a_file(path):
    """Appending leaves alone what others wrote."""
    File(path=path).run(context(uid="u-1"))
    File(path=path).run(context(uid="u-2"))
    assert [one["attributes"]["uid"] for one in read(path)] == ["u-1"] * 3 + ["u-2"] * 3


def test_replace_begins_anew(path):
    """Nothing of what was there stays, and what is written is no duplicate."""
    File(path=path).run(context(uid="u-1"))
    result = File(path=path, mode="replace").run(context(uid="u-2"))
    assert not result.duplicate
    assert [one["attributes"]["uid"] for one in read(path)] == ["u-2"] * 3


def test_many_batches_are_one_file(path):
    """More records than a batch holds; the members of a compressed file read as one."""
    result = File(path=path).run(context(2500))
    assert result.facts["batches"] == 3
    assert 2501 == len({one["id"] for one in read(path)}) == len(read(path))


@pytest.mark.parametrize("cut", [1, 2, 30, 100])
def test_what_a_crash_cut_is_written_again(path, cut):
    """Half a line, or half a compressed batch, is removed and shipped anew; what was whole stays."""
    File(path=path).run(context(uid="u-1"))
    whole = path.read_bytes()
    File(path=path).run(context(uid="u-2"))
    os.truncate(path, max(len(whole) + 1, path.stat().st_size - cut))
    result = File(path=path).run(context(uid="u-2"))
    assert 6 == len({one["id"] for one in read(path)}) == len(read(path))
    assert path.read_bytes().startswith(whole)
    assert (cut == 1 and path.suffix != ".gz") or "was cut in the middle" in result.notes[0]


@pytest.mark.parametrize("end", [b'{"a":1}', b"not json", b"{", b'{"id":"'])
def test_a_last_line_without_its_end_is_not_joined_with_ours(tmp_path, end):
    """What somebody else wrote stays a line of its own."""
    path = tmp_path / "r.ndjson"
    path.write_bytes(b"first\n" + end)
    File(path=path).run(context(0))
    lines = path.read_bytes().split(b"\n")
    assert lines[0] == b"first"
    assert json.loads(lines[-2])["kind"] == "status"
    assert len(lines) == (4 if end in (b'{"a":1}', b"not json") else 3)


def test_a_compressed_file_that_is_none_is_left_alone(tmp_path):
    """Appending would make it unreadable for everybody."""
    path = tmp_path / "r.gz"
    path.write_bytes(b"plain text\n" * 100)
    with pytest.raises(ActionError, match="is not gzip; choose another path"):
        File(path=path).run(context())
    assert path.read_bytes() == b"plain text\n" * 100


def test_an_empty_file_is_as_good_as_none(path):
    """As `touch` leaves it."""
    path.parent.mkdir(parents=True)
    path.touch()
    File(path=path).run(context())
    assert len(read(path)) == 3


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_link_is_not_followed(tmp_path, mode):
    """On a shared volume a planted link would lead the lines into another file."""
    victim, path = tmp_path / "victim", tmp_path / "r.ndjson"
    victim.write_text("mine\n")
    path.symlink_to(victim)
    with pytest.raises(ActionError, match=r"cannot write .*: it is a symbolic link"):
        File(path=path, mode=mode).run(context())
    assert victim.read_text() == "mine\n"


def test_a_pipe_and_a_folder_are_refused_without_waiting(tmp_path):
    """Neither hangs, and the error says what to do."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ActionError, match="no plain file; choose another path"):
        File(path=tmp_path / "pipe").run(context())
    (tmp_path / "folder").mkdir()
    with pytest.raises(ActionError, match="is a directory; choose another path"):
        File(path=tmp_path / "folder").run(context())


def test_a_full_disk_leaves_what_was_there(tmp_path):
    """A batch is written whole or not at all, and the error tells what is left."""
    import resource
    import signal

    path = tmp_path / "r.ndjson"
    File(path=path).run(context(1, uid="u-1"))
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
    try:
        with pytest.raises(ActionError, match=r"file too large.*; 3 of 3 records left") as told:
            File(path=path).run(context(2, uid="u-2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert before == path.read_bytes()
    assert told.value.facts["left"] == 3


def test_two_writers_do_not_mix(tmp_path):
    """While somebody else writes the file, the step can be tried again later."""
    path = tmp_path / "r.ndjson"
    path.touch()
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Retryable, match="is being written by another process"):
            File(path=path).run(context())
    assert File(path=path).run(context()).facts["accepted"] == 3


@pytest.mark.parametrize("path", ["", "/", "/tmp/../etc/x", "../x", "/tmp/a\0b"])
def test_a_path_that_leads_elsewhere_is_refused(path):
    """A name that a template filled in cannot climb out of the folder."""
    with pytest.raises(ValidationError, match="the path of a file"):
        File(path=path)


def test_a_dry_run_writes_nothing(path):
    """Not even the folder."""
    dry = context()
    result = File(path=path).run(Context(dry.workflow, dry.retry, dry_run=True))
    assert result.summary.startswith("would ship 3 records")
    assert not path.parent.exists()


def test_a_large_file_is_searched_at_its_end_and_says_so(tmp_path):
    """The search has a bound; what it may miss is told."""
    path = tmp_path / "r.ndjson"
    with path.open("wb") as file:
        file.truncate(40 << 20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n")
    File(path=path).run(context())
    result = File(path=path).run(context())
    assert result.duplicate
    assert result.notes == ("only the last 16 MiB were searched for records of earlier runs",)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(message=st.text(st.characters(), max_size=60), value=st.text(st.characters(), max_size=60))
def test_whatever_is_in_a_record_it_is_one_line(message, value):
    """Valid JSON in valid UTF-8, which neither a line reader nor a terminal takes for more than a line."""
    (line,) = File().encode(Chunk.of(Record("a" * 26, 0, "log", "info", message, {"k": value}), "x"))
    text = line.encode("utf-8", "backslashreplace").decode()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert text[:-1].isprintable() or not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text[:-1])
    found = json.loads(text)
    assert (message, value) == (found["message"], found["attributes"]["k"])


def test_a_line_stays_below_a_mebibyte(tmp_path):
    """The longest message and the fullest parameters make a line that readers can take."""
    workflow = Workflow(
        name="n" * 5000,
        uid="u",
        status="Failed",
        parameters={f"{number}" * 300: "\U0001f525" * 5000 for number in range(300)},
        labels={f"{number}": "\\" * 5000 for number in range(300)},
        failures=Failures(all=(Failure("a" * 5000, "\U0001f525" * 500_000),)),
    )
    File(path=tmp_path / "r").run(Context(workflow, Retry(RetryPolicy(attempts=1), Deadline(60))))
    lines = (tmp_path / "r").read_bytes().splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 1 << 20


def test_an_attempt_that_was_given_up_writes_to_no_other_file(tmp_path, monkeypatch):
    """It may still be writing when the step is over; the number of its descriptor is then nobody else's."""
    written, release, done = os.pwrite, threading.Event(), threading.Event()

    def slow(fd, data, offset):
        if threading.current_thread().name == "exitkit-attempt":
            release.wait(10)
            try:
                return written(fd, data, offset)
            finally:
                done.set()
        return written(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", slow)
    step = replace(context(), retry=Retry(RetryPolicy(attempts=1, attempt_timeout=0.05), Deadline(5)))
    with pytest.raises(ActionError):
        File(path=tmp_path / "a.ndjson", dead_letter="").run(step)
    others = [(tmp_path / f"other-{number}").open("wb") for number in range(40)]
    release.set()
    assert done.wait(10)
    for other in others:
        other.close()
    assert {(tmp_path / f"other-{number}").stat().st_size for number in range(40)} == {0}


def test_an_attempt_that_comes_too_late_writes_nothing(tmp_path):
    """The file is closed for it."""
    target = File(path=tmp_path / "a.ndjson")
    with target.open(context()) as post:
        late = post
    chunk = Chunk("a", ["i" * 26], [0], ["late"])
    with pytest.raises(Abandoned):
        late(Batch((Part(chunk, chunk.lines, b""),)))
    assert read(tmp_path / "a.ndjson") == []
