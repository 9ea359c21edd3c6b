"""A result is written whole or not at all, and nowhere but where it was meant to be."""

import errno
import os

import pytest

from exitkit.clients import wholefile


def test_a_file_holds_the_text_and_others_can_read_it(tmp_path):
    """In a folder that is made, whatever the umask; what was there before is gone, and nothing else is left."""
    path = tmp_path / "a/b/report"
    for text in ("a longer text", "ü \ud800"):
        wholefile.write(str(path), text)
    assert path.read_text() == "ü \\ud800"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["report"]


def test_a_file_takes_over_what_another_holds(tmp_path):
    """However large, and from another volume; where the other cannot be read, what was there stays."""
    (tmp_path / "made").write_bytes(bytes(range(256)) * 5000)
    wholefile.write(f"{tmp_path}/a/answer", tmp_path / "made")
    assert (tmp_path / "a/answer").read_bytes() == (tmp_path / "made").read_bytes()
    with pytest.raises(FileNotFoundError):
        wholefile.write(f"{tmp_path}/a/answer", tmp_path / "nowhere")
    assert (tmp_path / "a/answer").stat().st_size == 1_280_000
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["answer"]


def test_a_link_is_replaced_and_not_followed(tmp_path):
    """On a shared volume anybody may have put it there."""
    (tmp_path / "other").write_text("mine")
    for target in ("other", "nowhere"):
        (tmp_path / "report").unlink(missing_ok=True)
        (tmp_path / "report").symlink_to(tmp_path / target)
        wholefile.write(str(tmp_path / "report"), "text")
        assert not (tmp_path / "report").is_symlink()
        assert (tmp_path / "report").read_text() == "text"
    assert (tmp_path / "other").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_is_a_link_is_not_followed(tmp_path):
    """Wherever in the path it stands; what it leads to stays as it is, and the link is told."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "theirs")
    for below in ("report", "a/b/report"):
        with pytest.raises(OSError, match=f"{tmp_path}/out is a symbolic link"):
            wholefile.write(f"{tmp_path}/out/{below}", "text")
    assert list((tmp_path / "theirs").iterdir()) == []


def test_a_link_of_the_systems_own_is_followed(tmp_path, monkeypatch):
    """As /var/run is one of many; only root can put one there."""
    (tmp_path / "run").mkdir()
    (tmp_path / "var").symlink_to(tmp_path / "run")
    monkeypatch.setattr(wholefile, "_SYSTEMS", (str(tmp_path),))
    wholefile.write(f"{tmp_path}/var/report", "text")
    assert (tmp_path / "run/report").read_text() == "text"


def test_every_folder_that_is_made_can_be_entered_by_others(tmp_path):
    """Not only the last one."""
    before = os.umask(0o077)
    try:
        wholefile.write(f"{tmp_path}/a/b/c/report", "text")
    finally:
        os.umask(before)
    assert {(tmp_path / below).stat().st_mode & 0o777 for below in ("a", "a/b", "a/b/c")} == {0o755}


def test_several_files_are_written_all_or_none(tmp_path, monkeypatch):
    """One that cannot be leaves the others as they were, and nothing beside them."""
    wholefile.write(f"{tmp_path}/a", "before")
    write = wholefile._write
    calls = []

    def full(fd, content):
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(fd, content)

    monkeypatch.setattr(wholefile, "_write", full)
    with wholefile.WholeFiles() as files:
        files.add(f"{tmp_path}/a", "after")
        with pytest.raises(OSError, match=r"No space"):
            files.add(f"{tmp_path}/b", "after")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a": "before"}


def test_a_pipe_is_replaced_and_not_waited_for(tmp_path):
    """Nobody may ever read from it."""
    os.mkfifo(tmp_path / "report")
    wholefile.write(str(tmp_path / "report"), "text")
    assert (tmp_path / "report").read_text() == "text"


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/proc/self/comm", "/sys/exitkit", "/", "{}", "{}/x/"])
def test_what_is_no_place_for_a_file_is_an_error(tmp_path, path):
    """Devices, folders and what the kernel shows are left alone."""
    with pytest.raises(OSError):
        wholefile.write(path.format(tmp_path), "text")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    """Neither half a text nor a temporary file."""
    path = tmp_path / "report"
    wholefile.write(str(path), "before")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wholefile, "_write", full)
    with pytest.raises(OSError, match=r"No space"):
        wholefile.write(str(path), "after")
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EBUSY])
def test_a_file_that_is_mounted_by_itself_is_written_where_it_is(tmp_path, monkeypatch, code):
    """Nothing can be put beside it; a link there is not followed either way."""
    path = tmp_path / "report"
    path.write_text("before, and longer")

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    def fill_up(fd, content):
        os.write(fd, content[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wholefile, "_beside", refuse)
    wholefile.write(str(path), "after")
    assert path.read_text() == "after"
    monkeypatch.setattr(wholefile, "_write", fill_up)
    with pytest.raises(OSError, match="No space"):
        wholefile.write(str(path), "never half of it")
    assert path.read_text() == ""
    monkeypatch.undo()
    monkeypatch.setattr(wholefile, "_beside", refuse)
    wholefile.write(str(path), "after")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError):
        wholefile.write(str(tmp_path / "link"), "through")
    assert path.read_text() == "after"
