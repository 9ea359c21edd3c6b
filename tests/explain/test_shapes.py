"""What is kept of runs that passed: little, for the last few runs, and enough to know a line again."""

import random
import zlib

import pytest

from exitkit.explain import Shapes, learn, rank
from exitkit.explain.shapes import LIMIT, RUNS, fine, shape


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("took 3.2 s", "took 41.07 s"),
        ("2026-11-27T07:00:00Z ready", "2026-11-28T17:23:59.123Z ready"),
        ("Nov 27 07:00:00 host ready", "Dec  1 09:10:00 host ready"),
        ("pod train-x7k2p-1234 ready", "pod train-b9f3q-9876 ready"),
        ("id 0fb0a1c2-1111-4222-8333-a0b0c0d0e0f0", "id 1ab2c3d4-5e6f-4a7b-8c9d-0e1f2a3b4c5d"),
        ("at 0x7ffe12ab", "at 0x55d0"),
        ("read /tmp/abc/in.csv", "read /tmp/xyz/out.csv"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("indented   more", " indented more"),
        ("worker-1 sha 9f86d081884c7d65", "worker-12 sha 60303ae22b998861"),
    ],
)
def test_what_differs_from_run_to_run_is_left_out(line, other):
    """Times, ids, hex, numbers, temporary places, colours and spaces."""
    assert shape(line.encode()) == shape(other.encode())


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("exit code 0", "exit code 1"),
        ("GET /a status=200", "GET /a status=503"),
        ("12 tests, 0 failed", "12 tests, 3 failed"),
        ('{"errors": 0}', '{"errors": 2}'),
        ("[Errno 28] on write", "[Errno 13] on write"),
        ('"GET / HTTP/1.1" 200', '"GET / HTTP/1.1" 404'),
        ("killed by signal 9", "killed by signal 15"),
    ],
)
def test_numbers_that_say_what_happened_stay(line, other):
    """A code in a log that passed does not hide another one."""
    known = learn([line.encode() + b"\nbye\n"])
    lines = [found.text for found in rank([f"{other}\nbye\n".encode()], known)]
    assert lines == [other]


def test_shapes_are_kept_for_the_last_five_runs():
    """A shape is known until five runs in a row went without it."""
    known = learn([b"rare line\n"])
    for _ in range(RUNS - 1):
        known = known.merge(learn([b"usual line\n"]))
    assert fine(b"rare line") in known
    known = known.merge(learn([b"usual line\n"]))
    assert fine(b"rare line") not in known
    assert fine(b"usual line") in known


def test_shapes_are_the_same_after_they_were_kept():
    """Also in another process: the hashes do not depend on this one's."""
    known = learn([b"one 1\ntwo 2\n"]).merge(learn([b"two 3\n"]))
    assert Shapes.load(known.dump()) == known
    keys = sorted({zlib.crc32(b"two "), zlib.crc32(b"two #|", 1)})
    assert learn([b"two 7\n"]).dump() == b"xs1" + b"".join(key.to_bytes(4, "little") + b"\1" for key in keys)


def test_shapes_never_take_more_than_64_kib():
    """Where a log has more, what most of the runs had is kept first."""
    random.seed(1)
    words = [bytes(random.choices(b"ghijklmnopqrstuvwxyz", k=8)) for _ in range(20_000)]
    often = learn([b"\n".join(words[:500])])
    known = often.merge(learn([b"\n".join(words)]))
    data = known.dump()
    assert LIMIT - 5 < len(data) <= LIMIT
    assert often.runs.keys() <= Shapes.load(data).runs.keys()


@pytest.mark.parametrize(
    "data", [b"", b"xs1abc", b"nonsense", b"xs0" + bytes(10), b"xs1" + bytes(100_000), b"xs1" + bytes(5)]
)
def test_what_is_no_shapes_is_none(data):
    """A broken or foreign value costs the comparison and nothing else."""
    assert len(Shapes.load(data)) == 0
