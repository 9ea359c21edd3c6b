"""A file is read within bounds, whatever stands at its path."""

import os
import threading

import pytest

from exitkit.settings import secretfile, smallfile


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
