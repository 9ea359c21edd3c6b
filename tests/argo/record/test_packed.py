"""Nodes that Argo packed, in each of its forms, whole and broken."""

import base64
import gzip
import json
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

from exitkit.argo.record import packed, read
from exitkit.argo.record.decoded import decoded

NODES = {f"w-{number}": {"id": f"w-{number}", "name": f"w.n{number}", "type": "Pod"} for number in range(5_000)}


def packers():
    yield "gzip", gzip.compress
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    if find_spec(name.partition(".")[0]) and find_spec(name):
        yield "zstd", import_module(name).compress
    if find_spec("brotli"):
        yield "brotli", import_module("brotli").compress


PACKERS = dict(packers())


@pytest.fixture(params=PACKERS)
def pack(request):
    return lambda data: base64.b64encode(PACKERS[request.param](data)).decode()


def workflow(text):
    return {"kind": "Workflow", "metadata": {"name": "w"}, "status": {"phase": "Running", "compressedNodes": text}}


def test_each_form_is_unpacked(pack):
    """Of 5,000 nodes."""
    found = read(workflow(pack(json.dumps(NODES).encode())))
    assert (len(found.nodes), found.notes) == (5_000, ())
    assert found.by_name["w.n4999"].id == "w-4999"


def test_what_is_broken_is_a_note_and_no_nodes(pack):
    """Cut in the middle, something else, no base64: of the rest of the workflow all is still known."""
    whole = base64.b64decode(pack(json.dumps(NODES).encode()))
    for data in (whole[: len(whole) // 2], whole[:5], b"\x00\x01hello", b""):
        found = read(workflow(base64.b64encode(data).decode() or " "))
        assert (len(found.nodes), found.live_phase) == (0, "Running")
        assert found.notes[0].startswith("its packed nodes: ")
    assert read(workflow("*")).notes == ("its packed nodes: they are no base64",)
    assert read(workflow(pack(b"[1]"))).nodes == {}
    assert read(workflow(pack(b"no json"))).notes == ("its packed nodes: it is no JSON",)


def test_a_bomb_is_not_unpacked(pack, monkeypatch):
    """What a few kilobytes can be unpacked to is bounded."""
    monkeypatch.setattr(packed, "MOST", 1 << 20)
    assert read(workflow(pack(b" " * (4 << 20)))).notes == ("its packed nodes: more than 1 MiB",)


def test_a_form_whose_library_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(packed, "find_spec", lambda _: None)
    data = base64.b64encode(b"\x28\xb5\x2f\xfd" + b"x" * 20).decode()
    assert "packed by zstd, for which the library" in read(workflow(data)).notes[0]


def test_rather_no_record_than_a_container_that_is_killed(tmp_path):
    """Where cgroups, of either version, bound the memory and the objects would not fit."""
    text = b"[" + b"0," * (1 << 20) + b"0]"
    assert len(decoded(text, tmp_path)) == (1 << 20) + 1
    for path in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"{16 << 20}\n")
        with pytest.raises(ValueError, match="too much for a container of 16 MiB"):
            decoded(text, tmp_path)
        (tmp_path / path).write_text("max\n")
        assert decoded(text, tmp_path)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text(f"{64 << 20}\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text(f"Name:\tpython\nVmRSS:\t{60 << 10} kB\n")
    with pytest.raises(ValueError, match="too much"):
        decoded(text, tmp_path)
