"""A file is read within bounds, whatever stands at its path."""

import os
import threading
from pathlib import Path

import pytest

from exitkit.clients.gcp import GoogleAccess, GoogleAccount
from exitkit.clients.kubernetes import kubeconfig
from exitkit.clients.tcp import tls
from exitkit.errors import ConfigError
from exitkit.settings import secretfile, smallfile
from exitkit.testing.clock import FakeClock


def test_a_file_is_read_up_to_the_limit(tmp_path):
    """And not beyond, also where it has no end."""
    (tmp_path / "a").write_bytes(b"0123456789")
    assert smallfile.read(str(tmp_path / "a"), 100) == b"0123456789"
    assert smallfile.read(str(tmp_path / "a"), 4) == b"0123"
    assert smallfile.read("/dev/zero", 300_000) == bytes(300_000)


def test_a_pipe_is_read_to_its_end(tmp_path):
    """As that of `<(pass show token)`, however late and in however many pieces it is written."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write():
        with path.open("wb", buffering=0) as pipe:
            pipe.write(b"to")
            pipe.write(b"ken\n")

    writer = threading.Thread(target=write)
    writer.start()
    assert secretfile.read(str(path)) == "token"
    writer.join()


@pytest.mark.parametrize("held", [False, True])
def test_a_pipe_that_never_ends_is_an_error(tmp_path, monkeypatch, held):
    """Whether nobody writes to it, or somebody never closes it."""
    monkeypatch.setattr(smallfile, "PATIENCE", 0.02)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR) if held else None
    if writer is not None:
        os.write(writer, b"tok")
    with pytest.raises(ValueError, match=r"cannot be read: is a pipe that nobody wrote to its end"):
        secretfile.read(str(path))
    if writer is not None:
        os.close(writer)


def test_what_a_library_opens_by_itself_has_an_end(tmp_path):
    """A plain file stays where it is; a pipe is read to its end first, and a device not at all without a limit."""
    (tmp_path / "a").write_bytes(b"0123")
    assert smallfile.whole(str(tmp_path / "a"), 2) == str(tmp_path / "a")
    assert smallfile.whole(str(tmp_path), 2) == str(tmp_path)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(b"token"))
    writer.start()
    kept = Path(smallfile.whole(str(path), 100))
    writer.join()
    assert [kept.read_bytes(), kept.read_bytes()] == [b"token", b"token"]
    with pytest.raises(OSError, match="longer than 1 KiB"):
        smallfile.whole("/dev/zero", 1024)


def test_no_pipe_or_device_in_place_of_a_certificate_or_a_login_holds_a_run_up(tmp_path, monkeypatch):
    """Nor fills its memory: authorities, certificates, kubeconfigs and Google's credentials."""
    monkeypatch.setattr(smallfile, "PATIENCE", 0.02)
    os.mkfifo(tmp_path / "pipe")
    for path in (str(tmp_path / "pipe"), "/dev/zero"):
        for make in (
            lambda path=path: tls(path),
            lambda path=path: tls(None, path, path),
            lambda path=path: kubeconfig.read(path, "", FakeClock()),
            lambda path=path: GoogleAccount(GoogleAccess(credentials_file=path), "scope").log_in(),
        ):
            with pytest.raises(ConfigError, match=r"cannot be (used|read)|is no kubeconfig"):
                make()
