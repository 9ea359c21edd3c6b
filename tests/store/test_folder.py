"""A folder keeps values whole, for its owner alone, and with others on the same volume."""

import errno
import fcntl
import os
import stat

import pytest

from exitkit.errors import Retryable
from exitkit.store.folder import FolderStore


@pytest.fixture
def store(tmp_path):
    return FolderStore(str(tmp_path / "state"))


@pytest.fixture
def no_locks(monkeypatch):
    """A file system without locks, as some NFS is mounted."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_only_the_owner_can_read_it(store):
    """Facts may be more than others on a shared volume should know."""
    store.put_if_absent("a", b"x")
    assert (store.path / "a.json").stat().st_mode & 0o777 == 0o600
    assert store.path.stat().st_mode & 0o777 == 0o700


def test_nothing_is_left_lying_about(store):
    """Neither after a write nor after one that failed."""
    version = store.put_if_absent("a", b"x")
    store.put_if_absent("a", b"y")
    store.put_if_unchanged("a", b"z", version)
    (store.path / "b.json").mkdir()
    with pytest.raises(OSError):
        store.put_if_unchanged("b", b"x", "v")
    assert sorted(one.name for one in store.path.iterdir()) == [".lock", "a.json", "b.json"]


def test_a_planted_link_is_not_followed(store, tmp_path):
    """On a shared volume anybody may have put it there."""
    (tmp_path / "other").write_text("x")
    store.path.mkdir()
    (store.path / "a.json").symlink_to(tmp_path / "other")
    (store.path / ".lock").symlink_to(tmp_path / "lock")
    with pytest.raises(OSError, match=r"symbolic"):
        store.get("a")
    assert store.put_if_absent("a", b"y") == ""
    with pytest.raises(OSError, match=r"symbolic"):
        store.put_if_unchanged("a", b"y", "v")
    assert (tmp_path / "other").read_text() == "x"
    assert not (tmp_path / "lock").exists()


def test_a_planted_pipe_does_not_hang(store):
    """Nobody may ever write to it."""
    store.path.mkdir()
    os.mkfifo(store.path / "a.json")
    assert store.get("a").data == b""


def test_a_link_whose_confirmation_was_lost_is_ours(store, monkeypatch):
    """Over NFS the call may be sent twice, and the second one then finds what the first one made."""
    link = os.link

    def twice(source, target):
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", twice)
    assert store.put_if_absent("a", b"x")
    assert store.put_if_absent("a", b"y") == ""


def test_a_file_system_without_links_takes_the_lock(store, monkeypatch):
    """As FAT and some mounts of object stores."""

    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert store.put_if_absent("a", b"x")
    assert store.put_if_absent("a", b"y") == ""
    assert store.get("a").data == b"x"


@pytest.mark.usefixtures("no_locks")
def test_a_file_system_without_locks_takes_a_link(store):
    """One at a time can make it; whoever comes meanwhile tries again."""
    version = store.put_if_absent("a", b"x")
    assert store.put_if_unchanged("a", b"y", version)
    (store.path / ".held").touch()
    with pytest.raises(Retryable, match="another process is writing there"):
        store.put_if_unchanged("a", b"z", "v")
    assert sorted(one.name for one in store.path.iterdir()) == [".held", ".lock", "a.json"]


@pytest.mark.usefixtures("no_locks")
def test_a_link_that_a_killed_process_left_is_put_away(store, monkeypatch):
    """Once it is old by the clock of whoever keeps the files."""
    version = store.put_if_absent("a", b"x")
    (store.path / ".held").touch()
    lstat = os.lstat

    def aged(path):
        there = lstat(path)
        if not str(path).endswith(".held"):
            return there
        return os.stat_result((*there[:7], there[7] - 60, there[8] - 60, there[9] - 60))

    monkeypatch.setattr(os, "lstat", aged)
    with pytest.raises(Retryable):
        store.put_if_unchanged("a", b"z", version)
    assert store.put_if_unchanged("a", b"z", version)


def test_what_is_no_file_is_told(store):
    """A folder where a value should be."""
    store.path.mkdir()
    (store.path / "a.json").mkdir()
    assert stat.S_ISDIR((store.path / "a.json").stat().st_mode)
    with pytest.raises(OSError, match="directory"):
        store.get("a")
