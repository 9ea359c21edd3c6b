"""A result is written whole or not at all, and nowhere but where it was meant to be."""

import errno
import os

import pytest

from exitkit.run import wholefile


def test_a_file_holds_the_text_and_others_can_read_it(tmp_path):
    """In a folder that is made, whatever the umask; what was there before is gone, and nothing else is left."""
    path = tmp_path / "a/b/report"
    for text in ("a longer text", "ü \ud800"):
        wholefile.write(str(path), text)
    assert path.read_text() == "ü \\ud800"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [one.name for one in path.parent.iterdir()] == ["report"]


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

    monkeypatch.setattr(wholefile, "_replace", refuse)
    wholefile.write(str(path), "after")
    assert path.read_text() == "after"
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(OSError):
        wholefile.write(str(tmp_path / "link"), "through")
    assert path.read_text() == "after"
